// Package webidentity gets credentials by exchanging an OIDC token, as Kubernetes and CI systems put
// it in a file, for a role's session (STS AssumeRoleWithWebIdentity).
package webidentity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sts"
)

// Source is the Origin.Source of what this package yields.
const Source = "web-identity"

// maxToken is STS's limit for a token.
const maxToken = 20000

// STS is the call that the provider needs; *sts.Client has it.
type STS interface {
	AssumeRoleWithWebIdentity(ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleOutput, error)
}

// Options say which role and where the token is.
type Options struct {
	// Client calls STS.
	Client STS
	// RoleARN is the role; SessionName "" becomes "rolecall-" and the time in seconds.
	RoleARN, SessionName string
	// TokenFile is read at every call, since what writes it replaces it.
	TokenFile string
	// Duration is the session's; 0 leaves it to the service.
	Duration time.Duration
	// Location is where the role was named, for the Origin.
	Location string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider exchanges a token at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider for o.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o}
}

// Retrieve reads the token and exchanges it.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	if p.o.RoleARN == "" {
		return none, fmt.Errorf("%s: a web identity token file without a role", p.o.Location)
	}
	token, err := readToken(p.o.TokenFile)
	if err != nil {
		return none, fmt.Errorf("web identity token file %s: %w", p.o.TokenFile, err)
	}
	in := &sts.AssumeRoleWithWebIdentityInput{
		RoleARN: p.o.RoleARN, SessionName: p.o.SessionName, Token: token, Duration: p.o.Duration,
	}
	if in.SessionName == "" {
		in.SessionName = "rolecall-" + strconv.FormatInt(p.o.Now().Unix(), 10)
	}
	out, err := p.o.Client.AssumeRoleWithWebIdentity(ctx, in)
	if err != nil {
		return none, fmt.Errorf("role %s: %w", p.o.RoleARN, err)
	}
	creds := out.Credentials
	if creds.ExpiredAt(p.o.Now()) {
		return none, fmt.Errorf("role %s: STS answered with credentials that are already expired (is this machine's clock right?)", p.o.RoleARN)
	}
	creds.Origin = rolecall.Origin{
		Source: Source, Location: p.o.Location, Detail: p.o.RoleARN, At: p.o.Now(),
		Via: &rolecall.Origin{Source: "token-file", Location: p.o.TokenFile, At: p.o.Now()},
	}
	return creds, nil
}

func readToken(path string) (rolecall.Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return rolecall.Secret{}, bare(err)
	}
	if !info.Mode().IsRegular() {
		return rolecall.Secret{}, errors.New("it is no regular file")
	}
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return rolecall.Secret{}, bare(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxToken+2))
	if err != nil {
		return rolecall.Secret{}, bare(err)
	}
	// A line feed at the end is what an editor or echo leaves; no token contains one.
	token := strings.TrimRight(string(text), "\r\n")
	switch {
	case token == "":
		return rolecall.Secret{}, errors.New("it is empty")
	case len(token) > maxToken:
		return rolecall.Secret{}, fmt.Errorf("it is longer than %d bytes", maxToken)
	}
	return rolecall.NewSecret(token), nil
}

func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
