package policy

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

// Explanation is a decision with its reasons.
type Explanation struct {
	Decision Decision
	// Layers are all layers, in the order of evaluation, also those after the deciding one.
	Layers []LayerResult
	// MissingKeys are the condition keys and variables that statements for this action read and the
	// request does not have, as the policies spell them, sorted.
	MissingKeys []string
}

// LayerResult is what one layer says, and why.
type LayerResult struct {
	Layer   Layer
	Verdict Verdict
	// Level counts the levels of SCPs and RCPs from 0.
	Level int
	// Matched are the statements that apply to the request: denies first.
	Matched []StatementRef
	// NearMisses are the statements that would have applied but for one element.
	NearMisses []NearMiss
}

// NearMiss is a statement that did not apply, and the first element that kept it from it.
type NearMiss struct {
	Statement StatementRef
	// Element is Principal, Action, Resource or Condition.
	Element string
	// Operator and Key are of the condition that failed.
	Operator, Key string
	// Want is what the statement asks for, variables replaced.
	Want []string
	// Got is what the request has; nil if it has nothing.
	Got []string
}

// Explain decides r as Evaluate does, and says why. It takes its time.
func Explain(r *Request, p *Policies) Explanation { return Explanation{Decision: Evaluate(r, p)} }
