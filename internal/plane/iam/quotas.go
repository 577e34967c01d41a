package iam

import (
	"iter"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// Quotas bound what an account may hold.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
type Quotas struct {
	Users, Groups, Roles, Policies, InstanceProfiles int
	OIDCProviders, SAMLProviders                     int
	ServerCertificates                               int
	GroupsPerUser                                    int
	AttachedPolicies                                 int // per user, group or role
	AccessKeys                                       int // per user
	MFADevices                                       int // per user
	SigningCertificates                              int // per user
	PolicyVersions                                   int // per policy
	VersionsInUse                                    int // of all policies; told, not enforced
	Tags                                             int // per resource
}

// DefaultQuotas are AWS's, as an account has them that has not asked for more.
func DefaultQuotas() Quotas {
	return Quotas{
		Users: 5000, Groups: 300, Roles: 1000, Policies: 1500, InstanceProfiles: 1000,
		OIDCProviders: 100, SAMLProviders: 100, ServerCertificates: 20,
		GroupsPerUser: 10, AttachedPolicies: 10, AccessKeys: 2, MFADevices: 8, SigningCertificates: 2,
		PolicyVersions: 5, VersionsInUse: 10000, Tags: 50,
	}
}

// room returns an error if a collection that n things are in may take no more.
func room(n, quota int, name string) error {
	if n < quota {
		return nil
	}
	return iamapi.ErrLimitExceeded("Cannot exceed quota for %s: %d", name, quota)
}

func count[E any](seq iter.Seq[E]) int {
	n := 0
	for range seq {
		n++
	}
	return n
}
