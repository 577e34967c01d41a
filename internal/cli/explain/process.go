package explain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// place is where a program runs: its environment, and its files as they are reached from here.
type place struct {
	environ []string
	// root is put before the program's absolute paths; "" for this process.
	root, cwd string
	notes     []string
}

func here(o *Options) *place { return &place{environ: o.Factory.Environ()} }

func (p *place) getenv(name string) string {
	// The last one of a repeated name counts.
	for i := len(p.environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(p.environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// outside is the name by which a path of the program is opened from here. Links are followed by hand:
// an absolute one means a place below the program's root, and the kernel would take it from ours.
func (p *place) outside(path string) (string, error) {
	if p.root == "" || path == "" {
		return path, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.cwd, path)
	}
	todo := strings.Split(filepath.Clean(path), "/")
	at := "/"
	for links := 0; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		if next == "" || next == "." {
			continue
		}
		at = filepath.Join(at, next) // ".." stops at the root
		target, err := os.Readlink(p.root + at)
		if err != nil {
			continue // no link; whether it is there shows when it is opened
		}
		if links++; links > 40 {
			return "", errors.New(path + ": too many symbolic links")
		}
		if at = filepath.Dir(at); filepath.IsAbs(target) {
			at = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return p.root + at, nil
}

// process is the place of a running process.
func process(proc string, pid int) (*place, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	if _, err := os.Stat(filepath.Join(proc, "self")); err != nil {
		return nil, errors.New("--pid needs /proc, which this system does not have")
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	p := &place{root: filepath.Join(dir, "root")}
	text, err := os.ReadFile(filepath.Join(dir, "environ")) //nolint:gosec // a process's own file
	if err == nil {
		_, err = os.Stat(p.root + "/")
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		owner := ""
		if uid := userOf(dir); uid != "" {
			owner = ", which belongs to user " + uid
		}
		return nil, cmdutil.WithHint(fmt.Errorf("no permission to look into process %d%s", pid, owner),
			"run as that user or as root (CAP_SYS_PTRACE)")
	case errors.Is(err, syscall.ESRCH), errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("process %d has ended", pid)
	case err != nil:
		return nil, fmt.Errorf("looking into process %d: %w", pid, err)
	}
	for _, kv := range strings.Split(string(text), "\x00") {
		if strings.Contains(kv, "=") {
			p.environ = append(p.environ, kv)
		}
	}
	if p.cwd, err = os.Readlink(filepath.Join(dir, "cwd")); err != nil {
		p.cwd = "/"
	}
	if chroot, err := os.Readlink(p.root); err == nil && chroot != "/" {
		p.cwd = "/" + strings.TrimPrefix(strings.TrimPrefix(p.cwd, chroot), "/")
	}
	p.describe(proc, dir, pid)
	return p, nil
}

// describe notes what else decides about a process's credentials.
func (p *place) describe(proc, dir string, pid int) {
	note := func(format string, args ...any) { p.notes = append(p.notes, fmt.Sprintf(format, args...)) }
	program, err := os.Readlink(filepath.Join(dir, "exe"))
	if err != nil {
		program = "a program that cannot be seen"
	}
	note("process %d runs %s; its variables are those that it was started with", pid, program)
	if text, err := os.ReadFile(filepath.Join(dir, "cgroup")); err == nil { //nolint:gosec // a process's own file
		for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			if path, ok := strings.CutPrefix(line, "0::"); ok {
				note("its cgroup is %s", path)
			}
		}
	}
	for _, ns := range []struct{ name, differs string }{
		{"net", "it has a network namespace of its own (%s): loopback and link-local endpoints are other ones there"},
		{"mnt", "it has a file system of its own (%s): files are shown as they are reached from here"},
	} {
		its, err := os.Readlink(filepath.Join(dir, "ns", ns.name))
		ours, err2 := os.Readlink(filepath.Join(proc, "self", "ns", ns.name))
		if err == nil && err2 == nil && its != ours {
			note(ns.differs, its)
		}
	}
	if p.getenv("HOME") == "" {
		if home := p.passwdHome(dir); home != "" {
			p.environ = append(p.environ, "HOME="+home)
			note("it has no HOME; %s is its user's", home)
		} else {
			p.environ = append(p.environ, "HOME=/")
			note("it has no HOME, and its user has none: taken to be /")
		}
	}
	for _, name := range []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"} {
		if file := p.getenv(name); file != "" {
			path, err := p.outside(file)
			if err == nil {
				_, err = os.Stat(path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				note("%s: %s is not there", name, file)
			}
		}
	}
}

// userOf is the number of the process's user, "" when it cannot be seen.
func userOf(dir string) string {
	status, err := os.ReadFile(filepath.Join(dir, "status")) //nolint:gosec // a process's own file
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(status), "\nUid:\t")
	uid, _, _ := strings.Cut(rest, "\t")
	return uid
}

// passwdHome is the home folder of the process's user, by its own /etc/passwd.
func (p *place) passwdHome(dir string) string {
	uid := userOf(dir)
	path, err := p.outside("/etc/passwd")
	if err != nil {
		return ""
	}
	text, err := readRegular(path)
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Split(line, ":"); len(f) >= 6 && f[2] == uid {
			return f[5]
		}
	}
	return ""
}

// files are the places of the two files as they are opened from here.
func (p *place) files() (config, credentials string, err error) {
	find := func(variable, name string) (string, error) {
		path := p.getenv(variable)
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			path = filepath.Join(p.getenv("HOME"), rest)
		}
		if path == "" {
			path = filepath.Join(p.getenv("HOME"), ".aws", name)
		}
		return p.outside(path)
	}
	if config, err = find("AWS_CONFIG_FILE", "config"); err != nil {
		return "", "", err
	}
	credentials, err = find("AWS_SHARED_CREDENTIALS_FILE", "credentials")
	return config, credentials, err
}

// read returns a file's text; ok is false if it is not there, or as good as that.
func (p *place) read(path string) (text []byte, isDir, ok bool, err error) {
	name, err := p.outside(path)
	if err != nil {
		return nil, false, false, err
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, false, false, nil //nolint:nilerr // as good as missing
	case info.IsDir():
		return nil, true, true, nil
	case info.Size() > awsconfig.MaxFileSize:
		return nil, false, false, errors.New(path + " is too large")
	}
	text, err = readRegular(name)
	if err != nil {
		return nil, false, false, fmt.Errorf("reading what the SDKs read: %w", err)
	}
	return text, false, true, nil
}
