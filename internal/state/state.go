// Package state owns the plane's state directory: who may read it, which process uses it, and the
// master key that all secrets at rest are sealed with.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// Errors of [Open].
var (
	// ErrLocked: another process uses the directory.
	ErrLocked = errors.New("state directory is in use")
	// ErrPermissions: others may read or write what only the plane should; see [PermissionError].
	ErrPermissions = errors.New("wrong permissions")
	// ErrMasterKey: the master key is damaged or missing.
	ErrMasterKey = errors.New("master key is not usable")
)

// PermissionError says what is wrong with a file or directory, and what mends it. It matches
// [ErrPermissions].
type PermissionError struct {
	Path    string
	Problem string // "mode is 0755: others can read it"
	Fix     string // "chmod 700 '/var/lib/rolecall'"
}

// Error implements error.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("%s: %s (mend it with: %s)", e.Path, e.Problem, e.Fix)
}

// Is matches [ErrPermissions].
func (e *PermissionError) Is(target error) bool { return target == ErrPermissions }

// Options of a state directory.
type Options struct {
	// Key is where the master key comes from; default [KeyFile] in the directory.
	Key KeySource
}

// Dir is an open, locked state directory.
type Dir struct {
	path    string
	lock    *flock.Flock
	pidFile string
	master  *MasterKey
	created bool
}

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
	lockName             = "lock"
	pidName              = "pid"
	keyName              = "master.key"
)

// Open makes the directory (mode 0700) if it is not there, refuses one that others may read or
// that belongs to somebody else, locks it for this process and gets the master key.
//
// Errors match [ErrPermissions], [ErrLocked] or [ErrMasterKey].
func Open(dir string, o Options) (*Dir, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	if err := makeDir(path); err != nil {
		return nil, err
	}
	d := &Dir{path: path, pidFile: filepath.Join(path, pidName)}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	source := o.Key
	if source == nil {
		source = KeyFile(filepath.Join(path, keyName))
	}
	key, created, err := source.MasterKey()
	if err == nil {
		d.master, err = newMasterKey(key)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.created = created
	return d, nil
}

// ReadMasterKey reads the master key file of a state directory that another process may be using,
// for tools that verify or inspect. It makes nothing and takes no lock.
//
// Errors match [ErrPermissions], [ErrMasterKey] or fs.ErrNotExist.
func ReadMasterKey(dir string) (*MasterKey, error) {
	key, err := KeyFile(filepath.Join(dir, keyName)).read()
	if err != nil {
		return nil, err
	}
	return newMasterKey(key)
}

// makeDir makes the directory and its parents, or checks the one that is there.
func makeDir(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return fmt.Errorf("making the state directory: %w", err)
	}
	switch err := os.Mkdir(path, dirMode); {
	case err == nil:
		return syncDir(filepath.Dir(path))
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("making the state directory: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the state directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("state directory %s is not a directory", path)
	}
	return checkMode(path, info, dirMode)
}

// checkMode refuses what grants more than mode, or belongs to another user.
func checkMode(path string, info fs.FileInfo, mode fs.FileMode) error {
	if uid, ok := owner(info); ok && uid != os.Geteuid() {
		return &PermissionError{
			Path:    path,
			Problem: fmt.Sprintf("belongs to user %d, not to %d who runs this", uid, os.Geteuid()),
			Fix:     fmt.Sprintf("chown %d %s", os.Geteuid(), quote(path)),
		}
	}
	if excess := info.Mode().Perm() &^ mode; excess != 0 {
		return &PermissionError{
			Path:    path,
			Problem: fmt.Sprintf("mode is %04o: others can get at it", info.Mode().Perm()),
			Fix:     fmt.Sprintf("chmod %o %s", mode, quote(path)),
		}
	}
	return nil
}

// quote makes path one word for a shell.
func quote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// acquire takes the lock, which the kernel drops when the process ends, and leaves the process id
// for the message that a second plane prints.
func (d *Dir) acquire() error {
	d.lock = flock.New(filepath.Join(d.path, lockName), flock.SetPermissions(fileMode))
	held, err := d.lock.TryLock()
	if err != nil {
		return fmt.Errorf("locking the state directory: %w", err)
	}
	if !held {
		holder := "another plane"
		if pid, err := os.ReadFile(d.pidFile); err == nil {
			holder += " (process " + strings.TrimSpace(string(pid)) + ")"
		}
		return fmt.Errorf("%w: %s uses %s", ErrLocked, holder, d.path)
	}
	if err := os.WriteFile(d.pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), fileMode); err != nil {
		return errors.Join(fmt.Errorf("locking the state directory: %w", err), d.lock.Unlock())
	}
	return nil
}

// Path returns the path of a file in the directory.
func (d *Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

// Created reports whether Open made the master key: this is a first start.
func (d *Dir) Created() bool { return d.created }

// Master returns the master key.
func (d *Dir) Master() *MasterKey { return d.master }

// Close releases the lock.
func (d *Dir) Close() error {
	// The process id goes first, while nobody else can have written theirs.
	if err := os.Remove(d.pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("unlocking the state directory: %w", err), d.lock.Unlock())
	}
	if err := d.lock.Unlock(); err != nil {
		return fmt.Errorf("unlocking the state directory: %w", err)
	}
	return nil
}
