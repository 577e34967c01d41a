package policy_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/policy"
)

const account = "123456789012"

func alice() policy.Principal {
	return policy.Principal{
		Kind: policy.User, Account: account, ARN: "arn:aws:iam::123456789012:user/alice", UserID: "AIDAEXAMPLEALICE0001",
		EntityARN: "arn:aws:iam::123456789012:user/alice", EntityID: "AIDAEXAMPLEALICE0001", UserName: "alice",
	}
}

func webSession() policy.Principal {
	return policy.Principal{
		Kind: policy.RoleSession, Account: account, ARN: "arn:aws:sts::123456789012:assumed-role/web/s1",
		UserID:    "AROAEXAMPLEWEB000001:s1",
		EntityARN: "arn:aws:iam::123456789012:role/web", EntityID: "AROAEXAMPLEWEB000001",
	}
}

func get(resource string) policy.Request {
	return policy.Request{
		Action: "s3:GetObject", Resource: resource, Principal: alice(),
		Call: policy.CallContext{
			Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), SourceIP: netip.MustParseAddr("10.1.2.3"), Secure: policy.True,
		},
	}
}

// doc writes a document of statements.
func doc(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func compile(t testing.TB, kind policy.Kind, name, text string, opts ...policy.CompileOption) *policy.Policy {
	t.Helper()
	d, err := policy.Parse(kind, []byte(text))
	if err != nil {
		t.Fatalf("%s: %+v\n%s", name, asError(err), text)
	}
	return policy.Compile(d, name, opts...)
}

// asError returns the refusal that err is, the zero Error if it is none.
func asError(err error) policy.Error {
	var e *policy.Error
	if errors.As(err, &e) {
		return *e
	}
	return policy.Error{}
}

// TestElementaryCases are 40 questions that open engines get wrong more often than not; the answers are those of
// AWS's documentation.
func TestElementaryCases(t *testing.T) {
	const obj = "arn:aws:s3:::b/k"
	with := func(change func(*policy.Request)) policy.Request {
		r := get(obj)
		change(&r)
		return r
	}
	when := func(effect, condition string) string {
		return `{"Effect":"` + effect + `","Action":"*","Resource":"*","Condition":` + condition + `}`
	}
	allow := `{"Effect":"Allow","Action":"*","Resource":"*"}`
	revoke := allow + `,` + when("Deny", `{"DateLessThan":{"aws:TokenIssueTime":"2026-01-01T00:00:00Z"}}`)
	issued := func(year int) policy.Request {
		return with(func(r *policy.Request) {
			r.Principal = webSession()
			r.Session.IssuedAt = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		})
	}
	tagKeys := func(keys ...string) policy.Request {
		return with(func(r *policy.Request) { r.TagKeys = keys })
	}
	prefix := func(p string) policy.Request {
		return with(func(r *policy.Request) { r.Keys = []policy.Key{{Name: "s3:prefix", Values: []string{p}}} })
	}
	ip := func(a string) policy.Request {
		return with(func(r *policy.Request) { r.Call.SourceIP = netip.MustParseAddr(a) })
	}
	at := func(resource string) policy.Request { return get(resource) }
	plain := get(obj)
	for _, c := range []struct {
		name       string
		statements string
		request    policy.Request
		want       bool
	}{
		{"basic allow", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, plain, true},
		{"implicit deny", `{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}`, plain, false},
		{"explicit deny wins", allow + `,{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}`, plain, false},
		{"Resource star", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`, plain, true},
		{"action ignores case", `{"Effect":"Allow","Action":"S3:getOBJECT","Resource":"*"}`, plain, true},
		{"resource minds case", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::B/*"}`, plain, false},
		{"? in resource", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/?"}`, plain, true},
		{"* inside action", `{"Effect":"Allow","Action":"s3:*Object","Resource":"*"}`, plain, true},
		{"NotAction allow", `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, plain, true},
		{"NotResource deny", allow + `,{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::other/*"}`, plain, false},
		{"StringEquals missing", when("Allow", `{"StringEquals":{"s3:prefix":"a"}}`), plain, false},
		{"StringNotEquals missing", when("Allow", `{"StringNotEquals":{"s3:prefix":"a"}}`), plain, true},
		{"StringNotEquals one equal", when("Allow", `{"StringNotEquals":{"s3:prefix":["a","b"]}}`), prefix("b"), false},
		{"StringEqualsIfExists missing", when("Allow", `{"StringEqualsIfExists":{"s3:prefix":"a"}}`), plain, true},
		{"StringLike", when("Allow", `{"StringLike":{"s3:prefix":"home/*/x?"}}`), prefix("home/a/b/xy"), true},
		{"StringEqualsIgnoreCase", when("Allow", `{"StringEqualsIgnoreCase":{"s3:prefix":"HoMe"}}`), prefix("home"), true},
		{"key name ignores case", when("Allow", `{"StringEquals":{"S3:PREFIX":"a"}}`), prefix("a"), true},
		{"two operators", when("Allow", `{"StringEquals":{"s3:prefix":"a"},"Bool":{"aws:SecureTransport":"false"}}`), prefix("a"), false},
		{"ForAllValues missing", when("Allow", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`), plain, true},
		{"ForAnyValue missing", when("Allow", `{"ForAnyValue:StringEquals":{"aws:TagKeys":"a"}}`), plain, false},
		{"ForAllValues one outside", when("Allow", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}`), tagKeys("a", "c"), false},
		{"Null true missing", when("Allow", `{"Null":{"aws:TokenIssueTime":"true"}}`), plain, true},
		{"revoked old session", revoke, issued(2025), false},
		{"revoked new session", revoke, issued(2026), true},
		{"revoked long-term key", revoke, plain, true},
		{"variable", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}/*"}`, at("arn:aws:s3:::b/alice/x"), true},
		{"variable other user", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}/*"}`, at("arn:aws:s3:::b/bob/x"), false},
		{"variable default", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}/*"}`, at("arn:aws:s3:::b/none/x"), true},
		{"literal star", `{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b/${*}"}`, plain, false},
		{"IpAddress inside", when("Allow", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), plain, true},
		{"IpAddress outside", when("Allow", `{"IpAddress":{"aws:SourceIp":"192.168.0.0/16"}}`), plain, false},
		{"IpAddress v6", when("Allow", `{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`), ip("2001:db8::1"), true},
		{"NotIpAddress deny", allow + `,` + when("Deny", `{"NotIpAddress":{"aws:SourceIp":"192.168.0.0/16"}}`), plain, false},
		{"NumericLessThanEquals", when("Allow", `{"NumericLessThanEquals":{"s3:max-keys":"10"}}`),
			with(func(r *policy.Request) { r.Keys = []policy.Key{{Name: "s3:max-keys", Values: []string{"100"}}} }), false},
		{"Deny BoolIfExists MFA missing", allow + `,` + when("Deny", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`), plain, false},
		{"Bool MFA missing", when("Allow", `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), plain, false},
		{"Deny ArnNotLike PrincipalArn", allow + `,` + when("Deny", `{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/bob"}}`), plain, false},
		{"PrincipalTag", when("Allow", `{"StringEquals":{"aws:PrincipalTag/team":"red"}}`),
			with(func(r *policy.Request) { r.Principal.Tags = []policy.Tag{{Key: "Team", Value: "red"}} }), true},
		{"variable in condition", when("Allow", `{"StringEquals":{"s3:prefix":"${aws:username}"}}`), prefix("alice"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compile(t, policy.Identity, "p", doc(c.statements))
			got := policy.Evaluate(&c.request, &policy.Policies{Identity: []*policy.Policy{p}})
			if got.Allowed != c.want {
				t.Errorf("allowed = %v, want %v (%s)\n%s", got.Allowed, c.want, got.Reason(c.request.Action), c.statements)
			}
		})
	}
	t.Run("Statement as single object", func(t *testing.T) {
		p := compile(t, policy.Identity, "p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
		if got := policy.Evaluate(&plain, &policy.Policies{Identity: []*policy.Policy{p}}); !got.Allowed {
			t.Errorf("denied: %s", got.Reason(plain.Action))
		}
	})
}
