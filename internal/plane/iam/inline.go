package iam

import (
	"context"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

func noInline(kind, name string) error {
	return iamapi.ErrNoSuchEntity("The %s policy with name %s cannot be found.", kind, name)
}

// inlinePage is a page of an entity's inline policies' names.
func inlinePage(inline []identity.InlinePolicy, marker *string, max *int) (page[string], error) {
	names := mapped(inline, func(p identity.InlinePolicy) string { return p.Name })
	name := func(s string) string { return s }
	return paginate(marker, max, sliced(names, name), name)
}

func (v *service) putUserPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.PutUserPolicyInput) (*iamapi.PutUserPolicyOutput, error) {
	return nil, v.changeBoundedUser(ctx, c, "PutUserPolicy", in.UserName, func(_ *directory.Tx, e *identity.UserEntity) error {
		if err := inline(&e.Grants, in.PolicyName, in.PolicyDocument, policy.MaxUserInlineSize, "user", e.Name); err != nil {
			return err
		}
		e.SetInline(in.PolicyName, in.PolicyDocument)
		return nil
	})
}

func (v *service) getUserPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.GetUserPolicyInput) (*iamapi.GetUserPolicyOutput, error) {
	e, err := v.user(ctx, c, v.directory.Snapshot(), "GetUserPolicy", in.UserName)
	if err != nil {
		return nil, err
	}
	p, ok := e.InlinePolicy(in.PolicyName)
	if !ok {
		return nil, noInline("user", in.PolicyName)
	}
	return &iamapi.GetUserPolicyOutput{UserName: e.Name, PolicyName: p.Name, PolicyDocument: encoded(p.Document)}, nil
}

func (v *service) deleteUserPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteUserPolicyInput) (*iamapi.DeleteUserPolicyOutput, error) {
	return nil, v.changeBoundedUser(ctx, c, "DeleteUserPolicy", in.UserName, func(_ *directory.Tx, e *identity.UserEntity) error {
		if !e.RemoveInline(in.PolicyName) {
			return noInline("user", in.PolicyName)
		}
		return nil
	})
}

func (v *service) listUserPolicies(ctx context.Context, c *awsapi.Call, in *iamapi.ListUserPoliciesInput) (*iamapi.ListUserPoliciesOutput, error) {
	e, err := v.user(ctx, c, v.directory.Snapshot(), "ListUserPolicies", in.UserName)
	if err != nil {
		return nil, err
	}
	p, err := inlinePage(e.Inline, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListUserPoliciesOutput{PolicyNames: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) putRolePolicy(ctx context.Context, c *awsapi.Call, in *iamapi.PutRolePolicyInput) (*iamapi.PutRolePolicyOutput, error) {
	return nil, v.changeBoundedRole(ctx, c, "PutRolePolicy", in.RoleName, func(_ *directory.Tx, e *identity.Role) error {
		if err := inline(&e.Grants, in.PolicyName, in.PolicyDocument, policy.MaxRoleInlineSize, "role", e.Name); err != nil {
			return err
		}
		e.SetInline(in.PolicyName, in.PolicyDocument)
		return nil
	})
}

func (v *service) getRolePolicy(ctx context.Context, c *awsapi.Call, in *iamapi.GetRolePolicyInput) (*iamapi.GetRolePolicyOutput, error) {
	e, err := v.role(ctx, c, v.directory.Snapshot(), "GetRolePolicy", in.RoleName)
	if err != nil {
		return nil, err
	}
	p, ok := e.InlinePolicy(in.PolicyName)
	if !ok {
		return nil, noInline("role", in.PolicyName)
	}
	return &iamapi.GetRolePolicyOutput{RoleName: e.Name, PolicyName: p.Name, PolicyDocument: encoded(p.Document)}, nil
}

func (v *service) deleteRolePolicy(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteRolePolicyInput) (*iamapi.DeleteRolePolicyOutput, error) {
	return nil, v.changeBoundedRole(ctx, c, "DeleteRolePolicy", in.RoleName, func(_ *directory.Tx, e *identity.Role) error {
		if !e.RemoveInline(in.PolicyName) {
			return noInline("role", in.PolicyName)
		}
		return nil
	})
}

func (v *service) listRolePolicies(ctx context.Context, c *awsapi.Call, in *iamapi.ListRolePoliciesInput) (*iamapi.ListRolePoliciesOutput, error) {
	e, err := v.role(ctx, c, v.directory.Snapshot(), "ListRolePolicies", in.RoleName)
	if err != nil {
		return nil, err
	}
	p, err := inlinePage(e.Inline, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListRolePoliciesOutput{PolicyNames: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) putGroupPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.PutGroupPolicyInput) (*iamapi.PutGroupPolicyOutput, error) {
	return nil, v.changeGroup(ctx, c, "PutGroupPolicy", in.GroupName, func(_ *directory.Tx, e *identity.Group) error {
		if err := inline(&e.Grants, in.PolicyName, in.PolicyDocument, policy.MaxGroupInlineSize, "group", e.Name); err != nil {
			return err
		}
		e.SetInline(in.PolicyName, in.PolicyDocument)
		return nil
	})
}

func (v *service) getGroupPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.GetGroupPolicyInput) (*iamapi.GetGroupPolicyOutput, error) {
	e, err := v.group(ctx, c, v.directory.Snapshot(), "GetGroupPolicy", in.GroupName)
	if err != nil {
		return nil, err
	}
	p, ok := e.InlinePolicy(in.PolicyName)
	if !ok {
		return nil, noInline("group", in.PolicyName)
	}
	return &iamapi.GetGroupPolicyOutput{GroupName: e.Name, PolicyName: p.Name, PolicyDocument: encoded(p.Document)}, nil
}

func (v *service) deleteGroupPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.DeleteGroupPolicyInput) (*iamapi.DeleteGroupPolicyOutput, error) {
	return nil, v.changeGroup(ctx, c, "DeleteGroupPolicy", in.GroupName, func(_ *directory.Tx, e *identity.Group) error {
		if !e.RemoveInline(in.PolicyName) {
			return noInline("group", in.PolicyName)
		}
		return nil
	})
}

func (v *service) listGroupPolicies(ctx context.Context, c *awsapi.Call, in *iamapi.ListGroupPoliciesInput) (*iamapi.ListGroupPoliciesOutput, error) {
	e, err := v.group(ctx, c, v.directory.Snapshot(), "ListGroupPolicies", in.GroupName)
	if err != nil {
		return nil, err
	}
	p, err := inlinePage(e.Inline, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListGroupPoliciesOutput{PolicyNames: p.items, IsTruncated: p.truncated, Marker: p.marker}, nil
}
