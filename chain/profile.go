package chain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/provider/env"
	"github.com/rolecall-dev/rolecall/provider/process"
	"github.com/rolecall-dev/rolecall/provider/profile"
	"github.com/rolecall-dev/rolecall/provider/sso"
	"github.com/rolecall-dev/rolecall/provider/webidentity"
)

// plan is how credentials of a profile are got: worked out from the files, without a call.
type plan struct {
	provider rolecall.Provider
	origin   rolecall.Origin
	// keyID is the access key id of static keys.
	keyID string
	// role tells that the profile assumes a role.
	role bool
	// look tells what is known of this hop without a call; via is the plan of what it starts from.
	look func() Step
	via  *plan
	// sso is set for the token of a sign-in.
	sso *sso.Options
}

// profileLink makes the link of the profile in use, and tells whether the profile assumes a role.
func (c *Chain) profileLink(configErr error) (l Link, isRole bool) {
	l = Link{Source: SourceProfile}
	if configErr != nil {
		l.State, l.Err = Broken, configErr
		return l, false
	}
	if c.config.Profile(c.profile.name) == nil {
		if err := c.missingProfile(nil); err != nil {
			l.State, l.Err = Broken, err
			return l, false
		}
		l.State, l.Reason = Absent, fmt.Sprintf("there is no profile %q", c.profile.name)
		return l, false
	}
	p, err := c.planProfile(c.profile.name, nil)
	switch {
	case errors.Is(err, rolecall.ErrNotHere):
		l.State, l.Reason = Absent, err.Error()
	case err != nil:
		l.State, l.Err = Broken, err
		_, isRole = c.current().Get("role_arn")
	default:
		l.State, l.Plan, l.AccessKeyID, l.provider, l.plan, isRole = Present, p.origin, p.keyID, p.provider, p, p.role
	}
	return l, isRole
}

// fault is an error at a setting.
func fault(at string, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if path, line, ok := cutLine(at); ok {
		return &awsconfig.Error{Path: path, Line: line, Message: message}
	}
	return errors.New(message)
}

func cutLine(at string) (path string, line int, ok bool) {
	i := strings.LastIndexByte(at, ':')
	if i < 0 {
		return "", 0, false
	}
	line, err := strconv.Atoi(at[i+1:])
	return at[:i], line, err == nil
}

// planProfile works out the profile called name. path are the profiles that led to it by
// source_profile; a profile that is a source is taken by its own static keys, if it has any, whatever
// else it says.
//
// The order of the kinds is botocore's, which is also what most current SDKs do pair by pair; see
// docs/chain.md.
func (c *Chain) planProfile(name string, path []string) (*plan, error) {
	p := c.config.Profile(name)
	if p == nil {
		return nil, fmt.Errorf("there is no profile %q", name)
	}
	if len(path) > 0 && (hasStatic(p.Credentials) || hasStatic(p.Config)) {
		if hasStatic(p.Credentials) {
			return c.planStatic(p, p.Credentials)
		}
		return c.planStatic(p, p.Config)
	}
	if slices.Contains(path, name) {
		at, _ := p.Get("source_profile")
		return nil, fault(at.Where(), "source_profile makes a loop: %s", strings.Join(append(path[slices.Index(path, name):], name), " → "))
	}
	roleARN, hasRole := p.Get("role_arn")
	tokenFile, hasToken := p.Get("web_identity_token_file")
	hasToken = hasToken && tokenFile.Value != ""
	if command, ok := p.Get("saml_process"); ok && command.Value != "" {
		return c.planSAML(p, command)
	}
	switch {
	case hasRole && roleARN.Value == "":
		return nil, fault(roleARN.Where(), "role_arn of profile %q is empty", name)
	case hasRole && !hasToken:
		return c.planRole(p, roleARN, path)
	case hasToken:
		return c.planWebIdentity(p, roleARN, tokenFile)
	case p.Value("sso_account_id") != "" || p.Value("sso_role_name") != "":
		return c.planSSO(p)
	case hasStatic(p.Credentials):
		return c.planStatic(p, p.Credentials)
	case p.Value("login_session") != "":
		return c.planLogin(p)
	case p.Value("credential_process") != "":
		return c.planProcess(p)
	case hasStatic(p.Config):
		return c.planStatic(p, p.Config)
	}
	return nil, dangling(p)
}

// dangling tells a profile without credentials from one that names part of a source.
func dangling(p *awsconfig.Profile) error {
	for _, key := range []string{"source_profile", "credential_source"} {
		if s, ok := p.Get(key); ok && s.Value != "" {
			return fault(s.Where(), "profile %q has %s without role_arn", p.Name, key)
		}
	}
	for _, key := range []string{"sso_session", "sso_start_url"} {
		if s, ok := p.Get(key); ok && s.Value != "" {
			return fault(s.Where(), "profile %q has %s without sso_account_id and sso_role_name: it gives a sign-in's token, and no credentials", p.Name, key)
		}
	}
	return rolecall.NotHere(fmt.Sprintf("profile %q has no credentials", p.Name))
}

const (
	keyID     = "aws_access_key_id"
	keySecret = "aws_secret_access_key" //nolint:gosec // a setting's name
	keyToken  = "aws_session_token"     //nolint:gosec // a setting's name
)

// hasStatic reports whether one file's part of a profile has a key pair, or a part of one.
func hasStatic(g *awsconfig.Group) bool { return g.Value(keyID) != "" || g.Value(keySecret) != "" }

// planStatic takes keys and token from one file: a token that the other file has left over
// would make good keys useless.
func (c *Chain) planStatic(p *awsconfig.Profile, g *awsconfig.Group) (*plan, error) {
	at, ok := g.Get(keyID)
	if !ok || at.Value == "" {
		at, _ = g.Get(keySecret)
	}
	provider := profile.New(profile.Keys{
		Profile: p.Name, AccessKeyID: g.Value(keyID), Location: at.Where(), AccountID: g.Value("aws_account_id"),
		SecretAccessKey: rolecall.NewSecret(g.Value(keySecret)), SessionToken: rolecall.NewSecret(g.Value(keyToken)),
	}, c.o.Now)
	if _, err := provider.Retrieve(context.Background()); err != nil {
		return nil, fault(at.Where(), "%s", strings.TrimPrefix(err.Error(), at.Where()+": "))
	}
	return &plan{
		provider: provider, keyID: g.Value(keyID),
		origin: rolecall.Origin{Source: profile.Source, Location: at.Where(), Detail: p.Name},
		look:   func() Step { return c.lookStatic(p, g, at) },
	}, nil
}

func (c *Chain) planProcess(p *awsconfig.Profile) (*plan, error) {
	s, _ := p.Get("credential_process")
	return &plan{
		provider: process.New(process.Options{
			Command: s.Value, Profile: p.Name, Location: s.Where(), Environ: c.o.Environ,
			Stderr: c.o.Stderr, Stdin: c.o.Stdin, Now: c.o.Now,
		}),
		origin: rolecall.Origin{Source: process.Source, Location: s.Where(), Detail: p.Name},
		look: func() Step {
			return Step{Profile: p.Name, Command: commandName(s.Value)}
		},
	}, nil
}

func (c *Chain) planWebIdentity(p *awsconfig.Profile, role, file awsconfig.Setting) (*plan, error) {
	if role.Value == "" {
		return nil, fault(file.Where(), "profile %q has web_identity_token_file without role_arn", p.Name)
	}
	session := p.Value("role_session_name")
	origin := rolecall.Origin{
		Source: webidentity.Source, Location: role.Where(), Detail: role.Value,
		Via: &rolecall.Origin{Source: "token-file", Location: file.Value},
	}
	provider := func() rolecall.Provider {
		return webidentity.New(webidentity.Options{
			Client: c.webIdentitySTS(), RoleARN: role.Value, SessionName: session, TokenFile: file.Value, Location: role.Where(), Now: c.o.Now,
		})
	}
	id := func() SessionKey {
		return SessionKey{ID: awscache.RoleKey{RoleARN: role.Value, SessionName: session}.ID(), Shared: true}
	}
	return &plan{
		provider: c.kept(provider, id, 0, origin), origin: origin,
		look: func() Step { return Step{Profile: p.Name, Kept: c.peek(id(), 0), Duration: time.Hour} },
		via:  c.tokenFilePlan(file.Value),
	}, nil
}

// ssoOptions puts the profile's settings and its sso-session's together.
func (c *Chain) ssoOptions(p *awsconfig.Profile) (sso.Options, error) {
	o := sso.Options{
		StartURL: p.Value("sso_start_url"), Region: p.Value("sso_region"),
		AccountID: p.Value("sso_account_id"), RoleName: p.Value("sso_role_name"),
		CacheDir: filepath.Join(c.home, ".aws", "sso", "cache"), Profile: p.Name, Now: c.o.Now, HTTPClient: c.lazyClient(),
	}
	for _, key := range []string{"sso_role_name", "sso_account_id", "sso_session", "sso_start_url"} {
		if at, ok := p.Get(key); ok && at.Value != "" {
			o.Location = at.Where()
			break
		}
	}
	o.PortalEndpoint, _ = c.Endpoint("sso")
	o.OIDCEndpoint, _ = c.Endpoint("sso oidc")
	s, ok := p.Get("sso_session")
	if !ok || s.Value == "" {
		return o, nil
	}
	o.SessionName = s.Value
	group := c.config.SSOSession(s.Value)
	if group == nil {
		return o, fault(s.Where(), "profile %q names sso_session %q, and there is no [sso-session %s]", p.Name, s.Value, s.Value)
	}
	for _, field := range []struct {
		key   string
		value *string
	}{{"sso_start_url", &o.StartURL}, {"sso_region", &o.Region}} {
		v := group.Value(field.key)
		if *field.value != "" && *field.value != v {
			own, _ := p.Get(field.key)
			return o, fault(own.Where(), "%s of profile %q differs from that of [sso-session %s]", field.key, p.Name, s.Value)
		}
		*field.value = v
	}
	return o, nil
}

func (c *Chain) planSSO(p *awsconfig.Profile) (*plan, error) {
	o, err := c.ssoOptions(p)
	if err != nil {
		return nil, err
	}
	for _, need := range []struct{ key, value string }{
		{"sso_account_id", o.AccountID}, {"sso_role_name", o.RoleName}, {"sso_start_url", o.StartURL}, {"sso_region", o.Region},
	} {
		if need.value == "" {
			return nil, fault(o.Location, "profile %q has no %s", p.Name, need.key)
		}
	}
	provider := sso.New(o)
	origin := rolecall.Origin{
		Source: sso.Source, Location: o.Location, Detail: "role " + o.RoleName + " in account " + o.AccountID,
		Via: &rolecall.Origin{Source: "sso-token", Location: provider.TokenPath(), Detail: o.StartURL},
	}
	id := func() SessionKey {
		key := awscache.SSOKey{AccountID: o.AccountID, RoleName: o.RoleName, SessionName: o.SessionName, StartURL: o.StartURL}
		return SessionKey{ID: key.ID(), Shared: true, SSO: true}
	}
	return &plan{
		provider: c.kept(func() rolecall.Provider { return provider }, id, 0, origin), origin: origin,
		look: func() Step { return Step{Profile: p.Name, Kept: c.peek(id(), 0)} },
		via: &plan{origin: *origin.Via, sso: &o, look: func() Step {
			return c.lookSSOToken(o, provider.TokenPath())
		}},
	}, nil
}

// credentialSource returns what credential_source names; case counts, as in most SDKs.
func (c *Chain) credentialSource(s awsconfig.Setting) (*plan, error) {
	switch s.Value {
	case "Environment":
		provider := env.New(c.getenv, c.o.Now)
		p := &plan{provider: provider, origin: rolecall.Origin{Source: env.Source, Location: env.AccessKeyID}, look: c.lookEnvironment}
		p.keyID = c.getenv(env.AccessKeyID)
		return p, nil
	case "Ec2InstanceMetadata":
		provider, origin, off := c.imds()
		if off != "" {
			return nil, fault(s.Where(), "credential_source is Ec2InstanceMetadata, and %s", off)
		}
		return &plan{provider: provider, origin: origin, look: c.lookIMDS}, nil
	case "EcsContainer":
		provider, origin := c.container()
		if provider == nil {
			return nil, fault(s.Where(), "credential_source is EcsContainer, and neither %s nor %s is set", containerRelative, containerFull)
		}
		return &plan{provider: provider, origin: origin, look: c.lookContainer}, nil
	}
	return nil, fault(s.Where(), "credential_source %q is none of Environment, Ec2InstanceMetadata, EcsContainer", s.Value)
}

// durationSeconds reads duration_seconds; one that is no number is passed over, as by the SDKs.
func (c *Chain) durationSeconds(p *awsconfig.Profile) time.Duration {
	s, ok := p.Get("duration_seconds")
	if !ok || s.Value == "" {
		return 0
	}
	n, err := strconv.Atoi(s.Value)
	if err != nil || n <= 0 {
		c.o.Logger.Warn("duration_seconds is no number of seconds and is passed over", "at", s.Where())
		return 0
	}
	return time.Duration(n) * time.Second
}

// ProfileLink is the link that the profile of that name would make, whichever is in use.
func (c *Chain) ProfileLink(name string) Link {
	l := Link{Source: SourceProfile}
	p, err := c.planProfile(name, nil)
	switch {
	case errors.Is(err, rolecall.ErrNotHere):
		l.State, l.Reason = Absent, err.Error()
	case err != nil:
		l.State, l.Err = Broken, err
	default:
		l.State, l.Plan, l.AccessKeyID, l.provider, l.plan = Present, p.origin, p.keyID, p.provider, p
	}
	return l
}
