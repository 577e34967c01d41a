package container

import (
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// FuzzDecode: an answer is complete, living credentials, or an error and nothing else.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "{}", "null", "[]", "\xff", "<html>", `{"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2036-01-01T00:00:00Z"}`,
		`{"AccessKeyId":"A","AccessKeyId":"","SecretAccessKey":"S","Token":"T","Expiration":"2036-01-01T00:00:00.5+01:00","AccountId":"1"}`,
	} {
		f.Add([]byte(s))
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := New(Options{Now: func() time.Time { return now }})
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = reason(body)
		creds, err := p.decode(body)
		if err == nil && (!creds.Complete() || creds.SessionToken.IsZero() || !creds.CanExpire() || creds.ExpiredAt(now)) {
			t.Errorf("%q gave unusable credentials", body)
		}
		if err != nil && creds != (rolecall.Credentials{}) {
			t.Error("credentials beside an error")
		}
	})
}
