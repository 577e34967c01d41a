// Package sts is a small client of AWS's Security Token Service, and of anything that speaks its
// query protocol, such as rolecall's own plane. It has the calls that getting credentials needs and
// no others; see https://docs.aws.amazon.com/STS/latest/APIReference/.
package sts

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Client calls STS. The zero value needs a Region or an Endpoint. It is safe for concurrent use;
// its fields are not to be changed after the first call.
type Client struct {
	// Endpoint is the URL of the service, "http://127.0.0.1:4580" for example; "" derives it from Region.
	Endpoint string
	// Region names the region that requests are signed for; "" with an Endpoint means us-east-1.
	Region string
	// UseFIPS and UseDualStack choose those variants of the derived endpoint; with an Endpoint they are an error, as
	// in the SDKs.
	UseFIPS, UseDualStack bool
	// HTTPClient carries the requests; nil is one with time-outs and without redirects.
	HTTPClient *http.Client
	// MaxAttempts bounds how often a request that failed on the way, or with a 5xx or throttling
	// answer, is sent; 0 means 3.
	MaxAttempts int
	// Now is the clock for signatures; nil is time.Now.
	Now func() time.Time
	// UserAgent is sent along; "" is "rolecall".
	UserAgent string
}

// Error is an answer of the service that is not a success.
type Error struct {
	// Operation is what was called.
	Operation string
	// Code is AWS's error code, "AccessDenied"; it is never empty.
	Code string
	// Message is the service's text.
	Message string
	// Status is the HTTP status.
	Status int
	// RequestID identifies the request in the service's logs.
	RequestID string
}

func (e *Error) Error() string {
	s := e.Code
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Operation != "" {
		s = e.Operation + ": " + s
	}
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

// AssumeRoleInput are the parameters of AssumeRole; only RoleARN and SessionName are required.
type AssumeRoleInput struct {
	// RoleARN is the role to take on.
	RoleARN string
	// SessionName names the session in its ARN and in the audit: 2 to 64 of [\w+=,.@-].
	SessionName string
	// Duration is rounded down to seconds; 0 leaves it to the service (one hour).
	Duration time.Duration
	// ExternalID satisfies sts:ExternalId conditions of the trust policy.
	ExternalID string
	// SerialNumber and TokenCode prove a second factor.
	SerialNumber string
	// TokenCode is the six digits that the device named by SerialNumber shows.
	TokenCode string
	// SourceIdentity stays on the session and on those that are chained from it.
	SourceIdentity string
	// Policy is an inline session policy (JSON).
	Policy string
	// PolicyARNs are managed session policies.
	PolicyARNs []string
	// Tags are session tags.
	Tags []Tag
	// TransitiveTagKeys are the keys of Tags that chained sessions inherit.
	TransitiveTagKeys []string
}

// AssumeRoleWithWebIdentityInput are the parameters of AssumeRoleWithWebIdentity.
type AssumeRoleWithWebIdentityInput struct {
	// RoleARN, SessionName, Duration, Policy and PolicyARNs are as in [AssumeRoleInput].
	RoleARN, SessionName string
	// Token is the OIDC token.
	Token      rolecall.Secret
	Duration   time.Duration
	Policy     string
	PolicyARNs []string
	// ProviderID is for OAuth 2.0 tokens that are not OpenID Connect; usually empty.
	ProviderID string
}

// AssumeRoleWithSAMLInput are the parameters of AssumeRoleWithSAML.
type AssumeRoleWithSAMLInput struct {
	// RoleARN is the role to take on, ProviderARN the SAML provider that vouches for the person
	// ("arn:aws:iam::111122223333:saml-provider/Name"); the assertion must name the two together.
	RoleARN, ProviderARN string
	// Assertion is the identity provider's response, in base64; at most 100,000 characters.
	Assertion rolecall.Secret
	// Duration, Policy and PolicyARNs are as in [AssumeRoleInput].
	Duration   time.Duration
	Policy     string
	PolicyARNs []string
}

// GetSessionTokenInput are the parameters of GetSessionToken.
type GetSessionTokenInput struct {
	Duration                time.Duration
	SerialNumber, TokenCode string
}

// SessionOutput is what the calls that issue a session answer.
type SessionOutput struct {
	// Credentials carry no Origin: the caller knows it better.
	Credentials rolecall.Credentials
	// AssumedRoleARN and AssumedRoleID name the session; empty for GetSessionToken.
	AssumedRoleARN, AssumedRoleID string
	// SourceIdentity is the one that is in force.
	SourceIdentity string
	// PackedPolicySize is the percentage of the room for policies and tags that is used, 0 to 100.
	PackedPolicySize int
	// SubjectFromWebIdentityToken, Audience and Provider are set for web identities.
	SubjectFromWebIdentityToken, Audience, Provider string
	// Subject, SubjectType, Issuer, NameQualifier and Audience are set for SAML.
	Subject, SubjectType, Issuer, NameQualifier string
}

// AssumeRoleOutput is the answer of AssumeRole, AssumeRoleWithWebIdentity and AssumeRoleWithSAML.
type AssumeRoleOutput = SessionOutput

// CallerIdentity is the answer of GetCallerIdentity.
type CallerIdentity struct {
	// ARN is the caller: a user, an assumed role's session, the root.
	ARN string
	// UserID is the unique id: "AIDA…", "AROA…:session".
	UserID string
	// Account is the twelve-digit account.
	Account string
}

// regionSuffix returns the DNS suffix of the partition that region belongs to.
func regionSuffix(region string, dualStack bool) string {
	type partition struct{ prefix, suffix, dual string }
	for _, p := range [...]partition{
		{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
		{"us-gov-", "amazonaws.com", "api.aws"},
		{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
		{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
		{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
		{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
		{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
	} {
		if len(region) > len(p.prefix) && region[:len(p.prefix)] == p.prefix {
			if dualStack {
				return p.dual
			}
			return p.suffix
		}
	}
	if dualStack {
		return "api.aws"
	}
	return "amazonaws.com"
}

// endpoint returns the URL to call and the region to sign for.
func (c *Client) endpoint() (url, region string, err error) {
	switch {
	case c.Endpoint != "" && c.UseFIPS:
		return "", "", fmt.Errorf("an STS endpoint is configured, and FIPS endpoints are asked for: one of the two")
	case c.Endpoint != "" && c.UseDualStack:
		return "", "", fmt.Errorf("an STS endpoint is configured, and dual-stack endpoints are asked for: one of the two")
	case c.Endpoint != "":
		region = c.Region
		if region == "" || region == "aws-global" {
			region = "us-east-1"
		}
		return c.Endpoint, region, nil
	}
	switch c.Region {
	case "":
		return "", "", fmt.Errorf("no region to call STS in")
	case "aws-global":
		return "https://sts.amazonaws.com", "us-east-1", nil
	}
	if strings.Trim(c.Region, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		// It becomes part of the host that the request goes to.
		return "", "", fmt.Errorf("%q is no region", c.Region)
	}
	host := "sts"
	if c.UseFIPS && (c.UseDualStack || !fipsIsPlain(c.Region)) {
		host = "sts-fips"
	}
	return "https://" + host + "." + c.Region + "." + regionSuffix(c.Region, c.UseDualStack), c.Region, nil
}

// fipsIsPlain reports the regions whose ordinary endpoint is the FIPS one.
func fipsIsPlain(region string) bool { return len(region) > 7 && region[:7] == "us-gov-" }
