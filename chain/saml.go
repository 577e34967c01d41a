package chain

import (
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/provider/process"
	"github.com/rolecall-dev/rolecall/provider/saml"
	"github.com/rolecall-dev/rolecall/sts"
)

// maxAssertion bounds what a saml_process prints: what STS takes, with room for line ends and for XML that is not
// encoded yet.
const maxAssertion = 256 << 10

// planSAML works out a profile with saml_process, which only rolecall knows. role_arn and saml_provider_arn may be
// missing where the response leaves no choice.
func (c *Chain) planSAML(p *awsconfig.Profile, command awsconfig.Setting) (*plan, error) {
	for _, key := range []string{"source_profile", "credential_source", "web_identity_token_file"} {
		if s, ok := p.Get(key); ok && s.Value != "" {
			return nil, fault(s.Where(), "profile %q has both saml_process and %s", p.Name, key)
		}
	}
	o := saml.Options{
		Client: c.webIdentitySTS(), RoleARN: p.Value("role_arn"), ProviderARN: p.Value("saml_provider_arn"),
		Duration: c.durationSeconds(p), Profile: p.Name, Location: command.Where(), Now: c.o.Now,
		Assertion: c.command(p, command, maxAssertion, nil).Output,
	}
	assertion := rolecall.Origin{Source: saml.AssertionSource, Location: command.Where(), Detail: commandName(command.Value)}
	origin := rolecall.Origin{Source: saml.Source, Location: command.Where(), Detail: o.RoleARN, Via: &assertion}
	if at, ok := p.Get("role_arn"); ok && at.Value != "" {
		origin.Location = at.Where()
	}
	if origin.Detail == "" {
		origin.Detail = "the role that the response offers"
	}
	key := SessionKey{ID: c.privateID(sts.AssumeRoleInput{RoleARN: o.RoleARN, Duration: o.Duration}, rolecall.Origin{
		Source: saml.Source, Location: p.Name, Detail: o.ProviderARN + "\n" + command.Value,
	})}
	return &plan{
		provider: c.kept(func() rolecall.Provider { return saml.New(o) }, func() SessionKey { return key }, o.Duration, origin), origin: origin, role: true,
		look: func() Step {
			s := Step{Profile: p.Name, Duration: time.Hour}
			if o.Duration > 0 {
				at, _ := p.Get("duration_seconds")
				s.Duration, s.DurationFrom = o.Duration, at.Where()
			}
			return s
		},
		via: &plan{origin: assertion, look: func() Step {
			return Step{Profile: p.Name, Command: commandName(command.Value)}
		}},
	}, nil
}

// command is a setting that names a command, to be run by the rules of credential_process with extra
// variables. It prints at most that many bytes.
func (c *Chain) command(p *awsconfig.Profile, s awsconfig.Setting, maxOutput int, extra []string) *process.Provider {
	return process.New(process.Options{
		Command: s.Value, Profile: p.Name, Location: s.Where(), Environ: append(c.o.Environ[:len(c.o.Environ):len(c.o.Environ)], extra...),
		Stderr: c.o.Stderr, Stdin: c.o.Stdin, MaxOutput: maxOutput, Now: c.o.Now,
	})
}
