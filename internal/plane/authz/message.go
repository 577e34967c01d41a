package authz

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// Sealer seals what only the plane may read.
type Sealer interface {
	Seal(plaintext, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Messages encodes the details of a refusal so that the refused caller can pass them on but not read
// them, and decodes them for sts:DecodeAuthorizationMessage.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
type Messages struct{ sealer Sealer }

// NewMessages returns an encoder and decoder over a key of the plane.
func NewMessages(s Sealer) *Messages { return &Messages{sealer: s} }

// ErrMessage marks a message that is not one of this plane's, or of another account.
var ErrMessage = errors.New("not an encoded authorization message of this account")

// maxMessage bounds what is decoded, in characters; the API's own limit is 10,240.
const maxMessage = 10240

// Decode returns the details, a JSON document, of a message that was made for account.
func (m *Messages) Decode(account identity.AccountID, encoded string) (string, error) {
	if len(encoded) > maxMessage {
		return "", ErrMessage
	}
	sealed, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", ErrMessage
	}
	plain, err := m.sealer.Open(sealed, []byte(account))
	if err != nil {
		return "", ErrMessage
	}
	return string(plain), nil
}

// encode seals the details of the refusal for the caller's account; without the statements that came near, if
// there are too many of them, and "" if the rest does not fit either.
func (m *Messages) encode(c *awsapi.Call, r *policy.Request, x *policy.Explanation) string {
	detail := messageOf(c, r, x)
	for {
		plain, err := json.Marshal(detail)
		if err != nil {
			return ""
		}
		sealed, err := m.sealer.Seal(plain, []byte(c.Principal.Account))
		if err != nil {
			return ""
		}
		if base64.RawURLEncoding.EncodedLen(len(sealed)) <= maxMessage {
			return base64.RawURLEncoding.EncodeToString(sealed)
		}
		if len(detail.Failures.Items) == 0 {
			return ""
		}
		detail.Failures = itemsOf[failure]()
	}
}

// message has the members of the decoded messages that AWS shows. What AWS leaves open is filled so
// that it says which statement decided, and for those that came near, what kept them from it.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
type message struct {
	Allowed           bool             `json:"allowed"`
	ExplicitDeny      bool             `json:"explicitDeny"`
	MatchedStatements items[statement] `json:"matchedStatements"`
	Failures          items[failure]   `json:"failures"`
	Context           detail           `json:"context"`
}

type items[T any] struct {
	Items []T `json:"items"`
}

// itemsOf is a list that is never null.
func itemsOf[T any](l ...T) items[T] {
	if l == nil {
		l = []T{}
	}
	return items[T]{l}
}

type textValue struct {
	Value string `json:"value"`
}

func values(l []string) items[textValue] {
	out := itemsOf[textValue]()
	for _, v := range l {
		out.Items = append(out.Items, textValue{v})
	}
	return out
}

type condition struct {
	Key    string           `json:"key"`
	Values items[textValue] `json:"values"`
}

type detail struct {
	Principal struct {
		ID   string `json:"id"`
		Name string `json:"name,omitempty"`
		ARN  string `json:"arn"`
	} `json:"principal"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
	// Conditions are the condition keys of the request.
	Conditions items[condition] `json:"conditions"`
}

type statement struct {
	StatementID     string           `json:"statementId"`
	Effect          string           `json:"effect"`
	Principals      items[textValue] `json:"principals"`
	PrincipalGroups items[textValue] `json:"principalGroups"`
	Actions         items[textValue] `json:"actions"`
	Resources       items[textValue] `json:"resources"`
	Conditions      items[condition] `json:"conditions"`
	// Policy and Line say where it stands.
	Policy string `json:"policy"`
	Line   int    `json:"line"`
}

type failure struct {
	StatementID string   `json:"statementId"`
	Effect      string   `json:"effect"`
	Policy      string   `json:"policy"`
	Line        int      `json:"line"`
	Layer       string   `json:"layer"`
	Element     string   `json:"element"`
	Key         string   `json:"key,omitempty"`
	Want        []string `json:"want,omitempty"`
	Got         []string `json:"got,omitempty"`
}

func messageOf(c *awsapi.Call, r *policy.Request, x *policy.Explanation) message {
	m := message{ExplicitDeny: x.Decision.Explicit, MatchedStatements: itemsOf[statement](), Failures: itemsOf[failure]()}
	m.Context.Principal.ID, m.Context.Principal.Name, m.Context.Principal.ARN = c.Principal.UserID, c.Principal.EntityName, c.Principal.ARN
	m.Context.Action, m.Context.Resource, m.Context.Conditions = r.Action, r.Resource, itemsOf[condition]()
	for _, k := range r.Context() {
		m.Context.Conditions.Items = append(m.Context.Conditions.Items, condition{k.Name, values(k.Values)})
	}
	for _, layer := range x.Layers {
		for i := range layer.Matched {
			m.MatchedStatements.Items = append(m.MatchedStatements.Items, statementOf(&layer.Matched[i]))
		}
		for _, near := range layer.NearMisses {
			s := &near.Statement
			m.Failures.Items = append(m.Failures.Items, failure{
				StatementID: s.Sid, Effect: effect(s.Effect), Policy: s.Policy, Line: s.Start.Line, Layer: layer.Layer.String(),
				Element: near.Element, Key: near.Key, Want: near.Want, Got: near.Got,
			})
		}
	}
	return m
}

func statementOf(s *policy.StatementRef) statement {
	out := statement{
		StatementID: s.Sid, Effect: effect(s.Effect), Principals: itemsOf[textValue](), PrincipalGroups: itemsOf[textValue](),
		Actions: values(s.Source.Actions), Resources: values(s.Source.Resources), Conditions: itemsOf[condition](),
		Policy: s.Policy, Line: s.Start.Line,
	}
	for _, p := range s.Source.Principals {
		out.Principals.Items = append(out.Principals.Items, textValue{p.Value})
	}
	for _, k := range s.Source.Conditions {
		out.Conditions.Items = append(out.Conditions.Items, condition{k.Key, values(k.Values)})
	}
	return out
}

func effect(e policy.Effect) string {
	if e == policy.Allow {
		return "ALLOW"
	}
	return "DENY"
}
