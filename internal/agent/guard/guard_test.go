package guard_test

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/agent/guard"
)

func TestHosts(t *testing.T) {
	for _, row := range []struct {
		host, port string
		want       []string
	}{
		{"127.0.0.1", "9911", []string{"127.0.0.1:9911", "localhost:9911"}},
		{"127.0.0.1", "80", []string{"127.0.0.1:80", "127.0.0.1", "localhost:80", "localhost"}},
		{"169.254.170.2", "80", []string{"169.254.170.2:80", "169.254.170.2"}},
		{"fd00:ec2::254", "80", []string{"[fd00:ec2::254]:80", "[fd00:ec2::254]"}},
	} {
		if diff := cmp.Diff(row.want, guard.Hosts(row.host, row.port)); diff != "" {
			t.Errorf("%s port %s (-want +got)\n%s", row.host, row.port, diff)
		}
	}
}

// Whatever comes over the wire, what passes names the endpoint and carries nothing of a proxy or browser.
func FuzzCheck(f *testing.F) {
	hosts := guard.Hosts("127.0.0.1", "9911")
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1:9911\r\n\r\n",
		"GET http://127.0.0.1:9911/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\nx-forwarded-for: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\nX-Forwarded-Proto: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\nSEC-FETCH-MODE: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\nOrigin:\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\nContent-Length: 1\r\n\r\nx",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: 127.0.0.1:9911\r\n\r\n",
		"PUT /latest/api/token HTTP/1.1\r\nHost: LOCALHOST:9911\r\n\r\n",
		"CONNECT 127.0.0.1:9911 HTTP/1.1\r\nHost: 127.0.0.1:9911\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:9911\r\n\r\n",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, put bool) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		if refusal := guard.Check(r, hosts, put); refusal != nil {
			if refusal.Status < 400 || refusal.Status > 499 || refusal.Code == "" || refusal.Message == "" {
				t.Fatalf("refusal %+v", refusal)
			}
			return
		}
		if !slices.Contains(hosts, r.Host) || r.URL.Host != "" {
			t.Errorf("passed with host %q, target %q", r.Host, r.URL)
		}
		if r.Method != "GET" && r.Method != "HEAD" && (!put || r.Method != "PUT") {
			t.Errorf("passed with method %q", r.Method)
		}
		if r.ContentLength != 0 {
			t.Error("passed with a body")
		}
		for name := range r.Header {
			lower := strings.ToLower(name)
			for _, bad := range []string{"x-forwarded-", "sec-fetch-"} {
				if strings.HasPrefix(lower, bad) {
					t.Errorf("passed with %q", name)
				}
			}
			if slices.Contains([]string{"forwarded", "via", "x-real-ip", "origin", "referer"}, lower) {
				t.Errorf("passed with %q", name)
			}
		}
	})
}
