package awsconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockWait bounds how long an edit waits for another one of the same file.
const lockWait = 5 * time.Second

// Update reads the file at path, lets change make a new version of it, and writes that in place of
// the old one: a reader sees the one or the other, whole. A symbolic link stays one and its target changes; mode
// and, where the process may set it, owner stay. A file that does not exist is made with mode
// 0600, its folder with 0700. Editors that use Update exclude one another by a lock beside the file.
//
// The text before stays in a backup beside the file; see [Undo].
//
// It returns the texts before and after. When change returns the file it was given, nothing is written.
func Update(ctx context.Context, path string, kind Kind, change func(*File) (*File, error)) (before, after []byte, err error) {
	if path == "" {
		return nil, nil, errors.New("there is no home folder to keep the file in: set HOME, or the file's own variable")
	}
	target, err := resolve(path)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot make its folder", Err: cause(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(target + ".lock")
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be locked for the edit", Err: cause(err)}
	}
	// The lock file stays: to remove it would let two processes hold locks on two files of one name.
	defer func() { err = errors.Join(err, lock.Close()) }()

	sweep(target)
	file, err := ReadFile(target, kind)
	if err != nil {
		return nil, nil, err
	}
	if file == nil {
		file = Parse(path, kind, nil)
	}
	file.Path = path
	before = file.Bytes()
	changed, err := change(file)
	if err != nil {
		return nil, nil, err
	}
	after = changed.Bytes()
	if changed == file || bytes.Equal(before, after) {
		return before, before, nil
	}
	if err := replaceKeeping(target, before, after); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be written", Err: cause(err)}
	}
	return before, after, nil
}

// resolve follows symbolic links, also one whose target does not exist yet.
func resolve(path string) (string, error) {
	for range 40 {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", &Error{Path: path, Message: "cannot be read", Err: cause(err)}
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", &Error{Path: path, Message: "cannot be read", Err: cause(err)}
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", &Error{Path: path, Message: "too many symbolic links"}
}

// temporary is the pattern of the names of files that are being written beside path.
func temporary(path string) string {
	return "." + filepath.Base(path) + ".rolecall-*.tmp"
}

// sweep removes what an edit that was killed left behind. It is called under the lock, so that no other
// edit is at work.
func sweep(path string) {
	for _, of := range []string{path, path + BackupSuffix} {
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), temporary(of)))
		if err != nil {
			continue // the folder's name looks like a pattern
		}
		for _, name := range left {
			_ = os.Remove(name) // it is in nobody's way
		}
	}
}

// written makes a new file beside path with that content, mode, owner (of like, if there is one) and time,
// safe on the disk. Its name is to be renamed to path, or removed.
func written(path string, data []byte, mode fs.FileMode, like fs.FileInfo, at time.Time) (name string, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), temporary(path)) // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return "", err
	}
	if err = tmp.Chmod(mode); err != nil {
		return "", err
	}
	if like != nil {
		if err = keepOwner(tmp, like); err != nil {
			return "", fmt.Errorf("keeping the owner: %w", err)
		}
	}
	if err = tmp.Sync(); err != nil {
		return "", err
	}
	if err = tmp.Close(); err != nil {
		return "", err
	}
	return tmp.Name(), os.Chtimes(tmp.Name(), at, at)
}

// replaceKeeping puts after in the place of the file at path, and before into its backup. Both get one
// time, by which Undo knows that they belong together. A crash in between leaves the old file, whole.
func replaceKeeping(path string, before, after []byte) (err error) {
	mode := fs.FileMode(0o600)
	info, statErr := os.Stat(path)
	if statErr == nil {
		mode = info.Mode().Perm()
	} else {
		info = nil
	}
	now := time.Now()
	file, err := written(path, after, mode, info, now)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file)
		}
	}()
	kept, err := written(path+BackupSuffix, before, 0o600, nil, now)
	if err != nil {
		return fmt.Errorf("keeping a backup: %w", err)
	}
	if err := os.Rename(kept, path+BackupSuffix); err != nil {
		_ = os.Remove(kept)
		return fmt.Errorf("keeping a backup: %w", err)
	}
	if err := os.Rename(file, path); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		// The new names are on the disk with the folder; not every file system can say so.
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}
