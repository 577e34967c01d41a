package identity

import (
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Entity is one of the values that the plane's directory holds: [Account], [UserEntity], [Group],
// [Role], [ManagedPolicy], [InstanceProfile], [AccessKey], [MFADevice], [LoginProfile],
// [OIDCProvider], [SAMLProvider], [ServerCertificate], [SigningCertificate], [Bucket], [DeniedSession].
//
// Entities that come out of the directory are shared and must not be changed: Clone, change, put.
type Entity interface {
	// EntityKey is unique among the entities of one type and never changes.
	EntityKey() string
	// Validate reports the first rule that a field breaks.
	Validate() error
}

// Account is one AWS account.
type Account struct {
	ID      AccountID `json:"id"`
	Name    string    `json:"name,omitempty"`
	Email   string    `json:"email,omitempty"`
	Created time.Time `json:"created"`
	// Alias is the account's sign-in alias; unique in the plane, "" if none.
	Alias          string          `json:"alias,omitempty"`
	PasswordPolicy *PasswordPolicy `json:"passwordPolicy,omitempty"`
	// PublicAccessBlock is the account's S3 setting; nil if none.
	PublicAccessBlock *PublicAccessBlock `json:"publicAccessBlock,omitempty"`
	// SessionsVoidBefore ends all sessions that root issued before it; zero if none.
	SessionsVoidBefore time.Time `json:"sessionsVoidBefore,omitzero"`
	Tags               []Tag     `json:"tags,omitempty"`
}

// PasswordPolicy is an account's rule for its users' passwords.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PasswordPolicy.html
type PasswordPolicy struct {
	MinimumLength   int  `json:"minimumLength"` // 6 to 128
	Symbols         bool `json:"symbols,omitempty"`
	Numbers         bool `json:"numbers,omitempty"`
	Uppercase       bool `json:"uppercase,omitempty"`
	Lowercase       bool `json:"lowercase,omitempty"`
	UsersMayChange  bool `json:"usersMayChange,omitempty"`
	MaxAgeDays      int  `json:"maxAgeDays,omitempty"`      // 0: passwords do not expire
	ReusePrevention int  `json:"reusePrevention,omitempty"` // 0: not prevented
	HardExpiry      bool `json:"hardExpiry,omitempty"`
}

// InlinePolicy is a policy document embedded in a user, group or role.
type InlinePolicy struct {
	Name     string `json:"name"`
	Document string `json:"document"`
}

// UserEntity is an IAM user. ([User] is the kind of principal.)
type UserEntity struct {
	ID      string    `json:"id"` // AIDA…
	Account AccountID `json:"account"`
	Path    string    `json:"path"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// GroupIDs are the unique ids of the groups it belongs to, in the order of joining.
	GroupIDs []string `json:"groups,omitempty"`
	Grants
	Tags []Tag `json:"tags,omitempty"`
	// SessionsVoidBefore ends all sessions that it issued before that time; zero if none.
	SessionsVoidBefore time.Time `json:"sessionsVoidBefore,omitzero"`
}

// Grants are the policies of a user, group or role. Groups have no boundary.
type Grants struct {
	// Inline policies, sorted by name; names are unique without regard to case.
	Inline []InlinePolicy `json:"inline,omitempty"`
	// Attached are ARNs of managed policies, in the order of attachment.
	Attached []string `json:"attached,omitempty"`
	// Boundary is the ARN of the managed policy that bounds the entity, "" if none.
	Boundary string `json:"boundary,omitempty"`
}

// Group is an IAM group. Its members say so themselves: [UserEntity.GroupIDs].
type Group struct {
	ID      string    `json:"id"` // AGPA…
	Account AccountID `json:"account"`
	Path    string    `json:"path"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Grants
}

// Role is an IAM role.
type Role struct {
	ID          string    `json:"id"` // AROA…
	Account     AccountID `json:"account"`
	Path        string    `json:"path"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
	// MaxSession is one to twelve hours.
	MaxSession time.Duration `json:"maxSession"`
	// Trust is the trust policy's document as it was put.
	Trust string `json:"trust"`
	// TrustIDs maps the user and role ARNs that Trust names as principals to the unique ids they had
	// when the document was put; the directory fills it.
	TrustIDs map[string]string `json:"trustIds,omitempty"`
	Grants
	// LinkedService is the service principal of a service-linked role, "" for others.
	LinkedService string `json:"linkedService,omitempty"`
	Tags          []Tag  `json:"tags,omitempty"`
	// SessionsVoidBefore ends all sessions issued before that time; zero if none.
	SessionsVoidBefore time.Time `json:"sessionsVoidBefore,omitzero"`
}

// ManagedPolicy is a customer-managed policy, or one that AWS manages (Account is [AWSAccount]).
type ManagedPolicy struct {
	ID          string    `json:"id"` // ANPA…
	Account     AccountID `json:"account"`
	Path        string    `json:"path"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	// Versions are at most five, oldest first.
	Versions []PolicyVersion `json:"versions"`
	// Default is the id of the version in force.
	Default string `json:"default"`
	// NextVersion is the number of the next version: ids are never used again.
	NextVersion int   `json:"nextVersion"`
	Tags        []Tag `json:"tags,omitempty"`
}

// PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	ID       string    `json:"id"` // v1, v2, …
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
}

// InstanceProfile hands a role to EC2 instances.
type InstanceProfile struct {
	ID      string    `json:"id"` // AIPA…
	Account AccountID `json:"account"`
	Path    string    `json:"path"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	RoleID  string    `json:"role,omitempty"` // "" if it holds none
	Tags    []Tag     `json:"tags,omitempty"`
}

// KeyStatus says whether a key may be used.
type KeyStatus string

// The statuses of access keys and signing certificates.
const (
	StatusActive   KeyStatus = "Active"
	StatusInactive KeyStatus = "Inactive"
)

// AccessKey is a long-lived key of a user or of an account's root.
type AccessKey struct {
	ID      string    `json:"id"` // AKIA…
	Account AccountID `json:"account"`
	UserID  string    `json:"user,omitempty"` // "" for the account's root
	Status  KeyStatus `json:"status"`
	Created time.Time `json:"created"`
	// Secret is stored sealed, never in the document.
	Secret rolecall.Secret `json:"-"`
}

// MFADevice is a virtual (TOTP) device.
type MFADevice struct {
	Account AccountID `json:"account"`
	Path    string    `json:"path"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Seed is the shared secret in base32; stored sealed.
	Seed rolecall.Secret `json:"-"`
	// Assigned says that it is enabled for UserID, or for root when UserID is "".
	Assigned bool      `json:"assigned,omitempty"`
	UserID   string    `json:"user,omitempty"`
	Enabled  time.Time `json:"enabled,omitzero"`
	// LastStep is the last TOTP time step that was accepted; a code is good once.
	LastStep int64 `json:"lastStep,omitempty"`
	// Drift is the number of steps that the device's clock is ahead, as learnt by a resync.
	Drift int   `json:"drift,omitempty"`
	Tags  []Tag `json:"tags,omitempty"`
}

// LoginProfile is a user's password.
type LoginProfile struct {
	UserID  string    `json:"user"`
	Account AccountID `json:"account"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// ResetRequired makes the user choose another password at the next sign-in.
	ResetRequired bool `json:"resetRequired,omitempty"`
	// Hash is the encoded password hash, earlier ones after it separated by newlines (for the reuse
	// rule); stored sealed.
	Hash rolecall.Secret `json:"-"`
}

// OIDCProvider is an OpenID Connect provider that an account trusts.
type OIDCProvider struct {
	Account AccountID `json:"account"`
	// URL is the issuer without "https://".
	URL         string    `json:"url"`
	ClientIDs   []string  `json:"clientIds,omitempty"`
	Thumbprints []string  `json:"thumbprints,omitempty"`
	Created     time.Time `json:"created"`
	Tags        []Tag     `json:"tags,omitempty"`
}

// SAMLProvider is a SAML provider that an account trusts.
type SAMLProvider struct {
	Account    AccountID `json:"account"`
	Name       string    `json:"name"`
	Metadata   string    `json:"metadata"` // the provider's metadata document, XML
	ValidUntil time.Time `json:"validUntil,omitzero"`
	Created    time.Time `json:"created"`
	Tags       []Tag     `json:"tags,omitempty"`
}

// ServerCertificate is the metadata of a TLS certificate; no private key is kept.
type ServerCertificate struct {
	ID       string    `json:"id"` // ASCA…
	Account  AccountID `json:"account"`
	Path     string    `json:"path"`
	Name     string    `json:"name"`
	Body     string    `json:"body"`  // PEM
	Chain    string    `json:"chain"` // PEM, may be empty
	Uploaded time.Time `json:"uploaded"`
	Expires  time.Time `json:"expires,omitzero"`
	Tags     []Tag     `json:"tags,omitempty"`
}

// SigningCertificate is a user's X.509 certificate.
type SigningCertificate struct {
	ID       string    `json:"id"`
	Account  AccountID `json:"account"`
	UserID   string    `json:"user"`
	Body     string    `json:"body"` // PEM
	Status   KeyStatus `json:"status"`
	Uploaded time.Time `json:"uploaded"`
}

// DeniedSession is one session that must not be accepted any more.
type DeniedSession struct {
	// ID is token.ID of its access key id and token.
	ID      string    `json:"id"`
	Account AccountID `json:"account"`
	// Expires is when the session would have ended by itself: from then on the entry is not needed.
	Expires time.Time `json:"expires"`
}

// RingKey is one key of the token key ring as it is stored. The directory does not hold it.
type RingKey struct {
	// ID is 8 hexadecimal digits.
	ID string `json:"id"`
	// Node is the plane's node that seals with it.
	Node string `json:"node"`
	// Use is "session" or "data".
	Use string `json:"use"`
	// State is "prepared", "active" or "old".
	State string `json:"state"`
	// Since is when it got that state.
	Since time.Time `json:"since"`
	// Sealed is the key, sealed under the master key.
	Sealed []byte `json:"sealed"`
}
