package iam

import (
	"strings"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

const upperHex = "0123456789ABCDEF"

// encoded is a policy document as IAM answers it: percent-encoded by RFC 3986.
func encoded(document string) string {
	var b strings.Builder
	b.Grow(len(document) * 3 / 2)
	for i := range len(document) {
		c := document[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}

func boundaryOut(arn string) *iamapi.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &iamapi.AttachedPermissionsBoundary{
		PermissionsBoundaryType: new(iamapi.PermissionsBoundaryAttachmentTypePermissionsBoundaryPolicy),
		PermissionsBoundaryArn:  &arn,
	}
}

// tagsOut returns nil for no tags, so that the element is left out.
func tagsOut(tags []identity.Tag) []iamapi.Tag {
	if len(tags) == 0 {
		return nil
	}
	return mapped(tags, func(t identity.Tag) iamapi.Tag { return iamapi.Tag(t) })
}

// allTags answers no tags with an empty list, as the resources do that have had tags since 2021.
func allTags(tags []identity.Tag) []iamapi.Tag {
	return mapped(tags, func(t identity.Tag) iamapi.Tag { return iamapi.Tag(t) })
}

func tagsIn(tags []iamapi.Tag) []identity.Tag {
	if len(tags) == 0 {
		return nil
	}
	return mapped(tags, func(t iamapi.Tag) identity.Tag { return identity.Tag(t) })
}

// userOut is a user as Get and Create answer it; lists leave boundary and tags out.
func userOut(u *identity.UserEntity) iamapi.User {
	return iamapi.User{
		Path: u.Path, UserName: u.Name, UserId: u.ID, Arn: u.ARN(), CreateDate: u.Created,
		PermissionsBoundary: boundaryOut(u.Boundary), Tags: tagsOut(u.Tags),
	}
}

func listedUser(u *identity.UserEntity) iamapi.User {
	out := userOut(u)
	out.PermissionsBoundary, out.Tags = nil, nil
	return out
}

func groupOut(g *identity.Group) iamapi.Group {
	return iamapi.Group{Path: g.Path, GroupName: g.Name, GroupId: g.ID, Arn: g.ARN(), CreateDate: g.Created}
}

func (v *service) roleOut(s *directory.Snapshot, r *identity.Role) iamapi.Role {
	out := listedRole(s)(r)
	out.PermissionsBoundary, out.Tags = boundaryOut(r.Boundary), tagsOut(r.Tags)
	out.RoleLastUsed = v.roleLastUsed(r.ID)
	return out
}

// createdRole is a role as the operations that make and describe it answer: without what was not there
// from the beginning of IAM.
func createdRole(s *directory.Snapshot, r *identity.Role) iamapi.Role {
	out := listedRole(s)(r)
	out.Description, out.MaxSessionDuration = nil, nil
	out.PermissionsBoundary, out.Tags = boundaryOut(r.Boundary), tagsOut(r.Tags)
	return out
}

func (v *service) roleLastUsed(id string) *iamapi.RoleLastUsed {
	last, ok := v.directory.LastUsed(id)
	if !ok {
		return &iamapi.RoleLastUsed{}
	}
	return &iamapi.RoleLastUsed{LastUsedDate: &last.At, Region: text(last.Region)}
}

// listedRole is a role as lists answer it; its trust policy has unique ids for the principals that are gone.
func listedRole(s *directory.Snapshot) func(*identity.Role) iamapi.Role {
	return func(r *identity.Role) iamapi.Role {
		return iamapi.Role{
			Path: r.Path, RoleName: r.Name, RoleId: r.ID, Arn: r.ARN(), CreateDate: r.Created,
			AssumeRolePolicyDocument: new(encoded(s.TrustDocument(r))), Description: text(r.Description),
			MaxSessionDuration: new(int(r.MaxSession.Seconds())),
		}
	}
}

func policyOut(s *directory.Snapshot, p *identity.ManagedPolicy) iamapi.Policy {
	out := listedPolicy(s, p)
	out.Description, out.Tags = text(p.Description), allTags(p.Tags)
	return out
}

func listedPolicy(s *directory.Snapshot, p *identity.ManagedPolicy) iamapi.Policy {
	arn := p.ARN()
	return iamapi.Policy{
		PolicyName: new(p.Name), PolicyId: new(p.ID), Arn: &arn, Path: new(p.Path),
		DefaultVersionId: new(p.Default), AttachmentCount: new(count(s.AttachedTo(arn))),
		PermissionsBoundaryUsageCount: new(count(s.BoundedBy(arn))), IsAttachable: new(true),
		CreateDate: new(p.Created), UpdateDate: new(p.Updated),
	}
}

func versionOut(p *identity.ManagedPolicy, v identity.PolicyVersion) iamapi.PolicyVersion {
	return iamapi.PolicyVersion{
		Document: new(encoded(v.Document)), VersionId: new(v.ID),
		IsDefaultVersion: new(v.ID == p.Default), CreateDate: new(v.Created),
	}
}

// listedVersion is a version as lists and CreatePolicyVersion answer it: without its document.
func listedVersion(p *identity.ManagedPolicy, v identity.PolicyVersion) iamapi.PolicyVersion {
	out := versionOut(p, v)
	out.Document = nil
	return out
}

func profileOut(s *directory.Snapshot, p *identity.InstanceProfile) iamapi.InstanceProfile {
	out := iamapi.InstanceProfile{
		Path: p.Path, InstanceProfileName: p.Name, InstanceProfileId: p.ID, Arn: p.ARN(),
		CreateDate: p.Created, Roles: []iamapi.Role{}, Tags: tagsOut(p.Tags),
	}
	if r := s.RoleByID(p.RoleID); p.RoleID != "" && r != nil {
		role := createdRole(s, r)
		role.PermissionsBoundary, role.Tags = nil, nil
		out.Roles = append(out.Roles, role)
	}
	return out
}

// nameOf is the name at the end of an ARN.
func nameOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func attachedOut(arns []string) []iamapi.AttachedPolicy {
	return mapped(arns, func(arn string) iamapi.AttachedPolicy {
		return iamapi.AttachedPolicy{PolicyName: new(nameOf(arn)), PolicyArn: &arn}
	})
}

func inlineOut(inline []identity.InlinePolicy) []iamapi.PolicyDetail {
	return mapped(inline, func(p identity.InlinePolicy) iamapi.PolicyDetail {
		return iamapi.PolicyDetail{PolicyName: new(p.Name), PolicyDocument: new(encoded(p.Document))}
	})
}
