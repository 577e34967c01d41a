package awsconfig

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
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
	if before, err = readRegular(target); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be read", Err: cause(err)}
	}
	if after, err = readRegular(backup); err != nil {
		return nil, nil, &Error{Path: path, Message: "the backup cannot be read", Err: cause(err)}
	}
	switch {
	case bytes.Equal(before, after):
		// An edit kept its backup and was killed before it changed the file.
		return nil, nil, &Error{Path: path, Message: "there is no edit to undo"}
	case !info.ModTime().Equal(kept.ModTime()):
		return nil, nil, &Error{Path: path, Message: "has been written since by something else; the text before the edit is in " + backup}
	}
	if dryRun {
		return before, after, nil
	}
	if err := replaceKeeping(target, before, after); err != nil {
		return nil, nil, &Error{Path: path, Message: "cannot be written", Err: cause(err)}
	}
	return before, after, nil
}
