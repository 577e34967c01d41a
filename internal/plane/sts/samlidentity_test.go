package sts_test

import (
	"crypto/sha1" //nolint:gosec // the API defines NameQualifier with it
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/federation/saml"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

// corp is a plane with a SAML provider, "corp", that the first account trusts.
type corp struct {
	*planetest.Plane
	idp      *federationtest.IDP
	provider string // ARN
}

func newCorp(t *testing.T) *corp {
	t.Helper()
	c := &corp{Plane: planetest.New(t), idp: federationtest.NewIDP(t, "https://idp.example/saml")}
	out, err := c.IAM(c.Root(planetest.Account)).CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{
		Name: aws.String("corp"), SAMLMetadataDocument: aws.String(c.idp.Metadata()),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.provider = *out.SAMLProviderArn
	return c
}

func (c *corp) trust(condition string, actions ...string) string {
	w := &web{provider: c.provider, issuer: &federationtest.Issuer{URL: "https://unused"}}
	return strings.Replace(w.trust(condition, actions...), "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", 1)
}

// assume presents an ordinary response, changed.
func (c *corp) assume(t *testing.T, role string, change func(*federationtest.Response), in sts.AssumeRoleWithSAMLInput) (*sts.AssumeRoleWithSAMLOutput, error) {
	t.Helper()
	r := c.idp.Response("ann@example.com", role, c.provider, c.Now())
	if change != nil {
		change(r)
	}
	in.RoleArn, in.SAMLAssertion = &role, aws.String(c.idp.Encode(r))
	if in.PrincipalArn == nil {
		in.PrincipalArn = &c.provider
	}
	return sts.NewFromConfig(aws.Config{Region: planetest.Region, BaseEndpoint: &c.URL, RetryMaxAttempts: 1}).AssumeRoleWithSAML(t.Context(), &in)
}

func attribute(name string, values ...string) federationtest.Attribute {
	return federationtest.Attribute{Name: saml.AttributePrefix + name, Values: values}
}

func with(attributes ...federationtest.Attribute) func(*federationtest.Response) {
	return func(r *federationtest.Response) { r.Attributes = append(r.Attributes, attributes...) }
}

func qualifier() string {
	sum := sha1.Sum([]byte("https://idp.example/saml" + planetest.Account + "/corp")) //nolint:gosec // the API defines it so
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestAssumeRoleWithSAML(t *testing.T) {
	c := newCorp(t)
	role := c.Role(planetest.Account, "web", c.trust(`{"StringEquals":{"saml:aud":"`+federationtest.Endpoint+`"}}`), listUsers)
	out, err := c.assume(t, role, nil, sts.AssumeRoleWithSAMLInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:sts::" + planetest.Account + ":assumed-role/web/ann@example.com"
	session := credentialsOf(out.Credentials)
	if got := whoami(t, c.Plane, session); got != arn || *out.AssumedRoleUser.Arn != arn {
		t.Errorf("identity %s, want %s", got, arn)
	}
	got := []string{*out.Subject, *out.SubjectType, *out.Issuer, *out.Audience, *out.NameQualifier}
	want := []string{"ann@example.com", "persistent", "https://idp.example/saml", federationtest.Endpoint, qualifier()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if left := time.Until(*out.Credentials.Expiration); left < 59*time.Minute || left > time.Hour {
		t.Errorf("expires in %s, want an hour", left)
	}
	if _, err := c.IAM(session).ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Errorf("what the role allows: %v", err)
	}
}

func TestSAMLTrust(t *testing.T) {
	c := newCorp(t)
	staff := with(federationtest.Attribute{Name: "urn:oid:1.3.6.1.4.1.5923.1.1.1.1", Values: []string{"staff", "member"}})
	for name, tt := range map[string]struct {
		trust  string
		change func(*federationtest.Response)
		ok     bool
	}{
		"provider":            {c.trust(""), nil, true},
		"subject":             {c.trust(`{"StringEquals":{"saml:sub":"ann@example.com","saml:sub_type":"persistent"}}`), nil, true},
		"anothersubject":      {c.trust(`{"StringEquals":{"saml:sub":"eve@example.com"}}`), nil, false},
		"issuer":              {c.trust(`{"StringEquals":{"saml:iss":"https://idp.example/saml","saml:doc":"` + planetest.Account + `/corp","saml:namequalifier":"` + qualifier() + `"}}`), nil, true},
		"anotherissuer":       {c.trust(`{"StringEquals":{"saml:iss":"https://other.example"}}`), nil, false},
		"affiliation":         {c.trust(`{"ForAnyValue:StringEquals":{"saml:edupersonaffiliation":"staff"}}`), staff, true},
		"everyaffiliation":    {c.trust(`{"ForAllValues:StringLike":{"saml:edupersonaffiliation":"st*"},"Null":{"saml:edupersonaffiliation":"false"}}`), staff, false},
		"noaffiliation":       {c.trust(`{"ForAnyValue:StringEquals":{"saml:edupersonaffiliation":"staff"}}`), nil, false},
		"nofederatedprovider": {c.trust(`{"StringEquals":{"aws:FederatedProvider":"` + c.provider + `"}}`), nil, false},
		"anotheraction":       {strings.Replace(c.trust(""), "WithSAML", "WithWebIdentity", 1), nil, false},
		"everybodyofaws":      {strings.Replace(c.trust(""), `{"Federated":"`+c.provider+`"}`, `{"AWS":"*"}`, 1), nil, false},
		"anotherprovider":     {strings.Replace(c.trust(""), c.provider, c.provider+"x", 1), nil, false},
		"rolenotinassertion":  {c.trust(""), func(r *federationtest.Response) { r.Attributes[0].Values[0] += "x" }, false},
		"noroleinassertion":   {c.trust(""), func(r *federationtest.Response) { r.Attributes = r.Attributes[1:] }, false},
		"oneofseveralroles": {c.trust(""), func(r *federationtest.Response) {
			r.Attributes[0].Values = append([]string{"arn:aws:iam::1:role/x,arn:aws:iam::1:saml-provider/y"}, r.Attributes[0].Values...)
		}, true},
		"sessionnamecondition": {c.trust(`{"StringEquals":{"sts:RoleSessionName":"ann@example.com"}}`), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			role := c.Role(planetest.Account, name, tt.trust, "")
			_, err := c.assume(t, role, tt.change, sts.AssumeRoleWithSAMLInput{})
			if tt.ok && err != nil {
				t.Fatal(err)
			}
			if !tt.ok {
				wantError(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")
			}
		})
	}
}

func TestSAMLErrors(t *testing.T) {
	c := newCorp(t)
	role := c.Role(planetest.Account, "web", c.trust(""), "")
	for name, tt := range map[string]struct {
		change        func(*federationtest.Response)
		in            sts.AssumeRoleWithSAMLInput
		code, message string
	}{
		"no such provider":   {nil, sts.AssumeRoleWithSAMLInput{PrincipalArn: aws.String(c.provider + "x")}, "InvalidIdentityToken", "Specified provider doesn't exist"},
		"a user as provider": {nil, sts.AssumeRoleWithSAMLInput{PrincipalArn: aws.String("arn:aws:iam::" + planetest.Account + ":user/corp")}, "ValidationError", "Request ARN is invalid"},
		"signature": {func(r *federationtest.Response) {
			r.Document = func(s string) string { return strings.Replace(s, "ann@", "eve@", 1) }
		}, sts.AssumeRoleWithSAMLInput{}, "InvalidIdentityToken", "Response signature invalid"},
		"no session name":       {func(r *federationtest.Response) { r.Attributes = r.Attributes[:1] }, sts.AssumeRoleWithSAMLInput{}, "InvalidIdentityToken", "RoleSessionName is required in AuthnResponse"},
		"session name":          {func(r *federationtest.Response) { r.Attributes[1].Values[0] = "Ann B" }, sts.AssumeRoleWithSAMLInput{}, "InvalidIdentityToken", "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"},
		"source identity":       {with(attribute("SourceIdentity", "Ann B")), sts.AssumeRoleWithSAMLInput{}, "InvalidIdentityToken", `Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`},
		"late":                  {func(r *federationtest.Response) { r.Issued = c.Now().Add(-6 * time.Minute) }, sts.AssumeRoleWithSAMLInput{}, "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance"},
		"the provider says no":  {func(r *federationtest.Response) { r.Status = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed" }, sts.AssumeRoleWithSAMLInput{}, "IDPRejectedClaim", ""},
		"another issuer":        {func(r *federationtest.Response) { r.Issuer = "https://other.example" }, sts.AssumeRoleWithSAMLInput{}, "InvalidIdentityToken", "Issuer not present in specified provider"},
		"another audience":      {func(r *federationtest.Response) { r.Audience = "https://other.example" }, sts.AssumeRoleWithSAMLInput{}, "InvalidIdentityToken", "Response does not contain the required audience"},
		"long life":             {nil, sts.AssumeRoleWithSAMLInput{DurationSeconds: aws.Int32(3601)}, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"tags, not trusted":     {with(attribute("PrincipalTag:team", "blue")), sts.AssumeRoleWithSAMLInput{}, "AccessDenied", "Not authorized to perform sts:TagSession"},
		"identity, not trusted": {with(attribute("SourceIdentity", "Ann")), sts.AssumeRoleWithSAMLInput{}, "AccessDenied", "Not authorized to perform sts:SetSourceIdentity"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.assume(t, role, tt.change, tt.in)
			wantError(t, err, tt.code, tt.message)
		})
	}
	t.Run("another account's provider", func(t *testing.T) {
		foreign := c.Role(planetest.OtherAccount, "web", c.trust(""), "")
		_, err := c.assume(t, foreign, nil, sts.AssumeRoleWithSAMLInput{})
		wantError(t, err, "InvalidIdentityToken", "Specified provider doesn't exist")
	})
}

func TestSAMLSession(t *testing.T) {
	c := newCorp(t)
	ctx := t.Context()
	role := c.Role(planetest.Account, "tagged", c.trust("", "sts:TagSession", "sts:SetSourceIdentity"), `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"Ann",
			"saml:sub":"ann@example.com","saml:sub_type":"persistent","saml:namequalifier":"`+qualifier()+`"}}},
		{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*","Condition":{"StringEquals":{"saml:iss":"https://idp.example/saml"}}}]}`)
	out, err := c.assume(t, role, with(attribute("PrincipalTag:team", "blue"), attribute("TransitiveTagKeys", "team"), attribute("SourceIdentity", "Ann")), sts.AssumeRoleWithSAMLInput{})
	if err != nil {
		t.Fatal(err)
	}
	if *out.SourceIdentity != "Ann" || out.PackedPolicySize == nil { //nolint:staticcheck // deprecated, and still answered
		t.Errorf("%+v", out)
	}
	session := credentialsOf(out.Credentials)
	if _, err := c.IAM(session).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
		t.Errorf("tags, source identity and saml keys in a permissions policy: %v", err)
	}
	// The issuer is for trust policies only.
	_, err = c.IAM(session).ListRoles(ctx, &iam.ListRolesInput{})
	wantError(t, err, "AccessDenied", "")

	plain := c.Role(planetest.Account, "plain", c.trust(""), "")
	for name, tt := range map[string]struct {
		change func(*federationtest.Response)
		asked  int32
		want   time.Duration
	}{
		"asked":                      {nil, 900, 15 * time.Minute},
		"the assertion's duration":   {with(attribute("SessionDuration", "1800")), 3600, 30 * time.Minute},
		"it never extends":           {with(attribute("SessionDuration", "43200")), 1200, 20 * time.Minute},
		"end of the sign-in session": {func(r *federationtest.Response) { r.SessionEnds = c.Now().Add(10 * time.Minute) }, 3600, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := c.assume(t, plain, tt.change, sts.AssumeRoleWithSAMLInput{DurationSeconds: &tt.asked})
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(*out.Credentials.Expiration); left < tt.want-30*time.Second || left > tt.want+time.Second {
				t.Errorf("lives for %s, want %s", left, tt.want)
			}
		})
	}
}

// The provider's new metadata counts at once, and its old key no more.
func TestSAMLProviderChanges(t *testing.T) {
	c := newCorp(t)
	role := c.Role(planetest.Account, "web", c.trust(""), "")
	if _, err := c.assume(t, role, nil, sts.AssumeRoleWithSAMLInput{}); err != nil {
		t.Fatal(err)
	}
	old := c.idp
	c.idp = federationtest.NewECIDP(t, old.EntityID)
	if _, err := c.IAM(c.Root(planetest.Account)).UpdateSAMLProvider(t.Context(), &iam.UpdateSAMLProviderInput{
		SAMLProviderArn: &c.provider, SAMLMetadataDocument: aws.String(c.idp.Metadata()),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.assume(t, role, nil, sts.AssumeRoleWithSAMLInput{}); err != nil {
		t.Errorf("new key: %v", err)
	}
	c.idp = old
	_, err := c.assume(t, role, nil, sts.AssumeRoleWithSAMLInput{})
	wantError(t, err, "InvalidIdentityToken", "Response signature invalid")
}
