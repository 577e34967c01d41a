package iam

import (
	"context"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// The functions here find what an operation is about and ask whether the caller may do it, in this
// order towards the caller: who may not do the action learns nothing about what exists. A resource
// that does not exist is asked about by the ARN that it would have under the path "/".

func noUser(name string) error {
	return iamapi.ErrNoSuchEntity("The user with name %s cannot be found.", name)
}

func noRole(name string) error {
	return iamapi.ErrNoSuchEntity("The role with name %s cannot be found.", name)
}

func noGroup(name string) error {
	return iamapi.ErrNoSuchEntity("The group with name %s cannot be found.", name)
}

func noProfile(name string) error {
	return iamapi.ErrNoSuchEntity("Instance Profile %s cannot be found.", name)
}

func noPolicy(arn string) error {
	return iamapi.ErrNoSuchEntity("Policy %s was not found.", arn)
}

func (v *service) user(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, name string, more ...with) (*identity.UserEntity, error) {
	u := s.User(account(c), name)
	arn := identity.UserARN(account(c), "/", name)
	if u != nil {
		arn = u.ARN()
		more = append([]with{owned(u.Tags)}, more...)
	}
	if err := v.ask(ctx, c, action, arn, more...); err != nil {
		return nil, err
	}
	if u == nil {
		return nil, noUser(name)
	}
	c.Touched(arn, "AWS::IAM::User")
	return u, nil
}

func (v *service) role(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, name string, more ...with) (*identity.Role, error) {
	r := s.Role(account(c), name)
	arn := identity.RoleARN(account(c), "/", name)
	if r != nil {
		arn = r.ARN()
		more = append([]with{owned(r.Tags)}, more...)
	}
	if err := v.ask(ctx, c, action, arn, more...); err != nil {
		return nil, err
	}
	if r == nil {
		return nil, noRole(name)
	}
	c.Touched(arn, "AWS::IAM::Role")
	return r, nil
}

// editable refuses service-linked roles: only their service may change them.
func editable(r *identity.Role) error {
	if r.LinkedService == "" {
		return nil
	}
	return iamapi.ErrUnmodifiableEntity("Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", r.Name)
}

func (v *service) group(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, name string, more ...with) (*identity.Group, error) {
	g := s.Group(account(c), name)
	arn := identity.GroupARN(account(c), "/", name)
	if g != nil {
		arn = g.ARN()
	}
	if err := v.ask(ctx, c, action, arn, more...); err != nil {
		return nil, err
	}
	if g == nil {
		return nil, noGroup(name)
	}
	c.Touched(arn, "AWS::IAM::Group")
	return g, nil
}

func (v *service) profile(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, name string, more ...with) (*identity.InstanceProfile, error) {
	p := s.InstanceProfile(account(c), name)
	arn := identity.InstanceProfileARN(account(c), "/", name)
	if p != nil {
		arn = p.ARN()
		more = append([]with{owned(p.Tags)}, more...)
	}
	if err := v.ask(ctx, c, action, arn, more...); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, noProfile(name)
	}
	c.Touched(arn, "AWS::IAM::InstanceProfile")
	return p, nil
}

// policy finds a managed policy of the caller's account, or one of AWS's.
func (v *service) policy(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, arn string, more ...with) (*identity.ManagedPolicy, error) {
	p := s.Policy(arn)
	if p != nil && p.Account != account(c) && p.Account != identity.AWSAccount {
		p = nil
	}
	if p != nil {
		more = append([]with{owned(p.Tags)}, more...)
	}
	if err := v.ask(ctx, c, action, arn, more...); err != nil {
		return nil, err
	}
	if err := policyArn(arn); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, noPolicy(arn)
	}
	c.Touched(arn, "AWS::IAM::Policy")
	return p, nil
}

// ownPolicy is [service.policy] for operations that change the policy.
func (v *service) ownPolicy(ctx context.Context, c *awsapi.Call, s *directory.Snapshot, action, arn string, more ...with) (*identity.ManagedPolicy, error) {
	p, err := v.policy(ctx, c, s, action, arn, more...)
	if err != nil {
		return nil, err
	}
	if p.Account == identity.AWSAccount {
		return nil, iamapi.ErrNoSuchEntity("Policy %s was not found.", arn)
	}
	return p, nil
}

// policyArn refuses what cannot name a managed policy: text that is no ARN, and ARNs of something else.
func policyArn(arn string) error {
	a, err := identity.ParseARN(arn)
	switch {
	case err != nil:
		return awsapi.ValidationError("ARN %s is not valid.", arn)
	case a.Service != "iam" || a.ResourceType() != "policy":
		return iamapi.ErrInvalidInput("ARN %s is not valid.", arn)
	default:
		return nil
	}
}

// attachable wants a managed policy that the caller's account may attach.
func attachable(c *awsapi.Call, s *directory.Snapshot, arn string) error {
	return usable(c, s, arn, "Policy ")
}

// boundary wants a managed policy that may be a permissions boundary in the caller's account.
func boundary(c *awsapi.Call, s *directory.Snapshot, arn string) error {
	return usable(c, s, arn, "Scope ARN: ")
}

func usable(c *awsapi.Call, s *directory.Snapshot, arn, what string) error {
	if err := policyArn(arn); err != nil {
		return err
	}
	p := s.Policy(arn)
	if p == nil || p.Account != account(c) && p.Account != identity.AWSAccount {
		return iamapi.ErrNoSuchEntity("%s%s does not exist or is not attachable.", what, arn)
	}
	return nil
}

// userOf is the user that an operation without a user name is about: the caller. "" means root.
func userOf(c *awsapi.Call, s *directory.Snapshot, name *string) (string, bool, error) {
	if name != nil && *name != "" {
		return *name, false, nil
	}
	switch c.Principal.Kind {
	case identity.Root:
		return "", true, nil
	case identity.User:
		if u := s.UserByID(c.Principal.EntityID); u != nil {
			return u.Name, false, nil
		}
		return c.Principal.EntityName, false, nil
	case identity.Anonymous, identity.AssumedRole, identity.FederatedUser, identity.Service, identity.WebIdentityUser, identity.SAMLUser:
	}
	return "", false, awsapi.ValidationError("Must specify userName when calling with non-User credentials")
}
