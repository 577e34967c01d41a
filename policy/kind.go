package policy

import (
	"strconv"
)

// Kind says what a document is attached to, and with it which elements it must and must not have.
type Kind uint8

// The kinds of documents.
const (
	// Identity is an inline permissions policy of a user, group or role.
	Identity Kind = iota
	// Managed is a version of a managed policy: as Identity, but the Version must be 2012-10-17.
	Managed
	// Boundary is a managed policy used as permissions boundary. Same grammar as Managed.
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

// String returns the kind in lower case words.
func (k Kind) String() string {
	switch k {
	case Identity:
		return "identity"
	case Managed:
		return "managed"
	case Boundary:
		return "boundary"
	case Session:
		return "session"
	case Resource:
		return "resource"
	case Trust:
		return "trust"
	case KeyPolicy:
		return "key"
	case SCP:
		return "scp"
	case RCP:
		return "rcp"
	}
	return "kind " + strconv.Itoa(int(k))
}

// HasPrincipals tells whether statements of the kind name principals.
func (k Kind) HasPrincipals() bool {
	return k == Resource || k == Trust || k == KeyPolicy || k == RCP
}

// Sizes of documents, in characters without whitespace outside of strings, as IAM's quotas count them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
//
// The inline quotas are sums over all inline policies of the entity, so the service must check them:
// [Document.Size] is what it adds up. Parse only knows the largest of them for Identity.
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

func maxSize(k Kind) int {
	switch k {
	case Identity:
		return MaxRoleInlineSize
	case Managed, Boundary:
		return MaxManagedSize
	case Session:
		return MaxSessionSize
	case Resource:
		return MaxBucketSize
	case Trust:
		return MaxTrustSize
	case KeyPolicy:
		return MaxKeySize
	case SCP, RCP:
		return MaxControlSize
	}
	return 0
}

func sizeMessage(k Kind) string {
	quota := "PolicySize"
	if k == Trust {
		quota = "ACLSizePerRole"
	}
	return "Cannot exceed quota for " + quota + ": " + strconv.Itoa(maxSize(k))
}

// Layer is one of the policy types that a decision passes through.
type Layer uint8

// The layers.
const (
	// LayerNone decided nothing: the zero Decision.
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

// String returns AWS's name of the policy type ("identity-based policy").
func (l Layer) String() string {
	switch l {
	case LayerNone:
		return "none"
	case LayerRCP:
		return "resource control policy"
	case LayerSCP:
		return "service control policy"
	case LayerResource, LayerKey:
		return "resource-based policy"
	case LayerTrust:
		return "role trust policy"
	case LayerIdentity:
		return "identity-based policy"
	case LayerBoundary:
		return "permissions boundary"
	case LayerSession:
		return "session policy"
	case LayerRoot:
		return "root user"
	}
	return "layer " + strconv.Itoa(int(l))
}
