package policy

// Policy is a compiled document, or several merged by [NewSet]. It is immutable.
// A nil *Policy has no statements.
type Policy struct {
	name       string
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

// statement is compiled.
type statement struct {
	ref StatementRef
	src *Statement
	// vars is set if the document's version has policy variables.
	vars       bool
	principals *principals
	notAction  bool
	// actions are patterns in lower case.
	actions []string
	// anyResource is set for "*", and where the kind has no resources.
	anyResource bool
	notResource bool
	resources   []glob
	conditions  []condition
}

// Compile prepares d for decisions. name is how decisions call it: a policy's ARN, or the name of an inline policy.
func Compile(d *Document, name string, opts ...CompileOption) *Policy {
	var o compileOptions
	for _, opt := range opts {
		opt(&o)
	}
	p := &Policy{name: name, statements: make([]*statement, len(d.statements))}
	all := make([]statement, len(d.statements))
	for i := range d.statements {
		compileStatement(&all[i], d, i, name, &o)
		p.statements[i] = &all[i]
	}
	p.index = buildIndex(p.statements)
	return p
}

func compileStatement(s *statement, d *Document, i int, name string, o *compileOptions) {
	src := &d.statements[i]
	*s = statement{
		ref: StatementRef{
			Policy: name, Kind: d.kind, Effect: src.Effect, Sid: src.Sid, Index: i, Start: src.Start, End: src.End,
		},
		src: src, vars: d.version == Version2012,
		notAction: src.NotAction, notResource: src.NotResource,
	}
	if d.kind.hasPrincipals() {
		s.principals = compilePrincipals(src, o)
	}
	s.actions = make([]string, len(src.Actions))
	for j, a := range src.Actions {
		s.actions[j] = asciiLower(a)
	}
	s.compileResources(d.kind)
	if n := len(src.Conditions); n > 0 {
		s.conditions = make([]condition, n)
		for j := range src.Conditions {
			s.conditions[j] = compileCondition(&src.Conditions[j], s.vars)
		}
	}
}

func (s *statement) compileResources(k Kind) {
	if k == Trust && len(s.src.Resources) == 0 {
		s.anyResource = true
		return
	}
	s.resources = make([]glob, len(s.src.Resources))
	for j, r := range s.src.Resources {
		s.resources[j] = makeResourceGlob(r, s.vars)
		if s.resources[j].kind == globAll && !s.notResource {
			s.anyResource = true
		}
	}
}

func asciiLower(s string) string {
	for i := 0; i < len(s); i++ {
		if lower(s[i]) != s[i] {
			b := []byte(s)
			for j := range b {
				b[j] = lower(b[j])
			}
			return string(b)
		}
	}
	return s
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
	return p.name
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
}
