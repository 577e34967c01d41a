package peer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// fileHandleKernfs is FILEID_KERNFS of linux/exportfs.h: a handle that is the node's 64-bit id.
const fileHandleKernfs = 0xfe

// maxPaths bounds the memory of [Cgroups]; a node has fewer control groups with callers at a time.
const maxPaths = 4096

// Cgroups turns ids of version 2 control groups into paths. Ids are not used again while the machine
// runs, so what was found once stays true.
type Cgroups struct {
	root string

	mu    sync.Mutex
	mount *os.File
	paths map[uint64]string
}

// NewCgroups finds the cgroup2 file system. It fails where there is none, as on a machine with
// version 1 only.
func NewCgroups() (*Cgroups, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("finding the cgroup2 file system: %w", err)
	}
	root := cgroup2Mount(mounts)
	if root == "" {
		return nil, errors.New("finding the cgroup2 file system: it is not mounted")
	}
	mount, err := os.Open(root) //nolint:gosec // from the kernel's own list of mounts
	if err != nil {
		return nil, fmt.Errorf("opening the cgroup2 file system: %w", err)
	}
	return &Cgroups{root: root, mount: mount, paths: map[uint64]string{}}, nil
}

func cgroup2Mount(mountinfo []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if ok && len(fields) > 4 && strings.HasPrefix(after, "cgroup2 ") {
			return fields[4]
		}
	}
	return ""
}

// Close releases the mount.
func (c *Cgroups) Close() error { return c.mount.Close() }

// Path returns the group's path below the root of the file system ("/system.slice/web.service"), or
// "" when the group is gone or cannot be looked up.
func (c *Cgroups) Path(id uint64) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.paths[id]; ok {
		return p
	}
	p := c.byHandle(id)
	if p == "" {
		p = c.byWalk(id)
	}
	if p != "" {
		if len(c.paths) >= maxPaths {
			clear(c.paths)
		}
		c.paths[id] = p
	}
	return p
}

// byHandle opens the group by its id, in constant time; it takes CAP_DAC_READ_SEARCH.
func (c *Cgroups) byHandle(id uint64) string {
	raw := make([]byte, 8)
	binary.NativeEndian.PutUint64(raw, id)
	fd, err := unix.OpenByHandleAt(int(c.mount.Fd()), unix.NewFileHandle(fileHandleKernfs, raw), unix.O_RDONLY|unix.O_CLOEXEC) //nolint:gosec // descriptors are small
	if err != nil {
		return ""
	}
	defer func() { _ = unix.Close(fd) }()
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return ""
	}
	return c.relative(path)
}

// byWalk compares inode numbers, which are the ids.
func (c *Cgroups) byWalk(id uint64) string {
	found := ""
	// An unreadable or vanished group cannot be the one that has a living caller we may serve.
	_ = filepath.WalkDir(c.root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return filepath.SkipDir
		}
		if !d.IsDir() {
			return nil
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil && st.Ino == id {
			found = c.relative(path)
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

func (c *Cgroups) relative(path string) string {
	rest, ok := strings.CutPrefix(path, c.root)
	if !ok {
		return ""
	}
	if rest == "" {
		return "/"
	}
	return rest
}

// PID returns a process that holds the caller's socket, looked for among the members of its control
// group (all processes when that is not known); 0 when there is none that may be looked at. The
// process may be gone when PID returns: it is for the record, never for a decision. It takes
// milliseconds on a busy machine; [Holds] asks about one process.
func (c *Cgroups) PID(caller Caller) int {
	if !caller.Known {
		return 0
	}
	for _, pid := range c.members(caller.CgroupID) {
		if n, err := strconv.Atoi(pid); err == nil && Holds(n, caller) {
			return n
		}
	}
	return 0
}

// Holds reports whether the process has the caller's socket open.
func Holds(pid int, caller Caller) bool {
	want := "socket:[" + strconv.FormatUint(caller.Inode, 10) + "]"
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	f, err := os.Open(dir) //nolint:gosec // of /proc
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		if target, err := os.Readlink(dir + "/" + name); err == nil && target == want {
			return true
		}
	}
	return false
}

func (c *Cgroups) members(id uint64) []string {
	if path := c.Path(id); path != "" && path != "/" {
		if text, err := os.ReadFile(filepath.Join(c.root, path, "cgroup.procs")); err == nil {
			if pids := strings.Fields(string(text)); len(pids) > 0 {
				return pids
			}
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []string
	for _, e := range entries {
		if name := e.Name(); name[0] >= '1' && name[0] <= '9' {
			pids = append(pids, name)
		}
	}
	return pids
}
