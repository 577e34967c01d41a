//go:build peers

package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/test/kit"
)

// trustLoopback lets a plane reach identity providers on this machine.
func trustLoopback() []string { return []string{"--oidc-trusted-network", "127.0.0.0/8"} }

// federation is a plane's account with an OpenID Connect and a SAML provider, and a role for each.
type federation struct {
	issuer                     *federationtest.Issuer
	idp                        *federationtest.IDP
	webRole, samlRole, nobody  string // ARNs; nobody may assume the last
	oidcProvider, samlProvider string
}

// federate registers the providers and makes the roles, as the account's root.
func federate(t *testing.T, plane *kit.Plane) *federation {
	t.Helper()
	ctx := t.Context()
	id, secret := kit.RootKey()
	root := sdkiam.NewFromConfig(aws.Config{
		Region: kit.Region, BaseEndpoint: &plane.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
	f := &federation{issuer: federationtest.NewIssuer(t), idp: federationtest.NewIDP(t, "https://idp.example/saml")}
	oidc, err := root.CreateOpenIDConnectProvider(ctx, &sdkiam.CreateOpenIDConnectProviderInput{
		Url: &f.issuer.URL, ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{f.issuer.Thumbprint},
	})
	if err != nil {
		t.Fatal(err)
	}
	saml, err := root.CreateSAMLProvider(ctx, &sdkiam.CreateSAMLProviderInput{Name: aws.String("federated"), SAMLMetadataDocument: aws.String(f.idp.Metadata())})
	if err != nil {
		t.Fatal(err)
	}
	f.oidcProvider, f.samlProvider = *oidc.OpenIDConnectProviderArn, *saml.SAMLProviderArn
	role := func(name, principal, action, condition string) string {
		t.Helper()
		trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":%s,"Action":%q,"Condition":%s}}`, principal, action, condition)
		made, err := root.CreateRole(ctx, &sdkiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
		if err != nil {
			t.Fatal(err)
		}
		return *made.Role.Arn
	}
	f.webRole = role("federated-web", fmt.Sprintf(`{"Federated":%q}`, f.oidcProvider), "sts:AssumeRoleWithWebIdentity",
		fmt.Sprintf(`{"StringEquals":{"%s:aud":"sts.amazonaws.com","%[1]s:sub":"workload-7"}}`, f.issuer.Name()))
	f.samlRole = role("federated-saml", fmt.Sprintf(`{"Federated":%q}`, f.samlProvider), "sts:AssumeRoleWithSAML",
		`{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml"}}`)
	f.nobody = role("federated-nobody", `{"Service":"ec2.amazonaws.com"}`, "sts:AssumeRole", `{}`)
	return f
}

// token is an ID token of the workload.
func (f *federation) token(change map[string]any) string {
	claims := f.issuer.Claims("sts.amazonaws.com", "workload-7", time.Now())
	for name, value := range change {
		claims[name] = value
	}
	return f.issuer.Token(claims)
}

// name puts what iam_cases.json needs among the values: an assertion is good for five minutes.
func (f *federation) name(values map[string]string) {
	values["web.token"], values["web.role"] = f.token(nil), f.webRole
	r := f.idp.Response("ann@example.com", f.samlRole, f.samlProvider, time.Now())
	r.Attributes[0].Values = append(r.Attributes[0].Values, f.nobody+","+f.samlProvider)
	values["saml.assertion"], values["saml.role"], values["saml.provider"] = f.idp.Encode(r), f.samlRole, f.samlProvider
	values["nobodys.role"] = f.nobody
}

// Every SDK gets a session for a token in a file, as Kubernetes and CI systems hand it out, by the variables and by a
// profile; and refuses to go on with a token that is not good.
func TestWebIdentityOfEverySDK(t *testing.T) {
	plane, err := kit.StartPlane(t.Context(), build(t), filepath.Join(t.TempDir(), "state"), "127.0.0.1:0", trustLoopback()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		plane.Kill()
		if t.Failed() {
			t.Logf("the plane said:\n%s", tail(plane.Output()))
		}
	})
	f := federate(t, plane)
	file := filepath.Join(t.TempDir(), "token")
	write := func(t *testing.T, token string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Each call has a home of its own: rolecall and the AWS CLI keep sessions there.
	variables := func(t *testing.T) []string {
		return env(t, plane, "AWS_ROLE_ARN="+f.webRole, "AWS_WEB_IDENTITY_TOKEN_FILE="+file, "AWS_ROLE_SESSION_NAME=job-7",
			"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1")
	}
	config := filepath.Join(t.TempDir(), "config")
	profile := fmt.Sprintf("[profile ci]\nrole_arn = %s\nweb_identity_token_file = %s\nrole_session_name = job-7\n", f.webRole, file)
	if err := os.WriteFile(config, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	byProfile := func(t *testing.T) []string {
		return env(t, plane, "AWS_CONFIG_FILE="+config, "AWS_PROFILE=ci", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1")
	}
	const want = "arn:aws:sts::" + kit.Account + ":assumed-role/federated-web/job-7"
	rolecall := sdk{"rolecall", func(t *testing.T, env []string, _ string, _ ...string) answer {
		t.Helper()
		stdout, stderr, err := run(t, env, t.TempDir(), build(t).Client, "whoami", "--json")
		var said struct{ ARN string }
		if err == nil && json.Unmarshal([]byte(stdout), &said) == nil && said.ARN != "" {
			return answer{out: said.ARN}
		}
		return answer{code: lastCode(stdout + stderr)}
	}}
	clients := append(sdks(), rolecall)
	// The chain of aws-sdk-go-v2 asks AWS's own STS for a web identity, whatever AWS_ENDPOINT_URL says; its provider
	// takes a client.
	clients[slices.IndexFunc(clients, func(s sdk) bool { return s.name == "aws-sdk-go-v2" })].call = func(t *testing.T, _ []string, _ string, _ ...string) answer {
		return goWebIdentity(t, plane, f.webRole, file)
	}
	for _, s := range clients {
		t.Run(s.name, func(t *testing.T) {
			write(t, f.token(nil))
			if got := s.call(t, variables(t), "whoami"); got.out != want {
				t.Errorf("by variables: %+v, want %s", got, want)
			}
			if got := s.call(t, byProfile(t), "whoami"); got.out != want {
				t.Errorf("by profile: %+v, want %s", got, want)
			}
			for code, change := range map[string]map[string]any{
				"AccessDenied":          {"sub": "workload-8"},
				"InvalidIdentityToken":  {"aud": "somebody-else"},
				"ExpiredTokenException": {"exp": time.Now().Add(-time.Minute).Unix()},
			} {
				write(t, f.token(change))
				// JavaScript's own name of the error has the word Exception behind it.
				if got := s.call(t, variables(t), "whoami"); got.out != "" || strings.TrimSuffix(got.code, "Exception") != strings.TrimSuffix(code, "Exception") {
					t.Errorf("%s: %+v", code, got)
				}
			}
		})
	}
}

// goWebIdentity has aws-sdk-go-v2's provider get a session and ask who it is.
func goWebIdentity(t *testing.T, plane *kit.Plane, role, file string) answer {
	t.Helper()
	config := aws.Config{Region: kit.Region, BaseEndpoint: &plane.Endpoint, RetryMaxAttempts: 1}
	config.Credentials = stscreds.NewWebIdentityRoleProvider(sdksts.NewFromConfig(config), role, stscreds.IdentityTokenFile(file),
		func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = "job-7" })
	out, err := sdksts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sdksts.GetCallerIdentityInput{})
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return answer{code: api.ErrorCode()}
	case err != nil:
		t.Fatal(err)
	}
	return answer{out: *out.Arn}
}

// lastCode finds which of STS's codes a text names.
func lastCode(text string) string {
	for _, code := range []string{"AccessDenied", "InvalidIdentityToken", "ExpiredTokenException"} {
		if strings.Contains(text, code) {
			return code
		}
	}
	return text
}

// A key that the provider adds is found, and one that it has while it is down goes on to work, with a real plane.
func TestWebIdentityProviderRotatesAndFails(t *testing.T) {
	plane, err := kit.StartPlane(t.Context(), build(t), filepath.Join(t.TempDir(), "state"), "127.0.0.1:0", trustLoopback()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plane.Kill)
	f := federate(t, plane)
	call := func() answer {
		t.Helper()
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(f.token(nil)), 0o600); err != nil {
			t.Fatal(err)
		}
		return goWebIdentity(t, plane, f.webRole, file)
	}
	if got := call(); got.code != "" {
		t.Fatal(got)
	}
	second := federationtest.NewKey(t, "second", "ES384")
	f.issuer.SetKeys(second)
	time.Sleep(11 * time.Second) // keys are asked for every ten seconds at most
	if got := call(); got.code != "" {
		t.Errorf("with the provider's new key: %+v", got)
	}
	f.issuer.Answer(federationtest.DiscoveryPath, federationtest.Fail(503))
	f.issuer.Answer(federationtest.KeysPath, federationtest.Fail(503))
	if got := call(); got.code != "" {
		t.Errorf("while the provider is down: %+v", got)
	}
}
