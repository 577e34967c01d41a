package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/env"
	"github.com/rolecall-dev/rolecall/provider/sso"
)

// Winner returns the index in [Chain.Links] of the source that the chain would use, without a call: the
// first that is present or broken; -1 when there is none. Whether an instance metadata service is there at all shows
// only when it is asked.
func (c *Chain) Winner() int {
	for i, l := range c.links {
		if l.State == Present || l.State == Broken {
			return i
		}
	}
	return -1
}

// Without returns the chain as it would be if a source were taken away, and what taking it away means: variables to
// unset, a flag to leave out, a profile to remove. Nothing is read again.
func (c *Chain) Without(source string) (rest *Chain, taken []string) {
	o := c.o
	o.Logger = slog.New(slog.DiscardHandler)
	unset := func(names ...string) {
		for _, n := range names {
			if c.getenv(n) != "" {
				taken = append(taken, n)
			}
		}
		o.Environ = slices.DeleteFunc(slices.Clone(o.Environ), func(kv string) bool {
			name, _, _ := strings.Cut(kv, "=")
			return slices.Contains(names, name)
		})
	}
	dropProfile := false
	switch source {
	case SourceEnvironment:
		unset(env.AccessKeyID, env.SecretAccessKey, env.SessionToken, env.Expiration)
	case SourceWebIdentity:
		unset(webIdentityTokenFile, webIdentityRole, roleSessionName)
	case SourceContainer:
		unset(containerRelative, containerFull)
	case SourceIMDS:
		o.Environ = append(slices.Clone(o.Environ), metadataDisabled+"=true")
		taken = []string{"the instance's role"}
	case SourceProfile:
		switch c.profile.from {
		case "":
			dropProfile, taken = true, []string{"profile " + c.profile.name}
		case "AWS_PROFILE":
			unset("AWS_PROFILE")
		default:
			o.Profile, taken = "", []string{c.profile.from + " " + c.profile.name}
		}
	}
	rest = &Chain{o: o, home: c.home, paths: c.paths, config: c.config, configErr: c.configErr, client: c.client}
	rest.profile = rest.chooseProfile()
	rest.links = rest.makeLinks(rest.configErr)
	for i := range rest.links {
		if l := &rest.links[i]; dropProfile && l.Source == SourceProfile {
			*l = Link{Source: SourceProfile, State: Absent, Reason: "taken away"}
		}
	}
	return rest, taken
}

// SSOToken returns the bearer token of the profile's SSO sign-in, refreshed when it can be.
func (c *Chain) SSOToken(ctx context.Context) (rolecall.Secret, time.Time, error) {
	var none rolecall.Secret
	p := c.current()
	if p == nil {
		if err := c.missingProfile(nil); err != nil {
			return none, time.Time{}, err
		}
		return none, time.Time{}, rolecall.NotHere(fmt.Sprintf("there is no profile %q", c.profile.name))
	}
	o, err := c.ssoOptions(p)
	if err != nil {
		return none, time.Time{}, err
	}
	if o.StartURL == "" || o.Region == "" {
		return none, time.Time{}, rolecall.NotHere(fmt.Sprintf("profile %q has no sso_session, or one without sso_start_url or sso_region", p.Name))
	}
	token, err := sso.New(o).Token(ctx)
	if err != nil {
		return none, time.Time{}, err
	}
	if !c.o.Now().Before(token.Expires) {
		return none, time.Time{}, errors.New("the SSO token is expired")
	}
	return token.Value, token.Expires, nil
}
