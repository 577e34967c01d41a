package authz

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// TestShown has one line for each form that IAM's messages were seen to have.
func TestShown(t *testing.T) {
	const iam = "arn:aws:iam::123456789012:"
	for _, c := range []struct{ operation, action, resource, want string }{
		{"GetUser", "iam:GetUser", iam + "user/ann", "user ann"},
		{"GetUserPolicy", "iam:GetUserPolicy", iam + "user/team/ann", "user ann"},
		{"GetRole", "iam:GetRole", iam + "role/service-role/web", "role web"},
		{"UpdateAssumeRolePolicy", "iam:UpdateAssumeRolePolicy", iam + "role/web", "role web"},
		{"GetGroup", "iam:GetGroup", iam + "group/ops", "group ops"},
		{"AddUserToGroup", "iam:AddUserToGroup", iam + "group/ops", "group ops"},
		{"GetInstanceProfile", "iam:GetInstanceProfile", iam + "instance-profile/web", "instance profile web"},
		{"AddRoleToInstanceProfile", "iam:PassRole", iam + "role/web", iam + "role/web"},
		{"CreateUser", "iam:CreateUser", iam + "user/ann", iam + "user/ann"},
		{"CreateRole", "iam:CreateRole", iam + "role/web", iam + "role/web"},
		{"CreateRole", "iam:TagRole", iam + "role/web", iam + "role/web"},
		{"CreateServiceLinkedRole", "iam:CreateServiceLinkedRole", iam + "role/aws-service-role/x.amazonaws.com/X", iam + "role/aws-service-role/x.amazonaws.com/X"},
		{"CreateInstanceProfile", "iam:CreateInstanceProfile", iam + "instance-profile/web", iam + "instance-profile/web"},
		{"ListUsers", "iam:ListUsers", iam + "user/", iam + "user/"},
		{"ListGroups", "iam:ListGroups", iam + "group/team/", iam + "group/team/"},
		{"ListPolicies", "iam:ListPolicies", iam + "policy/", "policy path /"},
		{"CreatePolicy", "iam:CreatePolicy", iam + "policy/p", "policy p"},
		{"CreatePolicy", "iam:TagPolicy", iam + "policy/p", "policy p"},
		{"CreatePolicyVersion", "iam:CreatePolicyVersion", iam + "policy/p", "policy " + iam + "policy/p"},
		{"GetPolicy", "iam:GetPolicy", "arn:aws:iam::aws:policy/ReadOnlyAccess", "policy arn:aws:iam::aws:policy/ReadOnlyAccess"},
		{"CreateVirtualMFADevice", "iam:CreateVirtualMFADevice", iam + "mfa/ann", iam + "mfa/ann"},
		{"CreateOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider", iam + "oidc-provider/x.test", iam + "oidc-provider/x.test"},
		{"UploadServerCertificate", "iam:UploadServerCertificate", iam + "server-certificate/c", iam + "server-certificate/c"},
		{"SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy", iam + "user/ann", iam + "user/ann"},
		{"GetAccountSummary", "iam:GetAccountSummary", "*", "*"},
		{"AssumeRole", "sts:AssumeRole", iam + "role/web", iam + "role/web"},
		{"GetObject", "s3:GetObject", "arn:aws:s3:::b/k", `"arn:aws:s3:::b/k"`},
		{"ListBuckets", "s3:ListAllMyBuckets", "arn:aws:s3:::*", ""},
		{"GetCallerIdentity", "sts:GetCallerIdentity", "", ""},
	} {
		if got := shown(c.operation, &Check{Action: c.action, Resource: c.resource}); got != c.want {
			t.Errorf("%s in %s on %s: %q, want %q", c.action, c.operation, c.resource, got, c.want)
		}
	}
	if got := shown("GetUser", &Check{Action: "iam:GetUser", Resource: iam + "user/ann", Shown: "user Ann"}); got != "user Ann" {
		t.Error(got)
	}
}

func compiled(t *testing.T, kind policy.Kind, name, statement string) *policy.Policy {
	t.Helper()
	d, err := policy.Parse(kind, []byte(`{"Version":"2012-10-17","Statement":`+statement+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return policy.Compile(d, name)
}

// TestDenied words refusals of each layer.
func TestDenied(t *testing.T) {
	const bucket = "arn:aws:s3:::b/k"
	all := compiled(t, policy.Identity, "all", `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	none := compiled(t, policy.Identity, "none", `{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`)
	managed := compiled(t, policy.Managed, "arn:aws:iam::123456789012:policy/no", `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	inline := compiled(t, policy.Identity, "no", `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	bucketDeny := compiled(t, policy.Resource, "bucket", `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)
	bucketOther := compiled(t, policy.Resource, "bucket", `{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"*","Resource":"*"}`)
	one := func(p *policy.Policy) []*policy.Policy { return []*policy.Policy{p} }
	for _, c := range []struct {
		name     string
		policies policy.Policies
		account  string
		want     string
	}{
		{"identity silent", policy.Policies{Identity: one(none)}, "", "because no identity-based policy allows the s3:GetObject action"},
		{"managed denies", policy.Policies{Identity: []*policy.Policy{all, managed}}, "", "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/no"},
		{"managed denies across accounts", policy.Policies{Identity: []*policy.Policy{all, managed}}, "210987654321", "with an explicit deny in an identity-based policy"},
		{"inline denies", policy.Policies{Identity: []*policy.Policy{all, inline}}, "", "with an explicit deny in an identity-based policy"},
		{"boundary silent", policy.Policies{Identity: one(all), Boundary: none}, "", "because no permissions boundary allows the s3:GetObject action"},
		{"boundary denies", policy.Policies{Identity: one(all), Boundary: managed}, "", "with an explicit deny in a permissions boundary: arn:aws:iam::123456789012:policy/no"},
		{"session silent", policy.Policies{Identity: one(all), Session: one(none)}, "", "because no session policy allows the s3:GetObject action"},
		{"session denies", policy.Policies{Identity: one(all), Session: one(inline)}, "", "with an explicit deny in a session policy"},
		{"bucket denies", policy.Policies{Identity: one(all), Resource: bucketDeny}, "", "with an explicit deny in a resource-based policy"},
		{"bucket of another account", policy.Policies{Identity: one(all), Resource: bucketOther}, "210987654321", "because no resource-based policy allows the s3:GetObject action"},
		{"SCP silent", policy.Policies{Identity: one(all), SCP: [][]*policy.Policy{{none}}}, "", "because no service control policy allows the s3:GetObject action"},
		{"SCP denies", policy.Policies{Identity: one(all), SCP: [][]*policy.Policy{{all, managed}}}, "", "with an explicit deny in a service control policy: arn:aws:iam::123456789012:policy/no"},
		{"RCP denies", policy.Policies{Identity: one(all), RCP: [][]*policy.Policy{{bucketDeny}}}, "", "with an explicit deny in a resource control policy"},
		{"trust silent", policy.Policies{Identity: one(all), ResourceKind: policy.Trust}, "", "because no role trust policy allows the s3:GetObject action"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := policy.Request{
				Action: "s3:GetObject", Resource: bucket, Owner: policy.ResourceContext{Account: c.account},
				Principal: policy.Principal{Kind: policy.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ann"},
			}
			call := &awsapi.Call{Operation: "GetObject", Principal: &identity.Principal{Kind: identity.User, ARN: r.Principal.ARN}}
			err := denied(call, &Check{Action: r.Action, Resource: r.Resource}, policy.Evaluate(&r, &c.policies))
			want := `User: arn:aws:iam::123456789012:user/ann is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" ` + c.want
			var e *awsapi.Error
			if !errors.As(err, &e) || e.Message != want || e.Code != "AccessDenied" || e.Status != 403 {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
	err := denied(&awsapi.Call{Principal: &identity.Principal{}}, &Check{Action: "s3:GetObject", Resource: bucket}, policy.Decision{})
	if err == nil || !strings.HasSuffix(err.Error(), "Access Denied") {
		t.Error(err)
	}
}

// plainly seals nothing.
type plainly struct{}

func (plainly) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (plainly) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// TestMessage compares a decoded message with the form that AWS shows.
func TestMessage(t *testing.T) {
	p := compiled(t, policy.Identity, "guard", `[
{"Sid":"NoStop","Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}},
{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:username":["bob","carol"]}}}]`)
	r := policy.Request{
		Action: "ec2:StopInstances", Resource: "arn:aws:ec2:us-east-1:123456789012:instance/i-1",
		Principal: policy.Principal{Kind: policy.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/ann", UserName: "ann", UserID: "AIDAEXAMPLE"},
		Call:      policy.CallContext{Secure: policy.True}, Trusted: []policy.Key{{Name: "ec2:Tenancy", Values: []string{"default"}}},
	}
	x := policy.Explain(&r, &policy.Policies{Identity: []*policy.Policy{p}})
	c := &awsapi.Call{Principal: &identity.Principal{ARN: r.Principal.ARN, UserID: r.Principal.UserID, EntityName: "ann", Account: "123456789012"}}
	m := NewMessages(plainly{})
	text, err := m.Decode("123456789012", m.encode(c, &r, &x))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"allowed":false,"explicitDeny":true,
"matchedStatements":{"items":[{"statementId":"NoStop","effect":"DENY","principals":{"items":[]},"principalGroups":{"items":[]},
 "actions":{"items":[{"value":"ec2:StopInstances"}]},"resources":{"items":[{"value":"*"}]},
 "conditions":{"items":[{"key":"aws:SecureTransport","values":{"items":[{"value":"true"}]}}]},"policy":"guard","line":2}]},
"failures":{"items":[{"statementId":"","effect":"ALLOW","policy":"guard","line":3,"layer":"identity-based policy","element":"Condition","key":"aws:username","want":["bob","carol"],"got":["ann"]}]},
"context":{"principal":{"id":"AIDAEXAMPLE","name":"ann","arn":"arn:aws:iam::123456789012:user/ann"},"action":"ec2:StopInstances",
 "resource":"arn:aws:ec2:us-east-1:123456789012:instance/i-1","conditions":{"items":[
 {"key":"aws:PrincipalAccount","values":{"items":[{"value":"123456789012"}]}},{"key":"aws:PrincipalArn","values":{"items":[{"value":"arn:aws:iam::123456789012:user/ann"}]}},
 {"key":"aws:PrincipalIsAWSService","values":{"items":[{"value":"false"}]}},{"key":"aws:PrincipalType","values":{"items":[{"value":"User"}]}},
 {"key":"aws:ResourceAccount","values":{"items":[{"value":"123456789012"}]}},{"key":"aws:SecureTransport","values":{"items":[{"value":"true"}]}},
 {"key":"aws:userid","values":{"items":[{"value":"AIDAEXAMPLE"}]}},{"key":"aws:username","values":{"items":[{"value":"ann"}]}},
 {"key":"ec2:Tenancy","values":{"items":[{"value":"default"}]}}]}}}`
	var got, expected any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
}

// TestMessageOfManyFailures keeps what decided when not everything fits.
func TestMessageOfManyFailures(t *testing.T) {
	var s []string
	for range 60 {
		s = append(s, `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+strings.Repeat("x", 100)+`"}`)
	}
	p := compiled(t, policy.Identity, "many", "["+strings.Join(s, ",")+"]")
	r := policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Principal: policy.Principal{Kind: policy.User, Account: "123456789012"}}
	x := policy.Explain(&r, &policy.Policies{Identity: []*policy.Policy{p}})
	m := NewMessages(plainly{})
	text, err := m.Decode("123456789012", m.encode(&awsapi.Call{Principal: &identity.Principal{Account: "123456789012"}}, &r, &x))
	if err != nil || !strings.Contains(text, `"failures":{"items":[]}`) || !strings.Contains(text, `"action":"s3:GetObject"`) {
		t.Errorf("%q %v", text, err)
	}
}
