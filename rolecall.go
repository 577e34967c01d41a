// Package rolecall is the vocabulary that every part of rolecall shares: what AWS credentials are,
// where they came from, how one asks for them, and how they are kept fresh.
//
// It depends on the standard library and golang.org/x/sync only. Ways to get credentials live in
// provider/, their order in chain/.
package rolecall

import (
	"context"
	"errors"
	"time"
)

// Credentials are one AWS identity's means to sign requests.
//
// The zero value is not usable: see [Credentials.Complete].
type Credentials struct {
	// AccessKeyID names the key; it is not secret. AKIA… is long-lived, ASIA… temporary.
	AccessKeyID string
	// SecretAccessKey signs.
	SecretAccessKey Secret
	// SessionToken accompanies temporary credentials; zero for long-lived keys.
	SessionToken Secret
	// Expires is when the issuer stops accepting them; zero means that they do not expire.
	Expires time.Time
	// AccountID is the twelve-digit account, or "" when the source does not tell.
	AccountID string
	// Origin tells where they came from.
	Origin Origin
}

// Complete reports whether c has the parts that signing needs.
func (c Credentials) Complete() bool {
	return c.AccessKeyID != "" && !c.SecretAccessKey.IsZero()
}

// CanExpire reports whether c carries an expiry time.
func (c Credentials) CanExpire() bool { return !c.Expires.IsZero() }

// ExpiredAt reports whether c is past its expiry at now.
func (c Credentials) ExpiredAt(now time.Time) bool {
	return c.CanExpire() && !now.Before(c.Expires)
}

// Provider yields credentials from one source, or from several in order.
//
// Retrieve draws the line that a chain depends on:
//
//   - "Not here": the source is absent (variable unset, profile without such keys, no metadata
//     service configured). The error matches [ErrNotHere]; a chain asks its next source.
//   - "Broken here": the source is present and does not yield (an unreadable file, a command that
//     fails, an endpoint that refuses). The error does not match [ErrNotHere]; a chain stops and
//     reports it, because going on would silently pick another identity.
//
// On a nil error the credentials are [Credentials.Complete], not expired, and carry an Origin.
// Retrieve honours ctx, is safe for concurrent use, and never caches unless its documentation says
// so; [Cache] does that.
type Provider interface {
	Retrieve(ctx context.Context) (Credentials, error)
}

// ProviderFunc lets a function be a [Provider].
type ProviderFunc func(ctx context.Context) (Credentials, error)

// Retrieve calls f.
func (f ProviderFunc) Retrieve(ctx context.Context) (Credentials, error) { return f(ctx) }

// ErrNotHere marks the absence of a source, as opposed to its failure; see [Provider].
var ErrNotHere = errors.New("no credentials here")

// NotHere returns an error that matches [ErrNotHere] and reads as reason alone.
func NotHere(reason string) error { return notHere(reason) }

type notHere string

func (e notHere) Error() string        { return string(e) }
func (e notHere) Is(target error) bool { return target == ErrNotHere }

// Static returns a provider that always yields c.
func Static(c Credentials) Provider {
	return ProviderFunc(func(context.Context) (Credentials, error) { return c, nil })
}
