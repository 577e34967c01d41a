package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what one layer says.
type Verdict uint8

// The verdicts.
const (
	// NotApplicable: the layer has no policy, or is not asked for this principal.
	NotApplicable Verdict = iota
	Allowed
	ImplicitDeny
	ExplicitDeny
)

// String returns the words of the simulators: allowed, implicitDeny, explicitDeny.
func (v Verdict) String() string {
	switch v {
	case NotApplicable:
		return "notApplicable"
	case Allowed:
		return "allowed"
	case ImplicitDeny:
		return "implicitDeny"
	case ExplicitDeny:
		return "explicitDeny"
	}
	return "unknown"
}

// Verdict returns the decision in the words of the simulators.
func (d Decision) Verdict() Verdict {
	switch {
	case d.Allowed:
		return Allowed
	case d.Explicit:
		return ExplicitDeny
	}
	return ImplicitDeny
}

// Explanation is a decision with its reasons.
type Explanation struct {
	Decision Decision
	// Layers are all layers that apply, in the order of evaluation, also those after the deciding one.
	Layers []LayerResult
	// MissingKeys are the condition keys and variables that statements for this action read and the
	// request does not have, as the policies spell them, sorted.
	MissingKeys []string
}

// Matched returns the statements of all layers that apply to the request: what the simulators
// answer as MatchedStatements.
func (e *Explanation) Matched() []StatementRef {
	var out []StatementRef
	for i := range e.Layers {
		out = append(out, e.Layers[i].Matched...)
	}
	return out
}

// LayerResult is what one layer says, and why.
type LayerResult struct {
	Layer   Layer
	Verdict Verdict
	// Level counts the levels of SCPs and RCPs from 0.
	Level int
	// Policies is the number of policies in the layer, sets counted as one.
	Policies int
	// Matched are the statements that apply to the request: denies first.
	Matched []StatementRef
	// NearMisses are the statements for this action that one element kept from applying.
	NearMisses []NearMiss
}

// NearMiss is a statement for the action that did not apply, and the first element that kept it from it.
type NearMiss struct {
	Statement StatementRef
	// Element is Principal, Resource or Condition; Statement if it cannot be evaluated.
	Element string
	// Operator and Key are of the condition that failed.
	Operator, Key string
	// Want is what the statement asks for, variables replaced.
	Want []string
	// Got is what the request has; nil if it has nothing.
	Got []string
}

// String says it in a sentence.
func (n NearMiss) String() string {
	quoted := func(values []string) string {
		q := make([]string, len(values))
		for i, v := range values {
			q[i] = fmt.Sprintf("%q", v)
		}
		return strings.Join(q, " or ")
	}
	verb := "would allow"
	if n.Statement.Effect == Deny {
		verb = "would deny"
	}
	head := fmt.Sprintf("%s %s, but ", n.Statement, verb)
	got := "the request has no " + n.Key
	if n.Got != nil {
		got = "the request has " + quoted(n.Got)
	}
	switch n.Element {
	case "Condition":
		if strings.HasSuffix(n.Operator, "Null") {
			return head + fmt.Sprintf("%s %s is %s: %s", n.Operator, n.Key, quoted(n.Want), got)
		}
		return head + fmt.Sprintf("%s %s wants %s: %s", n.Operator, n.Key, quoted(n.Want), got)
	case "Statement":
		return head + "it has a part that cannot be evaluated"
	}
	return head + fmt.Sprintf("its %s is %s: %s", n.Element, quoted(n.Want), got)
}

// String names the statement for people: policy, then Sid or number, then line.
func (r StatementRef) String() string {
	return fmt.Sprintf("%s of %s (line %d)", r.Label(), r.Policy, r.Start.Line)
}

// Label names the statement within its document, by its Sid or its number.
func (r StatementRef) Label() string {
	if r.Sid != "" {
		return "statement " + quote(r.Sid)
	}
	return fmt.Sprintf("statement %d", r.Index+1)
}

// Explain decides r as Evaluate does, and says why. It takes its time.
func Explain(r *Request, p *Policies) Explanation {
	var ev evaluation
	ev.start(r, p)
	x := explainer{ev: &ev, missing: map[string]string{}}
	e := Explanation{Decision: Evaluate(r, p)}
	caller := &r.Principal
	add := func(l Layer, level int, policies []*Policy) {
		e.Layers = append(e.Layers, x.layer(l, level, policies))
	}
	for i, level := range p.RCP {
		add(LayerRCP, i, level)
	}
	if caller.hasAccount() {
		for i, level := range p.SCP {
			add(LayerSCP, i, level)
		}
	}
	l, mustGrant := p.resourceLayer()
	if p.Resource != nil || mustGrant || ev.cross || !caller.hasAccount() {
		add(l, 0, present(p.Resource))
	}
	if caller.hasAccount() {
		add(LayerIdentity, 0, p.Identity)
		if caller.rootIssued() && len(e.Layers[len(e.Layers)-1].Matched) == 0 {
			e.Layers[len(e.Layers)-1].Layer = LayerRoot
			e.Layers[len(e.Layers)-1].Verdict = Allowed
		}
		if ev.bounded {
			add(LayerBoundary, 0, present(p.Boundary))
		}
		if p.inSession() || caller.Kind == FederatedUser {
			add(LayerSession, 0, p.Session)
		}
	}
	for _, k := range x.missing {
		e.MissingKeys = append(e.MissingKeys, k)
	}
	slices.Sort(e.MissingKeys)
	return e
}

func present(p *Policy) []*Policy {
	if p == nil {
		return nil
	}
	return []*Policy{p}
}

type explainer struct {
	ev      *evaluation
	missing map[string]string
}

func (x *explainer) layer(l Layer, level int, policies []*Policy) LayerResult {
	out := LayerResult{Layer: l, Level: level, Verdict: ImplicitDeny}
	for _, e := range [...]Effect{Deny, Allow} {
		for _, p := range policies {
			if p == nil {
				continue
			}
			if e == Deny {
				out.Policies++
			}
			for _, s := range p.statements {
				if s.src.Effect == e && s.matchAction(x.ev.r.Action) {
					x.statement(s, &out)
				}
			}
		}
	}
	for i := range out.Matched {
		if out.Matched[i].Effect == Deny {
			out.Verdict = ExplicitDeny
			break
		}
		out.Verdict = Allowed
	}
	return out
}

func (x *explainer) statement(s *statement, out *LayerResult) {
	x.missingKeys(s)
	if s.applies(x.ev) != 0 {
		out.Matched = append(out.Matched, s.ref())
		return
	}
	n := NearMiss{Statement: s.ref(), Element: "Statement"}
	switch {
	case s.src.Unknown && s.src.Effect == Allow:
	case !s.matchResource(x.ev):
		n.Element = "Resource"
		if s.src.NotResource {
			n.Element = "NotResource"
		}
		for _, r := range s.src.Resources {
			n.Want = append(n.Want, expand(r, s.vars, x.ev))
		}
		n.Got = []string{x.ev.r.Resource}
	case s.matchPrincipal(x.ev) == 0:
		x.principal(s, &n)
	default:
		x.condition(s, &n)
	}
	out.NearMisses = append(out.NearMisses, n)
}

func (x *explainer) principal(s *statement, n *NearMiss) {
	n.Element = "Principal"
	if s.src.NotPrincipal {
		n.Element = "NotPrincipal"
	}
	for _, p := range s.src.Principals {
		n.Want = append(n.Want, p.Value)
	}
	caller := &x.ev.r.Principal
	switch {
	case caller.Kind == Anonymous:
		n.Got = []string{"anonymous"}
	case caller.ARN != "":
		n.Got = []string{caller.ARN}
	default:
		n.Got = []string{caller.Name}
	}
}

func (x *explainer) condition(s *statement, n *NearMiss) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if c.how == howConstant || c.met(x.ev) {
			continue
		}
		src := &s.src.Conditions[i]
		n.Element, n.Operator, n.Key = "Condition", src.Operator, src.Key
		for _, v := range src.Values {
			n.Want = append(n.Want, expand(v, s.vars && c.op.Variables(), x.ev))
		}
		var v value
		x.ev.lookup(&c.key, &v)
		for i := range v.len() {
			n.Got = append(n.Got, v.at(i))
		}
		return
	}
}

// missingKeys notes the keys and variables of a statement that the request lacks.
func (x *explainer) missingKeys(s *statement) {
	note := func(k *conditionKey, spelled string) {
		var v value
		if x.ev.lookup(k, &v); v.len() == 0 {
			x.missing[strings.ToLower(k.spelled)] = spelled
		}
	}
	vars := func(values []string) {
		for _, text := range values {
			tokens, _ := tokenize(text, true, s.vars)
			for i := range tokens {
				if tokens[i].kind == tokenVar {
					note(&tokens[i].v.key, tokens[i].v.key.spelled)
				}
			}
		}
	}
	vars(s.src.Resources)
	for i := range s.src.Conditions {
		key := makeKey(s.src.Conditions[i].Key)
		note(&key, s.src.Conditions[i].Key)
		vars(s.src.Conditions[i].Values)
	}
}
