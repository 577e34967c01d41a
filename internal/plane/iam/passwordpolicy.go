package iam

import (
	"context"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

func noPasswordPolicy(id identity.AccountID) error {
	return iamapi.ErrNoSuchEntity("The Password Policy with domain name %s cannot be found.", id)
}

// minimumLength is that of a password policy that does not say.
const minimumLength = 6

func (v *service) updateAccountPasswordPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateAccountPasswordPolicyInput) (*iamapi.UpdateAccountPasswordPolicyOutput, error) {
	is := func(p *bool) bool { return p != nil && *p }
	number := func(p *int, otherwise int) int {
		if p == nil {
			return otherwise
		}
		return *p
	}
	return nil, v.changeAccount(ctx, c, "UpdateAccountPasswordPolicy", func(_ *directory.Tx, a *identity.Account) error {
		// What is left out goes back to its default; nothing of the old policy stays.
		a.PasswordPolicy = &identity.PasswordPolicy{
			MinimumLength: number(in.MinimumPasswordLength, minimumLength),
			Symbols:       is(in.RequireSymbols), Numbers: is(in.RequireNumbers),
			Uppercase: is(in.RequireUppercaseCharacters), Lowercase: is(in.RequireLowercaseCharacters),
			UsersMayChange: is(in.AllowUsersToChangePassword), HardExpiry: is(in.HardExpiry),
			MaxAgeDays: number(in.MaxPasswordAge, 0), ReusePrevention: number(in.PasswordReusePrevention, 0),
		}
		return nil
	})
}

func (v *service) getAccountPasswordPolicy(ctx context.Context, c *awsapi.Call, _ *iamapi.GetAccountPasswordPolicyInput) (*iamapi.GetAccountPasswordPolicyOutput, error) {
	if err := v.ask(ctx, c, "GetAccountPasswordPolicy", "*"); err != nil {
		return nil, err
	}
	a := v.directory.Snapshot().Account(account(c))
	if a == nil || a.PasswordPolicy == nil {
		return nil, noPasswordPolicy(account(c))
	}
	p := a.PasswordPolicy
	positive := func(n int) *int {
		if n == 0 {
			return nil
		}
		return &n
	}
	var hard *bool
	if p.HardExpiry {
		hard = &p.HardExpiry
	}
	return &iamapi.GetAccountPasswordPolicyOutput{PasswordPolicy: &iamapi.PasswordPolicy{
		MinimumPasswordLength: new(p.MinimumLength), RequireSymbols: new(p.Symbols), RequireNumbers: new(p.Numbers),
		RequireUppercaseCharacters: new(p.Uppercase), RequireLowercaseCharacters: new(p.Lowercase),
		AllowUsersToChangePassword: new(p.UsersMayChange), ExpirePasswords: new(p.MaxAgeDays > 0),
		MaxPasswordAge: positive(p.MaxAgeDays), PasswordReusePrevention: positive(p.ReusePrevention),
		HardExpiry: hard,
	}}, nil
}

func (v *service) deleteAccountPasswordPolicy(ctx context.Context, c *awsapi.Call, _ *iamapi.DeleteAccountPasswordPolicyInput) (*iamapi.DeleteAccountPasswordPolicyOutput, error) {
	return nil, v.changeAccount(ctx, c, "DeleteAccountPasswordPolicy", func(_ *directory.Tx, a *identity.Account) error {
		if a.PasswordPolicy == nil {
			return iamapi.ErrNoSuchEntity("The account policy with name PasswordPolicy cannot be found.")
		}
		a.PasswordPolicy = nil
		return nil
	})
}
