package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/policy/diff"
)

// doc writes a document of statements.
func doc(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func TestDiff(t *testing.T) {
	s := func(effect, action, resource, more string) string {
		return `{"Effect":"` + effect + `","Action":` + action + `,"Resource":` + resource + more + `}`
	}
	get := s("Allow", `"s3:GetObject"`, `"arn:aws:s3:::b/*"`, "")
	for _, c := range []struct {
		name, old, new string
		want           []diff.Change
	}{
		{"same", get, get, nil},
		{"rearranged", get + "," + s("Allow", `"s3:PutObject"`, `"arn:aws:s3:::b/*"`, ""), s("Allow", `["s3:PutObject","s3:getobject"]`, `["arn:aws:s3:::b/*"]`, ""), nil},
		{"more", get, s("Allow", `["s3:GetObject","s3:PutObject","s3:DeleteObject"]`, `"arn:aws:s3:::b/*"`, ""),
			[]diff.Change{{Widens: true, Sentence: "grants s3:PutObject, s3:DeleteObject on arn:aws:s3:::b/*"}}},
		{"less", s("Allow", `["s3:GetObject","s3:PutObject"]`, `"arn:aws:s3:::b/*"`, ""), get,
			[]diff.Change{{Sentence: "no longer grants s3:PutObject on arn:aws:s3:::b/*"}}},
		{"narrower", s("Allow", `"s3:*"`, `"*"`, ""), get,
			[]diff.Change{{Sentence: "no longer grants s3:* on everything, only s3:GetObject on arn:aws:s3:::b/*"}}},
		{"wider", get, s("Allow", `"s3:*"`, `"*"`, ""),
			[]diff.Change{{Widens: true, Sentence: "grants s3:* on everything, before only s3:GetObject on arn:aws:s3:::b/*"}}},
		{"condition gone", s("Allow", `"s3:GetObject"`, `"arn:aws:s3:::b/*"`, `,"Condition":{"Bool":{"aws:SecureTransport":true}}`), get,
			[]diff.Change{{Widens: true, Sentence: `grants s3:GetObject on arn:aws:s3:::b/*, before only s3:GetObject on arn:aws:s3:::b/* if aws:SecureTransport Bool "true"`}}},
		{"two by two", get, get + "," + s("Allow", `["s3:PutObject","s3:DeleteObject"]`, `["arn:aws:s3:::c/*","arn:aws:s3:::d/*"]`, ""),
			[]diff.Change{{Widens: true, Sentence: "grants s3:PutObject, s3:DeleteObject on arn:aws:s3:::c/*, arn:aws:s3:::d/*"}}},
		{"wider than four", s("Allow", `["s3:GetObject","s3:ListBucket"]`, `["arn:aws:s3:::b","arn:aws:s3:::b/*"]`, `,"Condition":{"Bool":{"aws:SecureTransport":"true"}}`), s("Allow", `["s3:*","ec2:*"]`, `"*"`, ""),
			[]diff.Change{
				{Widens: true, Sentence: "grants ec2:* on everything"},
				{Widens: true, Sentence: `grants s3:* on everything, before only s3:GetObject, s3:ListBucket on arn:aws:s3:::b, arn:aws:s3:::b/* if aws:SecureTransport Bool "true"`},
			}},
		{"Deny new", get, get + "," + s("Deny", `"*"`, `"*"`, ""), []diff.Change{{Sentence: "denies every action on everything"}}},
		{"Deny gone", get + "," + s("Deny", `"s3:Put*"`, `"*"`, ""), get, []diff.Change{{Widens: true, Sentence: "no longer denies s3:Put* on everything"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			parse := func(text string) *policy.Document {
				d, err := policy.Parse(policy.Identity, []byte(doc(text)))
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			if difference := cmp.Diff(c.want, diff.Documents(parse(c.old), parse(c.new))); difference != "" {
				t.Error(difference)
			}
		})
	}
}

// TestDiffOfResourcePolicies tells changes of principals, conditions and Not… elements.
func TestDiffOfResourcePolicies(t *testing.T) {
	s := func(effect, principal, rest string) string {
		return `{"Effect":"` + effect + `",` + principal + `,"Action":"s3:GetObject",` + rest + `}`
	}
	const (
		here  = `"Resource":"arn:aws:s3:::b/*"`
		ann   = `"Principal":{"AWS":"arn:aws:iam::123456789012:user/ann"}`
		all   = `"Principal":"*"`
		but   = `"NotPrincipal":{"AWS":"123456789012"}`
		notHR = `"NotResource":["arn:aws:s3:::hr","arn:aws:s3:::hr/*"]`
	)
	for _, c := range []struct {
		name, old, new string
		want           []diff.Change
	}{
		{"principal added", s("Allow", ann, here), s("Allow", `"Principal":{"AWS":["arn:aws:iam::123456789012:user/ann","210987654321"]}`, here),
			[]diff.Change{{Widens: true, Sentence: "grants s3:GetObject on arn:aws:s3:::b/* to 210987654321"}}},
		{"everybody instead of ann", s("Allow", ann, here), s("Allow", all, here),
			[]diff.Change{{Widens: true, Sentence: "grants s3:GetObject on arn:aws:s3:::b/* to everybody, before only s3:GetObject on arn:aws:s3:::b/* to arn:aws:iam::123456789012:user/ann"}}},
		{"star in either form covers", s("Allow", all, here), s("Allow", all, here) + "," + s("Allow", `"Principal":{"AWS":"*"}`, here), nil},
		{"condition added", s("Allow", all, here), s("Allow", all, here+`,"Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-1","o-2"]},"Bool":{"aws:SecureTransport":"true"}}`),
			[]diff.Change{{Sentence: `no longer grants s3:GetObject on arn:aws:s3:::b/* to everybody, only s3:GetObject on arn:aws:s3:::b/* to everybody if aws:PrincipalOrgID StringEquals "o-1" or "o-2" and aws:SecureTransport Bool "true"`}}},
		{"Deny but for some", s("Allow", all, here), s("Allow", all, here) + "," + s("Deny", but, notHR),
			[]diff.Change{{Sentence: "denies s3:GetObject on everything but arn:aws:s3:::hr, arn:aws:s3:::hr/* to everybody but 123456789012"}}},
		{"exception removed", s("Deny", all, notHR), s("Deny", all, `"NotResource":"arn:aws:s3:::hr"`),
			[]diff.Change{{Sentence: "denies s3:GetObject on everything but arn:aws:s3:::hr to everybody, before only s3:GetObject on everything but arn:aws:s3:::hr, arn:aws:s3:::hr/* to everybody"}}},
		{"Deny of everything covers", s("Deny", all, `"Resource":"*"`), s("Deny", all, `"Resource":"*"`) + "," + s("Deny", all, notHR), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			parse := func(text string) *policy.Document {
				d, err := policy.Parse(policy.Resource, []byte(doc(text)))
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			if difference := cmp.Diff(c.want, diff.Documents(parse(c.old), parse(c.new))); difference != "" {
				t.Error(difference)
			}
		})
	}
}
