// Package token seals sessions into session tokens, and derives their secret keys, so that the
// plane stores nothing per session.
//
// A token is version ‖ key id ‖ nonce ‖ AES-256-GCM(payload) with the access key id as additional
// data; nothing in it can be read without the ring. The session's secret access key is an HMAC of
// access key id and nonce under a key of the ring: it is neither in the token nor derivable from it.
// Whether a session is over, or its role is gone, is for the caller to decide: Open only says what
// was sealed.
package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Sealer seals small secrets under the master key. state.MasterKey.Sealer makes one.
type Sealer interface {
	Seal(plaintext, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// KeyStore keeps the ring's keys, sealed already. store.RingKeys is one.
type KeyStore interface {
	RingKeys(ctx context.Context) ([]identity.RingKey, error)
	// PutRingKeys writes and removes in one step.
	PutRingKeys(ctx context.Context, put []identity.RingKey, remove []string) error
}

// Options of a ring. The zero value is a single node's, with the defaults.
type Options struct {
	// Node names this node; default "n1". Each node seals with its own keys and opens everybody's.
	Node string
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Rotate is the age at which an active session key makes place for the prepared one; default 24 h.
	Rotate time.Duration
	// Overlap is how long an old session key still opens; default and least 37 h: the longest session
	// (36 h, GetSessionToken and GetFederationToken) and an hour.
	Overlap time.Duration
	// RotateData is the age at which the key that wraps data keys is replaced; default 90 days. Such
	// keys are kept for ever, since what they wrapped is.
	RotateData time.Duration
}

// Uses and states of keys, as they are stored.
const (
	useSession = "session"
	useData    = "data"

	statePrepared = "prepared" // other nodes learn it before it seals
	stateActive   = "active"   // seals and opens
	stateOld      = "old"      // only opens
)

const leastOverlap = 37 * time.Hour

// Ring seals and opens. It is safe for concurrent use; no call but Tick, Rotate and Reload does I/O.
type Ring struct {
	store   KeyStore
	master  Sealer
	options Options
	pack    packer

	// keys is replaced, never changed.
	keys atomic.Pointer[keys]
	mu   sync.Mutex // serializes changes of the ring
}

// keys is one state of the ring.
type keys struct {
	byID map[keyID]*key
	// session and data are this node's active keys, prepared its next session key.
	session, prepared, data *key
}

// OpenRing loads the ring, makes the keys that this node lacks, and rotates if it is time.
func OpenRing(ctx context.Context, store KeyStore, master Sealer, o Options) (*Ring, error) {
	if o.Node == "" {
		o.Node = "n1"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rotate <= 0 {
		o.Rotate = 24 * time.Hour
	}
	if o.RotateData <= 0 {
		o.RotateData = 90 * 24 * time.Hour
	}
	o.Overlap = max(o.Overlap, leastOverlap)
	r := &Ring{store: store, master: master, options: o}
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	if err := r.Tick(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Reload reads the keys that other nodes have made.
func (r *Ring) Reload(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	records, err := r.store.RingKeys(ctx)
	if err != nil {
		return err
	}
	all := make([]*key, 0, len(records))
	for _, record := range records {
		k, err := openKey(record, r.master)
		if err != nil {
			return fmt.Errorf("opening key %s of the ring (is this the master key that sealed it?): %w", record.ID, err)
		}
		all = append(all, k)
	}
	r.keys.Store(r.arrange(all))
	return nil
}

// arrange finds this node's keys. Of several in one state, as two processes of one name could leave
// behind, the latest counts.
func (r *Ring) arrange(all []*key) *keys {
	slices.SortFunc(all, func(a, b *key) int { return a.record.Since.Compare(b.record.Since) })
	ks := &keys{byID: make(map[keyID]*key, len(all))}
	for _, k := range all {
		ks.byID[k.id] = k
		if k.record.Node != r.options.Node {
			continue
		}
		switch k.record.Use + " " + k.record.State {
		case useSession + " " + stateActive:
			ks.session = k
		case useSession + " " + statePrepared:
			ks.prepared = k
		case useData + " " + stateActive:
			ks.data = k
		}
	}
	return ks
}

// Tick rotates when it is time and drops keys past their overlap. Call it every few minutes; it
// touches the store only when there is something to do.
func (r *Ring) Tick(ctx context.Context) error {
	now := r.options.Now()
	return r.change(ctx, func(c *change) {
		if c.ks.session == nil || now.Sub(c.ks.session.record.Since) >= r.options.Rotate {
			c.rotateSession()
		}
		if c.ks.data == nil || now.Sub(c.ks.data.record.Since) >= r.options.RotateData {
			c.rotateData()
		}
		for _, k := range c.ks.byID {
			if k.record.Use == useSession && k.record.State == stateOld && now.Sub(k.record.Since) >= r.options.Overlap {
				c.remove = append(c.remove, k)
			}
		}
	})
}

// Rotate activates the prepared session key of this node and prepares another, whatever their age.
// Sessions sealed so far stay good.
func (r *Ring) Rotate(ctx context.Context) error {
	return r.change(ctx, func(c *change) { c.rotateSession() })
}

// change is what is to become of the ring.
type change struct {
	r      *Ring
	ks     *keys
	now    time.Time
	put    []*key
	remove []*key
	err    error
}

// change lets f plan, writes the plan to the store, and then makes it the ring's state.
func (r *Ring) change(ctx context.Context, f func(*change)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &change{r: r, ks: r.keys.Load(), now: r.options.Now().UTC().Truncate(time.Second)}
	f(c)
	if c.err != nil {
		return c.err
	}
	if len(c.put) == 0 && len(c.remove) == 0 {
		return nil
	}
	var put []identity.RingKey
	var remove []string
	next := make(map[keyID]*key, len(c.ks.byID)+len(c.put))
	for id, k := range c.ks.byID {
		next[id] = k
	}
	for _, k := range c.put {
		put = append(put, k.record)
		next[k.id] = k
	}
	for _, k := range c.remove {
		remove = append(remove, k.record.ID)
		delete(next, k.id)
	}
	if err := r.store.PutRingKeys(ctx, put, remove); err != nil {
		return fmt.Errorf("changing the key ring: %w", err)
	}
	all := make([]*key, 0, len(next))
	for _, k := range next {
		all = append(all, k)
	}
	r.keys.Store(r.arrange(all))
	return nil
}

func (c *change) add(use, state string) {
	k, err := newKey(c.r.options.Node, use, state, c.now, c.r.master)
	if err != nil {
		c.err = errors.Join(c.err, fmt.Errorf("making a key of the ring: %w", err))
		return
	}
	c.put = append(c.put, k)
}

func (c *change) move(k *key, state string) { c.put = append(c.put, k.in(state, c.now)) }

func (c *change) rotateSession() {
	if c.ks.session != nil {
		c.move(c.ks.session, stateOld)
	}
	if c.ks.prepared != nil {
		c.move(c.ks.prepared, stateActive)
	} else {
		c.add(useSession, stateActive)
	}
	c.add(useSession, statePrepared)
}

func (c *change) rotateData() {
	if c.ks.data != nil {
		c.move(c.ks.data, stateOld)
	}
	c.add(useData, stateActive)
}

// PackedPercent is the package's function of that name.
func (r *Ring) PackedPercent(s *identity.Session) int { return r.pack.percent(s) }

// String tells the keys' ids and states.
func (r *Ring) String() string {
	var lines []string
	for _, k := range r.keys.Load().byID {
		lines = append(lines, k.record.Node+"/"+k.record.Use+" "+k.record.ID+" "+k.record.State)
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// GoString is String: fmt must not find the keys.
func (r *Ring) GoString() string { return r.String() }

func random(b []byte) { _, _ = rand.Read(b) } // never fails: crypto/rand ends the process instead
