package iam

import (
	"context"
	"iter"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

func (v *service) createInstanceProfile(ctx context.Context, c *awsapi.Call, in *iamapi.CreateInstanceProfileInput) (*iamapi.CreateInstanceProfileOutput, error) {
	arn := identity.InstanceProfileARN(account(c), orSlash(in.Path), in.InstanceProfileName)
	tags := tagsIn(in.Tags)
	var out iamapi.InstanceProfile
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		if err := v.askCreate(ctx, c, "CreateInstanceProfile", "TagInstanceProfile", arn, tags); err != nil {
			return err
		}
		if tx.InstanceProfile(account(c), in.InstanceProfileName) != nil {
			return iamapi.ErrEntityAlreadyExists("Instance Profile %s already exists.", in.InstanceProfileName)
		}
		if err := room(count(tx.InstanceProfiles(account(c), "", "")), v.quotas.InstanceProfiles, "InstanceProfilesPerAccount"); err != nil {
			return err
		}
		p, err := identity.NewInstanceProfile(account(c), orSlash(in.Path), in.InstanceProfileName, c.Time)
		if err != nil {
			return err
		}
		if p.Tags, err = v.merged(nil, tags, thisCase); err != nil {
			return err
		}
		out = profileOut(tx.Snapshot, p)
		return tx.Put(p)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(arn, "AWS::IAM::InstanceProfile")
	return &iamapi.CreateInstanceProfileOutput{InstanceProfile: &out}, nil
}

func (v *service) getInstanceProfile(ctx context.Context, c *awsapi.Call, in *iamapi.GetInstanceProfileInput) (*iamapi.GetInstanceProfileOutput, error) {
	s := v.directory.Snapshot()
	p, err := v.profile(ctx, c, s, "GetInstanceProfile", in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	out := profileOut(s, p)
	out.Tags = allTags(p.Tags)
	return &iamapi.GetInstanceProfileOutput{InstanceProfile: &out}, nil
}

func profileName(p *identity.InstanceProfile) string { return p.Name }

// listedProfile is a profile as lists answer it: without its tags.
func listedProfile(s *directory.Snapshot) func(*identity.InstanceProfile) iamapi.InstanceProfile {
	return func(p *identity.InstanceProfile) iamapi.InstanceProfile {
		out := profileOut(s, p)
		out.Tags = nil
		return out
	}
}

func (v *service) listInstanceProfiles(ctx context.Context, c *awsapi.Call, in *iamapi.ListInstanceProfilesInput) (*iamapi.ListInstanceProfilesOutput, error) {
	if err := v.ask(ctx, c, "ListInstanceProfiles", identity.InstanceProfileARN(account(c), orSlash(in.PathPrefix), "")); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	p, err := paginate(in.Marker, in.MaxItems, func(after string) iter.Seq[*identity.InstanceProfile] {
		return s.InstanceProfiles(account(c), value(in.PathPrefix), after)
	}, profileName)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListInstanceProfilesOutput{InstanceProfiles: mapped(p.items, listedProfile(s)), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) listInstanceProfilesForRole(ctx context.Context, c *awsapi.Call, in *iamapi.ListInstanceProfilesForRoleInput) (*iamapi.ListInstanceProfilesForRoleOutput, error) {
	s := v.directory.Snapshot()
	r, err := v.role(ctx, c, s, "ListInstanceProfilesForRole", in.RoleName)
	if err != nil {
		return nil, err
	}
	name := func(p *identity.InstanceProfile) string { return identity.Fold(p.Name) }
	p, err := paginate(in.Marker, in.MaxItems, sequence(s.InstanceProfilesOf(r.ID), name), name)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListInstanceProfilesForRoleOutput{InstanceProfiles: mapped(p.items, listedProfile(s)), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) deleteInstanceProfile(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteInstanceProfileInput) (*iamapi.DeleteInstanceProfileOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.profile(ctx, c, tx.Snapshot, "DeleteInstanceProfile", in.InstanceProfileName)
		if err != nil {
			return err
		}
		if p.RoleID != "" {
			return iamapi.ErrDeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return tx.Delete(p)
	})
}

// addRoleToInstanceProfile hands the role to EC2, so the caller must be allowed to pass it on.
func (v *service) addRoleToInstanceProfile(ctx context.Context, c *awsapi.Call, in *iamapi.AddRoleToInstanceProfileInput) (*iamapi.AddRoleToInstanceProfileOutput, error) {
	return nil, v.changeProfile(ctx, c, "AddRoleToInstanceProfile", in.InstanceProfileName, func(tx *directory.Tx, p *identity.InstanceProfile) error {
		r, err := v.role(ctx, c, tx.Snapshot, "PassRole", in.RoleName,
			key("iam:PassedToService", "ec2.amazonaws.com"), key("iam:AssociatedResourceArn", p.ARN()))
		if err != nil {
			return err
		}
		if p.RoleID != "" {
			return iamapi.ErrLimitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		if err := editable(r); err != nil {
			return err
		}
		p.RoleID = r.ID
		return nil
	})
}

func (v *service) removeRoleFromInstanceProfile(ctx context.Context, c *awsapi.Call, in *iamapi.RemoveRoleFromInstanceProfileInput) (*iamapi.RemoveRoleFromInstanceProfileOutput, error) {
	return nil, v.changeProfile(ctx, c, "RemoveRoleFromInstanceProfile", in.InstanceProfileName, func(tx *directory.Tx, p *identity.InstanceProfile) error {
		r := tx.Role(account(c), in.RoleName)
		if r == nil {
			return noRole(in.RoleName)
		}
		if p.RoleID != r.ID {
			return iamapi.ErrNoSuchEntity("Role %s in Instance Profile %s cannot be found.", r.Name, p.Name)
		}
		p.RoleID = ""
		return nil
	})
}

func (v *service) tagInstanceProfile(ctx context.Context, c *awsapi.Call, in *iamapi.TagInstanceProfileInput) (*iamapi.TagInstanceProfileOutput, error) {
	return nil, v.changeProfile(ctx, c, "TagInstanceProfile", in.InstanceProfileName, func(_ *directory.Tx, p *identity.InstanceProfile) (err error) {
		p.Tags, err = v.merged(p.Tags, tagsIn(in.Tags), thisCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagInstanceProfile(ctx context.Context, c *awsapi.Call, in *iamapi.UntagInstanceProfileInput) (*iamapi.UntagInstanceProfileOutput, error) {
	return nil, v.changeProfile(ctx, c, "UntagInstanceProfile", in.InstanceProfileName, func(_ *directory.Tx, p *identity.InstanceProfile) error {
		p.Tags = without(p.Tags, in.TagKeys, thisCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listInstanceProfileTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListInstanceProfileTagsInput) (*iamapi.ListInstanceProfileTagsOutput, error) {
	i, err := v.profile(ctx, c, v.directory.Snapshot(), "ListInstanceProfileTags", in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, i.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListInstanceProfileTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

// changeProfile finds the profile, authorizes, and puts what change made of a copy.
func (v *service) changeProfile(ctx context.Context, c *awsapi.Call, action, name string, change func(*directory.Tx, *identity.InstanceProfile) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.profile(ctx, c, tx.Snapshot, action, name, more...)
		if err != nil {
			return err
		}
		p = p.Clone()
		if err := change(tx, p); err != nil {
			return err
		}
		return tx.Put(p)
	})
}
