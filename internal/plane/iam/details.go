package iam

import (
	"context"
	"iter"
	"slices"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// getAccountAuthorizationDetails answers everything that decides who may do what, kind after kind,
// in pages over all of it.
func (v *service) getAccountAuthorizationDetails(ctx context.Context, c *awsapi.Call, in *iamapi.GetAccountAuthorizationDetailsInput) (*iamapi.GetAccountAuthorizationDetailsOutput, error) {
	if err := v.ask(ctx, c, "GetAccountAuthorizationDetails", "*"); err != nil {
		return nil, err
	}
	s := v.directory.Snapshot()
	p, err := paginate(in.Marker, in.MaxItems, func(after string) iter.Seq[detail] {
		return details(c, s, in.Filter, after)
	}, detail.mark)
	if err != nil {
		return nil, err
	}
	out := &iamapi.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []iamapi.UserDetail{}, GroupDetailList: []iamapi.GroupDetail{},
		RoleDetailList: []iamapi.RoleDetail{}, Policies: []iamapi.ManagedPolicyDetail{},
		IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, d := range p.items {
		switch e := d.entity.(type) {
		case *identity.UserEntity:
			out.UserDetailList = append(out.UserDetailList, userDetail(s, e))
		case *identity.Group:
			out.GroupDetailList = append(out.GroupDetailList, groupDetail(e))
		case *identity.Role:
			out.RoleDetailList = append(out.RoleDetailList, v.roleDetail(s, e))
		case *identity.ManagedPolicy:
			out.Policies = append(out.Policies, v.policyDetail(c, s, e))
		}
	}
	return out, nil
}

// detail is one entity of the listing; order keeps the kinds apart.
type detail struct {
	order  string
	name   string
	entity identity.Entity
}

func (d detail) mark() string { return d.order + d.name }

func details(c *awsapi.Call, s *directory.Snapshot, filter []iamapi.EntityType, after string) iter.Seq[detail] {
	wanted := func(t iamapi.EntityType) bool { return len(filter) == 0 || slices.Contains(filter, t) }
	id := account(c)
	return func(yield func(detail) bool) {
		ok := !wanted(iamapi.EntityTypeUser) || each(s.Users(id, "", from(after, "1")), "1", after, yield, func(e *identity.UserEntity) string { return e.Name })
		ok = ok && (!wanted(iamapi.EntityTypeGroup) || each(s.Groups(id, "", from(after, "2")), "2", after, yield, groupName))
		ok = ok && (!wanted(iamapi.EntityTypeRole) || each(s.Roles(id, "", from(after, "3")), "3", after, yield, func(e *identity.Role) string { return e.Name }))
		ok = ok && (!wanted(iamapi.EntityTypeLocalManagedPolicy) || each(s.Policies(id, "", from(after, "4")), "4", after, yield, policyName))
		if !ok || !wanted(iamapi.EntityTypeAWSManagedPolicy) {
			return
		}
		// Of AWS's policies, those that the account uses.
		_ = each(used(c, s, s.Policies(identity.AWSAccount, "", from(after, "5"))), "5", after, yield, policyName)
	}
}

func policyName(p *identity.ManagedPolicy) string { return p.Name }

// from is the name after which a kind begins, given the marker of the whole listing.
func from(after, order string) string {
	if len(after) > 0 && after[:1] == order {
		return after[1:]
	}
	return ""
}

// each yields the entities of one kind, unless the marker is past it.
func each[E identity.Entity](seq iter.Seq[E], order, after string, yield func(detail) bool, name func(E) string) bool {
	if len(after) > 0 && after[:1] > order {
		return true
	}
	for e := range seq {
		if !yield(detail{order, name(e), e}) {
			return false
		}
	}
	return true
}

func used(c *awsapi.Call, s *directory.Snapshot, seq iter.Seq[*identity.ManagedPolicy]) iter.Seq[*identity.ManagedPolicy] {
	return func(yield func(*identity.ManagedPolicy) bool) {
		for p := range seq {
			if attached, bounds := uses(c, s, p.ARN()); attached+bounds > 0 && !yield(p) {
				return
			}
		}
	}
}

func userDetail(s *directory.Snapshot, u *identity.UserEntity) iamapi.UserDetail {
	out := iamapi.UserDetail{
		Path: &u.Path, UserName: &u.Name, UserId: &u.ID, Arn: new(u.ARN()), CreateDate: &u.Created,
		GroupList:               mapped(s.GroupsOf(u.ID), groupName),
		AttachedManagedPolicies: attachedOut(u.Attached), PermissionsBoundary: boundaryOut(u.Boundary),
		Tags: allTags(u.Tags),
	}
	if len(u.Inline) > 0 {
		out.UserPolicyList = inlineOut(u.Inline)
	}
	return out
}

func groupDetail(g *identity.Group) iamapi.GroupDetail {
	return iamapi.GroupDetail{
		Path: &g.Path, GroupName: &g.Name, GroupId: &g.ID, Arn: new(g.ARN()), CreateDate: &g.Created,
		GroupPolicyList: inlineOut(g.Inline), AttachedManagedPolicies: attachedOut(g.Attached),
	}
}

func (v *service) roleDetail(s *directory.Snapshot, r *identity.Role) iamapi.RoleDetail {
	profiles := []iamapi.InstanceProfile{}
	for p := range s.InstanceProfilesOf(r.ID) {
		profiles = append(profiles, listedProfile(s)(p))
	}
	return iamapi.RoleDetail{
		Path: &r.Path, RoleName: &r.Name, RoleId: &r.ID, Arn: new(r.ARN()), CreateDate: &r.Created,
		AssumeRolePolicyDocument: new(encoded(s.TrustDocument(r))), InstanceProfileList: profiles,
		RolePolicyList: inlineOut(r.Inline), AttachedManagedPolicies: attachedOut(r.Attached),
		PermissionsBoundary: boundaryOut(r.Boundary), RoleLastUsed: v.roleLastUsed(r.ID),
		Tags: allTags(r.Tags),
	}
}

func (v *service) policyDetail(c *awsapi.Call, s *directory.Snapshot, p *identity.ManagedPolicy) iamapi.ManagedPolicyDetail {
	o := v.policyOut(c, s, p)
	newest := slices.Clone(p.Versions)
	slices.Reverse(newest)
	return iamapi.ManagedPolicyDetail{
		PolicyName: o.PolicyName, PolicyId: o.PolicyId, Arn: o.Arn, Path: o.Path, DefaultVersionId: o.DefaultVersionId,
		AttachmentCount: o.AttachmentCount, PermissionsBoundaryUsageCount: o.PermissionsBoundaryUsageCount,
		IsAttachable: o.IsAttachable, Description: o.Description, CreateDate: o.CreateDate, UpdateDate: o.UpdateDate,
		PolicyVersionList: mapped(newest, func(v identity.PolicyVersion) iamapi.PolicyVersion { return versionOut(p, v) }),
	}
}
