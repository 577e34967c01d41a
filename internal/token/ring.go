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
	"errors"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Errors of [Ring.Open] and [Ring.Unwrap].
var (
	// ErrMalformed: the text is no token of this format.
	ErrMalformed = errors.New("malformed session token")
	// ErrUnknownKey: sealed by a key that this ring does not hold (too old, or another plane's).
	ErrUnknownKey = errors.New("session token sealed by an unknown key")
	// ErrForged: the seal does not open: altered, or used with another access key id.
	ErrForged = errors.New("session token does not open")
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
	// Rotate is the age at which an active key makes place for the prepared one; default 24 h.
	Rotate time.Duration
	// Overlap is how long an old key still opens; default and least 37 h: the longest session (36 h,
	// GetSessionToken and GetFederationToken) and an hour.
	Overlap time.Duration
}

// Ring seals and opens. It is safe for concurrent use; no call but Tick, Rotate and Reload does I/O.
type Ring struct{}

// OpenRing loads the ring, or makes the first keys.
func OpenRing(ctx context.Context, store KeyStore, master Sealer, o Options) (*Ring, error) {
	return &Ring{}, nil
}

// Seal returns the session token and the secret access key of a new session.
func (r *Ring) Seal(accessKeyID string, s *identity.Session) (string, rolecall.Secret, error) {
	return "", rolecall.Secret{}, errors.ErrUnsupported
}

// Open returns the session in token and its secret access key. Expired sessions open too.
// Errors match [ErrMalformed], [ErrUnknownKey] or [ErrForged].
func (r *Ring) Open(accessKeyID, token string) (*identity.Session, rolecall.Secret, error) {
	return nil, rolecall.Secret{}, ErrMalformed
}

// ID returns what names a session in a deny list: access key ids alone are not unique.
// It does not say whether the token is genuine.
func ID(accessKeyID, token string) (string, error) { return "", ErrMalformed }

// Wrap seals a data key of at most 256 bytes. Keys that wrap are kept for ever.
func (r *Ring) Wrap(dataKey, aad []byte) ([]byte, error) { return nil, errors.ErrUnsupported }

// Unwrap is the inverse of [Ring.Wrap]; aad must be the same.
func (r *Ring) Unwrap(wrapped, aad []byte) ([]byte, error) { return nil, ErrMalformed }

// Tick rotates when it is time and drops keys past their overlap. Call it every few minutes.
func (r *Ring) Tick(ctx context.Context) error { return nil }

// Rotate activates the prepared key of this node and prepares another.
func (r *Ring) Rotate(ctx context.Context) error { return nil }

// Reload reads the keys that other nodes have made.
func (r *Ring) Reload(ctx context.Context) error { return nil }

// PackedPercent is STS's PackedPolicySize: how much of the room for session policies and tags s
// takes, in per cent. More than 100 is to be refused (PackedPolicyTooLarge).
func PackedPercent(s *identity.Session) int { return 0 }
