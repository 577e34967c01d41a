package sigv4_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

const stsBody = "Action=GetCallerIdentity&Version=2011-06-15"

const stsBodyHash = "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843"

func benchRequest(tb testing.TB, service, token string, now time.Time) *http.Request {
	tb.Helper()
	method, url, body := "POST", "http://127.0.0.1:4580/", stsBody
	if service == "s3" {
		method, url, body = "GET", "http://127.0.0.1:4580/bucket/web-app/credentials.json?x-id=GetObject", ""
	}
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	r.Header.Set("Amz-Sdk-Invocation-Id", "d0e6e4a2-2f35-4d4a-8d3d-6a6f6f3a1b11")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	if err := sigv4.Sign(r, credentials(exampleID, exampleSecret, token), sigv4.SignOptions{Service: service, Region: "us-east-1", Time: now}); err != nil {
		tb.Fatal(err)
	}
	return r
}

func benchVerify(b *testing.B, r *http.Request, keys int) {
	r, err := overTheWire(r)
	if err != nil {
		b.Fatal(err)
	}
	now := at("20260102T030405Z")
	v := verifierAt(now)
	secrets := make([]rolecall.Secret, keys)
	for i := range secrets {
		secrets[i] = rolecall.NewSecret(exampleSecret)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, s, secrets[i%keys], stsBodyHash); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify parses and verifies, with the signing key cached.
func BenchmarkVerify(b *testing.B) {
	now := at("20260102T030405Z")
	b.Run("sts", func(b *testing.B) { benchVerify(b, benchRequest(b, "sts", "", now), 1) })
	b.Run("stsAnotherSecretValue", func(b *testing.B) { benchVerify(b, benchRequest(b, "sts", "", now), 2) })
	b.Run("stsToken400", func(b *testing.B) { benchVerify(b, benchRequest(b, "sts", strings.Repeat("t", 400), now), 1) })
	b.Run("s3get", func(b *testing.B) { benchVerify(b, benchRequest(b, "s3", "", now), 1) })
	b.Run("s3presigned", func(b *testing.B) {
		r, err := http.NewRequest("GET", "http://127.0.0.1:4580/bucket/web-app/credentials.json", nil)
		if err != nil {
			b.Fatal(err)
		}
		u, err := sigv4.Presign(r, credentials(exampleID, exampleSecret, ""), sigv4.SignOptions{Service: "s3", Region: "us-east-1", Time: now}, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		if r, err = http.NewRequest("GET", u, nil); err != nil {
			b.Fatal(err)
		}
		benchVerify(b, r, 1)
	})
}

// BenchmarkVerifyDeriving has a cache that never holds the key.
func BenchmarkVerifyDeriving(b *testing.B) {
	now := at("20260102T030405Z")
	r, err := overTheWire(benchRequest(b, "sts", "", now))
	if err != nil {
		b.Fatal(err)
	}
	v := verifierAt(now)
	secrets := [2]rolecall.Secret{rolecall.NewSecret(exampleSecret), rolecall.NewSecret("another")}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		_ = v.Verify(r, s, secrets[i%2], stsBodyHash)
	}
}

func BenchmarkSign(b *testing.B) {
	now := at("20260102T030405Z")
	r := benchRequest(b, "sts", "", now)
	b.ReportAllocs()
	for b.Loop() {
		if err := sigv4.Sign(r, credentials(exampleID, exampleSecret, ""), sigv4.SignOptions{Service: "sts", Region: "us-east-1", Time: now, PayloadHash: stsBodyHash}); err != nil {
			b.Fatal(err)
		}
	}
}
