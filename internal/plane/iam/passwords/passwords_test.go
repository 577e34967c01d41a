package passwords_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/password"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/passwords"
)

func TestCheck(t *testing.T) {
	all := &identity.PasswordPolicy{MinimumLength: 12, Uppercase: true, Lowercase: true, Numbers: true, Symbols: true}
	for _, test := range []struct {
		name, text string
		policy     *identity.PasswordPolicy
		want       string
	}{
		{"default", "Example-1", nil, ""},
		{"default, short", "Exam-1", nil, "Password should have a minimum length of 8"},
		{"default, two sorts", "example-word", nil, "Password should have at least 3 of the following: uppercase letters, lowercase letters, numbers, and symbols"},
		{"the account's name", "Example Corp 1", nil, "Password must not be the account's name or email address"},
		{"policy", "Example-Pass-1", all, ""},
		{"letters count, not bytes", "Éxample-Öäü1", all, ""},
		{"policy, short", "Example-1", all, "Password should have a minimum length of 12"},
		{"policy, no upper case", "example-pass-1", all, "Password should have at least one uppercase letter"},
		{"policy, no lower case", "EXAMPLE-PASS-1", all, "Password should have at least one lowercase letter"},
		{"policy, no number", "Example-Pass-X", all, "Password should have at least one number"},
		{"policy, no symbol", "ExamplePassword1", all, "Password should have at least one symbol"},
		{"policy that wants nothing", "a", &identity.PasswordPolicy{MinimumLength: 1}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := passwords.Check(&identity.Account{ID: "123456789012", Name: "Example Corp 1", PasswordPolicy: test.policy}, test.text)
			var told *awsapi.Error
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (!errors.As(err, &told) || told.Code != "PasswordPolicyViolation" || told.Message != test.want):
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// TestChange: the policy forbids as many old passwords as it says, and one more may be used again.
func TestChange(t *testing.T) {
	a := &identity.Account{PasswordPolicy: &identity.PasswordPolicy{MinimumLength: 1, ReusePrevention: 2}}
	p := &identity.LoginProfile{Hash: rolecall.NewSecret(password.Hash("one"))}
	for _, step := range []struct {
		text string
		ok   bool
	}{{"one", false}, {"two", true}, {"one", false}, {"three", true}, {"two", false}, {"one", true}} {
		hashes, err := passwords.Change(a, p, step.text)
		if (err == nil) != step.ok {
			t.Fatalf("%s: %v", step.text, err)
		}
		if err == nil {
			p.Hash = rolecall.NewSecret(hashes)
		}
	}
	if n := strings.Count(p.Hash.Expose(), "\n"); n != 3 {
		t.Errorf("%d old passwords are remembered", n)
	}
}
