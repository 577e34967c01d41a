package sts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

// web is a plane with an OpenID Connect provider that the first account trusts.
type web struct {
	*planetest.Plane
	issuer   *federationtest.Issuer
	provider string // ARN
}

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{Plane: planetest.New(t), issuer: federationtest.NewIssuer(t)}
	out, err := w.IAM(w.Root(planetest.Account)).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &w.issuer.URL, ClientIDList: []string{"web", "mobile"}, ThumbprintList: []string{w.issuer.Thumbprint},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.provider = *out.OpenIDConnectProviderArn
	return w
}

// trust is a trust policy for the provider's identities, with an optional condition.
func (w *web) trust(condition string, actions ...string) string {
	if condition != "" {
		condition = `,"Condition":` + strings.ReplaceAll(condition, "ISSUER", w.issuer.Name())
	}
	action, _ := json.Marshal(append([]string{"sts:AssumeRoleWithWebIdentity"}, actions...))
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":%q},"Action":%s%s}}`, w.provider, action, condition)
}

func (w *web) token(change map[string]any) string {
	claims := w.issuer.Claims("web", "user-7", w.Now())
	for name, value := range change {
		claims[name] = value
	}
	return w.issuer.Token(claims)
}

// assume calls without credentials.
func (w *web) assume(t *testing.T, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	t.Helper()
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("s1")
	}
	return sts.NewFromConfig(aws.Config{Region: planetest.Region, BaseEndpoint: &w.URL, RetryMaxAttempts: 1}).AssumeRoleWithWebIdentity(t.Context(), in)
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	w := newWeb(t)
	role := w.Role(planetest.Account, "web", w.trust(`{"StringEquals":{"ISSUER:aud":"web","ISSUER:sub":"user-7"}}`), listUsers)
	out, err := w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(nil)), RoleSessionName: aws.String("build@7")})
	if err != nil {
		t.Fatal(err)
	}
	c := credentialsOf(out.Credentials)
	arn := "arn:aws:sts::" + planetest.Account + ":assumed-role/web/build@7"
	if got := whoami(t, w.Plane, c); got != arn || *out.AssumedRoleUser.Arn != arn || !strings.HasPrefix(*out.AssumedRoleUser.AssumedRoleId, "AROA") {
		t.Errorf("identity %s, user %+v, want %s", got, out.AssumedRoleUser, arn)
	}
	got := []string{*out.SubjectFromWebIdentityToken, *out.Audience, *out.Provider}
	if diff := cmp.Diff([]string{"user-7", "web", "arn:aws:iam::" + planetest.Account + ":oidc-provider/" + w.issuer.Name()}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if left := time.Until(*out.Credentials.Expiration); left < 59*time.Minute || left > time.Hour {
		t.Errorf("expires in %s, want an hour", left)
	}
	if out.PackedPolicySize != nil || out.SourceIdentity != nil || *out.SessionTokenSize != int32(len(c.SessionToken)) || *out.SessionTokenUtilization < 1 { //nolint:staticcheck // deprecated, and still answered
		t.Errorf("%+v", out)
	}
	if _, err := w.IAM(c).ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Errorf("what the role allows: %v", err)
	}
	used, err := w.IAM(w.Root(planetest.Account)).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("web")})
	if err != nil || used.Role.RoleLastUsed.LastUsedDate == nil {
		t.Errorf("role last used: %v, %+v", err, used)
	}
	// A key that is not told its life's end is one nobody can renew: the session is a role session, like any other.
	for operation, call := range map[string]func() error{
		"GetSessionToken": func() error { _, err := w.STS(c).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}); return err },
		"GetFederationToken": func() error {
			_, err := w.STS(c).GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")})
			return err
		},
	} {
		wantError(t, call(), "AccessDenied", "Cannot call "+operation+" with session credentials")
	}
}

func TestWebIdentityTrust(t *testing.T) {
	w := newWeb(t)
	other := federationtest.NewIssuer(t)
	foreign, err := w.IAM(w.Root(planetest.OtherAccount)).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &other.URL, ClientIDList: []string{"web"}, ThumbprintList: []string{other.Thumbprint},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		trust string
		claim map[string]any
		ok    bool
	}{
		"provider alone":                          {w.trust(""), nil, true},
		"subject":                                 {w.trust(`{"StringEquals":{"ISSUER:sub":"user-7"}}`), nil, true},
		"another subject":                         {w.trust(`{"StringEquals":{"ISSUER:sub":"user-8"}}`), nil, false},
		"subject by pattern":                      {w.trust(`{"StringLike":{"ISSUER:sub":"user-*"}}`), nil, true},
		"audience":                                {w.trust(`{"StringEquals":{"ISSUER:aud":"mobile"}}`), map[string]any{"aud": []string{"web", "mobile", "other"}}, true},
		"an audience of somebody else":            {w.trust(`{"StringEquals":{"ISSUER:aud":"other"}}`), map[string]any{"aud": []string{"web", "other"}}, false},
		"authorized party is aud":                 {w.trust(`{"StringEquals":{"ISSUER:aud":"mobile","ISSUER:oaud":"elsewhere","ISSUER:azp":"mobile"}}`), map[string]any{"aud": "elsewhere", "azp": "mobile"}, true},
		"methods":                                 {w.trust(`{"ForAnyValue:StringEquals":{"ISSUER:amr":"mfa"}}`), map[string]any{"amr": []string{"pwd", "mfa"}}, true},
		"no such method":                          {w.trust(`{"ForAnyValue:StringEquals":{"ISSUER:amr":"mfa"}}`), map[string]any{"amr": []string{"pwd"}}, false},
		"email":                                   {w.trust(`{"StringEquals":{"ISSUER:email":"ann@example.com"}}`), map[string]any{"email": "ann@example.com"}, true},
		"a claim that AWS has no key for":         {w.trust(`{"StringEquals":{"ISSUER:groups":"admins"}}`), map[string]any{"groups": "admins"}, false},
		"session name":                            {w.trust(`{"StringEquals":{"sts:RoleSessionName":"s1"}}`), nil, true},
		"another session name":                    {w.trust(`{"StringEquals":{"sts:RoleSessionName":"s2"}}`), nil, false},
		"federated provider":                      {w.trust(`{"StringEquals":{"aws:FederatedProvider":"` + w.provider + `"}}`), nil, true},
		"source address":                          {w.trust(`{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`), nil, true},
		"another action":                          {strings.Replace(w.trust(""), "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", 1), nil, false},
		"sts:AssumeRole is another":               {strings.Replace(w.trust(""), "sts:AssumeRoleWithWebIdentity", "sts:AssumeRole", 1), nil, false},
		"everybody of AWS":                        {strings.Replace(w.trust(""), fmt.Sprintf(`{"Federated":%q}`, w.provider), `{"AWS":"*"}`, 1), nil, false},
		"the account":                             {strings.Replace(w.trust(""), fmt.Sprintf(`{"Federated":%q}`, w.provider), `{"AWS":"`+rootARN(planetest.Account)+`"}`, 1), nil, false},
		"another provider":                        {strings.Replace(w.trust(""), w.provider, *foreign.OpenIDConnectProviderArn, 1), nil, false},
		"another account's provider of that name": {strings.Replace(w.trust(""), planetest.Account+":oidc-provider", planetest.OtherAccount+":oidc-provider", 1), nil, false},
		"claims cannot be AWS's keys":             {w.trust(`{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`), map[string]any{"aws:PrincipalTag/team": "blue"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			role := w.Role(planetest.Account, "r"+strings.Map(func(r rune) rune {
				if r < 'a' || r > 'z' {
					return -1
				}
				return r
			}, name), tt.trust, "")
			_, err := w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(tt.claim))})
			if tt.ok && err != nil {
				t.Fatal(err)
			}
			if !tt.ok {
				wantError(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
			}
		})
	}
	t.Run("a provider of another account only", func(t *testing.T) {
		role := w.Role(planetest.Account, "mine", w.trust(""), "")
		token := other.Token(other.Claims("web", "user-7", w.Now()))
		_, err := w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: &token})
		wantError(t, err, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+other.URL)
	})
}

func TestWebIdentityErrors(t *testing.T) {
	w := newWeb(t)
	role := w.Role(planetest.Account, "web", w.trust(""), "")
	good := w.token(nil)
	for name, tt := range map[string]struct {
		in            sts.AssumeRoleWithWebIdentityInput
		code, message string
	}{
		"no such role":       {sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::" + planetest.Account + ":role/nobody"), WebIdentityToken: &good}, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"no role at all":     {sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::" + planetest.Account + ":user/web"), WebIdentityToken: &good}, "ValidationError", "Request ARN is invalid"},
		"no token":           {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String("abcd")}, "InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"},
		"expired":            {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(map[string]any{"exp": w.Now().Add(-time.Minute).Unix()}))}, "ExpiredTokenException", "Token expired: current date/time"},
		"another audience":   {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(map[string]any{"aud": "desktop"}))}, "InvalidIdentityToken", "Incorrect token audience"},
		"no subject":         {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(map[string]any{"sub": nil}))}, "InvalidIdentityToken", "Missing a required claim: sub"},
		"a long subject":     {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(map[string]any{"sub": strings.Repeat("x", 256)}))}, "InvalidIdentityToken", "at most 255 characters"},
		"long life":          {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: &good, DurationSeconds: aws.Int32(3601)}, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"short life":         {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: &good, DurationSeconds: aws.Int32(899)}, "ValidationError", "Member must have value greater than or equal to 900"},
		"session name":       {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: &good, RoleSessionName: aws.String("a b")}, "ValidationError", "roleSessionName"},
		"malformed policy":   {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: &good, Policy: aws.String("{")}, "MalformedPolicyDocument", ""},
		"OAuth access token": {sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: &good, ProviderId: aws.String("www.amazon.com")}, "ValidationError", "ProviderId"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.assume(t, &tt.in)
			wantError(t, err, tt.code, tt.message)
		})
	}
	t.Run("provider is down", func(t *testing.T) {
		down := newWeb(t)
		down.issuer.Answer(federationtest.KeysPath, federationtest.Fail(503))
		role := down.Role(planetest.Account, "web", down.trust(""), "")
		_, err := down.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(down.token(nil))})
		wantError(t, err, "IDPCommunicationError", "could not be reached")
		var answer smithy.APIError
		if errors.As(err, &answer) && strings.Contains(answer.ErrorMessage(), "127.0.0.1") {
			t.Errorf("the answer tells addresses: %s", answer.ErrorMessage())
		}
	})
}

func TestWebIdentitySession(t *testing.T) {
	w := newWeb(t)
	ctx := t.Context()
	own := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"Ann",
			"` + w.issuer.Name() + `:sub":"user-7","` + w.issuer.Name() + `:aud":"web","aws:FederatedProvider":"` + w.provider + `"}}},
		{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::*:user/${` + w.issuer.Name() + `:sub}"},
		{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
	role := w.Role(planetest.Account, "tagged", w.trust("", "sts:TagSession", "sts:SetSourceIdentity"), own)
	untagged := w.Role(planetest.Account, "untagged", w.trust(""), "")
	next := w.Role(planetest.Account, "next", trust(role, ""), strings.ReplaceAll(own, `"aws:PrincipalTag/team":"blue",`, ""))
	w.User(planetest.Account, "user-7", "")
	w.User(planetest.Account, "user-8", "")
	claims := map[string]any{
		"https://aws.amazon.com/tags":            map[string]any{"principal_tags": map[string]any{"team": []string{"blue"}, "job": []string{"7"}}, "transitive_tag_keys": []string{"team"}},
		"https://aws.amazon.com/source_identity": "Ann",
	}
	out, err := w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(claims))})
	if err != nil {
		t.Fatal(err)
	}
	if *out.SourceIdentity != "Ann" || out.PackedPolicySize == nil { //nolint:staticcheck // deprecated, and still answered
		t.Errorf("%+v", out)
	}
	c := credentialsOf(out.Credentials)
	if _, err := w.IAM(c).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
		t.Errorf("tags, source identity and the provider's keys in a permissions policy: %v", err)
	}
	if _, err := w.IAM(c).GetUser(ctx, &iam.GetUserInput{UserName: aws.String("user-7")}); err != nil {
		t.Errorf("the subject as a variable: %v", err)
	}
	_, err = w.IAM(c).GetUser(ctx, &iam.GetUserInput{UserName: aws.String("user-8")})
	wantError(t, err, "AccessDenied", "")
	// The next session of a chain keeps the transitive tag and the source identity, and nothing of the provider.
	chained := assume(t, w.Plane, c, &sts.AssumeRoleInput{RoleArn: &next})
	_, err = w.IAM(chained).ListUsers(ctx, &iam.ListUsersInput{})
	wantError(t, err, "AccessDenied", "")
	_, err = w.STS(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &next, RoleSessionName: aws.String("s2"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}}})
	wantError(t, err, "InvalidParameterValue", "transitive tag")
	// Tags and source identities need the trust policy's word.
	for claim, action := range map[string]string{"https://aws.amazon.com/tags": "sts:TagSession", "https://aws.amazon.com/source_identity": "sts:SetSourceIdentity"} {
		_, err = w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &untagged, WebIdentityToken: aws.String(w.token(map[string]any{claim: claims[claim]}))})
		wantError(t, err, "AccessDenied", "Not authorized to perform "+action)
	}
	for name, claim := range map[string]map[string]any{
		"reserved tag":       {"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"aws:x": "1"}}},
		"tag twice":          {"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"Team": "1", "team": "2"}}},
		"no such transitive": {"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a": "1"}, "transitive_tag_keys": []string{"b"}}},
		"source identity":    {"https://aws.amazon.com/source_identity": "Ann B"},
		"amr without end":    {"amr": strings.Split(strings.Repeat("x", 3000), "")},
	} {
		_, err = w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(claim))})
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantError(t, err, "InvalidIdentityToken", "")
	}
	// Session policies limit, and the token grows when asked.
	out, err = w.assume(t, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, WebIdentityToken: aws.String(w.token(claims)), MinimumSessionTokenSize: aws.Int32(4096),
		Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(*out.Credentials.SessionToken) != 4096 || *out.SessionTokenSize != 4096 || *out.SessionTokenUtilization != 50 {
		t.Errorf("token of %d characters, size %d, utilization %d", len(*out.Credentials.SessionToken), *out.SessionTokenSize, *out.SessionTokenUtilization)
	}
	_, err = w.IAM(credentialsOf(out.Credentials)).ListUsers(ctx, &iam.ListUsersInput{})
	wantError(t, err, "AccessDenied", "because no session policy allows the iam:ListUsers action")
}

// Rights follow the provider at once: a client that is removed, a provider that is deleted.
func TestWebIdentityProviderChanges(t *testing.T) {
	w := newWeb(t)
	role := w.Role(planetest.Account, "web", w.trust(""), "")
	admin := w.IAM(w.Root(planetest.Account))
	call := func() error {
		_, err := w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, WebIdentityToken: aws.String(w.token(nil))})
		return err
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.RemoveClientIDFromOpenIDConnectProvider(t.Context(), &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: &w.provider, ClientID: aws.String("web")}); err != nil {
		t.Fatal(err)
	}
	wantError(t, call(), "InvalidIdentityToken", "Incorrect token audience")
	if _, err := admin.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &w.provider}); err != nil {
		t.Fatal(err)
	}
	wantError(t, call(), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for "+w.issuer.URL)
}
