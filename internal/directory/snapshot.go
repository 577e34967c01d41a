package directory

import (
	"iter"
	"strings"
	"time"

	"github.com/benbjohnson/immutable"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

// Snapshot is one immutable state of the directory. All its methods are safe for concurrent use and
// do no I/O. What they return is shared: Clone before changing it. A method that finds nothing
// returns nil.
type Snapshot struct {
	revision store.Revision
	// grants is a number that is different after each change of a group or managed policy.
	grants uint64
	dir    *Directory

	accounts      table[identity.Account]
	users         table[identity.UserEntity]
	groups        table[identity.Group]
	roles         table[identity.Role]
	policies      table[identity.ManagedPolicy]
	profiles      table[identity.InstanceProfile]
	keys          table[identity.AccessKey]
	mfa           table[identity.MFADevice]
	logins        table[identity.LoginProfile]
	oidc          table[identity.OIDCProvider]
	saml          table[identity.SAMLProvider]
	serverCerts   table[identity.ServerCertificate]
	signingCerts  table[identity.SigningCertificate]
	buckets       table[identity.Bucket]
	deniedSession table[identity.DeniedSession]

	// aliases maps account aliases to accounts.
	aliases *immutable.Map[string, string]
	// refs is a sorted set of relations: relation ‖ sep ‖ parent ‖ sep ‖ order, to the child's key.
	refs *immutable.SortedMap[string, string]
}

// Revision says how many updates lie behind the snapshot.
func (s *Snapshot) Revision() store.Revision { return s.revision }

// Account returns an account.
func (s *Snapshot) Account(id identity.AccountID) *identity.Account {
	return s.accounts.get(string(id))
}

// AccountByAlias returns the account with that sign-in alias.
func (s *Snapshot) AccountByAlias(alias string) *identity.Account {
	id, ok := s.aliases.Get(alias)
	if !ok {
		return nil
	}
	return s.accounts.get(id)
}

// Accounts yields all accounts by number.
func (s *Snapshot) Accounts() iter.Seq[*identity.Account] { return s.accounts.prefix("", "") }

func nameKey(account identity.AccountID, name string) string {
	return string(account) + sep + identity.Fold(name)
}

// list yields an account's entities by name, those under a path prefix, after a name.
func list[E any](t *table[E], account identity.AccountID, pathPrefix, after string, path func(*E) string) iter.Seq[*E] {
	all := t.prefix(string(account)+sep, identity.Fold(after))
	if pathPrefix == "" || pathPrefix == "/" {
		return all
	}
	return func(yield func(*E) bool) {
		for e := range all {
			if strings.HasPrefix(path(e), pathPrefix) && !yield(e) {
				return
			}
		}
	}
}

// User returns a user by its name, without regard to case.
func (s *Snapshot) User(account identity.AccountID, name string) *identity.UserEntity {
	return s.users.bySort(nameKey(account, name))
}

// UserByID returns a user by its unique id.
func (s *Snapshot) UserByID(id string) *identity.UserEntity { return s.users.get(id) }

// Users yields an account's users whose path begins with pathPrefix ("" or "/" for all), sorted by
// name without regard to case, beginning after the name after ("" for the first).
func (s *Snapshot) Users(account identity.AccountID, pathPrefix, after string) iter.Seq[*identity.UserEntity] {
	return list(&s.users, account, pathPrefix, after, func(e *identity.UserEntity) string { return e.Path })
}

// Group returns a group by its name, without regard to case.
func (s *Snapshot) Group(account identity.AccountID, name string) *identity.Group {
	return s.groups.bySort(nameKey(account, name))
}

// GroupByID returns a group by its unique id.
func (s *Snapshot) GroupByID(id string) *identity.Group { return s.groups.get(id) }

// Groups yields an account's groups as [Snapshot.Users] does users.
func (s *Snapshot) Groups(account identity.AccountID, pathPrefix, after string) iter.Seq[*identity.Group] {
	return list(&s.groups, account, pathPrefix, after, func(e *identity.Group) string { return e.Path })
}

// Role returns a role by its name, without regard to case.
func (s *Snapshot) Role(account identity.AccountID, name string) *identity.Role {
	return s.roles.bySort(nameKey(account, name))
}

// RoleByID returns a role by its unique id.
func (s *Snapshot) RoleByID(id string) *identity.Role { return s.roles.get(id) }

// RoleByARN returns the role with exactly that ARN, path and case included.
func (s *Snapshot) RoleByARN(arn string) *identity.Role {
	a, err := identity.ParseARN(arn)
	if err != nil || a.Service != "iam" || a.ResourceType() != "role" {
		return nil
	}
	_, name := a.PathAndName()
	if r := s.Role(a.Account, name); r != nil && r.ARN() == arn {
		return r
	}
	return nil
}

// Roles yields an account's roles as [Snapshot.Users] does users.
func (s *Snapshot) Roles(account identity.AccountID, pathPrefix, after string) iter.Seq[*identity.Role] {
	return list(&s.roles, account, pathPrefix, after, func(e *identity.Role) string { return e.Path })
}

// Policy returns a managed policy by its ARN, AWS's own included.
func (s *Snapshot) Policy(arn string) *identity.ManagedPolicy { return s.policies.get(arn) }

// PolicyByName returns a customer's managed policy by its name, without regard to case.
func (s *Snapshot) PolicyByName(account identity.AccountID, name string) *identity.ManagedPolicy {
	return s.policies.bySort(nameKey(account, name))
}

// Policies yields an account's managed policies as [Snapshot.Users] does users; those of
// [identity.AWSAccount] are AWS's own.
func (s *Snapshot) Policies(account identity.AccountID, pathPrefix, after string) iter.Seq[*identity.ManagedPolicy] {
	return list(&s.policies, account, pathPrefix, after, func(e *identity.ManagedPolicy) string { return e.Path })
}

// InstanceProfile returns an instance profile by its name, without regard to case.
func (s *Snapshot) InstanceProfile(account identity.AccountID, name string) *identity.InstanceProfile {
	return s.profiles.bySort(nameKey(account, name))
}

// InstanceProfiles yields an account's instance profiles as [Snapshot.Users] does users.
func (s *Snapshot) InstanceProfiles(account identity.AccountID, pathPrefix, after string) iter.Seq[*identity.InstanceProfile] {
	return list(&s.profiles, account, pathPrefix, after, func(e *identity.InstanceProfile) string { return e.Path })
}

// AccessKey returns a long-lived key, active or not, with its secret.
func (s *Snapshot) AccessKey(id string) *identity.AccessKey { return s.keys.get(id) }

// AccessKeys yields the keys of a user, or of an account's root when userID is "", oldest first.
func (s *Snapshot) AccessKeys(account identity.AccountID, userID string) iter.Seq[*identity.AccessKey] {
	return children(s, relKey, ownerKey(account, userID), &s.keys)
}

// MFADevice returns a device by its serial number.
func (s *Snapshot) MFADevice(serial string) *identity.MFADevice { return s.mfa.get(serial) }

// MFADevices yields an account's devices by name.
func (s *Snapshot) MFADevices(account identity.AccountID, after string) iter.Seq[*identity.MFADevice] {
	return list(&s.mfa, account, "", after, nil)
}

// MFADevicesOf yields the enabled devices of a user, or of an account's root when userID is "".
func (s *Snapshot) MFADevicesOf(account identity.AccountID, userID string) iter.Seq[*identity.MFADevice] {
	return children(s, relMFA, ownerKey(account, userID), &s.mfa)
}

// LoginProfile returns a user's password entry.
func (s *Snapshot) LoginProfile(userID string) *identity.LoginProfile { return s.logins.get(userID) }

// OIDCProvider returns a provider by its ARN.
func (s *Snapshot) OIDCProvider(arn string) *identity.OIDCProvider { return s.oidc.get(arn) }

// OIDCProviders yields an account's OIDC providers by URL.
func (s *Snapshot) OIDCProviders(account identity.AccountID) iter.Seq[*identity.OIDCProvider] {
	return s.oidc.prefix(string(account)+sep, "")
}

// SAMLProvider returns a provider by its ARN.
func (s *Snapshot) SAMLProvider(arn string) *identity.SAMLProvider { return s.saml.get(arn) }

// SAMLProviders yields an account's SAML providers by name.
func (s *Snapshot) SAMLProviders(account identity.AccountID) iter.Seq[*identity.SAMLProvider] {
	return s.saml.prefix(string(account)+sep, "")
}

// ServerCertificate returns a certificate by its name, without regard to case.
func (s *Snapshot) ServerCertificate(account identity.AccountID, name string) *identity.ServerCertificate {
	return s.serverCerts.bySort(nameKey(account, name))
}

// ServerCertificates yields an account's certificates as [Snapshot.Users] does users.
func (s *Snapshot) ServerCertificates(account identity.AccountID, pathPrefix, after string) iter.Seq[*identity.ServerCertificate] {
	return list(&s.serverCerts, account, pathPrefix, after, func(e *identity.ServerCertificate) string { return e.Path })
}

// SigningCertificate returns a certificate by its id.
func (s *Snapshot) SigningCertificate(id string) *identity.SigningCertificate {
	return s.signingCerts.get(id)
}

// SigningCertificates yields a user's certificates, oldest first.
func (s *Snapshot) SigningCertificates(userID string) iter.Seq[*identity.SigningCertificate] {
	return children(s, relCert, userID, &s.signingCerts)
}

// Bucket returns a bucket's record.
func (s *Snapshot) Bucket(name string) *identity.Bucket { return s.buckets.get(name) }

// Buckets yields an account's buckets by name, those whose name begins with prefix, after a name.
func (s *Snapshot) Buckets(account identity.AccountID, prefix, after string) iter.Seq[*identity.Bucket] {
	return func(yield func(*identity.Bucket) bool) {
		for b := range s.buckets.prefix(string(account)+sep, after) {
			if strings.HasPrefix(b.Name, prefix) && !yield(b) {
				return
			}
		}
	}
}

// SessionDenied reports whether a session, named by token.ID, was revoked by itself.
func (s *Snapshot) SessionDenied(id string) bool { return s.deniedSession.node(id) != nil }

// AnySessionDenied lets callers save the work of finding a session's id: with nothing denied, none is.
func (s *Snapshot) AnySessionDenied() bool { return s.deniedSession.byKey.Len() > 0 }

// SessionsVoidBefore returns the time before which sessions of an entity are void: those issued for
// a role, by a user, or by the account's root when entityID is "". Zero if none are.
func (s *Snapshot) SessionsVoidBefore(account identity.AccountID, entityID string) time.Time {
	switch {
	case strings.HasPrefix(entityID, string(identity.PrefixRole)):
		if r := s.roles.get(entityID); r != nil {
			return r.SessionsVoidBefore
		}
	case strings.HasPrefix(entityID, string(identity.PrefixUser)):
		if u := s.users.get(entityID); u != nil {
			return u.SessionsVoidBefore
		}
	case entityID == "":
		if a := s.accounts.get(string(account)); a != nil {
			return a.SessionsVoidBefore
		}
	}
	return time.Time{}
}
