package policy

import "strings"

// evaluation is one request on its way. It lives on the stack.
type evaluation struct {
	r *Request
	// action is the request's action, prefix its part before the colon with the colon.
	action, prefix string
	// lowered is the start of the action in lower case; long are actions that do not fit.
	lowered [64]byte
	long    []byte
	// actionHash and serviceHash are for the tables of indexes.
	actionHash, serviceHash uint32
	// owner is the account of the resource.
	owner   string
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
	ev.r, ev.action = r, r.Action
	ev.lowerAction()
	ev.owner = ownerOf(r)
	ev.bounded = p.bounded()
	ev.cross = r.Principal.hasAccount() && ev.owner != r.Principal.Account
}

// lowerAction prepares what indexes are asked for.
func (ev *evaluation) lowerAction() {
	a := ev.action
	if len(a) > len(ev.lowered) {
		ev.long = []byte(asciiLower(a))
	}
	h := uint32(fnvOffset)
	for i := 0; i < len(a); i++ {
		c := a[i]
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		if c == ':' && ev.prefix == "" {
			ev.prefix, ev.serviceHash = a[:i+1], h
		}
		if i < len(ev.lowered) {
			ev.lowered[i] = c
		}
		h = (h ^ uint32(c)) * fnvPrime
	}
	ev.actionHash = h
}

// lowerBytes returns the first n bytes of the action in lower case.
func (ev *evaluation) lowerBytes(n int) []byte {
	if ev.long != nil {
		return ev.long[:n]
	}
	return ev.lowered[:n]
}

// ownerOf finds the account of the resource.
func ownerOf(r *Request) string {
	if r.Owner.Account != "" {
		return r.Owner.Account
	}
	// The account is the fifth field of an ARN.
	colons, from := 0, 0
	for i := 0; i < len(r.Resource); i++ {
		if r.Resource[i] != ':' {
			continue
		}
		switch colons++; colons {
		case 4:
			from = i + 1
		case 5:
			if isAccount(r.Resource[from:i]) {
				return r.Resource[from:i]
			}
			return r.Principal.Account
		}
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
		d.Explicit, d.Statement = true, &s.ref
	}
	return d
}

func granted(l Layer, s *statement) Decision {
	d := Decision{Allowed: true, Layer: l}
	if s != nil {
		d.Statement = &s.ref
	}
	return d
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
	if p == nil || len(p.statements) == 0 {
		return
	}
	if p.index == nil {
		for _, s := range p.statements {
			if s.ref.Effect == Deny && s.matchAction(ev.action) && s.applies(ev) != 0 {
				o.deny = s
				return
			}
		}
		for _, s := range p.statements {
			if o.done(want) {
				return
			}
			if s.ref.Effect == Allow && s.matchAction(ev.action) {
				o.add(s, s.applies(ev))
			}
		}
		return
	}
	exact, service := p.index.find(ev)
	if ev.evalDeny(p.index, exact, service, o); o.deny == nil {
		ev.evalAllow(p.index, exact, service, o, want)
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

// find returns the parts of the index for the action.
func (x *index) find(ev *evaluation) (*bucket, *serviceIndex) {
	exact := x.exact.find(ev.actionHash, ev.lowerBytes(len(ev.action)))
	var service *serviceIndex
	if n := len(ev.prefix); n > 0 {
		service = x.services.find(ev.serviceHash, ev.lowerBytes(n-1))
	}
	return exact, service
}

func (ev *evaluation) evalDeny(x *index, exact *bucket, service *serviceIndex, o *outcome) {
	if exact != nil {
		if o.deny = exact.deny.first(ev, false); o.deny != nil {
			return
		}
	}
	if service != nil {
		if o.deny = service.all.deny.first(ev, false); o.deny != nil {
			return
		}
		for i := range service.patterns {
			b := &service.patterns[i]
			if !b.bucket.deny.empty() && matchAction(b.pattern, ev.action) {
				if o.deny = b.bucket.deny.first(ev, false); o.deny != nil {
					return
				}
			}
		}
	}
	o.deny = x.rest.deny.first(ev, true)
}

func (ev *evaluation) evalAllow(x *index, exact *bucket, service *serviceIndex, o *outcome, want grant) {
	if exact != nil {
		exact.allow.collect(ev, false, o, want)
	}
	if service != nil && !o.done(want) {
		service.all.allow.collect(ev, false, o, want)
		for i := range service.patterns {
			if o.done(want) {
				return
			}
			b := &service.patterns[i]
			if !b.bucket.allow.empty() && matchAction(b.pattern, ev.action) {
				b.bucket.allow.collect(ev, false, o, want)
			}
		}
	}
	if !o.done(want) {
		x.rest.allow.collect(ev, true, o, want)
	}
}

func (l *list) empty() bool { return len(l.plain) == 0 && l.indexed == nil }

// first returns a statement that applies. check asks for the action too.
func (l *list) first(ev *evaluation, check bool) *statement {
	for _, s := range l.plain {
		if (!check || s.matchAction(ev.action)) && s.applies(ev) != 0 {
			return s
		}
	}
	if l.indexed == nil {
		return nil
	}
	for _, n := range l.indexed.lengths {
		if n > len(ev.r.Resource) {
			break
		}
		for _, s := range l.indexed.byPrefix[ev.r.Resource[:n]] {
			if (!check || s.matchAction(ev.action)) && s.applies(ev) != 0 {
				return s
			}
		}
	}
	return nil
}

func (l *list) collect(ev *evaluation, check bool, o *outcome, want grant) {
	for _, s := range l.plain {
		if o.done(want) {
			return
		}
		if !check || s.matchAction(ev.action) {
			o.add(s, s.applies(ev))
		}
	}
	if l.indexed == nil {
		return
	}
	for _, n := range l.indexed.lengths {
		if n > len(ev.r.Resource) {
			break
		}
		for _, s := range l.indexed.byPrefix[ev.r.Resource[:n]] {
			if o.done(want) {
				return
			}
			if !check || s.matchAction(ev.action) {
				o.add(s, s.applies(ev))
			}
		}
	}
}

// matchAction tells whether the statement is about the action.
func (s *statement) matchAction(action string) bool {
	if len(s.actions) == 0 {
		return s.src.Unknown && s.ref.Effect == Deny
	}
	for _, a := range s.actions {
		if matchAction(a, action) {
			return !s.notAction
		}
	}
	return s.notAction
}

// matchResource tells whether the statement is about the resource.
func (s *statement) matchResource(ev *evaluation) bool {
	if s.anyResource {
		return true
	}
	if len(s.resources) == 0 {
		return s.src.Unknown && s.ref.Effect == Deny
	}
	for i := range s.resources {
		g := &s.resources[i]
		if g.kind == globBad {
			// A pattern that nobody can read: it decides against the caller.
			return s.ref.Effect == Deny
		}
		if g.match(ev.r.Resource, ev) {
			return !s.notResource
		}
	}
	if s.notResource && s.ref.Effect == Allow {
		return !s.lacksVariable(ev)
	}
	return s.notResource
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
	for i := range g.tokens {
		if t := &g.tokens[i]; t.kind == tokenVar {
			if _, ok := ev.variable(t); !ok {
				return true
			}
		}
	}
	if g.fields != nil {
		for i := range g.fields {
			if g.fields[i].lacksVariable(ev) {
				return true
			}
		}
	}
	return false
}

// matchPrincipal returns how the statement names the caller.
func (s *statement) matchPrincipal(ev *evaluation) grant {
	if s.principals != nil {
		return s.principals.match(ev, s.ref.Effect)
	}
	if s.ref.Kind.hasPrincipals() && s.ref.Effect == Allow {
		return 0
	}
	return grantDirect
}

// applies evaluates all but the action. 0 means no.
func (s *statement) applies(ev *evaluation) grant {
	if s.src.Unknown && s.ref.Effect == Allow {
		return 0
	}
	if !s.matchResource(ev) {
		return 0
	}
	g := s.matchPrincipal(ev)
	if g == 0 {
		return 0
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.broken {
			if s.ref.Effect == Allow {
				return 0
			}
			continue
		}
		if !c.met(ev) {
			return 0
		}
	}
	return g
}
