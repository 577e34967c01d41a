package iam

import (
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
)

// attachment says how a simulated principal has a policy.
type attachment struct {
	arn string // of a managed policy
	// entity and holder are who an inline policy is embedded in, name is its own.
	entity       iamapi.AttachmentType
	holder, name string
}

// exclusions are the policies that a simulation leaves out, as if they were detached.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PolicyIdentifier.html
type exclusions []iamapi.PolicyIdentifier

// check refuses what identifies no policy.
func (x exclusions) check() error {
	for _, id := range x {
		members := 0
		if id.PolicyType != nil {
			members++
		}
		if id.PolicyArn != nil {
			members++
			a, err := identity.ParseARN(*id.PolicyArn)
			if err != nil || a.Service != "iam" || a.ResourceType() != "policy" || strings.ContainsAny(a.Partition+a.Region+string(a.Account), "*?") {
				return iamapi.ErrInvalidInput("Invalid PolicyArn: %s", *id.PolicyArn)
			}
			if strings.Count(*id.PolicyArn, "*") > 1 {
				return iamapi.ErrInvalidInput("Invalid PolicyArn: %s has more than one *", *id.PolicyArn)
			}
		}
		if id.InlinePolicyIdentifier != nil {
			members++
		}
		if members != 1 {
			return iamapi.ErrInvalidInput("Each entry of PolicyExclusionList has exactly one of PolicyType, PolicyArn and InlinePolicyIdentifier.")
		}
	}
	return nil
}

// boundary tells whether the principal's own permissions boundary is left out.
func (x exclusions) boundary() bool {
	for _, id := range x {
		if id.PolicyType != nil && *id.PolicyType == iamapi.PolicyIdentifierPolicyTypePermissionBoundary {
			return true
		}
	}
	return false
}

// of tells whether a policy is left out.
func (x exclusions) of(a attachment) bool {
	kind := iamapi.PolicyIdentifierPolicyTypeInline
	if a.arn != "" {
		kind = iamapi.PolicyIdentifierPolicyTypeUserManaged
		if p, err := identity.ParseARN(a.arn); err == nil && p.Account == "aws" {
			kind = iamapi.PolicyIdentifierPolicyTypeAwsManaged
		}
	}
	for _, id := range x {
		switch in := id.InlinePolicyIdentifier; {
		case id.PolicyType != nil:
			if *id.PolicyType == kind {
				return true
			}
		case id.PolicyArn != nil:
			if a.arn != "" && wildcard(*id.PolicyArn, a.arn) {
				return true
			}
		case in != nil && a.arn == "":
			// The reference speaks of wildcards in the holder's name, but the model's pattern for it admits none.
			if in.AttachmentType == a.entity && in.PolicyName == a.name && in.AttachmentName == a.holder {
				return true
			}
		}
	}
	return false
}

// wildcard matches a pattern with at most one * and any number of ?.
func wildcard(pattern, s string) bool {
	same := func(p, s string) bool {
		for i := range len(p) {
			if p[i] != '?' && p[i] != s[i] {
				return false
			}
		}
		return true
	}
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return len(pattern) == len(s) && same(pattern, s)
	}
	return len(s) >= len(before)+len(after) && same(before, s) && same(after, s[len(s)-len(after):])
}
