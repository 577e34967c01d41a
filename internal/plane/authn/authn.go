// Package authn establishes who signed a request: it parses and proves the signature, opens the
// session token of temporary credentials, and yields the principal. It does no I/O: keys and
// entities come from the directory's snapshot, sessions out of their tokens.
//
// Whether the principal may do what it asks is package authz's question.
package authn

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// Directory yields the identities in force.
type Directory interface {
	Snapshot() *directory.Snapshot
}

// Tokens opens session tokens.
type Tokens interface {
	Open(accessKeyID, token string) (*identity.Session, rolecall.Secret, error)
}

// Options of an [Authenticator].
type Options struct {
	Directory Directory
	Tokens    Tokens
	// RootKeys are keys of account roots that are configured and not kept in the directory.
	RootKeys []*identity.AccessKey
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Logger gets the canonical request of signatures that did not match, at level Debug.
	Logger *slog.Logger
	// Sessions bounds the opened sessions that are kept; 0 means 2048.
	Sessions int
}

// Authenticator establishes who signed. It is safe for concurrent use.
type Authenticator struct {
	directory Directory
	tokens    Tokens
	verifier  *sigv4.Verifier
	now       func() time.Time
	logger    *slog.Logger
	sessions  *cache[*openSession]
	keys      *cache[*knownKey]
	rootKeys  map[string]*identity.AccessKey // read-only
}

// Caller is an authenticated (or anonymous) requester.
type Caller struct {
	Principal *identity.Principal
	// Signature is what was verified; nil for an anonymous request.
	Signature *sigv4.Signature
	// Secret is what the signature was proven with; the S3 layer proves chunks with it.
	Secret rolecall.Secret
}

// New returns an authenticator.
func New(o Options) *Authenticator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Sessions == 0 {
		o.Sessions = 2048
	}
	rootKeys := map[string]*identity.AccessKey{}
	for _, k := range o.RootKeys {
		rootKeys[k.ID] = k
	}
	return &Authenticator{
		rootKeys:  rootKeys,
		directory: o.Directory,
		tokens:    o.Tokens,
		verifier:  sigv4.NewVerifier(sigv4.VerifierOptions{Now: o.Now}),
		now:       o.Now,
		logger:    o.Logger,
		sessions:  newCache[*openSession](o.Sessions),
		keys:      newCache[*knownKey](o.Sessions),
	}
}

// Verifier is what proves signatures, for the S3 layer to prove bodies with.
func (a *Authenticator) Verifier() *sigv4.Verifier { return a.verifier }

// Authenticate establishes who signed r, for a service of dialect d that the credential must be
// scoped to. payloadHash is the hexadecimal SHA-256 of the body, "" for S3, where the declared one
// counts.
//
// An unsigned request yields an Anonymous principal and no error: whether that is enough is the
// service's to say. Errors are answers in the dialect's terms.
func (a *Authenticator) Authenticate(r *http.Request, d sigv4.Dialect, service, payloadHash string) (Caller, *awsapi.Error) {
	signature, err := sigv4.ParseDialect(r, d)
	switch {
	case errors.Is(err, sigv4.ErrNoSignature):
		return Caller{Principal: &anonymous}, nil
	case err != nil:
		return Caller{}, a.refusal(err)
	}
	claimed := Caller{Principal: &identity.Principal{Kind: identity.Anonymous, AccessKeyID: signature.AccessKeyID}, Signature: signature}
	if signature.Scope.Service != service {
		return claimed, wrongService(d, service)
	}
	principal, secret, refused := a.identify(signature, d)
	if refused != nil {
		return claimed, refused
	}
	if err := a.verifier.Verify(r, signature, secret, payloadHash); err != nil {
		return claimed, a.refusal(err)
	}
	if s := principal.Session; s != nil && !a.now().Before(s.Expires) {
		return claimed, expired(d)
	}
	return Caller{Principal: principal, Signature: signature, Secret: secret}, nil
}

// anonymous is shared: principals are read-only once authenticated.
var anonymous = identity.Principal{Kind: identity.Anonymous, ARN: "anonymous", UserID: "anonymous"}

// identify finds the principal that the signature claims, and the secret that would prove it.
func (a *Authenticator) identify(s *sigv4.Signature, d sigv4.Dialect) (*identity.Principal, rolecall.Secret, *awsapi.Error) {
	if !s.SessionToken.IsZero() {
		return a.identifySession(s, d)
	}
	if strings.HasPrefix(s.AccessKeyID, string(identity.PrefixTemporaryKey)) {
		return nil, rolecall.Secret{}, unknownKey(d)
	}
	return a.identifyKey(s.AccessKeyID, d)
}

// knownKey is a long-lived key's principal, good while key and user are the same snapshot entries.
type knownKey struct {
	key       *identity.AccessKey
	user      *identity.UserEntity
	principal *identity.Principal
}

func (a *Authenticator) identifyKey(id string, d sigv4.Dialect) (*identity.Principal, rolecall.Secret, *awsapi.Error) {
	snapshot := a.directory.Snapshot()
	key := a.rootKeys[id]
	if key == nil {
		key = snapshot.AccessKey(id)
	}
	if key == nil || key.Status != identity.StatusActive {
		return nil, rolecall.Secret{}, unknownKey(d)
	}
	var user *identity.UserEntity
	if key.UserID != "" {
		if user = snapshot.UserByID(key.UserID); user == nil {
			return nil, rolecall.Secret{}, unknownKey(d)
		}
	}
	if known, ok := a.keys.get(id); ok && known.key == key && known.user == user {
		return known.principal, key.Secret, nil
	}
	principal := rootPrincipal(key.Account)
	if user != nil {
		principal = userPrincipal(user)
	}
	principal.AccessKeyID = id
	a.keys.put(id, &knownKey{key: key, user: user, principal: principal})
	return principal, key.Secret, nil
}

// refusal turns a signature error into an answer; its detail goes to the debug log only.
func (a *Authenticator) refusal(err error) *awsapi.Error {
	var refused *sigv4.Error
	if !errors.As(err, &refused) {
		return awsapi.Internal(err)
	}
	if refused.Detail != "" {
		a.logger.Debug("signature refused", "code", refused.Code, "detail", refused.Detail)
	}
	return &awsapi.Error{Code: refused.Code, Message: refused.Message, Status: refused.Status}
}
