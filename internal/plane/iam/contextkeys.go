package iam

import (
	"context"
	"slices"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// contextKeys are the condition keys and variables that the policies read.
func contextKeys(sources []source) ([]string, error) {
	keys := []string{}
	for _, s := range sources {
		parse := policy.Parse
		if s.stored {
			parse = policy.ParseStored
		}
		d, err := parse(policy.Identity, []byte(s.document))
		if err != nil {
			return nil, iamapi.ErrInvalidInput("%s: %v", s.id, err)
		}
		keys = append(keys, d.ContextKeys()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

func listed(documents []string) []source {
	return mapped(documents, func(d string) source { return source{id: "PolicyInputList", document: d} })
}

func (v *service) getContextKeysForCustomPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.GetContextKeysForCustomPolicyInput) (*iamapi.GetContextKeysForCustomPolicyOutput, error) {
	if err := v.ask(ctx, c, "GetContextKeysForCustomPolicy", "*"); err != nil {
		return nil, err
	}
	keys, err := contextKeys(listed(in.PolicyInputList))
	if err != nil {
		return nil, err
	}
	return &iamapi.GetContextKeysForCustomPolicyOutput{ContextKeyNames: keys}, nil
}

func (v *service) getContextKeysForPrincipalPolicy(ctx context.Context, c *awsapi.Call, in *iamapi.GetContextKeysForPrincipalPolicyInput) (*iamapi.GetContextKeysForPrincipalPolicyOutput, error) {
	s := v.directory.Snapshot()
	e, err := v.policySource(ctx, c, s, "GetContextKeysForPrincipalPolicy", in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	own, _ := policiesOf(s, e)
	keys, err := contextKeys(append(own, listed(in.PolicyInputList)...))
	if err != nil {
		return nil, err
	}
	return &iamapi.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: keys}, nil
}
