package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// attach adds a managed policy to an entity; attaching it again changes nothing.
func (v *service) attach(c *awsapi.Call, s *directory.Snapshot, g *identity.Grants, arn, quota string) error {
	if err := attachable(c, s, arn); err != nil {
		return err
	}
	if slices.Contains(g.Attached, arn) {
		return nil
	}
	if err := room(len(g.Attached), v.quotas.AttachedPolicies, quota); err != nil {
		return err
	}
	g.Attach(arn)
	return nil
}

func detach(g *identity.Grants, arn string) error {
	if err := policyArn(arn); err != nil {
		return err
	}
	if !g.Detach(arn) {
		return noPolicy(arn)
	}
	return nil
}

// attachedPage is a page of an entity's managed policies, those under a path.
func attachedPage(s *directory.Snapshot, arns []string, prefix, marker *string, max *int) (page[string], error) {
	name := func(arn string) string { return arn }
	return paginate(marker, max, filtered(sliced(arns, name), func(arn string) bool {
		p := s.Policy(arn)
		return p != nil && strings.HasPrefix(p.Path, value(prefix))
	}), name)
}

func (v *service) attachUserPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.AttachUserPolicyInput) (*iamapi.AttachUserPolicyOutput, error) {
	return nil, v.changeBoundedUser(ctx, c, "AttachUserPolicy", in.UserName, func(tx *directory.Tx, e *identity.UserEntity) error {
		return v.attach(c, tx.Snapshot, &e.Grants, in.PolicyArn, "PoliciesPerUser")
	}, policyARN(in.PolicyArn))
}

func (v *service) detachUserPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.DetachUserPolicyInput) (*iamapi.DetachUserPolicyOutput, error) {
	return nil, v.changeBoundedUser(ctx, c, "DetachUserPolicy", in.UserName, func(_ *directory.Tx, e *identity.UserEntity) error {
		return detach(&e.Grants, in.PolicyArn)
	}, policyARN(in.PolicyArn))
}

func (v *service) listAttachedUserPolicies(ctx context.Context, c *awsapi.Call, in *iamapi.ListAttachedUserPoliciesInput) (*iamapi.ListAttachedUserPoliciesOutput, error) {
	s := v.directory.Snapshot()
	e, err := v.user(ctx, c, s, "ListAttachedUserPolicies", in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := attachedPage(s, e.Attached, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListAttachedUserPoliciesOutput{AttachedPolicies: attachedOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) attachRolePolicy(ctx context.Context, c *awsapi.Call, in *iamapi.AttachRolePolicyInput) (*iamapi.AttachRolePolicyOutput, error) {
	return nil, v.changeBoundedRole(ctx, c, "AttachRolePolicy", in.RoleName, func(tx *directory.Tx, e *identity.Role) error {
		return v.attach(c, tx.Snapshot, &e.Grants, in.PolicyArn, "PoliciesPerRole")
	}, policyARN(in.PolicyArn))
}

func (v *service) detachRolePolicy(ctx context.Context, c *awsapi.Call, in *iamapi.DetachRolePolicyInput) (*iamapi.DetachRolePolicyOutput, error) {
	return nil, v.changeBoundedRole(ctx, c, "DetachRolePolicy", in.RoleName, func(_ *directory.Tx, e *identity.Role) error {
		return detach(&e.Grants, in.PolicyArn)
	}, policyARN(in.PolicyArn))
}

func (v *service) listAttachedRolePolicies(ctx context.Context, c *awsapi.Call, in *iamapi.ListAttachedRolePoliciesInput) (*iamapi.ListAttachedRolePoliciesOutput, error) {
	s := v.directory.Snapshot()
	e, err := v.role(ctx, c, s, "ListAttachedRolePolicies", in.RoleName)
	if err != nil {
		return nil, err
	}
	p, err := attachedPage(s, e.Attached, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListAttachedRolePoliciesOutput{AttachedPolicies: attachedOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) attachGroupPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.AttachGroupPolicyInput) (*iamapi.AttachGroupPolicyOutput, error) {
	return nil, v.changeGroup(ctx, c, "AttachGroupPolicy", in.GroupName, func(tx *directory.Tx, e *identity.Group) error {
		return v.attach(c, tx.Snapshot, &e.Grants, in.PolicyArn, "PoliciesPerGroup")
	}, policyARN(in.PolicyArn))
}

func (v *service) detachGroupPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.DetachGroupPolicyInput) (*iamapi.DetachGroupPolicyOutput, error) {
	return nil, v.changeGroup(ctx, c, "DetachGroupPolicy", in.GroupName, func(_ *directory.Tx, e *identity.Group) error {
		return detach(&e.Grants, in.PolicyArn)
	}, policyARN(in.PolicyArn))
}

func (v *service) listAttachedGroupPolicies(ctx context.Context, c *awsapi.Call, in *iamapi.ListAttachedGroupPoliciesInput) (*iamapi.ListAttachedGroupPoliciesOutput, error) {
	s := v.directory.Snapshot()
	e, err := v.group(ctx, c, s, "ListAttachedGroupPolicies", in.GroupName)
	if err != nil {
		return nil, err
	}
	p, err := attachedPage(s, e.Attached, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListAttachedGroupPoliciesOutput{AttachedPolicies: attachedOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}
