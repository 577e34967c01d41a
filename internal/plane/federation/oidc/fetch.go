package oidc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	// fetchTimeout bounds discovery and keys together. Clients give STS longer than that.
	fetchTimeout = 5 * time.Second
	maxDiscovery = 64 << 10
	maxKeySet    = 512 << 10
	maxRedirects = 3
)

// fetcher reads documents from providers, within bounds: of size, time, redirects, and where it connects to.
type fetcher struct {
	guard     *guard
	tls       *trust
	allowHTTP bool
}

// discovery is what this package reads of a provider's configuration.
// https://openid.net/specs/openid-connect-discovery-1_0.html
type discovery struct {
	Issuer  string `json:"issuer"`
	JWKSURI string `json:"jwks_uri"`
}

// keySet fetches the provider's configuration and then its keys.
func (f *fetcher) keySet(ctx context.Context, issuer string, thumbprints []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	// One client for both documents, and no longer: thumbprints are the provider's own.
	dialer := &net.Dialer{Timeout: fetchTimeout, Control: f.guard.control}
	transport := &http.Transport{
		DialContext: dialer.DialContext,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return f.dialTLS(ctx, dialer, network, address, thumbprints)
		},
		MaxResponseHeaderBytes: 32 << 10,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: f.redirect}

	text, err := f.get(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", maxDiscovery)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", issuer, err)
	}
	var d discovery
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("%w: configuration of %s: %w", errDocument, issuer, err)
	}
	if d.Issuer != issuer {
		return nil, fmt.Errorf("%w: %s says that its issuer is %.200q", errDocument, issuer, d.Issuer)
	}
	text, err = f.get(ctx, client, d.JWKSURI, maxKeySet)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of %s: %w", issuer, err)
	}
	return text, nil
}

func (f *fetcher) dialTLS(ctx context.Context, dialer *net.Dialer, network, address string, thumbprints []string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDocument, err)
	}
	plain, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := tls.Client(plain, f.tls.config(host, thumbprints))
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return c, nil
}

// errDocument marks an answer of the provider that will not get better by asking again at once.
var errDocument = errors.New("provider's answer cannot be used")

func (f *fetcher) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d redirects", errDocument, maxRedirects)
	}
	return f.checkURL(r.URL)
}

func (f *fetcher) checkURL(u *url.URL) error {
	if u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !f.allowHTTP) {
		return fmt.Errorf("%w: %.200q is no https URL", errDocument, u.Redacted())
	}
	return nil
}

// get reads a JSON document of at most limit bytes.
func (f *fetcher) get(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDocument, err)
	}
	if err := f.checkURL(u); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDocument, err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "rolecall")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end or given up
	switch {
	case answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%s answers %s", u.Redacted(), answer.Status)
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: %s answers %s", errDocument, u.Redacted(), answer.Status)
	case answer.ContentLength > limit:
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", errDocument, u.Redacted(), limit)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil && kind == "text/html" {
		return nil, fmt.Errorf("%w: %s is a web page", errDocument, u.Redacted())
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > limit:
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", errDocument, u.Redacted(), limit)
	}
	return body, nil
}
