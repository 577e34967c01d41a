// Package passwords holds the passwords of IAM users to their account's password policy.
package passwords

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/password"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// maxRemembered is the most that a password policy may forbid to use again.
const maxRemembered = 24

// Change returns the stored hashes after a change to text: the new one before the old. The error is what Check
// answers, or that the account's policy forbids to use the password again.
func Change(a *identity.Account, p *identity.LoginProfile, text string) (string, error) {
	if err := Check(a, text); err != nil {
		return "", err
	}
	old := strings.Split(p.Hash.Expose(), "\n")
	reuse := 0
	if a != nil && a.PasswordPolicy != nil {
		reuse = a.PasswordPolicy.ReusePrevention
	}
	for i, hash := range old {
		if i < reuse && password.Verify(hash, text) {
			return "", iamapi.ErrPasswordPolicyViolation("Policy constraint violation with password reuse prevention during password change.")
		}
	}
	hashes := append([]string{password.Hash(text)}, old...)
	return strings.Join(hashes[:min(len(hashes), maxRemembered)], "\n"), nil
}

// Check compares a password with the account's policy, or AWS's default: eight characters, of at least
// three of the four sorts, and not the account's name or email. The error is IAM's answer.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
func Check(a *identity.Account, text string) error {
	var upper, lower, number, symbol bool
	for _, r := range text {
		switch {
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsLower(r):
			lower = true
		case unicode.IsDigit(r):
			number = true
		case strings.ContainsRune("!@#$%^&*()_+-=[]{}|'", r):
			symbol = true
		}
	}
	violated := func(what string) error {
		return iamapi.ErrPasswordPolicyViolation("Password should have at least one %s", what)
	}
	var p *identity.PasswordPolicy
	if a != nil {
		p = a.PasswordPolicy
		if text == a.Name || text == a.Email || text == a.Alias {
			return iamapi.ErrPasswordPolicyViolation("Password must not be the account's name or email address")
		}
	}
	if p == nil {
		sorts := 0
		for _, has := range []bool{upper, lower, number, symbol} {
			if has {
				sorts++
			}
		}
		if utf8.RuneCountInString(text) < 8 {
			return iamapi.ErrPasswordPolicyViolation("Password should have a minimum length of 8")
		}
		if sorts < 3 {
			return iamapi.ErrPasswordPolicyViolation("Password should have at least 3 of the following: uppercase letters, lowercase letters, numbers, and symbols")
		}
		return nil
	}
	switch {
	case utf8.RuneCountInString(text) < p.MinimumLength:
		return iamapi.ErrPasswordPolicyViolation("Password should have a minimum length of %d", p.MinimumLength)
	case p.Uppercase && !upper:
		return violated("uppercase letter")
	case p.Lowercase && !lower:
		return violated("lowercase letter")
	case p.Numbers && !number:
		return violated("number")
	case p.Symbols && !symbol:
		return violated("symbol")
	default:
		return nil
	}
}
