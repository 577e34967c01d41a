package chain

import (
	"path/filepath"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/provider/login"
)

// planLogin works out a profile with login_session.
func (c *Chain) planLogin(p *awsconfig.Profile) (*plan, error) {
	s, _ := p.Get("login_session")
	provider := c.login(p, s)
	token := rolecall.Origin{Source: login.TokenSource, Location: provider.Path()}
	return &plan{
		provider: provider,
		origin: rolecall.Origin{
			Source: login.Source, Location: s.Where(), Detail: s.Value, Via: &token,
		},
		look: func() Step { return c.lookLogin(p, provider.Path()) },
		via:  &plan{origin: token},
	}, nil
}

// login returns the provider of a session.
func (c *Chain) login(p *awsconfig.Profile, session awsconfig.Setting) *login.Provider {
	o := login.Options{
		Session: session.Value, CacheDir: c.expand(c.getenv("AWS_LOGIN_CACHE_DIRECTORY")), Profile: p.Name, Location: session.Where(),
		HTTPClient: c.lazyClient(), Logger: c.o.Logger, Now: c.o.Now, MaxAttempts: c.attempts(),
	}
	if o.CacheDir == "" {
		o.CacheDir = filepath.Join(c.home, ".aws", "login", "cache")
	}
	if o.Region, _ = c.Region(); o.Region == "" {
		o.Region = p.Value("region")
	}
	o.Endpoint, _ = c.Endpoint("signin")
	o.UseFIPS, o.UseDualStack = c.variants()
	return login.New(o)
}
