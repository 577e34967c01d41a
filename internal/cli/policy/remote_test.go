package policy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/cli/policy"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

// asking runs the command with credentials in its environment.
func asking(t *testing.T, c aws.Credentials, args ...string) (out string, code int, err error) {
	t.Helper()
	streams, _, stdout, _ := iostreams.Test()
	home := t.TempDir()
	f := &cmdutil.Factory{
		IO: streams, Now: time.Now, HTTPClient: func() *http.Client { return nil },
		Logger: func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		Environ: func() []string {
			return []string{"HOME=" + home, "ROLECALL_CACHE_DIR=" + home, "AWS_EC2_METADATA_DISABLED=true",
				"AWS_ACCESS_KEY_ID=" + c.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey}
		},
	}
	cmd := policy.NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(context.Background())
	return stdout.String(), cmdutil.ExitCode(err), err
}

func TestPlane(t *testing.T) {
	p := planetest.New(t)
	root := p.Root(planetest.Account)
	client := p.IAM(root)
	nobody := p.User(planetest.Account, "nobody", "")
	p.User(planetest.Account, "ann", `{"Version":"2012-10-17","Statement":[
	  {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::data/*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},
	  {"Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}]}`)
	limit, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("limit"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:Get*","s3:Delete*","ec2:*"],"Resource":"*"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("ann"), PermissionsBoundary: limit.Policy.Arn}); err != nil {
		t.Fatal(err)
	}
	const ann = "arn:aws:iam::" + planetest.Account + ":user/ann"
	at := "--endpoint-url=" + p.URL
	from := []string{"-c", "aws:SourceIp=192.0.2.9"}
	for _, c := range []struct {
		name string
		as   aws.Credentials
		args []string
		code int
		want string // an error's text if code is not 0 or 7
	}{
		{"allowed", root, append([]string{"simulate", at, "--principal", ann, "-a", "s3:GetObject", "-r", "arn:aws:s3:::data/x"}, from...), 0, `
s3:GetObject on arn:aws:s3:::data/x: allowed
  identity-based policy  allowed  a statement, user_ann_p:1
  permissions boundary   allowed
`},
		{"boundary", root, append([]string{"simulate", at, "--principal", ann, "-a", "s3:PutObject", "-r", "arn:aws:s3:::data/x"}, from...), 7, `
s3:PutObject on arn:aws:s3:::data/x: implicit deny
  because no permissions boundary allows the s3:PutObject action
  identity-based policy  allowed        a statement, user_ann_p:1
  permissions boundary   implicit deny  no statement applies
`},
		{"only the boundary", root, []string{"simulate", at, "--principal", ann, "-a", "ec2:RunInstances"}, 7, `
ec2:RunInstances on *: implicit deny
  because no identity-based policy allows the ec2:RunInstances action
  identity-based policy  implicit deny  no statement applies
  permissions boundary   allowed        a statement, limit:1
`},
		{"deny", root, []string{"simulate", at, "--principal", ann, "-a", "s3:DeleteObject", "-r", "arn:aws:s3:::data/x"}, 7, `
s3:DeleteObject on arn:aws:s3:::data/x: explicit deny
  with an explicit deny in an identity-based policy
  identity-based policy  explicit deny  a statement, user_ann_p:2
  permissions boundary   allowed
`},
		{"explain", root, []string{"explain", at, "--principal", ann, "-a", "s3:GetObject", "-r", "arn:aws:s3:::data/x", "-r", "arn:aws:s3:::else/x"}, 7, `
s3:GetObject on arn:aws:s3:::data/x: implicit deny
  because no identity-based policy allows the s3:GetObject action
  identity-based policy  implicit deny  no statement applies
  permissions boundary   allowed        a statement, limit:1
  not in the request: aws:SourceIp

s3:GetObject on arn:aws:s3:::else/x: implicit deny
  because no identity-based policy allows the s3:GetObject action
  identity-based policy  implicit deny  no statement applies
  permissions boundary   allowed        a statement, limit:1
  not in the request: aws:SourceIp
`},
		{"files on top", root, []string{"simulate", at, "--principal", ann, "-a", "sts:AssumeRole", "-r", "arn:aws:iam::111122223333:role/deploy", "-p", "testdata/ci.json", "--boundary", "testdata/wider.json"}, 7, `
sts:AssumeRole on arn:aws:iam::111122223333:role/deploy: implicit deny
  because no resource-based policy allows the sts:AssumeRole action
  identity-based policy  allowed        statement 1, testdata/ci.json:1
  permissions boundary   allowed        statement 2, testdata/wider.json:5
  resource-based policy  implicit deny  no statement applies
`},
		{"custom", root, []string{"simulate", at, "-a", "s3:PutObject,iam:GetUser", "-r", "arn:aws:s3:::data/x", "-p", "testdata/wider.json"}, 7, `
s3:PutObject on arn:aws:s3:::data/x: allowed
  identity-based policy  allowed  statement 2, testdata/wider.json:5

iam:GetUser on arn:aws:s3:::data/x: implicit deny
  because no identity-based policy allows the iam:GetUser action
  identity-based policy  implicit deny  no statement applies
`},
		{"service control policy", root, []string{"simulate", at, "-a", "s3:PutObject", "-r", "arn:aws:s3:::data/x", "-p", "testdata/wider.json", "--scp", "testdata/ec2only.json"}, 7, `
s3:PutObject on arn:aws:s3:::data/x: implicit deny
  because no service control policy allows the s3:PutObject action
  service control policy  implicit deny  no statement applies
`},
		{"service control policy of a principal", root, []string{"simulate", at, "--principal", ann, "-a", "s3:PutObject", "--scp", "testdata/ec2only.json"}, 2,
			"IAM's simulator takes --scp only without --principal, whose own account's it knows"},
		{"refused", nobody, []string{"simulate", at, "--principal", ann, "-a", "s3:GetObject"}, 5,
			"SimulatePrincipalPolicy: AccessDenied: User: arn:aws:iam::123456789012:user/nobody is not authorized to perform: iam:SimulatePrincipalPolicy on resource: " + ann + " because no identity-based policy allows the iam:SimulatePrincipalPolicy action"},
		{"nobody named", root, []string{"simulate", at, "-a", "s3:GetObject"}, 2, "give --principal, or the identity policies to ask about as --policy"},
		{"not simulated", root, []string{"simulate", at, "--principal", "arn:aws:iam::123456789012:root", "-a", "s3:GetObject"}, 2,
			`--principal "arn:aws:iam::123456789012:root": IAM simulates users, groups and roles by their ARNs; with --policy and no endpoint or profile others can be asked about`},
		{"trust", root, []string{"simulate", at, "--principal", ann, "-a", "sts:AssumeRole", "--trust", "testdata/trust.json"}, 2,
			"IAM's simulator takes no session, trust, key or resource control policies: simulate with files alone"},
		{"no such profile", aws.Credentials{}, []string{"simulate", "--profile", "none", "--principal", ann, "-a", "s3:GetObject"}, 4, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code, err := asking(t, c.as, c.args...)
			if code != c.code {
				t.Errorf("exit code %d (%v), want %d", code, err, c.code)
			}
			if c.code != 0 && c.code != 7 {
				if err == nil || c.want != "" && err.Error() != c.want {
					t.Errorf("%v", err)
				}
				return
			}
			if diff := cmp.Diff(squeeze(strings.TrimPrefix(c.want, "\n")), squeeze(out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAnswers has a server answer what the plane does not: pages, organizations, a resource's policy.
func TestAnswers(t *testing.T) {
	const result = `<SimulateCustomPolicyResponse><SimulateCustomPolicyResult><IsTruncated>%t</IsTruncated><Marker>%s</Marker>
<EvaluationResults><member><EvalActionName>%s</EvalActionName><EvalDecision>%s</EvalDecision>%s</member></EvaluationResults>
</SimulateCustomPolicyResult></SimulateCustomPolicyResponse>`
	var body bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		body.WriteString(r.PostForm.Get("ContextEntries.member.1.ContextKeyType") + " ")
		if r.PostForm.Get("Marker") == "" {
			_, _ = fmt.Fprintf(w, result, true, "next", "s3:GetObject", "explicitDeny",
				`<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations></OrganizationsDecisionDetail>`)
			return
		}
		_, _ = fmt.Fprintf(w, result, false, "", "s3:PutObject", "allowed",
			`<OrganizationsDecisionDetail><AllowedByOrganizations>true</AllowedByOrganizations></OrganizationsDecisionDetail>
<MatchedStatements><member><SourcePolicyId>b</SourcePolicyId><SourcePolicyType>Resource Policy</SourcePolicyType><StartPosition><Line>3</Line><Column>4</Column></StartPosition></member></MatchedStatements>`)
	}))
	defer server.Close()
	out, code, err := asking(t, aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"},
		"simulate", "--json", "--endpoint-url", server.URL, "-a", "s3:GetObject,s3:PutObject", "-p", "testdata/ci.json", "-c", "aws:SourceIp=192.0.2.1", "-c", "aws:SourceIp=192.0.2.2")
	if code != 7 {
		t.Errorf("exit code %d: %v", code, err)
	}
	var got []policy.Answer
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	ref := policy.Ref{File: "b", Effect: "Allow", Index: -1, Line: 3, Column: 4}
	want := []policy.Answer{
		{Action: "s3:GetObject", Resource: "*", Decision: "explicitDeny", Reason: "with an explicit deny in a service control policy",
			DecidedBy: "service control policy", Layers: []policy.Layer{{Layer: "service control policy", Verdict: "implicitDeny"}}},
		{Action: "s3:PutObject", Resource: "*", Decision: "allowed", DecidedBy: "resource-based policy", Statement: &ref, Layers: []policy.Layer{
			{Layer: "service control policy", Verdict: "allowed"},
			{Layer: "resource-based policy", Verdict: "allowed", Matched: []policy.Ref{ref}},
			{Layer: "identity-based policy", Verdict: "implicitDeny"},
		}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(policy.Layer{})); diff != "" {
		t.Error(diff)
	}
	if body.String() != "ipList ipList " {
		t.Errorf("types of context keys: %q", body.String())
	}
}
