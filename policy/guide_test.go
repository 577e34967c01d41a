package policy_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/policy"
)

// The result tables and worked examples of the IAM User Guide and the Organizations User Guide, as data. Each question goes to the
// engine and to the reference interpreter.

// places are documents, each its statements, in the places of policy.Policies.
type places struct {
	identity, boundary, session, resource, trust string
	scp, rcp                                     [][]string
}

// decide asks both engines and fails if they differ.
func (p places) decide(t *testing.T, r policy.Request) policy.Verdict {
	t.Helper()
	var ps policy.Policies
	var ref refPolicies
	one := func(kind policy.Kind, statements string) (string, *policy.Policy) {
		if statements == "" {
			return "", nil
		}
		return doc(statements), compile(t, kind, kind.String(), doc(statements))
	}
	list := func(kind policy.Kind, statements string) ([]string, []*policy.Policy) {
		if statements == "" {
			return nil, nil
		}
		text, compiled := one(kind, statements)
		return []string{text}, []*policy.Policy{compiled}
	}
	ref.Identity, ps.Identity = list(policy.Identity, p.identity)
	ref.Boundary, ps.Boundary = one(policy.Boundary, p.boundary)
	ref.Bounded = p.boundary != ""
	ref.Session, ps.Session = list(policy.Session, p.session)
	ref.Sessioned = p.session != ""
	ref.Resource, ps.Resource = one(policy.Resource, p.resource)
	if p.trust != "" {
		ps.ResourceKind, ref.MustGrant = policy.Trust, true
		ref.Resource, ps.Resource = one(policy.Trust, p.trust)
	}
	levels := func(kind policy.Kind, in [][]string) (texts [][]string, compiled [][]*policy.Policy) {
		for _, level := range in {
			var ts []string
			var cs []*policy.Policy
			for _, s := range level {
				text, c := one(kind, s)
				ts, cs = append(ts, text), append(cs, c)
			}
			texts, compiled = append(texts, ts), append(compiled, cs)
		}
		return texts, compiled
	}
	ref.SCP, ps.SCP = levels(policy.SCP, p.scp)
	ref.RCP, ps.RCP = levels(policy.RCP, p.rcp)
	got := policy.Evaluate(&r, &ps)
	q := refOf(&r)
	if allowed, explicit := q.decide(ref); allowed != got.Allowed || explicit != got.Explicit {
		t.Errorf("the engine says %s, the reference allowed %v, explicit %v", got.Verdict(), allowed, explicit)
	}
	return got.Verdict()
}

func allows(t *testing.T, want bool, p places, r policy.Request) {
	t.Helper()
	if got := p.decide(t, r); (got == policy.Allowed) != want {
		t.Errorf("%s, want allowed %v", got, want)
	}
}

func when(effect, condition string) string {
	return `{"Effect":"` + effect + `","Action":"*","Resource":"*","Condition":` + condition + `}`
}

// TestPrincipalKeyValues is the table of what aws:username, aws:userid and aws:PrincipalType are.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
func TestPrincipalKeyValues(t *testing.T) {
	session := func(name string) policy.Principal {
		p := webSession()
		p.UserID = "AROAEXAMPLEWEB000001:" + name
		p.ARN = "arn:aws:sts::123456789012:assumed-role/web/" + name
		return p
	}
	const missing = "\x00"
	for _, c := range []struct {
		name                   string
		p                      policy.Principal
		username, userid, kind string
		arn                    string
	}{
		{"root", policy.Principal{Kind: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account}, missing, account, "Account", "arn:aws:iam::123456789012:root"},
		{"IAM user", alice(), "alice", "AIDAEXAMPLEALICE0001", "User", "arn:aws:iam::123456789012:user/alice"},
		{"federated user", federated(alice().ARN), missing, account + ":fed", "FederatedUser", "arn:aws:sts::123456789012:federated-user/fed"},
		{"web identity", session("jane@example.com"), missing, "AROAEXAMPLEWEB000001:jane@example.com", "AssumedRole", "arn:aws:iam::123456789012:role/web"},
		{"assumed role", session("s1"), missing, "AROAEXAMPLEWEB000001:s1", "AssumedRole", "arn:aws:iam::123456789012:role/web"},
		{"instance's role", session("i-0123456789abcdef0"), missing, "AROAEXAMPLEWEB000001:i-0123456789abcdef0", "AssumedRole", "arn:aws:iam::123456789012:role/web"},
		{"anonymous", policy.Principal{}, missing, missing, "Anonymous", missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get("arn:aws:s3:::b/k")
			r.Principal = c.p
			for key, want := range map[string]string{"aws:username": c.username, "aws:userid": c.userid, "aws:PrincipalType": c.kind, "aws:PrincipalArn": c.arn} {
				condition := fmt.Sprintf(`{"StringEquals":{%q:%q}}`, key, want)
				if want == missing {
					condition = fmt.Sprintf(`{"Null":{%q:"true"}}`, key)
				}
				allows(t, true, places{identity: when("Allow", condition), resource: grantIf(condition)}, r)
			}
		})
	}
}

// grantIf grants everybody under a condition.
func grantIf(condition string) string {
	return `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":` + condition + `}`
}

// TestConditionLogic are the tables on blocks with several operators, keys and values.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition_examples-single-valued-context-keys.html
func TestConditionLogic(t *testing.T) {
	const (
		both = `{"StringEquals":{"aws:PrincipalTag/department":["finance","hr","legal"],"aws:PrincipalTag/role":["audit","security"]},"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::123456789012:user/a*","arn:aws:iam::123456789012:user/b*"]}}`
		nor  = `{"StringNotEquals":{"aws:PrincipalTag/department":["hr","payroll"],"aws:PrincipalTag/role":["audit","security"]}}`
		mix  = `{"StringEquals":{"aws:PrincipalTag/department":["finance","legal"]},"StringNotEquals":{"aws:PrincipalTag/role":"audit"}}`
	)
	for _, c := range []struct {
		condition, department, role, user string
		want                              bool
	}{
		{both, "finance", "audit", "alice", true}, {both, "hr", "security", "bob", true}, {both, "legal", "audit", "carol", false},
		{both, "finance", "developer", "alice", false}, {both, "it", "audit", "alice", false}, {both, "finance", "", "alice", false},
		{both, "", "audit", "alice", false}, {both, "", "", "alice", false}, {both, "Finance", "audit", "alice", false},
		{nor, "finance", "developer", "alice", true}, {nor, "hr", "developer", "alice", false}, {nor, "finance", "audit", "alice", false},
		{nor, "payroll", "security", "alice", false}, {nor, "", "developer", "alice", true}, {nor, "finance", "", "alice", true}, {nor, "", "", "alice", true},
		{mix, "finance", "developer", "alice", true}, {mix, "finance", "audit", "alice", false}, {mix, "finance", "", "alice", true}, {mix, "", "developer", "alice", false},
	} {
		r := get("arn:aws:s3:::b/k")
		r.Principal.ARN = "arn:aws:iam::123456789012:user/" + c.user
		for key, value := range map[string]string{"department": c.department, "role": c.role} {
			if value != "" {
				r.Principal.Tags = append(r.Principal.Tags, policy.Tag{Key: key, Value: value})
			}
		}
		t.Run(fmt.Sprintf("%s-%s-%s", c.department, c.role, c.user), func(t *testing.T) {
			allows(t, c.want, places{identity: when("Allow", c.condition)}, r)
			allows(t, !c.want, places{identity: allowAll + "," + when("Deny", c.condition)}, r)
		})
	}
}

// TestMultivaluedExamples are the tables on aws:TagKeys and aws:RequestTag, and the guide's attributes of a table.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition_examples-multi-valued-context-keys.html
func TestMultivaluedExamples(t *testing.T) {
	const (
		onlyThese   = `{"ForAllValues:StringEquals":{"aws:TagKeys":["environment","cost-center"]}}`
		guarded     = `{"ForAllValues:StringEquals":{"aws:TagKeys":["environment","cost-center"]},"Null":{"aws:TagKeys":"false"}}`
		oneOfThese  = `{"ForAnyValue:StringEquals":{"aws:TagKeys":["environment","cost-center"]}}`
		noneOfThese = `{"ForAllValues:StringNotEquals":{"aws:TagKeys":["environment","cost-center"]}}`
		anyOther    = `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["environment","cost-center"]}}`
		webhook     = `{"ForAnyValue:StringEquals":{"aws:TagKeys":"webhook"}}`
		value       = `{"StringEquals":{"aws:RequestTag/environment":["preprod","production"]},"ForAllValues:StringEquals":{"aws:TagKeys":"environment"}}`
		attributes  = `{"ForAllValues:StringLike":{"aws:TagKeys":["PostDateTime","Message","Tags"]}}`
		forbidden   = `{"ForAnyValue:StringLike":{"aws:TagKeys":["ID","PostDateTime"]}}`
	)
	for _, c := range []struct {
		condition string
		keys      []string
		want      bool
	}{
		{onlyThese, []string{"environment"}, true}, {onlyThese, []string{"cost-center", "environment"}, true}, {onlyThese, []string{"environment", "team"}, false},
		{onlyThese, []string{"team"}, false}, {onlyThese, nil, true}, {onlyThese, []string{""}, true}, {onlyThese, []string{"Environment"}, false},
		{guarded, []string{"environment"}, true}, {guarded, nil, false}, {guarded, []string{"environment", "team"}, false},
		{oneOfThese, []string{"team", "environment"}, true}, {oneOfThese, []string{"team"}, false}, {oneOfThese, nil, false}, {oneOfThese, []string{""}, false},
		{noneOfThese, []string{"team"}, true}, {noneOfThese, []string{"team", "environment"}, false}, {noneOfThese, nil, true},
		{anyOther, []string{"team", "environment"}, true}, {anyOther, []string{"cost-center", "environment"}, false}, {anyOther, nil, false},
		{webhook, []string{"webhook"}, true}, {webhook, []string{"webhook", "x"}, true}, {webhook, []string{"x"}, false},
		{value, []string{"environment"}, true}, {value, []string{"environment", "team"}, false}, {value, nil, false},
		{attributes, []string{"PostDateTime", "Message"}, true}, {attributes, []string{"PostDateTime", "UserName"}, false},
		{forbidden, []string{"UserName", "Message", "PostDateTime"}, true}, {forbidden, []string{"UserName"}, false},
	} {
		r := get("arn:aws:s3:::b/k")
		for _, k := range c.keys {
			r.RequestTags = append(r.RequestTags, policy.Tag{Key: k, Value: "production"})
		}
		t.Run(fmt.Sprint(c.keys), func(t *testing.T) {
			allows(t, c.want, places{identity: when("Allow", c.condition)}, r)
			allows(t, !c.want, places{identity: allowAll + "," + when("Deny", c.condition)}, r)
		})
	}
}

// TestOperatorExamples are the guide's examples of operators: the value in the request, and whether the condition holds.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func TestOperatorExamples(t *testing.T) {
	const long = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
	for _, c := range []struct {
		condition, got string
		want           bool
	}{
		{`{"StringLike":{"s3:x":"arn:aws:someservice:*:111122223333:finance/*"}}`, long, true},
		{`{"ArnLike":{"s3:x":"arn:aws:someservice:*:111122223333:finance/*"}}`, long, false},
		{`{"ArnEquals":{"s3:x":"arn:aws:someservice:*:111122223333:finance/*"}}`, "arn:aws:someservice:eu-west-1:111122223333:finance/a:b", true},
		{`{"ArnNotEquals":{"s3:x":"arn:aws:someservice:*:111122223333:finance/*"}}`, long, true},
		{`{"ArnEquals":{"s3:x":"arn:aws:sns:us-east-1:123456789012:TOPIC-ID"}}`, "arn:aws:sns:us-east-1:123456789012:TOPIC-ID", true},
		{`{"ArnEquals":{"s3:x":"arn:aws:sns:us-east-1:123456789012:TOPIC-ID"}}`, "arn:aws:sns:us-east-1:123456789012:topic-id", false},
		{`{"StringEquals":{"s3:x":"JohnDoe"}}`, "JohnDoe", true}, {`{"StringEquals":{"s3:x":"JohnDoe"}}`, "johndoe", false},
		{`{"StringEqualsIgnoreCase":{"s3:x":"johndoe"}}`, "JohnDoe", true},
		{`{"StringLike":{"s3:x":["","home/","home/${aws:username}/*"]}}`, "home/alice/x", true},
		{`{"StringLike":{"s3:x":["","home/","home/${aws:username}/*"]}}`, "home/bob/x", false},
		{`{"StringLikeIfExists":{"s3:x":["t1.*","t2.*","m3.*"]}}`, "t2.micro", true}, {`{"StringLikeIfExists":{"s3:x":["t1.*","t2.*","m3.*"]}}`, "c5.large", false},
		{`{"StringLikeIfExists":{"s3:x":["t1.*","t2.*","m3.*"]}}`, "", true}, {`{"StringLike":{"s3:x":["t1.*","t2.*","m3.*"]}}`, "", false},
		{`{"StringNotEqualsIfExists":{"s3:x":"a"}}`, "", true},
		{`{"NumericLessThanEquals":{"s3:x":"10"}}`, "10", true}, {`{"NumericLessThanEquals":{"s3:x":"10"}}`, "11", false},
		{`{"DateGreaterThan":{"s3:x":"2020-01-01T00:00:01Z"}}`, "2020-01-01T00:00:02Z", true}, {`{"DateGreaterThan":{"s3:x":"2020-01-01T00:00:01Z"}}`, "2020-01-01T00:00:01Z", false},
		{`{"BinaryEquals":{"s3:x":"QmluYXJ5VmFsdWVJbkJhc2U2NA=="}}`, "QmluYXJ5VmFsdWVJbkJhc2U2NA==", true},
		{`{"Null":{"s3:x":"true"}}`, "", true}, {`{"Null":{"s3:x":"true"}}`, "a", false}, {`{"Null":{"s3:x":"false"}}`, "a", true},
	} {
		r := get("arn:aws:s3:::b/k")
		if c.got != "" {
			r.Keys = []policy.Key{{Name: "s3:x", Values: []string{c.got}}}
		}
		t.Run(c.condition, func(t *testing.T) { allows(t, c.want, places{identity: when("Allow", c.condition)}, r) })
	}
}

// TestAddressExamples mixes the two versions as the guide does; a single address needs no prefix length.
func TestAddressExamples(t *testing.T) {
	const mixed = `{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:DB8:1234:5678::/64","198.51.100.7"]}}`
	for address, want := range map[string]bool{
		"203.0.113.255": true, "203.0.114.0": false, "2001:db8:1234:5678::1": true, "2001:db8:1234:5679::1": false, "198.51.100.7": true, "198.51.100.8": false, "": false,
		"::ffff:203.0.113.9": true,
	} {
		r := get("arn:aws:s3:::b/k")
		r.Call.SourceIP = netip.Addr{}
		if address != "" {
			r.Call.SourceIP = netip.MustParseAddr(address).Unmap()
		}
		t.Run(address, func(t *testing.T) { allows(t, want, places{identity: when("Allow", mixed)}, r) })
	}
}

// TestMFAExamples is the guide's comparison of Bool, BoolIfExists and Null on aws:MultiFactorAuthPresent.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent
func TestMFAExamples(t *testing.T) {
	const key = `"aws:MultiFactorAuthPresent"`
	for _, c := range []struct {
		effect, condition           string
		longTerm, without, withAuth bool // is the request allowed?
	}{
		{"Deny", `{"Bool":{` + key + `:"false"}}`, true, false, true},
		{"Deny", `{"BoolIfExists":{` + key + `:"false"}}`, false, false, true},
		{"Deny", `{"Null":{` + key + `:"true"}}`, false, true, true},
		{"Allow", `{"Bool":{` + key + `:"true"}}`, false, false, true},
		{"Allow", `{"BoolIfExists":{` + key + `:"true"}}`, true, false, true},
		{"Allow", `{"Null":{` + key + `:"false"}}`, false, true, true},
		{"Allow", `{"NumericLessThan":{"aws:MultiFactorAuthAge":"3600"}}`, false, false, true},
		{"Deny", `{"NumericGreaterThanIfExists":{"aws:MultiFactorAuthAge":"3600"}}`, false, false, true},
	} {
		for name, q := range map[string]struct {
			mfa  policy.Tri
			want bool
		}{"long-term": {policy.Missing, c.longTerm}, "without": {policy.False, c.without}, "with": {policy.True, c.withAuth}} {
			r := get("arn:aws:s3:::b/k")
			if r.Session.MFA = q.mfa; q.mfa == policy.True {
				r.Session.MFAAt = r.Call.Time.Add(-time.Minute)
			}
			statements := when(c.effect, c.condition)
			if c.effect == "Deny" {
				statements = allowAll + "," + statements
			}
			t.Run(c.effect+c.condition+name, func(t *testing.T) { allows(t, q.want, places{identity: statements}, r) })
		}
	}
}

// TestBoundaryExamples follow the guide's user with a boundary for S3, CloudWatch and EC2.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
func TestBoundaryExamples(t *testing.T) {
	boundary := `{"Effect":"Allow","Action":["s3:*","cloudwatch:*","ec2:*"],"Resource":"*"}`
	createUser := `{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*"}`
	for _, c := range []struct {
		name, action, identity, boundary string
		want                             policy.Verdict
	}{
		{"outside the boundary", "iam:CreateUser", createUser, boundary, policy.ImplicitDeny},
		{"inside the boundary, not granted", "s3:GetObject", createUser, boundary, policy.ImplicitDeny},
		{"in both", "s3:GetObject", `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, boundary, policy.Allowed},
		{"boundary denies", "s3:GetObject", allowAll, boundary + `,{"Effect":"Deny","Action":"s3:Get*","Resource":"*"}`, policy.ExplicitDeny},
		{"identity denies", "s3:GetObject", allowAll + "," + denyAll, boundary, policy.ExplicitDeny},
		{"no boundary", "iam:CreateUser", createUser, "", policy.Allowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get("arn:aws:s3:::b/k")
			r.Action = c.action
			if got := (places{identity: c.identity, boundary: c.boundary}).decide(t, r); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestCrossAccountExamples follow the guide's Carlos and the bucket Production/logs of another account.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
func TestCrossAccountExamples(t *testing.T) {
	carlos := policy.Principal{
		Kind: policy.User, Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/carlos", EntityARN: "arn:aws:iam::111111111111:user/carlos",
		UserID: "AIDAEXAMPLECARLOS001", EntityID: "AIDAEXAMPLECARLOS001", UserName: "carlos",
	}
	identity := `{"Sid":"AllowS3ListRead","Effect":"Allow","Action":["s3:GetBucketLocation","s3:ListAllMyBuckets"],"Resource":"*"},` +
		`{"Sid":"AllowS3ProductionObjectActions","Effect":"Allow","Action":"s3:*Object*","Resource":["arn:aws:s3:::Production/*"]},` +
		`{"Sid":"DenyS3Logs","Effect":"Deny","Action":"s3:*","Resource":["arn:aws:s3:::*log*","arn:aws:s3:::*log*/*"]}`
	boundary := `{"Sid":"AllowS3","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::Production*"}`
	grant := func(actions, resource string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":` + actions + `,"Resource":` + resource + `}`
	}
	for _, c := range []struct {
		name, action, resource, bucket string
		want                           policy.Verdict
	}{
		{"both sides", "s3:PutObject", "arn:aws:s3:::Production/mypicture.jpg", grant(`["s3:GetObject*","s3:PutObject*"]`, `"arn:aws:s3:::Production/*"`), policy.Allowed},
		{"bucket does not grant the action", "s3:DeleteObject", "arn:aws:s3:::Production/mypicture.jpg", grant(`["s3:GetObject*","s3:PutObject*"]`, `"arn:aws:s3:::Production/*"`), policy.ImplicitDeny},
		{"no bucket policy", "s3:PutObject", "arn:aws:s3:::Production/mypicture.jpg", "", policy.ImplicitDeny},
		{"identity denies logs", "s3:GetObject", "arn:aws:s3:::Production/logs/a.log", grant(`"s3:*"`, `"*"`), policy.ExplicitDeny},
		{"identity silent", "s3:ListBucket", "arn:aws:s3:::Production", grant(`"s3:*"`, `"*"`), policy.ImplicitDeny},
		{"bucket denies", "s3:PutObject", "arn:aws:s3:::Production/x", grant(`"s3:*"`, `"*"`) + `,{"Effect":"Deny","Principal":"*","Action":"s3:Put*","Resource":"*"}`, policy.ExplicitDeny},
		{"another account is named", "s3:PutObject", "arn:aws:s3:::Production/x", `{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"s3:*","Resource":"*"}`, policy.ImplicitDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := policy.Request{Action: c.action, Resource: c.resource, Principal: carlos, Owner: policy.ResourceContext{Account: "222222222222"}}
			if got := (places{identity: identity, boundary: boundary, resource: c.bucket}).decide(t, r); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestSCPInheritance is the tables of how service control policies of root, unit and account meet.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
func TestSCPInheritance(t *testing.T) {
	const (
		full = `{"Effect":"Allow","Action":"*","Resource":"*"}`
		s3   = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
		ec2  = `{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`
		noS3 = `{"Effect":"Deny","Action":"s3:*","Resource":"*"}`
	)
	for _, c := range []struct {
		name                string
		root, unit, account []string
		s3, ec2             policy.Verdict
	}{
		{"full everywhere", []string{full}, []string{full}, []string{full}, policy.Allowed, policy.Allowed},
		{"unit allows S3 only", []string{full}, []string{s3}, []string{full}, policy.Allowed, policy.ImplicitDeny},
		{"account allows S3, unit EC2", []string{full}, []string{ec2}, []string{s3}, policy.ImplicitDeny, policy.ImplicitDeny},
		{"full and S3 in one level", []string{full}, []string{full, s3}, []string{full}, policy.Allowed, policy.Allowed},
		{"nothing at the account", []string{full}, []string{full}, []string{}, policy.ImplicitDeny, policy.ImplicitDeny},
		{"root denies S3", []string{full, noS3}, []string{full}, []string{full}, policy.ExplicitDeny, policy.Allowed},
		{"unit denies S3 and account allows it", []string{full}, []string{full, noS3}, []string{full, s3}, policy.ExplicitDeny, policy.Allowed},
		{"deny list without full access", []string{full}, []string{noS3}, []string{full}, policy.ExplicitDeny, policy.ImplicitDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := policy.Principal{Kind: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account}
			for action, want := range map[string]policy.Verdict{"s3:GetObject": c.s3, "ec2:RunInstances": c.ec2} {
				for _, caller := range []policy.Principal{alice(), webSession(), root} {
					r := get("*")
					r.Action, r.Principal = action, caller
					if got := (places{identity: allowAll, scp: [][]string{c.root, c.unit, c.account}}).decide(t, r); got != want {
						t.Errorf("%s by %s: %s, want %s", action, caller.ARN, got, want)
					}
				}
			}
			r := get("*")
			r.Principal = policy.Principal{Kind: policy.Service, Name: "ec2.amazonaws.com"}
			allows(t, true, places{resource: grantTo(`{"Service":"ec2.amazonaws.com"}`), scp: [][]string{c.root, c.unit, c.account}}, r)
		})
	}
}

// TestRCPExamples: RCPs limit everybody who reaches the resource, also from outside, and never grant.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
func TestRCPExamples(t *testing.T) {
	const (
		full     = `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`
		onlyOurs = `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-ours"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}`
	)
	outsider := alice()
	outsider.Account, outsider.OrgID = other, "o-theirs"
	ours := alice()
	ours.OrgID = "o-ours"
	for _, c := range []struct {
		name   string
		caller policy.Principal
		rcp    [][]string
		bucket string
		want   policy.Verdict
	}{
		{"our own", ours, [][]string{{full}, {full, onlyOurs}}, "", policy.Allowed},
		{"an outsider whom the bucket grants", outsider, [][]string{{full}, {full, onlyOurs}}, grantTo(`{"AWS":"210987654321"}`), policy.ExplicitDeny},
		{"anonymous whom the bucket grants", policy.Principal{}, [][]string{{full}, {full, onlyOurs}}, grantTo(`"*"`), policy.ExplicitDeny},
		{"a service", policy.Principal{Kind: policy.Service, Name: "s3.amazonaws.com"}, [][]string{{full}, {full, onlyOurs}}, grantTo(`{"Service":"s3.amazonaws.com"}`), policy.Allowed},
		{"full access does not grant", outsider, [][]string{{full}}, "", policy.ImplicitDeny},
		{"a level without full access", ours, [][]string{{full}, {}}, "", policy.ImplicitDeny},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get("arn:aws:s3:::b/k")
			r.Principal, r.Owner.Account = c.caller, account
			if got := decideWithOrg(t, places{identity: allowAll, rcp: c.rcp, resource: c.bucket}, r); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// decideWithOrg gives the reference, which knows no organizations, the key by name.
func decideWithOrg(t *testing.T, p places, r policy.Request) policy.Verdict {
	t.Helper()
	if r.Principal.OrgID != "" {
		r.Trusted = append(r.Trusted, policy.Key{Name: "aws:PrincipalOrgID", Values: []string{r.Principal.OrgID}})
	}
	return p.decide(t, r)
}

// TestSessionExamples: what a session may do is what its policies and its role's have in common.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
func TestSessionExamples(t *testing.T) {
	read := `{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}`
	write := `{"Effect":"Allow","Action":"s3:Put*","Resource":"*"}`
	role := `{"AWS":"arn:aws:iam::123456789012:role/web"}`
	session := `{"AWS":"arn:aws:sts::123456789012:assumed-role/web/s1"}`
	for _, c := range []struct {
		name string
		p    places
		want bool
	}{
		{"no session policy", places{identity: read}, true},
		{"both", places{identity: read, session: allowAll}, true},
		{"session does not", places{identity: read, session: write}, false},
		{"role does not", places{identity: write, session: read}, false},
		{"bucket names the role, session allows", places{identity: write, session: read, resource: grantTo(role)}, true},
		{"bucket names the role, session does not", places{identity: write, session: write, resource: grantTo(role)}, false},
		{"bucket names the session, session does not", places{identity: write, session: write, resource: grantTo(session)}, true},
		{"bucket names the session, session denies", places{identity: write, session: denyAll, resource: grantTo(session)}, false},
		{"bucket names the role, boundary does not", places{identity: read, boundary: write, resource: grantTo(role)}, false},
		{"bucket names the session, boundary does not", places{identity: read, boundary: write, resource: grantTo(session)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get("arn:aws:s3:::b/k")
			r.Principal = webSession()
			allows(t, c.want, c.p, r)
		})
	}
}

// TestManyBroadStatements: actions of one statement have it in common, but not what stands behind it for their services.
func TestManyBroadStatements(t *testing.T) {
	statements := `{"Effect":"Allow","Action":["s3:GetObject","ec2:RunInstances","sqs:SendMessage"],"Resource":"arn:aws:s3:::elsewhere"}`
	for i := range 10 {
		statements += fmt.Sprintf(`,{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::no-%d"},{"Effect":"Allow","Action":"ec2:Run*","Resource":"arn:aws:ec2:us-east-1::%d"}`, i, i)
	}
	statements += `,{"Effect":"Deny","Action":"s3:G*","Resource":"arn:aws:s3:::b/secret"}`
	for _, c := range []struct {
		action, resource string
		want             policy.Verdict
	}{
		{"s3:GetObject", "arn:aws:s3:::no-7", policy.Allowed}, {"ec2:RunInstances", "arn:aws:ec2:us-east-1::7", policy.Allowed},
		{"ec2:RunInstances", "arn:aws:s3:::no-7", policy.ImplicitDeny}, {"s3:GetObject", "arn:aws:ec2:us-east-1::7", policy.ImplicitDeny},
		{"sqs:SendMessage", "arn:aws:s3:::no-7", policy.ImplicitDeny}, {"sqs:SendMessage", "arn:aws:s3:::elsewhere", policy.Allowed},
		{"s3:GetObject", "arn:aws:s3:::b/secret", policy.ExplicitDeny}, {"s3:GetObjectAcl", "arn:aws:s3:::no-7", policy.Allowed},
	} {
		r := get(c.resource)
		r.Action = c.action
		if got := (places{identity: statements}).decide(t, r); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.action, c.resource, got, c.want)
		}
	}
}
