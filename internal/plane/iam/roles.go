package iam

import (
	"context"
	"iter"
	"time"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

func (v *service) createRole(ctx context.Context, c *awsapi.Call, in *iamapi.CreateRoleInput) (*iamapi.CreateRoleOutput, error) {
	arn := identity.RoleARN(account(c), orSlash(in.Path), in.RoleName)
	tags := tagsIn(in.Tags)
	var made *identity.Role
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		if err := v.askCreate(ctx, c, "CreateRole", "TagRole", arn, tags, bounded(value(in.PermissionsBoundary))); err != nil {
			return err
		}
		if reservedPath(orSlash(in.Path)) {
			return iamapi.ErrInvalidInput("Cannot create a role under the reserved path %s", *in.Path)
		}
		if tx.Role(account(c), in.RoleName) != nil {
			return iamapi.ErrEntityAlreadyExists("Role with name %s already exists.", in.RoleName)
		}
		if err := room(count(tx.Roles(account(c), "", "")), v.quotas.Roles, "RolesPerAccount"); err != nil {
			return err
		}
		if err := trust(tx.Snapshot, in.AssumeRolePolicyDocument); err != nil {
			return err
		}
		r, err := identity.NewRole(account(c), orSlash(in.Path), in.RoleName, in.AssumeRolePolicyDocument, c.Time)
		if err != nil {
			return err
		}
		r.Description = value(in.Description)
		if in.MaxSessionDuration != nil {
			r.MaxSession = time.Duration(*in.MaxSessionDuration) * time.Second
		}
		if in.PermissionsBoundary != nil {
			if err := boundary(c, tx.Snapshot, *in.PermissionsBoundary); err != nil {
				return err
			}
			r.Boundary = *in.PermissionsBoundary
		}
		if r.Tags, err = v.merged(nil, tags, anyCase); err != nil {
			return err
		}
		made = r
		return tx.Put(r)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(arn, "AWS::IAM::Role")
	out := createdRole(v.directory.Snapshot(), made)
	out.Tags = tagsOut(tags)
	return &iamapi.CreateRoleOutput{Role: &out}, nil
}

func (v *service) getRole(ctx context.Context, c *awsapi.Call, in *iamapi.GetRoleInput) (*iamapi.GetRoleOutput, error) {
	s := v.directory.Snapshot()
	r, err := v.role(ctx, c, s, "GetRole", in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetRoleOutput{Role: new(v.roleOut(s, r))}, nil
}

func (v *service) listRoles(ctx context.Context, c *awsapi.Call, in *iamapi.ListRolesInput) (*iamapi.ListRolesOutput, error) {
	if err := v.ask(ctx, c, "ListRoles", identity.RoleARN(account(c), orSlash(in.PathPrefix), "")); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	p, err := paginate(in.Marker, in.MaxItems, func(after string) iter.Seq[*identity.Role] {
		return s.Roles(account(c), value(in.PathPrefix), after)
	}, func(r *identity.Role) string { return r.Name })
	if err != nil {
		return nil, err
	}
	return &iamapi.ListRolesOutput{Roles: mapped(p.items, listedRole(s)), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) deleteRole(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteRoleInput) (*iamapi.DeleteRoleOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		r, err := v.role(ctx, c, tx.Snapshot, "DeleteRole", in.RoleName)
		if err != nil {
			return err
		}
		if err := editable(r); err != nil {
			return err
		}
		switch {
		case len(r.Attached) > 0:
			return iamapi.ErrDeleteConflict("Cannot delete entity, must detach all policies first.")
		case len(r.Inline) > 0:
			return iamapi.ErrDeleteConflict("Cannot delete entity, must delete policies first.")
		case count(tx.InstanceProfilesOf(r.ID)) > 0:
			return iamapi.ErrDeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return tx.Delete(r)
	})
}

func (v *service) updateRole(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateRoleInput) (*iamapi.UpdateRoleOutput, error) {
	return nil, v.changeRole(ctx, c, "UpdateRole", in.RoleName, func(_ *directory.Tx, r *identity.Role) error {
		// What is left out stays as it is, against AWS's reference and as AWS answers.
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSession = time.Duration(*in.MaxSessionDuration) * time.Second
		}
		return nil
	})
}

func (v *service) updateRoleDescription(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateRoleDescriptionInput) (*iamapi.UpdateRoleDescriptionOutput, error) {
	var after *identity.Role
	err := v.changeAnyRole(ctx, c, "UpdateRoleDescription", in.RoleName, func(_ *directory.Tx, r *identity.Role) error {
		r.Description = in.Description
		after = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := createdRole(v.directory.Snapshot(), after)
	out.Description = text(after.Description)
	return &iamapi.UpdateRoleDescriptionOutput{Role: &out}, nil
}

func (v *service) updateAssumeRolePolicy(ctx context.Context, c *awsapi.Call, in *iamapi.UpdateAssumeRolePolicyInput) (*iamapi.UpdateAssumeRolePolicyOutput, error) {
	return nil, v.changeRole(ctx, c, "UpdateAssumeRolePolicy", in.RoleName, func(tx *directory.Tx, r *identity.Role) error {
		r.Trust, r.TrustIDs = in.PolicyDocument, nil // who it names is found anew, also in the same text
		return trust(tx.Snapshot, in.PolicyDocument)
	})
}

func (v *service) tagRole(ctx context.Context, c *awsapi.Call, in *iamapi.TagRoleInput) (*iamapi.TagRoleOutput, error) {
	return nil, v.changeRole(ctx, c, "TagRole", in.RoleName, func(_ *directory.Tx, r *identity.Role) (err error) {
		r.Tags, err = v.merged(r.Tags, tagsIn(in.Tags), anyCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagRole(ctx context.Context, c *awsapi.Call, in *iamapi.UntagRoleInput) (*iamapi.UntagRoleOutput, error) {
	return nil, v.changeRole(ctx, c, "UntagRole", in.RoleName, func(_ *directory.Tx, r *identity.Role) error {
		r.Tags = without(r.Tags, in.TagKeys, anyCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listRoleTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListRoleTagsInput) (*iamapi.ListRoleTagsOutput, error) {
	r, err := v.role(ctx, c, v.directory.Snapshot(), "ListRoleTags", in.RoleName)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, r.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListRoleTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) putRoleBoundary(ctx context.Context, c *awsapi.Call, in *iamapi.PutRolePermissionsBoundaryInput) (*iamapi.PutRolePermissionsBoundaryOutput, error) {
	return nil, v.changeRole(ctx, c, "PutRolePermissionsBoundary", in.RoleName, func(tx *directory.Tx, r *identity.Role) error {
		r.Boundary = in.PermissionsBoundary
		return boundary(c, tx.Snapshot, in.PermissionsBoundary)
	}, bounded(in.PermissionsBoundary))
}

func (v *service) deleteRoleBoundary(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteRolePermissionsBoundaryInput) (*iamapi.DeleteRolePermissionsBoundaryOutput, error) {
	return nil, v.changeBoundedRole(ctx, c, "DeleteRolePermissionsBoundary", in.RoleName, func(_ *directory.Tx, r *identity.Role) error {
		if r.Boundary == "" {
			return iamapi.ErrNoSuchEntity("PermissionsBoundary of role %s cannot be found.", r.Name)
		}
		r.Boundary = ""
		return nil
	})
}

// changeRole finds the role, authorizes, refuses service-linked ones, and puts what change made of
// a copy.
func (v *service) changeRole(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.Role) error, more ...with) error {
	return v.changeAnyRole(ctx, c, action, name, func(tx *directory.Tx, r *identity.Role) error {
		if err := editable(r); err != nil {
			return err
		}
		return change(tx, r)
	}, more...)
}

// changeAnyRole is changeRole for what may be done to service-linked roles too.
func (v *service) changeAnyRole(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.Role) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		r, err := v.role(ctx, c, tx.Snapshot, action, name, more...)
		if err != nil {
			return err
		}
		r = r.Clone()
		if err := change(tx, r); err != nil {
			return err
		}
		return tx.Put(r)
	})
}

// changeBoundedRole is changeRole for actions on which IAM has the condition key
// iam:PermissionsBoundary: the boundary that the role has.
func (v *service) changeBoundedRole(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.Role) error, more ...with) error {
	more = append(more, func(k *authzCheck) {
		if r := v.directory.Snapshot().Role(account(c), name); r != nil {
			bounded(r.Boundary)(k)
		}
	})
	return v.changeRole(ctx, c, action, name, change, more...)
}
