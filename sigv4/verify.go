package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// VerifierOptions configure a [Verifier].
type VerifierOptions struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Keys caches signing keys; nil makes a cache of 4096.
	Keys *KeyCache
}

// Verifier proves signatures. It is safe for concurrent use.
type Verifier struct {
	now     func() time.Time
	keys    *KeyCache
	buffers buffers
}

// NewVerifier returns a verifier.
func NewVerifier(o VerifierOptions) *Verifier {
	v := &Verifier{now: o.Now, keys: o.Keys}
	if v.now == nil {
		v.now = time.Now
	}
	if v.keys == nil {
		v.keys = NewKeyCache(4096)
	}
	return v
}

// Verify proves that r was signed with secret, at a time that is near enough, over the host and
// every X-Amz-… header that r carries. s is what [Parse] returned for r.
//
// payloadHash is the hexadecimal SHA-256 of the body for Query-dialect services; for S3 pass "":
// the declared payload counts, and [Verifier.Body] holds the body to it.
//
// A refusal is an *[Error].
func (v *Verifier) Verify(r *http.Request, s *Signature, secret rolecall.Secret, payloadHash string) error {
	if s.Dialect == S3 {
		payloadHash = s.PayloadHash
	}
	if err := s.checkCovered(r); err != nil {
		return err
	}
	if err := s.checkTime(v.now()); err != nil {
		return err
	}
	c := s.canonical(payloadHash)
	scratch := v.buffers.get()
	defer v.buffers.put(scratch)
	request, ok := c.appendRequest((*scratch)[:0], r)
	*scratch = request
	if !ok {
		return s.mismatch()
	}
	var room [320]byte
	toSign := appendStringToSign(room[:0], s.timestamp, s.Scope, request)
	sum := v.keys.get(s.AccessKeyID, secret, s.Scope).mac(toSign)
	var want [2 * sha256.Size]byte
	hex.Encode(want[:], sum[:])
	if subtle.ConstantTimeCompare(want[:], []byte(s.signature)) == 1 {
		return nil
	}
	err := s.mismatch()
	err.Detail = detail(string(request), string(toSign))
	return err
}

func (s *Signature) canonical(payloadHash string) canonical {
	return canonical{
		dialect: s.Dialect, presigned: s.Presigned, rawPath: s.path, rawQuery: s.query,
		signed: s.SignedHeaders, signedHeaders: s.signedHeaders, payloadHash: payloadHash,
	}
}

// checkCovered demands that the signature covers what decides who the request is for and what it
// does: the host, and every X-Amz-… header. Otherwise somebody on the way could add one.
func (s *Signature) checkCovered(r *http.Request) error {
	if !s.signs("host") {
		return s.uncovered("host")
	}
	date := s.Presigned
	for name := range r.Header {
		if len(name) < 6 || name[0]|0x20 != 'x' || !strings.EqualFold(name[:6], "x-amz-") {
			continue
		}
		if name == "X-Amz-Date" {
			date = true
		}
		if !s.signsCanonical(name) {
			return s.uncovered(strings.ToLower(name))
		}
	}
	if !date && !s.signs("date") {
		return s.uncovered("date")
	}
	return nil
}

func (s *Signature) signs(name string) bool { return slices.Contains(s.SignedHeaders, name) }

// signsCanonical is signs for a name in any case.
func (s *Signature) signsCanonical(name string) bool {
	for _, signed := range s.SignedHeaders {
		if len(signed) == len(name) && strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

func (s *Signature) uncovered(name string) *Error {
	if s.Dialect == S3 {
		return fail("AccessDenied", http.StatusForbidden, "There were headers present in the request which were not signed: "+name)
	}
	if name == "host" {
		name = "Host' or ':authority"
	}
	return fail("SignatureDoesNotMatch", http.StatusForbidden, "'"+strings.Map(printable, name)+"' must be a 'SignedHeader' in the AWS Authorization.")
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

func (s *Signature) checkTime(now time.Time) error {
	now = now.UTC()
	if s.timestamp[:8] != s.Scope.Date {
		return s.wrongDate()
	}
	if s.Presigned && s.Dialect == S3 {
		if s.Time.Sub(now) > MaxSkew {
			return fail("AccessDenied", http.StatusForbidden, "Request is not yet valid")
		}
		if now.Sub(s.Time) > s.Expires {
			return fail("AccessDenied", http.StatusForbidden, "Request has expired")
		}
		return nil
	}
	age := now.Sub(s.Time)
	if age <= MaxSkew && age >= -MaxSkew {
		return nil
	}
	if s.Dialect == S3 {
		return fail("RequestTimeTooSkewed", http.StatusForbidden, "The difference between the request time and the current time is too large.")
	}
	at := now.Format(timeFormat)
	if age > 0 {
		return fail("SignatureDoesNotMatch", http.StatusForbidden, "Signature expired: "+s.timestamp+" is now earlier than "+
			now.Add(-MaxSkew).Format(timeFormat)+" ("+at+" - 15 min.)")
	}
	return fail("SignatureDoesNotMatch", http.StatusForbidden, "Signature not yet current: "+s.timestamp+" is still later than "+
		now.Add(MaxSkew).Format(timeFormat)+" ("+at+" + 15 min.)")
}

func (s *Signature) wrongDate() *Error {
	message := "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
		s.Scope.Date + "' != '" + s.timestamp[:8] + "', from '" + s.timestamp + "'."
	if s.Dialect == S3 {
		return s.malformed(message)
	}
	return fail("SignatureDoesNotMatch", http.StatusForbidden, message)
}

// CheckScope refuses a signature that was made for another service than those named, or for another
// region ("" accepts any).
func (s *Signature) CheckScope(region string, services ...string) error {
	if len(services) > 0 && !slices.Contains(services, s.Scope.Service) {
		return s.wrongScope("Credential should be scoped to correct service: '"+services[0]+"'.",
			"incorrect service \""+s.Scope.Service+"\". This endpoint belongs to \""+services[0]+"\".")
	}
	if region != "" && s.Scope.Region != region {
		return s.wrongScope("Credential should be scoped to a valid region.",
			"the region '"+s.Scope.Region+"' is wrong; expecting '"+region+"'")
	}
	return nil
}

func (s *Signature) wrongScope(query, s3 string) *Error {
	if s.Dialect == S3 {
		return s.malformed(s3)
	}
	return fail("SignatureDoesNotMatch", http.StatusForbidden, query)
}

// detail renders what was signed for a debug log, without the values that a reader of the log could
// use: session tokens and customer-provided keys.
func detail(request, toSign string) string {
	var b strings.Builder
	b.WriteString("canonical request:\n")
	for i, line := range strings.Split(request, "\n") {
		switch name, _, isHeader := strings.Cut(line, ":"); {
		case i == 2:
			line = redactQuery(line)
		case isHeader && (name == "x-amz-security-token" || strings.HasSuffix(name, "-customer-key")):
			line = name + ":[redacted]"
		}
		b.WriteString(line + "\n")
	}
	b.WriteString("string to sign:\n" + toSign)
	return b.String()
}

func redactQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if strings.HasPrefix(part, "X-Amz-Security-Token=") {
			parts[i] = "X-Amz-Security-Token=[redacted]"
		}
	}
	return strings.Join(parts, "&")
}
