package sealedcache

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/rolecall-dev/rolecall/awscache"
)

// Keychain keeps one secret for the user.
type Keychain interface {
	// Get returns the secret; found is false when there is none yet.
	Get() (secret string, found bool, err error)
	Set(secret string) error
}

const (
	keyFile = "key"
	// inKeychain is an empty file that says that the key lies in the keychain, so that a keychain that
	// is locked today does not lead to a second key.
	inKeychain = "key.in-keychain"
	// keychainWait bounds a call to the keychain: desktop ones ask a person, and some never answer.
	keychainWait = 3 * time.Second
)

// loadKey finds the key or makes one, in one process at a time.
func (c *Cache) loadKey() ([]byte, error) {
	if key, err := c.fileKey(); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	marked := c.exists(inKeychain)
	if marked {
		if c.o.Keychain == nil {
			return nil, fmt.Errorf("the key of the cache in %s lies in a keychain, and there is none here", c.o.Dir)
		}
		return c.chainKey()
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	unlock, err := awscache.Lock(ctx, filepath.Join(c.o.Dir, keyFile))
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Another process may have made one meanwhile.
	if key, err := c.fileKey(); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if c.o.Keychain != nil {
		if key, err := c.newChainKey(); err == nil {
			return key, awscache.Write(filepath.Join(c.o.Dir, inKeychain), nil)
		}
	}
	return c.newFileKey()
}

func (c *Cache) exists(name string) bool {
	_, err := os.Stat(filepath.Join(c.o.Dir, name))
	return err == nil
}

func (c *Cache) fileKey() ([]byte, error) {
	path := filepath.Join(c.o.Dir, keyFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the cache key %s is open to others: run `chmod 600 %s`", path, path)
	}
	text, err := awscache.Read(path)
	if err != nil {
		return nil, err
	}
	return decodeKey(string(text))
}

func (c *Cache) newFileKey() ([]byte, error) {
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key) // never fails
	path := filepath.Join(c.o.Dir, keyFile)
	if err := awscache.Write(path, []byte(base64.StdEncoding.EncodeToString(key))); err != nil {
		return nil, err
	}
	c.o.Warn("this machine has no keychain: the key of the session cache lies in " + path + ", readable by you alone")
	return key, nil
}

func (c *Cache) chainKey() ([]byte, error) {
	key, err := bounded(func() ([]byte, error) {
		secret, found, err := c.o.Keychain.Get()
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, errors.New("it has lost the key of the session cache")
		}
		return decodeKey(secret)
	})
	if err != nil {
		return nil, fmt.Errorf("keychain: %w", err)
	}
	return key, nil
}

func (c *Cache) newChainKey() ([]byte, error) {
	return bounded(func() ([]byte, error) {
		secret, found, err := c.o.Keychain.Get()
		if err != nil {
			return nil, err
		}
		if found {
			return decodeKey(secret)
		}
		key := make([]byte, chacha20poly1305.KeySize)
		_, _ = rand.Read(key) // never fails
		return key, c.o.Keychain.Set(base64.StdEncoding.EncodeToString(key))
	})
}

// bounded gives up on a keychain that does not answer; its goroutine ends when the keychain does, or
// with the process.
func bounded(call func() ([]byte, error)) ([]byte, error) {
	type answer struct {
		key []byte
		err error
	}
	done := make(chan answer, 1)
	go func() {
		key, err := call()
		done <- answer{key, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return nil, a.err
		}
		return a.key, nil
	case <-time.After(keychainWait):
		return nil, errors.New("it does not answer")
	}
}

func decodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, errors.New("the key of the session cache is damaged: remove the cache folder to start afresh")
	}
	return key, nil
}
