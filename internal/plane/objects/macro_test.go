package objects_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/objects"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/storetest"
	"github.com/rolecall-dev/rolecall/policy"
)

// BenchmarkHTTP sends one signed request for a kilobyte again and again over one raw connection: to a bare
// handler that writes the same bytes, and to the front behind signature check and policies. The
// client's share is in both figures, and small: it parses nothing.
func BenchmarkHTTP(b *testing.B) {
	body := storetest.Pattern(1 << 10)
	bare := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "binary/octet-stream")
		_, _ = w.Write(body)
	}
	d, a := newMemoryDirectory(), &policyAuthorizer{grants: map[string]*policy.Policy{}}
	front := objects.New(objects.Options{Authorizer: a, Directory: d, Store: embeddedStore(b)})
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
	}{{"bare", bare}, {"front", handler(front)}} {
		b.Run(c.name, func(b *testing.B) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			if c.name == "front" {
				fill(b, server.URL, body)
			}
			conn, request, n := connect(b, server.URL)
			defer func() { _ = conn.Close() }()
			buf := make([]byte, n)
			defer cpuTime(b)()
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, buf); err != nil {
					b.Fatal(err)
				}
				a.checks = a.checks[:0]
			}
		})
	}
}

func fill(b *testing.B, url string, body []byte) {
	b.Helper()
	for _, r := range []*http.Request{must(b, http.MethodPut, url+"/bucket", nil), must(b, http.MethodPut, url+"/bucket/k", body)} {
		sign(b, r)
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != 200 {
			b.Fatal(res, err)
		}
		_ = res.Body.Close()
	}
}

func must(b *testing.B, method, url string, body []byte) *http.Request {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// connect returns a connection, the request and the length of its answer.
func connect(b *testing.B, url string) (conn net.Conn, request []byte, n int) {
	b.Helper()
	r := must(b, http.MethodGet, url+"/bucket/k", nil)
	r.Body, r.GetBody = nil, nil
	sign(b, r)
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		b.Fatal(err)
	}
	var d net.Dialer
	conn, err := d.DialContext(b.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := conn.Write(raw.Bytes()); err != nil {
		b.Fatal(err)
	}
	counted := &counter{r: conn}
	res, err := http.ReadResponse(bufio.NewReader(counted), r)
	if err != nil || res.StatusCode != 200 {
		b.Fatal(res, err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		b.Fatal(err)
	}
	return conn, raw.Bytes(), counted.n
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
