package token_test

import (
	"encoding/base64"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/token"
)

func FuzzOpen(f *testing.F) {
	r := newRing(f)
	text, _, err := r.Seal(accessKeyID, full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(accessKeyID, text)
	f.Add(accessKeyID, text[:len(text)-4])
	f.Add("", "")
	f.Add("x", base64.StdEncoding.EncodeToString(make([]byte, 33)))
	f.Add(accessKeyID, "AQ==")
	f.Fuzz(func(t *testing.T, id, candidate string) {
		s, secret, err := r.Open(id, candidate)
		if (err == nil) != (s != nil) || err != nil && !secret.IsZero() {
			t.Errorf("session %v, error %v", s, err)
		}
		if err == nil && (id != accessKeyID || candidate != text) {
			t.Errorf("opened what was not sealed: %q %q", id, candidate)
		}
		_, _ = token.ID(id, candidate)
		_, _ = r.Unwrap([]byte(candidate), []byte(id))
	})
}
