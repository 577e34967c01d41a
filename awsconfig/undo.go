package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// BackupSuffix ends the name of the backup that [Update] leaves beside a file: its text before the
// last edit, readable by its owner only.
const BackupSuffix = ".rolecall-undo"

// Undo puts the text before the last [Update] back, and keeps the present one as the backup, so that a second
// Undo takes the first one back. It fails when something else has written the file since, for that
// would be lost. With dryRun nothing is written. It returns the texts before and after.
func Undo(ctx context.Context, path string, dryRun bool) (before, after []byte, err error) {
	target, err := resolve(path)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	backup := target + BackupSuffix
	kept, err := os.Stat(backup)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &Error{Path: path, Message: "there is no edit to undo"}
	}
	if err != nil {
		return nil, nil, &Error{Path: path, Message: "the backup cannot be read", Err: cause(err)}
	}
	lock := flock.New(target + ".lock")
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be locked for the edit", Err: cause(err)}
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	info, err := os.Stat(target)
	if err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be read", Err: cause(err)}
	}
	if !info.ModTime().Equal(kept.ModTime()) {
		return nil, nil, &Error{Path: path, Message: "has been written since by something else; the text before the edit is in " + backup}
	}
	if before, err = os.ReadFile(target); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be read", Err: cause(err)}
	}
	if after, err = os.ReadFile(backup); err != nil {
		return nil, nil, &Error{Path: path, Message: "the backup cannot be read", Err: cause(err)}
	}
	if dryRun {
		return before, after, nil
	}
	if err := replaceKeeping(target, before, after); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be written", Err: cause(err)}
	}
	return before, after, nil
}

// replaceKeeping writes after to path and before to its backup. The backup has the time of the file, by
// which Undo knows that they belong together.
func replaceKeeping(path string, before, after []byte) error {
	backup := path + BackupSuffix
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(backup)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(before)
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), backup)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("keeping a backup: %w", err)
	}
	if err := replace(path, after); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Chtimes(backup, info.ModTime(), info.ModTime())
}
