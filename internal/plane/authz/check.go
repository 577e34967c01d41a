// Package authz answers whether the caller of an operation may do what it asks for. Services say
// what is asked ([Check]); the policies that apply come from the directory's snapshot, so that an
// answer needs no I/O; the language is package policy's.
package authz

import (
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/policy"
)

// Check is one question: may the caller do Action on Resource.
type Check struct {
	// Action is "iam:CreateUser".
	Action string
	// Resource is an ARN, or "*" for actions without one.
	Resource string
	// Shown is how a refusal names the resource; empty means as AWS does for the action.
	Shown string
	// ResourceAccount owns the resource; empty means the caller's own account.
	ResourceAccount identity.AccountID
	// ResourcePolicy is the policy on the resource itself, nil if it has none.
	ResourcePolicy *policy.Policy
	// ResourceKind is the kind of ResourcePolicy: policy.Trust and policy.Key policies must
	// themselves name the caller. The zero value stands for an ordinary resource policy.
	ResourceKind policy.Kind
	// ResourceTags are the tags that the resource has (aws:ResourceTag/…).
	ResourceTags []identity.Tag
	// RequestTags are the tags that the request would set (aws:RequestTag/…, aws:TagKeys).
	RequestTags []identity.Tag
	// TagKeys is aws:TagKeys when the request names keys without values; nil means the keys of RequestTags.
	TagKeys []string
	// Trusted are condition keys that the plane itself established (sts:ExternalId, iam:PolicyARN, …).
	Trusted []policy.Key
	// Keys are condition keys of the action's service that come from request parameters (s3:prefix, …).
	Keys []policy.Key
}
