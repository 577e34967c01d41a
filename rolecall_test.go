package rolecall_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
)

func TestSecret(t *testing.T) {
	s := rolecall.NewSecret("hunter2")
	for _, c := range []struct{ got, want string }{
		{s.Expose(), "hunter2"},
		{rolecall.Secret{}.Expose(), ""},
		{fmt.Sprintf("%v|%+v|%s|%q|%x|%d|%10v", s, s, s, s, s, s, s), strings.Join([]string{"[redacted]", "[redacted]", "[redacted]", "[redacted]", "[redacted]", "[redacted]", "[redacted]"}, "|")},
		{fmt.Sprintf("%#v", s), "rolecall.Secret([redacted])"},
		{fmt.Sprintf("%v|%#v", rolecall.Secret{}, rolecall.Secret{}), "|rolecall.Secret()"},
		{s.String() + rolecall.NewSecret("").String(), "[redacted]"},
		{slog.AnyValue(s).Resolve().String(), "[redacted]"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	encoded, err := json.Marshal(map[string]rolecall.Secret{"a": s, "b": {}})
	if err != nil || string(encoded) != `{"a":"[redacted]","b":""}` {
		t.Errorf("%s, %v", encoded, err)
	}
	var back map[string]rolecall.Secret
	if err := json.Unmarshal(encoded, &back); err == nil {
		t.Error("a placeholder was read as a secret")
	}
}

func TestSecretEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"x", "x", true}, {"x", "y", false}, {"x", "xx", false}, {"", "", true}, {"", "x", false}} {
		if got := rolecall.NewSecret(c.a).Equal(rolecall.NewSecret(c.b)); got != c.want {
			t.Errorf("%q equals %q: %v", c.a, c.b, got)
		}
	}
}

func TestCredentials(t *testing.T) {
	now := time.Unix(1000, 0)
	secret := rolecall.NewSecret("s")
	type facts struct{ Complete, CanExpire, Expired bool }
	for _, c := range []struct {
		c    rolecall.Credentials
		want facts
	}{
		{rolecall.Credentials{}, facts{}},
		{rolecall.Credentials{AccessKeyID: "a"}, facts{}},
		{rolecall.Credentials{SecretAccessKey: secret}, facts{}},
		{rolecall.Credentials{AccessKeyID: "a", SecretAccessKey: secret}, facts{Complete: true}},
		{rolecall.Credentials{AccessKeyID: "a", SecretAccessKey: secret, Expires: now.Add(1)}, facts{Complete: true, CanExpire: true}},
		{rolecall.Credentials{AccessKeyID: "a", SecretAccessKey: secret, Expires: now}, facts{Complete: true, CanExpire: true, Expired: true}},
	} {
		if diff := cmp.Diff(c.want, facts{c.c.Complete(), c.c.CanExpire(), c.c.ExpiredAt(now)}); diff != "" {
			t.Errorf("%v:\n%s", c.c, diff)
		}
	}
}

func TestNotHere(t *testing.T) {
	err := fmt.Errorf("environment: %w", rolecall.NotHere("AWS_ACCESS_KEY_ID is not set"))
	if !errors.Is(err, rolecall.ErrNotHere) || err.Error() != "environment: AWS_ACCESS_KEY_ID is not set" {
		t.Errorf("%v", err)
	}
	if errors.Is(errors.New("no credentials here"), rolecall.ErrNotHere) {
		t.Error("matched by its text")
	}
}

func TestOrigin(t *testing.T) {
	env := rolecall.Origin{Source: "environment", Location: "AWS_ACCESS_KEY_ID"}
	profile := rolecall.Origin{Source: "profile", Detail: "base", Location: "/home/a/.aws/config:12", Via: &env}
	role := rolecall.Origin{Source: "assume-role", Detail: "arn:aws:iam::123456789012:role/web", Via: &profile}
	const want = "assume-role arn:aws:iam::123456789012:role/web ← profile base (/home/a/.aws/config:12) ← environment (AWS_ACCESS_KEY_ID)"
	if got := role.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	profile.Via = nil
	if diff := cmp.Diff([]rolecall.Origin{{Source: "assume-role", Detail: role.Detail}, profile}, role.Trail()); diff != "" {
		t.Error(diff)
	}
}

func TestAccountOfAccessKey(t *testing.T) {
	for id, want := range map[string]string{
		"ASIAQAAAAAAAGMKEM7X5": "000000000000", "AKIARZPUZDIKGB2VALC4": "123456789012", "AROAQAAAAAAAGMKEM7X5XYZ": "000000000000",
		"": "", "AKIA": "", "AKIA1": "", "AKIA0189018901890189": "", "akiarzpuzdikgb2valc4": "", "AKIAé234567é234567é2": "",
		"AKIA7777777777777777": "",
	} {
		got, ok := rolecall.AccountOfAccessKey(id)
		if got != want || ok != (want != "") {
			t.Errorf("account of %q is %q, %v; want %q", id, got, ok, want)
		}
	}
}

func FuzzAccountOfAccessKey(f *testing.F) {
	f.Add("AKIARZPUZDIKGB2VALC4")
	f.Add("ASIA")
	f.Fuzz(func(t *testing.T, id string) {
		account, ok := rolecall.AccountOfAccessKey(id)
		if ok != (account != "") || ok && (len(account) != 12 || strings.Trim(account, "0123456789") != "") {
			t.Fatalf("%q: %q, %v", id, account, ok)
		}
	})
}
