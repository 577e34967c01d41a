package explain

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/explain/probe"
	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/provider/sso"
)

// Report is the JSON answer; docs/chain.md describes it.
type Report struct {
	// Outcome is ok, error, refused (AWS does not take what the winner has; with --probe only), none, or unknown: nothing is configured, and only --probe can tell whether the
	// machine has a role. Winner is the source in use, "" when there is none.
	Outcome string `json:"outcome"`
	Winner  string `json:"winner,omitempty"`
	// Error is why the winner does not yield, Hint what mends it.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// RoleARN is taken on with what the winner has (--role-arn).
	RoleARN string `json:"roleArn,omitempty"`
	// Next would be used if the winner were taken away; nil when there is no winner.
	Next        *Next    `json:"next,omitempty"`
	Profile     string   `json:"profile,omitempty"`
	ProfileFrom string   `json:"profileFrom,omitempty"`
	Region      string   `json:"region,omitempty"`
	RegionFrom  string   `json:"regionFrom,omitempty"`
	ConfigFile  string   `json:"configFile,omitempty"`
	Credentials string   `json:"credentialsFile,omitempty"`
	Sources     []Source `json:"sources"`
	// Prompts are what a person will be asked for.
	Prompts []Prompt `json:"prompts,omitempty"`
	// Warnings are what will not work as it seems to; Notes are good to know.
	Warnings []string `json:"warnings,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	// Probe has what was answered, with --probe only.
	Probe []probe.Answer `json:"probe,omitempty"`
}

// Source is one row of the roll.
type Source struct {
	Source string `json:"source"`
	// State is present, absent, broken, shadowed, excluded or unknown.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// AccessKeyID is known without a call for keys that are there; the rest is as in Hop.
	AccessKeyID string `json:"accessKeyId,omitempty"`
	KeyType     string `json:"keyType,omitempty"`
	Account     string `json:"account,omitempty"`
	Expires     string `json:"expires,omitempty"`
	// Hops lead from the credentials to their first source.
	Hops []Hop `json:"hops,omitempty"`
}

// Hop is one step.
type Hop struct {
	Source   string `json:"source"`
	Location string `json:"location,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Profile  string `json:"profile,omitempty"`
	// Command is the program of a credential_process.
	Command     string `json:"command,omitempty"`
	AccessKeyID string `json:"accessKeyId,omitempty"`
	// KeyType is long-lived or temporary; Account is decoded from the id.
	KeyType string `json:"keyType,omitempty"`
	Account string `json:"account,omitempty"`
	// InPlaceSince is when the file with the key was last changed: the key is at least as old.
	InPlaceSince string `json:"inPlaceSince,omitempty"`
	// Expires is when a key or token ends, as ExpiresFrom says; Renews tells that it renews itself.
	Expires     string `json:"expires,omitempty"`
	ExpiresFrom string `json:"expiresFrom,omitempty"`
	Renews      bool   `json:"renews,omitempty"`
	// DurationSeconds is how long a session will last, as DurationFrom says or AWS by itself. MaxSeconds is set
	// where AWS allows no longer one because a role's session assumes the role.
	DurationSeconds int    `json:"durationSeconds,omitempty"`
	DurationFrom    string `json:"durationFrom,omitempty"`
	MaxSeconds      int    `json:"maxSeconds,omitempty"`
	// Kept is the session of this hop in the cache.
	Kept *Kept `json:"kept,omitempty"`
	// Skipped tells that a kept session makes the hop needless for now.
	Skipped bool   `json:"skipped,omitempty"`
	Warning string `json:"warning,omitempty"`
	Fault   string `json:"fault,omitempty"`

	step chain.Step
}

// Kept is a session in the AWS CLI's cache.
type Kept struct {
	AccessKeyID string `json:"accessKeyId"`
	Expires     string `json:"expires"`
	// Fresh tells that it is used as it is.
	Fresh    bool   `json:"fresh"`
	Location string `json:"location"`
}

// Prompt is something that a person will be asked for.
type Prompt struct {
	// Kind is mfa or sign-in.
	Kind string `json:"kind"`
	// For is the device, or the command that signs in.
	For     string `json:"for"`
	Profile string `json:"profile,omitempty"`
}

// Next is what would be used if the winner were taken away.
type Next struct {
	// Without are the variables, flag or profile that taking it away means.
	Without []string `json:"without"`
	Outcome string   `json:"outcome"`
	Source  string   `json:"source,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Hops    []Hop    `json:"hops,omitempty"`
}

// surroundings are what the machine shows of itself.
type surroundings struct {
	now time.Time
	// ec2 is the sign by which the machine is an EC2 instance, "" when there is none.
	ec2 string
}

// describe calls the roll. fault is why the winner does not yield.
func describe(c *chain.Chain, m surroundings) (r Report, fault error) {
	paths := c.Paths()
	r = Report{
		Outcome: "none", Profile: c.Profile(), ProfileFrom: c.ProfileFrom(),
		ConfigFile: paths.Config, Credentials: paths.Credentials,
	}
	r.Region, r.RegionFrom = c.Region()
	links, winner := c.Links(), c.Winner()
	missing := missingProfile(links)
	if missing >= 0 {
		winner = missing
	}
	for i, l := range links {
		s := row(c, l, m)
		if i < missing && s.State == "broken" {
			s.State, s.Reason = "excluded", "not asked: the profile that was asked for does not exist"
		}
		if i == winner {
			fault = l.Err
			if f := chain.Fault(c.Steps(l)); l.State == chain.Present && f != nil {
				s.State, s.Reason, fault = "broken", f.Error(), f
			}
			r.settle(s)
		} else if winner >= 0 && i > winner && s.State == "present" {
			s.State, s.Reason = "shadowed", "by "+links[winner].Source
		} else if s.State == "unknown" && winner >= 0 {
			s.State, s.Reason = "shadowed", "by "+links[winner].Source
		}
		r.Sources = append(r.Sources, s)
	}
	if r.Outcome == "error" {
		r.Error, r.Hint = fault.Error(), cmdutil.Hint(cmdutil.SourceError(fault))
		if meant := similar(c, fault); meant != "" {
			r.Notes = append(r.Notes, "there is a profile "+meant)
		}
	}
	if winner >= 0 && r.Outcome != "unknown" {
		r.Next = next(c, links[winner].Source, m)
	}
	return r, fault
}

// role adds the role of --role-arn.
func (r *Report) role(arn string) {
	r.RoleARN = arn
	s := r.find(r.Winner)
	if arn == "" || s == nil || len(s.Hops) == 0 {
		return
	}
	if is, maybe := s.Hops[0].step.IsRole(); is || maybe {
		r.Notes = append(r.Notes, "a session of "+arn+" lasts 1h at most where a role's session assumes it (role chaining)")
	}
}

// missingProfile is the index of the profile if one was asked for that does not exist, which keeps all others from
// being asked; else -1.
func missingProfile(links []chain.Link) int {
	return slices.IndexFunc(links, func(l chain.Link) bool {
		var missing *chain.ProfileError
		return l.Source == chain.SourceProfile && l.State == chain.Broken && errors.As(l.Err, &missing)
	})
}

// similar is the profile that was perhaps meant by one that does not exist.
func similar(c *chain.Chain, err error) string {
	var missing *chain.ProfileError
	if !errors.As(err, &missing) {
		return ""
	}
	var names []string
	for _, p := range c.Config().Profiles() {
		names = append(names, p.Name)
	}
	return cmdutil.Similar(missing.Profile, names)
}

// settle takes over what the winner's row says.
func (r *Report) settle(s Source) {
	r.Winner, r.Outcome = s.Source, "ok"
	switch s.State {
	case "broken":
		r.Outcome = "error"
	case "unknown":
		r.Winner, r.Outcome = "", "unknown"
		return
	}
	for _, h := range s.Hops {
		if h.Warning != "" {
			r.Warnings = append(r.Warnings, h.Warning)
		}
		if h.Skipped {
			continue
		}
		r.Prompts = append(r.Prompts, h.prompts()...)
	}
}

func (h Hop) prompts() []Prompt {
	if h.Kept != nil && h.Kept.Fresh {
		return nil
	}
	var (
		out     []Prompt
		signIn  *sso.SignInError
		logIn   *login.SignInError
		profile = h.Profile
	)
	if len(h.step.MFA) > 0 && !h.step.MFACommand {
		out = append(out, Prompt{"mfa", strings.Join(h.step.MFA, " or "), profile})
	}
	switch {
	case errors.As(h.step.Fault, &signIn):
		out = append(out, Prompt{"sign-in", signIn.Command(), signIn.Profile})
	case errors.As(h.step.Fault, &logIn):
		out = append(out, Prompt{"sign-in", logIn.Command(), profile})
	}
	return out
}

// row describes a link.
func row(c *chain.Chain, l chain.Link, m surroundings) Source {
	s := Source{Source: l.Source, State: string(l.State), Reason: l.Reason}
	if l.Err != nil {
		s.Reason = l.Err.Error()
	}
	if l.State != chain.Present {
		return s
	}
	s.Hops = hops(c.Steps(l))
	first := s.Hops[0]
	s.AccessKeyID, s.KeyType, s.Account, s.Expires = first.AccessKeyID, first.KeyType, first.Account, first.Expires
	if first.Kept != nil && first.Kept.Fresh {
		s.AccessKeyID, s.KeyType, s.Expires = first.Kept.AccessKeyID, temporary, first.Kept.Expires
		s.Account, _ = rolecall.AccountOfAccessKey(s.AccessKeyID)
	}
	if l.Source == chain.SourceIMDS && first.Detail == "" {
		if m.ec2 == "" {
			s.State, s.Reason = "unknown", "no sign of EC2 here; only --probe tells"
		} else {
			s.Reason = "this machine is on EC2: " + m.ec2
		}
	}
	return s
}

const (
	longLived = "long-lived"
	temporary = "temporary"
)

// keyType tells by AWS's prefixes, for other services' keys by the token.
func keyType(s chain.Step) string {
	switch {
	case s.AccessKeyID == "":
		return ""
	case strings.HasPrefix(s.AccessKeyID, "AKIA"):
		return longLived
	case strings.HasPrefix(s.AccessKeyID, "ASIA"), s.Temporary:
		return temporary
	}
	return longLived
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func hops(steps []chain.Step) []Hop {
	out := make([]Hop, 0, len(steps))
	skipped := false
	for _, s := range steps {
		h := Hop{
			Source: s.Source, Location: s.Location, Detail: s.Detail, Profile: s.Profile, Command: s.Command, AccessKeyID: s.AccessKeyID,
			KeyType: keyType(s), Expires: stamp(s.Expires), ExpiresFrom: s.ExpiresFrom, Renews: s.Renews,
			DurationSeconds: int(s.Duration / time.Second), DurationFrom: s.DurationFrom,
			Skipped: skipped, Warning: s.Warning, step: s,
		}
		h.Account, _ = rolecall.AccountOfAccessKey(s.AccessKeyID)
		if h.KeyType == longLived {
			h.InPlaceSince = stamp(s.InPlaceSince)
		}
		if s.Chained {
			h.MaxSeconds = int(chain.ChainedMax / time.Second)
		}
		if k := s.Kept; k != nil {
			h.Kept = &Kept{k.AccessKeyID, stamp(k.Expires), k.Fresh, k.Location}
			skipped = skipped || k.Fresh
		}
		if s.Fault != nil {
			h.Fault = s.Fault.Error()
		}
		out = append(out, h)
	}
	return out
}

func next(c *chain.Chain, source string, m surroundings) *Next {
	rest, taken := c.Without(source)
	n := &Next{Without: taken, Outcome: "none"}
	w := rest.Winner()
	if w < 0 {
		return n
	}
	l := rest.Links()[w]
	s := row(rest, l, m)
	n.Outcome, n.Source, n.Hops = "ok", l.Source, s.Hops
	err := l.Err
	if l.State == chain.Present {
		err = chain.Fault(rest.Steps(l))
	}
	switch {
	case err != nil:
		n.Outcome, n.Reason = "error", err.Error()
	case s.State == "unknown":
		n.Outcome = "unknown"
	}
	return n
}

// find returns the row of a source.
func (r *Report) find(source string) *Source {
	i := slices.IndexFunc(r.Sources, func(s Source) bool { return s.Source == source })
	if i < 0 {
		return nil
	}
	return &r.Sources[i]
}
