package sigv4

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// buffers lend the scratch space of canonical requests.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, 0, 2048)
	return &p
}

func (b *buffers) put(p *[]byte) {
	if cap(*p) > 64<<10 {
		return // a rare giant must not stay
	}
	*p = (*p)[:0]
	b.pool.Put(p)
}

// canonical describes a canonical request.
type canonical struct {
	dialect       Dialect
	presigned     bool // leave X-Amz-Signature out of the query
	rawPath       string
	rawQuery      string
	signed        []string // header names, lower case and sorted
	signedHeaders string   // the same, joined by semicolons
	payloadHash   string
}

// appendRequest appends the canonical request of r. It reports false if the query has an escape
// that is none, or a signed header name that no header can have.
func (c *canonical) appendRequest(b []byte, r *http.Request) ([]byte, bool) {
	b = append(append(b, r.Method...), '\n')
	b = append(c.appendPath(b), '\n')
	b, ok := appendQuery(b, c.rawQuery, c.presigned)
	if !ok {
		return b, false
	}
	b = append(b, '\n')
	for _, name := range c.signed {
		b = append(append(b, name...), ':')
		if b, ok = appendHeader(b, r, name); !ok {
			return b, false
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(append(b, c.signedHeaders...), '\n')
	return append(b, c.payloadHash...), true
}

// appendStringToSign appends what is signed for a canonical request.
func appendStringToSign(b []byte, timestamp string, scope Scope, request []byte) []byte {
	b = append(append(b, Algorithm...), '\n')
	b = append(append(b, timestamp...), '\n')
	b = append(appendScope(b, scope), '\n')
	sum := sha256.Sum256(request)
	return hex.AppendEncode(b, sum[:])
}

func appendScope(b []byte, s Scope) []byte {
	b = append(append(b, s.Date...), '/')
	b = append(append(b, s.Region...), '/')
	b = append(append(b, s.Service...), '/')
	return append(b, "aws4_request"...)
}

// splitTarget parts the request target as it came over the wire into path and query. Requests that
// have none (made by a client) are taken from their URL.
func splitTarget(r *http.Request) (path, query string) {
	target := r.RequestURI
	if target == "" {
		path = r.URL.EscapedPath()
		if r.URL.Opaque != "" {
			path, _, _ = strings.Cut(originForm(r.URL.Opaque), "?")
		}
		return cmp.Or(path, "/"), r.URL.RawQuery
	}
	if target[0] != '/' {
		if _, rest, ok := strings.Cut(target, "://"); ok { // absolute form, as proxies get it
			target = originForm("//" + rest)
		}
	}
	path, query, _ = strings.Cut(target, "?")
	return cmp.Or(path, "/"), query
}

// originForm takes the authority from "//authority/path?query".
func originForm(s string) string {
	rest, ok := strings.CutPrefix(s, "//")
	if !ok {
		return s
	}
	i := strings.IndexAny(rest, "/?")
	if i < 0 {
		return "/"
	}
	if rest[i] == '?' {
		return "/" + rest[i:]
	}
	return rest[i:]
}

// appendPath appends the canonical URI. S3 takes the path as it was sent, since "a//b" and "a/../b"
// are keys of their own there; elsewhere it is normalised (RFC 3986, repeated slashes made one) and
// what was sent is encoded once more.
func (c *canonical) appendPath(b []byte) []byte {
	if c.dialect == S3 || c.rawPath == "/" {
		return append(b, c.rawPath...)
	}
	segments := make([]string, 0, 8)
	for segment := range strings.SplitSeq(c.rawPath, "/") {
		switch segment {
		case "", ".":
		case "..":
			segments = segments[:max(0, len(segments)-1)]
		default:
			segments = append(segments, segment)
		}
	}
	for _, segment := range segments {
		b = appendEncoded(append(b, '/'), segment)
	}
	if len(segments) == 0 || strings.HasSuffix(c.rawPath, "/") {
		b = append(b, '/')
	}
	return b
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

const upperHex = "0123456789ABCDEF"

func appendEncoded(b []byte, s string) []byte {
	for i := range len(s) {
		b = appendEncodedByte(b, s[i])
	}
	return b
}

func appendEncodedByte(b []byte, c byte) []byte {
	if unreserved(c) {
		return append(b, c)
	}
	return append(b, '%', upperHex[c>>4], upperHex[c&15])
}

// parameter is a query parameter in canonical encoding.
type parameter struct{ name, value string }

// appendQuery appends the canonical query string of a raw one.
func appendQuery(b []byte, raw string, presigned bool) ([]byte, bool) {
	if raw == "" {
		return b, true
	}
	var room [16]parameter
	parameters, ok := parseQuery(room[:0], raw)
	if !ok {
		return b, false
	}
	byNameAndValue := func(x, y parameter) int {
		return cmp.Or(strings.Compare(x.name, y.name), strings.Compare(x.value, y.value))
	}
	if !slices.IsSortedFunc(parameters, byNameAndValue) {
		slices.SortFunc(parameters, byNameAndValue)
	}
	first := true
	for _, p := range parameters {
		if presigned && p.name == "X-Amz-Signature" {
			continue
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = append(b, p.name...)
		b = append(append(b, '='), p.value...)
	}
	return b, true
}

// parseQuery appends the parameters of a raw query, names and values in canonical encoding. It
// reports false on a malformed escape.
func parseQuery(parameters []parameter, raw string) ([]parameter, bool) {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, ok := canonicalEncoding(name)
		if !ok {
			return parameters, false
		}
		if value, ok = canonicalEncoding(value); !ok {
			return parameters, false
		}
		parameters = append(parameters, parameter{name, value})
	}
	return parameters, true
}

// canonicalEncoding decodes a part of a raw query, with + for a space as forms have it, and encodes
// it as SigV4 wants. What is canonical already, the usual case, comes back as it is.
func canonicalEncoding(s string) (string, bool) {
	i := 0
	for i < len(s) {
		switch c := s[i]; {
		case unreserved(c):
			i++
			continue
		case c == '%' && i+2 < len(s) && isUpperHex(s[i+1]) && isUpperHex(s[i+2]) && !unreserved(unhex(s[i+1])<<4|unhex(s[i+2])):
			i += 3
			continue
		}
		break
	}
	if i == len(s) {
		return s, true
	}
	b := make([]byte, 0, len(s)+16)
	b = append(b, s[:i]...)
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, "%20"...)
		case '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", false
			}
			b = appendEncodedByte(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = appendEncodedByte(b, c)
		}
	}
	return string(b), true
}

// decode undoes canonical encoding.
func decode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func isUpperHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

func isHex(c byte) bool { return isUpperHex(c) || 'a' <= c && c <= 'f' }

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

const maxHeaderName = 96

// canonicalKey writes the http.Header spelling of a lower-case name into room, so that looking it
// up does not allocate.
func canonicalKey(room *[maxHeaderName]byte, name string) []byte {
	if len(name) > maxHeaderName {
		return nil
	}
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = c == '-'
		room[i] = c
	}
	return room[:len(name)]
}

// appendHeader appends the values of a header, joined by commas, each trimmed and with runs of
// spaces made one.
func appendHeader(b []byte, r *http.Request, name string) ([]byte, bool) {
	if name == "host" {
		host := r.Host
		if host == "" && r.URL != nil {
			host = r.URL.Host
		}
		return append(b, host...), true
	}
	var room [maxHeaderName]byte
	key := canonicalKey(&room, name)
	if key == nil {
		return b, false
	}
	values := r.Header[string(key)]
	if len(values) == 0 {
		return appendMovedHeader(b, r, name), true
	}
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, value)
	}
	return b, true
}

// appendMovedHeader appends headers that net/http, or a proxy that answered 100-continue itself,
// takes out of the header map. A signed header that was not sent counts as empty.
func appendMovedHeader(b []byte, r *http.Request, name string) []byte {
	switch name {
	case "content-length":
		if r.ContentLength >= 0 {
			b = strconv.AppendInt(b, r.ContentLength, 10)
		}
	case "transfer-encoding":
		b = append(b, strings.Join(r.TransferEncoding, ",")...)
	case "expect":
		b = append(b, "100-continue"...)
	}
	return b
}

func appendTrimmed(b []byte, s string) []byte {
	if s == "" {
		return b
	}
	if s[0] <= ' ' || s[len(s)-1] <= ' ' {
		s = strings.Trim(s, " \t\r\n")
	}
	if !strings.Contains(s, "  ") {
		return append(b, s...)
	}
	for i := range len(s) {
		if s[i] == ' ' && s[i-1] == ' ' {
			continue
		}
		b = append(b, s[i])
	}
	return b
}
