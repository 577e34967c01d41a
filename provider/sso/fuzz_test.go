package sso

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// body answers every request with one text.
type body []byte

func (b body) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(b)), Header: http.Header{}, Request: r}, nil
}

// FuzzToken reads any text as a token file, and as the answer of the OIDC service and of the portal.
func FuzzToken(f *testing.F) {
	for _, s := range []string{
		"", "{}", "null", "[]", "\xff", `{"accessToken":"a","expiresAt":"2036-01-01T00:00:00Z"}`,
		`{"accessToken":"a","expiresAt":"2020-01-01T00:00:00UTC","refreshToken":"r","clientId":"c","clientSecret":"s","registrationExpiresAt":"x","expiresIn":1e30}`,
		`{"accessToken":"a","expiresIn":28800}`, `{"roleCredentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T","expiration":1782758400000}}`,
		`{"accessToken":"a","expiresIn":9223372036854775807}`, `{"roleCredentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T","expiration":9223372036854775807}}`,
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, asAnswer bool) {
		p := New(Options{SessionName: "s", StartURL: "u", Region: "r", CacheDir: dir, HTTPClient: &http.Client{Transport: body(text)}, Now: func() time.Time { return now }})
		file := text
		if asAnswer {
			file = []byte(`{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z","refreshToken":"r","clientId":"c","clientSecret":"s"}`)
		}
		if err := os.WriteFile(p.TokenPath(), file, 0o600); err != nil {
			t.Fatal(err)
		}
		token, err := p.Token(t.Context())
		if err == nil && (token.Value.IsZero() || !now.Before(token.Expires)) {
			t.Errorf("%q gave a token that ends at %s", text, token.Expires)
		}
		creds, err := p.Retrieve(t.Context())
		if err == nil && (!creds.Complete() || !creds.CanExpire() || creds.ExpiredAt(now)) {
			t.Errorf("%q gave unusable credentials", text)
		}
		if err != nil && creds != (rolecall.Credentials{}) {
			t.Error("credentials beside an error")
		}
	})
}
