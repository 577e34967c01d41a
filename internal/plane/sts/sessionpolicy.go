package sts

import (
	"errors"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

const maxSessionPolicyARNs = 10

// limitSession adds the session policies of the call to s and checks that all fits. It returns
// PackedPolicySize, nil if the session carries neither policies nor tags.
func (v *service) limitSession(s *identity.Session, account identity.AccountID, arns []stsapi.PolicyDescriptorType, document *string) (*int, error) {
	if document != nil {
		if _, err := policy.Parse(policy.Session, []byte(*document)); err != nil {
			var malformed *policy.Error
			if errors.As(err, &malformed) {
				return nil, awsapi.Errorf(0, malformed.Code, "%s", malformed.Message)
			}
			return nil, awsapi.Errorf(0, "MalformedPolicyDocument", "%s", err.Error())
		}
		s.Policy = *document
	}
	if len(arns) > maxSessionPolicyARNs {
		return nil, awsapi.ValidationError("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxSessionPolicyARNs)
	}
	snapshot := v.Directory.Snapshot()
	for _, d := range arns {
		if d.Arn == nil {
			continue
		}
		parsed, err := identity.ParseARN(*d.Arn)
		if err != nil || parsed.Service != "iam" || parsed.ResourceType() != "policy" {
			return nil, awsapi.ValidationError("%s is invalid", *d.Arn)
		}
		if parsed.Account != account && parsed.Account != identity.AWSAccount {
			return nil, awsapi.ValidationError("The session policy %s is not of the account of the session", *d.Arn)
		}
		if snapshot.Policy(*d.Arn) == nil {
			return nil, awsapi.ValidationError("The session policy %s does not exist or is not attachable", *d.Arn)
		}
		s.PolicyARNs = append(s.PolicyARNs, *d.Arn)
	}
	if s.Policy == "" && len(s.PolicyARNs) == 0 && len(s.Tags) == 0 {
		return nil, nil
	}
	packed := v.Sealer.PackedPercent(s)
	if packed > 100 {
		if s.Policy == "" && len(s.PolicyARNs) == 0 {
			return nil, awsapi.Errorf(0, "PackedPolicyTooLarge", "Packed size of session tags consumes %d%% of allotted space.", packed)
		}
		return nil, awsapi.Errorf(0, "PackedPolicyTooLarge", "Packed policy consumes %d%% of allotted space, please use smaller policy.", packed)
	}
	return &packed, nil
}
