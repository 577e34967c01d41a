//go:build compat && linux

package compat

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// addresses are those of the container endpoints and the metadata service.
func addresses() []string {
	return []string{"169.254.170.2/32", "169.254.170.23/32", "169.254.169.254/32", "fd00:ec2::23/128"}
}

// TestMain builds the workers, and runs the tests again in a network namespace.
func TestMain(m *testing.M) {
	flag.Parse()
	const inside = "ROLECALL_COMPAT_PROGRAMS"
	if os.Getenv(inside) != "" {
		if err := network(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if err := outside(inside); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func outside(inside string) error {
	programs, err := os.MkdirTemp("", "rolecall-compat")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(programs) }()
	if err := build(programs); err != nil {
		return err
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...) //nolint:gosec // this test's own binary
	cmd.Env = append(os.Environ(), inside+"="+programs)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return cmd.Run()
}

// network gives the loopback interface the addresses that the SDKs know.
func network() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	for _, text := range addresses() {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(lo, a); err != nil && !errors.Is(err, syscall.EEXIST) {
			return fmt.Errorf("address %s: %w", text, err)
		}
	}
	return nil
}
