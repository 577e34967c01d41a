package sigv4_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

type refusal struct {
	Code    string
	Status  int
	Message string // the start of it
}

func refusalOf(err error, message string) refusal {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return refusal{}
	}
	if strings.HasPrefix(e.Message, message) {
		return refusal{e.Code, e.Status, message}
	}
	return refusal{e.Code, e.Status, e.Message}
}

func TestMalformedSignatures(t *testing.T) {
	const (
		credential = "Credential=AKIDEXAMPLE/20260102/us-east-1/sts/aws4_request"
		signature  = "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
		good       = "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host;x-amz-date, " + signature
	)
	s3 := func(s string) string { return strings.ReplaceAll(s, "/sts/", "/s3/") }
	query := func(kv ...string) string {
		q := map[string]string{
			"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": "AKIDEXAMPLE/20260102/us-east-1/s3/aws4_request",
			"X-Amz-Date": "20260102T030405Z", "X-Amz-Expires": "60", "X-Amz-SignedHeaders": "host", "X-Amz-Signature": signature[10:],
		}
		for i := 0; i < len(kv); i += 2 {
			q[kv[i]] = kv[i+1]
		}
		var b strings.Builder
		for k, v := range q {
			if v != "" {
				b.WriteString(k + "=" + v + "&")
			}
		}
		return b.String()
	}
	for _, c := range []struct {
		name, auth, query string
		header            []string
		want              refusal
	}{
		{"v2", "AWS AKID:c2ln", "", nil, refusal{"IncompleteSignature", 400, "Unsupported AWS 'algorithm'"}},
		{"bearer", "Bearer x", "", nil, refusal{"MissingAuthenticationToken", 403, "Request is missing"}},
		{"empty", "AWS4-HMAC-SHA256", "", nil, refusal{"IncompleteSignature", 400, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed"}},
		{"no signature", "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host", "", nil, refusal{"IncompleteSignature", 400, "Authorization header requires 'Signature' parameter. (Hashed"}},
		{"nothing", "AWS4-HMAC-SHA256 Credential=", "", []string{"X-Amz-Date", ""}, refusal{"IncompleteSignature", 400, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed"}},
		{"twice", good + ", " + credential, "", nil, refusal{"IncompleteSignature", 400, "Authorization header has duplicate 'Credential'"}},
		{"unknown part", good + ", X=1", "", nil, refusal{"IncompleteSignature", 400, "Authorization header has an unknown"}},
		{"short credential", strings.Replace(good, "us-east-1/", "", 1), "", nil, refusal{"IncompleteSignature", 400, "Credential must have exactly 5"}},
		{"long credential", strings.Replace(good, "us-east-1/", "a/b/", 1), "", nil, refusal{"IncompleteSignature", 400, "Credential must have exactly 5"}},
		{"terminator", strings.Replace(good, "aws4_request", "aws3", 1), "", nil, refusal{"IncompleteSignature", 400, "Credential should be scoped with a valid terminator"}},
		{"scope date", strings.Replace(good, "20260102", "2026010x", 1), "", nil, refusal{"IncompleteSignature", 400, "Date in Credential scope must"}},
		{"unsorted headers", strings.Replace(good, "host;x-amz-date", "x-amz-date;host", 1), "", nil, refusal{"IncompleteSignature", 400, "SignedHeaders must be"}},
		{"upper-case headers", strings.Replace(good, "host;", "Host;", 1), "", nil, refusal{"IncompleteSignature", 400, "SignedHeaders must be"}},
		{"short signature", good[:len(good)-1], "", nil, refusal{"SignatureDoesNotMatch", 403, "The request signature we calculated"}},
		{"bad date", good, "", []string{"X-Amz-Date", "20261302T030405Z"}, refusal{"IncompleteSignature", 400, "Date must be in ISO-8601 'basic format'"}},
		{"31 February", good, "", []string{"X-Amz-Date", "20260231T030405Z"}, refusal{"IncompleteSignature", 400, "Date must be in ISO-8601 'basic format'"}},
		{"header and query", good, query(), nil, refusal{"InvalidArgument", 400, "Only one auth mechanism"}},
		{"s3 without payload", s3(good), "", nil, refusal{"InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256"}},
		{"s3 odd payload", s3(good), "", []string{"X-Amz-Content-Sha256", "x"}, refusal{"InvalidArgument", 400, "x-amz-content-sha256 must be"}},
		{"s3 short credential", "AWS4-HMAC-SHA256 Credential=a/20260102/r/s3/aws4, SignedHeaders=host, " + signature, "", nil, refusal{"AuthorizationHeaderMalformed", 400, "The authorization header is malformed; Credential should"}},
		{"presigned, no signature", "", query("X-Amz-Signature", ""), nil, refusal{"AuthorizationQueryParametersError", 400, "Query-string authentication version 4 requires"}},
		{"presigned, no expiry", "", query("X-Amz-Expires", ""), nil, refusal{"AuthorizationQueryParametersError", 400, "Query-string authentication version 4 requires"}},
		{"presigned, 8 days", "", query("X-Amz-Expires", "691200"), nil, refusal{"AuthorizationQueryParametersError", 400, "X-Amz-Expires must be less than a week"}},
		{"presigned, negative", "", query("X-Amz-Expires", "-1"), nil, refusal{"AuthorizationQueryParametersError", 400, "X-Amz-Expires must be non-negative"}},
		{"presigned, no number", "", query("X-Amz-Expires", "1h"), nil, refusal{"AuthorizationQueryParametersError", 400, "X-Amz-Expires should be a number"}},
		{"presigned, algorithm", "", query("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"), nil, refusal{"AuthorizationQueryParametersError", 400, "X-Amz-Algorithm only supports"}},
		{"presigned, twice", "", query() + "X%2DAmz-Expires=604800", nil, refusal{"AuthorizationQueryParametersError", 400, "X-Amz-Expires is present more than once"}},
		{"presigned, escape", "", query() + "a=%zz", nil, refusal{"IncompleteSignature", 400, "Invalid percent encoding"}},
		{"presigned, date", "", query("X-Amz-Date", "yesterday"), nil, refusal{"AuthorizationQueryParametersError", 400, "X-Amz-Date must be in the ISO8601"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Method: "GET", RequestURI: "/?" + c.query, Host: "h", Header: http.Header{"X-Amz-Date": {"20260102T030405Z"}}}
			if c.auth != "" {
				r.Header.Set("Authorization", c.auth)
			}
			for i := 0; i < len(c.header); i += 2 {
				r.Header.Del(c.header[i])
				if c.header[i+1] != "" {
					r.Header.Set(c.header[i], c.header[i+1])
				}
			}
			_, err := sigv4.Parse(r)
			if diff := cmp.Diff(c.want, refusalOf(err, c.want.Message)); diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			if strings.Contains(err.Error(), signature[10:]) {
				t.Errorf("the message repeats the signature: %v", err)
			}
		})
	}
	if _, err := sigv4.Parse(&http.Request{Method: "GET", RequestURI: "/?X-Amz-Meta=1", Header: http.Header{}}); !errors.Is(err, sigv4.ErrNoSignature) {
		t.Errorf("anonymous: %v", err)
	}
}

// The clock, and headers that came on top of what was signed.
func TestRefusesGoodSignaturesOutOfPlace(t *testing.T) {
	signedAt := at("20260102T030405Z")
	presign := func(service string, expires time.Duration) *http.Request {
		r, err := http.NewRequest("GET", "http://h/b/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := sigv4.Presign(r, credentials(exampleID, exampleSecret, "tok"), sigv4.SignOptions{Service: service, Region: "r", Time: signedAt}, expires)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = http.NewRequest("GET", u, nil); err != nil {
			t.Fatal(err)
		}
		return r
	}
	header := func(service string) *http.Request { return benchRequest(t, service, "tok", signedAt) }
	with := func(r *http.Request, name, value string) *http.Request {
		r.Header.Set(name, value)
		return r
	}
	for _, c := range []struct {
		name  string
		r     *http.Request
		after time.Duration
		want  refusal
	}{
		{"sts in time", header("sts"), 15 * time.Minute, refusal{}},
		{"sts late", header("sts"), 15*time.Minute + time.Second, refusal{"SignatureDoesNotMatch", 403, "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T031906Z - 15 min.)"}},
		{"sts early", header("sts"), -15*time.Minute - time.Second, refusal{"SignatureDoesNotMatch", 403, "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T024904Z + 15 min.)"}},
		{"s3 late", header("s3"), 16 * time.Minute, refusal{"RequestTimeTooSkewed", 403, "The difference between"}},
		{"s3 early", header("s3"), -16 * time.Minute, refusal{"RequestTimeTooSkewed", 403, "The difference between"}},
		{"s3 presigned in time", presign("s3", 7*24*time.Hour), 7 * 24 * time.Hour, refusal{}},
		{"s3 presigned late", presign("s3", time.Minute), 61 * time.Second, refusal{"AccessDenied", 403, "Request has expired"}},
		{"s3 presigned early", presign("s3", time.Minute), -16 * time.Minute, refusal{"AccessDenied", 403, "Request is not yet valid"}},
		{"sts presigned outlives its expiry", presign("sts", time.Minute), 14 * time.Minute, refusal{}},
		{"sts presigned late", presign("sts", time.Hour), 16 * time.Minute, refusal{"SignatureDoesNotMatch", 403, "Signature expired"}},
		{"sts extra header", with(header("sts"), "X-Amz-Target", "x"), 0, refusal{"SignatureDoesNotMatch", 403, "'x-amz-target' must be a 'SignedHeader'"}},
		{"s3 extra header", with(header("s3"), "X-Amz-Acl", "public-read"), 0, refusal{"AccessDenied", 403, "There were headers present"}},
		{"s3 presigned extra header", with(presign("s3", time.Minute), "X-Amz-Copy-Source", "/b/other"), 0, refusal{"AccessDenied", 403, "There were headers present"}},
		{"ordinary header", with(header("s3"), "X-Forwarded-For", "127.0.0.1"), 0, refusal{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := overTheWire(c.r)
			if err != nil {
				t.Fatal(err)
			}
			payload := sigv4.EmptyPayload
			if r.Method == "POST" {
				payload = stsBodyHash
			}
			_, err = verify(verifierAt(signedAt.Add(c.after)), r, exampleSecret, payload)
			if diff := cmp.Diff(c.want, refusalOf(err, c.want.Message)); diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// A mismatch tells the debug log what was signed, and keeps the token out of it.
func TestDetailOfMismatch(t *testing.T) {
	now := at("20260102T030405Z")
	r, err := overTheWire(benchRequest(t, "sts", "canary-token", now))
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify(verifierAt(now), r, "another", stsBodyHash)
	var e *sigv4.Error
	if !errors.As(err, &e) || !strings.Contains(e.Detail, "x-amz-security-token:[redacted]\n") || !strings.Contains(e.Detail, "AWS4-HMAC-SHA256\n20260102T030405Z\n") {
		t.Fatalf("%v", err)
	}
	if strings.Contains(e.Detail+e.Error(), "canary-token") || strings.Contains(e.Error(), "canonical") {
		t.Fatalf("%s\n%s", e, e.Detail)
	}
}

func TestHeadersThatProxiesTouch(t *testing.T) {
	now := at("20260102T030405Z")
	r, err := http.NewRequest("PUT", "http://h/b/k", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	// A client that signs Expect, as older AWS CLIs do, behind a proxy that answered it.
	s := "AWS4-HMAC-SHA256 Credential=" + exampleID + "/20260102/r/s3/aws4_request, SignedHeaders=content-length;expect;host;x-amz-content-sha256;x-amz-date, Signature="
	r.Header = http.Header{"X-Amz-Date": {"20260102T030405Z"}, "X-Amz-Content-Sha256": {"UNSIGNED-PAYLOAD"}}
	const want = "a974c589420d20b6d34908ca02c10e3343fb84ca84a8521c304429aa6e5659fa"
	r.Header.Set("Authorization", s+want)
	if _, err = verify(verifierAt(now), r, exampleSecret, ""); err != nil {
		t.Fatal(err)
	}
}

func streamed(t *testing.T, payload string, body string, header ...string) (int64, error) {
	t.Helper()
	r, err := http.NewRequest("PUT", "http://h/b/k", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Content-Sha256", payload)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	b, err := sigv4.NewVerifier(sigv4.VerifierOptions{}).Body(r, nil, rolecall.Secret{})
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, iotest.OneByteReader(b))
	return n, err
}

func TestBodies(t *testing.T) {
	const unsigned, crc = sigv4.StreamingUnsignedTrailer, "x-amz-checksum-crc32"
	length := func(n string, more ...string) []string {
		return append([]string{"X-Amz-Decoded-Content-Length", n}, more...)
	}
	announced := func(n string) []string { return length(n, "X-Amz-Trailer", crc) }
	for _, c := range []struct {
		name, payload, body string
		header              []string
		want                refusal
	}{
		{"declared hash", sigv4.EmptyPayload, "", nil, refusal{}},
		{"another hash", sigv4.EmptyPayload, "x", nil, refusal{"XAmzContentSHA256Mismatch", 400, "The provided"}},
		{"no hash", "x", "", nil, refusal{"InvalidRequest", 400, "x-amz-content-sha256"}},
		{"unsigned", "UNSIGNED-PAYLOAD", "abc", nil, refusal{}},
		{"anonymous with signed chunks", sigv4.StreamingPayload, "", length("0"), refusal{"AccessDenied", 403, ""}},
		{"chunks", unsigned, "3\r\nabc\r\n0\r\n\r\n", length("3"), refusal{}},
		{"chunks with checksum", unsigned, "3\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:hYfYZQ==\r\n\r\n", announced("5"), refusal{}},
		{"wrong checksum", unsigned, "3\r\nabc\r\n2\r\ndf\r\n0\r\nx-amz-checksum-crc32:hYfYZQ==\r\n\r\n", announced("5"), refusal{"BadDigest", 400, "The CRC32 you specified"}},
		{"no checksum", unsigned, "3\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:hYfW\r\n\r\n", announced("5"), refusal{"InvalidRequest", 400, "Value for x-amz-checksum-crc32"}},
		{"missing trailer", unsigned, "3\r\nabc\r\n0\r\n\r\n", announced("3"), refusal{"MalformedTrailerError", 400, ""}},
		{"unannounced trailer", unsigned, "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", length("0"), refusal{"MalformedTrailerError", 400, ""}},
		{"trailer twice", unsigned, "0\r\nx-amz-checksum-crc32:AAAAAA==\r\nX-Amz-Checksum-Crc32:AAAAAA==\r\n\r\n", announced("0"), refusal{"MalformedTrailerError", 400, ""}},
		{"trailer without colon", unsigned, "0\r\nx-amz\r\n\r\n", announced("0"), refusal{"MalformedTrailerError", 400, ""}},
		{"huge trailer", unsigned, "0\r\nx-amz-checksum-crc32:" + strings.Repeat("A", 5000) + "\r\n\r\n", announced("0"), refusal{"InvalidRequest", 400, ""}},
		{"unknown trailer", unsigned, "", length("0", "X-Amz-Trailer", "x-amz-checksum-crc31"), refusal{"InvalidRequest", 400, "The value specified in the x-amz-trailer"}},
		{"two trailers", unsigned, "", length("0", "X-Amz-Trailer", crc+",x-amz-checksum-sha1"), refusal{"InvalidRequest", 400, "Expecting a single"}},
		{"no length", unsigned, "", nil, refusal{"MissingContentLength", 411, ""}},
		{"bad length", unsigned, "", length("-1"), refusal{"InvalidArgument", 400, ""}},
		{"shorter than declared", unsigned, "3\r\nabc\r\n0\r\n\r\n", length("4"), refusal{"IncompleteBody", 400, ""}},
		{"longer than declared", unsigned, "3\r\nabc\r\n0\r\n\r\n", length("2"), refusal{"IncompleteBody", 400, ""}},
		{"cut in header", unsigned, "3", length("3"), refusal{"IncompleteBody", 400, ""}},
		{"cut in data", unsigned, "3\r\nab", length("3"), refusal{"IncompleteBody", 400, ""}},
		{"cut after data", unsigned, "3\r\nabc\r\n", length("3"), refusal{"IncompleteBody", 400, ""}},
		{"cut before the end", unsigned, "3\r\nabc\r\n0\r\n", length("3"), refusal{"IncompleteBody", 400, ""}},
		{"more after the end", unsigned, "0\r\n\r\nGET / HTTP/1.1", length("0"), refusal{"InvalidRequest", 400, "The body goes on"}},
		{"chunk too long", unsigned, "3\r\nabcd\r\n0\r\n\r\n", length("4"), refusal{"InvalidRequest", 400, "The chunked encoding"}},
		{"bare line feed", unsigned, "3\nabc\n0\n\n", length("3"), refusal{"InvalidRequest", 400, "The chunked encoding"}},
		{"negative size", unsigned, "-3\r\nabc\r\n", length("3"), refusal{"InvalidRequest", 400, "The chunk size"}},
		{"overflowing size", unsigned, "ffffffffffffffff\r\n", length("3"), refusal{"InvalidRequest", 400, "The chunk size"}},
		{"empty size", unsigned, "\r\n", length("3"), refusal{"InvalidRequest", 400, "The chunk size"}},
		{"extension", unsigned, "3;x=y\r\nabc\r\n0\r\n\r\n", length("3"), refusal{"InvalidRequest", 400, "The chunked encoding"}},
		{"endless size", unsigned, strings.Repeat("0", 9000), length("3"), refusal{"InvalidRequest", 400, "The chunked encoding"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := streamed(t, c.payload, c.body, c.header...)
			if diff := cmp.Diff(c.want, refusalOf(err, c.want.Message)); err != nil && diff != "" || (err == nil) != (c.want == refusal{}) {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// The check values of the CRC catalogues (all over "123456789"), and of the hashes.
func TestExpectedChecksums(t *testing.T) {
	for algorithm, value := range map[string]string{
		"crc32":     "y/Q5Jg==",
		"crc32c":    "4waSgw==",
		"crc64nvme": "rosUhgp5mIg=",
		"sha1":      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		"sha256":    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
		"md5":       "JfnnlDI7RTiF9RgfG2JNCw==",
	} {
		for _, text := range []string{"123456789", "12345678x"} {
			r, err := http.NewRequest("PUT", "http://h/b/k", strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			b, err := sigv4.NewVerifier(sigv4.VerifierOptions{}).Body(r, nil, rolecall.Secret{})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Expect(sigv4.Checksum{Algorithm: algorithm, Value: value}); err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(b)
			if good := text == "123456789"; good && (err != nil || len(b.Checksums()) != 1) || !good && code(err) != "BadDigest" {
				t.Errorf("%s of %s: %v", algorithm, text, err)
			}
		}
	}
}

func TestHeaderChecksum(t *testing.T) {
	type result struct {
		Checksum sigv4.Checksum
		OK       bool
		Code     string
	}
	for _, c := range []struct {
		header http.Header
		want   result
	}{
		{http.Header{}, result{}},
		{http.Header{"X-Amz-Checksum-Mode": {"ENABLED"}, "X-Amz-Sdk-Checksum-Algorithm": {"CRC32"}}, result{}},
		{http.Header{"X-Amz-Checksum-Crc32": {"y/Q5Jg=="}}, result{sigv4.Checksum{Algorithm: "crc32", Value: "y/Q5Jg=="}, true, ""}},
		{http.Header{"X-Amz-Checksum-Crc32": {"y/Q5Jg=="}, "X-Amz-Checksum-Sha1": {"x"}}, result{Code: "InvalidRequest"}},
		{http.Header{"X-Amz-Checksum-Crc33": {"y/Q5Jg=="}}, result{Code: "InvalidRequest"}},
	} {
		sum, ok, err := sigv4.HeaderChecksum(c.header)
		if diff := cmp.Diff(c.want, result{sum, ok, code(err)}); diff != "" {
			t.Errorf("%v:\n%s", c.header, diff)
		}
	}
}
