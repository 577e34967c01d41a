package env_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/env"
)

func TestRetrieve(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		vars   map[string]string
		id     string
		absent bool
		want   string
	}{
		"pair":           {vars: map[string]string{env.AccessKeyID: "A", env.SecretAccessKey: "S"}, id: "A"},
		"session":        {vars: map[string]string{env.AccessKeyID: "A", env.SecretAccessKey: "S", env.SessionToken: "T", env.Expiration: "2026-01-01T00:00:01Z"}, id: "A"},
		"nothing":        {absent: true, want: "AWS_ACCESS_KEY_ID is not set"},
		"no secret":      {vars: map[string]string{env.AccessKeyID: "A"}, absent: true, want: "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY, and therefore passed over"},
		"blank secret":   {vars: map[string]string{env.AccessKeyID: "A", env.SecretAccessKey: ""}, absent: true, want: "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY, and therefore passed over"},
		"no id":          {vars: map[string]string{env.SecretAccessKey: "S"}, absent: true, want: "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID, and therefore passed over"},
		"expired":        {vars: map[string]string{env.AccessKeyID: "A", env.SecretAccessKey: "S", env.Expiration: "2026-01-01T00:00:00Z"}, want: "the credentials in the environment are expired since 2026-01-01T00:00:00Z (AWS_CREDENTIAL_EXPIRATION)"},
		"expiry no time": {vars: map[string]string{env.AccessKeyID: "A", env.SecretAccessKey: "S", env.Expiration: "soon"}, want: "AWS_CREDENTIAL_EXPIRATION is no time (RFC 3339)"},
	} {
		t.Run(name, func(t *testing.T) {
			creds, err := env.New(func(n string) string { return tc.vars[n] }, func() time.Time { return now }).Retrieve(t.Context())
			if creds.AccessKeyID != tc.id {
				t.Fatal(creds.AccessKeyID, err)
			}
			if tc.id == "" && (err.Error() != tc.want || errors.Is(err, rolecall.ErrNotHere) != tc.absent) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
