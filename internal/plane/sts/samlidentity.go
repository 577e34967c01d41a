package sts

import (
	"context"
	"crypto/sha1" //nolint:gosec // the API defines NameQualifier with it
	"encoding/base64"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/saml"
	"github.com/rolecall-dev/rolecall/policy"
)

// assumeRoleWithSAML issues a session of a role to whom a SAML provider of the role's account vouches for.
// Nobody signs the call: the assertion is the proof.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html
func (v *service) assumeRoleWithSAML(ctx context.Context, c *awsapi.Call, in *stsapi.AssumeRoleWithSAMLInput) (*stsapi.AssumeRoleWithSAMLOutput, error) {
	arn, err := roleAccount(in.RoleArn)
	if err != nil {
		return nil, err
	}
	principal, err := identity.ParseARN(in.PrincipalArn)
	if err != nil || principal.Service != "iam" || principal.ResourceType() != "saml-provider" {
		return nil, awsapi.ValidationError("Request ARN is invalid")
	}
	provider := v.Directory.Snapshot().SAMLProvider(in.PrincipalArn)
	if provider == nil || provider.Account != arn.Account {
		return nil, stsapi.ErrInvalidIdentityToken("Specified provider doesn't exist")
	}
	if !provider.ValidUntil.IsZero() && !c.Time.Before(provider.ValidUntil) {
		return nil, stsapi.ErrInvalidIdentityToken("The metadata of the specified provider has expired")
	}
	trusted, err := v.metadata.of(provider)
	if err != nil {
		return nil, awsapi.Internal(err)
	}
	assertion, err := trusted.Verify(in.SAMLAssertion, c.Time)
	if err != nil {
		return nil, notProven(err)
	}
	wanted, err := assertion.Session()
	if err != nil {
		return nil, notProven(err)
	}
	o := samlIdentity(provider, assertion, wanted, c.Time)
	if !assertion.Offers(in.RoleArn, in.PrincipalArn) {
		c.Principal, o.principal.Account = o.principal, arn.Account
		return nil, notAuthorized(o.action)
	}
	got, err := v.assumeOutside(ctx, c, o, request{
		roleARN: in.RoleArn, policyARNs: in.PolicyArns, policy: in.Policy, durationSeconds: in.DurationSeconds, minimumSize: in.MinimumSessionTokenSize,
	})
	if err != nil {
		return nil, err
	}
	qualifier := nameQualifier(provider, assertion.Issuer)
	out := &stsapi.AssumeRoleWithSAMLOutput{
		Credentials: got.credentials, AssumedRoleUser: got.user, PackedPolicySize: got.packed,
		Subject: &assertion.Subject, SubjectType: &assertion.SubjectType, Issuer: &assertion.Issuer, Audience: &assertion.Recipient,
		NameQualifier: &qualifier, SourceIdentity: optional(wanted.SourceIdentity),
		SessionTokenSize: &got.size.token, SessionTokenUtilization: &got.size.utilization,
	}
	auditIssued(c, out.Credentials, got.user.AssumedRoleId, got.user.Arn, "subject", assertion.Subject, "subjectType", assertion.SubjectType,
		"issuer", assertion.Issuer, "audience", assertion.Recipient, "nameQualifier", qualifier)
	return out, nil
}

// samlIdentity puts a proven assertion in the terms of trust policies and sessions.
func samlIdentity(p *identity.SAMLProvider, a *saml.Assertion, wanted *saml.Session, now time.Time) *outside {
	qualifier := nameQualifier(p, a.Issuer)
	o := &outside{
		action: "sts:AssumeRoleWithSAML",
		principal: &identity.Principal{
			Kind: identity.SAMLUser, EntityARN: p.ARN(), EntityName: a.Subject, ARN: p.ARN(), UserID: qualifier + ":" + a.Subject,
		},
		session: identity.Session{Name: wanted.Name, SourceIdentity: wanted.SourceIdentity, TransitiveTagKeys: wanted.TransitiveKeys},
		longest: wanted.Duration,
	}
	for _, t := range wanted.Tags {
		o.session.Tags = append(o.session.Tags, identity.Tag(t))
	}
	if !a.SessionEnds.IsZero() {
		if left := a.SessionEnds.Sub(now); o.longest == 0 || left < o.longest {
			o.longest = left
		}
	}
	one := func(name, value string) policy.Key { return policy.Key{Name: name, Values: []string{value}} }
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml
	kept := []policy.Key{one("saml:namequalifier", qualifier), one("saml:sub", a.Subject), one("saml:sub_type", a.SubjectType)}
	for _, k := range kept {
		o.session.FederatedKeys = append(o.session.FederatedKeys, identity.ConditionKey(k))
	}
	o.keys = append(kept, one("saml:aud", a.Recipient), one("saml:iss", a.Issuer), one("saml:doc", string(p.Account)+"/"+p.Name))
	attributes := a.Keys()
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		o.keys = append(o.keys, policy.Key{Name: "saml:" + name, Values: attributes[name]})
	}
	return o
}

// nameQualifier tells subjects of different providers apart.
func nameQualifier(p *identity.SAMLProvider, issuer string) string {
	sum := sha1.Sum([]byte(issuer + string(p.Account) + "/" + p.Name)) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// maxMetadata bounds the parsed metadata that is kept.
const maxMetadata = 256

// metadata keeps providers' metadata parsed, while the providers are the same entries of the snapshot.
type metadata struct {
	mu sync.Mutex
	m  map[string]parsedMetadata
}

type parsedMetadata struct {
	of     *identity.SAMLProvider
	parsed *saml.Provider
}

func (m *metadata) of(p *identity.SAMLProvider) (*saml.Provider, error) {
	arn := p.ARN()
	m.mu.Lock()
	known := m.m[arn]
	m.mu.Unlock()
	if known.of == p {
		return known.parsed, nil
	}
	parsed, err := saml.ParseProvider(p.Metadata)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.m) >= maxMetadata {
		clear(m.m)
	}
	m.m[arn] = parsedMetadata{p, parsed}
	return parsed, nil
}
