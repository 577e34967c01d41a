package policy

import (
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/arn"
)

// grant says how directly a resource policy's statement names the caller. Several can hold at once.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-id-rdp.html
type grant uint8

const (
	// grantAccount names the caller's account: the account's own policies must allow too.
	grantAccount grant = 1 << iota
	// grantEntity names the entity behind a session: boundary and session policies still limit.
	grantEntity
	// grantDirect names the caller itself, or everybody: nothing but an explicit Deny limits.
	grantDirect
)

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	not bool
	// all is "*" alone, aws is {"AWS": "*"}: everybody, but no outside identity in an Allow.
	all, aws bool
	accounts []string
	arns     []string // users and roles
	ids      []string
	sessions []string // ARNs of role sessions and federated users
	services []string
	provider []string
	users    []string // canonical user ids, which name accounts
}

func compilePrincipals(s *Statement, o *compileOptions) *principals {
	if len(s.Principals) == 0 && !s.NotPrincipal {
		return nil
	}
	p := &principals{not: s.NotPrincipal}
	for _, v := range s.Principals {
		switch v.Type {
		case "*":
			p.all = true
		case "AWS":
			p.addAWS(v.Value, o)
		case "Service":
			p.services = append(p.services, v.Value)
		case "Federated":
			p.provider = append(p.provider, v.Value)
		case "CanonicalUser":
			p.users = append(p.users, v.Value)
		}
	}
	return p
}

func (p *principals) addAWS(value string, o *compileOptions) {
	switch {
	case value == "*":
		p.aws = true
	case arn.IsAccount(value):
		p.accounts = append(p.accounts, value)
	case arn.IsUniqueID(value):
		p.ids = append(p.ids, value)
	case arn.IsEntity(value):
		if o.resolve == nil {
			p.arns = append(p.arns, value)
		} else if id, ok := o.resolve(value); ok {
			p.ids = append(p.ids, id)
		}
	default:
		service, account, resource, ok := arn.Split(value)
		switch {
		case ok && service == "iam" && resource == "root":
			p.accounts = append(p.accounts, account)
		case ok && service == "sts" && !strings.ContainsAny(value, "*?"):
			p.sessions = append(p.sessions, value)
		}
	}
}

// levels are the ways in which a principal is named: what it is at last, the entity behind it, its account.
type levels struct {
	self, entity, account bool
}

func (p *principals) levels(c *Principal) levels {
	var l levels
	entity := c.EntityID != "" && slices.Contains(p.ids, c.EntityID) || c.EntityARN != "" && slices.Contains(p.arns, c.EntityARN)
	l.account = c.Account != "" && slices.Contains(p.accounts, c.Account) ||
		c.CanonicalID != "" && slices.Contains(p.users, c.CanonicalID)
	switch c.Kind {
	case Anonymous:
		l = levels{}
	case Root:
		l.self = false
	case User:
		l.self = entity
	case RoleSession, FederatedUser:
		l.entity = entity
		l.self = c.ARN != "" && slices.Contains(p.sessions, c.ARN)
	case Service:
		l = levels{self: c.Name != "" && slices.Contains(p.services, c.Name)}
	case Federated:
		l = levels{self: c.Name != "" && slices.Contains(p.provider, c.Name)}
	}
	return l
}

// match returns how the element names the caller, 0 if it does not.
func (p *principals) match(ev *evaluation, e Effect) grant {
	c := &ev.r.Principal
	everybody := p.all || p.aws && (c.Kind != Federated || e == Deny && !p.not)
	if p.not {
		if !everybody && p.notNamed(ev, c, e) {
			return grantDirect
		}
		return 0
	}
	l := p.levels(c)
	var g grant
	if everybody || l.self {
		g = grantDirect
	}
	if l.entity {
		g |= grantEntity
	}
	if l.account {
		g |= grantAccount
	}
	return g
}

// notNamed tells whether NotPrincipal leaves the caller out of its list, which makes the statement apply.
// With Deny the caller is spared only if every level of it is listed: account, entity and session, since
// AWS checks them one after the other; and never if it has a permissions boundary. With Allow any
// listed level keeps it out.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (p *principals) notNamed(ev *evaluation, c *Principal, e Effect) bool {
	l := p.levels(c)
	if e == Allow {
		return !l.self && !l.entity && !l.account
	}
	switch c.Kind {
	case Anonymous:
		return true
	case Service, Federated:
		return !l.self
	case Root:
		return !l.account
	case User:
		return ev.bounded || !l.self || !l.account
	case FederatedUser:
		issuedByUser := c.EntityARN != "" && !strings.HasSuffix(c.EntityARN, ":root")
		return ev.bounded || !l.self || !l.account || issuedByUser && !l.entity
	case RoleSession:
	}
	return ev.bounded || !l.self || !l.entity || !l.account
}
