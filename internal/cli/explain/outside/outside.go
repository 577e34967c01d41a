// Package outside looks at a running process from outside: the environment that it was started with, and the file
// system as it sees it. The process may be hostile: its links never lead out of its root, its FIFOs and devices
// are never opened, its files are bounded, and another process that gets its number is not taken for it.
package outside

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

const (
	// maxEnviron bounds the environment; the kernel's own limit for a program's start is 6 MB by default.
	maxEnviron = 8 << 20
	maxPasswd  = 4 << 20
	maxStatus  = 64 << 10
	maxEntries = 10_000
)

// ErrEnded says that the process is no more.
var ErrEnded = errors.New("the process has ended")

// Process is a process with its folder of /proc held open, so that what is read is of one and the same.
type Process struct {
	pid     int
	environ []string
	cwd     string
	notes   []string
	tree
}

// Environ is the environment as "NAME=value"; HOME is added when the process has none.
func (p *Process) Environ() []string { return p.environ }

// Notes are what else decides about the process's credentials, in sentences.
func (p *Process) Notes() []string { return p.notes }

// Getenv returns a variable's value; the last one of a repeated name counts.
func (p *Process) Getenv(name string) string {
	for i := len(p.environ) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(p.environ[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// absolute makes a path of the process absolute, in its own file system.
func (p *Process) absolute(name string) string {
	if !path.IsAbs(name) {
		name = path.Join(p.cwd, name)
	}
	return path.Clean(name)
}

// problem puts an error of /proc into words.
func (p *Process) problem(err error, owner string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		if owner != "" {
			owner = ", which belongs to user " + owner
		}
		return cmdutil.WithHint(fmt.Errorf("no permission to look into process %d%s", p.pid, owner),
			"run as that user or as root (CAP_SYS_PTRACE)")
	case errors.Is(err, syscall.ESRCH), errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrEnded):
		return fmt.Errorf("process %d has ended", p.pid)
	}
	return fmt.Errorf("looking into process %d: %w", p.pid, err)
}

func (p *Process) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// homeOf is the home folder of a user by the text of a passwd file.
func homeOf(passwd, uid string) string {
	for line := range strings.Lines(passwd) {
		if f := strings.Split(strings.TrimRight(line, "\n"), ":"); len(f) >= 6 && f[2] == uid {
			return f[5]
		}
	}
	return ""
}

// userIn is the number of the process's user by the text of its status file.
func userIn(status string) string {
	_, rest, _ := strings.Cut(status, "\nUid:\t")
	uid, _, _ := strings.Cut(rest, "\t")
	return uid
}
