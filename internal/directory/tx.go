package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
	"github.com/rolecall-dev/rolecall/policy"
)

// Tx is an update in the making. Its reads see its own writes. It is for one goroutine, and for the
// time of the function that it was given to; the snapshot in it must not be kept.
type Tx struct {
	*Snapshot
	ops  []func(context.Context, *store.Tx) error
	gone []string // keys of what was deleted
}

func (d *Directory) begin(base *Snapshot) *Tx {
	s := *base
	return &Tx{Snapshot: &s}
}

// Now is the clock of the directory.
func (tx *Tx) Now() time.Time { return tx.dir.now() }

// Put adds an entity, or replaces the one with the same key. It keeps a copy.
//
// Besides [identity.Entity.Validate] it checks that names are free ([ErrExists]), that what the
// entity refers to exists ([ErrDangling]), that policy documents are valid (a *policy.Error), and
// that trust and bucket policies name principals that exist ([ErrPrincipal]; principals of accounts
// that this plane does not have are taken, and match nobody).
func (tx *Tx) Put(e identity.Entity) error {
	if err := e.Validate(); err != nil {
		return err
	}
	switch e := e.(type) {
	case *identity.Account:
		return tx.putAccount(e)
	case *identity.UserEntity:
		return tx.putUser(e)
	case *identity.Group:
		return tx.putGroup(e)
	case *identity.Role:
		return tx.putRole(e)
	case *identity.ManagedPolicy:
		return tx.putPolicy(e)
	case *identity.InstanceProfile:
		return putOwned(tx, profileKind(), e, e.Account, tx.wantRole(e.RoleID))
	case *identity.AccessKey:
		if old := tx.keys.get(e.ID); old != nil && (old.Account != e.Account || old.UserID != e.UserID) {
			return fmt.Errorf("access key %s %w", e.ID, ErrExists)
		}
		return putOwned(tx, accessKeyKind(), e, e.Account, tx.wantUser(e.UserID))
	case *identity.MFADevice:
		return putOwned(tx, mfaKind(), e, e.Account, tx.wantUser(e.UserID))
	case *identity.LoginProfile:
		return putOwned(tx, loginKind(), e, e.Account, tx.wantUser(e.UserID))
	case *identity.OIDCProvider:
		return putOwned(tx, oidcKind(), e, e.Account, nil)
	case *identity.SAMLProvider:
		return putOwned(tx, samlKind(), e, e.Account, nil)
	case *identity.ServerCertificate:
		return putOwned(tx, serverCertKind(), e, e.Account, nil)
	case *identity.SigningCertificate:
		return putOwned(tx, signingCertKind(), e, e.Account, tx.wantUser(e.UserID))
	case *identity.Bucket:
		return tx.putBucket(e)
	case *identity.DeniedSession:
		return putOwned(tx, deniedKind(), e, e.Account, nil)
	default:
		return fmt.Errorf("the directory does not hold %T", e)
	}
}

// putOwned puts what belongs to an account, unless the check of its references failed.
func putOwned[E any, P entityOf[E]](tx *Tx, k kind[E, P], e *E, account identity.AccountID, dangling error) error {
	if dangling != nil {
		return dangling
	}
	if err := tx.wantAccount(account); err != nil {
		return err
	}
	_, err := k.put(tx, e)
	return err
}

func (tx *Tx) wantAccount(id identity.AccountID) error {
	if tx.Account(id) == nil {
		return fmt.Errorf("%w: account %s", ErrDangling, id)
	}
	return nil
}

func (tx *Tx) wantUser(id string) error {
	if id != "" && tx.UserByID(id) == nil {
		return fmt.Errorf("%w: user %s", ErrDangling, id)
	}
	return nil
}

func (tx *Tx) wantRole(id string) error {
	if id != "" && tx.RoleByID(id) == nil {
		return fmt.Errorf("%w: role %s", ErrDangling, id)
	}
	return nil
}

func (tx *Tx) wantGrants(account identity.AccountID, g *identity.Grants) error {
	if err := tx.wantAccount(account); err != nil {
		return err
	}
	arns := g.Attached
	if g.Boundary != "" {
		arns = append(slices.Clone(arns), g.Boundary)
	}
	for _, arn := range arns {
		p := tx.Policy(arn)
		if p == nil || p.Account != account && p.Account != identity.AWSAccount {
			return fmt.Errorf("%w: policy %s", ErrDangling, arn)
		}
	}
	return nil
}

func (tx *Tx) putAccount(a *identity.Account) error {
	if other := tx.AccountByAlias(a.Alias); a.Alias != "" && other != nil && other.ID != a.ID {
		return fmt.Errorf("account alias %s %w", a.Alias, ErrExists)
	}
	_, err := accountKind().put(tx, a)
	return err
}

func (tx *Tx) putUser(u *identity.UserEntity) error {
	if err := tx.wantGrants(u.Account, &u.Grants); err != nil {
		return err
	}
	for _, id := range u.GroupIDs {
		if g := tx.GroupByID(id); g == nil || g.Account != u.Account {
			return fmt.Errorf("%w: group %s", ErrDangling, id)
		}
	}
	old := tx.users.node(u.ID)
	inline, err := compileNew(u.Inline, oldInline(old, func(u *identity.UserEntity) []identity.InlinePolicy { return u.Inline }))
	if err != nil {
		return err
	}
	n, err := userKind().put(tx, u)
	if err == nil {
		n.compiled.Store(&compiled{inline: inline})
	}
	return err
}

func (tx *Tx) putGroup(g *identity.Group) error {
	if err := tx.wantGrants(g.Account, &g.Grants); err != nil {
		return err
	}
	old := tx.groups.node(g.ID)
	inline, err := compileNew(g.Inline, oldInline(old, func(g *identity.Group) []identity.InlinePolicy { return g.Inline }))
	if err != nil {
		return err
	}
	n, err := groupKind().put(tx, g)
	if err == nil {
		n.compiled.Store(&compiled{inline: inline})
	}
	return err
}

func (tx *Tx) putRole(r *identity.Role) error {
	if err := tx.wantGrants(r.Account, &r.Grants); err != nil {
		return err
	}
	old := tx.roles.node(r.ID)
	inline, err := compileNew(r.Inline, oldInline(old, func(r *identity.Role) []identity.InlinePolicy { return r.Inline }))
	if err != nil {
		return err
	}
	fresh := r.Clone()
	var trust *policy.Policy
	if old != nil && old.entity.Trust == r.Trust && (r.TrustIDs != nil || len(old.entity.TrustIDs) == 0) {
		fresh.TrustIDs = old.entity.TrustIDs
		if c := old.compiled.Load(); c != nil && old.entity.ARN() == r.ARN() {
			trust = c.doc
		}
	} else if fresh.TrustIDs, err = tx.principals(policy.Trust, r.Trust); err != nil {
		return err
	}
	if trust == nil {
		doc, err := policy.Parse(policy.Trust, []byte(r.Trust))
		if err != nil {
			return err
		}
		trust = policy.Compile(doc, r.ARN(), byID(fresh.TrustIDs))
	}
	n, err := roleKind().put(tx, fresh)
	if err == nil {
		n.compiled.Store(&compiled{inline: inline, doc: trust})
	}
	return err
}

func (tx *Tx) putPolicy(p *identity.ManagedPolicy) error {
	if p.Account == identity.AWSAccount {
		return fmt.Errorf("policy %s %w", p.ARN(), ErrExists)
	}
	if err := tx.wantAccount(p.Account); err != nil {
		return err
	}
	old := tx.policies.get(p.ARN())
	var inForce *policy.Document
	for _, v := range p.Versions {
		if old != nil && v.ID != p.Default {
			if same, ok := old.Version(v.ID); ok && same.Document == v.Document {
				continue
			}
		}
		doc, err := policy.Parse(policy.Identity, []byte(v.Document))
		if err != nil {
			return err
		}
		if v.ID == p.Default {
			inForce = doc
		}
	}
	n, err := policyKind().put(tx, p)
	if err == nil {
		n.compiled.Store(&compiled{doc: policy.Compile(inForce, p.ARN())})
	}
	return err
}

func (tx *Tx) putBucket(b *identity.Bucket) error {
	old := tx.buckets.node(b.Name)
	if old != nil && old.entity.Account != b.Account {
		return fmt.Errorf("bucket %s %w", b.Name, ErrExists)
	}
	if err := tx.wantAccount(b.Account); err != nil {
		return err
	}
	fresh, c := b.Clone(), &compiled{}
	switch {
	case b.Policy == "":
		fresh.PolicyIDs = nil
	case old != nil && old.entity.Policy == b.Policy && (b.PolicyIDs != nil || len(old.entity.PolicyIDs) == 0):
		fresh.PolicyIDs = old.entity.PolicyIDs
		tx.BucketPolicy(b.Name) // so that it is compiled
		c = old.compiled.Load()
	default:
		var err error
		if fresh.PolicyIDs, err = tx.principals(policy.Resource, b.Policy); err != nil {
			return err
		}
		doc, err := policy.Parse(policy.Resource, []byte(b.Policy))
		if err != nil {
			return err
		}
		c.doc = policy.Compile(doc, b.ARN(), byID(fresh.PolicyIDs))
	}
	n, err := bucketKind().put(tx, fresh)
	if err == nil {
		n.compiled.Store(c)
	}
	return err
}

// principals returns the unique ids of the users and roles that a document names.
func (tx *Tx) principals(kind policy.Kind, text string) (map[string]string, error) {
	doc, err := policy.Parse(kind, []byte(text))
	if err != nil {
		return nil, err
	}
	var ids map[string]string
	for _, arn := range doc.PrincipalARNs() {
		a, err := identity.ParseARN(arn)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", ErrPrincipal, arn)
		}
		id, ok := tx.Resolve(arn)
		switch {
		case ok:
			if ids == nil {
				ids = make(map[string]string)
			}
			ids[arn] = id
		case tx.Account(a.Account) != nil:
			return nil, fmt.Errorf("%w: %s", ErrPrincipal, arn)
		}
	}
	return ids, nil
}

// oldInline maps the documents of an entity as it was to their compiled forms.
func oldInline[E any](old *node[E], inline func(*E) []identity.InlinePolicy) map[identity.InlinePolicy]*policy.Policy {
	if old == nil {
		return nil
	}
	c := old.compiled.Load()
	if c == nil {
		return nil
	}
	known := make(map[identity.InlinePolicy]*policy.Policy, len(c.inline))
	for i, p := range inline(old.entity) {
		known[p] = c.inline[i]
	}
	return known
}

// compileNew compiles the documents that are not known already.
func compileNew(inline []identity.InlinePolicy, known map[identity.InlinePolicy]*policy.Policy) ([]*policy.Policy, error) {
	out := make([]*policy.Policy, len(inline))
	for i, p := range inline {
		if out[i] = known[p]; out[i] != nil {
			continue
		}
		doc, err := policy.Parse(policy.Identity, []byte(p.Document))
		if err != nil {
			return nil, err
		}
		out[i] = policy.Compile(doc, p.Name)
	}
	return out, nil
}

// Delete removes an entity, by its key. It returns [ErrNotFound], or [ErrInUse] if another entity
// refers to it; what belongs to it by AWS's rules (an user's policies) is the caller's to look at.
func (tx *Tx) Delete(e identity.Entity) error {
	switch e := e.(type) {
	case *identity.Account:
		return tx.deleteAccount(e)
	case *identity.UserEntity:
		owner := ownerKey(e.Account, e.ID)
		if tx.hasChild(relKey, owner) || tx.hasChild(relMFA, owner) || tx.hasChild(relCert, e.ID) || tx.LoginProfile(e.ID) != nil {
			return fmt.Errorf("user %s %w", e.Name, ErrInUse)
		}
		return userKind().remove(tx, e)
	case *identity.Group:
		if tx.hasChild(relMember, e.ID) {
			return fmt.Errorf("group %s %w", e.Name, ErrInUse)
		}
		return groupKind().remove(tx, e)
	case *identity.Role:
		if tx.hasChild(relProfile, e.ID) {
			return fmt.Errorf("role %s %w", e.Name, ErrInUse)
		}
		return roleKind().remove(tx, e)
	case *identity.ManagedPolicy:
		if e.Account == identity.AWSAccount || tx.hasChild(relAttach, e.ARN()) || tx.hasChild(relBound, e.ARN()) {
			return fmt.Errorf("policy %s %w", e.ARN(), ErrInUse)
		}
		return policyKind().remove(tx, e)
	case *identity.InstanceProfile:
		return profileKind().remove(tx, e)
	case *identity.AccessKey:
		return accessKeyKind().remove(tx, e)
	case *identity.MFADevice:
		return mfaKind().remove(tx, e)
	case *identity.LoginProfile:
		return loginKind().remove(tx, e)
	case *identity.OIDCProvider:
		return oidcKind().remove(tx, e)
	case *identity.SAMLProvider:
		return samlKind().remove(tx, e)
	case *identity.ServerCertificate:
		return serverCertKind().remove(tx, e)
	case *identity.SigningCertificate:
		return signingCertKind().remove(tx, e)
	case *identity.Bucket:
		return bucketKind().remove(tx, e)
	case *identity.DeniedSession:
		return deniedKind().remove(tx, e)
	default:
		return fmt.Errorf("the directory does not hold %T", e)
	}
}

func some[E any](t *table[E], account identity.AccountID) bool {
	for range t.prefix(string(account)+sep, "") {
		return true
	}
	return false
}

func (tx *Tx) deleteAccount(a *identity.Account) error {
	if some(&tx.users, a.ID) || some(&tx.groups, a.ID) || some(&tx.roles, a.ID) || some(&tx.policies, a.ID) ||
		some(&tx.profiles, a.ID) || some(&tx.mfa, a.ID) || some(&tx.oidc, a.ID) || some(&tx.saml, a.ID) ||
		some(&tx.serverCerts, a.ID) || some(&tx.buckets, a.ID) || tx.hasChild(relKey, string(a.ID)) {
		return fmt.Errorf("account %s %w", a.ID, ErrInUse)
	}
	return accountKind().remove(tx, a)
}
