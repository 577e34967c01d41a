package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/policy"
)

const (
	syntaxErrors = "Syntax errors in policy."
	legacy       = "The policy failed legacy parsing"
	oldVersion   = "Policy document must be version 2012-10-17 or greater."
	noActions    = "Policy statement must contain actions."
	noResources  = "Policy statement must contain resources."
	noVendor     = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	oneColon     = "Actions/Condition can contain only one colon."
)

// TestRefusals gives each way to be wrong the message that IAM answers, the order of its checks included.
func TestRefusals(t *testing.T) {
	const r = `"Resource":"arn:aws:s3:::b"`
	st := func(s string) string { return `{"Version":"2012-10-17","Statement":{` + s + `}}` }
	cond := func(c string) string {
		return st(`"Effect":"Allow","Action":"s3:ListBucket",` + r + `,"Condition":` + c)
	}
	res := func(v string) string { return st(`"Effect":"Allow","Action":"s3:ListBucket","Resource":` + v) }
	act := func(v string) string { return st(`"Effect":"Allow","Action":` + v + `,` + r) }
	iamPaths := `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`
	good := `{"Sid":"a","Effect":"Allow","Action":"s3:ListBucket",` + r + `}`
	for _, c := range []struct{ name, text, want string }{
		{"not JSON", "not JSON", syntaxErrors},
		{"empty", "", syntaxErrors},
		{"no version", `{"Statement":` + good + `}`, oldVersion},
		{"old version", `{"Version":"2008-10-17","Statement":` + good + `}`, oldVersion},
		{"wrong version", `{"Version":"2013-10-17","Statement":` + good + `}`, syntaxErrors},
		{"no statement", `{"Version":"2012-10-17"}`, syntaxErrors},
		{"no statements", `{"Version":"2012-10-17","Statement":[]}`, syntaxErrors},
		{"statement a string", `{"Version":"2012-10-17","Statement":["x"]}`, syntaxErrors},
		{"extra element", `{"Version":"2012-10-17","X":1,"Statement":` + good + `}`, syntaxErrors},
		{"extra element in statement", st(`"Effect":"Allow","Action":"s3:*",` + r + `,"X":"y"`), syntaxErrors},
		{"duplicate element", st(`"Effect":"Deny","Effect":"Allow","Action":"s3:*",` + r), syntaxErrors},
		{"duplicate condition key", cond(`{"StringEquals":{"a:b":"1","a:b":"2"}}`), syntaxErrors},
		{"text behind", st(`"Effect":"Allow","Action":"s3:*",`+r) + "x", syntaxErrors},
		{"Id a list", `{"Version":"2012-10-17","Id":["a"],"Statement":` + good + `}`, syntaxErrors},
		{"effect unknown", st(`"Effect":"invalid","Action":"s3:*",` + r), syntaxErrors},
		{"effect missing", st(`"Action":"s3:*",` + r), syntaxErrors},
		{"effect in wrong case", st(`"Effect":"denY","Action":"s3:*",` + r), legacy},
		{"effect before Sid", `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"aLLow","Action":"s3:*",` + r + `},{"Sid":"a","Effect":"Allow"}]}`, legacy},
		{"action without vendor", act(`"invalid"`), noVendor},
		{"empty action", act(`""`), noVendor},
		{"vendor with a space", act(`"a a:ListBucket"`), "Vendor a a is not valid"},
		{"two colons", act(`"s3:List:Bucket"`), oneColon},
		{"action an object", act(`{}`), syntaxErrors},
		{"action a list of lists", act(`[[]]`), syntaxErrors},
		{"no actions", act(`[]`), noActions},
		{"actions missing", st(`"Effect":"Allow",` + r), noActions},
		{"actions before resources", st(`"Effect":"Allow"`), noActions},
		{"resources missing", st(`"Effect":"Allow","Action":"invalid"`), noResources},
		{"no resources", res(`[]`), noResources},
		{"Action and NotAction", st(`"Effect":"Allow","Action":[],"NotAction":"s3:x",` + r), syntaxErrors},
		{"Resource and NotResource", st(`"Effect":"Allow","Action":"s3:x",` + r + `,"NotResource":[]`), syntaxErrors},
		{"resource not an ARN", res(`"invalid resource"`), `Resource invalid resource must be in ARN format or "*".`},
		{"resource empty", res(`""`), `Resource  must be in ARN format or "*".`},
		{"resource before action", st(`"Effect":"Allow","Action":"s:3:x","Resource":"sdfsadf"`), `Resource sdfsadf must be in ARN format or "*".`},
		{"resource of two fields", res(`"a:bsdf"`), `Partition "bsdf" is not valid for resource "arn:bsdf:*:*:*:*".`},
		{"resource of three fields", res(`"a:b:c"`), `Partition "b" is not valid for resource "arn:b:c:*:*:*".`},
		{"resource of eight fields", res(`"a:b:c:d:e:f:g:h"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
		{"arn left out", res(`"aws:s3:::b"`), `Partition "s3" is not valid for resource "arn:s3:::b:*".`},
		{"smallest of two", res(`["arn:error:s3:::b","arn:error:s3::b"]`), `Partition "error" is not valid for resource "arn:error:s3:::b".`},
		{"vendor missing", res(`"arn:aws"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"vendor a wildcard", res(`"arn:aws:*:::b"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{"iam region", res(`"arn:aws:iam:us-east-1::x"`), "IAM resource arn:aws:iam:us-east-1::x cannot contain region information."},
		{"iam path", res(`"arn:aws:iam:::x"`), iamPaths},
		{"s3 region", res(`"arn:aws:s3:us-east-1::b"`), "Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{"s3 short", res(`"arn:aws:s3::b"`), legacy},
		{"vendor empty", res(`"arn:aws::::b"`), legacy},
		{"short without vendor", res(`"arn:aws::x"`), legacy},
		{"NotResource short", st(`"Effect":"Allow","Action":"s3:x","NotResource":"arn:aws:s3::b"`), legacy},
		{"variable as account", res(`"arn:aws:s3::${aws:PrincipalAccount}:b"`), legacy},
		{"resource an object", res(`{"a":"b"}`), syntaxErrors},
		{"resource list with an object", res(`["a",{}]`), syntaxErrors},
		{"condition a list", cond(`[]`), syntaxErrors},
		{"condition a string", cond(`"a"`), syntaxErrors},
		{"operator holds a string", cond(`{"a":"b"}`), syntaxErrors},
		{"operator holds a list", cond(`{"DateGreaterThan":[]}`), syntaxErrors},
		{"value an object", cond(`{"DateGreaterThan":{"a":{}}}`), syntaxErrors},
		{"operator unknown", cond(`{"x":{"a":"1"}}`), syntaxErrors},
		{"operator with two colons", cond(`{"ForAnyValue::StringEqualsIfExists":{"a":"b"}}`), syntaxErrors},
		{"NullIfExists", cond(`{"NullIfExists":{"a":"true"}}`), syntaxErrors},
		{"date bad", cond(`{"DateGreaterThan":{"a":"sdf"}}`), legacy},
		{"date without day", cond(`{"DateLessThanEquals":{"a":"234-13"}}`), legacy},
		{"date zone of one digit", cond(`{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+1"}}`), legacy},
		{"date fraction of ten digits", cond(`{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.1999999999+10:59"}}`), legacy},
		{"epoch too large", cond(`{"DateLessThan":{"a":"9223372036854775808"}}`), legacy},
		{"number bad", cond(`{"NumericLessThan":{"a":"many"}}`), legacy},
		{"address bad", cond(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}`), legacy},
		{"Sid an object", st(`"Sid":{},"Effect":"Allow","Action":"s3:x",` + r), syntaxErrors},
		{"Sid twice", `{"Version":"2012-10-17","Statement":[` + good + `,{"Sid":"a","Effect":"Allow"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{"Sid with a space", st(`"Sid":"a b","Effect":"Allow","Action":"s3:x",` + r), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{"principal", st(`"Effect":"Allow","Principal":"*","Action":"s3:x",` + r), "Policy document should not specify a principal."},
		{"variable without end", res(`"arn:aws:s3:::b/${aws:username"`), syntaxErrors},
		{"duplicate among many", `{` + manyMembers(40) + `,"m7":2}`, syntaxErrors},
		{"too deep", strings.Repeat("[", 100000), syntaxErrors},
		{"not UTF-8", st("\"Effect\":\"Allow\",\"Action\":\"s3:\xff\"," + r), syntaxErrors},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := policy.Parse(policy.Managed, []byte(c.text))
			var e *policy.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if e.Code != "MalformedPolicyDocument" || e.Message != c.want {
				t.Errorf("%s: %s (%s)\nwant %s", e.Code, e.Message, e.Detail, c.want)
			}
		})
	}
}

// TestAccepted holds documents that IAM takes, odd ones among them.
func TestAccepted(t *testing.T) {
	const r = `"Resource":"arn:aws:s3:::b"`
	st := func(s string) string { return `{"Version":"2012-10-17","Statement":{` + s + `}}` }
	cond := func(c string) string {
		return st(`"Effect":"Allow","Action":"s3:ListBucket",` + r + `,"Condition":` + c)
	}
	res := func(v string) string { return st(`"Effect":"Allow","Action":"s3:ListBucket","Resource":` + v) }
	for _, text := range []string{
		res(`["arn:aws:s3:::b","*"]`), res(`"arn:aws:iam:::user/b"`), res(`"arn:aws:s33:::b"`), res(`"arn:aws:fdsasf"`),
		res(`"arn:aws:ec2:us-east-1::b"`), res(`"arn:*:s3:::b"`), res(`"arn:aws:iam::*:role/${aws:username}"`), res(`"arn:aws:iam::123456789012:*"`),
		res(`"arn:aws:s3:::b/${aws:PrincipalTag/team, 'x}y'}/${*}"`),
		st(`"Effect":"Allow","Action":"iam: asdf safdsf af ",` + r), st(`"Effect":"Allow","Action":"*",` + r),
		st(`"Effect":"Allow","NotAction":"s3-s.x:*","NotResource":"*"`),
		cond(`{}`), cond(`{"DateGreaterThan":{}}`), cond(`{"DateGreaterThan":{"a":[]}}`), cond(`{"a":{}}`),
		cond(`{"DateGreaterThan":{"a":"01T"}}`), cond(`{"DateLessThan":{"a":"-292275054"}}`),
		cond(`{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+23"}}`), cond(`{"DateLessThanEquals":{"a":"2016-12-13T21:20:37.593194+00:00"}}`),
		cond(`{"DateLessThan":{"a":"9223372036854775807"}}`),
		cond(`{"ForAnyValue:StringEqualsIfExists":{"a":"b"}}`), cond(`{"Bool":{"aws:SecureTransport":true}}`),
		cond(`{"NumericLessThan":{"s3:max-keys":[10,1.5]}}`), cond(`{"Null":{"a":"false"}}`),
		" \r\n\t" + st(`"Sid":"","Effect":"Deny","Action":"s3:\u0047etObject",`+r) + "\n",
	} {
		if _, err := policy.Parse(policy.Managed, []byte(text)); err != nil {
			t.Errorf("%s\nrefused: %v (%s)", text, err, asError(err).Detail)
		}
	}
	old := `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	if d, err := policy.Parse(policy.Identity, []byte(old)); err != nil || d.Version() != policy.Version2008 {
		t.Errorf("inline policy without version: %v", err)
	}
}

func TestRefusalsOfPoliciesWithPrincipals(t *testing.T) {
	trust := func(s string) string { return `{"Version":"2012-10-17","Statement":[{` + s + `}]}` }
	const who = `"Principal":{"AWS":"123456789012"}`
	for _, c := range []struct {
		name string
		kind policy.Kind
		text string
		code string
		want string
	}{
		{"trust JSON", policy.Trust, "{", "MalformedPolicyDocument", "This policy contains invalid Json"},
		{"trust empty", policy.Trust, `{"Statement":[]}`, "MalformedPolicyDocument", "Could not parse the policy: Statement is empty!"},
		{"trust principal missing", policy.Trust, trust(`"Effect":"Allow","Action":"sts:AssumeRole"`), "MalformedPolicyDocument", "Missing required field Principal"},
		{"trust principal empty", policy.Trust, trust(`"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"`), "MalformedPolicyDocument", "Missing required field Principal cannot be empty!"},
		{"trust star", policy.Trust, trust(`"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"`), "MalformedPolicyDocument", "Principal must be a JSON object."},
		{"trust unknown element", policy.Trust, `{"Version":"2012-10-17","statement":[]}`, "MalformedPolicyDocument", "Unknown field statement"},
		{"trust unknown element in a statement", policy.Trust, trust(`"_comment":"x","Effect":"Allow",` + who + `,"Action":"sts:AssumeRole"`), "MalformedPolicyDocument", "Unknown field _comment"},
		{"trust provider", policy.Trust, trust(`"Effect":"Allow","Principal":{"Federated":"arn:aws:iam//123456789012:oidc-provider/x.test"},"Action":"sts:AssumeRoleWithWebIdentity"`), "MalformedPolicyDocument", "Federated principals must be valid domain names or SAML metadata ARNs"},
		{"trust provider of no account", policy.Trust, trust(`"Effect":"Allow","Principal":{"Federated":"oidc"},"Action":"sts:AssumeRoleWithWebIdentity"`), "MalformedPolicyDocument", "Federated principals must be valid domain names or SAML metadata ARNs"},
		{"session JSON", policy.Session, "{", "MalformedPolicyDocument", "The policy is not in the valid JSON format."},
		{"session syntax", policy.Session, `{"Version":"2012-10-17"}`, "MalformedPolicyDocument", "Syntax errors in policy."},
		{"trust resource", policy.Trust, trust(`"Effect":"Allow",` + who + `,"Action":"sts:AssumeRole","Resource":"*"`), "MalformedPolicyDocument", "Has prohibited field Resource"},
		{"trust NotResource", policy.Trust, trust(`"Effect":"Allow",` + who + `,"Action":"sts:AssumeRole","NotResource":"*"`), "MalformedPolicyDocument", "AssumeRole policy must not contain resources."},
		{"trust action", policy.Trust, trust(`"Effect":"Allow",` + who + `,"Action":"s3:Get"`), "MalformedPolicyDocument", "AssumeRole policy may only specify STS AssumeRole actions."},
		{"trust any action", policy.Trust, trust(`"Effect":"Allow",` + who + `,"Action":"*"`), "MalformedPolicyDocument", "AssumeRole policy may only specify STS AssumeRole actions."},
		{"trust effect", policy.Trust, trust(who + `,"Action":"sts:AssumeRole"`), "MalformedPolicyDocument", "Missing required field Effect"},
		{"trust NotPrincipal", policy.Trust, trust(`"Effect":"Allow","NotPrincipal":{"AWS":"*"},"Action":"sts:AssumeRole"`), "MalformedPolicyDocument", "Allow with NotPrincipal is not allowed."},
		{"trust group", policy.Trust, trust(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:group/g"},"Action":"sts:AssumeRole"`), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:group/g"`},
		{"trust wildcard", policy.Trust, trust(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/*"},"Action":"sts:AssumeRole"`), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*"`},
		{"trust too large", policy.Trust, trust(`"Sid":"` + strings.Repeat("x", 2000) + `","Effect":"Allow",` + who + `,"Action":"sts:AssumeRole"`), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
		{"bucket JSON", policy.Resource, "x", "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"},
		{"bucket principal", policy.Resource, trust(`"Effect":"Allow","Action":"s3:*","Resource":"*"`), "MalformedPolicy", "Missing required field Principal"},
		{"bucket bad principal", policy.Resource, trust(`"Effect":"Allow","Principal":{"AWS":"nobody"},"Action":"s3:*","Resource":"*"`), "MalformedPolicy", "Invalid principal in policy"},
		{"bucket action", policy.Resource, trust(`"Effect":"Allow","Principal":"*","Action":"invalid","Resource":"*"`), "MalformedPolicy", "Policy has invalid action"},
		{"bucket resource", policy.Resource, trust(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"x"`), "MalformedPolicy", "Policy has invalid resource"},
		{"bucket condition", policy.Resource, trust(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringEqualz":{"a:b":"c"}}`), "MalformedPolicy", "Invalid Condition type : StringEqualz"},
		{"rcp principal", policy.RCP, trust(`"Effect":"Deny",` + who + `,"Action":"s3:*","Resource":"*"`), "MalformedPolicyDocument", "Invalid principal in policy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := policy.Parse(c.kind, []byte(c.text))
			var e *policy.Error
			if !errors.As(err, &e) || e.Code != c.code || e.Message != c.want {
				t.Errorf("got %v\nwant %s: %s", err, c.code, c.want)
			}
		})
	}
}

func TestDocument(t *testing.T) {
	text := "{\n \"Version\": \"2012-10-17\",\n \"Statement\": [{\"Sid\": \"é\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"arn:aws:iam::123456789012:role/p/x\",\"123456789012\"]},\n" +
		"  \"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::b/${aws:userid}\",\"Condition\":{\"StringLike\":{\"aws:PrincipalArn\":\"${s3:prefix}*\"}}}\n ]}"
	d, err := policy.Parse(policy.Resource, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Statements()[0]
	if want := (policy.Position{Line: 3, Column: 16}); s.Start != want {
		t.Errorf("start %v, want %v", s.Start, want)
	}
	if want := (policy.Position{Line: 4, Column: 125}); s.End != want {
		t.Errorf("end %v, want %v", s.End, want)
	}
	if diff := cmp.Diff([]string{"aws:PrincipalArn", "aws:userid", "s3:prefix"}, d.ContextKeys()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"arn:aws:iam::123456789012:role/p/x"}, d.PrincipalARNs()); diff != "" {
		t.Error(diff)
	}
}

func TestSizeCountsNoWhitespace(t *testing.T) {
	base := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::` + strings.Repeat("x", 6000)
	for extra, ok := range map[int]bool{0: true, 100: false} {
		text := base + strings.Repeat("y", extra) + "\"}}" + strings.Repeat(" \n", 3000)
		_, err := policy.Parse(policy.Managed, []byte(text))
		if (err == nil) != ok {
			t.Errorf("with %d: %v", extra, err)
		}
		if err != nil && (asError(err).Code != "LimitExceeded" || err.Error() != "Cannot exceed quota for PolicySize: 6144") {
			t.Errorf("with %d: %v", extra, err)
		}
	}
}

func manyMembers(n int) string {
	m := make([]string, n)
	for i := range m {
		m[i] = fmt.Sprintf(`"m%d":1`, i)
	}
	return strings.Join(m, ",")
}

// TestManyMembersAreNoTrap: the reader's time grows with the length of the text only.
func TestManyMembersAreNoTrap(t *testing.T) {
	for _, text := range []string{
		"{" + manyMembers(12000) + "}", doc(`{"Condition":{"StringLike":{` + manyMembers(12000) + `}}}`), strings.Repeat(`{"a":`, 20000), doc(strings.Repeat(`{},`, 40000) + "{}"),
	} {
		start := time.Now()
		if _, err := policy.Parse(policy.Identity, []byte(text)); err == nil {
			t.Error("accepted")
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%d bytes took %v", len(text), d)
		}
	}
}
