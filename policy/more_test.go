package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/policy"
)

// TestPrincipalForms accepts what can name a principal, and only that.
func TestPrincipalForms(t *testing.T) {
	for value, ok := range map[string]bool{
		`{"AWS":"*"}`: true, `"*"`: true, `{"AWS":"123456789012"}`: true, `{"AWS":"arn:aws:iam::123456789012:root"}`: true,
		`{"AWS":["arn:aws:iam::123456789012:user/a/b/c","arn:aws:iam::123456789012:role/x"]}`: true, `{"AWS":"AIDAEXAMPLEALICE0001"}`: true,
		`{"AWS":"arn:aws:sts::123456789012:assumed-role/web/s1"}`: true, `{"AWS":"arn:aws:sts::123456789012:federated-user/f"}`: true,
		`{"Service":"ec2.amazonaws.com","Federated":"accounts.google.com"}`: true, `{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`: true,
		`"everybody"`: false, `{"AWS":"12345678901"}`: false, `{"AWS":"arn:aws:iam::123456789012:user/*"}`: false, `{"AWS":"arn:aws:iam::*:root"}`: false,
		`{"AWS":"arn:aws:iam::123456789012:group/g"}`: false, `{"AWS":"arn:aws:iam::123456789012:user/"}`: false, `{"AWS":"arn:aws:sts::123456789012:assumed-role/web"}`: false,
		`{"AWS":"arn:aws:sts::123456789012:assumed-role/web/*"}`: false, `{"AWS":"arn:aws:s3:::b"}`: false, `{"AWS":"AROA"}`: false, `{"AWS":["*",1]}`: false,
		`{"Service":"ec2"}`: false, `{"Service":"*"}`: false, `{"Federated":"*"}`: false, `{"CanonicalUser":"a b"}`: false, `{"Google":"x"}`: false, `[]`: false, `{}`: false, `7`: false,
	} {
		for _, kind := range []policy.Kind{policy.Resource, policy.KeyPolicy} {
			_, err := policy.Parse(kind, []byte(doc(`{"Effect":"Allow","Principal":`+value+`,"Action":"s3:*","Resource":"*"}`)))
			if (err == nil) != ok {
				t.Errorf("%s in a %s policy: %v", value, kind, err)
			}
		}
	}
}

// TestStoredDocumentsAreRead: what Parse refuses can be read back, and does not widen anything.
func TestStoredDocumentsAreRead(t *testing.T) {
	for _, text := range []string{
		doc(`{"Effect":"Allow","Principal":"everybody","Action":"s3:*","Resource":"*"}`),
		doc(`{"Effect":"Allow","Principal":{"Google":"x"},"Action":"s3:*","Resource":"*"}`),
		doc(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`),
		doc(`{"Effect":"Allow","Principal":{},"Action":"s3:*","Resource":"*"}`),
		doc(`{"Effect":"Allow","Principal":"*","Resource":"*"}`),
		doc(`{"Effect":"Allow","Principal":"*","Action":"s3:*"}`),
		doc(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::${oops"}`),
		doc(``),
	} {
		if _, err := policy.Parse(policy.Resource, []byte(text)); err == nil {
			t.Errorf("Parse accepted %s", text)
		}
		d, err := policy.ParseStored(policy.Resource, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		r := get("arn:aws:s3:::b/k")
		if policy.Evaluate(&r, &policy.Policies{Resource: policy.Compile(d, "p")}).Allowed {
			t.Errorf("allowed by %s", text)
		}
		deny, err := policy.ParseStored(policy.Resource, []byte(strings.Replace(text, "Allow", "Deny", 1)))
		if err != nil {
			t.Fatal(err)
		}
		all := compile(t, policy.Identity, "all", doc(allowAll))
		ps := policy.Policies{Identity: []*policy.Policy{all}, Resource: policy.Compile(deny, "p")}
		if strings.Contains(text, "oops") && policy.Evaluate(&r, &ps).Allowed {
			t.Errorf("the Deny of %s does not deny", text)
		}
	}
}

func TestNames(t *testing.T) {
	d, err := policy.Parse(policy.SCP, []byte(`{"Version":"2012-10-17","Id":"guard","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p := policy.Compile(d, "arn:aws:organizations::123456789012:policy/o-1/service_control_policy/p-1")
	if d.Kind() != policy.SCP || d.ID() != "guard" || d.Size() != 95 || p.Len() != 1 || policy.NewSet(p, nil, p).Len() != 2 || d.Statements()[0].Effect.String() != "Deny" {
		t.Errorf("%v %q %d %d", d.Kind(), d.ID(), d.Size(), p.Len())
	}
	var none *policy.Policy
	if none.Len() != 0 || none.Name() != "" || p.Name() == "" {
		t.Error("nil policy")
	}
	r := get("arn:aws:s3:::b/k")
	got := policy.Evaluate(&r, &policy.Policies{SCP: [][]*policy.Policy{{p}}})
	want := "with an explicit deny in a service control policy: arn:aws:organizations::123456789012:policy/o-1/service_control_policy/p-1"
	if got.ReasonWithPolicy(r.Action) != want || got.Verdict().String() != "explicitDeny" {
		t.Errorf("%s %s", got.Verdict(), got.ReasonWithPolicy(r.Action))
	}
	var kinds []string
	for k := policy.Identity; k <= policy.RCP; k++ {
		kinds = append(kinds, k.String())
	}
	if diff := cmp.Diff("identity managed boundary session resource trust key scp rcp", strings.Join(kinds, " ")); diff != "" {
		t.Error(diff)
	}
}

// TestLongActions does not fit the room that most actions need.
func TestLongActions(t *testing.T) {
	action := "s3:" + strings.Repeat("Get", 40)
	p := compile(t, policy.Identity, "p", doc(tenStatements+`,{"Effect":"Allow","Action":"`+strings.ToUpper(action)+`","Resource":"*"}`))
	r := get("arn:aws:s3:::b/k")
	for a, want := range map[string]bool{action: true, action + "x": false, strings.ToLower(action): true, "": false, ":": false, "s3": false} {
		r.Action = a
		if got := policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{p}}); got.Allowed != want {
			t.Errorf("%q: %v", a, got.Allowed)
		}
	}
}
