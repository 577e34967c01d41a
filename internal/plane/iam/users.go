package iam

import (
	"context"
	"iter"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

func (v *service) createUser(ctx context.Context, c *awsapi.Call, in *iamapi.CreateUserInput) (*iamapi.CreateUserOutput, error) {
	arn := identity.UserARN(account(c), orSlash(in.Path), in.UserName)
	tags := tagsIn(in.Tags)
	var made *identity.UserEntity
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		if err := v.askCreate(ctx, c, "CreateUser", "TagUser", arn, tags, bounded(value(in.PermissionsBoundary))); err != nil {
			return err
		}
		if tx.User(account(c), in.UserName) != nil {
			return iamapi.ErrEntityAlreadyExists("User with name %s already exists.", in.UserName)
		}
		if err := room(count(tx.Users(account(c), "", "")), v.quotas.Users, "UsersPerAccount"); err != nil {
			return err
		}
		u, err := identity.NewUser(account(c), orSlash(in.Path), in.UserName, c.Time)
		if err != nil {
			return err
		}
		if in.PermissionsBoundary != nil {
			if err := boundary(c, tx.Snapshot, *in.PermissionsBoundary); err != nil {
				return err
			}
			u.Boundary = *in.PermissionsBoundary
		}
		if u.Tags, err = v.merged(nil, tags, anyCase); err != nil {
			return err
		}
		made = u
		return tx.Put(u)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(arn, "AWS::IAM::User")
	return &iamapi.CreateUserOutput{User: new(userOut(made))}, nil
}

// askCreate asks for the right to create, and, if the new resource gets tags, to tag.
func (v *service) askCreate(ctx context.Context, c *awsapi.Call, create, tag, arn string, tags []identity.Tag, more ...with) error {
	more = append(more, passing(tags))
	if err := v.ask(ctx, c, create, arn, more...); err != nil {
		return err
	}
	if len(tags) == 0 {
		return nil
	}
	return v.ask(ctx, c, tag, arn, passing(tags))
}

func (v *service) getUser(ctx context.Context, c *awsapi.Call, in *iamapi.GetUserInput) (*iamapi.GetUserOutput, error) {
	s := v.directory.Snapshot()
	name, root, err := userOf(c, s, in.UserName)
	if err != nil {
		return nil, err
	}
	if root {
		return v.rootUser(ctx, c, s)
	}
	u, err := v.user(ctx, c, s, "GetUser", name)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetUserOutput{User: new(userOut(u))}, nil
}

// rootUser is how IAM shows the root of an account to itself: without a name and a path.
func (v *service) rootUser(ctx context.Context, c *awsapi.Call, s *directory.Snapshot) (*iamapi.GetUserOutput, error) {
	arn := identity.RootARN(account(c))
	if err := v.ask(ctx, c, "GetUser", arn); err != nil {
		return nil, err
	}
	out := &iamapi.User{UserId: string(account(c)), Arn: arn}
	if a := s.Account(account(c)); a != nil {
		out.CreateDate = a.Created
	}
	return &iamapi.GetUserOutput{User: out}, nil
}

func (v *service) listUsers(ctx context.Context, c *awsapi.Call, in *iamapi.ListUsersInput) (*iamapi.ListUsersOutput, error) {
	if err := v.ask(ctx, c, "ListUsers", identity.UserARN(account(c), orSlash(in.PathPrefix), "")); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	p, err := paginate(in.Marker, in.MaxItems, func(after string) iter.Seq[*identity.UserEntity] {
		return s.Users(account(c), value(in.PathPrefix), after)
	}, func(u *identity.UserEntity) string { return u.Name })
	if err != nil {
		return nil, err
	}
	return &iamapi.ListUsersOutput{Users: mapped(p.items, listedUser), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) updateUser(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateUserInput) (*iamapi.UpdateUserOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		u, err := v.user(ctx, c, tx.Snapshot, "UpdateUser", in.UserName)
		if err != nil {
			return err
		}
		u = u.Clone()
		if in.NewPath != nil {
			u.Path = *in.NewPath
		}
		if in.NewUserName != nil {
			if other := tx.User(account(c), *in.NewUserName); other != nil && other.ID != u.ID {
				return iamapi.ErrEntityAlreadyExists("User with name %s already exists.", *in.NewUserName)
			}
			u.Name = *in.NewUserName
		}
		// Whoever may rename this user must be allowed to have one under the new name.
		if err := v.ask(ctx, c, "UpdateUser", u.ARN(), owned(u.Tags)); err != nil {
			return err
		}
		return tx.Put(u)
	})
}

func (v *service) deleteUser(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteUserInput) (*iamapi.DeleteUserOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		u, err := v.user(ctx, c, tx.Snapshot, "DeleteUser", in.UserName)
		if err != nil {
			return err
		}
		if err := userIsBare(tx.Snapshot, u); err != nil {
			return err
		}
		return tx.Delete(u)
	})
}

// userIsBare refuses to delete a user that still has something.
func userIsBare(s *directory.Snapshot, u *identity.UserEntity) error {
	switch {
	case s.LoginProfile(u.ID) != nil:
		return iamapi.ErrDeleteConflict("Cannot delete entity, must delete login profile first.")
	case count(s.AccessKeys(u.Account, u.ID)) > 0:
		return iamapi.ErrDeleteConflict("Cannot delete entity, must delete access keys first.")
	case count(s.MFADevicesOf(u.Account, u.ID)) > 0:
		return iamapi.ErrDeleteConflict("Cannot delete entity, must delete MFA device first.")
	case count(s.SigningCertificates(u.ID)) > 0:
		return iamapi.ErrDeleteConflict("Cannot delete entity, must delete certificates first.")
	case len(u.Attached) > 0:
		return iamapi.ErrDeleteConflict("Cannot delete entity, must detach all policies first.")
	case len(u.Inline) > 0:
		return iamapi.ErrDeleteConflict("Cannot delete entity, must delete policies first.")
	case len(u.GroupIDs) > 0:
		return iamapi.ErrDeleteConflict("Cannot delete entity, must remove users from group first.")
	default:
		return nil
	}
}

func (v *service) tagUser(ctx context.Context, c *awsapi.Call, in *iamapi.TagUserInput) (*iamapi.TagUserOutput, error) {
	return nil, v.changeUser(ctx, c, "TagUser", in.UserName, func(_ *directory.Tx, u *identity.UserEntity) (err error) {
		u.Tags, err = v.merged(u.Tags, tagsIn(in.Tags), anyCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagUser(ctx context.Context, c *awsapi.Call, in *iamapi.UntagUserInput) (*iamapi.UntagUserOutput, error) {
	return nil, v.changeUser(ctx, c, "UntagUser", in.UserName, func(_ *directory.Tx, u *identity.UserEntity) error {
		u.Tags = without(u.Tags, in.TagKeys, anyCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listUserTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListUserTagsInput) (*iamapi.ListUserTagsOutput, error) {
	u, err := v.user(ctx, c, v.directory.Snapshot(), "ListUserTags", in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, u.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListUserTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) putUserBoundary(ctx context.Context, c *awsapi.Call, in *iamapi.PutUserPermissionsBoundaryInput) (*iamapi.PutUserPermissionsBoundaryOutput, error) {
	return nil, v.changeUser(ctx, c, "PutUserPermissionsBoundary", in.UserName, func(tx *directory.Tx, u *identity.UserEntity) error {
		u.Boundary = in.PermissionsBoundary
		return boundary(c, tx.Snapshot, in.PermissionsBoundary)
	}, bounded(in.PermissionsBoundary))
}

func (v *service) deleteUserBoundary(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteUserPermissionsBoundaryInput) (*iamapi.DeleteUserPermissionsBoundaryOutput, error) {
	return nil, v.changeBoundedUser(ctx, c, "DeleteUserPermissionsBoundary", in.UserName, func(_ *directory.Tx, u *identity.UserEntity) error {
		if u.Boundary == "" {
			return iamapi.ErrNoSuchEntity("PermissionsBoundary of user %s cannot be found.", u.Name)
		}
		u.Boundary = ""
		return nil
	})
}

// changeUser finds the user, authorizes, and puts what change made of a copy.
func (v *service) changeUser(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.UserEntity) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		u, err := v.user(ctx, c, tx.Snapshot, action, name, more...)
		if err != nil {
			return err
		}
		u = u.Clone()
		if err := change(tx, u); err != nil {
			return err
		}
		return tx.Put(u)
	})
}

// changeBoundedUser is changeUser for actions on which IAM has the condition key
// iam:PermissionsBoundary: the boundary that the user has.
func (v *service) changeBoundedUser(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.UserEntity) error, more ...with) error {
	more = append(more, func(k *authzCheck) {
		if u := v.directory.Snapshot().User(account(c), name); u != nil {
			bounded(u.Boundary)(k)
		}
	})
	return v.changeUser(ctx, c, action, name, change, more...)
}
