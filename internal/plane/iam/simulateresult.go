package iam

import (
	"slices"
	"strconv"

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

// action asks about one action on all resources.
func (m *simulation) action(action string) iamapi.EvaluationResult {
	single := make([]iamapi.ResourceSpecificResult, len(m.resources))
	for i, r := range m.resources {
		single[i] = m.question(action, r)
	}
	out := iamapi.EvaluationResult{
		EvalActionName: action, EvalDecision: single[0].EvalResourceDecision, EvalResourceName: &single[0].EvalResourceName,
		MatchedStatements: single[0].MatchedStatements, MissingContextValues: single[0].MissingContextValues,
		PermissionsBoundaryDecisionDetail: single[0].PermissionsBoundaryDecisionDetail,
	}
	if !m.aggregate {
		return out
	}
	out.ResourceSpecificResults = single
	if len(single) == 1 {
		return out
	}
	out.EvalResourceName, out.MatchedStatements = new("*"), []iamapi.Statement{}
	out.PermissionsBoundaryDecisionDetail = nil
	for _, r := range single[1:] {
		out.EvalDecision = worse(out.EvalDecision, r.EvalResourceDecision)
		out.MissingContextValues = append(slices.Clone(out.MissingContextValues), r.MissingContextValues...)
	}
	slices.Sort(out.MissingContextValues)
	out.MissingContextValues = slices.Compact(out.MissingContextValues)
	return out
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
	return a
}

func (m *simulation) question(action, resource string) iamapi.ResourceSpecificResult {
	// The keys of the service that is asked, and those of the plane, come both from the request here:
	// nothing is decided by them but the simulation.
	r := policy.Request{
		Action: action, Resource: resource, Principal: m.principal,
		Owner: policy.ResourceContext{Account: m.owner}, Trusted: m.context, Keys: m.context,
	}
	why := policy.Explain(&r, &m.policies)
	out := iamapi.ResourceSpecificResult{
		EvalResourceName: resource, EvalResourceDecision: decision(why.Decision),
		MatchedStatements: []iamapi.Statement{}, MissingContextValues: why.MissingKeys,
	}
	if out.MissingContextValues == nil {
		out.MissingContextValues = []string{}
	}
	for _, layer := range why.Layers {
		if layer.Layer == policy.LayerBoundary && m.policies.HasBoundary {
			out.PermissionsBoundaryDecisionDetail = &iamapi.PermissionsBoundaryDecisionDetail{
				AllowedByPermissionsBoundary: new(layer.Verdict == policy.Allowed),
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

func decision(d policy.Decision) iamapi.PolicyEvaluationDecisionType {
	switch {
	case d.Allowed:
		return iamapi.PolicyEvaluationDecisionTypeAllowed
	case d.Explicit:
		return iamapi.PolicyEvaluationDecisionTypeExplicitDeny
	default:
		return iamapi.PolicyEvaluationDecisionTypeImplicitDeny
	}
}

// statement says where a statement stands, as AWS does: from where its parser was before it, which
// is behind the opening bracket or the statement before.
func (m *simulation) statement(s *policy.StatementRef) iamapi.Statement {
	out := iamapi.Statement{SourcePolicyType: new(sourceType), StartPosition: positionOut(s.Start), EndPosition: positionOut(s.End)}
	from, ok := m.sources[s.Policy]
	if !ok {
		return out
	}
	out.SourcePolicyId = &from.id
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
