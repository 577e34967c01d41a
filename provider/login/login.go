// Package login gets the credentials of a session that `aws login` opened (login_session in a profile). It
// reads them from the cache that the AWS CLI and the SDKs share, and refreshes them there with the
// sign-in service (CreateOAuth2Token) when they are near their end. It signs nobody in.
//
// The behaviour is that of botocore's LoginProvider, of logincreds in the SDK for Go and of
// credential-provider-login in the SDK for JavaScript; where this package goes beyond them (one refresh for many
// processes, whole files, credentials that outlive a failed refresh) their files stay readable by them.
package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
)

// Source is the Origin.Source of what this package yields; TokenSource is that of the file behind it.
const (
	Source      = "login"
	TokenSource = "login-token"
)

const (
	// RefreshWindow is how long before their end credentials are refreshed, as by botocore and the SDK for
	// JavaScript. Sessions' credentials live 15 minutes.
	RefreshWindow = 5 * time.Minute
	// RefreshTimeout bounds a refresh with all its attempts when there is nothing else to serve.
	RefreshTimeout = 20 * time.Second
	// EarlyTimeout bounds one that is made while the present credentials still live.
	EarlyTimeout = 5 * time.Second
	// LockWait bounds how long a process without valid credentials waits for another one's refresh.
	LockWait = 30 * time.Second
)

// Options say which session, and how it is refreshed.
type Options struct {
	// Session is the profile's login_session, the ARN of who signed in.
	Session string
	// CacheDir is the folder of tokens, ~/.aws/login/cache or AWS_LOGIN_CACHE_DIRECTORY.
	CacheDir string
	// Region is that of the sign-in service unless the token names one (signInRegion).
	Region string
	// Endpoint overrides the service's URL; UseFIPS and UseDualStack choose variants of the derived one and
	// do not go with it.
	Endpoint              string
	UseFIPS, UseDualStack bool
	// MaxAttempts bounds how often a refresh that failed on the way, or with a 5xx or 429 answer, is tried; 0 means 3.
	MaxAttempts int
	// Profile and Location are where the session was named.
	Profile, Location string
	// HTTPClient carries the calls; nil is a plain one. Redirects are not followed.
	HTTPClient *http.Client
	// Logger gets failed refreshes that did not matter yet; nil discards them.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// SignInError says that a person has to sign in again.
type SignInError struct {
	// Reason says why.
	Reason string
	// Profile is the one that names the session.
	Profile string
	// Err is the refusal behind it, if any.
	Err error
}

func (e *SignInError) Error() string { return e.Reason }

// Unwrap returns the refusal.
func (e *SignInError) Unwrap() error { return e.Err }

// Command is what signs in with the AWS CLI.
func (e *SignInError) Command() string {
	if e.Profile == "" {
		return "aws login"
	}
	return "aws login --profile " + e.Profile
}

// Provider reads the cache at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider for o.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Provider{o}
}

// Retrieve returns the session's credentials, refreshed if they end within [RefreshWindow]. While they live, a
// refresh that fails or that another process is at does not keep them from being served; expired ones are
// never served. All failures are faults: the profile asks for the session.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	t, err := p.read(ctx)
	if err == nil && t.expires.Sub(p.o.Now()) <= RefreshWindow {
		t, err = p.renew(ctx, t)
	}
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("%s: profile %q: %w", p.o.Location, p.o.Profile, err)
	}
	now := p.o.Now()
	return rolecall.Credentials{
		AccessKeyID: t.accessKeyID, SecretAccessKey: t.secretAccessKey, SessionToken: t.sessionToken,
		Expires: t.expires, AccountID: t.accountID,
		Origin: rolecall.Origin{
			Source: Source, Location: p.o.Location, Detail: p.o.Session, At: now,
			Via: &rolecall.Origin{Source: TokenSource, Location: p.Path(), At: now},
		},
	}, nil
}

// errBusy says that another process is refreshing.
var errBusy = errors.New("another process is refreshing the login session")

// renew returns a token that is good to serve: a new one, or old while it lives.
func (p *Provider) renew(ctx context.Context, old *token) (*token, error) {
	t, err := p.refresh(ctx, old.expires.After(p.o.Now()))
	switch {
	case err == nil:
		return t, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case old.expires.After(p.o.Now()):
		if !errors.Is(err, errBusy) {
			p.o.Logger.Warn("the login session could not be refreshed; its credentials are still valid",
				"profile", p.o.Profile, "error", err.Error(), "expires", old.expires.UTC().Format(time.RFC3339))
		}
		return old, nil
	}
	return nil, err
}

// refresh exchanges the refresh token, in one process at a time; the others find the result in the file. living
// tells that there is something to serve meanwhile, so that nobody should wait for long.
func (p *Provider) refresh(ctx context.Context, living bool) (*token, error) {
	wait, limit := LockWait, RefreshTimeout
	if living {
		wait, limit = 50*time.Millisecond, EarlyTimeout
	}
	lockCtx, cancel := context.WithTimeout(ctx, wait)
	unlock, err := awscache.Lock(lockCtx, p.Path())
	late := lockCtx.Err() != nil
	cancel()
	if err != nil && late && ctx.Err() == nil {
		return nil, errBusy
	}
	if err != nil {
		// The old refresh token may be spent by a refresh: without a place for the new one, the person
		// would have to sign in again.
		return nil, fmt.Errorf("the login session cannot be refreshed: %w", err)
	}
	defer unlock()
	t, err := p.read(ctx)
	if err != nil || t.expires.Sub(p.o.Now()) > RefreshWindow {
		return t, err
	}
	callCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fresh, err := p.exchange(callCtx, t)
	if err != nil {
		return nil, err
	}
	data, err := fresh.encode()
	if err == nil {
		err = awscache.Write(p.Path(), data)
	}
	if err != nil {
		p.o.Logger.Warn("the refreshed login session could not be kept; you may have to sign in again", "profile", p.o.Profile, "error", err.Error())
	}
	return fresh, nil
}

func (p *Provider) signIn(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &SignInError{Reason: err.Error(), Profile: p.o.Profile, Err: errors.Unwrap(err)}
}
