package sts

import (
	"context"
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

const (
	defaultRoleSession = time.Hour
	// maxChainedSession caps a session that a role session asks for, whatever the role allows.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
	maxChainedSession = time.Hour
)

// assumeRole issues a session of a role to whom the role's trust policy, and where it only delegates
// to an account the caller's own policies, allow it.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (v *service) assumeRole(ctx context.Context, c *awsapi.Call, in *stsapi.AssumeRoleInput) (*stsapi.AssumeRoleOutput, error) {
	if c.Principal.Kind == identity.Root {
		return nil, awsapi.Errorf(http.StatusForbidden, "AccessDenied", "Roles may not be assumed by root accounts.")
	}
	role, err := v.role(c, in.RoleArn)
	if err != nil {
		return nil, err
	}
	s, requested, err := v.roleSession(c, role, in)
	if err != nil {
		return nil, err
	}
	asking, err := v.withMFA(ctx, c, in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	if err := v.mayAssume(ctx, asking, role, s, requested, in); err != nil {
		return nil, err
	}
	life, err := roleSessionLife(c, role, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	s.IssuedAt, s.Expires = c.Time, c.Time.Add(life).Truncate(time.Second)
	if p := asking.Principal.Session; p != nil {
		s.MFAAt = p.MFAAt
	}
	packed, err := v.limitSession(s, role.Account, in.PolicyArns, in.Policy)
	if err != nil {
		return nil, err
	}
	credentials, size, err := v.issue(s, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	out := &stsapi.AssumeRoleOutput{
		Credentials: credentials,
		AssumedRoleUser: &stsapi.AssumedRoleUser{
			AssumedRoleId: role.ID + ":" + s.Name,
			Arn:           identity.AssumedRoleARN(role.Account, role.Name, s.Name),
		},
		PackedPolicySize: packed, SourceIdentity: optional(s.SourceIdentity),
		SessionTokenSize: &size.token, SessionTokenUtilization: &size.utilization,
	}
	auditIssued(c, credentials, out.AssumedRoleUser.AssumedRoleId, out.AssumedRoleUser.Arn)
	return out, nil
}

// role finds the role that arn names. One that does not exist is answered like one that does not trust
// the caller, so that nobody can probe an account for its roles.
func (v *service) role(c *awsapi.Call, arn string) (*identity.Role, error) {
	parsed, err := identity.ParseARN(arn)
	if err != nil || parsed.Partition != identity.Partition || parsed.Service != "iam" || parsed.ResourceType() != "role" {
		return nil, awsapi.ValidationError("%s is invalid", arn)
	}
	path, name := parsed.PathAndName()
	role := v.Directory.Snapshot().Role(parsed.Account, name)
	if role == nil || role.Path != path || role.Name != name {
		return nil, awsapi.Errorf(http.StatusForbidden, "AccessDenied",
			"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.Principal.ARN, arn)
	}
	c.Touched(arn, "AWS::IAM::Role")
	return role, nil
}

// roleSession is the session that the call would get, without its times and policies, and the tags
// that the call itself passes.
func (v *service) roleSession(c *awsapi.Call, role *identity.Role, in *stsapi.AssumeRoleInput) (*identity.Session, []identity.Tag, error) {
	caller := c.Principal.Session
	if caller != nil && caller.Type != identity.SessionAssumeRole {
		caller = nil
	}
	requested, err := requestedTags(in.Tags)
	if err != nil {
		return nil, nil, err
	}
	all, transitive, err := sessionTags(caller, requested, in.TransitiveTagKeys)
	if err != nil {
		return nil, nil, err
	}
	if len(in.ProvidedContexts) > 0 {
		return nil, nil, awsapi.Errorf(0, "InvalidParameterValue", "Provided contexts are not supported: no trusted context provider is configured.")
	}
	s := &identity.Session{
		Type: identity.SessionAssumeRole, Account: role.Account, EntityID: role.ID, Name: in.RoleSessionName,
		Tags: all, TransitiveTagKeys: transitive,
	}
	if in.SourceIdentity != nil {
		s.SourceIdentity = *in.SourceIdentity
	}
	if caller != nil {
		s.ChainDepth = caller.ChainDepth + 1
		if caller.SourceIdentity != "" {
			if in.SourceIdentity != nil && *in.SourceIdentity != caller.SourceIdentity {
				return nil, nil, awsapi.ValidationError("The source identity is already set for this assume role session")
			}
			s.SourceIdentity = caller.SourceIdentity
		}
	}
	return s, requested, nil
}

// mayAssume asks for each right that the call needs: to assume, and, if the session gets any, to pass
// tags and a source identity. Tags and source identities that a chained session inherits count too.
func (v *service) mayAssume(ctx context.Context, c *awsapi.Call, role *identity.Role, s *identity.Session, requested []identity.Tag, in *stsapi.AssumeRoleInput) error {
	check := authz.Check{
		Action:          "sts:AssumeRole",
		Resource:        in.RoleArn,
		ResourceAccount: role.Account,
		ResourcePolicy:  v.Directory.Snapshot().TrustPolicy(role.ID),
		ResourceKind:    policy.Trust,
		ResourceTags:    role.Tags,
		RequestTags:     requested,
		Trusted:         trustKeys(s, in),
	}
	if err := v.Authorizer.Authorize(ctx, c, check); err != nil {
		return err
	}
	if len(s.Tags) > 0 {
		check.Action = "sts:TagSession"
		if err := v.Authorizer.Authorize(ctx, c, check); err != nil {
			return err
		}
	}
	if s.SourceIdentity != "" {
		check.Action = "sts:SetSourceIdentity"
		if err := v.Authorizer.Authorize(ctx, c, check); err != nil {
			return err
		}
	}
	return nil
}

func trustKeys(s *identity.Session, in *stsapi.AssumeRoleInput) []policy.Key {
	keys := sessionKeys(s)
	if in.ExternalId != nil {
		keys = append(keys, policy.Key{Name: "sts:ExternalId", Values: []string{*in.ExternalId}})
	}
	return keys
}

// sessionKeys are the condition keys of STS that tell what the session will be.
func sessionKeys(s *identity.Session) []policy.Key {
	keys := make([]policy.Key, 0, 4)
	keys = append(keys, policy.Key{Name: "sts:RoleSessionName", Values: []string{s.Name}})
	if s.SourceIdentity != "" {
		keys = append(keys, policy.Key{Name: "sts:SourceIdentity", Values: []string{s.SourceIdentity}})
	}
	if len(s.TransitiveTagKeys) > 0 {
		keys = append(keys, policy.Key{Name: "sts:TransitiveTagKeys", Values: s.TransitiveTagKeys})
	}
	return keys
}

func roleSessionLife(c *awsapi.Call, role *identity.Role, requested *int) (time.Duration, error) {
	life := seconds(requested, defaultRoleSession)
	chained := c.Principal.Session != nil && c.Principal.Session.Type == identity.SessionAssumeRole
	switch {
	case chained && life > maxChainedSession:
		return 0, awsapi.ValidationError("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case life > role.MaxSession:
		return 0, tooLong()
	}
	return life, nil
}

func tooLong() error {
	return awsapi.ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
}

// withMFA returns c, or c with a principal whose MFA is of this moment if the call brings a code.
func (v *service) withMFA(ctx context.Context, c *awsapi.Call, serial, code *string) (*awsapi.Call, error) {
	if serial == nil && code == nil {
		return c, nil
	}
	if serial == nil || code == nil {
		return nil, awsapi.Errorf(http.StatusForbidden, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	if err := v.MFA.VerifyMFA(ctx, c.Principal, *serial, *code, c.Time); err != nil {
		return nil, err
	}
	with, principal := *c, *c.Principal
	session := identity.Session{Type: identity.SessionToken, Account: principal.Account, EntityID: principal.EntityID}
	if principal.Session != nil {
		session = *principal.Session
	}
	session.MFAAt = c.Time
	principal.Session = &session
	with.Principal = &principal
	return &with, nil
}

// auditIssued records what was issued, without secret and token. more are names and values of further members.
func auditIssued(c *awsapi.Call, k *stsapi.Credentials, id, arn string, more ...string) {
	if c.Audit == nil {
		return
	}
	var e awsapi.JSONEncoder
	text := func(name, value string) {
		e.Name(name)
		e.String(value)
	}
	e.OpenObject()
	e.Name("credentials")
	e.OpenObject()
	text("accessKeyId", k.AccessKeyId)
	e.Name("expiration")
	e.Time(k.Expiration)
	e.CloseObject()
	e.Name("assumedRoleUser")
	e.OpenObject()
	text("assumedRoleId", id)
	text("arn", arn)
	e.CloseObject()
	for i := 0; i+1 < len(more); i += 2 {
		text(more[i], more[i+1])
	}
	e.CloseObject()
	c.Audit.ResponseElements = e.Bytes()
}
