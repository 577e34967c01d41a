package policy

// Kind says what a document is attached to, and with it which elements it must and must not have.
type Kind uint8

// The kinds of documents.
const (
	// Identity is a permissions policy of a user, group or role, inline or managed.
	Identity Kind = iota
	// Boundary is a managed policy used as permissions boundary. Same grammar as Identity.
	Boundary
	// Session is passed to AssumeRole or GetFederationToken. Same grammar as Identity.
	Session
	// Resource is attached to a resource, such as a bucket: it has principals.
	Resource
	// Trust is a role's trust policy: principals, sts actions, and no resources.
	Trust
	// KeyPolicy is a KMS key policy: a resource policy that must itself name the principal.
	KeyPolicy
	// SCP is an Organizations service control policy.
	SCP
	// RCP is an Organizations resource control policy.
	RCP
)

// Sizes of documents, in characters without whitespace outside of strings, as IAM's quotas count them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
//
// The inline quotas are sums over all inline policies of the entity, so the service must check them:
// [Document.Size] is what it adds up.
const (
	MaxManagedSize     = 6144
	MaxUserInlineSize  = 2048
	MaxGroupInlineSize = 5120
	MaxRoleInlineSize  = 10240
	MaxTrustSize       = 2048
	MaxSessionSize     = 2048
	MaxBucketSize      = 20480
	MaxKeySize         = 32768
	MaxControlSize     = 5120
)

// Layer is one of the policy types that a decision passes through.
type Layer uint8

// The layers.
const (
	// LayerNone decided nothing: the zero Decision, or a request that no layer was asked about.
	LayerNone Layer = iota
	LayerRCP
	LayerSCP
	LayerResource
	LayerTrust
	LayerKey
	LayerIdentity
	LayerBoundary
	LayerSession
	// LayerRoot is the implicit right of an account's root user.
	LayerRoot
)
