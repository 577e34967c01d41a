package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const keySize = 32

// KeySource yields the master key: 32 bytes. created says that it was made just now.
type KeySource interface {
	MasterKey() (key []byte, created bool, err error)
}

// KeyFile is a [KeySource]: a file (mode 0600) that holds the key in hexadecimal. It is made if it
// is not there, unless a database stands beside it: that one was sealed with a key that is lost.
type KeyFile string

// MasterKey implements [KeySource].
func (f KeyFile) MasterKey() (key []byte, created bool, err error) {
	key, err = f.read()
	if errors.Is(err, fs.ErrNotExist) {
		return f.create()
	}
	return key, false, err
}

func (f KeyFile) read() ([]byte, error) {
	text, err := readPrivate(string(f))
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%w: %s does not hold %d bytes in hexadecimal; restore it from a backup", ErrMasterKey, string(f), keySize)
	}
	return key, nil
}

// readPrivate reads a file that nobody else may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrMasterKey, path)
	}
	if err := checkMode(path, info, fileMode); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	return text, nil
}

// create writes a new key so that after a crash there is either none or a whole one. The state
// directory's lock keeps others from doing the same.
func (f KeyFile) create() (key []byte, created bool, err error) {
	path := string(f)
	dir := filepath.Dir(path)
	if databases, _ := filepath.Glob(filepath.Join(dir, "*.db")); len(databases) > 0 {
		return nil, false, fmt.Errorf("%w: %s is missing, and %s was sealed with it; restore it from a backup", ErrMasterKey, path, databases[0])
	}
	key = make([]byte, keySize)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	tmp, err := os.CreateTemp(dir, ".master-*")
	if err != nil {
		return nil, false, fmt.Errorf("writing the master key: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, tmp.Chmod(fileMode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, false, fmt.Errorf("writing the master key: %w", err)
	}
	return key, true, nil
}

// MasterKey is the key that all other keys at rest are sealed with. It does not come out:
// [MasterKey.Sealer] and [MasterKey.MAC] derive a key for each purpose.
type MasterKey struct {
	key *[keySize]byte // behind a pointer, so that printing shows an address
}

func newMasterKey(key []byte) (*MasterKey, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("%w: want %d bytes, got %d", ErrMasterKey, keySize, len(key))
	}
	return &MasterKey{key: (*[keySize]byte)(append([]byte(nil), key...))}, nil
}

// String shows nothing.
func (k *MasterKey) String() string { return "[redacted]" }

// GoString shows nothing.
func (k *MasterKey) GoString() string { return "state.MasterKey([redacted])" }

func (k *MasterKey) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.key[:], nil, "rolecall/1/"+purpose, keySize)
	if err != nil {
		panic("state: " + err.Error()) // only if asked for more than 255 hashes of key
	}
	return key
}

// Sealer returns a sealer for one purpose ("access keys", "key ring"). What one purpose's sealer
// sealed, no other's opens.
func (k *MasterKey) Sealer(purpose string) *Sealer {
	block, err := aes.NewCipher(k.derive("seal/" + purpose))
	if err != nil {
		panic("state: " + err.Error()) // only for keys of a wrong size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("state: " + err.Error()) // only for ciphers of a wrong block size
	}
	return &Sealer{aead: aead}
}

// MAC returns a 32-byte key for message authentication codes of one purpose.
func (k *MasterKey) MAC(purpose string) []byte { return k.derive("mac/" + purpose) }

// Sealer seals small values with AES-256-GCM under random nonces: good for 2³² values, which the
// few secrets at rest never reach.
type Sealer struct {
	aead cipher.AEAD
}

// sealVersion is the first byte of what is sealed, so that another algorithm can follow.
const sealVersion = 1

// Seal returns version, nonce and ciphertext. aad must be given again to open it.
func (s *Sealer) Seal(plaintext, aad []byte) ([]byte, error) {
	return s.aead.Seal([]byte{sealVersion}, nil, plaintext, aad), nil //nolint:gosec // the AEAD draws its own nonces
}

// ErrSealed says that a sealed value does not open: another key, another place, or damage.
var ErrSealed = errors.New("sealed value does not open")

// Open is the inverse of Seal. Errors match [ErrSealed].
func (s *Sealer) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, fmt.Errorf("%w: unknown format", ErrSealed)
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
