package sigv4

import (
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// VerifierOptions configure a [Verifier].
type VerifierOptions struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Keys caches signing keys; nil makes a cache of 4096.
	Keys *KeyCache
}

// Verifier proves signatures. It is safe for concurrent use.
type Verifier struct {
	now  func() time.Time
	keys *KeyCache
}

// NewVerifier returns a verifier.
func NewVerifier(o VerifierOptions) *Verifier {
	v := &Verifier{now: o.Now, keys: o.Keys}
	if v.now == nil {
		v.now = time.Now
	}
	if v.keys == nil {
		v.keys = NewKeyCache(4096)
	}
	return v
}

// Verify proves that r was signed with secret, at a time that is near enough, over the host and
// every X-Amz-… header that r carries. s is what [Parse] returned for r.
//
// payloadHash is the hexadecimal SHA-256 of the body for Query-dialect services; for S3 pass "":
// the declared payload counts, and [Verifier.Body] holds the body to it.
//
// A refusal is an *[Error].
func (v *Verifier) Verify(r *http.Request, s *Signature, secret rolecall.Secret, payloadHash string) error {
	return v.verify(r, s, secret, payloadHash)
}
