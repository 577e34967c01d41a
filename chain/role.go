package chain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/provider/assumerole"
	"github.com/rolecall-dev/rolecall/provider/container"
	"github.com/rolecall-dev/rolecall/provider/imds"
	"github.com/rolecall-dev/rolecall/provider/saml"
	"github.com/rolecall-dev/rolecall/provider/sso"
	"github.com/rolecall-dev/rolecall/provider/webidentity"
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
	mfa, err := devices(p)
	if err != nil {
		return nil, err
	}
	own, err := c.extend(&in, p)
	if err != nil {
		return nil, err
	}
	// The AWS CLI would ask for the same session only with the same device.
	shared := !own && (len(mfa) == 0 || in.SerialNumber != "")
	origin := rolecall.Origin{Source: assumerole.Source, Location: role.Where(), Detail: role.Value, Via: &base.origin}
	provider := func() rolecall.Provider {
		return assumerole.New(base.provider, assumerole.Options{
			Client: c.STS(), Input: in, Location: role.Where(), Now: c.o.Now, Logger: c.o.Logger,
			Chained: roleSession(base.origin.Source), Devices: mfa, Device: c.chooseDevice(p), TokenCode: c.tokenCode(p),
		})
	}
	key := func() SessionKey {
		key := SessionKey{Source: base.keyID, Shared: shared}
		if shared {
			key.ID = awscache.RoleKey{
				RoleARN: in.RoleARN, SessionName: in.SessionName, ExternalID: in.ExternalID, SerialNumber: in.SerialNumber, Duration: in.Duration,
			}.ID()
		} else {
			key.ID = c.privateID(in, base.origin)
		}
		return key
	}
	return &plan{
		provider: c.kept(provider, key, in.Duration, origin), origin: origin, role: true, via: base,
		look: func() Step { return c.lookRole(p, key(), in) },
	}, nil
}

// roleSession reports the sources that yield sessions of roles.
func roleSession(source string) bool {
	switch source {
	case assumerole.Source, webidentity.Source, sso.Source, saml.Source, container.Source, imds.Source:
		return true
	}
	return false
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
// transitive_session_tags ("k,k"), session_policy_arns ("arn,arn"), session_policy (JSON or "file://path"). It reports
// whether there is any, so that the AWS CLI would not ask for the same session. What the service would
// refuse is refused here, where the line is known.
func (c *Chain) extend(in *sts.AssumeRoleInput, p *awsconfig.Profile) (own bool, err error) {
	in.SourceIdentity = p.Value("source_identity")
	if s, _ := p.Get("source_identity"); s.Value != "" && !sessionWord(s.Value) {
		return false, fault(s.Where(), "source_identity of profile %q is not 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -", p.Name)
	}
	in.PolicyARNs = list(p.Value("session_policy_arns"))
	in.TransitiveTagKeys = list(p.Value("transitive_session_tags"))
	if in.Tags, err = sessionTags(p); err != nil {
		return false, err
	}
	for _, key := range in.TransitiveTagKeys {
		if !slices.ContainsFunc(in.Tags, func(t sts.Tag) bool { return strings.EqualFold(t.Key, key) }) {
			s, _ := p.Get("transitive_session_tags")
			return false, fault(s.Where(), "transitive_session_tags of profile %q names %q, which is none of its session_tags", p.Name, key)
		}
	}
	if in.Policy, err = c.sessionPolicy(p); err != nil {
		return false, err
	}
	return in.SourceIdentity != "" || in.Policy != "" || len(in.PolicyARNs)+len(in.TransitiveTagKeys)+len(in.Tags) > 0, nil
}

// sessionWord is STS's pattern of session names and source identities.
func sessionWord(s string) bool {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-"
	return len(s) >= 2 && len(s) <= 64 && strings.Trim(s, allowed) == ""
}

// sessionTags reads session_tags, within STS's limits:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
func sessionTags(p *awsconfig.Profile) ([]sts.Tag, error) {
	s, ok := p.Get("session_tags")
	if !ok {
		return nil, nil
	}
	var tags []sts.Tag
	for _, pair := range list(s.Value) {
		key, value, ok := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !ok || key == "":
			return nil, fault(s.Where(), "session_tags of profile %q are not written key=value,key=value", p.Name)
		case utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(value) > 256:
			return nil, fault(s.Where(), "session_tags of profile %q: keys have at most 128 characters, values 256", p.Name)
		case slices.ContainsFunc(tags, func(t sts.Tag) bool { return strings.EqualFold(t.Key, key) }):
			return nil, fault(s.Where(), "session_tags of profile %q name %q twice", p.Name, key)
		}
		tags = append(tags, sts.Tag{Key: key, Value: value})
	}
	if len(tags) > 50 {
		return nil, fault(s.Where(), "session_tags of profile %q are more than 50", p.Name)
	}
	return tags, nil
}

// sessionPolicy reads session_policy: JSON, or "file://" and the path of a file with it, as the AWS CLI's parameters
// have it.
func (c *Chain) sessionPolicy(p *awsconfig.Profile) (string, error) {
	s, ok := p.Get("session_policy")
	if !ok || s.Value == "" {
		return "", nil
	}
	text := s.Value
	if path, ok := strings.CutPrefix(text, "file://"); ok {
		data, err := c.files().ReadFile(c.expand(path), maxPolicyFile)
		if err != nil {
			return "", fault(s.Where(), "session_policy of profile %q: %v", p.Name, err)
		}
		text = string(data)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil || compact.Len() == 0 || compact.Bytes()[0] != '{' {
		return "", fault(s.Where(), "session_policy of profile %q is no policy in JSON", p.Name)
	}
	return compact.String(), nil
}

// maxPolicyFile bounds a session policy with its white space; STS takes 2,048 characters without it.
const maxPolicyFile = 64 << 10

func list(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
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
		role := provider
		provider = c.kept(func() rolecall.Provider { return role },
			func() SessionKey { return SessionKey{ID: c.privateID(in, base), Source: keyID} }, 0, origin)
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
