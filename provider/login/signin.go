package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	callTimeout = 10 * time.Second
	maxAnswer   = 256 << 10
	maxMessage  = 512
	// maxLife is the longest expiresIn that is believed, in seconds; AWS's is 900.
	maxLife = 12 * 60 * 60
	// skewLimit is from when on a clock that differs from the service's is taken for the reason of a refusal.
	skewLimit = time.Minute
)

// answer is that of CreateOAuth2Token.
type answer struct {
	AccessToken struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
		SessionToken    string `json:"sessionToken"`
	} `json:"accessToken"`
	// ExpiresIn is in seconds.
	ExpiresIn    int64  `json:"expiresIn"`
	RefreshToken string `json:"refreshToken"`
}

// Error is a refusal of the sign-in service.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Type is the shape, "AccessDeniedException"; Code its OAuth error, "TOKEN_EXPIRED". Either may be "".
	Type, Code string
	// Message is the service's text.
	Message string

	// date is when the service says that it answered.
	date time.Time
}

func (e *Error) Error() string {
	s := e.Code
	if s == "" {
		s = e.Type
	}
	if s == "" {
		s = fmt.Sprintf("HTTP %d, which is no answer of the sign-in service", e.Status)
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// temporary reports refusals that another attempt may not meet.
func (e *Error) temporary() bool { return e.Status >= 500 || e.Status == http.StatusTooManyRequests }

// exchange gets new credentials with t's refresh token.
func (p *Provider) exchange(ctx context.Context, t *token) (*token, error) {
	key, err := parseKey(t.dpopKey)
	if err != nil {
		return nil, p.signIn("the login token file %s is damaged: %s", p.Path(), err)
	}
	target, err := p.endpoint(t.region)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{
		"clientId": t.clientID, "grantType": "refresh_token", "refreshToken": t.refreshToken.Expose(),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	now := p.o.Now
	send := func() (*answer, error) {
		// A proof is for one use: every attempt has its own.
		dpop, err := proof(key, http.MethodPost, target, now())
		if err != nil {
			return nil, err
		}
		return p.call(ctx, target, dpop, body)
	}
	a, err := p.attempts(ctx, send)
	var remote *Error
	if skew, ok := skewed(err, p.o.Now()); ok {
		// The proof's time is the only thing that the service compares with its clock.
		now = func() time.Time { return p.o.Now().Add(skew) }
		if a, err = p.attempts(ctx, send); err != nil {
			err = fmt.Errorf("%w (this machine's clock is %s off)", err, skew.Abs().Round(time.Minute))
		}
	}
	switch {
	case errors.As(err, &remote):
		return nil, p.refused(remote, err)
	case err != nil:
		return nil, fmt.Errorf("refreshing the login session: %w", err)
	}
	return t.with(a, p.o.Now()), nil
}

// refused says what a person can do about a refusal.
func (p *Provider) refused(remote *Error, err error) error {
	switch {
	case remote.Code == "TOKEN_EXPIRED" || remote.Code == "AUTHCODE_EXPIRED":
		return p.signIn("the login session has ended (%w)", err)
	case remote.Code == "USER_CREDENTIALS_CHANGED":
		return p.signIn("the login session ended when the password was changed (%w)", err)
	case remote.Code == "INSUFFICIENT_PERMISSIONS":
		return fmt.Errorf("refreshing the login session: %w: whoever signed in lacks the permission signin:CreateOAuth2Token", err)
	case remote.temporary() || remote.Code == "" && remote.Type == "":
		// A gateway's or a captive portal's page says nothing about the session.
		return fmt.Errorf("refreshing the login session: %w", err)
	}
	return p.signIn("the login session cannot be refreshed (%w)", err)
}

// skewed returns how far the service's clock is ahead when that may be why it refused.
func skewed(err error, now time.Time) (time.Duration, bool) {
	var remote *Error
	if !errors.As(err, &remote) || remote.temporary() || remote.date.IsZero() {
		return 0, false
	}
	switch remote.Code {
	case "TOKEN_EXPIRED", "AUTHCODE_EXPIRED", "USER_CREDENTIALS_CHANGED", "INSUFFICIENT_PERMISSIONS":
		return 0, false
	}
	skew := remote.date.Sub(now)
	return skew, skew.Abs() > skewLimit
}

// attempts calls send until its answer is final.
func (p *Provider) attempts(ctx context.Context, send func() (*answer, error)) (*answer, error) {
	limit := p.o.MaxAttempts
	if limit <= 0 {
		limit = 3
	}
	for n := 1; ; n++ {
		a, err := send()
		var remote *Error
		if err == nil || n >= limit || ctx.Err() != nil || errors.Is(err, errAnswer) || errors.As(err, &remote) && !remote.temporary() {
			return a, err
		}
		pause := rand.N(100 * time.Millisecond << min(n, 4)) //nolint:gosec // jitter needs no secrecy
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

// errAnswer marks successes that are none: another attempt would get the same.
var errAnswer = errors.New("the sign-in service's answer")

func (p *Provider) call(ctx context.Context, target, dpop string, body []byte) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the sign-in endpoint: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "rolecall")
	req.Header.Set("DPoP", dpop)
	client := http.Client{}
	if p.o.HTTPClient != nil {
		client = *p.o.HTTPClient
	}
	// The body holds the refresh token: it goes nowhere but to the endpoint.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("%w is larger than %d bytes", errAnswer, maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp, data)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("%w is not the JSON of a token (content type %q)", errAnswer, resp.Header.Get("Content-Type"))
	}
	k := a.AccessToken
	if k.AccessKeyID == "" || k.SecretAccessKey == "" || k.SessionToken == "" || a.RefreshToken == "" || a.ExpiresIn <= 0 || a.ExpiresIn > maxLife {
		return nil, fmt.Errorf("%w is no complete token", errAnswer)
	}
	return &a, nil
}

// refusal reads an error document (REST-JSON); what is none is told by its status alone.
func refusal(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode}
	e.date, _ = http.ParseTime(resp.Header.Get("Date"))
	var doc struct {
		Type    string `json:"__type"`
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &doc) == nil {
		e.Type, e.Code, e.Message = doc.Type, doc.Error, doc.Message
	}
	if t := resp.Header.Get("X-Amzn-Errortype"); t != "" {
		e.Type = t
	}
	e.Type, _, _ = strings.Cut(e.Type, ":")
	e.Type = e.Type[strings.LastIndexByte(e.Type, '#')+1:]
	e.Message = e.Message[:min(len(e.Message), maxMessage)]
	return e
}

// endpoint returns the URL of the token operation. signInRegion is the token's.
func (p *Provider) endpoint(signInRegion string) (string, error) {
	base := p.o.Endpoint
	switch {
	case base != "" && p.o.UseFIPS:
		return "", errors.New("the sign-in endpoint is configured, and FIPS endpoints are asked for: one of the two")
	case base != "" && p.o.UseDualStack:
		return "", errors.New("the sign-in endpoint is configured, and dual-stack endpoints are asked for: one of the two")
	case base == "":
		region := signInRegion
		if region == "" {
			region = p.o.Region
		}
		host, err := Host(region, p.o.UseFIPS, p.o.UseDualStack)
		if err != nil {
			return "", err
		}
		base = "https://" + host
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", fmt.Errorf("the sign-in endpoint %q is no URL", base)
	}
	// Neither query nor fragment are part of what a DPoP proof names (RFC 9449, 4.2).
	u.RawQuery, u.Fragment, u.User = "", "", nil
	return u.JoinPath("v1", "token").String(), nil
}

// partition is where a group of regions has its sign-in service.
type partition struct{ prefix, plain, suffix, dual string }

func partitions() []partition {
	return []partition{
		{"cn-", "signin.amazonaws.cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
		{"us-gov-", "signin.amazonaws-us-gov.com", "amazonaws.com", "api.aws"},
		{"us-isob-", "signin.sc2shome.sgov.gov", "sc2s.sgov.gov", "api.aws.scloud"},
		{"us-isof-", "signin.csphome.hci.ic.gov", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
		{"us-iso-", "signin.c2shome.ic.gov", "c2s.ic.gov", "api.aws.ic.gov"},
		{"eu-isoe-", "signin.csphome.adc-e.uk", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
		{"eusc-", "signin.amazonaws-eusc.eu", "amazonaws.eu", "api.amazonwebservices.eu"},
		{"", "signin.aws.amazon.com", "amazonaws.com", "api.aws"},
	}
}

// Host returns the sign-in service's host in a region, by the rules of the SDKs' endpoint rule set of the
// service.
func Host(region string, fips, dualStack bool) (string, error) {
	if region == "" {
		return "", errors.New("no region to refresh the login session in")
	}
	if strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(region) > 63 {
		return "", fmt.Errorf("%q is no region", region)
	}
	for _, part := range partitions() {
		if !strings.HasPrefix(region, part.prefix) {
			continue
		}
		switch {
		case !fips && !dualStack:
			return region + "." + part.plain, nil
		case fips && dualStack:
			return "signin-fips." + region + "." + part.dual, nil
		case dualStack:
			return "signin." + region + "." + part.dual, nil
		case region == "us-gov-west-1":
			return "signin-fips.amazonaws-us-gov.com", nil
		case part.prefix == "us-gov-":
			return region + ".signin-fips.amazonaws-us-gov.com", nil
		}
		return "signin-fips." + region + "." + part.suffix, nil
	}
	return "", fmt.Errorf("%q is no region", region)
}
