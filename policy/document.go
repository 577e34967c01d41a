package policy

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/policy/internal/arn"
	"github.com/rolecall-dev/rolecall/policy/internal/jsontree"
)

// maxDocument bounds what is read at all: IAM's limit for the parameter.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
const maxDocument = 131072

// Position is a place in a document. Line and Column start at 1; Column counts characters.
type Position struct{ Line, Column int }

// Effect is what a statement does.
type Effect uint8

// The effects. The zero value is Deny.
const (
	Deny Effect = iota
	Allow
)

// String returns Allow or Deny.
func (e Effect) String() string {
	if e == Allow {
		return "Allow"
	}
	return "Deny"
}

// Versions of the policy language.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
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
	Sid string
	// Principals is empty if the statement has neither Principal nor NotPrincipal.
	Principals []PrincipalValue
	Actions    []string
	// Resources is empty in trust policies.
	Resources  []string
	Conditions []Condition
	// Start is the opening brace, End the place after the closing one.
	Start, End Position
	Effect     Effect
	// The lists are those of NotPrincipal, NotAction, NotResource.
	NotPrincipal, NotAction, NotResource bool
	// Unknown is set on a statement of ParseStored with a part that this version does not know. As a Deny it
	// denies whatever its other elements match; as an Allow it allows nothing.
	Unknown bool
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
func (d *Document) PrincipalARNs() []string {
	var out []string
	for i := range d.statements {
		for _, p := range d.statements[i].Principals {
			if p.Type == "AWS" && arn.IsEntity(p.Value) && !slices.Contains(out, p.Value) {
				out = append(out, p.Value)
			}
		}
	}
	return out
}

// ContextKeys returns the condition keys and policy variables that d reads, as it spells them, each
// once and sorted: the answer of GetContextKeysForCustomPolicy.
func (d *Document) ContextKeys() []string {
	seen := map[string]string{}
	add := func(k string) {
		if _, ok := seen[strings.ToLower(k)]; !ok {
			seen[strings.ToLower(k)] = k
		}
	}
	vars := func(values []string) {
		if d.version != Version2012 {
			return
		}
		for _, v := range values {
			tokens, _ := tokenize(v, true, true)
			for _, t := range tokens {
				if t.kind == tokenVar {
					add(t.v.key.spelled)
				}
			}
		}
	}
	for i := range d.statements {
		s := &d.statements[i]
		vars(s.Resources)
		for _, c := range s.Conditions {
			add(c.Key)
			vars(c.Values)
		}
	}
	out := make([]string, 0, len(seen))
	for _, k := range seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

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

// Error implements error: AWS's message alone, since it goes to clients.
func (e *Error) Error() string { return e.Message }

// The codes of Error.
const (
	codeDocument = "MalformedPolicyDocument"
	codePolicy   = "MalformedPolicy"
	codeLimit    = "LimitExceeded"
)

// Parse reads a document of a kind and refuses what AWS refuses when it is put. The error is an [*Error].
func Parse(kind Kind, text []byte) (*Document, error) {
	return parse(kind, string(text), true)
}

// ParseStored reads a document that was accepted once, by Parse of this or another version: it only needs to
// be readable. What it does not know is marked in [Statement.Unknown]. The error is an [*Error].
func ParseStored(kind Kind, text []byte) (*Document, error) {
	return parse(kind, string(text), false)
}

func parse(kind Kind, src string, strict bool) (*Document, error) {
	v := &validator{kind: kind, words: wordsOf(kind), src: src, strict: strict}
	if len(src) > maxDocument {
		return nil, &Error{Code: codeLimit, Message: sizeMessage(kind), Detail: "the document is larger than 131,072 bytes"}
	}
	if !utf8.ValidString(src) {
		return nil, v.errAt(-1, v.words.json, "the document is not UTF-8")
	}
	root, err := jsontree.Parse(src)
	var bad *jsontree.Error
	if errors.As(err, &bad) {
		return nil, v.errAt(int32(bad.At), v.words.json, bad.Reason) //nolint:gosec // bounded by maxDocument
	}
	if root.Kind != jsontree.Object {
		return nil, v.errAt(root.Start, v.words.json, "the document is not a JSON object")
	}
	d := &Document{kind: kind, size: jsontree.Size(src)}
	if err := v.document(d, &root); err != nil {
		return nil, err
	}
	if strict && d.size > maxSize(kind) {
		return nil, &Error{Code: codeLimit, Message: sizeMessage(kind)}
	}
	return d, nil
}
