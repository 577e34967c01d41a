package policy

// Policy is a compiled document, or several merged by [NewSet]. It is immutable.
// A nil *Policy has no statements.
type Policy struct {
	origin
	statements []*statement
	index      *index
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

// statement is compiled. It leans on its source, which explanations need anyway.
type statement struct {
	src        *Statement
	of         *origin
	principals *principals
	resources  []glob
	conditions []condition
	// index counts the statements of the document.
	index int32
	// vars is set if the document's version has policy variables.
	vars bool
	// anyResource is set for "*", and where the kind has no resources.
	anyResource bool
	// special is set if more than resources and conditions decide.
	special bool
}

// origin is what the statements of a document have in common.
type origin struct {
	policy string
	kind   Kind
}

// ref names the statement.
func (s *statement) ref() StatementRef {
	return StatementRef{
		Policy: s.of.policy, Kind: s.of.kind, Effect: s.src.Effect, Sid: s.src.Sid, Index: int(s.index), Start: s.src.Start, End: s.src.End,
		Source: s.src,
	}
}

// Compile prepares d for decisions. name is how decisions call it: a policy's ARN, or the name of an inline policy.
func Compile(d *Document, name string, opts ...CompileOption) *Policy {
	var o compileOptions
	for _, opt := range opts {
		opt(&o)
	}
	p := &Policy{origin: origin{policy: name, kind: d.kind}, statements: make([]*statement, len(d.statements))}
	all := make([]statement, len(d.statements))
	for i := range d.statements {
		all[i] = compileStatement(d, i, &p.origin, &o)
		p.statements[i] = &all[i]
	}
	p.index = buildIndex(p.statements)
	return p
}

func compileStatement(d *Document, i int, of *origin, o *compileOptions) statement {
	src := &d.statements[i]
	s := statement{src: src, of: of, index: int32(i), vars: d.version == Version2012} //nolint:gosec // bounded by the size of documents
	if d.kind.HasPrincipals() {
		s.principals = compilePrincipals(src, o)
	}
	s.special = src.Unknown || d.kind.HasPrincipals()
	s.compileResources(d.kind)
	if n := len(src.Conditions); n > 0 {
		s.conditions = make([]condition, n)
		for j := range src.Conditions {
			s.conditions[j] = compileCondition(&src.Conditions[j], src.Effect, s.vars)
		}
	}
	return s
}

func (s *statement) compileResources(k Kind) {
	if k == Trust && len(s.src.Resources) == 0 {
		s.anyResource = true
		return
	}
	for _, r := range s.src.Resources {
		if r == "*" && !s.src.NotResource {
			s.anyResource = true
			return
		}
	}
	s.resources = make([]glob, len(s.src.Resources))
	for j, r := range s.src.Resources {
		s.resources[j] = makeResourceGlob(r, s.vars)
		if s.resources[j].kind == globAll && !s.src.NotResource {
			s.anyResource = true
		}
	}
}

// NewSet merges policies of one layer (such as all that are attached to a principal) under one index.
// The decisions are those of the list; references still name the single policies. nil policies count nothing.
func NewSet(policies ...*Policy) *Policy {
	n := 0
	for _, p := range policies {
		n += p.Len()
	}
	set := &Policy{statements: make([]*statement, 0, n)}
	for _, p := range policies {
		if p != nil {
			set.statements = append(set.statements, p.statements...)
		}
	}
	set.index = buildIndex(set.statements)
	return set
}

// Len returns the number of statements.
func (p *Policy) Len() int {
	if p == nil {
		return 0
	}
	return len(p.statements)
}

// Name returns the name given to Compile, "" for a set.
func (p *Policy) Name() string {
	if p == nil {
		return ""
	}
	return p.policy
}

// Policies are all that apply to a request.
type Policies struct {
	// SCP are the service control policies of the principal's account, one list per level (root, units,
	// account): every level must allow. nil: none apply.
	SCP [][]*Policy
	// RCP are the resource control policies of the resource's account, one list per level.
	RCP [][]*Policy
	// Resource is the resource's own policy; nil: it has none.
	Resource *Policy
	// ResourceKind says what Resource is: Resource, Trust or KeyPolicy. Under Trust and KeyPolicy (also with
	// a nil Resource) an identity policy alone is never enough. Any other value means Resource.
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

func (p *Policies) bounded() bool { return p.HasBoundary || p.Boundary != nil }
func (p *Policies) inSession() bool {
	return p.HasSession || len(p.Session) > 0
}

// mustName tells whether the resource policy has to grant, and how its layer is called.
func (p *Policies) resourceLayer() (l Layer, mustGrant bool) {
	switch p.ResourceKind {
	case Trust:
		return LayerTrust, true
	case KeyPolicy:
		return LayerKey, true
	case Identity, Managed, Boundary, Session, Resource, SCP, RCP:
	}
	return LayerResource, false
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
	// Source is the statement as written; nil if the reference was not made from a policy. It must not be changed.
	Source *Statement
}
