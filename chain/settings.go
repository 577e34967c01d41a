package chain

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/sts"
)

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

func isTrue(s string) bool { return equalFold(s, "true") }

// current is the profile in use; nil when it does not exist.
func (c *Chain) current() *awsconfig.Profile { return c.config.Profile(c.profile.name) }

// expand puts the home folder in the place of a leading tilde: the shell does not inside quotes or in a unit
// file; most SDKs do.
func (c *Chain) expand(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(c.home, rest)
	}
	return path
}

// setting returns a variable's value, else the profile's, with the place it is from.
func (c *Chain) setting(variable, key string) (value, origin string) {
	if v := c.getenv(variable); v != "" {
		return v, variable
	}
	if s, ok := c.current().Get(key); ok && s.Value != "" {
		return s.Value, s.Where()
	}
	return "", ""
}

// Region returns the region and where it is set, both "" when there is none: the option, AWS_REGION,
// AWS_DEFAULT_REGION, the profile.
func (c *Chain) Region() (region, origin string) {
	if c.o.Region != "" {
		return c.o.Region, "--region"
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if v := c.getenv(name); v != "" {
			return v, name
		}
	}
	if s, ok := c.current().Get("region"); ok && s.Value != "" {
		return s.Value, s.Where()
	}
	return "", ""
}

// Endpoint returns the URL that is configured for a service ("sts", "sso oidc"), with its place, both ""
// when there is none. Variables win over the files, the service's own over the general one.
func (c *Chain) Endpoint(service string) (url, origin string) {
	if known, ok := c.endpoints.Load(service); ok {
		found, _ := known.([2]string)
		return found[0], found[1]
	}
	url, origin = c.findEndpoint(service)
	c.endpoints.Store(service, [2]string{url, origin})
	return url, origin
}

func (c *Chain) findEndpoint(service string) (url, origin string) {
	id := strings.ReplaceAll(strings.ToLower(service), " ", "_")
	ignore, _ := c.setting("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")
	if isTrue(ignore) {
		return "", ""
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_" + strings.ToUpper(id), "AWS_ENDPOINT_URL"} {
		if v := c.getenv(name); v != "" {
			return v, name
		}
	}
	profile := c.current()
	if group, ok := profile.Get("services"); ok {
		if block, ok := c.config.Services(group.Value).Get(id); ok {
			if s, ok := block.Get("endpoint_url"); ok && s.Value != "" {
				return s.Value, s.Where()
			}
		}
	}
	if s, ok := profile.Get("endpoint_url"); ok && s.Value != "" {
		return s.Value, s.Where()
	}
	return "", ""
}

// STS returns a client configured by the same environment and profile: endpoint, region, FIPS, dual stack,
// CA bundle, attempts.
func (c *Chain) STS() *sts.Client {
	region, _ := c.Region()
	endpoint, _ := c.Endpoint("sts")
	fips, dual := c.variants()
	return &sts.Client{
		Endpoint: endpoint, Region: region, UseFIPS: fips, UseDualStack: dual,
		MaxAttempts: c.attempts(), Now: c.o.Now, HTTPClient: c.lazyClient(),
	}
}

// variants returns whether FIPS and dual-stack endpoints are asked for.
func (c *Chain) variants() (fips, dualStack bool) {
	f, _ := c.setting("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")
	d, _ := c.setting("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
	return isTrue(f), isTrue(d)
}

// attempts returns the configured number of attempts per call, 0 when there is none that makes sense.
func (c *Chain) attempts() int {
	s, _ := c.setting("AWS_MAX_ATTEMPTS", "max_attempts")
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 20 {
		return 0
	}
	return n
}

// webIdentitySTS is [Chain.STS] for calls without a signature, which need no region: without one
// the global endpoint answers.
func (c *Chain) webIdentitySTS() *sts.Client {
	client := c.STS()
	if client.Region == "" && client.Endpoint == "" {
		client.Region = "aws-global"
	}
	return client
}

// lazyClient is an HTTP client that reads the CA bundle with its first request.
func (c *Chain) lazyClient() *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			client, err := c.client()
			if err != nil {
				return nil, err
			}
			transport := client.Transport
			if transport == nil {
				transport = http.DefaultTransport
			}
			return transport.RoundTrip(r)
		}),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// maxBundle bounds what is read of a CA bundle; the system's own are below 1 MB.
const maxBundle = 16 << 20

// newHTTPClient returns the client of the options, or one that honours AWS_CA_BUNDLE.
func (c *Chain) newHTTPClient() (*http.Client, error) {
	if c.o.HTTPClient != nil {
		return c.o.HTTPClient, nil
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 10 * time.Second,
		ForceAttemptHTTP2:     false,
	}
	bundle, from := c.setting("AWS_CA_BUNDLE", "ca_bundle")
	if bundle != "" {
		bundle = c.expand(bundle)
		pem, err := ownFiles{}.ReadFile(bundle, maxBundle)
		if err != nil {
			return nil, fmt.Errorf("the CA bundle (%s): %w", from, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the CA bundle (%s): %s has no certificate", from, bundle)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}, nil
}
