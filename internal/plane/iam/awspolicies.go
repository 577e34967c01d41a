package iam

import "github.com/rolecall-dev/rolecall/internal/identity"

// AWSPolicies are the managed policies of AWS that this plane knows.
func AWSPolicies() []*identity.ManagedPolicy { return nil }
