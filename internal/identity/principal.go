package identity

import (
	"strings"
	"time"
)

// Kind says what sort of principal made a request.
type Kind uint8

// The kinds of principals.
const (
	Anonymous Kind = iota
	Root
	User
	AssumedRole
	FederatedUser
	Service
	// WebIdentityUser and SAMLUser are outside identities that ask for a session of a role; they sign nothing.
	WebIdentityUser
	SAMLUser
)

// Principal is who signed a request, as authn established it.
type Principal struct {
	Kind    Kind
	Account AccountID
	// ARN is what GetCallerIdentity answers, for example
	// arn:aws:sts::123456789012:assumed-role/web/s1.
	ARN string
	// UserID is aws:userid: the account id for root, AIDA… for a user, AROA…:session for a role
	// session, account:name for a federated user, provider:audience:subject for a web identity,
	// qualifier:subject for one of SAML.
	UserID string
	// EntityID is the unique id of the IAM entity behind the principal (AIDA… or AROA…; of the
	// issuing user for a federated user); "" for root and anonymous.
	EntityID string
	// EntityARN is the ARN of that entity, its path included; of an outside identity the ARN of its provider.
	EntityARN string
	// EntityName is the friendly name of that entity; of an outside identity its subject.
	EntityName string
	// AccessKeyID is the key that signed.
	AccessKeyID string
	// Session is set for temporary credentials.
	Session *Session
}

// SessionType says which call made a session.
type SessionType uint8

// The types of sessions.
const (
	SessionAssumeRole SessionType = iota + 1
	SessionToken                  // GetSessionToken
	SessionFederation             // GetFederationToken
)

// Session is what a session token carries. Nothing of it is stored by the plane.
type Session struct {
	Type     SessionType
	IssuedAt time.Time
	Expires  time.Time
	// Account, EntityID are those of the principal; for a federated user EntityID is the issuing
	// user's, "" when root issued it.
	Account  AccountID
	EntityID string
	// Name is the RoleSessionName or the federated user's name.
	Name           string
	SourceIdentity string
	// Policy is the inline session policy document, "" if none.
	Policy string
	// PolicyARNs are managed policies passed as session policies.
	PolicyARNs []string
	// Tags are all session tags, inherited ones included.
	Tags []Tag
	// TransitiveTagKeys are the keys, as spelled in Tags, that the next session of a chain inherits.
	TransitiveTagKeys []string
	// MFAAt is when MFA was used; zero if it was not.
	MFAAt time.Time
	// ChainDepth is 0 for a session of long-lived or root credentials, n+1 for one assumed by a
	// role session of depth n.
	ChainDepth int
	// Federation is the ARN of the OIDC provider of a web identity's session (aws:FederatedProvider), "" if none.
	Federation string
	// FederatedKeys are the condition keys of an outside identity that its session keeps (saml:sub, and :sub,
	// :aud and :amr of an OIDC provider).
	FederatedKeys []ConditionKey
}

// ConditionKey is a condition key with its values.
type ConditionKey struct {
	Name   string
	Values []string
}

// Tag is one key and value.
type Tag struct{ Key, Value string }

// HasTag reports whether tags holds key; tag keys of sessions and entities differ by more than case.
func HasTag(tags []Tag, key string) bool {
	for _, t := range tags {
		if strings.EqualFold(t.Key, key) {
			return true
		}
	}
	return false
}
