package outside

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tree are the open folders: the process's own in /proc, and its root.
type tree struct{ proc, root int }

// Close lets go of the process.
func (p *Process) Close() {
	for _, fd := range []int{p.proc, p.root} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// Open looks into the process of that number; proc is where the proc file system is mounted.
func Open(proc string, pid int) (_ *Process, err error) {
	p := &Process{pid: pid, tree: tree{-1, -1}}
	if _, err := os.Stat(path.Join(proc, "self")); err != nil {
		return nil, errors.New("--pid needs /proc, which this system does not have")
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	dir := path.Join(proc, strconv.Itoa(pid))
	// The open folder means this process and no later one of the same number: what is opened by way of it
	// fails once the process has ended.
	if p.proc, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("there is no process %d", pid)
	}
	status, err := readAt(p.proc, "status", maxStatus)
	if err != nil {
		return nil, p.problem(err, "")
	}
	uid := userIn(string(status))
	environ, err := readAt(p.proc, "environ", maxEnviron)
	if err != nil {
		return nil, p.problem(err, uid)
	}
	if p.root, err = unix.Openat(p.proc, "root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return nil, p.problem(err, uid)
	}
	for _, kv := range strings.Split(string(environ), "\x00") {
		if strings.Contains(kv, "=") {
			p.environ = append(p.environ, kv)
		}
	}
	p.cwd = p.workingFolder()
	p.describe(proc, uid)
	return p, nil
}

// readAt reads a file of /proc.
func readAt(dir int, name string, limit int64) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name) //nolint:gosec // a descriptor is small
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit))
}

func (p *Process) link(name string) string {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(p.proc, name, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// workingFolder is the folder that the process's relative paths start from, as it names it itself.
func (p *Process) workingFolder() string {
	cwd := p.link("cwd")
	if !path.IsAbs(cwd) {
		return "/"
	}
	if root := p.link("root"); root != "" && root != "/" {
		rest, ok := strings.CutPrefix(cwd, root)
		if !ok {
			return "/"
		}
		return "/" + strings.TrimPrefix(rest, "/")
	}
	return cwd
}

// ReadFile reads a regular file by the process's own name for it. Links are followed below the process's root
// and never out of it; a FIFO, a device or a socket is not even opened for reading.
func (p *Process) ReadFile(name string, limit int64) ([]byte, error) {
	f, info, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info.Size > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s of process %d: %w", name, p.pid, err)
	}
	return text, nil
}

// Changed is when a file was last changed.
func (p *Process) Changed(name string) (time.Time, error) {
	fd, info, err := p.find(name)
	if err != nil {
		return time.Time{}, err
	}
	_ = unix.Close(fd)
	return time.Unix(info.Mtim.Unix()), nil
}

// IsDir tells whether a path is a folder.
func (p *Process) IsDir(name string) bool {
	fd, info, err := p.find(name)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return info.Mode&unix.S_IFMT == unix.S_IFDIR
}

// List returns the names in a folder that end so, none if it cannot be read.
func (p *Process) List(folder, suffix string) []string {
	fd, info, err := p.find(folder)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	if info.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	d, err := os.Open(own(fd))
	if err != nil {
		return nil
	}
	defer func() { _ = d.Close() }()
	names, _ := d.Readdirnames(maxEntries) // those that were read will do
	var out []string
	for _, n := range names {
		if strings.HasSuffix(n, suffix) {
			out = append(out, n)
		}
	}
	return out
}

// find resolves a path below the process's root to a descriptor that allows nothing but to ask what it is.
func (p *Process) find(name string) (int, *unix.Stat_t, error) {
	name = p.absolute(name)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(p.root, strings.TrimPrefix(name, "/"), &how)
	for tries := 0; errors.Is(err, unix.EAGAIN) && tries < 10; tries++ {
		// A rename on the way; the kernel does not vouch for "..".
		fd, err = unix.Openat2(p.root, strings.TrimPrefix(name, "/"), &how)
	}
	switch {
	case errors.Is(err, unix.ENOSYS):
		return -1, nil, errors.New("--pid needs openat2, which Linux has from 5.6")
	case err != nil:
		return -1, nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		_ = unix.Close(fd)
		return -1, nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return fd, &info, nil
}

// own is the name by which this process opens anew what a descriptor means. The kernel follows it to the
// very same file, whatever its path leads to by now.
func own(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// open opens a regular file. What it is is asked of the descriptor before anything is opened for reading, so that
// there is no moment in which it could be exchanged for something that blocks or that reading changes.
func (p *Process) open(name string) (*os.File, *unix.Stat_t, error) {
	fd, info, err := p.find(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, nil, fmt.Errorf("%s is no regular file", name)
	}
	var on unix.Statfs_t
	if err := unix.Fstatfs(fd, &on); err == nil && on.Type == unix.FUSE_SUPER_MAGIC && !p.shares("mnt") {
		return nil, nil, fmt.Errorf("%s is on a file system that a program serves (FUSE): its answers could be kept back, and it is not read", name)
	}
	f, err := os.OpenFile(own(fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, info, nil
}

// shares tells whether the process is in the same namespace of a kind as this one.
func (p *Process) shares(kind string) bool {
	ours, err := os.Readlink("/proc/self/ns/" + kind)
	its := p.link("ns/" + kind)
	return err == nil && its == ours
}

// describe notes what else decides about a process's credentials.
func (p *Process) describe(proc, uid string) {
	program := p.link("exe")
	if program == "" {
		program = "a program that cannot be seen"
	}
	p.note("process %d runs %s; its variables are those that it was started with", p.pid, program)
	if text, err := readAt(p.proc, "cgroup", maxStatus); err == nil {
		for line := range strings.Lines(string(text)) {
			if at, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				p.note("its cgroup is %s", at)
			}
		}
	}
	for _, ns := range []struct{ name, differs string }{
		{"net", "it has a network namespace of its own (%s): loopback and link-local endpoints are other ones there"},
		{"mnt", fmt.Sprintf("it has a file system of its own (%%s): paths are its own; from here they begin with /proc/%d/root", p.pid)},
	} {
		its := p.link("ns/" + ns.name)
		ours, err := os.Readlink(path.Join(proc, "self", "ns", ns.name))
		if err == nil && its != "" && its != ours {
			p.note(ns.differs, its)
		}
	}
	if p.Getenv("HOME") != "" {
		return
	}
	passwd, err := p.ReadFile("/etc/passwd", maxPasswd)
	home := homeOf(string(passwd), uid)
	if err == nil && path.IsAbs(home) {
		p.environ = append(p.environ, "HOME="+home)
		p.note("it has no HOME; %s is its user's", home)
		return
	}
	p.environ = append(p.environ, "HOME=/")
	p.note("it has no HOME, and its user has none: taken to be /")
}
