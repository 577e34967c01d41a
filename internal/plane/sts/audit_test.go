package sts_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/plane/federation/federationtest"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

type auditRecord struct {
	UserIdentity       map[string]any
	EventName          string
	ErrorCode          string
	RequestParameters  map[string]any
	ResponseElements   map[string]any
	RecipientAccountID string `json:"recipientAccountId"`
	Resources          []struct{ ARN string }
}

// recorded waits for the records of an operation in a plane's audit log.
func recorded(t *testing.T, dir, operation string, want int) (records []auditRecord, text string) {
	t.Helper()
	for range 100 {
		files, err := filepath.Glob(filepath.Join(dir, "audit", "*"))
		if err != nil {
			t.Fatal(err)
		}
		records, text = nil, ""
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(data)) {
				var r auditRecord
				if json.Unmarshal([]byte(line), &r) == nil && r.EventName == operation {
					records = append(records, r)
					text += line
				}
			}
		}
		if len(records) >= want {
			return records, text
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%d records of %s, want %d", len(records), operation, want)
	return nil, ""
}

// TestFederationIsRecorded holds userIdentity of CloudTrail for outside identities, and that no token gets into the log.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
func TestFederationIsRecorded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	p := planetest.At(t, dir)
	w := &web{Plane: p, issuer: federationtest.NewIssuer(t)}
	c := &corp{Plane: p, idp: federationtest.NewIDP(t, "https://idp.example/saml")}
	oidc, err := p.IAM(p.Root(planetest.Account)).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &w.issuer.URL, ClientIDList: []string{"web"}, ThumbprintList: []string{w.issuer.Thumbprint},
	})
	if err != nil {
		t.Fatal(err)
	}
	saml, err := p.IAM(p.Root(planetest.Account)).CreateSAMLProvider(t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("corp"), SAMLMetadataDocument: aws.String(c.idp.Metadata())})
	if err != nil {
		t.Fatal(err)
	}
	w.provider, c.provider = *oidc.OpenIDConnectProviderArn, *saml.SAMLProviderArn
	webRole := p.Role(planetest.Account, "web", w.trust(""), "")
	closed := p.Role(planetest.Account, "closed", w.trust(`{"StringEquals":{"ISSUER:sub":"nobody"}}`), "")
	samlRole := p.Role(planetest.Account, "corp", c.trust(""), "")

	token := w.token(nil)
	out, err := w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &webRole, WebIdentityToken: &token})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.assume(t, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &closed, WebIdentityToken: &token})
	wantError(t, err, "AccessDenied", "")
	records, text := recorded(t, dir, "AssumeRoleWithWebIdentity", 2)
	identity := map[string]any{
		"type": "WebIdentityUser", "principalId": w.provider + ":web:user-7", "userName": "user-7", "identityProvider": w.provider,
	}
	for _, r := range records {
		if diff := cmp.Diff(identity, r.UserIdentity); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if r.RecipientAccountID != planetest.Account || len(r.Resources) != 1 {
			t.Errorf("%+v", r)
		}
	}
	if records[0].ErrorCode != "" || records[1].ErrorCode != "AccessDenied" || records[0].ResponseElements["subjectFromWebIdentityToken"] != "user-7" ||
		records[0].ResponseElements["provider"] != w.provider || records[0].ResponseElements["audience"] != "web" {
		t.Errorf("%+v", records)
	}
	for _, secret := range []string{token, strings.Split(token, ".")[2], *out.Credentials.SessionToken, *out.Credentials.SecretAccessKey} {
		if strings.Contains(text, secret) {
			t.Error("a secret is in the audit log")
		}
	}
	// What the session does later tells where it came from.
	whoami(t, p, credentialsOf(out.Credentials))
	_, text = recorded(t, dir, "GetCallerIdentity", 1)
	if !strings.Contains(text, `"webIdFederationData":{"federatedProvider":"`+w.provider+`"}`) {
		t.Errorf("the session's own call: %s", text)
	}

	if _, err := c.assume(t, samlRole, nil, sts.AssumeRoleWithSAMLInput{}); err != nil {
		t.Fatal(err)
	}
	records, text = recorded(t, dir, "AssumeRoleWithSAML", 1)
	identity = map[string]any{"type": "SAMLUser", "principalId": qualifier() + ":ann@example.com", "userName": "ann@example.com", "identityProvider": qualifier()}
	if diff := cmp.Diff(identity, records[0].UserIdentity); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if records[0].ResponseElements["nameQualifier"] != qualifier() || strings.Contains(text, "PHNhbWxw") { // base64 of <samlp
		t.Errorf("%s", text)
	}
}
