package profile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/provider/profile"
)

const canary = "CANARYSECRET"

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestRetrieve(t *testing.T) {
	t.Parallel()
	secret := rolecall.NewSecret(canary)
	origin := rolecall.Origin{Source: "profile", Location: "credentials:2", Detail: "p", At: noon}
	for name, tc := range map[string]struct {
		keys   profile.Keys
		want   rolecall.Credentials
		fault  string
		absent bool
	}{
		"a pair": {
			keys: profile.Keys{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: secret},
			want: rolecall.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: secret, Origin: origin},
		},
		"a session, and whose": {
			keys: profile.Keys{AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: secret, SessionToken: secret, AccountID: "111122223333"},
			want: rolecall.Credentials{AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: secret, SessionToken: secret, AccountID: "111122223333", Origin: origin},
		},
		"nothing":          {keys: profile.Keys{}, fault: `profile "p" has no access key`, absent: true},
		"a token alone":    {keys: profile.Keys{SessionToken: secret}, fault: `profile "p" has no access key`, absent: true},
		"an id alone":      {keys: profile.Keys{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}, fault: `credentials:2: profile "p" has aws_access_key_id without aws_secret_access_key in the same file`},
		"a secret alone":   {keys: profile.Keys{SecretAccessKey: secret}, fault: `credentials:2: profile "p" has aws_secret_access_key without aws_access_key_id in the same file`},
		"id and token":     {keys: profile.Keys{AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SessionToken: secret}, fault: `credentials:2: profile "p" has aws_access_key_id without aws_secret_access_key in the same file`},
		"secret and token": {keys: profile.Keys{SecretAccessKey: secret, SessionToken: secret}, fault: `credentials:2: profile "p" has aws_secret_access_key without aws_access_key_id in the same file`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.keys.Profile, tc.keys.Location = "p", "credentials:2"
			p := profile.New(tc.keys, func() time.Time { return noon })
			got, err := p.Retrieve(t.Context())
			if d := cmp.Diff(tc.want, got, cmp.Comparer(func(a, b rolecall.Secret) bool { return a.Equal(b) })); d != "" {
				t.Error(d)
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != tc.fault || errors.Is(err, rolecall.ErrNotHere) != tc.absent {
				t.Errorf("got %v, absent %v; want %s", err, errors.Is(err, rolecall.ErrNotHere), tc.fault)
			}
			if shown := fmt.Sprintf("%v %+v %#v %s", got, p, p, text); strings.Contains(shown, canary) {
				t.Error("a secret shows")
			}
		})
	}
}

func TestClockIsOptional(t *testing.T) {
	t.Parallel()
	got, err := profile.New(profile.Keys{AccessKeyID: "A", SecretAccessKey: rolecall.NewSecret("S")}, nil).Retrieve(t.Context())
	if err != nil || time.Since(got.Origin.At) > time.Minute {
		t.Errorf("%v, %v", got.Origin.At, err)
	}
}
