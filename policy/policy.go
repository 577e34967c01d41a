package policy

// Policy is a compiled document, or several merged by [NewSet]. It is immutable.
// A nil *Policy has no statements.
type Policy struct {
	name string
}

// CompileOption changes how [Compile] works.
type CompileOption func(*compileOptions)

type compileOptions struct {
	resolve func(arn string) (id string, ok bool)
}

// WithPrincipals makes user and role ARNs in Principal elements match by unique id. AWS replaces an ARN
// by the id behind it when the policy is put, so that a role which is deleted and made anew does
// not inherit the grant. An ARN that resolve does not know matches nothing. Without this option ARNs
// match by their text. Values that are unique ids already (AROA…, AIDA…) always match by id.
func WithPrincipals(resolve func(arn string) (id string, ok bool)) CompileOption {
	return func(o *compileOptions) { o.resolve = resolve }
}

// Compile prepares d for decisions. name is how decisions call it: a policy's ARN, or the name of an inline policy.
func Compile(d *Document, name string, opts ...CompileOption) *Policy {
	return &Policy{name: name}
}

// NewSet merges policies of one layer (such as all that are attached to a principal) under one index.
// The decisions are those of the list; references still name the single policies. nil policies count nothing.
func NewSet(policies ...*Policy) *Policy { return &Policy{} }

// Len returns the number of statements.
func (p *Policy) Len() int { return 0 }

// Policies are all that apply to a request.
type Policies struct {
	// SCP are the service control policies of the principal's account, one list per level (root, units,
	// account): every level must allow. nil: none apply.
	SCP [][]*Policy
	// RCP are the resource control policies of the resource's account, one list per level.
	RCP [][]*Policy
	// Resource is the resource's own policy; nil: it has none.
	Resource *Policy
	// ResourceKind says what Resource is: Resource, Trust or KeyPolicy. Under Trust and KeyPolicy (also with a nil
	// Resource) an identity policy alone is never enough. The zero value means Resource.
	ResourceKind Kind
	// Identity are the policies of the principal, its groups' included.
	Identity []*Policy
	// Boundary limits the principal if HasBoundary is set or Boundary is not nil. A boundary whose
	// policy is gone is HasBoundary with a nil Boundary: it allows nothing.
	Boundary    *Policy
	HasBoundary bool
	// Session are the policies passed with the session, if HasSession is set or the list is not empty:
	// their union limits the principal.
	Session    []*Policy
	HasSession bool
}

// StatementRef names a statement.
type StatementRef struct {
	// Policy is the name given to Compile.
	Policy string
	// Kind of the document.
	Kind   Kind
	Effect Effect
	Sid    string
	// Index counts the statements of the document from 0.
	Index int
	// Start and End are where it stands in the document.
	Start, End Position
}

// Decision is the answer to a Request.
type Decision struct {
	Allowed bool
	// Explicit is set if a Deny statement decided.
	Explicit bool
	// Layer decided: the one that held the Deny, the one in which no statement allowed, or the one
	// that granted.
	Layer Layer
	// CrossAccount is set if principal and resource are of different accounts.
	CrossAccount bool
	// Statement is the Deny or the Allow that decided; nil if none did.
	Statement *StatementRef
}

// Reason returns the end of AWS's AccessDenied message ("because no identity-based policy allows the
// iam:CreateUser action"), "" for an allowed request.
func (d Decision) Reason(action string) string { return "" }

// Evaluate decides r. It does not allocate, except for conditions that compare a time or an address as text.
func Evaluate(r *Request, p *Policies) Decision { return Decision{} }
