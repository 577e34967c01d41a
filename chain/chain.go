// Package chain finds credentials the way the AWS SDKs do: it knows the sources, their order, and
// the files and variables that configure them. docs/chain.md lists its choices where the SDKs
// disagree. It is the only package that imports all providers.
package chain

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Options configure a chain. The zero value is what an SDK does in this process.
type Options struct {
	// Environ is the environment as "NAME=value"; nil is the process's.
	Environ []string
	// Profile chooses a profile, as --profile does: it wins over AWS_PROFILE, and keys in the
	// environment no longer count.
	Profile string
	// RoleARN is one more role to take on with what the chain found.
	RoleARN string
	// Source restricts the chain to one source; see the Source constants.
	Source string
	// Region overrides the environment's and the profile's region.
	Region string
	// ConfigFile and CredentialsFile override the files' places.
	ConfigFile, CredentialsFile string
	// HTTPClient carries the calls to AWS; nil makes one that honours AWS_CA_BUNDLE.
	HTTPClient *http.Client
	// TokenCode asks a person for the code of a second factor; nil means that nobody can be asked.
	TokenCode func(ctx context.Context, serial string) (string, error)
	// Device asks a person which of several second factors is at hand; nil takes the first.
	Device func(ctx context.Context, serials []string) (string, error)
	// Sessions keeps sessions between processes; nil is the AWS CLI's cache folder (see
	// [FileSessions]), [NoSessions] keeps none.
	Sessions SessionStore
	// Stderr gets what a credential_process says to a person; nil is nothing. Its standard input
	// is Stdin.
	Stderr io.Writer
	// Stdin lets a credential_process ask a person; nil is nothing.
	Stdin io.Reader
	// Logger gets what is worth knowing and not an error, such as half a key pair that was ignored.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Files reads the files that say what there is; nil is this process's file system. With another
	// one the chain is there to be explained, not to be asked.
	Files FileReader

	// dialContainer lets tests stand in for the container addresses.
	dialContainer func(ctx context.Context, network, address string) (net.Conn, error)
}

// Sources, in the order in which the chain asks them.
const (
	SourceEnvironment = "environment"
	SourceWebIdentity = "web-identity"
	SourceProfile     = "profile"
	SourceContainer   = "container"
	SourceIMDS        = "imds"
)

// SessionStore keeps the sessions that chains got, so that processes share them.
type SessionStore interface {
	// Session returns the credentials kept under key if fresh says that they will do; otherwise it
	// calls fetch and keeps the result, in one process at a time per key. When fetch fails and
	// the kept credentials are not expired, those are returned.
	Session(ctx context.Context, key SessionKey, fresh func(rolecall.Credentials) bool,
		fetch func(context.Context) (rolecall.Credentials, error)) (rolecall.Credentials, error)
}

// SessionKey names a session.
type SessionKey struct {
	// ID is a file-name-safe digest of all that distinguishes the session.
	ID string
	// Source is the access key id that the session is got with, "" when it is not known without a call.
	Source string
	// Shared tells that the AWS CLI keeps the same session under the same ID.
	Shared bool
	// SSO tells that it is the session of an SSO role.
	SSO bool
}

// Default returns the default chain as a provider. It reads the files now and calls nothing.
func Default(o Options) (rolecall.Provider, error) {
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Resolution is what Resolve found.
type Resolution struct {
	Credentials rolecall.Credentials
	// Region is "" when none is configured; RegionOrigin is where it is set.
	Region, RegionOrigin string
	// Profile is the profile that was consulted, "" when none exists.
	Profile string
}

// Resolve makes a chain, asks it once, and tells the region too.
func Resolve(ctx context.Context, o Options) (*Resolution, error) {
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	creds, err := c.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	region, where := c.Region()
	return &Resolution{Credentials: creds, Region: region, RegionOrigin: where, Profile: c.Profile()}, nil
}
