package policy

import (
	"net/netip"
	"time"
)

// PrincipalKind says what sort of principal makes a request.
type PrincipalKind uint8

// The kinds of principals.
const (
	// Anonymous signed nothing.
	Anonymous PrincipalKind = iota
	// Root is an account's root user.
	Root
	// User is an IAM user, with long-term keys or a GetSessionToken session.
	User
	// RoleSession is a session of a role.
	RoleSession
	// FederatedUser is a session of GetFederationToken.
	FederatedUser
	// Service is an AWS service acting in its own name.
	Service
	// Federated is an outside identity (OIDC, SAML) that asks for a session by AssumeRoleWith….
	Federated
)

// Principal is who makes a request. All fields come from authentication, none from the request's parameters.
type Principal struct {
	Kind    PrincipalKind
	Account string
	// ARN is what GetCallerIdentity answers: of a role session
	// arn:aws:sts::123456789012:assumed-role/web/s1.
	ARN string
	// UserID is aws:userid: AIDA… of a user, AROA…:session of a role session, the account of root,
	// account:name of a federated user.
	UserID string
	// EntityARN and EntityID are of the IAM entity behind the principal: the user itself, the role of
	// a session (with its path), the user that issued a federated session. For a federated session that root
	// issued EntityARN is arn:aws:iam::123456789012:root: its rights are then those of its session policies.
	EntityARN string
	EntityID  string
	// UserName is aws:username: set for users only.
	UserName string
	// Name is the service's principal name (ec2.amazonaws.com) of a Service, and the provider (its ARN, or
	// a name such as accounts.google.com) of a Federated principal.
	Name string
	// CanonicalID is the S3 canonical user id of the account, if the plane has one.
	CanonicalID string
	// Tags are aws:PrincipalTag/*: those of the entity, overridden by those of the session.
	Tags []Tag
	// OrgID and OrgPaths are of the principal's organization.
	OrgID    string
	OrgPaths []string
}

// Tag is a key and its value. Keys are compared without regard to case, as condition keys are.
type Tag struct{ Key, Value string }

// Tri is a boolean that can be missing.
type Tri uint8

// The values of a Tri.
const (
	Missing Tri = iota
	False
	True
)

// TriOf returns True or False.
func TriOf(b bool) Tri {
	if b {
		return True
	}
	return False
}

// SessionContext is what a request's credentials say of themselves.
type SessionContext struct {
	// IssuedAt is aws:TokenIssueTime; zero for long-term keys.
	IssuedAt time.Time
	// MFA is aws:MultiFactorAuthPresent: Missing for long-term keys.
	MFA Tri
	// MFAAt gives aws:MultiFactorAuthAge; zero if MFA was not used.
	MFAAt time.Time
	// SourceIdentity is aws:SourceIdentity.
	SourceIdentity string
	// FederatedProvider is aws:FederatedProvider.
	FederatedProvider string
	// AssumedRoot is aws:AssumedRoot.
	AssumedRoot Tri
}

// CallContext is how and when a request came.
type CallContext struct {
	// Time is aws:CurrentTime and aws:EpochTime.
	Time time.Time
	// SourceIP is aws:SourceIp; the zero Addr if it is missing, as for a request through a VPC endpoint.
	SourceIP netip.Addr
	// Secure is aws:SecureTransport.
	Secure Tri
	// UserAgent and Referer are headers: the client can write what it wants.
	UserAgent, Referer string
	// Region is aws:RequestedRegion.
	Region string
	// SourceVPC, SourceVPCE, VPCSourceIP are of a request through a VPC endpoint.
	SourceVPC, SourceVPCE string
	VPCSourceIP           netip.Addr
	// ViaService is aws:ViaAWSService, CalledVia the chain of services.
	ViaService Tri
	CalledVia  []string
	// SourceARN, SourceAccount, SourceOrgID and SourceOrgPaths tell on whose behalf a service calls.
	SourceARN, SourceAccount, SourceOrgID string
	SourceOrgPaths                        []string
}

// ResourceContext is what the service knows of the resource.
type ResourceContext struct {
	// Account owns the resource (aws:ResourceAccount). If empty it is the account in the ARN, and if the
	// ARN has none, the principal's.
	Account string
	// Tags are aws:ResourceTag/*, also read as <service>:ResourceTag/*.
	Tags []Tag
	// OrgID and OrgPaths are of the resource's organization.
	OrgID    string
	OrgPaths []string
}

// Request is a question. The caller may reuse it; Evaluate keeps nothing of it.
type Request struct {
	// Action is "service:Operation"; case does not matter.
	Action string
	// Resource is the ARN that the action is about, or "*" if it has none.
	Resource  string
	Owner     ResourceContext
	Principal Principal
	Session   SessionContext
	Call      CallContext
	// RequestTags are aws:RequestTag/*, the tags that the request sets.
	RequestTags []Tag
	// TagKeys is aws:TagKeys; if nil it is the keys of RequestTags.
	TagKeys []string
	// Trusted are further keys that the plane itself established: sts:*, saml:*, those of an OIDC
	// provider, and aws:* keys that have no field here. A field, if set, comes first.
	Trusted []Key
	// Keys are keys of the service that is asked (s3:prefix, …), from the request's parameters. They are read
	// only under the prefix of the Action's service: an entry with any other name is never seen.
	Keys []Key
}

// Key is a condition key with its values. An empty list means that the key is missing.
type Key struct {
	// Name as documented (s3:prefix); case does not matter.
	Name   string
	Values []string
}
