// Package imds gets credentials of an EC2 instance's role from the instance metadata service.
package imds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Source is the Origin.Source of what this package yields.
const Source = "imds"

const (
	// Timeout bounds each request. There is one attempt: outside EC2 nothing answers at the address,
	// and nobody wants to wait to learn that.
	Timeout = time.Second

	// IPv4Endpoint and IPv6Endpoint are the service's addresses.
	IPv4Endpoint = "http://169.254.169.254"
	// IPv6Endpoint is used in the endpoint mode IPv6.
	IPv6Endpoint = "http://[fd00:ec2::254]"

	tokenSeconds = "21600"
	maxAnswer    = 64 << 10
)

// Options say where the service is.
type Options struct {
	// Endpoint is its URL; "" is [IPv4Endpoint].
	Endpoint string
	// V1Disabled forbids the fallback to requests without a token.
	V1Disabled bool
	// Location is what configured the endpoint, for the Origin; "" is the default.
	Location string
	// Timeout bounds each request; 0 is [Timeout].
	Timeout time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider asks the service at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider for o.
func New(o Options) *Provider {
	if o.Endpoint == "" {
		o.Endpoint = IPv4Endpoint
	}
	o.Endpoint = strings.TrimRight(o.Endpoint, "/")
	if o.Timeout <= 0 {
		o.Timeout = Timeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o}
}

// Retrieve asks for the role's name and then for its credentials. A service that does not answer, or
// has no role, is an absence; an answer that cannot be used is a fault.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	if u, err := url.Parse(p.o.Endpoint); err != nil || u.Host == "" {
		return none, fmt.Errorf("instance metadata: the endpoint %q is not a URL", p.o.Endpoint)
	}
	s := p.session()
	defer s.close()
	token, err := s.token(ctx)
	if err != nil {
		return none, err
	}
	const base = "/latest/meta-data/iam/security-credentials/"
	status, body, err := s.get(ctx, base, token)
	switch {
	case err != nil:
		return none, rolecall.NotHere("no instance metadata service answers at " + p.o.Endpoint)
	case status == http.StatusNotFound:
		return none, rolecall.NotHere("the instance has no role")
	case status != http.StatusOK:
		// Turned off, or not meant for this caller: the SDKs take that for an absence too.
		return none, rolecall.NotHere(fmt.Sprintf("the instance metadata service answers %d", status))
	}
	role, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	role = strings.TrimSpace(role)
	if role == "" {
		return none, rolecall.NotHere("the instance has no role")
	}
	if len(role) > 64 || strings.ContainsAny(role, "<> /?#") {
		// What a captive portal answers is no role's name.
		return none, fmt.Errorf("instance metadata: %s does not answer as the service does", p.o.Endpoint)
	}
	status, body, err = s.get(ctx, base+url.PathEscape(role), token)
	if err != nil {
		return none, fmt.Errorf("instance metadata: asking for role %s: %w", role, err)
	}
	if status != http.StatusOK {
		return none, fmt.Errorf("instance metadata: role %s answered %d", role, status)
	}
	creds, err := p.decode(body)
	if err != nil {
		return none, fmt.Errorf("instance metadata: role %s answered %w", role, err)
	}
	location := p.o.Location
	if location == "" {
		location = p.o.Endpoint
	}
	creds.Origin = rolecall.Origin{Source: Source, Location: location, Detail: role, At: p.o.Now()}
	return creds, nil
}

func (p *Provider) decode(body []byte) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	var a struct {
		Code, Message                                              string
		AccessKeyId, SecretAccessKey, Token, Expiration, AccountId string //nolint:revive // the wire's spelling
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return none, errors.New("what is not the JSON of credentials")
	}
	if a.Code != "" && !strings.EqualFold(a.Code, "Success") {
		return none, fmt.Errorf("%.100s: %.300s", a.Code, a.Message)
	}
	if a.AccessKeyId == "" || a.SecretAccessKey == "" || a.Token == "" || a.Expiration == "" {
		return none, errors.New("incomplete credentials")
	}
	expires, err := time.Parse(time.RFC3339, a.Expiration)
	if err != nil {
		return none, errors.New("an Expiration that is no time")
	}
	if !p.o.Now().Before(expires) {
		return none, fmt.Errorf("credentials that are expired since %s", expires.UTC().Format(time.RFC3339))
	}
	return rolecall.Credentials{
		AccessKeyID: a.AccessKeyId, SecretAccessKey: rolecall.NewSecret(a.SecretAccessKey),
		SessionToken: rolecall.NewSecret(a.Token), Expires: expires, AccountID: a.AccountId,
	}, nil
}

// session is one conversation with the service.
type session struct {
	o         Options
	client    *http.Client
	transport *http.Transport
}

func (p *Provider) session() *session {
	t := &http.Transport{
		// A dial that ends before the request does is told from a connection that nobody answers on.
		DialContext:        (&net.Dialer{Timeout: p.o.Timeout * 8 / 10}).DialContext,
		DisableCompression: true,
		// No proxy: the address means this machine.
		Proxy: nil,
	}
	return &session{o: p.o, transport: t, client: &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (s *session) close() { s.transport.CloseIdleConnections() }

// token returns the session token for IMDSv2, "" when the service has only version 1 and that is
// allowed. A PUT that connects and gets no answer is the mark of a container behind a hop limit of one.
func (s *session) token(ctx context.Context) (string, error) {
	status, body, err := s.do(ctx, http.MethodPut, "/latest/api/token", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", tokenSeconds)
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial", err != nil && ctx.Err() != nil:
		return "", rolecall.NotHere("no instance metadata service answers at " + s.o.Endpoint)
	case err == nil && status == http.StatusOK:
		token := strings.TrimSpace(string(body))
		if token == "" || strings.ContainsAny(token, "<>\r\n") {
			return "", fmt.Errorf("instance metadata: %s does not answer as the service does", s.o.Endpoint)
		}
		return token, nil
	case err == nil && status == http.StatusBadRequest:
		return "", fmt.Errorf("instance metadata: the request for a token answered %d", status)
	case s.o.V1Disabled:
		return "", rolecall.NotHere("instance metadata gives no token, and version 1 is disabled")
	}
	return "", nil
}

func (s *session) get(ctx context.Context, path, token string) (int, []byte, error) {
	if token == "" {
		return s.do(ctx, http.MethodGet, path, "", "")
	}
	return s.do(ctx, http.MethodGet, path, "X-Aws-Ec2-Metadata-Token", token)
}

func (s *session) do(ctx context.Context, method, path, header, value string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.o.Endpoint+path, nil)
	if err != nil {
		return 0, nil, err
	}
	if header != "" {
		req.Header.Set(header, value)
	}
	req.Header.Set("User-Agent", "rolecall")
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, body, nil
}
