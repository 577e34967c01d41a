package policy

import (
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/arn"
	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// evaluation is one request on its way. It lives on the stack.
type evaluation struct {
	r *Request
	// owner is the account of the resource.
	owner string
	// hash is that of the action, for the tables of indexes.
	hash    uint32
	bounded bool
	cross   bool
}

// outcome is what one layer says.
type outcome struct {
	deny, allow *statement
	grants      grant
}

// Evaluate decides r. It does not allocate, except for conditions that compare a time, a number or an address
// of the plane as text.
//
// The order is AWS's: an explicit Deny in any layer; then resource control policies, service control
// policies, the resource's policy, the principal's policies, its boundary, the policies of its session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Evaluate(r *Request, p *Policies) Decision {
	var ev evaluation
	ev.start(r, p)
	d := ev.decide(p)
	d.CrossAccount = ev.cross
	return d
}

func (ev *evaluation) start(r *Request, p *Policies) {
	ev.r, ev.hash = r, text.Hash(r.Action)
	ev.owner = ownerOf(r)
	ev.bounded = p.bounded()
	ev.cross = ev.owner != r.Principal.Account && r.Principal.hasAccount()
}

// service is the part of the action before the colon, "" if there is none.
func (ev *evaluation) service() string {
	return ev.r.Action[:max(0, strings.IndexByte(ev.r.Action, ':'))]
}

// ownerOf finds the account of the resource.
func ownerOf(r *Request) string {
	if r.Owner.Account != "" {
		return r.Owner.Account
	}
	// Most requests are for S3, whose ARNs have no account.
	if strings.HasPrefix(r.Resource, "arn:aws:s3:::") {
		return r.Principal.Account
	}
	if account := arn.Account(r.Resource); account != "" {
		return account
	}
	return r.Principal.Account
}

// hasAccount tells whether the principal belongs to an account whose policies count.
func (p *Principal) hasAccount() bool {
	switch p.Kind {
	case Root, User, RoleSession, FederatedUser:
		return true
	case Anonymous, Service, Federated:
	}
	return false
}

// rootIssued tells whether the principal's rights derive from root: root itself, or a federated user that
// root made, whose session policies alone limit it.
func (p *Principal) rootIssued() bool {
	return p.Kind == Root || p.Kind == FederatedUser && strings.HasSuffix(p.EntityARN, ":root")
}

func denied(l Layer, s *statement) Decision {
	d := Decision{Layer: l}
	if s != nil {
		d.Explicit, d.by = true, s
	}
	return d
}

func granted(l Layer, s *statement) Decision {
	return Decision{Allowed: true, Layer: l, by: s}
}

func (ev *evaluation) decide(p *Policies) Decision {
	caller := &ev.r.Principal
	resourceLayer, mustGrant := p.resourceLayer()
	rcpAllows, deny := ev.levels(p.RCP)
	if deny != nil {
		return denied(LayerRCP, deny)
	}
	scpAllows := true
	if caller.hasAccount() {
		if scpAllows, deny = ev.levels(p.SCP); deny != nil {
			return denied(LayerSCP, deny)
		}
	}
	var resource, identity, boundary, session outcome
	if ev.eval(p.Resource, &resource, grantDirect); resource.deny != nil {
		return denied(resourceLayer, resource.deny)
	}
	if caller.hasAccount() {
		if ev.evalAll(p.Identity, &identity); identity.deny != nil {
			return denied(LayerIdentity, identity.deny)
		}
		if ev.eval(p.Boundary, &boundary, 0); boundary.deny != nil {
			return denied(LayerBoundary, boundary.deny)
		}
		if ev.evalAll(p.Session, &session); session.deny != nil {
			return denied(LayerSession, session.deny)
		}
	}
	switch {
	case !rcpAllows:
		return denied(LayerRCP, nil)
	case !scpAllows:
		return denied(LayerSCP, nil)
	case !caller.hasAccount() && resource.allow != nil:
		return granted(resourceLayer, resource.allow)
	case !caller.hasAccount():
		return denied(resourceLayer, nil)
	case mustGrant && resource.allow == nil && !ev.cross:
		return denied(resourceLayer, nil)
	case !ev.cross && resource.grants&grantDirect != 0:
		return granted(resourceLayer, resource.allow)
	}
	return ev.callerSide(p, resourceLayer, &resource, &identity, &boundary, &session)
}

// callerSide asks the policies of the caller's account, and across accounts the resource's policy behind them.
func (ev *evaluation) callerSide(p *Policies, resourceLayer Layer, resource, identity, boundary, session *outcome) Decision {
	caller := &ev.r.Principal
	by := granted(LayerIdentity, identity.allow)
	switch {
	case identity.allow != nil:
	case caller.rootIssued():
		by = granted(LayerRoot, nil)
	case !ev.cross && resource.grants&grantEntity != 0:
		by = granted(resourceLayer, resource.allow)
	default:
		return denied(LayerIdentity, nil)
	}
	if ev.bounded && boundary.allow == nil {
		return denied(LayerBoundary, nil)
	}
	if (p.inSession() || caller.Kind == FederatedUser) && session.allow == nil {
		return denied(LayerSession, nil)
	}
	if ev.cross && resource.allow == nil {
		return denied(resourceLayer, nil)
	}
	return by
}

// levels asks control policies: each level must allow. The Deny of any level comes first.
func (ev *evaluation) levels(levels [][]*Policy) (allows bool, deny *statement) {
	allows = true
	for _, level := range levels {
		var o outcome
		if ev.evalAll(level, &o); o.deny != nil {
			return false, o.deny
		}
		allows = allows && o.allow != nil
	}
	return allows, nil
}

func (ev *evaluation) evalAll(policies []*Policy, o *outcome) {
	for _, p := range policies {
		if ev.eval(p, o, 0); o.deny != nil {
			return
		}
	}
}

// eval asks a policy. It stops at a Deny; Allows are looked at until one grants what is wanted
// (0: any will do), since in a resource policy a later one may grant more.
func (ev *evaluation) eval(p *Policy, o *outcome, want grant) {
	if p == nil {
		return
	}
	if p.index == nil {
		ev.evalFew(p.statements, o, want)
		return
	}
	e := p.index.find(ev)
	if e.deny != nil {
		if o.deny = e.deny.first(ev); o.deny != nil {
			return
		}
	}
	if e.allow != nil {
		e.allow.collect(ev, o, want)
	}
}

func (ev *evaluation) evalFew(statements []*statement, o *outcome, want grant) {
	for _, s := range statements {
		if s.src.Effect == Deny && s.matchAction(ev.r.Action) && s.applies(ev) != 0 {
			o.deny = s
			return
		}
	}
	for _, s := range statements {
		if o.done(want) {
			return
		}
		if s.src.Effect == Allow && s.matchAction(ev.r.Action) {
			o.add(s, s.applies(ev))
		}
	}
}

func (o *outcome) done(want grant) bool {
	return o.allow != nil && (want == 0 || o.grants&want != 0)
}

func (o *outcome) add(s *statement, g grant) {
	if g == 0 {
		return
	}
	if o.allow == nil || g > o.grants {
		o.allow = s
	}
	o.grants |= g
}

// first returns a statement that applies.
func (l *list) first(ev *evaluation) *statement {
	for ; l != nil; l = l.next {
		for _, s := range l.statements {
			if (!l.check || s.matchAction(ev.r.Action)) && s.applies(ev) != 0 {
				return s
			}
		}
		if l.byResource == nil {
			continue
		}
		for _, n := range l.byResource.lengths {
			if n > len(ev.r.Resource) {
				break
			}
			for _, s := range l.byResource.byPrefix[ev.r.Resource[:n]] {
				if (!l.check || s.matchAction(ev.r.Action)) && s.applies(ev) != 0 {
					return s
				}
			}
		}
	}
	return nil
}

// collect adds statements that apply until the outcome has what is wanted.
func (l *list) collect(ev *evaluation, o *outcome, want grant) {
	for ; l != nil; l = l.next {
		if l.add(l.statements, ev, o, want) {
			return
		}
		if l.byResource == nil {
			continue
		}
		for _, n := range l.byResource.lengths {
			if n > len(ev.r.Resource) {
				break
			}
			if l.add(l.byResource.byPrefix[ev.r.Resource[:n]], ev, o, want) {
				return
			}
		}
	}
}

func (l *list) add(statements []*statement, ev *evaluation, o *outcome, want grant) (done bool) {
	for _, s := range statements {
		if !l.check || s.matchAction(ev.r.Action) {
			if g := s.applies(ev); g != 0 {
				if o.add(s, g); o.done(want) {
					return true
				}
			}
		}
	}
	return false
}

// matchAction tells whether the statement is about the action.
func (s *statement) matchAction(action string) bool {
	if len(s.src.Actions) == 0 {
		return s.src.Unknown && s.src.Effect == Deny
	}
	for _, a := range s.src.Actions {
		if text.MatchAction(a, action) {
			return !s.src.NotAction
		}
	}
	return s.src.NotAction
}

// matchResource tells whether the statement is about the resource.
func (s *statement) matchResource(ev *evaluation) bool {
	if s.anyResource {
		return true
	}
	if len(s.resources) == 0 {
		return s.src.Unknown && s.src.Effect == Deny
	}
	for i := range s.resources {
		g := &s.resources[i]
		if g.kind == globBad {
			// A pattern that nobody can read: it decides against the caller.
			return s.src.Effect == Deny
		}
		if g.match(ev.r.Resource, ev) {
			return !s.src.NotResource
		}
	}
	if s.src.NotResource && s.src.Effect == Allow {
		return !s.lacksVariable(ev)
	}
	return s.src.NotResource
}

// lacksVariable tells whether a resource has a variable without value: what an Allow with
// NotResource then leaves out is unknown, so that it must not allow.
func (s *statement) lacksVariable(ev *evaluation) bool {
	for i := range s.resources {
		if s.resources[i].lacksVariable(ev) {
			return true
		}
	}
	return false
}

func (g *glob) lacksVariable(ev *evaluation) bool {
	if g.more == nil {
		return false
	}
	for i := range g.more.tokens {
		if t := &g.more.tokens[i]; t.kind == tokenVar {
			if _, ok := ev.variable(t); !ok {
				return true
			}
		}
	}
	for i := range g.more.fields {
		if g.more.fields[i].lacksVariable(ev) {
			return true
		}
	}
	return false
}

// matchPrincipal returns how the statement names the caller.
func (s *statement) matchPrincipal(ev *evaluation) grant {
	if s.principals != nil {
		return s.principals.match(ev, s.src.Effect)
	}
	if s.of.kind.HasPrincipals() && s.src.Effect == Allow {
		return 0
	}
	return grantDirect
}

// applies evaluates all but the action. 0 means no.
func (s *statement) applies(ev *evaluation) grant {
	if !s.anyResource && !s.matchResource(ev) {
		return 0
	}
	g := grantDirect
	if s.special {
		if s.src.Unknown && s.src.Effect == Allow {
			return 0
		}
		if g = s.matchPrincipal(ev); g == 0 {
			return 0
		}
	}
	for i := range s.conditions {
		if !s.conditions[i].met(ev) {
			return 0
		}
	}
	return g
}
