package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/policy"
)

// holds evaluates one condition on a request with the given values of s3:key.
func holds(t *testing.T, op, want string, values ...string) bool {
	t.Helper()
	p := compile(t, policy.Identity, "p", doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+op+`":{"s3:key":`+want+`}}}`))
	r := get("arn:aws:s3:::b/k")
	r.Keys = []policy.Key{{Name: "s3:key", Values: values}}
	return policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}).Allowed
}

// TestMissingKey is the guide's rule for each operator, with each decoration.
func TestMissingKey(t *testing.T) {
	for op, value := range map[string]string{
		"StringEquals": `"a"`, "StringNotEquals": `"a"`, "StringEqualsIgnoreCase": `"a"`, "StringNotEqualsIgnoreCase": `"a"`, "StringLike": `"*"`,
		"StringNotLike": `"*"`, "NumericEquals": `"1"`, "NumericNotEquals": `"1"`, "NumericLessThan": `"1"`, "NumericLessThanEquals": `"1"`,
		"NumericGreaterThan": `"1"`, "NumericGreaterThanEquals": `"1"`, "DateEquals": `"2020"`, "DateNotEquals": `"2020"`, "DateLessThan": `"2020"`,
		"DateLessThanEquals": `"2020"`, "DateGreaterThan": `"2020"`, "DateGreaterThanEquals": `"2020"`, "Bool": `"true"`, "BinaryEquals": `"AAA="`,
		"IpAddress": `"0.0.0.0/0"`, "NotIpAddress": `"0.0.0.0/0"`, "ArnEquals": `"arn:aws:s3:::*"`, "ArnLike": `"arn:aws:s3:::*"`, "ArnNotEquals": `"arn:aws:s3:::*"`,
		"ArnNotLike": `"arn:aws:s3:::*"`,
	} {
		negated := strings.Contains(op, "Not")
		for form, want := range map[string]bool{
			op: negated, op + "IfExists": true, "ForAllValues:" + op: true, "ForAnyValue:" + op: false,
			"ForAllValues:" + op + "IfExists": true, "ForAnyValue:" + op + "IfExists": true,
		} {
			if got := holds(t, form, value); got != want {
				t.Errorf("%s with the key missing: %v, want %v", form, got, want)
			}
		}
	}
	for _, c := range []struct {
		value   string
		present []string
		want    bool
	}{{`"true"`, nil, true}, {`"false"`, nil, false}, {`"true"`, []string{"a"}, false}, {`"false"`, []string{"a"}, true}, {`["true","false"]`, nil, true}} {
		if got := holds(t, "Null", c.value, c.present...); got != c.want {
			t.Errorf("Null %s with %v: %v", c.value, c.present, got)
		}
	}
}

// TestSetOperators are the guide's examples of several values on both sides.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func TestSetOperators(t *testing.T) {
	for _, c := range []struct {
		op, want string
		got      []string
		holds    bool
	}{
		{"ForAllValues:StringEquals", `["red","green"]`, []string{"red"}, true},
		{"ForAllValues:StringEquals", `["red","green"]`, []string{"red", "green"}, true},
		{"ForAllValues:StringEquals", `["red","green"]`, []string{"red", "blue"}, false},
		{"ForAllValues:StringEquals", `["red","green"]`, []string{""}, true},
		{"ForAnyValue:StringEquals", `["red","green"]`, []string{"blue", "red"}, true},
		{"ForAnyValue:StringEquals", `["red","green"]`, []string{"blue"}, false},
		{"ForAnyValue:StringEquals", `["red",""]`, []string{""}, false},
		{"ForAllValues:StringNotEquals", `["red","green"]`, []string{"blue", "black"}, true},
		{"ForAllValues:StringNotEquals", `["red","green"]`, []string{"blue", "red"}, false},
		{"ForAnyValue:StringNotEquals", `["red","green"]`, []string{"red", "green"}, false},
		{"ForAnyValue:StringNotEquals", `["red","green"]`, []string{"red", "blue"}, true},
		{"ForAllValues:StringLike", `["r*"]`, []string{"red", "rose"}, true},
		{"ForAnyValue:NumericGreaterThan", `"5"`, []string{"1", "6"}, true},
		{"ForAllValues:NumericGreaterThan", `"5"`, []string{"1", "6"}, false},
		{"ForAllValues:ArnLike", `"arn:aws:iam::*:role/*"`, []string{"arn:aws:iam::1:role/a", "arn:aws:iam::1:user/a"}, false},
		{"StringEquals", `["red"]`, []string{"blue", "red"}, true},
		{"StringNotEquals", `["red"]`, []string{"blue", "red"}, false},
	} {
		if got := holds(t, c.op, c.want, c.got...); got != c.holds {
			t.Errorf("%s %s on %v: %v, want %v", c.op, c.want, c.got, got, c.holds)
		}
	}
}

// TestOperators compares single values.
func TestOperators(t *testing.T) {
	for _, c := range []struct {
		op, want, got string
		holds         bool
	}{
		{"StringEquals", `"a"`, "a", true}, {"StringEquals", `"a"`, "A", false}, {"StringEquals", `"a*"`, "ab", false}, {"StringEquals", `"a*"`, "a*", true}, {"StringEquals", `""`, "", true},
		{"StringEquals", `"${*}"`, "*", true}, {"StringEquals", `"a${$}{b}"`, "a${b}", true}, {"StringEqualsIgnoreCase", `"straße"`, "STRAßE", true},
		{"StringNotEqualsIgnoreCase", `"A"`, "a", false}, {"StringLike", `"a?c"`, "aéc", true}, {"StringLike", `"a?c"`, "ac", false}, {"StringLike", `"*"`, "", true}, {"StringLike", `"a**b"`, "ab", true},
		{"StringLike", `"${?}"`, "x", false}, {"StringLike", `"${?}"`, "?", true}, {"StringLike", `"*a*b*"`, "xxbxa", false}, {"StringLike", `"*.*.c"`, "a.b.b.c", true}, {"StringNotLike", `"a*"`, "b", true},
		{"NumericEquals", `"10"`, "10.0", true}, {"NumericEquals", `10`, "1e1", true}, {"NumericLessThan", `"10"`, "9.99", true}, {"NumericLessThan", `"10"`, "10", false}, {"NumericGreaterThanEquals", `"-1"`, "-1", true},
		{"NumericEquals", `"1"`, "one", false}, {"NumericNotEquals", `"1"`, "one", true}, {"NumericEquals", `"9007199254740993"`, "9007199254740992", false}, {"NumericLessThan", `"1"`, "", false},
		{"DateEquals", `"2026-01-01"`, "2026-01-01T00:00:00Z", true}, {"DateEquals", `"2026-01-01T01:00:00+01:00"`, "2026-01-01T00:00:00Z", true}, {"DateEquals", `"1767225600"`, "2026-01-01", true},
		{"DateEquals", `1767225600`, "2026-01-01", true}, {"DateLessThan", `"2026"`, "2025-12-31T23:59:59Z", false}, {"DateLessThan", `"2026-01"`, "2025-12-31T23:59:59.999Z", true}, {"DateGreaterThan", `"2026-01-01T00:00:00Z"`, "2026-01-01T00:00:00.001Z", true},
		{"DateGreaterThan", `"2026-01-01"`, "tomorrow", false}, {"DateNotEquals", `"2026-01-01"`, "tomorrow", true},
		{"Bool", `"true"`, "TRUE", true}, {"Bool", `true`, "true", true}, {"Bool", `"true"`, "false", false}, {"Bool", `"false"`, "no", false}, {"Bool", `["true","false"]`, "false", true},
		{"BinaryEquals", `"aGVsbG8="`, "aGVsbG8=", true}, {"BinaryEquals", `"aGVsbG8="`, "aGVsbA==", false}, {"BinaryEquals", `"aGVsbG8="`, "hello", false},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.113.9", true}, {"IpAddress", `"203.0.113.77/24"`, "203.0.113.9", true}, {"IpAddress", `"203.0.113.9"`, "203.0.113.9", true}, {"IpAddress", `"203.0.113.9"`, "203.0.113.8", false},
		{"IpAddress", `"2001:DB8:1234:5678::/64"`, "2001:db8:1234:5678::1", true}, {"IpAddress", `"0.0.0.0/0"`, "::1", false}, {"IpAddress", `"10.0.0.0/8"`, "::ffff:10.1.1.1", true}, {"IpAddress", `"10.0.0.0/8"`, "ten", false},
		{"NotIpAddress", `"10.0.0.0/8"`, "ten", true}, {"NotIpAddress", `["10.0.0.0/8","11.0.0.0/8"]`, "11.1.1.1", false},
		{"ArnLike", `"arn:aws:someservice:*:111122223333:finance/*"`, "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", false},
		{"StringLike", `"arn:aws:someservice:*:111122223333:finance/*"`, "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", true},
		{"ArnEquals", `"arn:aws:s3:::b*"`, "arn:aws:s3:::bucket/a:b", true}, {"ArnEquals", `"arn:aws:s3:::B"`, "arn:aws:s3:::b", false}, {"ArnLike", `"*"`, "arn:aws:s3:::b", false}, {"ArnNotLike", `"*"`, "arn:aws:s3:::b", true},
		{"ArnLike", `"arn:aws:s3:::b"`, "b", false}, {"ArnLike", `"arn:aws:iam::*:user/${aws:username}"`, "arn:aws:iam::123456789012:user/alice", true},
	} {
		if got := holds(t, c.op, c.want, c.got); got != c.holds {
			t.Errorf("%s %s on %q: %v, want %v", c.op, c.want, c.got, got, c.holds)
		}
	}
}

// TestResources matches patterns against ARNs.
func TestResources(t *testing.T) {
	for _, c := range []struct {
		pattern, arn string
		want         bool
	}{
		{"*", "*", true}, {"arn:aws:s3:::*", "*", false}, {"arn:aws:s3:::*", "arn:aws:s3:::b/k", true}, {"arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b/1/2/test/3/object.jpg", true},
		{"arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b/1-test/object.jpg", false}, {"arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b//test/object.jpg", true}, {"arn:aws:s3:::b/*/test/*", "arn:aws:s3:::b/1/test/", true},
		{"arn:aws:s3:::b", "arn:aws:s3:::b/k", false}, {"arn:aws:s3:::b*", "arn:aws:s3:::b/k", true}, {"arn:aws:sns:*:123456789012:*", "arn:aws:sns:eu-west-1:123456789012:t", true},
		{"arn:aws:sns:us-*-1:123456789012:*", "arn:aws:sns:us-east-1:123456789012:t", true}, {"arn:aws:sns:us-*-1:123456789012:*", "arn:aws:sns:us-east-1:x-1:123456789012:t", false},
		{"arn:aws:sns:us-east-?:*:t", "arn:aws:sns:us-east-2:1:t", true}, {"arn:aws:dynamodb:us-east-1:*", "arn:aws:dynamodb:us-east-1:1:table/x", true}, {"arn:aws:sns:us-*-1:*", "arn:aws:sns:us-east-1:1:t", true},
		{"arn:aws:logs:*:*:log-group:/a/*:*", "arn:aws:logs:us-east-1:1:log-group:/a/b:log-stream:c", true}, {"arn:*:s3:::b", "arn:aws-cn:s3:::b", true},
		{"arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::123456789012:user/alice", true}, {"arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::123456789012:user/bob", false},
		{"arn:aws:s3:::${aws:PrincipalTag/missing}", "arn:aws:s3:::", false}, {"arn:aws:s3:::b/${aws:PrincipalTag/missing, ''}x", "arn:aws:s3:::b/x", true},
		{"arn:aws:s3:::b/${aws:UserAgent}", "arn:aws:s3:::b/secret", false}, {"arn:aws:s3:::b/${AWS:USERID}", "arn:aws:s3:::b/AIDAEXAMPLEALICE0001", true},
		{"arn:aws:s3:::b/${aws:CurrentTime}", "arn:aws:s3:::b/2026-01-02T03:04:05Z", true}, {"arn:aws:s3:::b/${aws:SourceIp}", "arn:aws:s3:::b/10.1.2.3", true}, {"arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/a", false},
	} {
		r := get(c.arn)
		r.Call.UserAgent, r.TagKeys = "*", []string{"a"}
		for _, element := range []string{"Resource", "NotResource"} {
			p := compile(t, policy.Resource, "p", doc(fmt.Sprintf(`{"Effect":"Deny","Principal":"*","Action":"*",%q:%q}`, element, c.pattern)))
			got := policy.Evaluate(&r, &policy.Policies{Resource: p}).Explicit
			if want := c.want == (element == "Resource"); got != want {
				t.Errorf("%s %s on %s: %v, want %v", element, c.pattern, c.arn, got, want)
			}
		}
	}
}

// TestVersion2008 takes variables literally.
func TestVersion2008(t *testing.T) {
	text := `{"Version":"%s","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}}`
	for version, resource := range map[string]string{"2008-10-17": "arn:aws:s3:::b/${aws:username}", "2012-10-17": "arn:aws:s3:::b/alice"} {
		p := compile(t, policy.Identity, "p", fmt.Sprintf(text, version))
		for _, asked := range []string{"arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/alice"} {
			r := get(asked)
			if got := policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}).Allowed; got != (asked == resource) {
				t.Errorf("%s on %s: %v", version, asked, got)
			}
		}
	}
}

// TestGlobalKeys reads every key that has a field.
func TestGlobalKeys(t *testing.T) {
	r := get("arn:aws:s3:::b/k")
	r.Principal = webSession()
	r.Principal.OrgID, r.Principal.OrgPaths = "o-1", []string{"o-1/r/ou"}
	r.Principal.Tags, r.RequestTags = []policy.Tag{{Key: "a", Value: "1"}}, []policy.Tag{{Key: "b", Value: "2"}, {Key: "B2", Value: ""}}
	r.Owner = policy.ResourceContext{Account: account, Tags: []policy.Tag{{Key: "c", Value: "3"}}, OrgID: "o-2", OrgPaths: []string{"p"}}
	r.Session = policy.SessionContext{
		IssuedAt: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), MFA: policy.True, MFAAt: time.Date(2026, 1, 2, 3, 3, 5, 0, time.UTC),
		SourceIdentity: "ann", FederatedProvider: "corp", AssumedRoot: policy.False,
	}
	r.Call.UserAgent, r.Call.Referer, r.Call.Region, r.Call.SourceVPC, r.Call.SourceVPCE = "ua", "ref", "us-east-1", "vpc", "vpce"
	r.Call.ViaService, r.Call.CalledVia = policy.True, []string{"first", "last"}
	r.Call.VPCSourceIP = r.Call.SourceIP
	r.Call.SourceARN, r.Call.SourceAccount, r.Call.SourceOrgID, r.Call.SourceOrgPaths = "arn:aws:sns:::t", "1", "o-3", []string{"q"}
	for key, want := range map[string]string{
		"aws:PrincipalArn": "arn:aws:iam::123456789012:role/web", "aws:PrincipalAccount": account, "aws:PrincipalOrgID": "o-1", "aws:PrincipalOrgPaths": "o-1/r/ou",
		"aws:PrincipalType": "AssumedRole", "aws:PrincipalIsAWSService": "false", "aws:userid": "AROAEXAMPLEWEB000001:s1", "aws:PrincipalTag/A": "1", "aws:RequestTag/b": "2",
		"aws:ResourceTag/C": "3", "s3:ResourceTag/c": "3", "aws:TagKeys": "B2", "aws:ResourceAccount": account, "aws:ResourceOrgID": "o-2", "aws:ResourceOrgPaths": "p",
		"aws:TokenIssueTime": "2026-01-02T03:00:00Z", "aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "60", "aws:SourceIdentity": "ann", "aws:FederatedProvider": "corp",
		"aws:AssumedRoot": "false", "aws:CurrentTime": "2026-01-02T03:04:05Z", "aws:EpochTime": "1767323045", "aws:SourceIp": "10.1.2.3", "aws:VpcSourceIp": "10.1.2.3",
		"aws:SecureTransport": "true", "aws:UserAgent": "ua", "aws:Referer": "ref", "aws:RequestedRegion": "us-east-1", "aws:SourceVpc": "vpc", "aws:SourceVpce": "vpce",
		"aws:ViaAWSService": "true", "aws:CalledVia": "last", "aws:CalledViaFirst": "first", "aws:CalledViaLast": "last", "aws:SourceArn": "arn:aws:sns:::t", "aws:SourceAccount": "1",
		"aws:SourceOrgID": "o-3", "aws:SourceOrgPaths": "q",
	} {
		for _, spelled := range []string{key, strings.ToUpper(key)} {
			p := compile(t, policy.Identity, "p", doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"`+spelled+`":"`+want+`"}}}`))
			if !policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}).Allowed {
				t.Errorf("%s is not %q", spelled, want)
			}
		}
	}
	for _, key := range []string{"aws:username", "iam:ResourceTag/c", "aws:PrincipalServiceName", "aws:RequestTag/zzz"} {
		p := compile(t, policy.Identity, "p", doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"`+key+`":"true"}}}`))
		if !policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}).Allowed {
			t.Errorf("%s is present", key)
		}
	}
}
