// Package s3req is the one reader of S3 requests: what it yields decides both what is authorized and
// what the store is asked for. Nothing behind it looks at the URL again.
//
// It takes bucket and key from the raw request target, decodes percent escapes exactly once, and
// normalises nothing: "." and "..", empty segments and NUL are parts of a key, as at S3.
package s3req

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// Parser reads requests.
type Parser struct {
	// BaseDomains are the hosts under which virtual-host style addresses a bucket
	// (BUCKET.BASE); every other host means path style. Lower case, without port.
	BaseDomains []string
}

// Param is one query parameter, decoded.
type Param struct{ Name, Value string }

// Request is what a request asks for.
type Request struct {
	Op     Op
	Bucket string
	Key    string
	// VersionID is set if the request names a version.
	VersionID string
	// UploadID and PartNumber are of multipart operations; PartNumber also of GetObject, 0 if absent.
	UploadID   string
	PartNumber int
	// Source is what CopyObject and UploadPartCopy read.
	Source *Source
	// Resource is the path as S3 shows it in errors: "/bucket/key".
	Resource string

	query []Param
	http  *http.Request
}

// Source is the object of X-Amz-Copy-Source.
type Source struct{ Bucket, Key, VersionID string }

// HTTP returns the request that was parsed.
func (q *Request) HTTP() *http.Request { return q.http }

// Action is the IAM action that the operation needs on its own resource.
func (q *Request) Action() string { return q.Op.Action(q.VersionID != "") }

// Param returns a query parameter, "" if it is absent.
func (q *Request) Param(name string) string {
	v, _ := q.Lookup(name)
	return v
}

// Lookup returns a query parameter and whether it was there.
func (q *Request) Lookup(name string) (string, bool) {
	for i := range q.query {
		if q.query[i].Name == name {
			return q.query[i].Value, true
		}
	}
	return "", false
}

// Header returns a header; S3 also takes X-Amz-… headers from the query, where presigned URLs have
// them. name is in canonical form.
func (q *Request) Header(name string) string {
	if v := q.http.Header[name]; len(v) > 0 {
		return v[0]
	}
	if len(q.query) > 0 && strings.HasPrefix(name, "X-Amz-") {
		for i := range q.query {
			if strings.EqualFold(q.query[i].Name, name) {
				return q.query[i].Value
			}
		}
	}
	return ""
}

// Parse reads r. The error is an *[awsapi.Error]; the Request is then good for its Resource only.
func (p *Parser) Parse(r *http.Request) (*Request, error) {
	q := &Request{http: r}
	path, rawQuery := target(r)
	q.Resource = path
	if err := p.address(q, path); err != nil {
		return q, err
	}
	if rawQuery != "" {
		var err error
		if q.query, err = parseQuery(rawQuery); err != nil {
			return q, err
		}
	}
	return q, q.operation()
}

// target returns path and query as they were sent. The path is "/" at least.
func target(r *http.Request) (path, query string) {
	raw := r.RequestURI
	if raw == "" { // not from a server
		raw = r.URL.RequestURI()
	}
	if !strings.HasPrefix(raw, "/") {
		// absolute form: the authority is not ours to look at, Host is
		if _, rest, ok := strings.Cut(raw, "://"); ok {
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				raw = rest[i:]
			} else {
				raw = "/"
			}
		}
	}
	path, query, _ = strings.Cut(raw, "?")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path, query
}

func (p *Parser) address(q *Request, path string) error {
	rest := path[1:]
	if b := p.hostBucket(q.http.Host); b != "" {
		q.Bucket = b
		q.Resource = "/" + b + path
	} else {
		q.Bucket, rest, _ = strings.Cut(rest, "/")
	}
	if q.Bucket == "" {
		if rest != "" || path != "/" {
			return invalidBucket(q.Bucket)
		}
		return nil
	}
	if len(q.Bucket) > 63 || strings.IndexByte(q.Bucket, '%') >= 0 || identity.CheckBucketName(q.Bucket) != nil {
		return invalidBucket(q.Bucket)
	}
	var err error
	q.Key, err = decode(rest, false)
	if err != nil {
		return err
	}
	return checkKey(q.Key)
}

func invalidBucket(name string) error {
	_ = name // S3 repeats it in a BucketName element; the resource says as much
	return awsapi.Errorf(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
}

func checkKey(key string) error {
	if len(key) > objectstore.MaxKeyBytes {
		return awsapi.Errorf(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	}
	if !utf8.ValidString(key) {
		return invalidURI()
	}
	return nil
}

func (p *Parser) hostBucket(host string) string {
	if len(p.BaseDomains) == 0 {
		return ""
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, base := range p.BaseDomains {
		if b, ok := strings.CutSuffix(host, base); ok && len(b) > 1 && b[len(b)-1] == '.' {
			return b[:len(b)-1]
		}
	}
	return ""
}

func (q *Request) level() level {
	switch {
	case q.Bucket == "":
		return service
	case q.Key == "":
		return bucket
	default:
		return object
	}
}

// operation finds out what is asked for, and refuses what it does not know.
func (q *Request) operation() error {
	at, selector := q.level(), ""
	for i := range q.query {
		if name := q.query[i].Name; selects(at, name) {
			if selector != "" && selector != name {
				return awsapi.Errorf(http.StatusBadRequest, "InvalidArgument",
					"Conflicting query string parameters: %s, %s", selector, name)
			}
			selector = name
		}
	}
	d := find(q.http.Method, at, selector)
	if d == nil {
		return q.unknown(at, selector)
	}
	for i := range q.query {
		switch name := q.query[i].Name; {
		case d.takes(name), ignored(name):
		case name == "AWSAccessKeyId" || name == "Signature":
			return awsapi.Errorf(http.StatusBadRequest, "InvalidRequest",
				"The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
		default:
			return notImplemented("query parameter " + name + " of " + d.name)
		}
	}
	q.Op = d.op
	return q.details()
}

func (q *Request) unknown(at level, selector string) error {
	switch q.http.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
		if selector == "" && (at == service || q.http.Method == http.MethodPost && at == object) {
			return methodNotAllowed()
		}
		return notImplemented(strings.TrimSpace(q.http.Method + " " + selector))
	default:
		return methodNotAllowed()
	}
}

// details reads the parameters that change what is asked for.
func (q *Request) details() error {
	if len(q.query) > 0 {
		if v, ok := q.Lookup("versionId"); ok {
			if v == "" {
				return badArgument("Version id cannot be the empty string")
			}
			q.VersionID = v
		}
		q.UploadID = q.Param("uploadId")
		if v, ok := q.Lookup("partNumber"); ok {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > objectstore.MaxParts {
				return badArgument("Part number must be an integer between 1 and 10000, inclusive")
			}
			q.PartNumber = n
		}
		if q.Op == ListObjects {
			if v, ok := q.Lookup("list-type"); ok {
				if v != "2" {
					return badArgument("Invalid List Type specified in Query String")
				}
				q.Op = ListObjectsV2
			}
		}
	}
	if q.Op == UploadPart && q.PartNumber == 0 {
		return badArgument("Part number must be an integer between 1 and 10000, inclusive")
	}
	if q.Op != PutObject && q.Op != UploadPart {
		return nil
	}
	raw := q.Header("X-Amz-Copy-Source")
	if raw == "" {
		return nil
	}
	src, err := parseSource(raw)
	if err != nil {
		return err
	}
	q.Source = src
	if q.Op == PutObject {
		q.Op = CopyObject
	} else {
		q.Op = UploadPartCopy
	}
	return nil
}

// parseSource reads X-Amz-Copy-Source: [/]BUCKET/KEY[?versionId=ID], URL-encoded.
func parseSource(raw string) (*Source, error) {
	path, query, hasQuery := strings.Cut(raw, "?")
	// Some clients encode all of it, the slash after the bucket too; a bucket has no escapes itself.
	path = strings.TrimPrefix(path, "/")
	if !strings.Contains(path, "/") {
		for _, slash := range []string{"%2F", "%2f"} {
			if b, k, ok := strings.Cut(strings.TrimPrefix(path, slash), slash); ok {
				path = b + "/" + k
				break
			}
		}
	}
	b, rest, _ := strings.Cut(path, "/")
	key, err := decode(rest, false)
	if err != nil || b == "" || key == "" {
		return nil, badArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	if identity.CheckBucketName(b) != nil {
		return nil, invalidBucket(b)
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	src := &Source{Bucket: b, Key: key}
	if hasQuery {
		params, err := parseQuery(query)
		if err != nil {
			return nil, err
		}
		for _, p := range params {
			if p.Name != "versionId" || p.Value == "" {
				return nil, badArgument("Unsupported copy source parameter.")
			}
			src.VersionID = p.Value
		}
	}
	return src, nil
}

// ignored reports whether a query parameter is not part of the operation: signatures, headers in the
// query, the SDKs' x-id, and x-… that S3 leaves to the access log.
func ignored(name string) bool {
	return len(name) > 2 && (name[0] == 'x' || name[0] == 'X') && name[1] == '-'
}

func parseQuery(raw string) ([]Param, error) {
	out := make([]Param, 0, 1+strings.Count(raw, "&"))
	for raw != "" {
		var one string
		one, raw, _ = strings.Cut(raw, "&")
		if one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		name, err := decode(name, true)
		if err != nil {
			return nil, err
		}
		if value, err = decode(value, true); err != nil {
			return nil, err
		}
		for i := range out {
			// Which of the two counts? Nobody may have to guess.
			if strings.EqualFold(out[i].Name, name) {
				return nil, badArgument("Duplicate query string parameter: " + name)
			}
		}
		if !utf8.ValidString(value) || !utf8.ValidString(name) {
			return nil, invalidURI()
		}
		out = append(out, Param{name, value})
		if len(out) > 64 {
			return nil, badArgument("Too many query string parameters")
		}
	}
	return out, nil
}

// decode takes percent escapes off once. In a query, "+" is a space.
func decode(s string, plus bool) (string, error) {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) {
				return "", invalidURI()
			}
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi > 15 || lo > 15 {
				return "", invalidURI()
			}
			out = append(out, hi<<4|lo)
			i += 2
		case c == '+' && plus:
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return string(out), nil
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	default:
		return 255
	}
}

func invalidURI() error {
	return awsapi.Errorf(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.")
}

func badArgument(message string) error {
	return awsapi.Errorf(http.StatusBadRequest, "InvalidArgument", "%s", message)
}

func methodNotAllowed() error {
	return awsapi.Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

func notImplemented(what string) error {
	return awsapi.Errorf(http.StatusNotImplemented, "NotImplemented",
		"A header or query you provided implies functionality that is not implemented: %s", what)
}
