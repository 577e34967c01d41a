package sts

import (
	"context"
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
)

const (
	defaultUserSession = 12 * time.Hour
	maxRootSession     = time.Hour
)

// userSessionLife is the life of a session that a user or root makes of itself: root's is an hour at
// most, and longer requests are shortened without an error.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
func userSessionLife(p *identity.Principal, requested *int) time.Duration {
	life := seconds(requested, defaultUserSession)
	if p.Kind == identity.Root && life > maxRootSession {
		return maxRootSession
	}
	return life
}

// getSessionToken needs no permission: its purpose is to authenticate, with MFA, and policies do not
// control authentication.
func (v *service) getSessionToken(ctx context.Context, c *awsapi.Call, in *stsapi.GetSessionTokenInput) (*stsapi.GetSessionTokenOutput, error) {
	if err := longTerm(c, "GetSessionToken"); err != nil {
		return nil, err
	}
	asking, err := v.withMFA(ctx, c, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	p := asking.Principal
	s := &identity.Session{
		Type: identity.SessionToken, Account: p.Account, EntityID: p.EntityID, IssuedAt: c.Time,
		Expires: c.Time.Add(userSessionLife(p, in.DurationSeconds)).Truncate(time.Second),
	}
	if p.Session != nil {
		s.MFAAt = p.Session.MFAAt
	}
	credentials, size, err := v.issue(s, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	auditIssued(c, credentials, p.UserID, p.ARN)
	return &stsapi.GetSessionTokenOutput{
		Credentials: credentials, SessionTokenSize: &size.token, SessionTokenUtilization: &size.utilization,
	}, nil
}

// getFederationToken issues a session to an outside user in the caller's name, with at most the
// caller's rights.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
func (v *service) getFederationToken(ctx context.Context, c *awsapi.Call, in *stsapi.GetFederationTokenInput) (*stsapi.GetFederationTokenOutput, error) {
	if err := longTerm(c, "GetFederationToken"); err != nil {
		return nil, err
	}
	tags, err := requestedTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := c.Principal
	arn := identity.FederatedUserARN(p.Account, in.Name)
	check := authz.Check{Action: "sts:GetFederationToken", Resource: arn, RequestTags: tags}
	if err := v.Authorizer.Authorize(ctx, c, check); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		check.Action = "sts:TagSession"
		if err := v.Authorizer.Authorize(ctx, c, check); err != nil {
			return nil, err
		}
	}
	s := &identity.Session{
		Type: identity.SessionFederation, Account: p.Account, EntityID: p.EntityID, Name: in.Name, Tags: tags,
		IssuedAt: c.Time, Expires: c.Time.Add(userSessionLife(p, in.DurationSeconds)).Truncate(time.Second),
	}
	packed, err := v.limitSession(s, p.Account, in.PolicyArns, in.Policy)
	if err != nil {
		return nil, err
	}
	if packed == nil {
		packed = ptr(0)
	}
	credentials, size, err := v.issue(s, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	user := &stsapi.FederatedUser{FederatedUserId: string(p.Account) + ":" + in.Name, Arn: arn}
	auditIssued(c, credentials, user.FederatedUserId, user.Arn)
	return &stsapi.GetFederationTokenOutput{
		Credentials: credentials, FederatedUser: user, PackedPolicySize: packed,
		SessionTokenSize: &size.token, SessionTokenUtilization: &size.utilization,
	}, nil
}

// longTerm refuses callers that sign with temporary credentials.
func longTerm(c *awsapi.Call, operation string) error {
	if c.Principal.Session != nil {
		return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "Cannot call %s with session credentials", operation)
	}
	return nil
}
