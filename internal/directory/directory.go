// Package directory is the plane's memory of who there is and what they may do: an immutable
// snapshot that requests read without I/O or locks, and serialized updates that go to the store
// first.
package directory

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

// Errors that [Tx.Put] and [Tx.Delete] return, wrapped with what is meant.
var (
	// ErrExists: the name (alias, key id) is taken.
	ErrExists = errors.New("already exists")
	// ErrNotFound: there is no such entity to delete.
	ErrNotFound = errors.New("does not exist")
	// ErrInUse: another entity refers to the one to be deleted.
	ErrInUse = errors.New("is in use")
	// ErrDangling: the entity refers to one that does not exist.
	ErrDangling = errors.New("refers to something that does not exist")
	// ErrPrincipal: a trust or bucket policy names a user or role that an account of this plane does
	// not have.
	ErrPrincipal = errors.New("invalid principal in policy")
)

// Options of a directory.
type Options struct {
	// AWSPolicies are the policies that AWS manages; they are not stored.
	AWSPolicies []*identity.ManagedPolicy
	// Log takes what nobody asked for; default discards.
	Log *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Directory holds the current snapshot. It is safe for concurrent use.
type Directory struct {
	store store.Store
	now   func() time.Time
	log   *slog.Logger

	current atomic.Pointer[Snapshot]
	// counter yields Snapshot.grants; a number is never used twice, not even by an update that failed.
	counter atomic.Uint64
	stamps  stamps

	hasher      stringHasher
	kinds       map[store.Table]anyKind
	awsPolicies []*identity.ManagedPolicy

	mu       sync.Mutex // serializes updates
	onChange []func(*Snapshot)
}

// Snapshot returns the state after the last update.
func (d *Directory) Snapshot() *Snapshot { return d.current.Load() }

// OnChange makes the directory call f after each update, before Update returns, with the new
// snapshot. f must be quick and must not update.
func (d *Directory) OnChange(f func(*Snapshot)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onChange = append(d.onChange, f)
}

// Open reads everything from the store.
func Open(ctx context.Context, st store.Backend, o Options) (*Directory, error) {
	d := &Directory{
		store: st, now: o.Now, log: o.Log, awsPolicies: o.AWSPolicies,
		hasher: stringHasher{maphash.MakeSeed()}, kinds: kinds(),
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.stamps.store = st
	if err := d.stamps.load(ctx); err != nil {
		return nil, fmt.Errorf("reading last-used stamps: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.reload(ctx); err != nil {
		return nil, fmt.Errorf("reading the directory: %w", err)
	}
	return d, nil
}

// Update runs f on the current state and makes what it put and deleted the new one: first in the
// store, in one transaction, then in the snapshot. When Update returns nil the change is durable and
// in force. Updates run one after the other; f must not wait for anything slow, and may run again if
// another node wrote in between. If f returns an error nothing changes and Update returns that error.
func (d *Directory) Update(ctx context.Context, f func(*Tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range maxTries {
		err := d.update(ctx, f)
		if !errors.Is(err, store.ErrStale) {
			return err
		}
		if err := d.follow(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("updating the directory: %w", store.ErrStale)
}

// maxTries bounds how often an update starts again because another node was faster.
const maxTries = 10

func (d *Directory) update(ctx context.Context, f func(*Tx) error) error {
	base := d.current.Load()
	tx := d.begin(base)
	if err := f(tx); err != nil {
		return err
	}
	if len(tx.ops) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// From here on the caller's haste must not leave it open whether the change was made.
	ctx = context.WithoutCancel(ctx)
	revision, err := d.store.Update(ctx, base.revision, func(st *store.Tx) error {
		for _, op := range tx.ops {
			if err := op(ctx, st); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if errors.Is(err, store.ErrStale) {
			return err
		}
		if errors.Is(err, store.ErrConflict) {
			err = fmt.Errorf("%w: %w", ErrExists, err)
		}
		// Should the commit have happened although it reported a failure, the store is right.
		if followErr := d.follow(ctx); followErr != nil {
			d.log.Error("directory cannot read the store after a failed update", "error", followErr)
		}
		return fmt.Errorf("storing the update: %w", err)
	}
	d.publish(tx.Snapshot, revision)
	for _, key := range tx.gone {
		d.stamps.byID.Delete(key)
	}
	return nil
}

func (d *Directory) publish(s *Snapshot, revision store.Revision) {
	s.revision = revision
	d.current.Store(s)
	for _, f := range d.onChange {
		f(s)
	}
}

// Follow takes over what other nodes have written. It returns at once if they wrote nothing.
func (d *Directory) Follow(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.follow(ctx)
}

// DropExpired removes the entries of the deny list whose sessions have ended by themselves. The
// server calls it every hour or so; it writes only if there are any.
func (d *Directory) DropExpired(ctx context.Context) error {
	expired := func(s *Snapshot) (all []*identity.DeniedSession) {
		for e := range s.deniedSession.prefix("", "") {
			if e.Expires.Before(d.now()) {
				all = append(all, e)
			}
		}
		return all
	}
	if len(expired(d.Snapshot())) == 0 {
		return nil
	}
	return d.Update(ctx, func(tx *Tx) error {
		for _, e := range expired(tx.Snapshot) {
			if err := tx.Delete(e); err != nil {
				return err
			}
		}
		return nil
	})
}
