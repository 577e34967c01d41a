package directory

import (
	"iter"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Relations kept in Snapshot.refs.
const (
	relMember  = "member"  // group → users
	relAttach  = "attach"  // managed policy → users, groups, roles
	relBound   = "bound"   // managed policy → users, roles
	relProfile = "profile" // role → instance profiles
	relKey     = "key"     // owner → access keys
	relMFA     = "mfa"     // owner → devices
	relCert    = "cert"    // user → signing certificates
)

// ref is one entry of Snapshot.refs.
type ref struct{ relation, parent, order, child string }

func (r ref) key() string { return r.relation + sep + r.parent + sep + r.order + sep + r.child }

// ownerKey names the holder of keys and devices: a user's id, or the account for its root.
func ownerKey(account identity.AccountID, userID string) string {
	if userID == "" {
		return string(account)
	}
	return userID
}

func byAge(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func grantRefs(g *identity.Grants, order, child string) []ref {
	var refs []ref
	for _, arn := range g.Attached {
		refs = append(refs, ref{relAttach, arn, order, child})
	}
	if g.Boundary != "" {
		refs = append(refs, ref{relBound, g.Boundary, order, child})
	}
	return refs
}

// refsOf returns the relations that an entity brings.
func refsOf(e identity.Entity) []ref {
	switch e := e.(type) {
	case *identity.UserEntity:
		refs := grantRefs(&e.Grants, identity.Fold(e.Name), e.ID)
		for _, id := range e.GroupIDs {
			refs = append(refs, ref{relMember, id, identity.Fold(e.Name), e.ID})
		}
		return refs
	case *identity.Group:
		return grantRefs(&e.Grants, identity.Fold(e.Name), e.ID)
	case *identity.Role:
		return grantRefs(&e.Grants, identity.Fold(e.Name), e.ID)
	case *identity.InstanceProfile:
		if e.RoleID != "" {
			return []ref{{relProfile, e.RoleID, identity.Fold(e.Name), e.ID}}
		}
	case *identity.AccessKey:
		return []ref{{relKey, ownerKey(e.Account, e.UserID), byAge(e.Created), e.ID}}
	case *identity.MFADevice:
		if e.Assigned {
			return []ref{{relMFA, ownerKey(e.Account, e.UserID), byAge(e.Enabled), e.ARN()}}
		}
	case *identity.SigningCertificate:
		return []ref{{relCert, e.UserID, byAge(e.Uploaded), e.ID}}
	}
	return nil
}

// childKeys yields the keys of the children of parent under a relation, in order.
func (s *Snapshot) childKeys(relation, parent string) iter.Seq[string] {
	return func(yield func(string) bool) {
		prefix := relation + sep + parent + sep
		for _, child := range ascend(s.refs, prefix, "") {
			if !yield(child) {
				return
			}
		}
	}
}

func children[E any](s *Snapshot, relation, parent string, t *table[E]) iter.Seq[*E] {
	return func(yield func(*E) bool) {
		for key := range s.childKeys(relation, parent) {
			if e := t.get(key); e != nil && !yield(e) {
				return
			}
		}
	}
}

func (s *Snapshot) hasChild(relation, parent string) bool {
	for range s.childKeys(relation, parent) {
		return true
	}
	return false
}

// GroupsOf returns the groups of a user, in the order of joining.
func (s *Snapshot) GroupsOf(userID string) []*identity.Group {
	u := s.users.get(userID)
	if u == nil {
		return nil
	}
	groups := make([]*identity.Group, 0, len(u.GroupIDs))
	for _, id := range u.GroupIDs {
		if g := s.groups.get(id); g != nil {
			groups = append(groups, g)
		}
	}
	return groups
}

// Members yields a group's users by name.
func (s *Snapshot) Members(groupID string) iter.Seq[*identity.UserEntity] {
	return children(s, relMember, groupID, &s.users)
}

// InstanceProfilesOf yields the instance profiles that hold a role.
func (s *Snapshot) InstanceProfilesOf(roleID string) iter.Seq[*identity.InstanceProfile] {
	return children(s, relProfile, roleID, &s.profiles)
}

// AttachedTo yields the users, groups and roles (*identity.UserEntity, *identity.Group,
// *identity.Role) that a managed policy is attached to, by name.
func (s *Snapshot) AttachedTo(policyARN string) iter.Seq[identity.Entity] {
	return s.holders(relAttach, policyARN)
}

// BoundedBy yields the users and roles that a managed policy bounds, by name.
func (s *Snapshot) BoundedBy(policyARN string) iter.Seq[identity.Entity] {
	return s.holders(relBound, policyARN)
}

func (s *Snapshot) holders(relation, policyARN string) iter.Seq[identity.Entity] {
	return func(yield func(identity.Entity) bool) {
		for key := range s.childKeys(relation, policyARN) {
			if e := s.principal(key); e != nil && !yield(e) {
				return
			}
		}
	}
}

// principal returns the user, group or role with a unique id, or nil.
func (s *Snapshot) principal(id string) identity.Entity {
	switch {
	case strings.HasPrefix(id, string(identity.PrefixUser)):
		if e := s.users.get(id); e != nil {
			return e
		}
	case strings.HasPrefix(id, string(identity.PrefixRole)):
		if e := s.roles.get(id); e != nil {
			return e
		}
	case strings.HasPrefix(id, string(identity.PrefixGroup)):
		if e := s.groups.get(id); e != nil {
			return e
		}
	}
	return nil
}

// Resolve returns the unique id of the user or role with exactly that ARN, or false.
func (s *Snapshot) Resolve(arn string) (id string, ok bool) {
	a, err := identity.ParseARN(arn)
	if err != nil || a.Service != "iam" {
		return "", false
	}
	_, name := a.PathAndName()
	switch a.ResourceType() {
	case "user":
		if u := s.User(a.Account, name); u != nil && u.ARN() == arn {
			return u.ID, true
		}
	case "role":
		if r := s.Role(a.Account, name); r != nil && r.ARN() == arn {
			return r.ID, true
		}
	}
	return "", false
}
