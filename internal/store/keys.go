package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// RingKeys keeps a token ring's keys in a store.
type RingKeys struct{ Store Store }

// RingKeys returns all keys, by id.
func (r RingKeys) RingKeys(ctx context.Context) ([]identity.RingKey, error) {
	var keys []identity.RingKey
	err := r.Store.View(ctx, func(tx *Tx) error {
		return tx.RingKeys.All(ctx, func(k *identity.RingKey) error {
			keys = append(keys, *k)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the key ring: %w", err)
	}
	return keys, nil
}

// PutRingKeys writes and removes keys in one transaction.
func (r RingKeys) PutRingKeys(ctx context.Context, put []identity.RingKey, remove []string) error {
	for {
		var base Revision
		if err := r.Store.View(ctx, func(tx *Tx) error { base = tx.Revision; return nil }); err != nil {
			return fmt.Errorf("writing the key ring: %w", err)
		}
		_, err := r.Store.Update(ctx, base, func(tx *Tx) error {
			for _, k := range put {
				if err := tx.RingKeys.Put(ctx, &k); err != nil {
					return err
				}
			}
			for _, id := range remove {
				if err := tx.RingKeys.Delete(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if errors.Is(err, ErrStale) {
			continue
		}
		if err != nil {
			return fmt.Errorf("writing the key ring: %w", err)
		}
		return nil
	}
}

// Backend is all that a database offers.
type Backend interface {
	Store
	Stamps
}

// Counted passes everything on to a backend and counts: tests use it to show that requests do
// not touch the store.
type Counted struct {
	Backend
	n atomic.Int64
}

// Count returns a counting backend.
func Count(b Backend) *Counted { return &Counted{Backend: b} }

// Accesses returns how many calls there were.
func (c *Counted) Accesses() int64 { return c.n.Load() }

// View implements [Store].
func (c *Counted) View(ctx context.Context, f func(*Tx) error) error {
	c.n.Add(1)
	return c.Backend.View(ctx, f)
}

// Update implements [Store].
func (c *Counted) Update(ctx context.Context, base Revision, f func(*Tx) error) (Revision, error) {
	c.n.Add(1)
	return c.Backend.Update(ctx, base, f)
}

// Changes implements [Store].
func (c *Counted) Changes(ctx context.Context, after Revision) ([]Change, error) {
	c.n.Add(1)
	return c.Backend.Changes(ctx, after)
}

// PutStamps implements [Stamps].
func (c *Counted) PutStamps(ctx context.Context, stamps []Stamp) error {
	c.n.Add(1)
	return c.Backend.PutStamps(ctx, stamps)
}

// AllStamps implements [Stamps].
func (c *Counted) AllStamps(ctx context.Context) ([]Stamp, error) {
	c.n.Add(1)
	return c.Backend.AllStamps(ctx)
}
