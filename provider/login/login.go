// Package login gets the credentials that `aws login` left in the shared login cache (login_session).
// It uses them while they live; it neither refreshes them nor signs anybody in.
package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
)

// Source is the Origin.Source of what this package yields.
const Source = "login"

// Options say which session.
type Options struct {
	// Session is the profile's login_session.
	Session string
	// CacheDir is the folder of tokens, ~/.aws/login/cache or AWS_LOGIN_CACHE_DIRECTORY.
	CacheDir string
	// Profile and Location are where the session was named.
	Profile, Location string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// SignInError says that a person has to sign in again.
type SignInError struct{ Reason, Profile string }

func (e *SignInError) Error() string { return e.Reason }

// Command is what signs in with the AWS CLI.
func (e *SignInError) Command() string { return "aws login --profile " + e.Profile }

// Provider reads the cache at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider for o.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o}
}

// Path is the cache file of the session.
func (p *Provider) Path() string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(p.o.Session)))
	return filepath.Join(p.o.CacheDir, hex.EncodeToString(sum[:])+".json")
}

// Retrieve returns the session's credentials; all failures are faults: the profile asks for them.
func (p *Provider) Retrieve(context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	path := p.Path()
	data, err := awscache.Read(path)
	if awscache.IsMissing(err) {
		return none, p.signIn("there is no login token: nobody is signed in")
	}
	if err != nil {
		return none, err
	}
	var entry struct {
		AccessToken struct{ AccessKeyID, SecretAccessKey, SessionToken, AccountID, ExpiresAt string }
	}
	if err := json.Unmarshal(data, &entry); err != nil {
		return none, p.signIn("the login token file " + path + " is damaged")
	}
	k := entry.AccessToken
	expires, err := awscache.ParseTime(k.ExpiresAt)
	if err != nil || k.AccessKeyID == "" || k.SecretAccessKey == "" || k.SessionToken == "" {
		return none, p.signIn("the login token file " + path + " is damaged")
	}
	if !p.o.Now().Before(expires) {
		return none, p.signIn("the login session's credentials expired at " + expires.UTC().Format(time.RFC3339))
	}
	return rolecall.Credentials{
		AccessKeyID: k.AccessKeyID, SecretAccessKey: rolecall.NewSecret(k.SecretAccessKey),
		SessionToken: rolecall.NewSecret(k.SessionToken), Expires: expires, AccountID: k.AccountID,
		Origin: rolecall.Origin{Source: Source, Location: p.o.Location, Detail: p.o.Session, At: p.o.Now(),
			Via: &rolecall.Origin{Source: "login-token", Location: path, At: p.o.Now()}},
	}, nil
}

func (p *Provider) signIn(reason string) error {
	return fmt.Errorf("%s: profile %q: %w", p.o.Location, p.o.Profile, &SignInError{Reason: reason, Profile: p.o.Profile})
}
