package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/assumerole"
	"github.com/rolecall-dev/rolecall/provider/profile"
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

// Next returns the index of the source that would be used if the winner were taken away, -1 when there is none.
func (c *Chain) Next() int {
	winner := c.Winner()
	if winner < 0 {
		return -1
	}
	for i := winner + 1; i < len(c.links); i++ {
		if s := c.links[i].State; s == Present || s == Broken {
			return i
		}
	}
	return -1
}

// Notes are what a person should know about the way that plan describes: caps, prompts, keys that
// never end.
func (c *Chain) Notes(l Link) []string {
	var notes []string
	trail := l.Plan.Trail()
	for i, hop := range trail {
		if hop.Source != assumerole.Source {
			continue
		}
		if i+1 < len(trail) && trail[i+1].Source != profile.Source && trail[i+1].Source != SourceEnvironment {
			notes = append(notes, "role "+hop.Detail+" is assumed with a session: AWS ends such a session after one hour")
		}
	}
	if l.Source == SourceProfile {
		notes = append(notes, c.profileNotes()...)
	}
	if strings.HasPrefix(l.AccessKeyID, "AKIA") {
		notes = append(notes, "the key "+l.AccessKeyID+" is long-lived")
	}
	return notes
}

func (c *Chain) profileNotes() []string {
	var notes []string
	seen := map[string]bool{}
	for name := c.profile.name; name != "" && !seen[name]; {
		seen[name] = true
		p := c.config.Profile(name)
		if serial := p.Value("mfa_serial"); serial != "" && p.Value("role_arn") != "" {
			text := "profile " + name + " asks for a code of " + serial
			if p.Value("mfa_process") != "" {
				text += ", which its mfa_process gives"
			}
			notes = append(notes, text)
		}
		if d := c.durationSeconds(p); d > 12*time.Hour {
			notes = append(notes, fmt.Sprintf("profile %s asks for %s: AWS allows 12h at most", name, d))
		}
		name = p.Value("source_profile")
	}
	return notes
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
