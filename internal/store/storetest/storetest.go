// Package storetest is the contract that every backend of package store keeps. A backend's tests
// call [Run].
package storetest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

// Open opens the backend at a place, which it makes on first use; the same place holds the same
// data. The test closes it.
type Open func(t *testing.T, place string, sealer store.Sealer) store.Backend

// Canary is in every secret that the tests put: it must not be found in the database.
const Canary = "canary-secret"

// Run checks the contract.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"every aggregate keeps whole values": testAggregates,
		"names are unique in an account":     testNames,
		"a failed update keeps nothing":      testRollback,
		"revisions":                          testRevisions,
		"a view does not write":              testView,
		"change log":                         testChanges,
		"stamps":                             testStamps,
		"another master key":                 testOtherKey,
		"ring keys":                          testRingKeys,
		"cancelled context":                  testCancel,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// Sealer is a real AEAD under a fixed key, for tests.
func Sealer(key byte) store.Sealer {
	block, err := aes.NewCipher(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return sealer{aead}
}

type sealer struct{ aead cipher.AEAD }

func (s sealer) Seal(plaintext, aad []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, plaintext, aad), nil //nolint:gosec // the AEAD draws its own nonces
}

func (s sealer) Open(sealed, aad []byte) ([]byte, error) { return s.aead.Open(nil, nil, sealed, aad) }

func start(t *testing.T, open Open) (store.Backend, string) {
	t.Helper()
	place := t.TempDir()
	b := open(t, place, Sealer(1))
	t.Cleanup(func() { _ = b.Close() })
	return b, place
}

func update(t *testing.T, b store.Backend, base store.Revision, f func(*store.Tx) error) store.Revision {
	t.Helper()
	next, err := b.Update(t.Context(), base, f)
	if err != nil {
		t.Fatalf("update at %d: %v", base, err)
	}
	if next != base+1 {
		t.Fatalf("revision %d follows %d", next, base)
	}
	return next
}

func view(t *testing.T, b store.Backend, f func(*store.Tx) error) {
	t.Helper()
	if err := b.View(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// comparer lets cmp look at secrets.
func comparer() cmp.Option {
	return cmp.Comparer(func(a, b rolecall.Secret) bool { return a.Equal(b) })
}

// roundTrip puts values, reads them one by one and all together, before and after a restart,
// replaces them, and deletes them.
func roundTrip[E any, P interface {
	*E
	identity.Entity
}](t *testing.T, open Open, agg func(*store.Tx) store.Aggregate[E], first, second *E, change func(*E)) {
	t.Helper()
	b, place := start(t, open)
	ctx := t.Context()
	at := update(t, b, 0, func(tx *store.Tx) error {
		return errors.Join(agg(tx).Put(ctx, second), agg(tx).Put(ctx, first))
	})
	change(first)
	at = update(t, b, at, func(tx *store.Tx) error { return agg(tx).Put(ctx, first) })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, place, Sealer(1))
	defer func() { _ = b.Close() }()
	check := func(want ...*E) {
		t.Helper()
		view(t, b, func(tx *store.Tx) error {
			var got []*E
			if err := agg(tx).All(ctx, func(e *E) error { got = append(got, e); return nil }); err != nil {
				return err
			}
			if diff := cmp.Diff(want, got, comparer()); diff != "" {
				t.Errorf("All (-want +got):\n%s", diff)
			}
			for _, e := range want {
				one, err := agg(tx).Get(ctx, P(e).EntityKey())
				if err != nil {
					return err
				}
				if diff := cmp.Diff(e, one, comparer()); diff != "" {
					t.Errorf("Get (-want +got):\n%s", diff)
				}
			}
			return nil
		})
	}
	check(first, second)
	at = update(t, b, at, func(tx *store.Tx) error { return agg(tx).Delete(ctx, P(first).EntityKey()) })
	check(second)
	view(t, b, func(tx *store.Tx) error {
		if _, err := agg(tx).Get(ctx, P(first).EntityKey()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of what was deleted: %v", err)
		}
		return nil
	})
	_, err := b.Update(ctx, at, func(tx *store.Tx) error { return agg(tx).Delete(ctx, P(first).EntityKey()) })
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Delete of what was deleted: %v", err)
	}
}

func at(minute int) time.Time { return time.Date(2026, 5, 1, 12, minute, 0, 0, time.UTC) }

func secret(s string) rolecall.Secret { return rolecall.NewSecret(Canary + s) }

const account identity.AccountID = "123456789012"

func user(id, name string) *identity.UserEntity {
	return &identity.UserEntity{ID: id, Account: account, Path: "/", Name: name, Created: at(1)}
}

func testNames(t *testing.T, open Open) {
	b, _ := start(t, open)
	ctx := t.Context()
	rev := update(t, b, 0, func(tx *store.Tx) error { return tx.Users.Put(ctx, user("AIDA1", "Anna")) })
	_, err := b.Update(ctx, rev, func(tx *store.Tx) error { return tx.Users.Put(ctx, user("AIDA2", "aNNa")) })
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("second user of that name: %v", err)
	}
	other := user("AIDA3", "anna")
	other.Account = "000000000001"
	rev = update(t, b, rev, func(tx *store.Tx) error { return tx.Users.Put(ctx, other) })
	role := &identity.Role{ID: "AROA1", Account: account, Path: "/", Name: "anna", Trust: "{}", MaxSession: time.Hour}
	rev = update(t, b, rev, func(tx *store.Tx) error { return tx.Roles.Put(ctx, role) })
	// A name is free again in the transaction that gives it up.
	update(t, b, rev, func(tx *store.Tx) error {
		return errors.Join(tx.Users.Put(ctx, user("AIDA1", "Bea")), tx.Users.Put(ctx, user("AIDA2", "anna")))
	})
	// Accounts without an alias do not stand in each other's way.
	b2, _ := start(t, open)
	update(t, b2, 0, func(tx *store.Tx) error {
		return errors.Join(tx.Accounts.Put(ctx, &identity.Account{ID: "000000000001"}), tx.Accounts.Put(ctx, &identity.Account{ID: "000000000002"}))
	})
}

func testRollback(t *testing.T, open Open) {
	b, _ := start(t, open)
	ctx := t.Context()
	boom := errors.New("boom")
	_, err := b.Update(ctx, 0, func(tx *store.Tx) error {
		if err := tx.Users.Put(ctx, user("AIDA1", "anna")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	view(t, b, func(tx *store.Tx) error {
		if tx.Revision != 0 {
			t.Errorf("revision %d", tx.Revision)
		}
		if _, err := tx.Users.Get(ctx, "AIDA1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the user is there: %v", err)
		}
		return nil
	})
	if changes, err := b.Changes(ctx, 0); err != nil || len(changes) != 0 {
		t.Errorf("changes %v, %v", changes, err)
	}
}

func testRevisions(t *testing.T, open Open) {
	b, place := start(t, open)
	ctx := t.Context()
	put := func(tx *store.Tx) error { return tx.Users.Put(ctx, user("AIDA1", "anna")) }
	rev := update(t, b, 0, put)
	for _, base := range []store.Revision{0, rev + 1, -1} {
		if _, err := b.Update(ctx, base, put); !errors.Is(err, store.ErrStale) {
			t.Errorf("update at %d: %v", base, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, place, Sealer(1))
	defer func() { _ = b.Close() }()
	update(t, b, rev, put)
}

func testView(t *testing.T, open Open) {
	b, _ := start(t, open)
	ctx := t.Context()
	if err := b.View(ctx, func(tx *store.Tx) error { return tx.Users.Put(ctx, user("AIDA1", "anna")) }); err == nil {
		t.Error("a view wrote")
	}
	boom := errors.New("boom")
	if err := b.View(ctx, func(*store.Tx) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
}

func testChanges(t *testing.T, open Open) {
	b, _ := start(t, open)
	ctx := t.Context()
	rev := update(t, b, 0, func(tx *store.Tx) error {
		return errors.Join(tx.Users.Put(ctx, user("AIDA2", "bea")), tx.Users.Put(ctx, user("AIDA1", "anna")), tx.Users.Put(ctx, user("AIDA1", "anne")))
	})
	update(t, b, rev, func(tx *store.Tx) error { return tx.Users.Delete(ctx, "AIDA2") })
	for after, want := range map[store.Revision][]store.Change{
		0: {{Revision: 1, Table: store.TableUsers, ID: "AIDA1"}, {Revision: 1, Table: store.TableUsers, ID: "AIDA2"}, {Revision: 2, Table: store.TableUsers, ID: "AIDA2"}},
		1: {{Revision: 2, Table: store.TableUsers, ID: "AIDA2"}},
		2: nil,
	} {
		got, err := b.Changes(ctx, after)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("changes after %d (-want +got):\n%s", after, diff)
		}
	}
}

func testStamps(t *testing.T, open Open) {
	b, place := start(t, open)
	ctx := t.Context()
	put := func(stamps ...store.Stamp) {
		t.Helper()
		if err := b.PutStamps(ctx, stamps); err != nil {
			t.Fatal(err)
		}
	}
	put(store.Stamp{ID: "AROA1", At: at(1), Region: "eu-west-1"}, store.Stamp{ID: "AKIA1", At: at(2), Service: "s3", Region: "us-east-1"})
	put(store.Stamp{ID: "AROA1", At: at(3)})
	put(store.Stamp{ID: "AKIA1", At: at(1), Service: "iam"}) // older: another node was later
	put()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, place, Sealer(1))
	defer func() { _ = b.Close() }()
	check := func(want ...store.Stamp) {
		t.Helper()
		got, err := b.AllStamps(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stamps (-want +got):\n%s", diff)
		}
	}
	check(store.Stamp{ID: "AKIA1", At: at(2), Service: "s3", Region: "us-east-1"}, store.Stamp{ID: "AROA1", At: at(3)})
	key := &identity.AccessKey{ID: "AKIA1", Account: account, Secret: secret("")}
	rev := update(t, b, 0, func(tx *store.Tx) error { return tx.AccessKeys.Put(ctx, key) })
	update(t, b, rev, func(tx *store.Tx) error { return tx.AccessKeys.Delete(ctx, "AKIA1") })
	check(store.Stamp{ID: "AROA1", At: at(3)})
}

func testOtherKey(t *testing.T, open Open) {
	b, place := start(t, open)
	ctx := t.Context()
	key := &identity.AccessKey{ID: "AKIA1", Account: account, Secret: secret("")}
	update(t, b, 0, func(tx *store.Tx) error { return tx.AccessKeys.Put(ctx, key) })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, place, Sealer(2))
	defer func() { _ = b.Close() }()
	err := b.View(ctx, func(tx *store.Tx) error {
		_, err := tx.AccessKeys.Get(ctx, "AKIA1")
		return err
	})
	if err == nil {
		t.Error("opened a secret with another master key")
	}
}

func testRingKeys(t *testing.T, open Open) {
	b, _ := start(t, open)
	ctx := t.Context()
	ring := store.RingKeys{Store: b}
	key := func(n int) identity.RingKey {
		return identity.RingKey{ID: fmt.Sprintf("0000000%d", n), Node: "n1", Use: "session", State: "active", Since: at(n), Sealed: []byte(fmt.Sprint(n))}
	}
	if err := ring.PutRingKeys(ctx, []identity.RingKey{key(1), key(2)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := ring.PutRingKeys(ctx, []identity.RingKey{key(3)}, []string{key(1).ID, "ffffffff"}); err != nil {
		t.Fatal(err)
	}
	got, err := ring.RingKeys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]identity.RingKey{key(2), key(3)}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func testCancel(t *testing.T, open Open) {
	b, _ := start(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Update(ctx, 0, func(tx *store.Tx) error { return tx.Users.Put(ctx, user("AIDA1", "anna")) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	update(t, b, 0, func(tx *store.Tx) error { return tx.Users.Put(t.Context(), user("AIDA1", "anna")) })
}
