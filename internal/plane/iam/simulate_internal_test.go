package iam

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/iamapi"
	"github.com/rolecall-dev/rolecall/policy"
)

// TestSimulatorAnswersAsTheEvaluator puts random questions on random policies to both.
func TestSimulatorAnswersAsTheEvaluator(t *testing.T) {
	const user = "arn:aws:iam::123456789012:user/ann"
	decisions := map[iamapi.PolicyEvaluationDecisionType]int{}
	for i := range 600 {
		r := rand.New(rand.NewPCG(7, uint64(i))) //nolint:gosec // test data
		pick := func(of ...string) string { return of[r.IntN(len(of))] }
		document := func(extra string) string {
			var s []string
			for range 1 + r.IntN(3) {
				s = append(s, fmt.Sprintf(`{"Effect":%q,%s"Action":[%q,%q],"Resource":%q,"Condition":{%q:{"s3:prefix":%q}}}`,
					pick("Allow", "Allow", "Allow", "Deny"), extra, pick("s3:*", "s3:Get*", "*", "s3:PutObject"), pick("s3:GetObject", "ec2:*"),
					pick("*", "arn:aws:s3:::a/*", "arn:aws:s3:::b/${aws:username}"), pick("StringLikeIfExists", "StringEquals", "StringNotEquals"), pick("*", "x", "y")))
			}
			out, err := json.Marshal(json.RawMessage(`{"Version":"2012-10-17","Statement":[` + strings.Join(s, ",") + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		in := &asked{actions: []string{"s3:GetObject", "s3:PutObject"}, resources: []string{"arn:aws:s3:::a/k", "arn:aws:s3:::b/ann"}}
		compiled := func(kind policy.Kind, text string) *policy.Policy {
			d, err := policy.Parse(kind, []byte(text))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return policy.Compile(d, "p")
		}
		var ps policy.Policies
		for range 1 + r.IntN(2) {
			in.policies = append(in.policies, document(""))
			ps.Identity = append(ps.Identity, compiled(policy.Identity, in.policies[len(in.policies)-1]))
		}
		if r.IntN(2) == 0 {
			in.boundary = []string{document("")}
			ps.Boundary = compiled(policy.Boundary, in.boundary[0])
		}
		for range r.IntN(3) {
			in.organization = append(in.organization, iamapi.OrderedOrganizationPolicyType{ServiceControlPolicyInputList: []string{document("")}})
			ps.SCP = append(ps.SCP, []*policy.Policy{compiled(policy.SCP, in.organization[len(in.organization)-1].ServiceControlPolicyInputList[0])})
		}
		if r.IntN(2) == 0 {
			in.resourcePolicy = new(document(`"Principal":{"AWS":"` + pick(user, "123456789012", "*") + `"},`))
			ps.Resource = compiled(policy.Resource, *in.resourcePolicy)
		}
		if r.IntN(3) == 0 {
			in.owner = new("arn:aws:iam::210987654321:root")
		}
		keys := []policy.Key(nil)
		if r.IntN(3) > 0 {
			in.entries = []iamapi.ContextEntry{{ContextKeyName: new("s3:prefix"), ContextKeyValues: []string{pick("x", "y")}}}
			keys = []policy.Key{{Name: "s3:prefix", Values: in.entries[0].ContextKeyValues}}
		}
		m, err := newSimulation(in)
		if err != nil {
			t.Fatal(err)
		}
		m.principal = policy.Principal{Kind: policy.User, Account: "123456789012", ARN: user, EntityARN: user, UserName: "ann"}
		if err := m.inputs(in); err != nil {
			t.Fatal(err)
		}
		page, err := m.run(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range page.items {
			var all []iamapi.PolicyEvaluationDecisionType
			for _, single := range result.ResourceSpecificResults {
				q := policy.Request{Action: result.EvalActionName, Resource: single.EvalResourceName, Principal: m.principal, Keys: keys}
				if in.owner != nil {
					q.Owner.Account = "210987654321"
				}
				want := policy.Evaluate(&q, &ps)
				if string(single.EvalResourceDecision) != want.Verdict().String() {
					t.Fatalf("case %d: %s on %s: the simulator says %s, the evaluator %s\n%+v", i, result.EvalActionName, single.EvalResourceName, single.EvalResourceDecision, want.Verdict(), in)
				}
				if by, ok := want.Statement(); ok && by.Kind != policy.SCP && len(single.MatchedStatements) == 0 {
					t.Fatalf("case %d: no matched statement, but %s decided", i, by)
				}
				if result.OrganizationsDecisionDetail != nil != (len(ps.SCP) > 0) {
					t.Fatalf("case %d: organization %+v", i, result.OrganizationsDecisionDetail)
				}
				all = append(all, single.EvalResourceDecision)
				decisions[single.EvalResourceDecision]++
			}
			if want := worse(all[0], all[1]); result.EvalDecision != want {
				t.Fatalf("case %d: %v together are %s", i, all, result.EvalDecision)
			}
		}
	}
	for d, n := range decisions {
		if n < 100 {
			t.Errorf("only %d times %s", n, d)
		}
	}
	if len(decisions) != 3 {
		t.Error(decisions)
	}
}

// TestPositionsOfStatements: the text between the positions is the statement; that of a later one begins behind the one before.
func TestPositionsOfStatements(t *testing.T) {
	text := "{\"Version\":\"2012-10-17\",\n\t\"Statement\" : [ {\"Sid\":\"A\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::\\u00e9 \\\"}é\"},\r\n" +
		"  {\"Sid\":\"B\",\n\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}\n,{\"Sid\":\"C\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}"
	m, err := newSimulation(&asked{actions: []string{"s3:GetObject"}, resources: []string{"arn:aws:s3:::é \"}é"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.inputs(&asked{policies: []string{text}}); err != nil {
		t.Fatal(err)
	}
	m.principal = policy.Principal{Kind: policy.User, Account: "123456789012"}
	var got []string
	for _, s := range m.action("s3:GetObject").MatchedStatements {
		got = append(got, text[offset(text, s.StartPosition):offset(text, s.EndPosition)])
	}
	want := []string{
		` {"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::\u00e9 \"}é"}`,
		",\r\n  {\"Sid\":\"B\",\n\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}",
		"\n,{\"Sid\":\"C\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// offset turns a position into an offset, by counting.
func offset(text string, p *iamapi.Position) int {
	line, column := 1, 1
	for i, r := range text {
		if line == *p.Line && column == *p.Column {
			return i
		}
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return len(text)
}

func TestScenarios(t *testing.T) {
	ec2 := func(kinds ...string) (out []string) {
		for _, k := range kinds {
			out = append(out, "arn:aws:ec2:us-east-1:123456789012:"+k+"/x")
		}
		return out
	}
	all := ec2("instance", "image", "security-group", "network-interface", "volume", "subnet")
	for option, missing := range map[string]string{
		"EC2-Classic-InstanceStore": "image", "EC2-Classic-EBS": "volume", "EC2-VPC-InstanceStore": "network-interface",
		"EC2-VPC-InstanceStore-Subnet": "subnet", "EC2-VPC-EBS": "security-group", "EC2-VPC-EBS-Subnet": "instance",
	} {
		if err := scenario(&option, all); err != nil {
			t.Errorf("%s: %v", option, err)
		}
		if err := scenario(&option, slices.DeleteFunc(slices.Clone(all), func(r string) bool { return r == ec2(missing)[0] })); err == nil {
			t.Errorf("%s without %s", option, missing)
		}
	}
	if err := scenario(new("S3"), all); err == nil {
		t.Error("an unknown scenario was accepted")
	}
	if err := scenario(nil, nil); err != nil {
		t.Error(err)
	}
}

// TestShapeOfResults compares whole results with what AWS documents and was seen to answer.
func TestShapeOfResults(t *testing.T) {
	run := func(in asked, callerAccount string) iamapi.EvaluationResult {
		t.Helper()
		m, err := newSimulation(&in)
		if err != nil {
			t.Fatal(err)
		}
		m.principal = policy.Principal{Kind: policy.User, Account: callerAccount, ARN: "arn:aws:iam::" + callerAccount + ":user/ann"}
		if err := m.inputs(&in); err != nil {
			t.Fatal(err)
		}
		return m.action(in.actions[0])
	}
	const (
		allow, implicit = iamapi.PolicyEvaluationDecisionTypeAllowed, iamapi.PolicyEvaluationDecisionTypeImplicitDeny
		get             = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::a/*","Condition":{"StringLikeIfExists":{"s3:prefix":"*"}}}}`
		none            = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`
		bucket          = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"}}`
	)
	at := func(id, kind string, end int) iamapi.Statement {
		return iamapi.Statement{
			SourcePolicyId: &id, SourcePolicyType: new(iamapi.PolicySourceType(kind)),
			StartPosition: &iamapi.Position{Line: new(1), Column: new(37)}, EndPosition: &iamapi.Position{Line: new(1), Column: &end},
		}
	}
	mine, theirs := at("PolicyInputList.1", "IAM Policy", len(get)), at("ResourcePolicy", "Resource Policy", len(bucket))
	type details = map[string]iamapi.PolicyEvaluationDecisionType
	for _, c := range []struct {
		name string
		in   asked
		want iamapi.EvaluationResult
	}{
		{"everything", asked{actions: []string{"s3:GetObject"}, policies: []string{get}}, iamapi.EvaluationResult{
			EvalActionName: "s3:GetObject", EvalResourceName: new("*"), EvalDecision: implicit, MatchedStatements: []iamapi.Statement{}, MissingContextValues: []string{"s3:prefix"},
		}},
		{"one resource", asked{actions: []string{"s3:GetObject"}, policies: []string{get}, resources: []string{"arn:aws:s3:::a/k"}}, iamapi.EvaluationResult{
			EvalActionName: "s3:GetObject", EvalResourceName: new("arn:aws:s3:::a/k"), EvalDecision: allow, MatchedStatements: []iamapi.Statement{mine},
			MissingContextValues: []string{"s3:prefix"}, EvalDecisionDetails: details{},
			ResourceSpecificResults: []iamapi.ResourceSpecificResult{
				{EvalResourceName: "arn:aws:s3:::a/k", EvalResourceDecision: allow, MatchedStatements: []iamapi.Statement{mine}, MissingContextValues: []string{"s3:prefix"}},
			},
		}},
		{"two resources, a boundary", asked{actions: []string{"s3:GetObject"}, policies: []string{get}, boundary: []string{none}, resources: []string{"arn:aws:s3:::a/k", "arn:aws:s3:::b/k"}}, iamapi.EvaluationResult{
			EvalActionName: "s3:GetObject", EvalResourceName: new("*"), EvalDecision: implicit, MatchedStatements: []iamapi.Statement{mine},
			MissingContextValues: []string{"s3:prefix"}, EvalDecisionDetails: details{},
			PermissionsBoundaryDecisionDetail: &iamapi.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(false)},
			ResourceSpecificResults: []iamapi.ResourceSpecificResult{
				{
					EvalResourceName: "arn:aws:s3:::a/k", EvalResourceDecision: implicit, MatchedStatements: []iamapi.Statement{mine}, MissingContextValues: []string{"s3:prefix"},
					PermissionsBoundaryDecisionDetail: &iamapi.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(false)},
				},
				{
					EvalResourceName: "arn:aws:s3:::b/k", EvalResourceDecision: implicit, MatchedStatements: []iamapi.Statement{}, MissingContextValues: []string{"s3:prefix"},
					PermissionsBoundaryDecisionDetail: &iamapi.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(false)},
				},
			},
		}},
		{"across accounts", asked{
			actions: []string{"s3:GetObject"}, policies: []string{get}, resources: []string{"arn:aws:s3:::a/k"}, owner: new("210987654321"), resourcePolicy: new(bucket),
		}, iamapi.EvaluationResult{
			EvalActionName: "s3:GetObject", EvalResourceName: new("arn:aws:s3:::a/k"), EvalDecision: allow, MatchedStatements: []iamapi.Statement{theirs, mine},
			MissingContextValues: []string{"s3:prefix"}, EvalDecisionDetails: details{"IAM Policy": allow, "Resource Policy": allow},
			ResourceSpecificResults: []iamapi.ResourceSpecificResult{{
				EvalResourceName: "arn:aws:s3:::a/k", EvalResourceDecision: allow, MatchedStatements: []iamapi.Statement{theirs, mine}, MissingContextValues: []string{"s3:prefix"},
				EvalDecisionDetails: details{"IAM Policy": allow, "Resource Policy": allow},
			}},
		}},
		{"across accounts, one of two", asked{
			actions: []string{"s3:GetObject"}, policies: []string{get}, resources: []string{"arn:aws:s3:::a/k", "arn:aws:s3:::b/k"}, owner: new("210987654321"), resourcePolicy: new(bucket),
		}, iamapi.EvaluationResult{
			EvalActionName: "s3:GetObject", EvalResourceName: new("*"), EvalDecision: implicit, MatchedStatements: []iamapi.Statement{theirs},
			MissingContextValues: []string{"s3:prefix"}, EvalDecisionDetails: details{"IAM Policy": implicit, "Resource Policy": allow},
			ResourceSpecificResults: []iamapi.ResourceSpecificResult{
				{
					EvalResourceName: "arn:aws:s3:::a/k", EvalResourceDecision: allow, MatchedStatements: []iamapi.Statement{theirs, mine}, MissingContextValues: []string{"s3:prefix"},
					EvalDecisionDetails: details{"IAM Policy": allow, "Resource Policy": allow},
				},
				{
					EvalResourceName: "arn:aws:s3:::b/k", EvalResourceDecision: implicit, MatchedStatements: []iamapi.Statement{theirs}, MissingContextValues: []string{"s3:prefix"},
					EvalDecisionDetails: details{"IAM Policy": implicit, "Resource Policy": allow},
				},
			},
		}},
		{"organization denies", asked{
			actions: []string{"s3:GetObject"}, policies: []string{get}, resources: []string{"arn:aws:s3:::a/k"},
			organization: []iamapi.OrderedOrganizationPolicyType{{ServiceControlPolicyInputList: []string{none}}},
		}, iamapi.EvaluationResult{
			EvalActionName: "s3:GetObject", EvalResourceName: new("arn:aws:s3:::a/k"), EvalDecision: implicit, MatchedStatements: []iamapi.Statement{}, MissingContextValues: []string{},
			OrganizationsDecisionDetail: &iamapi.OrganizationsDecisionDetail{AllowedByOrganizations: new(false)},
			ResourceSpecificResults:     []iamapi.ResourceSpecificResult{{EvalResourceName: "arn:aws:s3:::a/k", EvalResourceDecision: implicit, MatchedStatements: []iamapi.Statement{}}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, run(c.in, "123456789012")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestGrantsOfAService looks at actions only, as the listing does.
func TestGrantsOfAService(t *testing.T) {
	for statement, want := range map[string]bool{
		`"Effect":"Allow","Action":"s3:GetObject"`: true, `"Effect":"Allow","Action":["ec2:*","S3:*"]`: true, `"Effect":"Allow","Action":"*"`: true,
		`"Effect":"Allow","Action":"*:*"`: true, `"Effect":"Allow","Action":"s3-object-lambda:*"`: false, `"Effect":"Deny","Action":"s3:*"`: false,
		`"Effect":"Allow","NotAction":"iam:*"`: true, `"Effect":"Allow","NotAction":["iam:*","s3:*"]`: false, `"Effect":"Allow","NotAction":"s3:Get*"`: true,
		`"Effect":"Allow","NotAction":"*"`: false, `"Effect":"Allow","NotAction":"*:*"`: false,
	} {
		if got := grants(`{"Version":"2012-10-17","Statement":{`+statement+`,"Resource":"*"}}`, "s3"); got != want {
			t.Errorf("%s: %v", statement, got)
		}
	}
}
