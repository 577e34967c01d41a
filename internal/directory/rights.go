package directory

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/policy"
)

// node is an entity in the snapshot with what has been compiled of it. Nodes are shared between
// snapshots; the caches fill on first use and never change meaning.
type node[E any] struct {
	entity   *E
	compiled atomic.Pointer[compiled]
	rights   atomic.Pointer[rights]
}

// compiled are the documents of one entity.
type compiled struct {
	// inline are the inline policies of a user, group or role.
	inline []*policy.Policy
	// doc is the document of a managed policy, the trust policy of a role, the policy of a bucket.
	doc *policy.Policy
}

// Rights are the policies that decide what a principal may do.
type Rights struct {
	// Identity are the inline and attached policies of the entity, and of its groups, merged.
	Identity []*policy.Policy
	// Boundary is nil if there is none, or if the policy that it names is gone: HasBoundary tells.
	Boundary    *policy.Policy
	HasBoundary bool
}

// rights is a merged Rights and what it was merged from.
type rights struct {
	grants  uint64 // Snapshot.grants that it was checked against
	sources []*policy.Policy
	bound   *policy.Policy
	out     Rights
}

// IdentityPolicies returns the compiled policies of a user, group or role by its unique id; the
// zero Rights if there is no such entity. It does no I/O. It compiles only on the first use after a
// start: what an update changes is compiled by the update.
func (s *Snapshot) IdentityPolicies(entityID string) Rights {
	switch {
	case strings.HasPrefix(entityID, string(identity.PrefixUser)):
		if n := s.users.node(entityID); n != nil {
			return s.rightsOf(&n.rights, func() []*policy.Policy { return s.userSources(n) }, n.entity.Boundary)
		}
	case strings.HasPrefix(entityID, string(identity.PrefixRole)):
		if n := s.roles.node(entityID); n != nil {
			return s.rightsOf(&n.rights, func() []*policy.Policy {
				return s.attached(s.role(n).inline, n.entity.Attached)
			}, n.entity.Boundary)
		}
	case strings.HasPrefix(entityID, string(identity.PrefixGroup)):
		if n := s.groups.node(entityID); n != nil {
			return s.rightsOf(&n.rights, func() []*policy.Policy {
				return s.attached(s.group(n).inline, n.entity.Attached)
			}, "")
		}
	}
	return Rights{}
}

func (s *Snapshot) userSources(n *node[identity.UserEntity]) []*policy.Policy {
	sources := s.attached(s.user(n).inline, n.entity.Attached)
	for _, id := range n.entity.GroupIDs {
		if g := s.groups.node(id); g != nil {
			sources = append(sources, s.attached(s.group(g).inline, g.entity.Attached)...)
		}
	}
	return sources
}

// attached appends the policies behind ARNs to a copy of inline.
func (s *Snapshot) attached(inline []*policy.Policy, arns []string) []*policy.Policy {
	out := make([]*policy.Policy, len(inline), len(inline)+len(arns))
	copy(out, inline)
	for _, arn := range arns {
		if p := s.ManagedPolicy(arn); p != nil {
			out = append(out, p)
		}
	}
	return out
}

// rightsOf returns the merged policies of an entity. They are merged again only if one of the
// sources is another than last time: an update of some group or managed policy makes every entity
// look, and those concerned merge.
func (s *Snapshot) rightsOf(cache *atomic.Pointer[rights], sources func() []*policy.Policy, boundary string) Rights {
	old := cache.Load()
	if old != nil && old.grants == s.grants {
		return old.out
	}
	fresh := &rights{grants: s.grants, sources: sources()}
	if boundary != "" {
		fresh.bound = s.ManagedPolicy(boundary)
	}
	if old != nil && slices.Equal(old.sources, fresh.sources) && old.bound == fresh.bound {
		fresh.out = old.out
	} else {
		fresh.out = Rights{Boundary: fresh.bound, HasBoundary: boundary != ""}
		switch len(fresh.sources) {
		case 0:
		case 1:
			fresh.out.Identity = fresh.sources
		default:
			fresh.out.Identity = []*policy.Policy{policy.NewSet(fresh.sources...)}
		}
	}
	cache.Store(fresh)
	return fresh.out
}

// ManagedPolicy returns the compiled version in force of a managed policy, nil if there is none.
func (s *Snapshot) ManagedPolicy(arn string) *policy.Policy {
	n := s.policies.node(arn)
	if n == nil {
		return nil
	}
	return lazily(n, func(p *identity.ManagedPolicy) *compiled {
		return &compiled{doc: s.dir.compile(policy.Identity, p.Document(), arn)}
	}).doc
}

// TrustPolicy returns the compiled trust policy of a role, nil if there is no such role.
func (s *Snapshot) TrustPolicy(roleID string) *policy.Policy {
	n := s.roles.node(roleID)
	if n == nil {
		return nil
	}
	return s.role(n).doc
}

// BucketPolicy returns the compiled policy of a bucket, nil if it has none.
func (s *Snapshot) BucketPolicy(name string) *policy.Policy {
	n := s.buckets.node(name)
	if n == nil || n.entity.Policy == "" {
		return nil
	}
	return lazily(n, func(b *identity.Bucket) *compiled {
		return &compiled{doc: s.dir.compile(policy.Resource, b.Policy, b.ARN(), byID(b.PolicyIDs))}
	}).doc
}

// TrustDocument returns a role's trust policy as GetRole shows it: as it was put, but with the unique
// id in place of each principal that does not exist any more.
func (s *Snapshot) TrustDocument(r *identity.Role) string { return s.shown(r.Trust, r.TrustIDs) }

// PolicyDocument is to a bucket's policy what [Snapshot.TrustDocument] is to a trust policy.
func (s *Snapshot) PolicyDocument(b *identity.Bucket) string { return s.shown(b.Policy, b.PolicyIDs) }

func (s *Snapshot) shown(document string, ids map[string]string) string {
	for arn, id := range ids {
		if now, ok := s.Resolve(arn); !ok || now != id {
			document = strings.ReplaceAll(document, `"`+arn+`"`, `"`+id+`"`)
		}
	}
	return document
}

func (s *Snapshot) user(n *node[identity.UserEntity]) *compiled {
	return lazily(n, func(u *identity.UserEntity) *compiled {
		return &compiled{inline: s.dir.compileInline(u.Inline)}
	})
}

func (s *Snapshot) group(n *node[identity.Group]) *compiled {
	return lazily(n, func(g *identity.Group) *compiled {
		return &compiled{inline: s.dir.compileInline(g.Inline)}
	})
}

func (s *Snapshot) role(n *node[identity.Role]) *compiled {
	return lazily(n, func(r *identity.Role) *compiled {
		return &compiled{
			inline: s.dir.compileInline(r.Inline),
			doc:    s.dir.compile(policy.Trust, r.Trust, r.ARN(), byID(r.TrustIDs)),
		}
	})
}

// lazily compiles on first use. Two that come first at once do the same work; one result stays.
func lazily[E any](n *node[E], compile func(*E) *compiled) *compiled {
	if c := n.compiled.Load(); c != nil {
		return c
	}
	n.compiled.CompareAndSwap(nil, compile(n.entity))
	return n.compiled.Load()
}

// byID makes the principals of a document match by the unique ids that they had when it was put.
func byID(ids map[string]string) policy.CompileOption {
	return policy.WithPrincipals(func(arn string) (string, bool) {
		id, ok := ids[arn]
		return id, ok
	})
}

func (d *Directory) compileInline(inline []identity.InlinePolicy) []*policy.Policy {
	out := make([]*policy.Policy, len(inline))
	for i, p := range inline {
		out[i] = d.compile(policy.Identity, p.Document, p.Name)
	}
	return out
}

// compile prepares a document that was valid when it was put. Should this version of the parser
// refuse it all the same, nobody knows what it would have denied: it then denies everything.
func (d *Directory) compile(kind policy.Kind, text, name string, opts ...policy.CompileOption) *policy.Policy {
	doc, err := policy.ParseStored(kind, []byte(text))
	if err != nil {
		d.log.Error("stored policy is not valid; it denies everything", "policy", name, "error", err)
		doc, err = policy.Parse(kind, []byte(denyAll(kind)))
		if err != nil {
			return nil
		}
		return policy.Compile(doc, name)
	}
	return policy.Compile(doc, name, opts...)
}

func denyAll(kind policy.Kind) string {
	switch kind {
	case policy.Trust:
		return `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sts:*"}}`
	case policy.Resource:
		return `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`
	default:
		return `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	}
}
