package sts

import (
	"context"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/oidc"
	"github.com/rolecall-dev/rolecall/policy"
)

// assumeRoleWithWebIdentity issues a session of a role to whom an OpenID Connect provider of the role's account
// vouches for. Nobody signs the call: the token is the proof.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (v *service) assumeRoleWithWebIdentity(ctx context.Context, c *awsapi.Call, in *stsapi.AssumeRoleWithWebIdentityInput) (*stsapi.AssumeRoleWithWebIdentityOutput, error) {
	arn, err := roleAccount(in.RoleArn)
	if err != nil {
		return nil, err
	}
	if in.ProviderId != nil {
		// It tells access tokens of Login with Amazon and of Facebook apart, which those services alone can check.
		return nil, awsapi.ValidationError("ProviderId is for OAuth 2.0 access tokens only, which are not supported: use an OpenID Connect ID token without it")
	}
	var provider *identity.OIDCProvider
	claims, err := v.OIDC.Verify(ctx, in.WebIdentityToken, func(url string) *oidc.Provider {
		if provider = v.Directory.Snapshot().OIDCProvider(identity.OIDCProviderARN(arn.Account, url)); provider == nil {
			return nil
		}
		return &oidc.Provider{URL: provider.URL, ClientIDs: provider.ClientIDs, Thumbprints: provider.Thumbprints}
	})
	if err != nil {
		return nil, notProven(err)
	}
	o := webIdentity(provider, claims, in.RoleSessionName)
	got, err := v.assumeOutside(ctx, c, o, request{
		roleARN: in.RoleArn, policyARNs: in.PolicyArns, policy: in.Policy, durationSeconds: in.DurationSeconds, minimumSize: in.MinimumSessionTokenSize,
	})
	if err != nil {
		return nil, err
	}
	out := &stsapi.AssumeRoleWithWebIdentityOutput{
		Credentials: got.credentials, AssumedRoleUser: got.user, PackedPolicySize: got.packed,
		SubjectFromWebIdentityToken: &claims.Subject, Provider: ptr(provider.ARN()), Audience: &claims.Clients[0],
		SourceIdentity: optional(claims.SourceIdentity), SessionTokenSize: &got.size.token, SessionTokenUtilization: &got.size.utilization,
	}
	auditIssued(c, out.Credentials, got.user.AssumedRoleId, got.user.Arn,
		"subjectFromWebIdentityToken", claims.Subject, "provider", provider.ARN(), "audience", claims.Clients[0])
	return out, nil
}

// webIdentity puts proven claims in the terms of trust policies and sessions.
func webIdentity(p *identity.OIDCProvider, claims *oidc.Claims, sessionName string) *outside {
	arn := p.ARN()
	o := &outside{
		action: "sts:AssumeRoleWithWebIdentity",
		principal: &identity.Principal{
			Kind: identity.WebIdentityUser, EntityARN: arn, EntityName: claims.Subject, ARN: arn,
			UserID: arn + ":" + claims.Clients[0] + ":" + claims.Subject,
		},
		session: identity.Session{Name: sessionName, SourceIdentity: claims.SourceIdentity, TransitiveTagKeys: claims.TransitiveKeys, Federation: arn},
	}
	for _, t := range claims.Tags {
		o.session.Tags = append(o.session.Tags, identity.Tag(t))
	}
	o.keys = append(webIdentityKeys(p.URL, claims), policy.Key{Name: "aws:FederatedProvider", Values: []string{arn}})
	if strings.HasSuffix(claims.Issuer, "/") && !strings.HasSuffix(p.URL, "/") {
		// Such an issuer's keys are written with its slash, too.
		o.keys = append(o.keys, webIdentityKeys(p.URL+"/", claims)...)
	}
	for _, k := range o.keys {
		// The session keeps what AWS lets permission policies read.
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#cross-condition-keys-wif
		switch _, claim, _ := cutLast(k.Name); claim {
		case "amr", "aud", "email", "sub":
			o.session.FederatedKeys = append(o.session.FederatedKeys, identity.ConditionKey(k))
		}
	}
	return o
}

func cutLast(name string) (before, after string, found bool) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// webIdentityKeys are the condition keys of a provider.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
func webIdentityKeys(prefix string, claims *oidc.Claims) []policy.Key {
	keys := []policy.Key{
		{Name: prefix + ":aud", Values: claims.Clients},
		{Name: prefix + ":sub", Values: []string{claims.Subject}},
	}
	if len(claims.AuthenticationMethods) > 0 {
		keys = append(keys, policy.Key{Name: prefix + ":amr", Values: claims.AuthenticationMethods})
	}
	if claims.AuthorizedParty != "" {
		// Then aud is the party, and what the token calls aud has another name.
		keys = append(keys, policy.Key{Name: prefix + ":azp", Values: []string{claims.AuthorizedParty}},
			policy.Key{Name: prefix + ":oaud", Values: claims.Audiences})
	}
	for _, name := range append([]string{"email"}, providerClaims()[prefix]...) {
		if values := claims.Other[name]; len(values) > 0 {
			keys = append(keys, policy.Key{Name: prefix + ":" + name, Values: values})
		}
	}
	return keys
}

// providerClaims are the further claims that AWS reads of single providers' tokens.
func providerClaims() map[string][]string {
	return map[string][]string{
		"token.actions.githubusercontent.com": {
			"actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref", "repository", "repository_id", "workflow",
		},
		"accounts.google.com": {"google/organization_number"},
	}
}
