// Package assumerole gets credentials by taking on a role with other credentials (STS AssumeRole).
package assumerole

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sts"
)

// Source is the Origin.Source of what this package yields.
const Source = "assume-role"

// MaxChained is the longest session of a role that is assumed with a role's session:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
const MaxChained = time.Hour

// STS is the call that the provider needs; *sts.Client has it.
type STS interface {
	AssumeRole(ctx context.Context, creds rolecall.Credentials, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error)
}

// Options say which role and how.
type Options struct {
	// Client calls STS.
	Client STS
	// Input are the parameters; an empty SessionName becomes "rolecall-" and the time in seconds.
	Input sts.AssumeRoleInput
	// Devices are the person's second factors, the usual one first; with none, Input.SerialNumber is the only one.
	Devices []string
	// Device asks which of several devices is at hand; without it the usual one is taken.
	Device func(ctx context.Context, serials []string) (string, error)
	// TokenCode asks for the device's code, unless the Input has it. Without it a role that needs a code
	// cannot be assumed.
	TokenCode func(ctx context.Context, serial string) (string, error)
	// Chained tells that the source yields a role's session. AWS gives sessions of [MaxChained] with those; a longer
	// Duration is warned of before the call, and asked for all the same, as by the SDKs: services other
	// than AWS's may give it.
	Chained bool
	// Logger gets warnings; nil discards them.
	Logger *slog.Logger
	// Location is where the role was named, for the Origin.
	Location string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider takes on a role; see [New].
type Provider struct {
	source rolecall.Provider
	o      Options
}

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider that signs with source's credentials. It does not cache.
//
// A source that is absent is a failure here, not an absence: the role was asked for.
func New(source rolecall.Provider, o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Provider{source: source, o: o}
}

// Retrieve gets the source's credentials and exchanges them.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	base, err := p.source.Retrieve(ctx)
	if errors.Is(err, rolecall.ErrNotHere) {
		// The reason stays, the mark goes: a chain must not go on to another identity.
		return none, fmt.Errorf("role %s: its source has no credentials: %s", p.o.Input.RoleARN, err.Error())
	}
	if err != nil {
		return none, fmt.Errorf("role %s: %w", p.o.Input.RoleARN, err)
	}
	in := p.o.Input
	if in.SessionName == "" {
		in.SessionName = "rolecall-" + strconv.FormatInt(p.o.Now().Unix(), 10)
	}
	if err := p.secondFactor(ctx, &in); err != nil {
		return none, fmt.Errorf("role %s %w", in.RoleARN, err)
	}
	tooLong := p.o.Chained && in.Duration > MaxChained
	if tooLong {
		p.o.Logger.Warn("a role that is assumed with a role's session lives one hour at most: AWS will refuse the duration",
			"role", in.RoleARN, "at", p.o.Location, "duration", in.Duration.String())
	}
	out, err := p.o.Client.AssumeRole(ctx, base, &in)
	var remote *sts.Error
	if tooLong && errors.As(err, &remote) && remote.Code == "ValidationError" {
		return none, fmt.Errorf("role %s: %w (asked for %s, and a role that is assumed with a role's session lives one hour at most)", in.RoleARN, err, in.Duration)
	}
	if err != nil {
		return none, fmt.Errorf("role %s: %w", in.RoleARN, err)
	}
	creds := out.Credentials
	if creds.ExpiredAt(p.o.Now()) {
		return none, fmt.Errorf("role %s: STS answered with credentials that are already expired (is this machine's clock right?)", in.RoleARN)
	}
	via := base.Origin
	creds.Origin = rolecall.Origin{
		Source: Source, Location: p.o.Location, Detail: in.RoleARN, At: p.o.Now(), Via: &via,
	}
	return creds, nil
}

// secondFactor asks for device and code where in lacks them.
func (p *Provider) secondFactor(ctx context.Context, in *sts.AssumeRoleInput) error {
	devices := p.o.Devices
	if len(devices) == 0 && in.SerialNumber != "" {
		devices = []string{in.SerialNumber}
	}
	if len(devices) == 0 || in.TokenCode != "" {
		return nil
	}
	in.SerialNumber = devices[0]
	if p.o.TokenCode == nil {
		return fmt.Errorf("needs a code of %s, and there is no one to ask", in.SerialNumber)
	}
	if len(devices) > 1 && p.o.Device != nil {
		serial, err := p.o.Device(ctx, slices.Clone(devices))
		if err != nil {
			return fmt.Errorf("needs a second factor: %w", err)
		}
		in.SerialNumber = serial
	}
	code, err := p.o.TokenCode(ctx, in.SerialNumber)
	if err != nil {
		return fmt.Errorf("needs a code of %s: %w", in.SerialNumber, err)
	}
	if code == "" {
		return fmt.Errorf("needs a code of %s, and none was given", in.SerialNumber)
	}
	in.TokenCode = code
	return nil
}
