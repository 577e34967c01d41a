package sigv4_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// Whatever comes in: a signature or an error in AWS's shape, and no signature verifies by chance.
func FuzzParse(f *testing.F) {
	now := at("20260102T030405Z")
	r := benchRequest(f, "sts", "token", now)
	f.Add("POST", "/?a=b", "h", r.Header.Get("Authorization"), "20260102T030405Z", sigv4.EmptyPayload)
	r = benchRequest(f, "s3", "", now)
	f.Add("GET", "/b/../k%2f?x=%20&y=+", "h", r.Header.Get("Authorization"), "20260102T030405Z", "UNSIGNED-PAYLOAD")
	f.Add("GET", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20260102%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature="+sigv4.EmptyPayload, "h", "", "", "")
	f.Add("GET", "http://h?X-Amz-Signature=%2", "", "AWS4-HMAC-SHA256 Credential=////,Signature=,SignedHeaders=;", "Mon, 02 Jan 2006 15:04:05 GMT", "")
	v := verifierAt(now)
	f.Fuzz(func(t *testing.T, method, target, host, authorization, date, payload string) {
		r := &http.Request{Method: method, RequestURI: target, Host: host, Header: http.Header{}}
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date, "X-Amz-Content-Sha256": payload} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if target == "" {
			return // a client's request: has a URL
		}
		var refused *sigv4.Error
		s, err := sigv4.Parse(r)
		if err != nil {
			if !errors.Is(err, sigv4.ErrNoSignature) && (!errors.As(err, &refused) || refused.Status < 400 || refused.Status > 499) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if err := v.Verify(r, s, rolecall.NewSecret("a secret that nobody signs with"), sigv4.EmptyPayload); !errors.As(err, &refused) {
			t.Fatalf("%T %v", err, err)
		}
	})
}

func FuzzChunked(f *testing.F) {
	f.Add("3\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:hYfYZQ==\r\n\r\n", "x-amz-checksum-crc32", false)
	f.Add("3;chunk-signature="+sigv4.EmptyPayload+"\r\nabc\r\n0;chunk-signature=\r\n\r\n", "", true)
	f.Add("0\r\n\r\n", "", false)
	f.Fuzz(func(t *testing.T, body string, trailer string, signed bool) {
		r, err := http.NewRequest("PUT", "http://h/b/k", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Decoded-Content-Length", "5")
		r.Header.Set("X-Amz-Trailer", trailer)
		s := &sigv4.Signature{PayloadHash: sigv4.StreamingUnsignedTrailer, Dialect: sigv4.S3}
		if signed {
			s.PayloadHash = sigv4.StreamingPayloadTrailer
		}
		b, err := sigv4.NewVerifier(sigv4.VerifierOptions{}).Body(r, s, rolecall.NewSecret("x"))
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, b)
		var refused *sigv4.Error
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("%T %v", err, err)
		}
		if err == nil && (signed || n != b.Length()) {
			t.Fatalf("accepted %d of %d bytes, signed %v", n, b.Length(), signed)
		}
	})
}
