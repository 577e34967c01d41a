package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

const timeFormat = "20060102T150405Z"

// Parse reads the signature of r, of the dialect of the credential scope's service.
//
// It returns [ErrNoSignature] when r is anonymous, else an *[Error] when the signature is not well
// formed. The body is not touched.
func Parse(r *http.Request) (*Signature, error) { return parse(r, Query, false) }

// ParseDialect is Parse for a server that knows from its routing which dialect it speaks, so that
// a malformed signature or one that is scoped to another service gets the right error.
func ParseDialect(r *http.Request, d Dialect) (*Signature, error) { return parse(r, d, true) }

func parse(r *http.Request, d Dialect, fixed bool) (*Signature, error) {
	s := &Signature{Dialect: d}
	s.path, s.query = splitTarget(r)
	headers := r.Header["Authorization"]
	if strings.Contains(s.query, "X-Amz-") {
		presigned, err := s.fromQuery(r, len(headers) > 0, fixed)
		if err != nil {
			return nil, err
		}
		if presigned {
			return s, nil
		}
	}
	switch len(headers) {
	case 0:
		return nil, ErrNoSignature
	case 1:
		if err := s.fromHeader(r, headers[0], fixed); err != nil {
			return nil, err
		}
		return s, nil
	default:
		return nil, s.twoMechanisms()
	}
}

// fromHeader reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func (s *Signature) fromHeader(r *http.Request, header string, fixed bool) error {
	algorithm, rest, _ := strings.Cut(header, " ")
	if algorithm != Algorithm {
		return s.unsupported(algorithm)
	}
	var credential, signedHeaders, signature string
	for more := true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		part = strings.TrimLeft(part, " ")
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return s.malformedHeader("Invalid key=value pair (missing equal-sign) in Authorization header " +
				"(hashed with SHA-256 and encoded with Base64): '" + fingerprint(header) + "'.")
		}
		var field *string
		switch name {
		case "Credential":
			field = &credential
		case "SignedHeaders":
			field = &signedHeaders
		case "Signature":
			field = &signature
		default:
			return s.malformedHeader("Authorization header has an unknown parameter.")
		}
		if *field != "" {
			return s.malformedHeader("Authorization header has duplicate '" + name + "' parameter.")
		}
		*field = value
	}
	if err := s.presence(r, header, credential, signedHeaders, signature); err != nil {
		return err
	}
	if err := s.setCredential(credential, fixed); err != nil {
		return err
	}
	if err := s.setSignedHeaders(signedHeaders); err != nil {
		return err
	}
	if err := s.setSignature(signature); err != nil {
		return err
	}
	if err := s.setHeaderTime(r); err != nil {
		return err
	}
	if err := s.setToken(r); err != nil {
		return err
	}
	return s.setPayload(r, "")
}

// presence refuses an Authorization header that lacks something, naming all of it as AWS does.
func (s *Signature) presence(r *http.Request, header, credential, signedHeaders, signature string) error {
	var missing strings.Builder
	for _, p := range [...]struct{ name, value string }{
		{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signedHeaders},
	} {
		if p.value == "" {
			missing.WriteString("Authorization header requires '" + p.name + "' parameter. ")
		}
	}
	if len(r.Header["X-Amz-Date"]) == 0 && len(r.Header["Date"]) == 0 {
		if s.Dialect == S3 && missing.Len() == 0 {
			return fail("AccessDenied", http.StatusForbidden, "AWS authentication requires a valid Date or x-amz-date header")
		}
		missing.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if missing.Len() == 0 {
		return nil
	}
	return s.malformedHeader(missing.String() + "(Hashed with SHA-256 and encoded with Base64) Authorization=" + fingerprint(header))
}

// setCredential takes keyid/date/region/service/aws4_request apart. Unless the caller has fixed it,
// the service decides the dialect.
func (s *Signature) setCredential(credential string, fixed bool) error {
	parts := [5]string{}
	rest, ok := credential, true
	for i := range parts {
		if !ok {
			return s.malformed("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term")
		}
		parts[i], rest, ok = strings.Cut(rest, "/")
	}
	if ok || slices.Contains(parts[:], "") {
		return s.malformed("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term")
	}
	if !fixed {
		s.Dialect = DialectOf(parts[3])
	}
	if parts[4] != "aws4_request" {
		return s.malformed("Credential should be scoped with a valid terminator: 'aws4_request', not '" + parts[4] + "'.")
	}
	if len(parts[1]) != 8 || strings.Trim(parts[1], "0123456789") != "" {
		return s.malformed("Date in Credential scope must be in the format YYYYMMDD")
	}
	s.AccessKeyID = parts[0]
	s.Scope = Scope{Date: parts[1], Region: parts[2], Service: parts[3]}
	return nil
}

// setSignedHeaders wants what SigV4 says of the list: lower case, sorted, each once.
func (s *Signature) setSignedHeaders(list string) error {
	s.signedHeaders = list
	s.SignedHeaders = make([]string, 0, strings.Count(list, ";")+1)
	previous := ""
	for more := true; more; {
		var name string
		name, list, more = strings.Cut(list, ";")
		if name <= previous || len(name) > maxHeaderName || !lowerHeaderName(name) {
			return s.malformed("SignedHeaders must be lower-case header names, sorted and separated by semicolons")
		}
		s.SignedHeaders = append(s.SignedHeaders, name)
		previous = name
	}
	return nil
}

func lowerHeaderName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', c == '-':
		case c <= ' ', c >= 0x7f, 'A' <= c && c <= 'Z', c == ':', c == ',':
			return false
		}
	}
	return name != ""
}

func (s *Signature) setSignature(signature string) error {
	if len(signature) != 2*sha256.Size {
		return s.mismatch()
	}
	s.signature = signature
	return nil
}

// setHeaderTime reads X-Amz-Date, or Date in its absence.
func (s *Signature) setHeaderTime(r *http.Request) error {
	values := r.Header["X-Amz-Date"]
	if len(values) == 0 {
		values = r.Header["Date"]
	}
	if len(values) != 1 {
		return s.malformed("Date header is present more than once")
	}
	return s.setTime(strings.TrimSpace(values[0]))
}

func (s *Signature) setTime(value string) error {
	if t, ok := parseTime(value); ok {
		s.Time, s.timestamp = t, value
		return nil
	}
	t, err := http.ParseTime(value)
	if err != nil || s.Presigned {
		if s.Dialect == S3 {
			if s.Presigned {
				return s.malformedQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
			}
			return fail("AccessDenied", http.StatusForbidden, "AWS authentication requires a valid Date or x-amz-date header")
		}
		return s.malformed("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	s.Time = t.UTC()
	s.timestamp = s.Time.Format(timeFormat)
	return nil
}

// parseTime reads 20060102T150405Z; time.Parse does the same ten times slower.
func parseTime(s string) (time.Time, bool) {
	if len(s) != len(timeFormat) || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	number := func(from, to int) int {
		n := 0
		for i := from; i < to; i++ {
			if s[i] < '0' || s[i] > '9' {
				return -1
			}
			n = n*10 + int(s[i]-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(4, 6), number(6, 8)
	hour, minute, second := number(9, 11), number(11, 13), number(13, 15)
	if year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, t.Day() == day // day 31 of a shorter month rolls over
}

// setToken takes the session token from its header.
func (s *Signature) setToken(r *http.Request) error {
	values := r.Header["X-Amz-Security-Token"]
	if len(values) > 1 {
		return s.malformed("X-Amz-Security-Token is present more than once")
	}
	if len(values) == 1 && s.SessionToken.IsZero() {
		s.SessionToken = rolecall.NewSecret(strings.TrimSpace(values[0]))
	}
	return nil
}

// setPayload takes the declared payload: from the header, or what the query says of it.
func (s *Signature) setPayload(r *http.Request, fromQuery string) error {
	values := r.Header["X-Amz-Content-Sha256"]
	if len(values) > 1 {
		return s.malformed("x-amz-content-sha256 is present more than once")
	}
	s.PayloadHash = fromQuery
	if len(values) == 1 {
		s.PayloadHash = values[0]
	}
	if s.Dialect != S3 {
		return nil
	}
	switch s.PayloadHash {
	case UnsignedPayload, StreamingPayload, StreamingPayloadTrailer, StreamingUnsignedTrailer:
		return nil
	case "":
		if s.Presigned {
			s.PayloadHash = UnsignedPayload
			return nil
		}
		return fail("InvalidRequest", http.StatusBadRequest, "Missing required header for this request: x-amz-content-sha256")
	default:
		if isHash(s.PayloadHash) {
			return nil
		}
		return fail("InvalidArgument", http.StatusBadRequest, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "+
			StreamingUnsignedTrailer+", "+StreamingPayload+", "+StreamingPayloadTrailer+" or a valid sha256 value.")
	}
}

func isHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

// queryFields are the parameters that make a request a presigned one.
type queryFields struct {
	algorithm, credential, date, expires, signedHeaders, signature, token, payload string
}

func (q *queryFields) field(name string) *string {
	switch name {
	case "X-Amz-Algorithm":
		return &q.algorithm
	case "X-Amz-Credential":
		return &q.credential
	case "X-Amz-Date":
		return &q.date
	case "X-Amz-Expires":
		return &q.expires
	case "X-Amz-SignedHeaders":
		return &q.signedHeaders
	case "X-Amz-Signature":
		return &q.signature
	case "X-Amz-Security-Token":
		return &q.token
	case "X-Amz-Content-Sha256":
		return &q.payload
	default:
		return nil
	}
}

// fromQuery reads the parameters of a presigned request, each at most once. It reports false if the
// query has other X-Amz- parameters only.
func (s *Signature) fromQuery(r *http.Request, alsoHeader, fixed bool) (presigned bool, err error) {
	var room [16]parameter
	parameters, ok := parseQuery(room[:0], s.query)
	if !ok {
		return false, s.malformedQuery("Invalid percent encoding in the query string")
	}
	var q queryFields
	duplicate := ""
	for _, p := range parameters {
		field := q.field(p.name)
		if field == nil {
			continue
		}
		if *field != "" {
			duplicate = p.name
		}
		*field = decode(p.value)
	}
	if q.algorithm == "" && q.credential == "" && q.signature == "" {
		return false, nil
	}
	s.Presigned = true
	if parts := strings.Split(q.credential, "/"); !fixed && len(parts) == 5 {
		s.Dialect = DialectOf(parts[3]) // also for the errors of what else may be wrong
	}
	if alsoHeader {
		return true, s.twoMechanisms()
	}
	if duplicate != "" {
		return true, s.malformedQuery(duplicate + " is present more than once")
	}
	return true, s.fromFields(r, &q, fixed)
}

func (s *Signature) fromFields(r *http.Request, q *queryFields, fixed bool) error {
	if q.algorithm == "" || q.credential == "" || q.date == "" || q.signedHeaders == "" || q.signature == "" || s.Dialect == S3 && q.expires == "" {
		return s.malformedQuery("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
			"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	}
	if q.algorithm != Algorithm {
		return s.malformedQuery("X-Amz-Algorithm only supports \"" + Algorithm + "\"")
	}
	if err := s.setCredential(q.credential, fixed); err != nil {
		return err
	}
	if err := s.setTime(q.date); err != nil {
		return err
	}
	if err := s.setExpires(q.expires); err != nil {
		return err
	}
	if err := s.setSignedHeaders(q.signedHeaders); err != nil {
		return err
	}
	if err := s.setSignature(q.signature); err != nil {
		return err
	}
	s.SessionToken = rolecall.NewSecret(q.token)
	if err := s.setToken(r); err != nil {
		return err
	}
	return s.setPayload(r, q.payload)
}

func (s *Signature) setExpires(value string) error {
	if value == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return s.malformedQuery("X-Amz-Expires should be a number")
	case seconds < 0:
		return s.malformedQuery("X-Amz-Expires must be non-negative")
	case seconds > int64(MaxExpires/time.Second):
		return s.malformedQuery("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	s.Expires = time.Duration(seconds) * time.Second
	return nil
}

// fingerprint stands for a header in a message that must not repeat it.
func fingerprint(header string) string {
	sum := sha256.Sum256([]byte(header))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// malformed is a signature that is not well formed, wherever it came from.
func (s *Signature) malformed(message string) *Error {
	if s.Presigned {
		return s.malformedQuery(message)
	}
	return s.malformedHeader(message)
}

func (s *Signature) malformedHeader(message string) *Error {
	if s.Dialect == S3 {
		return fail("AuthorizationHeaderMalformed", http.StatusBadRequest, "The authorization header is malformed; "+message)
	}
	return fail("IncompleteSignature", http.StatusBadRequest, message)
}

func (s *Signature) malformedQuery(message string) *Error {
	if s.Dialect == S3 {
		return fail("AuthorizationQueryParametersError", http.StatusBadRequest, message)
	}
	return fail("IncompleteSignature", http.StatusBadRequest, message)
}

func (s *Signature) twoMechanisms() *Error {
	if s.Dialect == S3 {
		return fail("InvalidArgument", http.StatusBadRequest, "Only one auth mechanism allowed; only the X-Amz-Algorithm query "+
			"parameter, Signature query string parameter or the Authorization header should be specified")
	}
	return fail("IncompleteSignature", http.StatusBadRequest, "Only one auth mechanism allowed: the Authorization header, once, or the X-Amz-Algorithm query parameter")
}

// unsupported refuses other schemes: Signature Version 2, SigV4A, bearer tokens.
func (s *Signature) unsupported(algorithm string) *Error {
	if s.Dialect == S3 {
		if strings.HasPrefix(algorithm, "AWS") {
			return fail("InvalidRequest", http.StatusBadRequest, "The authorization mechanism you have provided is not supported. Please use "+Algorithm+".")
		}
		return fail("InvalidArgument", http.StatusBadRequest, "Unsupported Authorization Type")
	}
	if strings.HasPrefix(algorithm, "AWS") {
		return fail("IncompleteSignature", http.StatusBadRequest, "Unsupported AWS 'algorithm'. Use "+Algorithm+".")
	}
	return fail("MissingAuthenticationToken", http.StatusForbidden, "Request is missing Authentication Token")
}

// mismatch is the answer to a signature that is not the expected one.
func (s *Signature) mismatch() *Error {
	if s.Dialect == S3 {
		return fail("SignatureDoesNotMatch", http.StatusForbidden,
			"The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	return fail("SignatureDoesNotMatch", http.StatusForbidden,
		"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}
