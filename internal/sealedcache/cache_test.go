package sealedcache_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/sealedcache"
)

const canary = "SECRETCANARY"

func session(id string, life time.Duration) rolecall.Credentials {
	return rolecall.Credentials{
		AccessKeyID: id, SecretAccessKey: rolecall.NewSecret(canary + "-key"), SessionToken: rolecall.NewSecret(canary + "-token"),
		Expires: time.Now().Add(life), AccountID: "111122223333",
	}
}

func anyFresh(rolecall.Credentials) bool { return true }

func TestSession(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	var warnings []string
	open := func() *sealedcache.Cache {
		return sealedcache.New(sealedcache.Options{Dir: dir, Warn: func(m string) { warnings = append(warnings, m) }})
	}
	key := chain.SessionKey{ID: "abc", Source: "AKIA1"}
	calls := 0
	fetch := func(context.Context) (rolecall.Credentials, error) {
		calls++
		return session("ASIA1", time.Hour), nil
	}
	for range 3 {
		creds, err := open().Session(t.Context(), key, anyFresh, fetch)
		if err != nil || creds.AccessKeyID != "ASIA1" || creds.SessionToken.Expose() != canary+"-token" || creds.AccountID != "111122223333" {
			t.Fatalf("%v, %v", creds, err)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "no keychain") {
		t.Errorf("warnings: %q", warnings)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f) //nolint:gosec // a test's file
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("%s shows the secret", f)
		}
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
	// The same ID with another source is another session.
	if _, err := open().Session(t.Context(), chain.SessionKey{ID: "abc", Source: "AKIA2"}, anyFresh, fetch); err != nil || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestKeptOneSurvivesAnOutage(t *testing.T) {
	c := sealedcache.New(sealedcache.Options{Dir: t.TempDir()})
	key := chain.SessionKey{ID: "abc"}
	if _, err := c.Session(t.Context(), key, anyFresh, func(context.Context) (rolecall.Credentials, error) { return session("ASIA1", time.Minute), nil }); err != nil {
		t.Fatal(err)
	}
	down := errors.New("down")
	never := func(rolecall.Credentials) bool { return false }
	creds, err := c.Session(t.Context(), key, never, func(context.Context) (rolecall.Credentials, error) { return rolecall.Credentials{}, down })
	if err != nil || creds.AccessKeyID != "ASIA1" {
		t.Errorf("%v, %v", creds, err)
	}
	later := sealedcache.New(sealedcache.Options{Dir: t.TempDir(), Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if _, err := later.Session(t.Context(), key, anyFresh, func(context.Context) (rolecall.Credentials, error) { return rolecall.Credentials{}, down }); !errors.Is(err, down) {
		t.Error(err)
	}
}

func TestDamageIsAMiss(t *testing.T) {
	dir := t.TempDir()
	calls := 0
	fetch := func(context.Context) (rolecall.Credentials, error) { calls++; return session("ASIA1", time.Hour), nil }
	for i, damage := range []func(path string) error{
		func(string) error { return nil },
		func(p string) error { return os.WriteFile(p, nil, 0o600) },
		func(p string) error { return os.WriteFile(p, []byte("rolecall-sealed-1\nshort"), 0o600) },
		func(p string) error {
			b, err := os.ReadFile(p) //nolint:gosec // a test's file
			if err != nil {
				return err
			}
			b[len(b)-1] ^= 1
			return os.WriteFile(p, b, 0o600)
		},
	} {
		if err := damage(filepath.Join(dir, "abc.sealed")); err != nil {
			t.Fatal(err)
		}
		c := sealedcache.New(sealedcache.Options{Dir: dir})
		if _, err := c.Session(t.Context(), chain.SessionKey{ID: "abc"}, anyFresh, fetch); err != nil || calls != i+1 {
			t.Errorf("damage %d: %d calls, %v", i, calls, err)
		}
	}
}

func TestKeyFileOpenToOthers(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("x"), 0o644); err != nil { //nolint:gosec // the mode is the test
		t.Fatal(err)
	}
	var warned string
	c := sealedcache.New(sealedcache.Options{Dir: dir, Warn: func(m string) { warned = m }})
	creds, err := c.Session(t.Context(), chain.SessionKey{ID: "abc"}, anyFresh, func(context.Context) (rolecall.Credentials, error) { return session("ASIA1", time.Hour), nil })
	if err != nil || !creds.Complete() {
		t.Fatal(err)
	}
	if !strings.Contains(warned, "chmod 600") {
		t.Errorf("warned %q", warned)
	}
}

// memory is a keychain in memory.
type memory struct {
	mu     sync.Mutex
	secret string
	sets   int
}

func (m *memory) Get() (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.secret, m.secret != "", nil
}

func (m *memory) Set(s string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secret, m.sets = s, m.sets+1
	return nil
}

func TestKeychainAndManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	chainKeys := &memory{}
	var calls atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			// A cache each, as processes have.
			c := sealedcache.New(sealedcache.Options{Dir: dir, Keychain: chainKeys})
			creds, err := c.Session(t.Context(), chain.SessionKey{ID: "abc"}, anyFresh, func(context.Context) (rolecall.Credentials, error) {
				calls.Add(1)
				time.Sleep(20 * time.Millisecond)
				return session("ASIA1", time.Hour), nil
			})
			if err != nil || creds.AccessKeyID != "ASIA1" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls.Load() != 1 || chainKeys.sets != 1 {
		t.Errorf("%d calls, %d keys", calls.Load(), chainKeys.sets)
	}
	if _, err := os.Stat(filepath.Join(dir, "key")); !os.IsNotExist(err) {
		t.Errorf("a key file beside the keychain: %v", err)
	}
	// The keychain is gone: no second key is made.
	c := sealedcache.New(sealedcache.Options{Dir: dir})
	if _, err := c.Session(t.Context(), chain.SessionKey{ID: "abc"}, anyFresh, func(context.Context) (rolecall.Credentials, error) {
		return session("ASIA2", time.Hour), nil
	}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "key")); !os.IsNotExist(err) {
		t.Errorf("a second key was made: %v", err)
	}
}
