// Package container gets credentials from the endpoint that ECS, EKS Pod Identity and rolecall's agent
// offer to a workload (AWS_CONTAINER_CREDENTIALS_…).
package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Source is the Origin.Source of what this package yields.
const Source = "container"

const (
	// AttemptTimeout bounds one request, Attempts how many there are; as in botocore.
	AttemptTimeout = 2 * time.Second
	// Attempts is how often a request is sent that fails on the way or with a 5xx or 429.
	Attempts = 3

	relativeHost = "http://169.254.170.2"
	maxAnswer    = 64 << 10
)

// Options say where the endpoint is. A relative URI wins over a full one.
type Options struct {
	// RelativeURI is a path on 169.254.170.2.
	RelativeURI string
	// FullURI is any https URL, or an http URL on a loopback or container address.
	FullURI string
	// Token goes into the Authorization header; TokenFile wins over it and is read at every call.
	Token     rolecall.Secret
	TokenFile string
	// Location is the variable that names the endpoint, for the Origin.
	Location string
	// HTTPClient carries https requests; nil is a plain one. Requests over http never use it, since
	// they must not pass a proxy and their peer's address is checked as the connection is made.
	HTTPClient *http.Client
	// Dial replaces the dialer of http requests in tests; it gets the address after the check.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider asks the endpoint at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider for o.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o}
}

// Retrieve asks the endpoint. No URI at all is an absence; anything else that goes wrong is a fault,
// because a workload with an endpoint must not fall through to its node's identity.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	if p.o.RelativeURI == "" && p.o.FullURI == "" {
		return none, rolecall.NotHere("no container credentials URI is set")
	}
	target, err := p.target()
	if err != nil {
		return none, fmt.Errorf("container credentials (%s): %w", p.o.Location, err)
	}
	creds, err := p.ask(ctx, target)
	if err != nil {
		return none, fmt.Errorf("container credentials (%s): %w", p.o.Location, err)
	}
	creds.Origin = rolecall.Origin{Source: Source, Location: p.o.Location, Detail: origin(target), At: p.o.Now()}
	return creds, nil
}

// origin leaves out the path and query: for ECS the path is the secret that identifies the task.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func (p *Provider) target() (*url.URL, error) {
	text := p.o.FullURI
	if p.o.RelativeURI != "" {
		if !strings.HasPrefix(p.o.RelativeURI, "/") {
			return nil, errors.New("the relative URI does not begin with a slash")
		}
		text = relativeHost + p.o.RelativeURI
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, errors.New("the URI is not a URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the URI's scheme %q is neither http nor https", u.Scheme)
	}
	if u.User != nil {
		return nil, errors.New("the URI has a user name")
	}
	return u, nil
}

func (p *Provider) ask(ctx context.Context, target *url.URL) (rolecall.Credentials, error) {
	client := p.o.HTTPClient
	if target.Scheme == "http" {
		transport := &http.Transport{DialContext: p.dial, DisableKeepAlives: true, DisableCompression: true}
		defer transport.CloseIdleConnections()
		client = &http.Client{Transport: transport}
	} else if client == nil {
		client = &http.Client{}
	}
	// A redirect could lead anywhere, with the token.
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	for n := 1; ; n++ {
		creds, again, err := p.once(ctx, &direct, target)
		if err == nil || !again || n == Attempts || ctx.Err() != nil {
			return creds, err
		}
		select {
		case <-ctx.Done():
			return creds, err
		case <-time.After(time.Duration(n) * 100 * time.Millisecond):
		}
	}
}

// errAddress is the refusal of an address that plain http must not go to.
var errAddress = errors.New("plain http is for loopback and container addresses only (127.0.0.0/8, ::1, 169.254.170.2, 169.254.170.23, fd00:ec2::23)")

// dial connects to addresses that [allowed] lets through. The check is on the address that the
// connection goes to, after name resolution, so that a name cannot change in between.
func (p *Provider) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if p.o.Dial != nil {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if ip, err := netip.ParseAddr(host); err != nil || !allowed(ip) {
			return nil, errAddress
		}
		return p.o.Dial(ctx, network, address)
	}
	dialer := &net.Dialer{Timeout: AttemptTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		peer, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(peer.Addr()) {
			return errAddress
		}
		return nil
	}}
	return dialer.DialContext(ctx, network, address)
}

func allowed(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() {
		return true
	}
	switch ip.String() {
	case "169.254.170.2", "169.254.170.23", "fd00:ec2::23":
		return true
	}
	return false
}

func (p *Provider) once(ctx context.Context, client *http.Client, target *url.URL) (creds rolecall.Credentials, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, AttemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return creds, false, errors.New("the URI makes no request")
	}
	token, err := p.token()
	if err != nil {
		return creds, false, err
	}
	if !token.IsZero() {
		req.Header.Set("Authorization", token.Expose())
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "rolecall")
	resp, err := client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			// url.Error quotes the URL with its secret path.
			err = wrapped.Err
		}
		if errors.Is(err, errAddress) {
			err = errAddress // a setting that cannot be, and no failure of the network
		}
		return creds, !errors.Is(err, errAddress), fmt.Errorf("asking %s: %w", origin(target), err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return creds, true, fmt.Errorf("reading the answer of %s: %w", origin(target), err)
	}
	if len(body) > maxAnswer {
		return creds, false, fmt.Errorf("the answer of %s is larger than %d bytes", origin(target), maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
		return creds, again, fmt.Errorf("%s answered %d%s", origin(target), resp.StatusCode, reason(body))
	}
	creds, err = p.decode(body)
	if err != nil {
		return creds, false, fmt.Errorf("%s answered %w", origin(target), err)
	}
	return creds, false, nil
}

// token returns the value of the Authorization header, zero for none.
func (p *Provider) token() (rolecall.Secret, error) {
	text := p.o.Token.Expose()
	if p.o.TokenFile != "" {
		info, err := os.Stat(p.o.TokenFile)
		if err != nil {
			return rolecall.Secret{}, fmt.Errorf("the authorization token file: %w", err)
		}
		if !info.Mode().IsRegular() || info.Size() > maxAnswer {
			return rolecall.Secret{}, fmt.Errorf("the authorization token file %s is no ordinary small file", p.o.TokenFile)
		}
		b, err := os.ReadFile(p.o.TokenFile)
		if err != nil {
			return rolecall.Secret{}, fmt.Errorf("the authorization token file: %w", err)
		}
		text = string(b)
	}
	if strings.ContainsAny(text, "\r\n") {
		return rolecall.Secret{}, errors.New("the authorization token has a line break (a token file must end without one)")
	}
	return rolecall.NewSecret(text), nil
}

func (p *Provider) decode(body []byte) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	var a struct {
		AccessKeyId, SecretAccessKey, Token, Expiration, AccountId string //nolint:revive // the wire's spelling
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return none, errors.New("what is not the JSON of credentials")
	}
	for name, v := range map[string]string{"AccessKeyId": a.AccessKeyId, "SecretAccessKey": a.SecretAccessKey, "Token": a.Token, "Expiration": a.Expiration} {
		if v == "" {
			return none, fmt.Errorf("credentials without %s", name)
		}
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

// reason quotes the code and message of an AWS-shaped error, and nothing of any other answer.
func reason(body []byte) string {
	var e struct{ Code, Message string }
	if json.Unmarshal(body, &e) != nil || e.Code == "" && e.Message == "" {
		return ""
	}
	const limit = 300
	return ": " + strings.TrimSpace(strings.ToValidUTF8(fmt.Sprintf("%.*s %.*s", limit, e.Code, limit, e.Message), "?"))
}
