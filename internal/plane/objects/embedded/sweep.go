package embedded

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// sweep removes, once after the start, body files that the index does not name: those of changes that
// were not committed when the process died, and those that it had no time to unlink.
func (s *Store) sweep() {
	folders, err := os.ReadDir(s.blobs.dir)
	if err != nil {
		s.logger.Error("sweeping orphaned body files", "error", err)
		return
	}
	removed := 0
	for _, folder := range folders {
		select {
		case <-s.stop:
			return
		default:
		}
		if !folder.IsDir() || len(folder.Name()) != 2 {
			continue
		}
		n, err := s.sweepFolder(filepath.Join(s.blobs.dir, folder.Name()))
		if err != nil {
			s.logger.Error("sweeping orphaned body files", "error", err)
		}
		removed += n
	}
	if removed > 0 {
		s.logger.Info("removed orphaned body files", "count", removed)
	}
}

func (s *Store) sweepFolder(dir string) (removed int, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", dir, err)
	}
	for _, file := range files {
		var id blobID
		if n, err := hex.Decode(id[:], []byte(file.Name()[:min(32, len(file.Name()))])); err != nil || n != len(id) || len(file.Name()) != 32 {
			continue
		}
		orphan, err := s.orphan(id)
		if err != nil {
			return removed, err
		}
		if orphan {
			if err := os.Remove(filepath.Join(dir, file.Name())); err == nil {
				removed++
			}
		}
	}
	return removed, nil
}

// orphan looks at what is about to be committed first: a file that leaves that set without being in
// the index by then is not going to be.
func (s *Store) orphan(id blobID) (bool, error) {
	s.blobs.mu.Lock()
	fresh := s.blobs.fresh[id] || s.blobs.pins[id] > 0
	s.blobs.mu.Unlock()
	if fresh {
		return false, nil
	}
	known := false
	err := s.db.View(func(tx *bolt.Tx) error {
		known = tx.Bucket([]byte(tableBlobs)).Get(id[:]) != nil
		return nil
	})
	return err == nil && !known, err
}
