package chain

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/provider/assumerole"
	"github.com/rolecall-dev/rolecall/provider/env"
	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/provider/sso"
	"github.com/rolecall-dev/rolecall/sts"
)

// ChainedMax is the longest session of a role that is assumed with another role's session; AWS refuses to
// give a longer one. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
const ChainedMax = assumerole.MaxChained

// Step is one hop of the way to credentials, with all that is known of it without a call.
type Step struct {
	// Source, Location and Detail are those of the [rolecall.Origin].
	Source, Location, Detail string
	// Profile is the profile that configures the hop, "" when it is none.
	Profile string
	// AccessKeyID is that of keys that are there; Temporary tells that they come with a session token.
	AccessKeyID string
	Temporary   bool
	// InPlaceSince is when the file that holds the keys was last changed: they are at least as old.
	// It is zero for keys in variables.
	InPlaceSince time.Time
	// Expires is when keys or a token end, as ExpiresFrom (a variable, a setting's place, a file) says; zero
	// when that is not known.
	Expires     time.Time
	ExpiresFrom string
	// Renews tells that a token is renewed without a person when it ends.
	Renews bool
	// Duration is how long a session of the hop will last: what is asked for, at DurationFrom, or what AWS gives
	// when nothing is. 0 means that the other side decides.
	Duration     time.Duration
	DurationFrom string
	// Chained tells that the role is assumed with the session of another role, which limits it to
	// [ChainedMax]; MaybeChained that this shows only when the credentials are there.
	Chained, MaybeChained bool
	// Allowed is the duration nearest to Duration that AWS gives, where it refuses Duration; else 0.
	Allowed time.Duration
	// Command is the program of a credential_process, without its arguments.
	Command string
	// MFA are the devices of which one's code is asked for, MFACommand tells that a command gives it.
	MFA        []string
	MFACommand bool
	// Kept is the session of this hop that is in the cache and good; what comes after it is not asked then.
	Kept *KeptSession
	// Warning is what will not work as it seems to; Fault is why the hop cannot yield now.
	Warning string
	Fault   error
}

// KeptSession is a session in a cache.
type KeptSession struct {
	AccessKeyID string
	Expires     time.Time
	// Fresh tells that it is used as it is; otherwise a new one is asked for first.
	Fresh    bool
	Location string
}

// Steps looks at the way that a present link describes, latest hop first. It reads files and calls nothing.
func (c *Chain) Steps(l Link) []Step {
	var steps []Step
	for p := l.plan; p != nil; p = p.via {
		s := Step{}
		if p.look != nil {
			s = p.look()
		}
		s.Source, s.Location = p.origin.Source, p.origin.Location
		if s.Detail == "" {
			s.Detail = p.origin.Detail
		}
		steps = append(steps, s)
	}
	for i := range steps[:max(len(steps)-1, 0)] {
		if steps[i].Source == assumerole.Source {
			steps[i].Chained, steps[i].MaybeChained = steps[i+1].IsRole()
			steps[i].checkDuration()
		}
	}
	return steps
}

// IsRole tells whether the hop's credentials are a role's session, or may be one.
func (s *Step) IsRole() (is, maybe bool) {
	if roleSession(s.Source) {
		return true, false
	}
	return false, s.Source == login.Source || s.Temporary || s.Command != ""
}

func (s *Step) checkDuration() {
	switch {
	case s.Warning != "":
	case s.Duration > ChainedMax && s.Chained:
		s.Allowed = ChainedMax
		s.Warning = fmt.Sprintf("%s asks for %s: AWS refuses more than 1h for a role that is assumed with a role's session", s.DurationFrom, clock(s.Duration))
	case s.Duration > 12*time.Hour:
		s.Allowed = 12 * time.Hour
		s.Warning = fmt.Sprintf("%s asks for %s: AWS allows 12h at most", s.DurationFrom, clock(s.Duration))
	case s.Duration > ChainedMax && s.MaybeChained:
		s.Warning = fmt.Sprintf("%s asks for %s: AWS refuses more than 1h if what assumes it is a role's session", s.DurationFrom, clock(s.Duration))
	case s.Duration > 0 && s.Duration < 15*time.Minute:
		s.Allowed = 15 * time.Minute
		s.Warning = fmt.Sprintf("%s asks for %s: AWS gives no session under 15m", s.DurationFrom, clock(s.Duration))
	}
}

// clock is a duration without zeros at its end.
func clock(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "m0s")
	if len(text) < len(d.String()) {
		text = strings.TrimSuffix(text+"m", "h0m")
		if !strings.HasSuffix(text, "m") {
			text += "h"
		}
	}
	return text
}

// Fault is why the way cannot yield now, as far as that shows without a call: the first hop that cannot, unless a
// good session of a later one makes it needless. It is nil when nothing is known against it.
func Fault(steps []Step) error {
	for _, s := range steps {
		if s.Kept != nil && s.Kept.Fresh {
			return nil
		}
		if s.Fault != nil {
			return s.Fault
		}
	}
	return nil
}

// peek looks for the session in the AWS CLI's cache. Sessions in rolecall's own cache are encrypted, and are
// not opened to be shown.
func (c *Chain) peek(key SessionKey, duration time.Duration) *KeptSession {
	if _, none := c.o.Sessions.(NoSessions); none || !key.Shared {
		return nil
	}
	store := &FileSessions{Dir: filepath.Join(c.home, ".aws", "cli", "cache"), Now: c.o.Now}
	if own, ok := c.o.Sessions.(*FileSessions); ok && c.o.Files == nil {
		store = own
	}
	path := filepath.Join(store.Dir, key.ID+".json")
	text, err := c.files().ReadFile(path, maxSmallFile)
	if err != nil {
		return nil
	}
	creds, ok := store.decode(path, text, key)
	if !ok {
		return nil
	}
	return &KeptSession{
		AccessKeyID: creds.AccessKeyID, Expires: creds.Expires, Location: path,
		Fresh: creds.Expires.Sub(c.o.Now()) > freshFor(duration),
	}
}

// lookEnvironment looks at the keys of the environment.
func (c *Chain) lookEnvironment() Step {
	s := Step{AccessKeyID: c.getenv(env.AccessKeyID), Temporary: c.getenv(env.SessionToken) != ""}
	if v := c.getenv(env.Expiration); v != "" {
		if at, err := awscache.ParseTime(v); err == nil {
			s.Expires, s.ExpiresFrom = at, env.Expiration
		}
	}
	s.Warning = mismatch(s, env.SessionToken)
	return s
}

// mismatch tells of a token that cannot belong to the key. The prefixes are AWS's:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func mismatch(s Step, token string) string {
	switch {
	case s.Temporary && strings.HasPrefix(s.AccessKeyID, "AKIA"):
		return s.AccessKeyID + " is a long-lived key and takes no session token: " + token + " is left over from another login, and AWS will refuse the two together"
	case !s.Temporary && strings.HasPrefix(s.AccessKeyID, "ASIA"):
		return s.AccessKeyID + " is a temporary key: without " + token + " AWS will refuse it"
	}
	return ""
}

// expirySettings are the settings in which the tools that write temporary keys into files leave their end:
// https://github.com/Versent/saml2aws (x_security_token_expires), aws-mfa and others.
func expirySettings() []string {
	return []string{"aws_credential_expiration", "aws_session_expiration", "x_security_token_expires", "aws_expiration", "expiration", "expires"}
}

func (c *Chain) lookStatic(p *awsconfig.Profile, g *awsconfig.Group, at awsconfig.Setting) Step {
	s := Step{Profile: p.Name, AccessKeyID: g.Value(keyID), Temporary: g.Value(keyToken) != ""}
	s.InPlaceSince = c.changed(at.Path)
	for _, key := range expirySettings() {
		set, ok := g.Get(key)
		if !ok {
			continue
		}
		if end, ok := parseEnd(set.Value); ok {
			s.Expires, s.ExpiresFrom = end, set.Where()
			break
		}
	}
	s.Warning = mismatch(s, keyToken)
	if s.Warning == "" && !s.Expires.IsZero() && s.Temporary && !c.o.Now().Before(s.Expires) {
		s.Warning = "by " + s.ExpiresFrom + " the keys ended at " + s.Expires.UTC().Format(time.RFC3339) + "; SDKs use them all the same, and AWS will refuse them"
	}
	return s
}

// parseEnd reads the ways in which tools write a time.
func parseEnd(v string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// changed is when a file was last changed; zero when that cannot be, as on a machine whose clock was wrong.
func (c *Chain) changed(path string) time.Time {
	at, err := c.files().Changed(path)
	if err != nil || at.Unix() <= 0 || at.After(c.o.Now()) {
		return time.Time{}
	}
	return at
}

func (c *Chain) lookRole(p *awsconfig.Profile, key SessionKey, in sts.AssumeRoleInput) Step {
	s := Step{Profile: p.Name, Kept: c.peek(key, in.Duration), Duration: time.Hour, MFACommand: p.Value("mfa_process") != ""}
	s.MFA, _ = devices(p) // the plan would not be there with an error
	if in.Duration > 0 {
		at, _ := p.Get("duration_seconds")
		s.Duration, s.DurationFrom = in.Duration, at.Where()
	}
	return s
}

// lookContainer tells the URL, without what could be a secret in it.
func (c *Chain) lookContainer() Step {
	if path := c.getenv(containerRelative); path != "" {
		return Step{Detail: "http://169.254.170.2" + path}
	}
	u, err := url.Parse(c.getenv(containerFull))
	if err != nil {
		return Step{}
	}
	return Step{Detail: (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()}
}

func (c *Chain) lookIMDS() Step { return Step{} }

// commandName is the program of a command line; its arguments may be secrets.
func commandName(line string) string {
	line = strings.TrimSpace(line)
	if line != "" && (line[0] == '"' || line[0] == '\'') {
		if end := strings.IndexByte(line[1:], line[0]); end > 0 {
			return line[1 : end+1]
		}
	}
	name, _, _ := strings.Cut(line, " ")
	return name
}

// tokenFilePlan is the hop of a web identity's token.
func (c *Chain) tokenFilePlan(path string) *plan {
	return &plan{origin: rolecall.Origin{Source: "token-file", Location: path}, look: func() Step { return c.lookTokenFile(path) }}
}

// lookTokenFile reads the claims of a web identity's token, without checking its signature.
func (c *Chain) lookTokenFile(path string) Step {
	text, err := c.files().ReadFile(path, maxSmallFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Step{Fault: fmt.Errorf("the token file %s is not there", path)}
	case err != nil:
		return Step{Fault: fmt.Errorf("the token file cannot be read: %w", err)}
	}
	parts := strings.Split(strings.TrimSpace(string(text)), ".")
	if len(parts) != 3 {
		if strings.TrimSpace(string(text)) == "" {
			return Step{Fault: fmt.Errorf("the token file %s is empty", path)}
		}
		return Step{Warning: "the token in " + path + " does not look like a JSON web token"}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &claims) != nil {
		return Step{Warning: "the token in " + path + " does not look like a JSON web token"}
	}
	s := Step{ExpiresFrom: "exp of the token"}
	if claims.Exp > 0 && claims.Exp < 1e11 {
		s.Expires = time.Unix(int64(claims.Exp), 0).UTC()
		if !c.o.Now().Before(s.Expires) {
			s.Fault = fmt.Errorf("the token in %s ended at %s: what writes it has stopped", path, s.Expires.Format(time.RFC3339))
		}
	}
	return s
}

// lookSSOToken looks at the token of a sign-in.
func (c *Chain) lookSSOToken(o sso.Options, path string) Step {
	signIn := func(reason string) error {
		return fmt.Errorf("%s: profile %q: %w", o.Location, o.Profile, &sso.SignInError{Reason: reason, Session: o.SessionName, Profile: o.Profile})
	}
	text, err := c.files().ReadFile(path, maxSmallFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Step{Fault: signIn("there is no SSO token: nobody is signed in")}
	}
	if err != nil {
		return Step{Fault: fmt.Errorf("the SSO token cannot be read: %w", err)}
	}
	var t struct{ AccessToken, ExpiresAt, RefreshToken, ClientID, ClientSecret, RegistrationExpiresAt string }
	if json.Unmarshal(text, &t) != nil || t.AccessToken == "" {
		return Step{Fault: signIn("the SSO token file " + path + " is damaged")}
	}
	end, err := awscache.ParseTime(t.ExpiresAt)
	if err != nil {
		return Step{Fault: signIn("the SSO token file " + path + " is damaged")}
	}
	s := Step{Expires: end, ExpiresFrom: path}
	registration, err := awscache.ParseTime(t.RegistrationExpiresAt)
	s.Renews = o.SessionName != "" && t.RefreshToken != "" && t.ClientID != "" && t.ClientSecret != "" && (err != nil || c.o.Now().Before(registration))
	if !c.o.Now().Before(end) && !s.Renews {
		s.Fault = signIn("the SSO token expired at " + end.UTC().Format(time.RFC3339))
	}
	return s
}

// lookLogin looks at what `aws login` left.
func (c *Chain) lookLogin(p *awsconfig.Profile, path string) Step {
	at, _ := p.Get("login_session")
	signIn := func(reason string) error {
		return fmt.Errorf("%s: profile %q: %w", at.Where(), p.Name, &login.SignInError{Reason: reason, Profile: p.Name})
	}
	text, err := c.files().ReadFile(path, maxSmallFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Step{Profile: p.Name, Fault: signIn("there is no login token: nobody is signed in")}
	}
	if err != nil {
		return Step{Profile: p.Name, Fault: fmt.Errorf("the login token cannot be read: %w", err)}
	}
	key, end, err := login.Inspect(text)
	if err != nil {
		return Step{Profile: p.Name, Fault: signIn("the login token file " + path + " is damaged: " + err.Error())}
	}
	// The refresh token lives longer than the file tells: whether it still does shows when it is used.
	return Step{
		Profile: p.Name, AccessKeyID: key, Temporary: true, Expires: end, ExpiresFrom: path, Renews: true,
	}
}
