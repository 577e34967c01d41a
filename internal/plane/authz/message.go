package authz

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

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

// encode seals the details of the refusal for the caller's account; "" if they do not fit.
func (m *Messages) encode(c *awsapi.Call, k *Check, x *policy.Explanation) string {
	detail, err := json.Marshal(messageOf(c, k, x))
	if err != nil {
		return ""
	}
	sealed, err := m.sealer.Seal(detail, []byte(c.Principal.Account))
	if err != nil || base64.RawURLEncoding.EncodedLen(len(sealed)) > maxMessage {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// message has the members that AWS documents for decoded messages.
type message struct {
	Allowed           bool   `json:"allowed"`
	ExplicitDeny      bool   `json:"explicitDeny"`
	MatchedStatements items  `json:"matchedStatements"`
	Failures          items  `json:"failures"`
	Context           detail `json:"context"`
}

type items struct {
	Items []any `json:"items"`
}

type detail struct {
	Principal struct {
		ID  string `json:"id"`
		ARN string `json:"arn"`
	} `json:"principal"`
	Action     string `json:"action"`
	Resource   string `json:"resource"`
	Conditions items  `json:"conditions"`
}

type statement struct {
	StatementID string `json:"statementId"`
	Effect      string `json:"effect"`
	Policy      string `json:"policy"`
	Line        int    `json:"line"`
}

type failure struct {
	statement
	Layer   string   `json:"layer"`
	Element string   `json:"element"`
	Key     string   `json:"key,omitempty"`
	Want    []string `json:"want,omitempty"`
	Got     []string `json:"got,omitempty"`
}

func messageOf(c *awsapi.Call, k *Check, x *policy.Explanation) message {
	m := message{
		ExplicitDeny:      x.Decision.Explicit,
		MatchedStatements: items{[]any{}}, Failures: items{[]any{}},
	}
	m.Context.Principal.ID, m.Context.Principal.ARN = c.Principal.UserID, c.Principal.ARN
	m.Context.Action, m.Context.Resource = k.Action, k.Resource
	m.Context.Conditions.Items = []any{}
	for _, layer := range x.Layers {
		for _, s := range layer.Matched {
			m.MatchedStatements.Items = append(m.MatchedStatements.Items, statementOf(&s))
		}
		for _, near := range layer.NearMisses {
			m.Failures.Items = append(m.Failures.Items, failure{
				statement: statementOf(&near.Statement), Layer: layer.Layer.String(), Element: near.Element,
				Key: near.Key, Want: near.Want, Got: near.Got,
			})
		}
	}
	for _, key := range x.MissingKeys {
		m.Context.Conditions.Items = append(m.Context.Conditions.Items, map[string]any{"key": key, "values": items{[]any{}}})
	}
	return m
}

func statementOf(s *policy.StatementRef) statement {
	id := s.Sid
	if id == "" {
		id = fmt.Sprintf("statement %d", s.Index+1)
	}
	effect := "DENY"
	if s.Effect == policy.Allow {
		effect = "ALLOW"
	}
	return statement{StatementID: id, Effect: effect, Policy: s.Policy, Line: s.Start.Line}
}
