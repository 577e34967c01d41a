// Package guard stands before the credential endpoints: it identifies who connects, bounds how much
// one caller may take, and refuses requests that no SDK on this machine sends, such as those of
// browsers and proxies. Whether a caller may have a workload's credentials is decided by the endpoint,
// with [Selectors].
package guard

import (
	"net/http"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/agent/wire"
)

// Check refuses what an SDK does not send: a Host that is not one of hosts (compared exactly, so that
// a name that was rebound to this address gets nothing), headers that a proxy or a browser adds, an
// absolute request target, a body, an unsupported method. PUT is allowed where put is set. It returns
// nil when r may go on.
func Check(r *http.Request, hosts []string, put bool) *wire.Error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && (!put || r.Method != http.MethodPut) {
		return &wire.Error{Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: "only GET and HEAD are answered here"}
	}
	if !allowed(r.Host, hosts) || r.URL.Host != "" || r.URL.Scheme != "" {
		return &wire.Error{Status: http.StatusForbidden, Code: "HostNotAllowed", Message: "the Host header does not name this endpoint"}
	}
	for name := range r.Header {
		if forbidden(name) {
			return &wire.Error{Status: http.StatusForbidden, Code: "HeaderNotAllowed", Message: "requests of proxies and browsers are not answered: " + name}
		}
	}
	if r.ContentLength != 0 {
		return &wire.Error{Status: http.StatusBadRequest, Code: "BodyNotAllowed", Message: "a request here has no body"}
	}
	return nil
}

func allowed(host string, hosts []string) bool {
	for _, h := range hosts {
		if host == h {
			return true
		}
	}
	return false
}

// forbidden tells the headers, in Go's canonical spelling, that mean the request was not made by an
// SDK that talks to us itself.
func forbidden(name string) bool {
	switch name {
	case "Forwarded", "Via", "X-Real-Ip", "Origin", "Referer", "True-Client-Ip", "Access-Control-Request-Method":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Sec-Fetch-") || strings.HasPrefix(name, "Proxy-")
}

// Hosts returns the Host values that name the listening address: the address with its port, without
// it where it is 80, and for loopback the name localhost too.
func Hosts(host, port string) []string {
	names := []string{host}
	if strings.Contains(host, ":") {
		names[0] = "[" + host + "]"
	}
	if host == "127.0.0.1" || host == "::1" {
		names = append(names, "localhost")
	}
	var all []string
	for _, n := range names {
		all = append(all, n+":"+port)
		if port == "80" {
			all = append(all, n)
		}
	}
	return all
}
