package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/benbjohnson/immutable"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
)

// entityOf ties an entity's type to its pointer's methods.
type entityOf[E any] interface {
	*E
	identity.Entity
	Clone() *E
}

// kind says where the entities of one type live: in the snapshot, in the store, and in which order.
type kind[E any, P entityOf[E]] struct {
	table func(*Snapshot) *table[E]
	rows  func(*store.Tx) store.Aggregate[E]
	// order returns the key by which lists are sorted; it is unique.
	order func(*E) string
}

// anyKind is a kind with its type erased.
type anyKind interface {
	// load reads all entities into an empty snapshot.
	load(ctx context.Context, st *store.Tx, s *Snapshot, refs *immutable.SortedMapBuilder[string, string]) error
	// fetch takes over one row that somebody else wrote.
	fetch(ctx context.Context, st *store.Tx, s *Snapshot, key string) error
}

func (k kind[E, P]) load(ctx context.Context, st *store.Tx, s *Snapshot, refs *immutable.SortedMapBuilder[string, string]) error {
	byKey := immutable.NewMapBuilder[string, *node[E]](s.dir.hasher)
	sorted := immutable.NewSortedMapBuilder[string, *node[E]](stringComparer{})
	err := k.rows(st).All(ctx, func(e *E) error {
		n := &node[E]{entity: e}
		byKey.Set(P(e).EntityKey(), n)
		sorted.Set(k.order(e), n)
		for _, r := range refsOf(P(e)) {
			refs.Set(r.key(), r.child)
		}
		return nil
	})
	if err != nil {
		return err
	}
	t := k.table(s)
	t.byKey, t.sorted = byKey.Map(), sorted.Map()
	return nil
}

func (k kind[E, P]) fetch(ctx context.Context, st *store.Tx, s *Snapshot, key string) error {
	e, err := k.rows(st).Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		k.drop(s, key)
		return nil
	case err != nil:
		return err
	}
	k.insert(s, e)
	return nil
}

// insert adds or replaces e, which must not be changed afterwards, and returns its node.
func (k kind[E, P]) insert(s *Snapshot, e *E) *node[E] {
	k.drop(s, P(e).EntityKey())
	n := &node[E]{entity: e}
	k.table(s).set(P(e).EntityKey(), k.order(e), n)
	for _, r := range refsOf(P(e)) {
		s.refs = s.refs.Set(r.key(), r.child)
	}
	switch e := any(e).(type) {
	case *identity.Account:
		if e.Alias != "" {
			s.aliases = s.aliases.Set(e.Alias, string(e.ID))
		}
	case *identity.Group, *identity.ManagedPolicy:
		s.grants = s.dir.counter.Add(1)
	}
	return n
}

// drop removes an entity if it is there.
func (k kind[E, P]) drop(s *Snapshot, key string) {
	t := k.table(s)
	old := t.get(key)
	if old == nil {
		return
	}
	t.remove(key, k.order(old))
	for _, r := range refsOf(P(old)) {
		s.refs = s.refs.Delete(r.key())
	}
	switch e := any(old).(type) {
	case *identity.Account:
		if e.Alias != "" {
			s.aliases = s.aliases.Delete(e.Alias)
		}
	case *identity.Group, *identity.ManagedPolicy:
		s.grants = s.dir.counter.Add(1)
	}
}

// put checks what holds for every type, stores a copy of e and returns its node.
func (k kind[E, P]) put(tx *Tx, e *E) (*node[E], error) {
	key, order := P(e).EntityKey(), k.order(e)
	if other := k.table(tx.Snapshot).bySort(order); other != nil && P(other).EntityKey() != key {
		return nil, fmt.Errorf("%s %w", key, ErrExists)
	}
	e = P(e).Clone()
	tx.ops = append(tx.ops, func(ctx context.Context, st *store.Tx) error { return k.rows(st).Put(ctx, e) })
	return k.insert(tx.Snapshot, e), nil
}

func (k kind[E, P]) remove(tx *Tx, e *E) error {
	key := P(e).EntityKey()
	if k.table(tx.Snapshot).get(key) == nil {
		return fmt.Errorf("%s %w", key, ErrNotFound)
	}
	k.drop(tx.Snapshot, key)
	tx.gone = append(tx.gone, key)
	tx.ops = append(tx.ops, func(ctx context.Context, st *store.Tx) error { return k.rows(st).Delete(ctx, key) })
	return nil
}

func accountKind() kind[identity.Account, *identity.Account] {
	return kind[identity.Account, *identity.Account]{
		func(s *Snapshot) *table[identity.Account] { return &s.accounts },
		func(t *store.Tx) store.Aggregate[identity.Account] { return t.Accounts },
		func(e *identity.Account) string { return string(e.ID) },
	}
}

func userKind() kind[identity.UserEntity, *identity.UserEntity] {
	return kind[identity.UserEntity, *identity.UserEntity]{
		func(s *Snapshot) *table[identity.UserEntity] { return &s.users },
		func(t *store.Tx) store.Aggregate[identity.UserEntity] { return t.Users },
		func(e *identity.UserEntity) string { return nameKey(e.Account, e.Name) },
	}
}

func groupKind() kind[identity.Group, *identity.Group] {
	return kind[identity.Group, *identity.Group]{
		func(s *Snapshot) *table[identity.Group] { return &s.groups },
		func(t *store.Tx) store.Aggregate[identity.Group] { return t.Groups },
		func(e *identity.Group) string { return nameKey(e.Account, e.Name) },
	}
}

func roleKind() kind[identity.Role, *identity.Role] {
	return kind[identity.Role, *identity.Role]{
		func(s *Snapshot) *table[identity.Role] { return &s.roles },
		func(t *store.Tx) store.Aggregate[identity.Role] { return t.Roles },
		func(e *identity.Role) string { return nameKey(e.Account, e.Name) },
	}
}

func policyKind() kind[identity.ManagedPolicy, *identity.ManagedPolicy] {
	return kind[identity.ManagedPolicy, *identity.ManagedPolicy]{
		func(s *Snapshot) *table[identity.ManagedPolicy] { return &s.policies },
		func(t *store.Tx) store.Aggregate[identity.ManagedPolicy] { return t.ManagedPolicies },
		func(e *identity.ManagedPolicy) string { return nameKey(e.Account, e.Name) },
	}
}

func profileKind() kind[identity.InstanceProfile, *identity.InstanceProfile] {
	return kind[identity.InstanceProfile, *identity.InstanceProfile]{
		func(s *Snapshot) *table[identity.InstanceProfile] { return &s.profiles },
		func(t *store.Tx) store.Aggregate[identity.InstanceProfile] { return t.InstanceProfiles },
		func(e *identity.InstanceProfile) string { return nameKey(e.Account, e.Name) },
	}
}

func accessKeyKind() kind[identity.AccessKey, *identity.AccessKey] {
	return kind[identity.AccessKey, *identity.AccessKey]{
		func(s *Snapshot) *table[identity.AccessKey] { return &s.keys },
		func(t *store.Tx) store.Aggregate[identity.AccessKey] { return t.AccessKeys },
		func(e *identity.AccessKey) string { return e.ID },
	}
}

func mfaKind() kind[identity.MFADevice, *identity.MFADevice] {
	return kind[identity.MFADevice, *identity.MFADevice]{
		func(s *Snapshot) *table[identity.MFADevice] { return &s.mfa },
		func(t *store.Tx) store.Aggregate[identity.MFADevice] { return t.MFADevices },
		func(e *identity.MFADevice) string { return nameKey(e.Account, e.Name) },
	}
}

func loginKind() kind[identity.LoginProfile, *identity.LoginProfile] {
	return kind[identity.LoginProfile, *identity.LoginProfile]{
		func(s *Snapshot) *table[identity.LoginProfile] { return &s.logins },
		func(t *store.Tx) store.Aggregate[identity.LoginProfile] { return t.LoginProfiles },
		func(e *identity.LoginProfile) string { return e.UserID },
	}
}

func oidcKind() kind[identity.OIDCProvider, *identity.OIDCProvider] {
	return kind[identity.OIDCProvider, *identity.OIDCProvider]{
		func(s *Snapshot) *table[identity.OIDCProvider] { return &s.oidc },
		func(t *store.Tx) store.Aggregate[identity.OIDCProvider] { return t.OIDCProviders },
		func(e *identity.OIDCProvider) string { return string(e.Account) + sep + e.URL },
	}
}

func samlKind() kind[identity.SAMLProvider, *identity.SAMLProvider] {
	return kind[identity.SAMLProvider, *identity.SAMLProvider]{
		func(s *Snapshot) *table[identity.SAMLProvider] { return &s.saml },
		func(t *store.Tx) store.Aggregate[identity.SAMLProvider] { return t.SAMLProviders },
		func(e *identity.SAMLProvider) string { return nameKey(e.Account, e.Name) },
	}
}

func serverCertKind() kind[identity.ServerCertificate, *identity.ServerCertificate] {
	return kind[identity.ServerCertificate, *identity.ServerCertificate]{
		func(s *Snapshot) *table[identity.ServerCertificate] { return &s.serverCerts },
		func(t *store.Tx) store.Aggregate[identity.ServerCertificate] { return t.ServerCertificates },
		func(e *identity.ServerCertificate) string { return nameKey(e.Account, e.Name) },
	}
}

func signingCertKind() kind[identity.SigningCertificate, *identity.SigningCertificate] {
	return kind[identity.SigningCertificate, *identity.SigningCertificate]{
		func(s *Snapshot) *table[identity.SigningCertificate] { return &s.signingCerts },
		func(t *store.Tx) store.Aggregate[identity.SigningCertificate] { return t.SigningCertificates },
		func(e *identity.SigningCertificate) string { return e.ID },
	}
}

func bucketKind() kind[identity.Bucket, *identity.Bucket] {
	return kind[identity.Bucket, *identity.Bucket]{
		func(s *Snapshot) *table[identity.Bucket] { return &s.buckets },
		func(t *store.Tx) store.Aggregate[identity.Bucket] { return t.Buckets },
		func(e *identity.Bucket) string { return string(e.Account) + sep + e.Name },
	}
}

func deniedKind() kind[identity.DeniedSession, *identity.DeniedSession] {
	return kind[identity.DeniedSession, *identity.DeniedSession]{
		func(s *Snapshot) *table[identity.DeniedSession] { return &s.deniedSession },
		func(t *store.Tx) store.Aggregate[identity.DeniedSession] { return t.DeniedSessions },
		func(e *identity.DeniedSession) string { return e.ID },
	}
}

func kinds() map[store.Table]anyKind {
	return map[store.Table]anyKind{
		store.TableAccounts:            accountKind(),
		store.TableUsers:               userKind(),
		store.TableGroups:              groupKind(),
		store.TableRoles:               roleKind(),
		store.TableManagedPolicies:     policyKind(),
		store.TableInstanceProfiles:    profileKind(),
		store.TableAccessKeys:          accessKeyKind(),
		store.TableMFADevices:          mfaKind(),
		store.TableLoginProfiles:       loginKind(),
		store.TableOIDCProviders:       oidcKind(),
		store.TableSAMLProviders:       samlKind(),
		store.TableServerCertificates:  serverCertKind(),
		store.TableSigningCertificates: signingCertKind(),
		store.TableBuckets:             bucketKind(),
		store.TableDeniedSessions:      deniedKind(),
	}
}
