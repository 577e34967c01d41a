package iam

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// holder is what policies are attached to, without its kind's details.
type holder struct {
	kind           iamapi.EntityType // User, Group or Role
	account        identity.AccountID
	id, name, path string
}

// sort orders holders over all kinds: groups, users, roles, each by name.
func (h holder) sort() string {
	order := "3"
	switch h.kind {
	case iamapi.EntityTypeGroup:
		order = "1"
	case iamapi.EntityTypeUser:
		order = "2"
	default:
	}
	return order + identity.Fold(h.name)
}

func holderOf(e identity.Entity) holder {
	switch e := e.(type) {
	case *identity.UserEntity:
		return holder{iamapi.EntityTypeUser, e.Account, e.ID, e.Name, e.Path}
	case *identity.Group:
		return holder{iamapi.EntityTypeGroup, e.Account, e.ID, e.Name, e.Path}
	case *identity.Role:
		return holder{iamapi.EntityTypeRole, e.Account, e.ID, e.Name, e.Path}
	default:
		return holder{}
	}
}

func (v *service) listEntitiesForPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.ListEntitiesForPolicyInput) (*iamapi.ListEntitiesForPolicyOutput, error) {
	s := v.directory.Snapshot()
	if _, err := v.policy(ctx, c, s, "ListEntitiesForPolicy", in.PolicyArn); err != nil {
		return nil, err
	}
	var all []holder
	take := func(seq iter.Seq[identity.Entity]) {
		for e := range seq {
			h := holderOf(e)
			wanted := in.EntityFilter == nil || *in.EntityFilter == h.kind
			if wanted && h.account == account(c) && strings.HasPrefix(h.path, value(in.PathPrefix)) {
				all = append(all, h)
			}
		}
	}
	if in.PolicyUsageFilter == nil || *in.PolicyUsageFilter == iamapi.PolicyUsageTypePermissionsPolicy {
		take(s.AttachedTo(in.PolicyArn))
	}
	if in.PolicyUsageFilter == nil || *in.PolicyUsageFilter == iamapi.PolicyUsageTypePermissionsBoundary {
		take(s.BoundedBy(in.PolicyArn))
	}
	slices.SortFunc(all, func(a, b holder) int { return strings.Compare(a.sort(), b.sort()) })
	all = slices.Compact(all)
	p, err := paginate(in.Marker, in.MaxItems, sequence(slices.Values(all), holder.sort), holder.sort)
	if err != nil {
		return nil, err
	}
	out := &iamapi.ListEntitiesForPolicyOutput{
		PolicyGroups: []iamapi.PolicyGroup{}, PolicyUsers: []iamapi.PolicyUser{}, PolicyRoles: []iamapi.PolicyRole{},
		IsTruncated: p.truncated, Marker: p.marker,
	}
	for _, h := range p.items {
		switch h.kind {
		case iamapi.EntityTypeGroup:
			out.PolicyGroups = append(out.PolicyGroups, iamapi.PolicyGroup{GroupName: &h.name, GroupId: &h.id})
		case iamapi.EntityTypeUser:
			out.PolicyUsers = append(out.PolicyUsers, iamapi.PolicyUser{UserName: &h.name, UserId: &h.id})
		case iamapi.EntityTypeRole:
			out.PolicyRoles = append(out.PolicyRoles, iamapi.PolicyRole{RoleName: &h.name, RoleId: &h.id})
		case iamapi.EntityTypeLocalManagedPolicy, iamapi.EntityTypeAWSManagedPolicy:
		}
	}
	return out, nil
}
