// Package sealedcache is rolecall's own cache of sessions: encrypted files whose key lies in the
// operating system's keychain, or in a file beside them where there is none. It keeps what the AWS
// CLI's cache has no name for.
package sealedcache

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/chain"
)

// Source is the Origin.Source of sessions from this cache.
const Source = "cache"

const (
	// magic begins each file; the digit is the format's version.
	magic = "rolecall-sealed-1\n"
	// lockWait bounds how long a process waits for another one that gets the same session.
	lockWait = time.Minute
)

// Options say where the cache is.
type Options struct {
	// Dir is the folder; it is made with mode 0700.
	Dir string
	// Keychain holds the key; nil means that there is none.
	Keychain Keychain
	// Warn is told once when the key has to lie in a file; may be nil.
	Warn func(message string)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Cache is a [chain.SessionStore]. It does nothing until it is first used.
type Cache struct {
	o   Options
	key func() ([]byte, error)
}

var _ chain.SessionStore = (*Cache)(nil)

// New returns the cache in o.Dir.
func New(o Options) *Cache {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	c := &Cache{o: o}
	c.key = sync.OnceValues(c.loadKey)
	return c
}

// Session implements [chain.SessionStore]. A cache that cannot be used is passed over: the session
// is got without it.
func (c *Cache) Session(ctx context.Context, key chain.SessionKey, fresh func(rolecall.Credentials) bool, fetch func(context.Context) (rolecall.Credentials, error)) (rolecall.Credentials, error) {
	path := c.path(key.ID)
	kept, err := c.read(path, key)
	if err == nil && fresh(kept) {
		return kept, nil
	}
	lockCtx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, lockErr := awscache.Lock(lockCtx, path)
	if ctx.Err() != nil {
		return rolecall.Credentials{}, ctx.Err()
	}
	if lockErr == nil {
		defer unlock()
		if kept, err = c.read(path, key); err == nil && fresh(kept) {
			return kept, nil
		}
	}
	creds, fetchErr := fetch(ctx)
	switch {
	case fetchErr != nil && err == nil:
		return kept, nil
	case fetchErr != nil:
		return rolecall.Credentials{}, fetchErr
	}
	if writeErr := c.write(path, key, creds); writeErr != nil {
		c.o.Warn(writeErr.Error())
	}
	return creds, nil
}

// path is the entry's file; an ID that could name another place is digested by its caller already.
func (c *Cache) path(id string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, id)
	return filepath.Join(c.o.Dir, clean+".sealed")
}

// entry is what a file holds, sealed.
type entry struct {
	AccessKeyID, SecretAccessKey, SessionToken, AccountID string
	Expires                                               time.Time
}

var errStale = errors.New("the cached session is over")

func (c *Cache) read(path string, key chain.SessionKey) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	sealed, err := awscache.Read(path)
	if err != nil {
		return none, err
	}
	plain, err := c.open(sealed, key)
	if err != nil {
		return none, err
	}
	var e entry
	if err := json.Unmarshal(plain, &e); err != nil {
		return none, errors.New("the cached session is damaged")
	}
	creds := rolecall.Credentials{
		AccessKeyID: e.AccessKeyID, SecretAccessKey: rolecall.NewSecret(e.SecretAccessKey),
		SessionToken: rolecall.NewSecret(e.SessionToken), Expires: e.Expires, AccountID: e.AccountID,
		Origin: rolecall.Origin{Source: Source, Location: path, At: c.o.Now()},
	}
	if !creds.Complete() || creds.ExpiredAt(c.o.Now()) {
		return none, errStale
	}
	return creds, nil
}

func (c *Cache) write(path string, key chain.SessionKey, creds rolecall.Credentials) error {
	if !creds.CanExpire() {
		return nil
	}
	plain, err := json.Marshal(entry{
		AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey.Expose(),
		SessionToken: creds.SessionToken.Expose(), AccountID: creds.AccountID, Expires: creds.Expires,
	})
	if err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	sealed, err := c.seal(plain, key)
	if err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	return awscache.Write(path, sealed)
}

// bound is the additional data: an entry that is copied over another one, or whose source is now a
// different key, does not open.
func bound(key chain.SessionKey) []byte { return []byte(magic + key.ID + "\n" + key.Source) }

func (c *Cache) seal(plain []byte, key chain.SessionKey) ([]byte, error) {
	secret, err := c.key()
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(secret)
	if err != nil {
		return nil, fmt.Errorf("the cache key: %w", err)
	}
	out := make([]byte, len(magic)+aead.NonceSize(), len(magic)+aead.NonceSize()+len(plain)+aead.Overhead())
	copy(out, magic)
	nonce := out[len(magic):]
	_, _ = rand.Read(nonce) // never fails
	return aead.Seal(out, nonce, plain, bound(key)), nil
}

func (c *Cache) open(sealed []byte, key chain.SessionKey) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(sealed), magic)
	if !ok || len(rest) < chacha20poly1305.NonceSizeX {
		return nil, errors.New("the cached session is damaged")
	}
	secret, err := c.key()
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(secret)
	if err != nil {
		return nil, fmt.Errorf("the cache key: %w", err)
	}
	plain, err := aead.Open(nil, []byte(rest[:aead.NonceSize()]), []byte(rest[aead.NonceSize():]), bound(key))
	if err != nil {
		return nil, errors.New("the cached session does not open with this key")
	}
	return plain, nil
}
