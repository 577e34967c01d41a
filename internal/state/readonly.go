package state

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// ReadMaster reads the master key of a state directory that another process may be using. It takes no
// lock, makes nothing, and checks permissions as [Open] does.
func ReadMaster(dir string) (*MasterKey, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the state directory: %w", err)
	}
	file := filepath.Join(path, "master.key")
	if _, err := readPrivate(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is none in %s; is that the state directory of a plane?", ErrMasterKey, path)
	}
	key, _, err := KeyFile(file).MasterKey()
	if err != nil {
		return nil, err
	}
	return newMasterKey(key)
}
