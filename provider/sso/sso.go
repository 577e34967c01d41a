// Package sso gets the credentials of a role in IAM Identity Center with the token that a sign-in
// left in the shared token cache. It refreshes the token; it does not sign anybody in.
package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awscache"
)

// Source is the Origin.Source of what this package yields.
const Source = "sso"

const (
	// RefreshWindow is how long before its end a token is refreshed.
	RefreshWindow = 5 * time.Minute

	callTimeout = 10 * time.Second
	maxAnswer   = 256 << 10
	// maxLife is more seconds than any session or token has: ten years.
	maxLife = 10 * 365 * 86400
)

// Options say which role, and where the token is.
type Options struct {
	// SessionName is the sso-session's name; "" for the older form, whose tokens cannot be refreshed.
	SessionName string
	// StartURL and Region are the directory's.
	StartURL, Region string
	// AccountID and RoleName are the role's.
	AccountID, RoleName string
	// CacheDir is the folder of tokens, ~/.aws/sso/cache.
	CacheDir string
	// PortalEndpoint and OIDCEndpoint override the services' URLs.
	PortalEndpoint, OIDCEndpoint string
	// Profile and Location are where the role was named.
	Profile, Location string
	// HTTPClient carries the calls; nil is a plain one.
	HTTPClient *http.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// SignInError says that there is no token that can be used: a person has to sign in.
type SignInError struct {
	// Reason says why.
	Reason string
	// Session and Profile say for what.
	Session, Profile string
}

func (e *SignInError) Error() string { return e.Reason }

// Command is what signs in with the AWS CLI.
func (e *SignInError) Command() string {
	if e.Session != "" {
		return "aws sso login --sso-session " + e.Session
	}
	return "aws sso login --profile " + e.Profile
}

// Provider asks the portal at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider for o.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o}
}

// Retrieve gets the role's credentials. All failures are faults: the profile asks for SSO.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	token, err := p.Token(ctx)
	if err != nil {
		return none, err
	}
	creds, err := p.roleCredentials(ctx, token)
	if err != nil {
		return none, fmt.Errorf("SSO role %s in account %s: %w", p.o.RoleName, p.o.AccountID, err)
	}
	creds.Origin = rolecall.Origin{
		Source: Source, Location: p.o.Location, At: p.o.Now(),
		Detail: "role " + p.o.RoleName + " in account " + p.o.AccountID,
		Via:    &rolecall.Origin{Source: "sso-token", Location: p.TokenPath(), Detail: p.o.StartURL, At: p.o.Now()},
	}
	return creds, nil
}

// Token is a bearer token with its end.
type Token struct {
	Value   rolecall.Secret
	Expires time.Time
}

// Token returns the sign-in's token, refreshed when it is about to end and can be.
func (p *Provider) Token(ctx context.Context) (Token, error) {
	entry, err := p.readToken()
	if err != nil {
		return Token{}, err
	}
	now := p.o.Now()
	// The older form's tokens are not refreshed by any SDK.
	can := p.o.SessionName != "" && entry.refreshable(now)
	switch {
	case entry.expires.Sub(now) > RefreshWindow, !can && now.Before(entry.expires):
		return entry.token(), nil
	case !can:
		return Token{}, p.signIn("the SSO token expired at " + entry.expires.UTC().Format(time.RFC3339) + entry.whyNot(p.o.SessionName, now))
	}
	return p.refresh(ctx, entry)
}

func (p *Provider) signIn(reason string) error {
	return fmt.Errorf("%s: profile %q: %w", p.o.Location, p.o.Profile, &SignInError{Reason: reason, Session: p.o.SessionName, Profile: p.o.Profile})
}

// TokenPath is the token's file.
func (p *Provider) TokenPath() string {
	name := p.o.SessionName
	if name == "" {
		name = p.o.StartURL
	}
	return filepath.Join(p.o.CacheDir, awscache.SSOTokenID(name)+".json")
}

// entry is a token file. fields keeps what this package does not know, so that a rewrite loses nothing.
type entry struct {
	fields                                            map[string]json.RawMessage
	accessToken, refreshToken, clientID, clientSecret rolecall.Secret
	expires, registrationExpires                      time.Time
}

func (e *entry) token() Token { return Token{Value: e.accessToken, Expires: e.expires} }

func (e *entry) refreshable(now time.Time) bool {
	return !e.refreshToken.IsZero() && !e.clientID.IsZero() && !e.clientSecret.IsZero() &&
		(e.registrationExpires.IsZero() || now.Before(e.registrationExpires))
}

// whyNot says what keeps an expired token from being refreshed.
func (e *entry) whyNot(session string, now time.Time) string {
	switch {
	case session == "":
		return ", and without an sso_session it cannot be refreshed"
	case e.refreshToken.IsZero():
		return ", and it has no refresh token"
	case e.clientID.IsZero() || e.clientSecret.IsZero():
		return ", and it has no client registration to refresh it with"
	case !e.registrationExpires.IsZero() && !now.Before(e.registrationExpires):
		return ", and so is the client registration since " + e.registrationExpires.UTC().Format(time.RFC3339)
	}
	return ""
}

func (p *Provider) readToken() (*entry, error) {
	path := p.TokenPath()
	data, err := awscache.Read(path)
	if awscache.IsMissing(err) {
		return nil, p.signIn("there is no SSO token: nobody is signed in")
	}
	if err != nil {
		return nil, err
	}
	e := &entry{}
	if err := json.Unmarshal(data, &e.fields); err != nil {
		return nil, p.signIn("the SSO token file " + path + " is damaged")
	}
	text := func(name string) string {
		var s string
		_ = json.Unmarshal(e.fields[name], &s) // what is no string counts as missing
		return s
	}
	e.accessToken = rolecall.NewSecret(text("accessToken"))
	e.refreshToken = rolecall.NewSecret(text("refreshToken"))
	e.clientID = rolecall.NewSecret(text("clientId"))
	e.clientSecret = rolecall.NewSecret(text("clientSecret"))
	e.registrationExpires, _ = awscache.ParseTime(text("registrationExpiresAt"))
	if e.accessToken.IsZero() {
		return nil, p.signIn("the SSO token file " + path + " is damaged: it has no accessToken")
	}
	if e.expires, err = awscache.ParseTime(text("expiresAt")); err != nil {
		return nil, p.signIn("the SSO token file " + path + " is damaged: it has no expiresAt that is a time")
	}
	return e, nil
}

// refresh gets a new token, in one process at a time; the others find it in the file. known is the token
// that is about to end.
func (p *Provider) refresh(ctx context.Context, known *entry) (Token, error) {
	path := p.TokenPath()
	lockCtx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	unlock, err := awscache.Lock(lockCtx, path)
	if err != nil {
		// A folder that cannot be written could not keep the new token, and the old refresh token may
		// be spent by then. The access token is as good as it was.
		if p.o.Now().Before(known.expires) {
			return known.token(), nil
		}
		return Token{}, fmt.Errorf("refreshing the SSO token: %w", err)
	}
	defer unlock()
	e, err := p.readToken()
	if err != nil {
		return Token{}, err
	}
	now := p.o.Now()
	if e.expires.Sub(now) > RefreshWindow {
		return e.token(), nil
	}
	if err := p.exchange(ctx, e); err != nil {
		if now.Before(e.expires) {
			return e.token(), nil
		}
		var remote *Error
		if errors.As(err, &remote) && remote.refused() {
			return Token{}, p.signIn("the SSO token cannot be refreshed: " + remote.Error())
		}
		return Token{}, fmt.Errorf("refreshing the SSO token: %w", err)
	}
	data, err := json.MarshalIndent(e.fields, "", "  ")
	if err != nil {
		return Token{}, fmt.Errorf("refreshing the SSO token: %w", err)
	}
	// The old refresh token may be spent: losing the new one would mean a sign-in, so a failure is told.
	if err := awscache.Write(path, data); err != nil {
		return Token{}, err
	}
	return e.token(), nil
}

func (p *Provider) exchange(ctx context.Context, e *entry) error {
	body, err := json.Marshal(map[string]string{
		"clientId": e.clientID.Expose(), "clientSecret": e.clientSecret.Expose(),
		"grantType": "refresh_token", "refreshToken": e.refreshToken.Expose(),
	})
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	base := p.o.OIDCEndpoint
	if base == "" {
		base = "https://oidc." + p.o.Region + "." + suffix(p.o.Region)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(base, "/")+"/token", strings.NewReader(string(body)))
	if err != nil {
		return fmt.Errorf("the OIDC endpoint: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := p.call(req)
	if err != nil {
		return err
	}
	var a struct {
		AccessToken, RefreshToken string
		ExpiresIn                 int64
	}
	if err := json.Unmarshal(answer, &a); err != nil || a.AccessToken == "" || a.ExpiresIn <= 0 || a.ExpiresIn > maxLife {
		return errors.New("the answer is not a token")
	}
	e.accessToken = rolecall.NewSecret(a.AccessToken)
	e.expires = p.o.Now().Add(time.Duration(a.ExpiresIn) * time.Second).UTC().Truncate(time.Second)
	put := func(name, v string) {
		b, _ := json.Marshal(v) // a string always encodes
		e.fields[name] = b
	}
	put("startUrl", p.o.StartURL)
	put("region", p.o.Region)
	put("accessToken", a.AccessToken)
	put("expiresAt", e.expires.Format(time.RFC3339))
	if a.RefreshToken != "" {
		put("refreshToken", a.RefreshToken)
	}
	return nil
}

func (p *Provider) roleCredentials(ctx context.Context, token Token) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	base := p.o.PortalEndpoint
	if base == "" {
		base = "https://portal.sso." + p.o.Region + "." + suffix(p.o.Region)
	}
	q := url.Values{"account_id": {p.o.AccountID}, "role_name": {p.o.RoleName}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/federation/credentials?"+q.Encode(), nil)
	if err != nil {
		return none, fmt.Errorf("the portal endpoint: %w", err)
	}
	req.Header.Set("X-Amz-Sso_bearer_token", token.Value.Expose())
	answer, err := p.call(req)
	var remote *Error
	if errors.As(err, &remote) && remote.Status == http.StatusUnauthorized {
		return none, p.signIn("the portal does not accept the SSO token: " + remote.Error())
	}
	if err != nil {
		return none, err
	}
	var a struct {
		RoleCredentials struct {
			AccessKeyID     string `json:"accessKeyId"`
			SecretAccessKey string `json:"secretAccessKey"`
			SessionToken    string `json:"sessionToken"`
			Expiration      int64  `json:"expiration"` // milliseconds
		} `json:"roleCredentials"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return none, errors.New("the answer is not the JSON of credentials")
	}
	k := a.RoleCredentials
	if k.AccessKeyID == "" || k.SecretAccessKey == "" || k.SessionToken == "" || k.Expiration <= 0 || k.Expiration > p.o.Now().UnixMilli()+1000*maxLife {
		return none, errors.New("the answer has incomplete credentials")
	}
	creds := rolecall.Credentials{
		AccessKeyID: k.AccessKeyID, SecretAccessKey: rolecall.NewSecret(k.SecretAccessKey),
		SessionToken: rolecall.NewSecret(k.SessionToken), Expires: time.UnixMilli(k.Expiration).UTC(), AccountID: p.o.AccountID,
	}
	if creds.ExpiredAt(p.o.Now()) {
		return none, errors.New("the answer has expired credentials (is this machine's clock right?)")
	}
	return creds, nil
}

// Error is a refusal of the portal or the OIDC service.
type Error struct {
	Status        int
	Code, Message string
}

func (e *Error) Error() string {
	s := e.Code
	if s == "" {
		s = fmt.Sprintf("HTTP %d", e.Status)
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// refused tells an answer of the service from a failure on the way, such as a captive portal's redirect.
func (e *Error) refused() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests
}

func (p *Provider) call(req *http.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(req.Context(), callTimeout)
	defer cancel()
	client := http.Client{}
	if p.o.HTTPClient != nil {
		client = *p.o.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "rolecall")
	resp, err := client.Do(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	e := &Error{Status: resp.StatusCode}
	var doc struct {
		Type        string `json:"__type"`
		Error       string `json:"error"`
		Message     string `json:"message"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &doc) == nil {
		e.Code = first(doc.Type, doc.Error)
		e.Message = first(doc.Message, doc.Description)
	}
	if t, _, _ := strings.Cut(resp.Header.Get("X-Amzn-Errortype"), ":"); e.Code == "" {
		e.Code = t
	}
	return nil, e
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func suffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
