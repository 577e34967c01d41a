package iam_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func matched(list []types.Statement) string {
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "%s(%s) %d:%d-%d:%d ", *s.SourcePolicyId, s.SourcePolicyType, s.StartPosition.Line, s.StartPosition.Column, s.EndPosition.Line, s.EndPosition.Column)
	}
	return b.String()
}

func TestSimulateCustomPolicy(t *testing.T) {
	c := newPlane(t).root()
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a/*"},
  {"Effect":"Deny","Action":"s3:Delete*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`
	in := &sdk.SimulateCustomPolicyInput{
		PolicyInputList: []string{document}, ActionNames: []string{"s3:GetObject", "s3:DeleteObject", "s3:ListAllMyBuckets"},
		ResourceArns: []string{"arn:aws:s3:::a/x"},
		ContextEntries: []types.ContextEntry{{
			ContextKeyName: aws.String("aws:SecureTransport"), ContextKeyType: types.ContextKeyTypeEnumBoolean, ContextKeyValues: []string{"false"},
		}},
	}
	out := must[*sdk.SimulateCustomPolicyOutput](t)(c.SimulateCustomPolicy(ctx, in))
	var got []string
	for _, r := range out.EvaluationResults {
		got = append(got, fmt.Sprintf("%s %s %s %s", *r.EvalActionName, *r.EvalResourceName, r.EvalDecision, matched(r.MatchedStatements)))
	}
	same(t, []string{
		"s3:GetObject arn:aws:s3:::a/x allowed PolicyInputList.1(IAM Policy) 1:38-1:102 ",
		"s3:DeleteObject arn:aws:s3:::a/x explicitDeny PolicyInputList.1(IAM Policy) 1:102-2:110 ",
		"s3:ListAllMyBuckets arn:aws:s3:::a/x allowed PolicyInputList.1(IAM Policy) 1:38-1:102 ",
	}, got)

	in.ContextEntries, in.ResourceArns, in.ActionNames = nil, []string{"arn:aws:s3:::a/x", "arn:aws:s3:::b/x"}, []string{"s3:DeleteObject"}
	r := must[*sdk.SimulateCustomPolicyOutput](t)(c.SimulateCustomPolicy(ctx, in)).EvaluationResults[0]
	if r.EvalDecision != types.PolicyEvaluationDecisionTypeImplicitDeny || len(r.ResourceSpecificResults) != 2 || fmt.Sprint(r.MissingContextValues) != "[aws:SecureTransport]" {
		t.Errorf("%+v", r)
	}
	if r := r.ResourceSpecificResults; r[0].EvalResourceDecision != types.PolicyEvaluationDecisionTypeAllowed || r[1].EvalResourceDecision != types.PolicyEvaluationDecisionTypeImplicitDeny {
		t.Errorf("%+v", r)
	}
	in.PermissionsBoundaryPolicyInputList = []string{allowRead}
	r = must[*sdk.SimulateCustomPolicyOutput](t)(c.SimulateCustomPolicy(ctx, in)).EvaluationResults[0]
	if d := r.ResourceSpecificResults[0].PermissionsBoundaryDecisionDetail; d == nil || d.AllowedByPermissionsBoundary {
		t.Errorf("boundary: %+v", d)
	}
	for name, bad := range map[string]*sdk.SimulateCustomPolicyInput{
		"policy":   {PolicyInputList: []string{"{"}, ActionNames: []string{"s3:GetObject"}},
		"action":   {PolicyInputList: []string{allowAll}, ActionNames: []string{"GetObject"}},
		"resource": {PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"bucket"}},
		"scenario": {PolicyInputList: []string{allowAll}, ActionNames: []string{"ec2:RunInstances"}, ResourceHandlingOption: aws.String("EC2-VPC-EBS")},
		"policy of a role": {
			PolicyInputList: []string{allowAll}, ActionNames: []string{"sts:AssumeRole"}, ResourceArns: []string{arn + "role/web"}, CallerArn: aws.String(arn + "user/ann"),
			ResourcePolicy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`),
		},
		"nobody to ask for": {
			PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject"},
			ResourcePolicy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`),
		},
		"caller": {PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject"}, CallerArn: aws.String("arn:aws:sts::123456789012:assumed-role/web/s1")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.SimulateCustomPolicy(ctx, bad)
			fails(t, err, "InvalidInput", "")
		})
	}
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/${aws:username}/*"}}`)
	must[*sdk.CreateGroupOutput](t)(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("ops")}))
	must[*sdk.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{GroupName: aws.String("ops"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}))
	ask := func(source, action, resource string) string {
		t.Helper()
		out := must[*sdk.SimulatePrincipalPolicyOutput](t)(c.SimulatePrincipalPolicy(ctx, &sdk.SimulatePrincipalPolicyInput{PolicySourceArn: &source, ActionNames: []string{action}, ResourceArns: []string{resource}}))
		r := out.EvaluationResults[0]
		return string(r.EvalDecision) + " " + matched(r.MatchedStatements)
	}
	if got := ask(arn+"user/alice", "s3:GetObject", "arn:aws:s3:::home/alice/f"); got != "allowed user_alice_test(IAM Policy) 1:37-1:128 " {
		t.Error(got)
	}
	if got := ask(arn+"user/alice", "s3:GetObject", "arn:aws:s3:::home/bob/f"); got != "implicitDeny " {
		t.Error(got)
	}
	must[*sdk.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("ops"), UserName: aws.String("alice")}))
	// As AWS answers it for this policy.
	if got := ask(arn+"user/alice", "ec2:RunInstances", "*"); got != "allowed AdministratorAccess(IAM Policy) 3:17-8:6 " {
		t.Error(got)
	}
	if got := ask(arn+"group/ops", "ec2:RunInstances", "*"); got != "allowed AdministratorAccess(IAM Policy) 3:17-8:6 " {
		t.Error(got)
	}
	keys := must[*sdk.GetContextKeysForPrincipalPolicyOutput](t)(c.GetContextKeysForPrincipalPolicy(ctx, &sdk.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: aws.String(arn + "user/alice")}))
	if fmt.Sprint(keys.ContextKeyNames) != "[aws:username]" {
		t.Error(keys.ContextKeyNames)
	}
	_, err := c.SimulatePrincipalPolicy(ctx, &sdk.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(arn + "user/none"), ActionNames: []string{"s3:GetObject"}})
	fails(t, err, "NoSuchEntity", "")
}

// A policy that is left out counts as detached, in the simulation only.
func TestSimulateWithoutPolicies(t *testing.T) {
	const s3All = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	p := newPlane(t)
	c := p.root()
	p.userWith("ann", s3All) // an inline policy named test
	managed := *must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("reader"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}`)})).Policy.Arn
	boundary := *must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("fence"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:Get*","sqs:*","ec2:*"],"Resource":"*"}}`)})).Policy.Arn
	for _, policyARN := range []string{managed, "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"} {
		must[*sdk.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &policyARN}))
	}
	must[*sdk.PutUserPermissionsBoundaryOutput](t)(c.PutUserPermissionsBoundary(ctx, &sdk.PutUserPermissionsBoundaryInput{UserName: aws.String("ann"), PermissionsBoundary: &boundary}))

	kind := func(k types.PolicyIdentifierPolicyType) types.PolicyIdentifier {
		return &types.PolicyIdentifierMemberPolicyType{Value: k}
	}
	named := func(policyARN string) types.PolicyIdentifier {
		return &types.PolicyIdentifierMemberPolicyArn{Value: policyARN}
	}
	inline := func(entity types.AttachmentType, holder, name string) types.PolicyIdentifier {
		return &types.PolicyIdentifierMemberInlinePolicyIdentifier{Value: types.InlinePolicyIdentifierType{
			AttachmentType: entity, AttachmentName: &holder, PolicyName: &name,
		}}
	}
	const (
		all         = "s3:GetObject sqs:SendMessage ec2:DescribeImages"
		noInline    = "sqs:SendMessage ec2:DescribeImages"
		noManaged   = "s3:GetObject ec2:DescribeImages"
		noAWS       = "s3:GetObject sqs:SendMessage"
		notFenced   = "s3:GetObject s3:PutObject sqs:SendMessage ec2:DescribeImages"
		invalid     = "InvalidInput"
		otherPolicy = arn + "policy/other"
	)
	for name, tc := range map[string]struct {
		without []types.PolicyIdentifier
		want    string
	}{
		"nothing":                   {nil, all},
		"inline ones":               {[]types.PolicyIdentifier{kind(types.PolicyIdentifierPolicyTypeInline)}, noInline},
		"the account's own":         {[]types.PolicyIdentifier{kind(types.PolicyIdentifierPolicyTypeUserManaged)}, noManaged},
		"AWS's":                     {[]types.PolicyIdentifier{kind(types.PolicyIdentifierPolicyTypeAwsManaged)}, noAWS},
		"the boundary":              {[]types.PolicyIdentifier{kind(types.PolicyIdentifierPolicyTypePermissionBoundary)}, notFenced},
		"what cannot apply":         {[]types.PolicyIdentifier{kind(types.PolicyIdentifierPolicyTypeScp), kind(types.PolicyIdentifierPolicyTypeRcp)}, all},
		"one ARN":                   {[]types.PolicyIdentifier{named(managed)}, noManaged},
		"a pattern":                 {[]types.PolicyIdentifier{named(arn + "policy/r?a*r")}, noManaged},
		"a pattern of another":      {[]types.PolicyIdentifier{named(arn + "policy/r?x*r"), named(otherPolicy)}, all},
		"the boundary as if it was": {[]types.PolicyIdentifier{named(boundary)}, all},
		"one inline":                {[]types.PolicyIdentifier{inline(types.AttachmentTypeUser, "ann", "test")}, noInline},
		"inline of a role":          {[]types.PolicyIdentifier{inline(types.AttachmentTypeRole, "ann", "test")}, all},
		"inline of another name":    {[]types.PolicyIdentifier{inline(types.AttachmentTypeUser, "ann", "tes")}, all},
		"two":                       {[]types.PolicyIdentifier{named(managed), kind(types.PolicyIdentifierPolicyTypeAwsManaged)}, "s3:GetObject"},
		"two stars":                 {[]types.PolicyIdentifier{named(arn + "policy/*a*")}, invalid},
		"a pattern as account":      {[]types.PolicyIdentifier{named("arn:aws:iam::12345678901?:policy/x")}, invalid},
		"no policy":                 {[]types.PolicyIdentifier{named(arn + "user/ann")}, invalid},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := c.SimulatePrincipalPolicy(ctx, &sdk.SimulatePrincipalPolicyInput{
				PolicySourceArn: aws.String(arn + "user/ann"), PolicyExclusionList: tc.without,
				ActionNames: []string{"s3:GetObject", "s3:PutObject", "sqs:SendMessage", "ec2:DescribeImages"},
			})
			if tc.want == invalid {
				fails(t, err, invalid, "")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var allowed []string
			for _, r := range out.EvaluationResults {
				if r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed {
					allowed = append(allowed, *r.EvalActionName)
				}
			}
			same(t, tc.want, strings.Join(allowed, " "))
		})
	}
}

func TestAccountViews(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", allowRead)
	p.userWith("bob", "")
	must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trustEC2)}))
	must[*sdk.CreateGroupOutput](t)(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("ops")}))
	must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allowRead)}))
	must[*sdk.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}))

	var seen []string
	pages := sdk.NewGetAccountAuthorizationDetailsPaginator(c, &sdk.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page := must[*sdk.GetAccountAuthorizationDetailsOutput](t)(pages.NextPage(ctx))
		for _, u := range page.UserDetailList {
			seen = append(seen, *u.Arn)
		}
		for _, g := range page.GroupDetailList {
			seen = append(seen, *g.Arn)
		}
		for _, r := range page.RoleDetailList {
			seen = append(seen, *r.Arn)
		}
		for _, p := range page.Policies {
			seen = append(seen, *p.Arn)
		}
	}
	same(t, []string{arn + "user/alice", arn + "user/bob", arn + "group/ops", arn + "role/web", arn + "policy/p", "arn:aws:iam::aws:policy/ReadOnlyAccess"}, seen)
	only := must[*sdk.GetAccountAuthorizationDetailsOutput](t)(c.GetAccountAuthorizationDetails(ctx, &sdk.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}}))
	if len(only.RoleDetailList) != 1 || len(only.UserDetailList)+len(only.GroupDetailList)+len(only.Policies) != 0 {
		t.Errorf("%+v", only)
	}
	sum := must[*sdk.GetAccountSummaryOutput](t)(c.GetAccountSummary(ctx, &sdk.GetAccountSummaryInput{})).SummaryMap
	if sum["Users"] != 2 || sum["Roles"] != 1 || sum["Groups"] != 1 || sum["Policies"] != 1 || sum["UsersQuota"] != 5000 || sum["AccountAccessKeysPresent"] != 0 {
		t.Errorf("%v", sum)
	}

	must[*sdk.CreateAccountAliasOutput](t)(c.CreateAccountAlias(ctx, &sdk.CreateAccountAliasInput{AccountAlias: aws.String("acme")}))
	same(t, []string{"acme"}, must[*sdk.ListAccountAliasesOutput](t)(c.ListAccountAliases(ctx, &sdk.ListAccountAliasesInput{})).AccountAliases)
	_, err := c.DeleteAccountAlias(ctx, &sdk.DeleteAccountAliasInput{AccountAlias: aws.String("other")})
	fails(t, err, "NoSuchEntity", "")
	_, err = c.CreateAccountAlias(ctx, &sdk.CreateAccountAliasInput{AccountAlias: aws.String("a--b")})
	fails(t, err, "ValidationError", "")
	must[*sdk.DeleteAccountAliasOutput](t)(c.DeleteAccountAlias(ctx, &sdk.DeleteAccountAliasInput{AccountAlias: aws.String("acme")}))
}

func TestCredentialReport(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", "")
	_, err := c.GetCredentialReport(ctx, &sdk.GetCredentialReportInput{})
	fails(t, err, "ReportNotPresent", "")
	if s := must[*sdk.GenerateCredentialReportOutput](t)(c.GenerateCredentialReport(ctx, &sdk.GenerateCredentialReportInput{})).State; s != types.ReportStateTypeStarted {
		t.Error(s)
	}
	if s := must[*sdk.GenerateCredentialReportOutput](t)(c.GenerateCredentialReport(ctx, &sdk.GenerateCredentialReportInput{})).State; s != types.ReportStateTypeComplete {
		t.Error(s)
	}
	got := must[*sdk.GetCredentialReportOutput](t)(c.GetCredentialReport(ctx, &sdk.GetCredentialReportInput{}))
	rows, err := csv.NewReader(strings.NewReader(string(got.Content))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[1][0] != "<root_account>" || rows[2][0] != "alice" || rows[2][8] != "true" || len(rows[2]) != 22 {
		t.Errorf("%q", rows)
	}
	p.now = p.now.Add(5 * time.Hour)
	_, err = c.GetCredentialReport(ctx, &sdk.GetCredentialReportInput{})
	fails(t, err, "ReportExpired", "")
}
