package iam

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

func (v *service) createPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.CreatePolicyInput) (*iamapi.CreatePolicyOutput, error) {
	arn := identity.PolicyARN(account(c), orSlash(in.Path), in.PolicyName)
	tags := tagsIn(in.Tags)
	var out iamapi.Policy
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		if err := v.askCreate(ctx, c, "CreatePolicy", "TagPolicy", arn, tags); err != nil {
			return err
		}
		if tx.PolicyByName(account(c), in.PolicyName) != nil {
			return iamapi.ErrEntityAlreadyExists("A policy called %s already exists. Duplicate names are not allowed.", in.PolicyName)
		}
		if err := room(count(tx.Policies(account(c), "", "")), v.quotas.Policies, "PoliciesPerAccount"); err != nil {
			return err
		}
		if err := managed(in.PolicyDocument); err != nil {
			return err
		}
		p, err := identity.NewManagedPolicy(account(c), orSlash(in.Path), in.PolicyName, in.PolicyDocument, c.Time)
		if err != nil {
			return err
		}
		p.Description = value(in.Description)
		if p.Tags, err = v.merged(nil, tags, thisCase); err != nil {
			return err
		}
		out = policyOut(tx.Snapshot, p)
		out.Description, out.Tags = nil, tagsOut(tags) // as AWS: only GetPolicy answers all
		return tx.Put(p)
	})
	if err != nil {
		return nil, err
	}
	c.Touched(arn, "AWS::IAM::Policy")
	return &iamapi.CreatePolicyOutput{Policy: &out}, nil
}

func (v *service) getPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.GetPolicyInput) (*iamapi.GetPolicyOutput, error) {
	s := v.directory.Snapshot()
	p, err := v.policy(ctx, c, s, "GetPolicy", in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iamapi.GetPolicyOutput{Policy: new(v.policyOut(c, s, p))}, nil
}

// policyOut counts only what the caller's account attached of a policy that all accounts share.
func (v *service) policyOut(c *awsapi.Call, s *directory.Snapshot, p *identity.ManagedPolicy) iamapi.Policy {
	out := policyOut(s, p)
	if p.Account == identity.AWSAccount {
		attached, bounds := uses(c, s, p.ARN())
		out.AttachmentCount, out.PermissionsBoundaryUsageCount = &attached, &bounds
	}
	return out
}

// uses counts the entities of the caller's account that a policy is attached to, and that it bounds.
func uses(c *awsapi.Call, s *directory.Snapshot, arn string) (attached, bounds int) {
	for e := range s.AttachedTo(arn) {
		if holderOf(e).account == account(c) {
			attached++
		}
	}
	for e := range s.BoundedBy(arn) {
		if holderOf(e).account == account(c) {
			bounds++
		}
	}
	return attached, bounds
}

func (v *service) listPolicies(ctx context.Context, c *awsapi.Call, in *iamapi.ListPoliciesInput) (*iamapi.ListPoliciesOutput, error) {
	if err := v.ask(ctx, c, "ListPolicies", identity.PolicyARN(account(c), orSlash(in.PathPrefix), "")); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	scope := iamapi.PolicyScopeTypeAll
	if in.Scope != nil {
		scope = *in.Scope
	}
	// AWS's policies come first, then the customer's; a marker says which.
	mark := func(p *identity.ManagedPolicy) string {
		if p.Account == identity.AWSAccount {
			return "a" + p.Name
		}
		return "l" + p.Name
	}
	list := func(after string) iter.Seq[*identity.ManagedPolicy] {
		return func(yield func(*identity.ManagedPolicy) bool) {
			if scope != iamapi.PolicyScopeTypeLocal && !strings.HasPrefix(after, "l") {
				for p := range s.Policies(identity.AWSAccount, value(in.PathPrefix), strings.TrimPrefix(after, "a")) {
					if !yield(p) {
						return
					}
				}
			}
			if scope == iamapi.PolicyScopeTypeAWS {
				return
			}
			rest, local := strings.CutPrefix(after, "l")
			if !local {
				rest = ""
			}
			for p := range s.Policies(account(c), value(in.PathPrefix), rest) {
				if !yield(p) {
					return
				}
			}
		}
	}
	p, err := paginate(in.Marker, in.MaxItems, filtered(list, v.wantedPolicy(c, s, in)), mark)
	if err != nil {
		return nil, err
	}
	out := mapped(p.items, func(p *identity.ManagedPolicy) iamapi.Policy {
		o := v.policyOut(c, s, p)
		o.Description, o.Tags = nil, nil
		return o
	})
	return &iamapi.ListPoliciesOutput{Policies: out, IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) wantedPolicy(c *awsapi.Call, s *directory.Snapshot, in *iamapi.ListPoliciesInput) func(*identity.ManagedPolicy) bool {
	onlyAttached := in.OnlyAttached != nil && *in.OnlyAttached
	return func(p *identity.ManagedPolicy) bool {
		if !onlyAttached && in.PolicyUsageFilter == nil {
			return true
		}
		attached, bounds := uses(c, s, p.ARN())
		if in.PolicyUsageFilter == nil {
			return attached+bounds > 0
		}
		if *in.PolicyUsageFilter == iamapi.PolicyUsageTypePermissionsBoundary {
			return bounds > 0
		}
		return attached > 0
	}
}

func (v *service) deletePolicy(ctx context.Context, c *awsapi.Call, in *iamapi.DeletePolicyInput) (*iamapi.DeletePolicyOutput, error) {
	return nil, v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.ownPolicy(ctx, c, tx.Snapshot, "DeletePolicy", in.PolicyArn)
		if err != nil {
			return err
		}
		switch {
		case count(tx.AttachedTo(in.PolicyArn))+count(tx.BoundedBy(in.PolicyArn)) > 0:
			return iamapi.ErrDeleteConflict("Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return iamapi.ErrDeleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return tx.Delete(p)
	})
}

func (v *service) tagPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.TagPolicyInput) (*iamapi.TagPolicyOutput, error) {
	return nil, v.changePolicy(ctx, c, "TagPolicy", in.PolicyArn, func(p *identity.ManagedPolicy) (err error) {
		p.Tags, err = v.merged(p.Tags, tagsIn(in.Tags), thisCase)
		return err
	}, passing(tagsIn(in.Tags)))
}

func (v *service) untagPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.UntagPolicyInput) (*iamapi.UntagPolicyOutput, error) {
	return nil, v.changePolicy(ctx, c, "UntagPolicy", in.PolicyArn, func(p *identity.ManagedPolicy) error {
		p.Tags = without(p.Tags, in.TagKeys, thisCase)
		return nil
	}, untagging(in.TagKeys))
}

func (v *service) listPolicyTags(ctx context.Context, c *awsapi.Call, in *iamapi.ListPolicyTagsInput) (*iamapi.ListPolicyTagsOutput, error) {
	m, err := v.policy(ctx, c, v.directory.Snapshot(), "ListPolicyTags", in.PolicyArn)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(c, m.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iamapi.ListPolicyTagsOutput{Tags: tagsOut(p.items), IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) createPolicyVersion(ctx context.Context, c *awsapi.Call, in *iamapi.CreatePolicyVersionInput) (*iamapi.CreatePolicyVersionOutput, error) {
	var out iamapi.PolicyVersion
	err := v.changePolicy(ctx, c, "CreatePolicyVersion", in.PolicyArn, func(p *identity.ManagedPolicy) error {
		if len(p.Versions) >= v.quotas.PolicyVersions {
			return iamapi.ErrLimitExceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", v.quotas.PolicyVersions)
		}
		if err := managed(in.PolicyDocument); err != nil {
			return err
		}
		made := identity.PolicyVersion{ID: "v" + strconv.Itoa(p.NextVersion), Document: in.PolicyDocument, Created: seconds(c.Time)}
		p.NextVersion++
		p.Versions = append(p.Versions, made)
		if in.SetAsDefault != nil && *in.SetAsDefault {
			p.Default = made.ID
		}
		p.Updated = seconds(c.Time)
		out = listedVersion(p, made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iamapi.CreatePolicyVersionOutput{PolicyVersion: &out}, nil
}

func noVersion(arn, id string) error {
	return iamapi.ErrNoSuchEntity("Policy %s version %s does not exist or is not attachable.", arn, id)
}

// ofVersion words for a version that there is no such policy.
func ofVersion(err error, arn, id string) error {
	var told *awsapi.Error
	if errors.As(err, &told) && told.Message == "Policy "+arn+" was not found." {
		return noVersion(arn, id)
	}
	return err
}

func (v *service) getPolicyVersion(ctx context.Context, c *awsapi.Call, in *iamapi.GetPolicyVersionInput) (*iamapi.GetPolicyVersionOutput, error) {
	p, err := v.policy(ctx, c, v.directory.Snapshot(), "GetPolicyVersion", in.PolicyArn)
	if err != nil {
		return nil, ofVersion(err, in.PolicyArn, in.VersionId)
	}
	version, ok := p.Version(in.VersionId)
	if !ok {
		return nil, noVersion(in.PolicyArn, in.VersionId)
	}
	return &iamapi.GetPolicyVersionOutput{PolicyVersion: new(versionOut(p, version))}, nil
}

func (v *service) listPolicyVersions(ctx context.Context, c *awsapi.Call, in *iamapi.ListPolicyVersionsInput) (*iamapi.ListPolicyVersionsOutput, error) {
	m, err := v.policy(ctx, c, v.directory.Snapshot(), "ListPolicyVersions", in.PolicyArn)
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(m.Versions)
	slices.Reverse(newest)
	name := func(v identity.PolicyVersion) string { return v.ID }
	p, err := paginate(in.Marker, in.MaxItems, sliced(newest, name), name)
	if err != nil {
		return nil, err
	}
	out := mapped(p.items, func(v identity.PolicyVersion) iamapi.PolicyVersion { return listedVersion(m, v) })
	return &iamapi.ListPolicyVersionsOutput{Versions: out, IsTruncated: p.truncated, Marker: p.marker}, nil
}

func (v *service) setDefaultPolicyVersion(ctx context.Context, c *awsapi.Call, in *iamapi.SetDefaultPolicyVersionInput) (*iamapi.SetDefaultPolicyVersionOutput, error) {
	err := v.changePolicy(ctx, c, "SetDefaultPolicyVersion", in.PolicyArn, func(p *identity.ManagedPolicy) error {
		if _, ok := p.Version(in.VersionId); !ok {
			return noVersion(in.PolicyArn, in.VersionId)
		}
		p.Default, p.Updated = in.VersionId, seconds(c.Time)
		return nil
	})
	return nil, ofVersion(err, in.PolicyArn, in.VersionId)
}

func (v *service) deletePolicyVersion(ctx context.Context, c *awsapi.Call, in *iamapi.DeletePolicyVersionInput) (*iamapi.DeletePolicyVersionOutput, error) {
	err := v.changePolicy(ctx, c, "DeletePolicyVersion", in.PolicyArn, func(p *identity.ManagedPolicy) error {
		if _, ok := p.Version(in.VersionId); !ok {
			return noVersion(in.PolicyArn, in.VersionId)
		}
		if p.Default == in.VersionId {
			return iamapi.ErrDeleteConflict("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(v identity.PolicyVersion) bool { return v.ID == in.VersionId })
		return nil
	})
	return nil, ofVersion(err, in.PolicyArn, in.VersionId)
}

// changePolicy finds a policy of the account, authorizes, and puts what change made of a copy.
func (v *service) changePolicy(ctx context.Context, c *awsapi.Call, action, arn string, change func(*identity.ManagedPolicy) error, more ...with) error {
	return v.directory.Update(ctx, func(tx *directory.Tx) error {
		p, err := v.ownPolicy(ctx, c, tx.Snapshot, action, arn, more...)
		if err != nil {
			return err
		}
		p = p.Clone()
		if err := change(p); err != nil {
			return err
		}
		return tx.Put(p)
	})
}
