package declare_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/declare"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

const (
	start = `
accounts:
  - id: "123456789012"
    policies:
      - name: read-logs
        description: may read logs
        document: {Version: 2012-10-17, Statement: {Effect: Allow, Action: "logs:Get*", Resource: "*"}}
      - name: limit
        document: {Version: 2012-10-17, Statement: {Effect: Allow, Action: "*", Resource: "*"}}
    groups:
      - name: devs
        attached_policies: [read-logs]
        inline_policies:
          who: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: iam:GetUser, Resource: "*"}]}
    users:
      - name: ci
        path: /robots/
        tags: {team: build}
        permissions_boundary: limit
        groups: [devs]
    roles:
      - name: a-chained # trusts a role that is made after it
        trust: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::123456789012:role/web-app"}, Action: sts:AssumeRole}]}
      - name: web-app
        max_session_duration: 2h
        trust: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {AWS: "123456789012"}, Action: sts:AssumeRole}]}
        attached_policies: [read-logs]
        inline_policies:
          read: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::private/web-app/*"]}]}'
    instance_profiles:
      - {name: web-app, role: web-app}
    buckets:
      - name: private
        encryption: AES256
        versioning: enabled
        tags: {for: web}
        policy: {Version: 2012-10-17, Statement: [{Effect: Deny, Principal: "*", Action: "s3:DeleteObject", Resource: "arn:aws:s3:::private/*"}]}
        objects:
          - {key: "web-app/credentials.json", content: '{"user":"web"}', content_type: application/json}
          - {key: "held +&%/é", content: one, overwrite: true}
`
)

func target(p *planetest.Plane) declare.Target {
	return declare.Target{
		Endpoint: p.URL,
		Credentials: func(_ context.Context, _, profile string) (rolecall.Provider, error) {
			account := planetest.Account
			if profile == "other" {
				account = planetest.OtherAccount
			}
			root := p.Root(account)
			return rolecall.Static(rolecall.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: rolecall.NewSecret(root.SecretAccessKey)}), nil
		},
	}
}

func parsed(t *testing.T, text string) *declare.File {
	t.Helper()
	f, err := declare.Parse("rolecall.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func apply(t *testing.T, p *planetest.Plane, text string, o declare.Options) []string {
	t.Helper()
	plan, err := declare.Apply(t.Context(), parsed(t, text), target(p), o)
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, c := range plan.Changes {
		line := c.String()
		if c.Op == declare.Update {
			for _, a := range c.Attributes {
				line += "; " + string(a.Op) + " " + a.Name
			}
		}
		changes = append(changes, line)
	}
	again, err := declare.NewPlan(t.Context(), parsed(t, text), target(p), o)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Empty() {
		var b strings.Builder
		_ = again.WriteText(&b)
		t.Fatalf("a second run would change something:\n%s", b.String())
	}
	return changes
}

// Creation, idempotence, every kind of change, drift, and pruning, against the real plane.
func TestApplyToPlane(t *testing.T) {
	p := planetest.New(t)
	want := []string{
		"create policy read-logs", "create policy limit", "create group devs", "create user ci", "create role a-chained", "create role web-app",
		"create instance profile web-app", "create bucket private", "create object private/web-app/credentials.json", "create object private/held +&%/é",
	}
	if diff := cmp.Diff(want, apply(t, p, start, declare.Options{})); diff != "" {
		t.Fatal(diff)
	}

	client, ctx := p.IAM(p.Root(planetest.Account)), t.Context()
	mine := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`
	_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("web-app"), PolicyName: aws.String("by-hand"), PolicyDocument: &mine})
	must(t, err)
	_, err = client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("somebody-else")})
	must(t, err)
	_, err = p.S3(p.Root(planetest.Account)).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("private"), Key: aws.String("web-app/credentials.json"), Body: strings.NewReader("rotated")})
	must(t, err)

	changed := start
	for _, r := range [][2]string{
		{"max_session_duration: 2h", "max_session_duration: 3h\n        description: web"},
		{"logs:Get*", "logs:*"},
		{"tags: {team: build}", "tags: {team: release}"},
		{"        groups: [devs]\n", ""},
		{"permissions_boundary: limit", "attached_policies: [limit]"},
		{"path: /robots/", "path: /"},
		{"versioning: enabled", "versioning: suspended"},
		{"tags: {for: web}", "tags: {for: all}"},
		{"s3:DeleteObject", "s3:PutObjectAcl"},
		{"role: web-app}", "role: a-chained}"},
		{"content: one", "content: two"},
	} {
		if !strings.Contains(changed, r[0]) {
			t.Fatalf("%q is not in the file", r[0])
		}
		changed = strings.Replace(changed, r[0], r[1], 1)
	}
	want = []string{
		"update policy read-logs; update document",
		"update user ci; create attached policy arn:aws:iam::123456789012:policy/limit; update path; update tag team; delete group devs; delete permissions boundary",
		"update role web-app; create description; update max session duration; delete inline policy by-hand",
		"update instance profile web-app; update role",
		"update bucket private; update bucket policy; update tag for; update versioning",
		"update object private/held +&%/é; update content sha256",
	}
	if diff := cmp.Diff(want, apply(t, p, changed, declare.Options{})); diff != "" {
		t.Fatal(diff)
	}
	for i := range 7 { // more versions than IAM keeps
		apply(t, p, strings.Replace(changed, "logs:*", "logs:Get"+strings.Repeat("x", i+1), 1), declare.Options{})
	}

	const little = "accounts:\n  - id: \"123456789012\"\n    groups: [{name: devs}]\n"
	if got := apply(t, p, little, declare.Options{}); len(got) != 1 { // the group loses its policies
		t.Fatalf("%v", got)
	}
	_, err = declare.Apply(ctx, parsed(t, little), target(p), declare.Options{Prune: true})
	var refused *declare.Error
	if !errors.As(err, &refused) || refused.Code != "BucketNotEmpty" {
		t.Fatalf("pruning a bucket with objects: %v", err)
	}
	empty(t, p)
	want = []string{"delete bucket private", "delete instance profile web-app", "delete role a-chained", "delete role web-app", "delete user ci", "delete policy limit", "delete policy read-logs"}
	got := apply(t, p, little, declare.Options{Prune: true})
	for _, line := range got {
		if !strings.Contains(strings.Join(want, "\n"), line) {
			t.Errorf("pruned %q", line)
		}
	}
	if _, err := client.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("somebody-else")}); err != nil {
		t.Errorf("what rolecall does not manage is gone: %v", err)
	}
}

func empty(t *testing.T, p *planetest.Plane) {
	t.Helper()
	client := p.S3(p.Root(planetest.Account))
	versions, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String("private")})
	must(t, err)
	for _, v := range versions.Versions {
		_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("private"), Key: v.Key, VersionId: v.VersionId})
		must(t, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOtherAccounts(t *testing.T) {
	p := planetest.New(t)
	const file = "accounts:\n- id: \"210987654321\"\n  roles: [{name: r, trust: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {AWS: \"123456789012\"}, Action: sts:AssumeRole}]}}]\n"
	_, err := declare.Apply(t.Context(), parsed(t, file), target(p), declare.Options{})
	var account *declare.AccountError
	if !errors.As(err, &account) || account.Caller != planetest.Account {
		t.Fatalf("%v", err)
	}
	apply(t, p, strings.Replace(file, "roles:", "profile: other\n  roles:", 1), declare.Options{})
}

// A crash in the middle: the next run makes the rest.
func TestResumes(t *testing.T) {
	p := planetest.New(t)
	for stop := range 10 {
		plan, err := declare.NewPlan(t.Context(), parsed(t, start), target(p), declare.Options{})
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		err = plan.Apply(ctx, func(declare.Change) {
			if n++; n > stop%3 {
				cancel()
			}
		})
		cancel()
		if err == nil && n < len(plan.Changes) {
			t.Fatal("stopped early without saying so")
		}
	}
	if got := apply(t, p, start, declare.Options{}); len(got) > 0 {
		t.Logf("left for the last run: %v", got)
	}
}

func TestImmutable(t *testing.T) {
	p := planetest.New(t)
	apply(t, p, start, declare.Options{})
	_, err := declare.NewPlan(t.Context(), parsed(t, strings.Replace(start, "may read logs", "may write logs", 1)), target(p), declare.Options{})
	if err == nil || !strings.Contains(err.Error(), "cannot be changed") {
		t.Fatalf("%v", err)
	}
}

// The plan of one file is compared with a golden text; -update writes it.
func TestPlanText(t *testing.T) {
	p := planetest.New(t)
	var b strings.Builder
	plan, err := declare.NewPlan(t.Context(), parsed(t, start), target(p), declare.Options{})
	must(t, err)
	must(t, plan.WriteText(&b))
	must(t, plan.Apply(t.Context(), nil))
	plan, err = declare.NewPlan(t.Context(), parsed(t, strings.Replace(start, "web-app/*", "web-app/public/*", 1)), target(p), declare.Options{})
	must(t, err)
	must(t, plan.WriteText(&b))
	must(t, plan.WriteJSON(&b))
	golden := filepath.Join("testdata", "plan.txt")
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		must(t, os.MkdirAll("testdata", 0o750))
		must(t, os.WriteFile(golden, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}
