// Package atomicfile replaces small private files in one step: readers see the old content or the
// new, also after a crash.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write puts data in the file name with mode 0600.
func Write(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // created with mode 0600
	if err != nil {
		return fmt.Errorf("replacing %s: %w", name, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("replacing %s: %w", name, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
