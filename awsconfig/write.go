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

// replace writes data to a new file beside path and renames it over path.
func replace(path string, data []byte) (err error) {
	mode := fs.FileMode(0o600)
	info, statErr := os.Stat(path)
	if statErr == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Chmod(mode); err != nil {
		return err
	}
	if statErr == nil {
		if err = keepOwner(tmp, info); err != nil {
			return fmt.Errorf("keeping the owner: %w", err)
		}
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
