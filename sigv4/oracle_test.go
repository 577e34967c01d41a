package sigv4_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// generated is a request and all that signing it takes.
type generated struct {
	method, url, body, service, payload string
	header                              http.Header
	token                               string
	at                                  time.Time
}

func generate(t *rapid.T) generated {
	text := rapid.StringMatching(`[ -~]{0,12}`)
	g := generated{
		method:  rapid.SampledFrom([]string{"GET", "PUT", "POST", "DELETE"}).Draw(t, "method"),
		service: rapid.SampledFrom([]string{"sts", "iam", "s3"}).Draw(t, "service"),
		body:    rapid.StringMatching(`[a-z]{0,40}`).Draw(t, "body"),
		header:  http.Header{},
		at:      time.Unix(rapid.Int64Range(1e9, 4e9).Draw(t, "at"), 0).UTC(),
		token:   rapid.SampledFrom([]string{"", "IQoJb3JpZ2luX2VjE+/="}).Draw(t, "token"),
	}
	var path strings.Builder
	for range rapid.IntRange(0, 4).Draw(t, "segments") {
		path.WriteString("/" + url.PathEscape(rapid.StringMatching(`[a-zA-Z0-9 %+!'()*~=&é$]{1,8}`).Draw(t, "segment")))
	}
	if g.service == "s3" && rapid.Bool().Draw(t, "oddPath") {
		path.WriteString(rapid.SampledFrom([]string{"//a", "/./a", "/a/../b", "/%2F", "/a%2fb", "/"}).Draw(t, "odd"))
	}
	query := url.Values{}
	for range rapid.IntRange(0, 3).Draw(t, "parameters") {
		query.Add(rapid.StringMatching(`[a-zA-Z-]{1,6}`).Draw(t, "name"), text.Draw(t, "value"))
	}
	host := rapid.SampledFrom([]string{"127.0.0.1:4580", "s3.example.com", "[::1]:8080"}).Draw(t, "host")
	g.url = "http://" + host + path.String() + "?" + query.Encode()
	for range rapid.IntRange(0, 4).Draw(t, "headers") {
		name := rapid.SampledFrom([]string{"X-Amz-Meta-A", "X-Amz-Target", "Content-Type", "Range", "My-Header"}).Draw(t, "header")
		g.header.Add(name, text.Draw(t, "text"))
	}
	sum := sha256.Sum256([]byte(g.body))
	g.payload = hex.EncodeToString(sum[:])
	if g.service == "s3" && rapid.Bool().Draw(t, "unsigned") {
		g.payload = sigv4.UnsignedPayload
	}
	return g
}

func (g generated) request(t *rapid.T) *http.Request {
	r, err := http.NewRequest(g.method, g.url, strings.NewReader(g.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = g.header.Clone()
	if g.service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", g.payload)
	}
	return r
}

func (g generated) scopeOptions(o *v4.SignerOptions) {
	o.DisableURIPathEscaping = g.service == "s3"
	o.DisableHeaderHoisting = true
}

func (g generated) sdkCredentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleSecret, SessionToken: g.token}
}

func (g generated) options() sigv4.SignOptions {
	return sigv4.SignOptions{Service: g.service, Region: "eu-central-1", Time: g.at, PayloadHash: g.payload}
}

// What the SDK signs is accepted, also after it has gone over the wire, and we sign alike.
func TestAgreesWithSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		theirs := g.request(t)
		if err := v4.NewSigner().SignHTTP(t.Context(), g.sdkCredentials(), theirs, g.payload, g.service, "eu-central-1", g.at, g.scopeOptions); err != nil {
			t.Fatal(err)
		}
		ours := g.request(t)
		if err := sigv4.Sign(ours, credentials(exampleID, exampleSecret, g.token), g.options()); err != nil {
			t.Fatal(err)
		}
		if a, b := ours.Header.Get("Authorization"), theirs.Header.Get("Authorization"); a != b {
			t.Fatalf("signatures differ for %s:\nours   %s\ntheirs %s", g.url, a, b)
		}
		r, err := overTheWire(theirs)
		if err != nil {
			t.Fatal(err)
		}
		s, err := verify(verifierAt(g.at), r, exampleSecret, g.payload)
		if err != nil {
			t.Fatalf("%s: %v", g.url, err)
		}
		if s.AccessKeyID != exampleID || s.SessionToken.Expose() != g.token || !s.Time.Equal(g.at) || s.Scope.Service != g.service {
			t.Fatalf("parsed %+v", s)
		}
	})
}

func TestPresignAgreesWithSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		theirs := g.request(t)
		query := theirs.URL.Query()
		query.Set("X-Amz-Expires", "600")
		theirs.URL.RawQuery = query.Encode()
		theirURL, _, err := v4.NewSigner().PresignHTTP(t.Context(), g.sdkCredentials(), theirs, g.payload, g.service, "eu-central-1", g.at, g.scopeOptions)
		if err != nil {
			t.Fatal(err)
		}
		ours := g.request(t)
		ourURL, err := sigv4.Presign(ours, credentials(exampleID, exampleSecret, g.token), g.options(), 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if ourURL != theirURL {
			t.Fatalf("URLs differ:\nours   %s\ntheirs %s", ourURL, theirURL)
		}
		sent := g.request(t)
		if sent.URL, err = url.Parse(theirURL); err != nil {
			t.Fatal(err)
		}
		r, err := overTheWire(sent)
		if err != nil {
			t.Fatal(err)
		}
		s, err := verify(verifierAt(g.at.Add(9*time.Minute)), r, exampleSecret, g.payload)
		if err != nil {
			t.Fatalf("%s: %v", theirURL, err)
		}
		if !s.Presigned || s.Expires != 10*time.Minute || s.SessionToken.Expose() != g.token {
			t.Fatalf("parsed %+v", s)
		}
	})
}

// Any byte that changes meaning makes the signature a lie: every byte of a signed request's target,
// signed headers and signature is changed in turn, and the result must be refused.
func TestEveryMutationIsRefused(t *testing.T) {
	const body = "Action=GetCallerIdentity&Version=2011-06-15"
	for _, service := range []string{"sts", "s3"} {
		r, err := http.NewRequest("POST", "http://plane.example:4580/bucket/a%20key?prefix=a%2Fb&list-type=2", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		now := at("20260102T030405Z")
		if err := sigv4.Sign(r, credentials(exampleID, exampleSecret, "token"), sigv4.SignOptions{Service: service, Region: "us-east-1", Time: now}); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(b.String(), "\r\n\r\n")
		v := verifierAt(now)
		refused := 0
		for i := range len(head) {
			for _, flip := range []byte{1, 0x20} {
				mutated := []byte(head)
				mutated[i] ^= flip
				m, err := overTheWireRaw(string(mutated) + "\r\n\r\n" + body)
				if err != nil {
					continue // not a request any more
				}
				if sameMeaning(r, m) {
					continue
				}
				sum := sha256.Sum256([]byte(body))
				if _, err := verify(v, m, exampleSecret, hex.EncodeToString(sum[:])); err == nil {
					t.Errorf("%s: byte %d (%q) changed and accepted:\n%s", service, i, head[i], mutated)
				}
				refused++
			}
		}
		if refused < 500 {
			t.Fatalf("only %d mutations were tried", refused)
		}
	}
}

// sameMeaning tells mutations that the signature is not about: those of unsigned headers, of the
// access key id (whose secret the caller looks up), and of case and blanks where HTTP ignores them.
func sameMeaning(a, b *http.Request) bool {
	authA, authB := a.Header.Get("Authorization"), b.Header.Get("Authorization")
	strip := func(s string) string {
		before, after, _ := strings.Cut(s, "Credential=")
		_, rest, _ := strings.Cut(after, "/")
		return before + rest
	}
	if strip(authA) != strip(authB) || a.Method != b.Method || a.URL.EscapedPath() != b.URL.EscapedPath() || !cmp.Equal(a.URL.Query(), b.URL.Query()) || a.Host != b.Host && a.URL.Host != b.Host {
		return false
	}
	for name := range a.Header {
		if name != "Authorization" && a.Header.Get(name) != b.Header.Get(name) {
			return false
		}
	}
	return a.ContentLength == b.ContentLength
}

func overTheWireRaw(raw string) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
}

// What SignStreaming sends, Body reads back, whatever the sizes of reads on either side.
func TestStreamsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40<<10).Draw(t, "size")
		data := strings.Repeat("rolecall", n/8+1)[:n]
		payload := rapid.SampledFrom([]string{sigv4.StreamingPayload, sigv4.StreamingPayloadTrailer, sigv4.StreamingUnsignedTrailer}).Draw(t, "payload")
		so := sigv4.StreamOptions{Length: int64(n), ChunkSize: rapid.IntRange(8<<10, 20<<10).Draw(t, "chunk")}
		if payload != sigv4.StreamingPayload {
			so.Checksum = rapid.SampledFrom([]string{"crc32", "crc32c", "crc64nvme", "sha1", "sha256", ""}).Draw(t, "checksum")
		}
		if payload == sigv4.StreamingPayloadTrailer && so.Checksum == "" {
			so.Checksum = "crc32"
		}
		now := at("20260102T030405Z")
		r, err := http.NewRequest("PUT", "http://plane.example/b/k", strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		creds := credentials(exampleID, exampleSecret, "")
		if err := sigv4.SignStreaming(r, creds, sigv4.SignOptions{Service: "s3", Region: "r", Time: now, PayloadHash: payload}, so); err != nil {
			t.Fatal(err)
		}
		sent, err := overTheWire(r)
		if err != nil {
			t.Fatal(err)
		}
		v := verifierAt(now)
		s, err := verify(v, sent, exampleSecret, "")
		if err != nil {
			t.Fatal(err)
		}
		body, err := v.Body(sent, s, rolecall.NewSecret(exampleSecret))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || string(got) != data || body.Length() != int64(n) {
			t.Fatalf("read %d of %d bytes (length %d): %v", len(got), n, body.Length(), err)
		}
		if sums := body.Checksums(); so.Checksum != "" && (len(sums) != 1 || sums[0].Algorithm != so.Checksum) {
			t.Fatalf("checksums %v", sums)
		}
	})
}
