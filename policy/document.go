package policy

// Position is a place in a document. Line and Column start at 1; Column counts characters.
type Position struct{ Line, Column int }

// Effect is what a statement does.
type Effect uint8

// The effects. The zero value is Deny.
const (
	Deny Effect = iota
	Allow
)

// Document is a parsed and validated policy document. It is immutable.
type Document struct {
	kind       Kind
	version    string
	id         string
	size       int
	statements []Statement
}

// Statement is one statement of a document as it was written.
type Statement struct {
	Sid    string
	Effect Effect
	// Principals is empty if the statement has neither Principal nor NotPrincipal.
	Principals   []PrincipalValue
	NotPrincipal bool
	Actions      []string
	NotAction    bool
	// Resources is empty in trust policies.
	Resources   []string
	NotResource bool
	Conditions  []Condition
	// Start is the opening brace, End the place after the closing one.
	Start, End Position
}

// PrincipalValue is one value of a Principal or NotPrincipal element.
type PrincipalValue struct {
	// Type is AWS, Service, Federated, CanonicalUser, or "*" for the bare "*".
	Type  string
	Value string
}

// Condition is one operator, key and list of values.
type Condition struct {
	// Operator as written, such as ForAnyValue:StringLikeIfExists.
	Operator string
	Key      string
	// Values in textual form; JSON booleans and numbers as they were written.
	Values []string
	Pos    Position
}

// Kind returns what d was parsed as.
func (d *Document) Kind() Kind { return d.kind }

// Version returns 2012-10-17 or 2008-10-17 (also when the document has none).
func (d *Document) Version() string { return d.version }

// ID returns the Id element, "" if none.
func (d *Document) ID() string { return d.id }

// Size returns the document's characters without whitespace outside of strings, which is what IAM's
// quotas count.
func (d *Document) Size() int { return d.size }

// Statements returns the statements in the order of the document. The caller must not change them.
func (d *Document) Statements() []Statement { return d.statements }

// PrincipalARNs returns the IAM user and role ARNs that Principal and NotPrincipal elements name, each
// once. AWS stores the unique ids behind them when the policy is put; see [WithPrincipals].
func (d *Document) PrincipalARNs() []string { return nil }

// ContextKeys returns the condition keys and policy variables that d reads, as it spells them, each
// once and sorted: the answer of GetContextKeysForCustomPolicy.
func (d *Document) ContextKeys() []string { return nil }

// Error is why a document was refused.
type Error struct {
	// Code is AWS's error code: MalformedPolicyDocument, for a Resource document MalformedPolicy,
	// for a document that is too large LimitExceeded.
	Code string
	// Message is AWS's wording.
	Message string
	// Pos is where; zero if the whole document is meant.
	Pos Position
	// Detail says in our own words what is wrong; AWS does not tell.
	Detail string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Parse reads a document of a kind and refuses what AWS refuses when it is put. The error is an [*Error].
func Parse(kind Kind, text []byte) (*Document, error) {
	return nil, &Error{Code: "MalformedPolicyDocument", Message: "Syntax errors in policy."}
}
