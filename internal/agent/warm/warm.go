// Package warm is the agent's state directory: one root key, and the sessions that a restarted agent
// serves before it has talked to anybody. Sessions are sealed (XChaCha20-Poly1305) under a key derived
// from the root key and bound to all parts of the workload that they are for.
//
// The seal keeps credentials out of backups, disk images and searches for keys. Who can read the
// directory as the agent's user can open it.
package warm

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent/atomicfile"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
)

const (
	keyFile      = "agent.key"
	lockFile     = "agent.lock"
	sessionsDir  = "sessions"
	rootKeyBytes = 32
	magic        = "rcws1"
	// maxSealed bounds what is read: STS's largest session token is a few kilobytes.
	maxSealed = 256 << 10
)

// ErrInUse means that another agent holds the directory.
var ErrInUse = errors.New("another agent uses this state directory")

// Dir is an open state directory. Close it.
type Dir struct {
	path string
	root []byte
	seal cipher.AEAD
	name []byte
	lock *flock.Flock
}

var _ broker.Store = (*Dir)(nil)

// Open creates path (mode 0700) with a fresh root key if it is not there, and refuses one that others
// can read, with the command that mends it. One agent at a time may hold it.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(filepath.Join(path, sessionsDir), 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	for _, p := range []string{path, filepath.Join(path, sessionsDir)} {
		if err := private(p, "0700"); err != nil {
			return nil, err
		}
	}
	lock := flock.New(filepath.Join(path, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("state directory %s: locking: %w", path, err)
	}
	if !ok {
		return nil, fmt.Errorf("state directory %s: %w", path, ErrInUse)
	}
	d := &Dir{path: path, lock: lock}
	if err := d.openKeys(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// Close lets another agent have the directory.
func (d *Dir) Close() error { return d.lock.Close() }

// Path returns the directory.
func (d *Dir) Path() string { return d.path }

// Secret derives the 32-byte key for a purpose; the same directory always yields the same.
func (d *Dir) Secret(purpose string) []byte { return derive(d.root, purpose) }

// Ephemeral returns a function like [Dir.Secret] over a root key that ends with the process.
func Ephemeral() func(purpose string) []byte {
	root := make([]byte, rootKeyBytes)
	_, _ = rand.Read(root) // never fails: crypto/rand ends the process instead
	return func(purpose string) []byte { return derive(root, purpose) }
}

func derive(root []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, root, nil, "rolecall agent "+purpose, 32)
	if err != nil { // only lengths beyond the hash's limit fail
		panic(err)
	}
	return key
}

func (d *Dir) openKeys() error {
	path := filepath.Join(d.path, keyFile)
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) {
		root := make([]byte, rootKeyBytes)
		_, _ = rand.Read(root)
		text = []byte(hex.EncodeToString(root) + "\n")
		err = atomicfile.Write(path, text)
	}
	if err != nil {
		return fmt.Errorf("agent key: %w", err)
	}
	if err := private(path, "0600"); err != nil {
		return err
	}
	root, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(root) != rootKeyBytes {
		return fmt.Errorf("agent key %s: want %d hexadecimal digits; remove it to start with a fresh one (stored sessions are then fetched anew, and workloads need their new addresses and tokens)", path, 2*rootKeyBytes)
	}
	d.root = root
	d.name = d.Secret("file names")
	d.seal, err = chacha20poly1305.NewX(d.Secret("sessions"))
	if err != nil {
		return fmt.Errorf("agent key: %w", err)
	}
	return nil
}

// private refuses what others than the owner may open.
func private(path, mode string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if !enforceModes || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return fmt.Errorf("%s may be opened by others (mode %#o): run `chmod %s %s`", path, info.Mode().Perm(), mode, path)
}

func (d *Dir) file(name string) string {
	mac := hmac.New(sha256.New, d.name)
	mac.Write([]byte(name))
	return filepath.Join(d.path, sessionsDir, hex.EncodeToString(mac.Sum(nil)[:16]))
}

// record is a session on disk, before it is sealed.
type record struct {
	AccessKeyID     string    `json:"accessKeyId"`
	SecretAccessKey string    `json:"secretAccessKey"` //nolint:gosec // sealed before it is written
	SessionToken    string    `json:"sessionToken"`
	AccountID       string    `json:"accountId,omitempty"`
	Expires         time.Time `json:"expires"`
	Obtained        time.Time `json:"obtained"`
	Origin          []hop     `json:"origin,omitempty"`
}

type hop struct {
	Source   string    `json:"source"`
	Location string    `json:"location,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	At       time.Time `json:"at"`
}

// Save implements [broker.Store]: the file is replaced in one step.
func (d *Dir) Save(w broker.Workload, c rolecall.Credentials, obtained time.Time) error {
	r := record{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey.Expose(), SessionToken: c.SessionToken.Expose(),
		AccountID: c.AccountID, Expires: c.Expires, Obtained: obtained,
	}
	for _, o := range c.Origin.Trail() {
		r.Origin = append(r.Origin, hop{o.Source, o.Location, o.Detail, o.At})
	}
	plain, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding a session: %w", err)
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	_, _ = rand.Read(nonce)
	sealed := append([]byte(magic), d.seal.Seal(nonce, nonce, plain, additional(w))...)
	if err := atomicfile.Write(d.file(w.Name), sealed); err != nil {
		return fmt.Errorf("writing a session: %w", err)
	}
	return nil
}

// Load implements [broker.Store]. What does not open, because the workload or the key has changed or
// the file is damaged, counts as absent: the session is fetched anew.
func (d *Dir) Load(w broker.Workload) (rolecall.Credentials, time.Time, error) {
	var none rolecall.Credentials
	path := d.file(w.Name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, time.Time{}, nil
	}
	if err != nil {
		return none, time.Time{}, fmt.Errorf("reading a session: %w", err)
	}
	if info.Size() > maxSealed {
		return none, time.Time{}, nil
	}
	sealed, err := os.ReadFile(path) //nolint:gosec // the name is a digest
	if err != nil {
		return none, time.Time{}, fmt.Errorf("reading a session: %w", err)
	}
	r, ok := d.open(w, sealed)
	if !ok {
		return none, time.Time{}, nil
	}
	c := rolecall.Credentials{
		AccessKeyID: r.AccessKeyID, SecretAccessKey: rolecall.NewSecret(r.SecretAccessKey), SessionToken: rolecall.NewSecret(r.SessionToken),
		AccountID: r.AccountID, Expires: r.Expires,
	}
	var via *rolecall.Origin
	for i := len(r.Origin) - 1; i >= 0; i-- {
		h := r.Origin[i]
		c.Origin = rolecall.Origin{Source: h.Source, Location: h.Location, Detail: h.Detail, At: h.At, Via: via}
		hop := c.Origin
		via = &hop
	}
	return c, r.Obtained, nil
}

func (d *Dir) open(w broker.Workload, sealed []byte) (record, bool) {
	var r record
	body, ok := bytes.CutPrefix(sealed, []byte(magic))
	if !ok || len(body) < chacha20poly1305.NonceSizeX {
		return r, false
	}
	nonce, body := body[:chacha20poly1305.NonceSizeX], body[chacha20poly1305.NonceSizeX:]
	plain, err := d.seal.Open(nil, nonce, body, additional(w))
	if err != nil {
		return r, false
	}
	return r, json.Unmarshal(plain, &r) == nil
}

// Delete implements [broker.Store].
func (d *Dir) Delete(name string) error {
	if err := os.Remove(d.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a session: %w", err)
	}
	return nil
}

// Retain deletes every stored session but those of the workloads of these names, so that one that
// was taken out of the configuration while the agent was down does not lie around.
func (d *Dir) Retain(names []string) error {
	keep := map[string]bool{}
	for _, n := range names {
		keep[filepath.Base(d.file(n))] = true
	}
	entries, err := os.ReadDir(filepath.Join(d.path, sessionsDir))
	if err != nil {
		return fmt.Errorf("listing stored sessions: %w", err)
	}
	var problems []error
	for _, e := range entries {
		if keep[e.Name()] {
			continue
		}
		problems = append(problems, os.Remove(filepath.Join(d.path, sessionsDir, e.Name())))
	}
	return errors.Join(problems...)
}

func additional(w broker.Workload) []byte {
	key := w.Key()
	return append([]byte(magic), key[:]...)
}
