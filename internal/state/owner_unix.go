//go:build unix

package state

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// owner returns the user that a file belongs to.
func owner(info fs.FileInfo) (uid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// syncDir makes new names in a directory survive a crash of the machine.
func syncDir(path string) error {
	d, err := os.Open(path) //nolint:gosec // the caller's own directory
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}
