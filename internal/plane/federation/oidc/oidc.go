// Package oidc proves the ID tokens of OpenID Connect providers that an account trusts, for
// sts:AssumeRoleWithWebIdentity. It fetches a provider's keys when it needs them, within bounds, and
// keeps them; nobody's token makes it connect anywhere but to a provider that somebody with the right to
// do so registered.
package oidc

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rolecall-dev/rolecall/internal/plane/federation"
)

// Provider is a provider as an account registered it.
type Provider struct {
	// URL is the issuer without its scheme, as IAM stores it.
	URL string
	// ClientIDs are the audiences that the account accepts.
	ClientIDs []string
	// Thumbprints are SHA-1 hashes of certificates in lower-case hexadecimal. They count if no known
	// authority vouches for the provider's server.
	Thumbprints []string
}

// Options of a [Verifier]. The zero value is the right one for providers on the Internet.
type Options struct {
	// TrustedNetworks are networks with providers, beside the public Internet.
	TrustedNetworks []netip.Prefix
	// AllowHTTP accepts issuers whose URL begins with http://. For tests and development: whoever is on
	// the way can then sign tokens.
	AllowHTTP bool
	// Roots are the certificate authorities that vouch for providers' servers; nil means the system's.
	Roots *x509.CertPool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger gets why keys could not be fetched, once for each attempt; nil discards.
	Logger *slog.Logger
}

// Verifier proves tokens. It is safe for concurrent use and starts no goroutines of its own.
type Verifier struct {
	now       func() time.Time
	allowHTTP bool
	keys      *keyring
}

// NewVerifier returns a verifier that knows no keys yet.
func NewVerifier(o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f := &fetcher{guard: newGuard(o.TrustedNetworks), tls: &trust{roots: o.Roots}, allowHTTP: o.AllowHTTP}
	return &Verifier{
		now: o.Now, allowHTTP: o.AllowHTTP,
		keys: &keyring{fetch: f.keySet, now: o.Now, logger: o.Logger, providers: map[string]*provided{}},
	}
}

// algorithms are those that AWS accepts: none that needs no key, and none whose key verifies and signs.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}
}

const (
	// maxToken is the API's limit on WebIdentityToken, in characters.
	maxToken = 20_000
	// maxAge is how old a token may be, whatever it says of its own end.
	maxAge = 24 * time.Hour
	// leeway is how far a provider's clock may be ahead of the plane's. Behind it may not be: a token that
	// has expired stays expired.
	leeway = 5 * time.Minute
)

// Messages that AWS is known to answer.
const (
	notAJWT    = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	noKey      = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
	thumbprint = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
	// From the descriptions of the errors in the API reference.
	unreachable = "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity token could not be reached."
	notProven   = "The web identity token that was passed could not be validated by AWS. Get a new identity token from the identity provider and then retry the request."
)

func invalid(message string, cause error) *federation.Error {
	return &federation.Error{Reason: federation.Invalid, Message: message, Cause: cause}
}

// Verify proves a token and returns what it says. lookup finds a provider of the account by its issuer's
// URL without the scheme, or returns nil. Errors are *[federation.Error].
func (v *Verifier) Verify(ctx context.Context, token string, lookup func(url string) *Provider) (*Claims, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return nil, invalid(notAJWT, nil)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms())
	if err != nil {
		return nil, invalid(notAJWT, err)
	}
	if len(signed.Signatures) != 1 {
		return nil, invalid(notAJWT, nil)
	}
	header := signed.Signatures[0].Protected
	if _, detached := header.ExtraHeaders["b64"]; detached {
		return nil, invalid(notAJWT, errors.New("the header changes how the payload is read"))
	}
	// What the token says of its issuer only selects the keys that must prove it.
	claimed, bad := parseClaims(signed.UnsafePayloadWithoutVerification())
	if bad != nil {
		return nil, bad
	}
	provider := v.provider(claimed.Issuer, lookup)
	if provider == nil {
		return nil, invalid("No OpenIDConnect provider found in your account for "+clip(claimed.Issuer), nil)
	}
	keys, err := v.keys.find(ctx, claimed.Issuer, provider.Thumbprints, header.KeyID, jose.SignatureAlgorithm(header.Algorithm))
	if err != nil {
		return nil, keyError(err)
	}
	if !slices.ContainsFunc(keys, func(key any) bool {
		_, err := signed.Verify(key)
		return err == nil
	}) {
		return nil, invalid(notProven, errors.New("signature does not match"))
	}
	if bad := claimed.check(provider, v.now()); bad != nil {
		return nil, bad
	}
	return claimed, nil
}

// provider finds whom the account trusts under the issuer's name. IAM keeps URLs without a slash at the end;
// issuers may have one.
func (v *Verifier) provider(issuer string, lookup func(url string) *Provider) *Provider {
	url, secure := strings.CutPrefix(issuer, "https://")
	if !secure {
		var plain bool
		if url, plain = strings.CutPrefix(issuer, "http://"); !plain || !v.allowHTTP {
			return nil
		}
	}
	if p := lookup(url); p != nil {
		return p
	}
	if bare, slash := strings.CutSuffix(url, "/"); slash {
		return lookup(bare)
	}
	return nil
}

func keyError(err error) *federation.Error {
	switch {
	case errors.Is(err, errNoKey), errors.Is(err, errDocument), errors.Is(err, errAddress):
		return invalid(noKey, err)
	case errors.Is(err, errThumbprint):
		return invalid(thumbprint, err)
	default:
		return &federation.Error{Reason: federation.Unreachable, Message: unreachable, Cause: err}
	}
}

// clip keeps what a caller sent from filling the answer.
func clip(s string) string {
	if len(s) > 256 {
		return strings.ToValidUTF8(s[:256], "") + "…"
	}
	return s
}
