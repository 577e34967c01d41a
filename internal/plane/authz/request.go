package authz

import (
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// buildRequest puts the question in the policy engine's terms. What the plane knows of the caller goes
// into fields that no parameter of a request can reach.
func buildRequest(snapshot *directory.Snapshot, c *awsapi.Call, k *Check) policy.Request {
	request := policy.Request{
		Action:    k.Action,
		Resource:  k.Resource,
		Principal: principal(snapshot, c.Principal),
		Session:   session(c.Principal),
		Call: policy.CallContext{
			Time: c.Time, SourceIP: c.SourceIP, Secure: policy.TriOf(c.Secure), UserAgent: c.UserAgent,
			Region: c.Region, ViaService: policy.False,
		},
		Owner:       policy.ResourceContext{Account: string(k.ResourceAccount), Tags: tags(k.ResourceTags)},
		RequestTags: tags(k.RequestTags),
		TagKeys:     k.TagKeys,
		Trusted:     trusted(c.Principal, k.Trusted),
		Keys:        k.Keys,
	}
	return request
}

func principal(snapshot *directory.Snapshot, p *identity.Principal) policy.Principal {
	out := policy.Principal{
		Account: string(p.Account), ARN: p.ARN, UserID: p.UserID, EntityID: p.EntityID, EntityARN: p.EntityARN,
	}
	var own []identity.Tag
	switch p.Kind {
	case identity.Root:
		out.Kind = policy.Root
	case identity.User:
		out.Kind, out.UserName = policy.User, p.EntityName
		own = userTags(snapshot, p.EntityID)
	case identity.AssumedRole:
		out.Kind = policy.RoleSession
		if role := snapshot.RoleByID(p.EntityID); role != nil {
			own = role.Tags
		}
	case identity.FederatedUser:
		out.Kind = policy.FederatedUser
		own = userTags(snapshot, p.EntityID)
	case identity.Service:
		out.Kind, out.Name = policy.Service, p.EntityName
	case identity.WebIdentityUser, identity.SAMLUser:
		out.Kind, out.Name = policy.Federated, p.EntityARN
	case identity.Anonymous:
		out.Kind = policy.Anonymous
	}
	out.Tags = principalTags(own, p.Session)
	return out
}

func userTags(snapshot *directory.Snapshot, id string) []identity.Tag {
	if u := snapshot.UserByID(id); u != nil {
		return u.Tags
	}
	return nil
}

func session(p *identity.Principal) policy.SessionContext {
	s := p.Session
	if s == nil {
		return policy.SessionContext{}
	}
	return policy.SessionContext{
		IssuedAt: s.IssuedAt, MFA: policy.TriOf(!s.MFAAt.IsZero()), MFAAt: s.MFAAt,
		SourceIdentity: s.SourceIdentity, FederatedProvider: s.Federation,
	}
}

// trusted adds to the keys of the call those that the caller's session keeps of an outside identity.
func trusted(p *identity.Principal, keys []policy.Key) []policy.Key {
	if p.Session == nil || len(p.Session.FederatedKeys) == 0 {
		return keys
	}
	all := make([]policy.Key, 0, len(keys)+len(p.Session.FederatedKeys))
	all = append(all, keys...)
	for _, k := range p.Session.FederatedKeys {
		all = append(all, policy.Key(k))
	}
	return all
}

// principalTags are the entity's tags, overridden by the session's.
func principalTags(own []identity.Tag, s *identity.Session) []policy.Tag {
	var passed []identity.Tag
	if s != nil {
		passed = s.Tags
	}
	if len(own)+len(passed) == 0 {
		return nil
	}
	all := make([]policy.Tag, 0, len(own)+len(passed))
	for _, t := range passed {
		all = append(all, policy.Tag(t))
	}
	for _, t := range own {
		if !identity.HasTag(passed, t.Key) {
			all = append(all, policy.Tag(t))
		}
	}
	return all
}

func tags(in []identity.Tag) []policy.Tag {
	if len(in) == 0 {
		return nil
	}
	out := make([]policy.Tag, len(in))
	for i, t := range in {
		out[i] = policy.Tag(t)
	}
	return out
}
