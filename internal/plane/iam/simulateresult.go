package iam

import (
	"maps"
	"slices"
	"strconv"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// run answers one page of the questions, one result for each action.
func (m *simulation) run(marker *string, max *int) (page[iamapi.EvaluationResult], error) {
	indexes := make([]string, len(m.actions))
	for i := range m.actions {
		indexes[i] = strconv.Itoa(i)
	}
	itself := func(s string) string { return s }
	p, err := paginate(marker, max, sliced(indexes, itself), itself)
	if err != nil {
		return page[iamapi.EvaluationResult]{}, err
	}
	out := page[iamapi.EvaluationResult]{items: []iamapi.EvaluationResult{}, truncated: p.truncated, marker: p.marker}
	for _, index := range p.items {
		i, err := strconv.Atoi(index)
		if err != nil {
			return page[iamapi.EvaluationResult]{}, err
		}
		out.items = append(out.items, m.action(m.actions[i]))
	}
	return out, nil
}

// finding is what the simulation says about one action on one resource.
type finding struct {
	iamapi.ResourceSpecificResult
	organization *iamapi.OrganizationsDecisionDetail
}

// action asks about one action on all resources. What is told of the action is the strictest of what is told of
// the resources.
func (m *simulation) action(action string) iamapi.EvaluationResult {
	out := iamapi.EvaluationResult{
		EvalActionName: action, EvalResourceName: new("*"), EvalDecision: iamapi.PolicyEvaluationDecisionTypeAllowed,
		MatchedStatements: []iamapi.Statement{}, MissingContextValues: []string{},
	}
	all := make([]finding, len(m.resources))
	for i, r := range m.resources {
		all[i] = m.question(action, r)
		out.EvalDecision = worse(out.EvalDecision, all[i].EvalResourceDecision)
	}
	if len(all) == 1 {
		out.EvalResourceName = &all[0].EvalResourceName
	}
	denied := false
	for i := range all {
		a := &all[i]
		if a.EvalResourceDecision == out.EvalDecision {
			out.MatchedStatements = union(out.MatchedStatements, a.MatchedStatements)
		}
		out.MissingContextValues = append(out.MissingContextValues, a.MissingContextValues...)
		if d := a.organization; d != nil && (out.OrganizationsDecisionDetail == nil || !*d.AllowedByOrganizations) {
			out.OrganizationsDecisionDetail = d
			denied = !*d.AllowedByOrganizations
		}
		if d := a.PermissionsBoundaryDecisionDetail; d != nil && (out.PermissionsBoundaryDecisionDetail == nil || !*d.AllowedByPermissionsBoundary) {
			out.PermissionsBoundaryDecisionDetail = d
		}
		out.EvalDecisionDetails = worst(out.EvalDecisionDetails, a.EvalDecisionDetails)
		if !m.single {
			out.ResourceSpecificResults = append(out.ResourceSpecificResults, a.ResourceSpecificResult)
		}
	}
	slices.Sort(out.MissingContextValues)
	out.MissingContextValues = slices.Compact(out.MissingContextValues)
	if out.EvalDecisionDetails == nil && !m.single && !denied {
		out.EvalDecisionDetails = map[string]iamapi.PolicyEvaluationDecisionType{}
	}
	return out
}

// union adds statements that are not there yet.
func union(all, more []iamapi.Statement) []iamapi.Statement {
	for _, s := range more {
		if !slices.ContainsFunc(all, func(o iamapi.Statement) bool {
			return value(o.SourcePolicyId) == value(s.SourcePolicyId) && *o.EndPosition.Line == *s.EndPosition.Line && *o.EndPosition.Column == *s.EndPosition.Column
		}) {
			all = append(all, s)
		}
	}
	return all
}

// worst keeps the stricter decision of each kind of policy.
func worst(a, b map[string]iamapi.PolicyEvaluationDecisionType) map[string]iamapi.PolicyEvaluationDecisionType {
	if a == nil {
		return maps.Clone(b)
	}
	for kind, d := range b {
		a[kind] = worse(a[kind], d)
	}
	return a
}

// worse is the stricter of two decisions.
func worse(a, b iamapi.PolicyEvaluationDecisionType) iamapi.PolicyEvaluationDecisionType {
	for _, d := range []iamapi.PolicyEvaluationDecisionType{
		iamapi.PolicyEvaluationDecisionTypeExplicitDeny, iamapi.PolicyEvaluationDecisionTypeImplicitDeny,
	} {
		if a == d || b == d {
			return d
		}
	}
	return iamapi.PolicyEvaluationDecisionTypeAllowed
}

func (m *simulation) question(action, resource string) finding {
	// The keys of the service that is asked, and those of the plane, come both from the request here:
	// nothing is decided by them but the simulation.
	r := policy.Request{Action: action, Resource: resource, Principal: m.principal, Trusted: m.context, Keys: m.context}
	if a, err := identity.ParseARN(resource); err != nil || a.Account == "" {
		r.Owner.Account = m.owner
	}
	why := policy.Explain(&r, &m.policies)
	out := finding{ResourceSpecificResult: iamapi.ResourceSpecificResult{
		EvalResourceName: resource, EvalResourceDecision: decision(why.Decision.Verdict()), MatchedStatements: []iamapi.Statement{},
	}}
	if len(m.policies.SCP) > 0 {
		allowed := !slices.ContainsFunc(why.Layers, func(l policy.LayerResult) bool {
			return l.Layer == policy.LayerSCP && l.Verdict != policy.Allowed
		})
		out.organization = &iamapi.OrganizationsDecisionDetail{AllowedByOrganizations: &allowed}
		if why.Decision.Layer == policy.LayerSCP {
			// The simulation ends here.
			return out
		}
	}
	// Only the keys of identity and resource policies are told.
	rest := m.policies
	rest.SCP = nil
	asked := policy.Explain(&r, &rest)
	out.MissingContextValues = asked.MissingKeys
	if why.Decision.CrossAccount {
		out.EvalDecisionDetails = map[string]iamapi.PolicyEvaluationDecisionType{}
	}
	for _, layer := range asked.Layers {
		if layer.Layer == policy.LayerBoundary {
			out.PermissionsBoundaryDecisionDetail = &iamapi.PermissionsBoundaryDecisionDetail{
				AllowedByPermissionsBoundary: new(layer.Verdict == policy.Allowed),
			}
		}
		if why.Decision.CrossAccount {
			switch layer.Layer {
			case policy.LayerIdentity, policy.LayerBoundary:
				out.EvalDecisionDetails[identitySource] = worse(out.EvalDecisionDetails[identitySource], decision(layer.Verdict))
			case policy.LayerResource:
				out.EvalDecisionDetails[resourceSource] = decision(layer.Verdict)
			default:
			}
		}
		for i := range layer.Matched {
			if s := &layer.Matched[i]; wanted(why.Decision, s) {
				out.MatchedStatements = append(out.MatchedStatements, m.statement(s))
			}
		}
	}
	return out
}

// wanted reports whether a matching statement counts for the decision: denies for a denied request,
// allows for an allowed one.
func wanted(d policy.Decision, s *policy.StatementRef) bool {
	if d.Explicit {
		return s.Effect == policy.Deny
	}
	return s.Effect == policy.Allow
}

func decision(v policy.Verdict) iamapi.PolicyEvaluationDecisionType {
	switch v {
	case policy.Allowed:
		return iamapi.PolicyEvaluationDecisionTypeAllowed
	case policy.ExplicitDeny:
		return iamapi.PolicyEvaluationDecisionTypeExplicitDeny
	case policy.ImplicitDeny, policy.NotApplicable:
	}
	return iamapi.PolicyEvaluationDecisionTypeImplicitDeny
}

// statement says where a statement stands, as AWS does: from where its parser was before it, which
// is behind the opening bracket or the statement before.
func (m *simulation) statement(s *policy.StatementRef) iamapi.Statement {
	out := iamapi.Statement{SourcePolicyType: new(iamapi.PolicySourceType(identitySource)), StartPosition: positionOut(s.Start), EndPosition: positionOut(s.End)}
	from, ok := m.sources[s.Policy]
	if !ok {
		return out
	}
	out.SourcePolicyId = &from.id
	if from.kind != "" {
		out.SourcePolicyType = new(iamapi.PolicySourceType(from.kind))
	}
	if s.Index > 0 {
		out.StartPosition = positionOut(m.documents[s.Policy].Statements()[s.Index-1].End)
	} else {
		out.StartPosition = positionOut(before(from.document, s.Start))
	}
	return out
}

func positionOut(p policy.Position) *iamapi.Position {
	return &iamapi.Position{Line: new(p.Line), Column: new(p.Column)}
}

// before moves a position back over white space.
func before(text string, p policy.Position) policy.Position {
	line, column := 1, 1
	found := policy.Position{Line: 1, Column: 1}
	for _, r := range text {
		if line == p.Line && column == p.Column {
			break
		}
		if r == '\n' {
			line, column = line+1, 1
			continue
		}
		column++
		if r != ' ' && r != '\t' && r != '\r' {
			found = policy.Position{Line: line, Column: column}
		}
	}
	return found
}
