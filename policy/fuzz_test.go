package policy_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/policy"
)

// byteSource lets the fuzzer steer the generator.
type byteSource struct {
	data []byte
	n    uint64
}

func (s *byteSource) Uint64() uint64 {
	if len(s.data) == 0 {
		s.n = s.n*6364136223846793005 + 1442695040888963407
		return s.n
	}
	b := s.data[0]
	s.data = s.data[1:]
	return uint64(b)<<56 | uint64(b)<<48 | uint64(b)<<24
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		doc(tenStatements), doc(allowAll), "", "{", "[]", `{"Statement":[]}`, doc(grantTo(`{"AWS":["*","123456789012"]}`)),
		`{"Version":"2012-10-17","Statement":{"Sid":"\ud83d\ude00","Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${*}${aws:x, 'd'}"}}`,
	} {
		f.Add([]byte(text), uint8(0))
		f.Add([]byte(text), uint8(policy.Trust))
		f.Add([]byte(text), uint8(policy.Resource))
	}
	r := dataRequest()
	f.Fuzz(func(t *testing.T, text []byte, kind uint8) {
		k := policy.Kind(kind % 9)
		d, err := policy.Parse(k, text)
		var e *policy.Error
		if err != nil && (!errors.As(err, &e) || e.Message == "" || e.Code == "") {
			t.Fatalf("error without words: %#v", err)
		}
		stored, err2 := policy.ParseStored(k, text)
		if err == nil && err2 != nil {
			t.Fatalf("accepted, but not once stored: %v", err2)
		}
		for _, d := range []*policy.Document{d, stored} {
			if d == nil {
				continue
			}
			p := policy.Compile(d, "p")
			d.ContextKeys()
			d.PrincipalARNs()
			ps := policy.Policies{Identity: []*policy.Policy{p}, Session: []*policy.Policy{p}, Boundary: p}
			if k == policy.Resource || k == policy.Trust {
				ps = policy.Policies{Resource: p}
			}
			if policy.Evaluate(&r, &ps) != policy.Explain(&r, &ps).Decision {
				t.Fatal("Explain and Evaluate differ")
			}
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	f.Add([]byte("policy"))
	f.Add([]byte(strings.Repeat("\x00\xff\x80", 60)))
	f.Fuzz(func(t *testing.T, data []byte) {
		g := gen{rand.New(&byteSource{data: data})} //nolint:gosec // test data
		w := g.world(t)
		got := policy.Evaluate(&w.request, &w.engine)
		ref := refOf(&w.request)
		if allowed, explicit := ref.decide(w.ref); got.Allowed != allowed || got.Explicit != explicit {
			t.Fatalf("engine %+v, reference %v %v\nrequest %+v\npolicies %+v", got, allowed, explicit, w.request, w.ref)
		}
	})
}

// FuzzWildcard compares patterns with regular expressions; it also expands variables.
func FuzzWildcard(f *testing.F) {
	for _, s := range [][3]string{
		{"a*b?c", "axxbyc", "v"}, {"*", "", ""}, {"**a**", "bab", ""}, {"${aws:username}", "v*", "v*"}, {"x${aws:username, 'd'}*", "xdz", ""},
		{"?é?", "aéb", ""}, {"*??", "€", ""}, {"${*}?", "*x", ""}, {"${aws:username}${aws:username}*", "aaaa", "a"}, {"arn:aws:s3:*:1:b", "arn:aws:s3:x:1:b", ""},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, pattern, text, user string) {
		if strings.ToValidUTF8(pattern+text+user, "") != pattern+text+user {
			t.Skip()
		}
		quoted := func(s string) string {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		}
		if strings.ContainsFunc(pattern, func(r rune) bool { return r < ' ' }) {
			t.Skip()
		}
		for _, op := range []string{"StringLike", "StringEquals", "ArnLike", "StringEqualsIgnoreCase"} {
			body := doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"` + op + `":{"s3:x":` + quoted(pattern) + `}}}`)
			d, err := policy.Parse(policy.Identity, []byte(body))
			if err != nil {
				return
			}
			r := policy.Request{Action: "s3:GetObject", Resource: "*", Principal: policy.Principal{Kind: policy.User, Account: account, UserName: user}}
			r.Keys = []policy.Key{{Name: "s3:x", Values: []string{text}}}
			got := policy.Evaluate(&r, &policy.Policies{Identity: []*policy.Policy{policy.Compile(d, "p")}}).Allowed
			ref := refOf(&r)
			if want := ref.refCondition(op, "s3:x", []string{pattern}, true); got != want {
				t.Fatalf("%s %q on %q (user %q): engine %v, reference %v", op, pattern, text, user, got, want)
			}
		}
	})
}
