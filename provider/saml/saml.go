// Package saml gets credentials by exchanging a SAML response, which a command yields, for a role's session
// (STS AssumeRoleWithSAML).
//
// It reads of the response what a person would have to copy by hand otherwise: which roles it offers, for how
// long, and whether it is over. It checks no signature: that is the service's part, and nothing here decides who may do what.
package saml

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sts"
)

// Source is the Origin.Source of what this package yields; AssertionSource is that of the response behind it.
const (
	Source          = "saml"
	AssertionSource = "saml-assertion"
)

// STS is the call that the provider needs; *sts.Client has it.
type STS interface {
	AssumeRoleWithSAML(ctx context.Context, in *sts.AssumeRoleWithSAMLInput) (*sts.AssumeRoleOutput, error)
}

// Options say where the response is from, and which of its roles is meant.
type Options struct {
	// Client calls STS.
	Client STS
	// Assertion returns the identity provider's response: XML, or its base64.
	Assertion func(ctx context.Context) ([]byte, error)
	// RoleARN and ProviderARN choose among the roles that the response offers; either may be "" if the
	// other one or the response leaves one.
	RoleARN, ProviderARN string
	// Duration is the session's; 0 is what the response says (SessionDuration), else what the service gives (one hour).
	Duration time.Duration
	// Profile and Location are where the command was named.
	Profile, Location string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider asks for a response at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider for o. It does not cache.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o}
}

// Retrieve gets a response and exchanges it. All failures are faults: the profile asks for SAML. Errors never
// quote the response, but for the roles that it offers.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	creds, err := p.retrieve(ctx)
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("%s: saml_process of profile %q %w", p.o.Location, p.o.Profile, err)
	}
	return creds, nil
}

func (p *Provider) retrieve(ctx context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	out, err := p.o.Assertion(ctx)
	if errors.Is(err, rolecall.ErrNotHere) {
		// The reason stays, the mark goes: a chain must not go on to another identity.
		return none, errors.New(err.Error())
	}
	if err != nil {
		return none, err
	}
	r, err := Parse(out)
	if err != nil {
		return none, err
	}
	if err := r.valid(p.o.Now()); err != nil {
		return none, err
	}
	role, err := r.choose(Role{p.o.RoleARN, p.o.ProviderARN})
	if err != nil {
		return none, err
	}
	in := sts.AssumeRoleWithSAMLInput{RoleARN: role.ARN, ProviderARN: role.Provider, Assertion: r.encoded, Duration: p.o.Duration}
	if in.Duration == 0 {
		in.Duration = r.SessionDuration
	}
	answer, err := p.o.Client.AssumeRoleWithSAML(ctx, &in)
	if err != nil {
		return none, fmt.Errorf("got a response that was not taken for role %s: %w", role.ARN, err)
	}
	creds, now := answer.Credentials, p.o.Now()
	if creds.ExpiredAt(now) {
		return none, fmt.Errorf("led to credentials of role %s that are already expired (is this machine's clock right?)", role.ARN)
	}
	creds.Origin = rolecall.Origin{
		Source: Source, Location: p.o.Location, Detail: role.ARN, At: now,
		Via: &rolecall.Origin{Source: AssertionSource, Location: p.o.Location, Detail: r.Issuer, At: now},
	}
	return creds, nil
}
