package exec_test

import (
	"bufio"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pair of pseudo terminals.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// On a terminal, under a shell with job control, the command is a job like any other: it is in the
// foreground, Ctrl-Z stops it, fg continues it, and Ctrl-C is for it alone. The command waits and does not
// start programs meanwhile: dash does that by vfork, and Ctrl-Z between that and the exec stops both for good.
func TestTerminalIsTheCommands(t *testing.T) {
	w := newWorld(t)
	w.keys()
	master, slave := terminal(t)
	cmd := osexec.Command("bash", "-c", `set -m
"$0" exec -- sh -c 'test -t 0 && test -t 1 && test -t 2 && echo tty
trap "echo caught; kill \$!; exit 42" INT
echo "tpgid=$(ps -o tpgid= -p $$) pgid=$(ps -o pgid= -p $$)"
sleep 60 &
echo ready
wait'
echo "stopped=$?"
fg > /dev/null
echo "status=$?"`, os.Args[0]) //nolint:gosec // the test's own binary
	cmd.Env = w.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timeout := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill(); _ = slave.Close(); _ = master.Close() })
	defer timeout.Stop()
	lines := bufio.NewScanner(master)
	fields := strings.Fields(strings.NewReplacer("tpgid=", " ", "pgid=", " ").Replace(until(t, lines, "ready")))
	if len(fields) != 4 || fields[0] != "tty" || fields[1] != fields[2] {
		t.Errorf("the command saw %q; want a terminal with its own group in the foreground", fields)
	}
	press(t, master, 0x1a) // Ctrl-Z
	if seen := until(t, lines, "stopped="); !strings.Contains(seen, "stopped=148") {
		t.Errorf("after Ctrl-Z: %q", seen)
	}
	time.Sleep(200 * time.Millisecond) // fg has given the terminal back
	press(t, master, 0x03)             // Ctrl-C
	if seen := until(t, lines, "status="); strings.Count(seen, "caught") != 1 || !strings.Contains(seen, "status=42") {
		t.Errorf("after Ctrl-C: %q", seen)
	}
	_ = cmd.Wait() // its status is bash's
}

// until reads to the line that has text, and returns all that was read.
func until(t *testing.T, lines *bufio.Scanner, text string) string {
	t.Helper()
	seen := ""
	for lines.Scan() {
		seen += lines.Text() + "\n"
		if strings.Contains(lines.Text(), text) {
			return seen
		}
	}
	t.Fatalf("%q did not come: %q", text, seen)
	return ""
}

func press(t *testing.T, terminal *os.File, key byte) {
	t.Helper()
	if _, err := terminal.Write([]byte{key}); err != nil {
		t.Fatal(err)
	}
}
