package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// freshFor is how long fetched keys are used without asking again.
	freshFor = time.Hour
	// staleFor is how long they are used when the provider does not answer: a provider that is down
	// locks nobody out, and one that withdrew a key is believed within a day.
	staleFor = 24 * time.Hour
	// retryAfter is the shortest time between two fetches of one provider's keys, whoever asks, and
	// however many tokens name keys that nobody has heard of.
	retryAfter = 10 * time.Second
	// maxProviders bounds the cache. Only providers that an account registered get in.
	maxProviders = 4096
	// maxKeys bounds a key set.
	maxKeys = 200
	// minRSABits is the shortest RSA key that counts, RFC 7518 section 3.3.
	minRSABits = 2048
)

// errNoKey: the provider has no key of the token's id and algorithm.
var errNoKey = errors.New("provider has no such key")

// keyring keeps the keys of providers. No lock is held while one is asked.
type keyring struct {
	fetch  func(ctx context.Context, issuer string, thumbprints []string) ([]byte, error)
	now    func() time.Time
	logger *slog.Logger

	mu        sync.Mutex
	providers map[string]*provided
}

// provided is what is known of one provider.
type provided struct {
	keys    []jose.JSONWebKey // replaced, never changed
	fetched time.Time         // when keys were fetched
	tried   time.Time         // when a fetch last began
	failed  error             // why the last fetch yielded nothing; nil if it did not fail
	flight  chan struct{}     // closed when the fetch under way ends; nil if none is
}

// find returns the public keys that may have signed with algorithm under the id kid, and asks the
// provider if it must.
func (k *keyring) find(ctx context.Context, issuer string, thumbprints []string, kid string, algorithm jose.SignatureAlgorithm) ([]any, error) {
	// Thumbprints are part of the name: what one account was told over a connection that it trusts is
	// nothing that another one trusts.
	name := issuer + "\x00" + strings.Join(slices.Sorted(slices.Values(thumbprints)), ",")
	for round := 0; ; round++ {
		p, flight, leads := k.join(name, kid, algorithm, round == 0)
		switch {
		case leads:
			p = k.lead(ctx, name, issuer, thumbprints)
		case flight != nil:
			select {
			case <-flight:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			continue // the outcome counts, whoever brought it about
		}
		if found := p.find(kid, algorithm, k.now()); len(found) > 0 {
			return found, nil
		}
		if p.failed != nil {
			return nil, p.failed
		}
		return nil, fmt.Errorf("%w: %.100q for %s", errNoKey, kid, algorithm)
	}
}

// join decides what a token that needs a key does: use what is known (a copy of it), wait for the fetch
// under way, or fetch.
func (k *keyring) join(name, kid string, algorithm jose.SignatureAlgorithm, mayLead bool) (now provided, flight chan struct{}, leads bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := k.now()
	p := k.providers[name]
	if p == nil {
		k.makeRoom()
		p = &provided{}
		k.providers[name] = p
	}
	known := len(p.find(kid, algorithm, at)) > 0
	switch {
	case known && at.Sub(p.fetched) < freshFor, !mayLead && p.flight == nil:
		return *p, nil, false
	case p.flight != nil && !known:
		return provided{}, p.flight, false
	case p.flight != nil, !p.tried.IsZero() && at.Sub(p.tried) < retryAfter:
		return *p, nil, false
	}
	p.tried, p.flight = at, make(chan struct{})
	return provided{}, nil, true
}

// lead fetches for all who wait. The caller's going away does not end it: the others still want the keys.
func (k *keyring) lead(ctx context.Context, name, issuer string, thumbprints []string) provided {
	text, err := k.fetch(context.WithoutCancel(ctx), issuer, thumbprints)
	var keys []jose.JSONWebKey
	if err == nil {
		keys, err = parseKeys(text)
	}
	if err != nil {
		k.logger.Warn("keys of an OpenID Connect provider could not be had", "issuer", issuer, "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.providers[name]
	if p == nil {
		p = &provided{flight: make(chan struct{})} // forgotten meanwhile; the answer is good for this caller
	}
	if err == nil {
		p.keys, p.fetched = keys, p.tried
	}
	p.failed = err
	if p.flight != nil {
		close(p.flight)
		p.flight = nil
	}
	return *p
}

// makeRoom forgets the provider that was asked longest ago, if there are too many.
func (k *keyring) makeRoom() {
	if len(k.providers) < maxProviders {
		return
	}
	oldest := ""
	for name, p := range k.providers {
		if p.flight == nil && (oldest == "" || p.tried.Before(k.providers[oldest].tried)) {
			oldest = name
		}
	}
	delete(k.providers, oldest)
}

// find returns the keys of that id and for that algorithm, if they are not too old. A token without an
// id may use the only key that fits.
func (p *provided) find(kid string, algorithm jose.SignatureAlgorithm, now time.Time) []any {
	if p.fetched.IsZero() || now.Sub(p.fetched) >= staleFor {
		return nil
	}
	var found []any
	for i := range p.keys {
		key := &p.keys[i]
		if (kid == "" || key.KeyID == kid) && fits(key, algorithm) {
			found = append(found, key.Key)
		}
	}
	if kid == "" && len(found) > 1 {
		return nil
	}
	return found
}

// fits tells whether the key may sign with the algorithm, by its kind and by what the provider says.
func fits(key *jose.JSONWebKey, algorithm jose.SignatureAlgorithm) bool {
	if key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(string(algorithm), "RS")
	case *ecdsa.PublicKey:
		return curves()[algorithm] == public.Curve.Params().BitSize
	default:
		return false
	}
}

// curves are the only ones that RFC 7518 section 3.4 allows with each algorithm, by their size.
func curves() map[jose.SignatureAlgorithm]int {
	return map[jose.SignatureAlgorithm]int{jose.ES256: 256, jose.ES384: 384, jose.ES512: 521}
}

// parseKeys reads a JSON Web Key Set and keeps what can verify signatures. Keys that it does not know are
// passed over, as RFC 7517 section 5 says.
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%w: keys: %w", errDocument, err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: it has %d keys, at most %d are read", errDocument, len(set.Keys), maxKeys)
	}
	keys := make([]jose.JSONWebKey, 0, len(set.Keys))
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil || !key.IsPublic() || !key.Valid() || key.Use != "" && key.Use != "sig" {
			continue
		}
		if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < minRSABits {
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: it has no key that verifies signatures", errDocument)
	}
	return keys, nil
}
