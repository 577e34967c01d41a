package chain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/provider/assumerole"
	"github.com/rolecall-dev/rolecall/sts"
)

// planRole works out a profile with role_arn.
func (c *Chain) planRole(p *awsconfig.Profile, role awsconfig.Setting, path []string) (*plan, error) {
	base, err := c.planBase(p, role, path)
	if err != nil {
		return nil, err
	}
	in := sts.AssumeRoleInput{
		RoleARN: role.Value, SessionName: p.Value("role_session_name"), ExternalID: p.Value("external_id"),
		SerialNumber: p.Value("mfa_serial"), Duration: c.durationSeconds(p),
	}
	shared, err := extend(&in, p)
	if err != nil {
		return nil, err
	}
	origin := rolecall.Origin{Source: assumerole.Source, Location: role.Where(), Detail: role.Value, Via: &base.origin}
	provider := assumerole.New(base.provider, assumerole.Options{
		Client: c.STS(), Input: in, Location: role.Where(), Now: c.o.Now, TokenCode: c.tokenCode(p),
	})
	key := SessionKey{Source: base.keyID, Shared: shared}
	if shared {
		key.ID = awscache.RoleKey{
			RoleARN: in.RoleARN, SessionName: in.SessionName, ExternalID: in.ExternalID, SerialNumber: in.SerialNumber, Duration: in.Duration,
		}.ID()
	} else {
		key.ID = c.privateID(in, base.origin)
	}
	return &plan{provider: c.kept(provider, key, in.Duration, origin), origin: origin, role: true}, nil
}

// planBase works out whose credentials assume the role.
func (c *Chain) planBase(p *awsconfig.Profile, role awsconfig.Setting, path []string) (*plan, error) {
	source, hasSource := p.Get("source_profile")
	named, hasNamed := p.Get("credential_source")
	hasSource, hasNamed = hasSource && source.Value != "", hasNamed && named.Value != ""
	switch {
	case hasSource && hasNamed:
		return nil, fault(named.Where(), "profile %q has both source_profile and credential_source", p.Name)
	case hasNamed:
		return c.credentialSource(named)
	case !hasSource:
		return nil, fault(role.Where(), "profile %q has role_arn without source_profile or credential_source", p.Name)
	case c.config.Profile(source.Value) == nil:
		return nil, fault(source.Where(), "source_profile of profile %q names profile %q, which does not exist", p.Name, source.Value)
	}
	base, err := c.planProfile(source.Value, append(path[:len(path):len(path)], p.Name))
	if errors.Is(err, rolecall.ErrNotHere) {
		// The reason stays, the mark of absence goes: the role was asked for.
		return nil, fault(source.Where(), "source_profile of profile %q: %s", p.Name, err.Error())
	}
	return base, err
}

// extend adds what the AWS files have no settings for: source_identity, session_tags ("k=v,k=v"),
// transitive_session_tags ("k,k"), session_policy_arns ("arn,arn"). It reports whether the session is one
// that the AWS CLI would ask for too.
func extend(in *sts.AssumeRoleInput, p *awsconfig.Profile) (shared bool, err error) {
	in.SourceIdentity = p.Value("source_identity")
	in.PolicyARNs = list(p.Value("session_policy_arns"))
	in.TransitiveTagKeys = list(p.Value("transitive_session_tags"))
	if s, ok := p.Get("session_tags"); ok {
		for _, pair := range list(s.Value) {
			key, value, ok := strings.Cut(pair, "=")
			if !ok || strings.TrimSpace(key) == "" {
				return false, fault(s.Where(), "session_tags of profile %q are not written key=value,key=value", p.Name)
			}
			in.Tags = append(in.Tags, sts.Tag{Key: strings.TrimSpace(key), Value: strings.TrimSpace(value)})
		}
	}
	return in.SourceIdentity == "" && len(in.PolicyARNs)+len(in.TransitiveTagKeys)+len(in.Tags) == 0, nil
}

func list(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// tokenCode asks the profile's mfa_process, if it has one, else the person.
func (c *Chain) tokenCode(p *awsconfig.Profile) func(context.Context, string) (string, error) {
	command, ok := p.Get("mfa_process")
	if !ok || command.Value == "" {
		return c.o.TokenCode
	}
	return func(ctx context.Context, serial string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", command.Value) //nolint:gosec // to run the user's command is the purpose
		cmd.Env, cmd.Stderr, cmd.Stdin = c.o.Environ, c.o.Stderr, c.o.Stdin
		cmd.WaitDelay = time.Second
		out, err := cmd.Output()
		code := strings.TrimSpace(string(out))
		if err != nil || code == "" || len(code) > 32 {
			return "", fmt.Errorf("%s: mfa_process gave no code for %s", command.Where(), serial)
		}
		return code, nil
	}
}

// retrieveRole takes on the role of the options with what the chain finds.
func (c *Chain) retrieveRole(ctx context.Context) (rolecall.Credentials, error) {
	in := sts.AssumeRoleInput{RoleARN: c.o.RoleARN, SessionName: c.getenv(roleSessionName)}
	base, keyID, known := c.winner()
	provider := rolecall.Provider(assumerole.New(rolecall.ProviderFunc(c.retrieve), assumerole.Options{
		Client: c.STS(), Input: in, Location: "--role-arn", Now: c.o.Now, TokenCode: c.o.TokenCode,
	}))
	if known {
		origin := rolecall.Origin{Source: assumerole.Source, Location: "--role-arn", Detail: c.o.RoleARN, Via: &base}
		provider = c.kept(provider, SessionKey{ID: c.privateID(in, base), Source: keyID}, 0, origin)
	}
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return rolecall.Credentials{}, err
	}
	return c.checked(creds)
}

// winner is the first present source when it identifies its principal well enough to keep a session under
// its name: keys by their id, profiles by their place. What an endpoint hands out can change at any time.
func (c *Chain) winner() (origin rolecall.Origin, keyID string, ok bool) {
	for _, l := range c.links {
		switch l.State {
		case Broken:
			return origin, "", false
		case Present:
			switch l.Source {
			case SourceEnvironment, SourceProfile, SourceWebIdentity:
				return l.Plan, l.AccessKeyID, true
			}
			return origin, "", false
		case Absent, Excluded:
		}
	}
	return origin, "", false
}

// privateID names a session by all that distinguishes it.
func (c *Chain) privateID(in sts.AssumeRoleInput, base rolecall.Origin) string {
	endpoint, _ := c.Endpoint("sts")
	region, _ := c.Region()
	h := sha256.New()
	field := func(s string) { _, _ = fmt.Fprintf(h, "%d:%s;", len(s), s) }
	for _, s := range []string{
		"rolecall session 1", in.RoleARN, in.SessionName, in.ExternalID, in.SerialNumber, in.SourceIdentity, in.Policy,
		in.Duration.String(), endpoint, region, base.String(), c.home,
	} {
		field(s)
	}
	for _, many := range [][]string{in.PolicyARNs, in.TransitiveTagKeys} {
		field(fmt.Sprint(len(many)))
		for _, s := range many {
			field(s)
		}
	}
	for _, t := range in.Tags {
		field(t.Key)
		field(t.Value)
	}
	return hex.EncodeToString(h.Sum(nil))
}
