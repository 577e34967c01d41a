package lint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/policy/lint"
)

// doc writes a document of statements.
func doc(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func TestLint(t *testing.T) {
	st := func(effect, rest string) string { return doc(`{"Effect":"` + effect + `",` + rest + `}`) }
	cond := func(effect, c string) string {
		return st(effect, `"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":`+c)
	}
	trust := func(p, c string) string {
		if c != "" {
			c = `,"Condition":` + c
		}
		return st("Allow", `"Principal":`+p+`,"Action":"sts:AssumeRole"`+c)
	}
	bucket := func(p, c string) string {
		return st("Allow", `"Principal":`+p+`,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":`+c)
	}
	two := func(a, b string) string { return doc(a + "," + b) }
	for _, c := range []struct {
		name string
		kind policy.Kind
		text string
		want []string
	}{
		{"nothing", policy.Identity, cond("Allow", `{"StringLike":{"s3:prefix":"a*"}}`), nil},
		{"full access", policy.Identity, doc(`{"Effect":"Allow","Action":"*","Resource":"*"}`), []string{"full-access"}},
		{"boundary may be full", policy.Boundary, doc(`{"Effect":"Allow","Action":"*","Resource":"*"}`), nil},
		{"NotAction", policy.Identity, st("Allow", `"NotAction":"iam:*","Resource":"*"`), []string{"allow-not-action"}},
		{"Deny NotAction", policy.Identity, st("Deny", `"NotAction":"iam:*","Resource":"*"`), nil},
		{"NotResource", policy.Identity, st("Allow", `"Action":"s3:*","NotResource":"arn:aws:s3:::b"`), []string{"allow-not-resource"}},
		{"PassRole", policy.Identity, st("Allow", `"Action":"iam:Pass*","Resource":"*"`), []string{"pass-role"}},
		{"old version", policy.Identity, `{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username}"}}`, []string{"old-version"}},
		{"ForAllValues", policy.Identity, cond("Allow", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`), []string{"for-all-values"}},
		{"ForAllValues guarded", policy.Identity, cond("Allow", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":"false"}}`), nil},
		{"ForAnyValue negated", policy.Identity, cond("Allow", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"a"}}`), []string{"for-any-value-negated"}},
		{"no set operator", policy.Identity, cond("Allow", `{"StringEquals":{"aws:TagKeys":"a"}}`), []string{"set-operator"}},
		{"needless set operator", policy.Identity, cond("Allow", `{"ForAnyValue:StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), []string{"set-operator"}},
		{"literal wildcard", policy.Identity, cond("Allow", `{"StringEquals":{"s3:prefix":"a*"}}`), []string{"literal-wildcard"}},
		{"not boolean", policy.Identity, cond("Allow", `{"Bool":{"aws:SecureTransport":"yes"}}`), []string{"not-boolean"}},
		{"short ARN", policy.Identity, cond("Allow", `{"ArnLike":{"aws:PrincipalArn":"*"}}`), []string{"not-an-arn"}},
		{"no values", policy.Identity, cond("Allow", `{"StringEquals":{"s3:prefix":[]}}`), []string{"no-values"}},
		{"unknown key", policy.Identity, cond("Allow", `{"StringEquals":{"aws:SourceIpp":"a"}}`), []string{"unknown-key"}},
		{"Deny Bool MFA", policy.Identity, cond("Deny", `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`), []string{"mfa-missing"}},
		{"Deny BoolIfExists MFA", policy.Identity, cond("Deny", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`), nil},
		{"Allow BoolIfExists MFA", policy.Identity, cond("Allow", `{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}`), []string{"mfa-missing"}},
		{"SourceIp with VPC", policy.Identity, cond("Allow", `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},"StringEquals":{"aws:SourceVpce":"vpce-1"}}`), []string{"source-ip-vpc"}},
		{"Deny SourceIp", policy.Identity, cond("Deny", `{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), []string{"source-ip-vpc"}},
		{"public", policy.Resource, bucket(`"*"`, `{}`), []string{"public"}},
		{"public but for an organization", policy.Resource, bucket(`"*"`, `{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), nil},
		{"service", policy.Resource, bucket(`{"Service":"sns.amazonaws.com"}`, `{}`), []string{"confused-deputy"}},
		{"service for a source", policy.Resource, bucket(`{"Service":"sns.amazonaws.com"}`, `{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:123456789012:*"}}`), nil},
		{"NotPrincipal", policy.Resource, st("Allow", `"NotPrincipal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"`), []string{"allow-not-principal"}},
		{"trust everybody", policy.Trust, trust(`{"AWS":"*"}`, ""), []string{"trust-everybody"}},
		{"trust a stranger", policy.Trust, trust(`{"AWS":"999999999999"}`, ""), []string{"confused-deputy"}},
		{"trust a stranger with external id", policy.Trust, trust(`{"AWS":"999999999999"}`, `{"StringEquals":{"sts:ExternalId":"x"}}`), nil},
		{"trust oneself", policy.Trust, trust(`{"AWS":"123456789012"}`, ""), nil},
		{"trust a user", policy.Trust, trust(`{"AWS":"arn:aws:iam::999999999999:user/u"}`, ""), nil},
		{"trust ec2", policy.Trust, trust(`{"Service":"ec2.amazonaws.com"}`, ""), nil},
		{"trust a service", policy.Trust, trust(`{"Service":"backup.amazonaws.com"}`, ""), []string{"confused-deputy"}},
		{"trust GitHub", policy.Trust, trust(`{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}`, `{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}`), []string{"oidc-subject"}},
		{"trust an owner on GitHub", policy.Trust, trust(`{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}`, `{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/*:*"}}`), nil},
		{"trust any owner on GitHub", policy.Trust, trust(`{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}`, `{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:*/web:*"}}`), []string{"oidc-subject"}},
		{"trust GitHub without a subject", policy.Trust, trust(`{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}`, `{"StringLikeIfExists":{"token.actions.githubusercontent.com:sub":"repo:acme/*"}}`), []string{"oidc-subject"}},
		{"trust a stranger but for one external id", policy.Trust, trust(`{"AWS":"999999999999"}`, `{"StringNotEquals":{"sts:ExternalId":"x"}}`), []string{"confused-deputy"}},
		{"trust a stranger with any external id", policy.Trust, trust(`{"AWS":"999999999999"}`, `{"StringLike":{"sts:ExternalId":"*"}}`), []string{"confused-deputy"}},
		{"public to roles of a name", policy.Resource, bucket(`"*"`, `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/reader"}}`), []string{"public"}},
		{"public to a role", policy.Resource, bucket(`"*"`, `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/*"}}`), nil},
		{"public but for a network", policy.Resource, bucket(`"*"`, `{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`), []string{"public"}},
		{"public from everywhere", policy.Resource, bucket(`"*"`, `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`), []string{"public"}},
		{"public if the organization is known", policy.Resource, bucket(`"*"`, `{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}`), []string{"public"}},
		{"trust OIDC", policy.Trust, trust(`{"Federated":"accounts.google.com"}`, ""), []string{"oidc-audience"}},
		{"unreachable", policy.Identity, two(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, `{"Effect":"Deny","Action":"s3:Get*","Resource":"*"}`), []string{"unreachable"}},
		{"reachable under a condition", policy.Identity, two(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}`, `{"Effect":"Deny","Action":"s3:Get*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`), nil},
		{"redundant", policy.Identity, two(`{"Effect":"Allow","Action":"s3:Get?bject","Resource":"arn:aws:s3:::b/*"}`, `{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b*"}`), []string{"redundant"}},
		{"twice", policy.Identity, two(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}`, `{"Effect":"Allow","Action":"S3:getobject","Resource":"*"}`), []string{"redundant"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := policy.Parse(c.kind, []byte(c.text))
			if err != nil {
				t.Fatal(err, c.text)
			}
			var got []string
			for _, f := range lint.Document(d, "123456789012") {
				got = append(got, f.Rule)
				if f.Message == "" || f.Pos.Line == 0 {
					t.Errorf("%+v", f)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
