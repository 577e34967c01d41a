package iam

import (
	"context"
	"net/http"
	"strings"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/password"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/internal/plane/iam/passwords"
)

func noLogin(name string) error {
	return iamapi.ErrNoSuchEntity("Login Profile for User %s cannot be found.", name)
}

// loginUser finds the user whose login profile is meant; root has none.
func (v *service) loginUser(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action string, name *string) (*identity.UserEntity, error) {
	o, err := v.owner(ctx, c, s, action, name)
	if err != nil {
		return nil, err
	}
	if o.user == nil {
		return nil, iamapi.ErrInvalidUserType("Only IAM users have login profiles.")
	}
	return o.user, nil
}

func (v *service) createLoginProfile(ctx context.Context, c *awsapi.Call, in *iamapi.CreateLoginProfileInput) (*iamapi.CreateLoginProfileOutput, error) {
	// First without a lock: hashing takes long, and only who may create one shall cause it.
	s := v.directory.Snapshot()
	if _, err := v.loginUser(ctx, c, s, "CreateLoginProfile", in.UserName); err != nil {
		return nil, err
	}
	if in.Password == nil {
		return nil, awsapi.ValidationError("1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
	}
	if err := passwords.Check(s.Account(account(c)), *in.Password); err != nil {
		return nil, err
	}
	hash := password.Hash(*in.Password)
	var out *iamapi.LoginProfile
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		u, err := v.loginUser(ctx, c, tx.Snapshot, "CreateLoginProfile", in.UserName)
		if err != nil {
			return err
		}
		if tx.LoginProfile(u.ID) != nil {
			return iamapi.ErrEntityAlreadyExists("Login Profile for user %s already exists.", u.Name)
		}
		p := &identity.LoginProfile{
			UserID: u.ID, Account: account(c), Created: seconds(c.Time), Changed: seconds(c.Time),
			ResetRequired: in.PasswordResetRequired != nil && *in.PasswordResetRequired, Hash: rolecall.NewSecret(hash),
		}
		out = &iamapi.LoginProfile{UserName: u.Name, CreateDate: p.Created, PasswordResetRequired: &p.ResetRequired}
		return tx.Put(p)
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreateLoginProfileOutput{LoginProfile: out}, nil
}

func (v *service) getLoginProfile(ctx context.Context, c *awsapi.Call, in *iamapi.GetLoginProfileInput) (*iamapi.GetLoginProfileOutput, error) {
	s := v.directory.Snapshot()
	u, err := v.loginUser(ctx, c, s, "GetLoginProfile", in.UserName)
	if err != nil {
		return nil, err
	}
	p := s.LoginProfile(u.ID)
	if p == nil {
		return nil, noLogin(u.Name)
	}
	return &iamapi.GetLoginProfileOutput{LoginProfile: &iamapi.LoginProfile{
		UserName: u.Name, CreateDate: p.Created, PasswordResetRequired: &p.ResetRequired,
	}}, nil
}

func (v *service) updateLoginProfile(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateLoginProfileInput) (*iamapi.UpdateLoginProfileOutput, error) {
	s := v.directory.Snapshot()
	u, err := v.loginUser(ctx, c, s, "UpdateLoginProfile", &in.UserName)
	if err != nil {
		return nil, err
	}
	p := s.LoginProfile(u.ID)
	if p == nil {
		return nil, noLogin(u.Name)
	}
	hashes := p.Hash.Expose()
	if in.Password != nil {
		if hashes, err = passwords.Change(s.Account(account(c)), p, *in.Password); err != nil {
			return nil, err
		}
	}
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		if _, err := v.loginUser(ctx, c, tx.Snapshot, "UpdateLoginProfile", &in.UserName); err != nil {
			return err
		}
		return v.putPassword(tx, c, p, hashes, in.PasswordResetRequired)
	})
}

// putPassword replaces the entry that before describes, unless somebody else was faster.
func (v *service) putPassword(tx *directory.Tx, c *awsapi.Call, before *identity.LoginProfile, hashes string, reset *bool) error {
	now := tx.LoginProfile(before.UserID)
	if now == nil || !now.Hash.Equal(before.Hash) {
		return iamapi.ErrEntityTemporarilyUnmodifiable("The login profile is being changed by another request. Try again.")
	}
	p := now.Clone()
	if hashes != p.Hash.Expose() {
		p.Hash, p.Changed = rolecall.NewSecret(hashes), seconds(c.Time)
	}
	if reset != nil {
		p.ResetRequired = *reset
	}
	return tx.Put(p)
}

func (v *service) deleteLoginProfile(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteLoginProfileInput) (*iamapi.DeleteLoginProfileOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		u, err := v.loginUser(ctx, c, tx.Snapshot, "DeleteLoginProfile", in.UserName)
		if err != nil {
			return err
		}
		p := tx.LoginProfile(u.ID)
		if p == nil {
			return noLogin(u.Name)
		}
		return tx.Delete(p)
	})
}

// changePassword is for users themselves. Where the account's password policy lets users change
// their passwords they need no further right.
func (v *service) changePassword(ctx context.Context, c *awsapi.Call, in *iamapi.ChangePasswordInput) (*iamapi.ChangePasswordOutput, error) {
	if c.Principal.Kind != identity.User {
		return nil, iamapi.ErrInvalidUserType("Only IAM Users can change their own password")
	}
	s := v.directory.Snapshot()
	a, u := s.Account(account(c)), s.UserByID(c.Principal.EntityID)
	if u == nil {
		return nil, noUser(c.Principal.EntityName)
	}
	if a == nil || a.PasswordPolicy == nil || !a.PasswordPolicy.UsersMayChange {
		if err := v.ask(ctx, c, "ChangePassword", u.ARN(), owned(u.Tags)); err != nil {
			return nil, err
		}
	}
	p := s.LoginProfile(u.ID)
	if p == nil {
		return nil, noLogin(u.Name)
	}
	current, _, _ := strings.Cut(p.Hash.Expose(), "\n")
	if !password.Verify(current, in.OldPassword) {
		return nil, awsapi.Errorf(http.StatusForbidden, "AccessDenied", "The old password is not correct.")
	}
	hashes, err := passwords.Change(a, p, in.NewPassword)
	if err != nil {
		return nil, err
	}
	c.Touched(u.ARN(), "AWS::IAM::User")
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		return v.putPassword(tx, c, p, hashes, new(false))
	})
}
