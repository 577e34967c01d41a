package sts

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/federation"
	"github.com/rolecall-dev/rolecall/policy"
)

// maxSessionTags is the most session tags that a token or an assertion may pass, as for AssumeRole.
const maxSessionTags = 50

// maxFederatedKeys bounds what a session's token keeps of an outside identity, in characters.
const maxFederatedKeys = 2048

// outside is somebody whom an outside provider vouches for, and who asks for a session of a role.
type outside struct {
	// action is sts:AssumeRoleWithWebIdentity or sts:AssumeRoleWithSAML.
	action    string
	principal *identity.Principal
	// keys are the condition keys of the provider, for the trust policy.
	keys []policy.Key
	// session is what the session will be, without its role, times and policies.
	session identity.Session
	// longest bounds the session; 0 does not.
	longest time.Duration
}

// request is what the two operations have in common.
type request struct {
	roleARN         string
	policyARNs      []stsapi.PolicyDescriptorType
	policy          *string
	durationSeconds *int
	minimumSize     *int
}

// issued is the answer to it.
type issued struct {
	credentials *stsapi.Credentials
	user        *stsapi.AssumedRoleUser
	packed      *int
	size        sizes
}

// roleAccount reads the account out of a role's ARN.
func roleAccount(arn string) (identity.ARN, error) {
	parsed, err := identity.ParseARN(arn)
	if err != nil || parsed.Partition != identity.Partition || parsed.Service != "iam" || parsed.ResourceType() != "role" {
		return identity.ARN{}, awsapi.ValidationError("Request ARN is invalid")
	}
	return parsed, nil
}

// notProven words what a provider's token or assertion lacks as STS does.
func notProven(err error) error {
	var e *federation.Error
	if !errors.As(err, &e) {
		return awsapi.Internal(err)
	}
	answer := stsapi.ErrInvalidIdentityToken("%s", e.Message)
	switch e.Reason {
	case federation.Expired:
		answer = stsapi.ErrExpiredToken("%s", e.Message)
	case federation.Unreachable:
		answer = stsapi.ErrIDPCommunicationError("%s", e.Message)
	case federation.Rejected:
		answer = stsapi.ErrIDPRejectedClaim("%s", e.Message)
	case federation.Invalid:
	}
	answer.Cause = e.Cause
	return answer
}

// notAuthorized is all that an outside identity learns: whether the role exists is nobody's business.
func notAuthorized(action string) error {
	return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "Not authorized to perform %s", action)
}

// assumeOutside issues a session of a role to somebody outside whom the role's trust policy lets in. There are
// no policies of the caller's own that could.
func (v *service) assumeOutside(ctx context.Context, c *awsapi.Call, o *outside, in request) (*issued, error) {
	arn, err := roleAccount(in.roleARN)
	if err != nil {
		return nil, err
	}
	// From here on the record says who asked.
	o.principal.Account = arn.Account
	c.Principal = o.principal
	path, name := arn.PathAndName()
	role := v.Directory.Snapshot().Role(arn.Account, name)
	if role == nil || role.Path != path || role.Name != name {
		return nil, notAuthorized(o.action)
	}
	c.Touched(in.roleARN, "AWS::IAM::Role")
	s := o.session
	s.Type, s.Account, s.EntityID = identity.SessionAssumeRole, role.Account, role.ID
	if err := checkPassed(&s); err != nil {
		return nil, err
	}
	if err := v.mayAssumeOutside(ctx, c, role, o, &s); err != nil {
		return nil, err
	}
	life := seconds(in.durationSeconds, defaultRoleSession)
	if life > role.MaxSession {
		return nil, tooLong()
	}
	if o.longest > 0 {
		life = min(life, o.longest)
	}
	s.IssuedAt, s.Expires = c.Time, c.Time.Add(life).Truncate(time.Second)
	out := &issued{user: &stsapi.AssumedRoleUser{
		AssumedRoleId: role.ID + ":" + s.Name, Arn: identity.AssumedRoleARN(role.Account, role.Name, s.Name),
	}}
	if out.packed, err = v.limitSession(&s, role.Account, in.policyARNs, in.policy); err != nil {
		return nil, err
	}
	if out.credentials, out.size, err = v.issue(&s, in.minimumSize); err != nil {
		return nil, err
	}
	return out, nil
}

// checkPassed applies to tags and source identities that come in a token or an assertion the rules that the API's
// shapes apply to parameters.
func checkPassed(s *identity.Session) error {
	if len(s.Tags) > maxSessionTags {
		return stsapi.ErrInvalidIdentityToken("At most %d session tags can be passed", maxSessionTags)
	}
	if err := identity.CheckTags(s.Tags); err != nil {
		answer := stsapi.ErrInvalidIdentityToken("The session tags are not valid")
		answer.Cause = err
		return answer
	}
	keys := make([]string, 0, len(s.TransitiveTagKeys))
	for _, key := range s.TransitiveTagKeys {
		i := slices.IndexFunc(s.Tags, func(t identity.Tag) bool { return strings.EqualFold(t.Key, key) })
		if i < 0 {
			return stsapi.ErrInvalidIdentityToken("The specified transitive tag key must be included in the requested tags.")
		}
		if !slices.Contains(keys, s.Tags[i].Key) {
			keys = append(keys, s.Tags[i].Key)
		}
	}
	s.TransitiveTagKeys = keys
	size := 0
	for _, k := range s.FederatedKeys {
		for _, value := range k.Values {
			size += len(k.Name) + len(value)
		}
	}
	if size > maxFederatedKeys {
		return stsapi.ErrInvalidIdentityToken("The claims that the session keeps have %d characters, at most %d can be kept", size, maxFederatedKeys)
	}
	if id := s.SourceIdentity; id != "" && (identity.CheckRoleSessionName(id) != nil || strings.HasPrefix(strings.ToLower(id), "aws:")) {
		return stsapi.ErrInvalidIdentityToken(`Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`)
	}
	return nil
}

func (v *service) mayAssumeOutside(ctx context.Context, c *awsapi.Call, role *identity.Role, o *outside, s *identity.Session) error {
	keys := append(slices.Clip(o.keys), sessionKeys(s)...)
	check := authz.Check{
		Resource: role.ARN(), ResourceAccount: role.Account, ResourcePolicy: v.Directory.Snapshot().TrustPolicy(role.ID),
		ResourceKind: policy.Trust, ResourceTags: role.Tags, RequestTags: s.Tags, Trusted: keys,
	}
	actions := []string{o.action}
	if len(s.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if s.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for _, action := range actions {
		check.Action = action
		err := v.Authorizer.Authorize(ctx, c, check)
		var answer *awsapi.Error
		if errors.As(err, &answer) && answer.Code == "AccessDenied" {
			return notAuthorized(action)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
