package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/provider/container"
	"github.com/rolecall-dev/rolecall/provider/env"
	"github.com/rolecall-dev/rolecall/provider/imds"
	"github.com/rolecall-dev/rolecall/provider/webidentity"
)

// makeLinks puts the sources in order. configErr is what keeps the files from being used.
func (c *Chain) makeLinks(configErr error) []Link {
	profile, isRole := c.profileLink(configErr)
	web := c.webIdentityLink()
	links := []Link{c.environmentLink(), web, profile, c.containerLink(), c.imdsLink()}
	if isRole {
		links[1], links[2] = profile, web
	}
	for i := range links {
		l := &links[i]
		switch {
		case c.o.Source != "" && c.o.Source != l.Source:
			l.State, l.Reason = Excluded, "--source "+c.o.Source+" was given"
		case c.o.Profile != "" && (l.Source == SourceEnvironment || l.Source == SourceWebIdentity) && l.State != Absent:
			l.State, l.Reason = Excluded, "the profile was chosen by --profile, which wins over the environment"
		}
	}
	// A profile that AWS_PROFILE names and that does not exist stops the chain even before keys in the
	// environment: the SDKs in Go and Python do that, the one in JavaScript takes no keys either.
	if err := c.missingProfile(configErr); err != nil && c.o.Source == "" {
		for i := range links {
			if links[i].Source == SourceProfile {
				break
			}
			if links[i].State == Present {
				links[i].State, links[i].Err = Broken, err
			}
		}
	}
	return links
}

func (c *Chain) missingProfile(configErr error) error {
	if configErr != nil || !c.profile.explicit || c.config.Profile(c.profile.name) != nil {
		return nil
	}
	return &ProfileError{Profile: c.profile.name, From: c.profile.from, Paths: c.paths}
}

// ProfileError says that a profile that was asked for does not exist.
type ProfileError struct {
	Profile, From string
	Paths         Paths
}

func (e *ProfileError) Error() string {
	return fmt.Sprintf("profile %q (from %s) is neither in %s nor in %s", e.Profile, e.From, e.Paths.Config, e.Paths.Credentials)
}

func (c *Chain) environmentLink() Link {
	l := Link{Source: SourceEnvironment, provider: env.New(c.getenv, c.o.Now)}
	l.Plan = rolecall.Origin{Source: env.Source, Location: env.AccessKeyID}
	creds, err := l.provider.Retrieve(context.Background())
	switch {
	case errors.Is(err, rolecall.ErrNotHere):
		l.State, l.Reason = Absent, err.Error()
		if c.getenv(env.AccessKeyID) != "" || c.getenv(env.SecretAccessKey) != "" {
			c.o.Logger.Warn("half a key pair in the environment", "reason", err.Error())
		}
	case err != nil:
		l.State, l.Err = Broken, err
	default:
		l.State, l.AccessKeyID, l.Expires = Present, creds.AccessKeyID, creds.Expires
		l.plan = &plan{origin: l.Plan, look: c.lookEnvironment}
	}
	return l
}

const (
	webIdentityTokenFile = "AWS_WEB_IDENTITY_TOKEN_FILE" //nolint:gosec // a variable's name
	webIdentityRole      = "AWS_ROLE_ARN"
	roleSessionName      = "AWS_ROLE_SESSION_NAME"
)

func (c *Chain) webIdentityLink() Link {
	l := Link{Source: SourceWebIdentity}
	file, role := c.getenv(webIdentityTokenFile), c.getenv(webIdentityRole)
	if file == "" {
		l.State, l.Reason = Absent, webIdentityTokenFile+" is not set"
		return l
	}
	l.Plan = rolecall.Origin{
		Source: webidentity.Source, Location: webIdentityTokenFile, Detail: role,
		Via: &rolecall.Origin{Source: "token-file", Location: file},
	}
	if role == "" {
		l.State, l.Err = Broken, errors.New(webIdentityTokenFile+" is set without "+webIdentityRole)
		return l
	}
	l.State = Present
	p := webidentity.New(webidentity.Options{
		Client: c.webIdentitySTS(), RoleARN: role, SessionName: c.getenv(roleSessionName),
		TokenFile: file, Location: webIdentityTokenFile, Now: c.o.Now,
	})
	key := SessionKey{ID: awscache.RoleKey{RoleARN: role, SessionName: c.getenv(roleSessionName)}.ID(), Shared: true}
	l.provider = c.kept(func() rolecall.Provider { return p }, func() SessionKey { return key }, 0, l.Plan)
	l.plan = &plan{
		origin: l.Plan, via: c.tokenFilePlan(file),
		look: func() Step { return Step{Kept: c.peek(key, 0), Duration: time.Hour} },
	}
	return l
}

const (
	containerRelative  = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	containerFull      = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	containerToken     = "AWS_CONTAINER_AUTHORIZATION_TOKEN"      //nolint:gosec // a variable's name
	containerTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" //nolint:gosec // a variable's name
)

func (c *Chain) containerLink() Link {
	l := Link{Source: SourceContainer, State: Present}
	l.provider, l.Plan = c.container()
	l.plan = &plan{origin: l.Plan, look: c.lookContainer}
	if l.provider == nil {
		l.State, l.Reason = Absent, "neither "+containerRelative+" nor "+containerFull+" is set"
	}
	return l
}

// container returns the provider of the variables, nil when they name no endpoint.
func (c *Chain) container() (rolecall.Provider, rolecall.Origin) {
	relative, full := c.getenv(containerRelative), c.getenv(containerFull)
	if relative == "" && full == "" {
		return nil, rolecall.Origin{}
	}
	o := container.Options{
		RelativeURI: relative, FullURI: full, Location: containerFull, Now: c.o.Now, Dial: c.o.dialContainer,
		Token: rolecall.NewSecret(c.getenv(containerToken)), TokenFile: c.getenv(containerTokenFile),
	}
	if relative != "" {
		o.Location = containerRelative
	}
	plan := rolecall.Origin{Source: container.Source, Location: o.Location}
	return rolecall.ProviderFunc(func(ctx context.Context) (rolecall.Credentials, error) {
		client, err := c.client()
		if err != nil {
			return rolecall.Credentials{}, err
		}
		o := o
		o.HTTPClient = client
		return container.New(o).Retrieve(ctx)
	}), plan
}

func (c *Chain) imdsLink() Link {
	l := Link{Source: SourceIMDS, State: Present}
	p, origin, off := c.imds()
	if off != "" {
		l.State, l.Reason = Absent, off
		return l
	}
	if other, _ := c.container(); other != nil && c.o.Source != SourceIMDS {
		// The node's identity is not the workload's.
		l.State, l.Reason = Absent, "not asked beside a container endpoint"
		return l
	}
	l.provider, l.Plan = p, origin
	l.plan = &plan{origin: origin, look: c.lookIMDS}
	return l
}

const metadataDisabled = "AWS_EC2_METADATA_DISABLED"

// imds returns the provider of the instance's role, or why it is off.
func (c *Chain) imds() (p rolecall.Provider, plan rolecall.Origin, off string) {
	if isTrue(c.getenv(metadataDisabled)) {
		return nil, plan, metadataDisabled + " is true"
	}
	endpoint, from := c.setting("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")
	if endpoint == "" {
		mode, modeFrom := c.setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode")
		endpoint = imds.IPv4Endpoint
		if equalFold(mode, "ipv6") {
			endpoint, from = imds.IPv6Endpoint, modeFrom
		}
	}
	v1, _ := c.setting("AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled")
	plan = rolecall.Origin{Source: imds.Source, Location: endpoint, Detail: from}
	return imds.New(imds.Options{Endpoint: endpoint, V1Disabled: isTrue(v1), Location: endpoint, Now: c.o.Now}), plan, ""
}
