package policy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/policy"
)

var compareCases = flag.Int("policy.cases", 500, "random sets of policies to compare with the reference interpreter, on 16 requests each")

func newRand(i uint64) *rand.Rand { return rand.New(rand.NewPCG(1, i)) } //nolint:gosec // test data

// gen makes random documents and requests out of few words, so that they often meet.
type gen struct{ *rand.Rand }

func pick[T any](g gen, of ...T) T { return of[g.IntN(len(of))] }

func (g gen) chance(percent int) bool { return g.IntN(100) < percent }

func some[T any](g gen, most int, f func() T) []T {
	out := make([]T, 1+g.IntN(most))
	for i := range out {
		out[i] = f()
	}
	return out
}

// oneOrList writes a list of one sometimes as its element.
func oneOrList(g gen, l []string) any {
	if len(l) == 1 && g.chance(50) {
		return l[0]
	}
	return l
}

func (g gen) action() string {
	return pick(g, "s3:GetObject", "s3:PutObject", "s3:ListBucket", "S3:getobject", "iam:CreateUser", "sts:AssumeRole", "s3:GetObjectAcl", "kms:Decrypt")
}

func (g gen) actionPattern() string {
	return pick(g, g.action(), g.action(), "s3:*", "s3:Get*", "s3:*Object", "s3:G?tObject", "*", "*:*", "iam:*", "s3:*et*ct*", "sts:Assume*", "s?:GetObject", "S3:GET*")
}

func (g gen) word() string {
	return pick(g, "a", "b", "ab", "é", "", "a*", "alice", "x?", "b/c", "a:b")
}

func (g gen) resource() string {
	return pick(g, "arn:aws:s3:::b/a", "arn:aws:s3:::b/alice/k", "arn:aws:s3:::b", "arn:aws:s3:::b/a*", "*",
		"arn:aws:iam::123456789012:user/alice", "arn:aws:iam::210987654321:role/web", "arn:aws:sns:us-east-1:123456789012:t:é", "arn:aws:s3:::b/"+g.word())
}

func (g gen) resourcePattern() string {
	return pick(g, g.resource(), "*", "arn:aws:s3:::*", "arn:aws:s3:::b/*", "arn:aws:s3:::b*", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::?/a",
		"arn:aws:s3:::b/${aws:PrincipalTag/team, 'a'}", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/a${*}", "arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:*",
		"arn:aws:sns:us-*-1:*:t", "arn:aws:sns:us-*-1:*:t*", "arn:aws:sns:*:t:?", "arn:aws:s3:::*/*/k", "arn:aws:s3:::b/${s3:prefix}", "arn:aws:s3:::b/${aws:TagKeys}",
		"arn:aws:i*:*", "arn:aws:sns:us-east-?:*:t:*", "arn:aws:s3:::b/*a*${$}*", "arn:aws:s3:::b/${aws:userid}*")
}

func (g gen) text() string {
	return pick(g, g.word(), g.word(), "*", "a?", "*b*", "${aws:username}", "${aws:username}*", "${s3:prefix, 'ab'}", "${aws:PrincipalTag/team}", "${*}", "x${?}", "A", "AB", "É")
}

func (g gen) date() string {
	return pick(g, "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-06", "2025-12-31T23:30:00-01:00", "1767225600", "1767225601", "2026-01-01T01:00+01:00")
}

func (g gen) number() string { return pick(g, "0", "1", "10", "-1", "1.5", "10.0", "1e1", "100") }

func (g gen) ip() string {
	return pick(g, "10.1.2.3", "10.0.0.0/8", "10.1.2.3/31", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1", "::/0", "192.168.0.0/16", "::ffff:10.0.0.0/104")
}

func (g gen) arn() string {
	return pick(g, "arn:aws:iam::123456789012:user/alice", "arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:role/*", "arn:*:iam::1*2:*/${aws:username}",
		"arn:aws:iam:*:*:*", "*", "arn:aws:*", "arn:aws:sts::123456789012:federated-user/fed", "arn:aws:iam::123456789012:r??t")
}

func (g gen) condition() (op string, key string, values []string) {
	stringKey := func() string {
		return pick(g, "s3:prefix", "S3:Prefix", "aws:username", "aws:PrincipalTag/team", "aws:PrincipalTag/TEAM", "aws:RequestTag/a", "aws:ResourceTag/a", "s3:ResourceTag/a",
			"iam:ResourceTag/a", "aws:TagKeys", "aws:userid", "aws:PrincipalType", "aws:PrincipalAccount", "saml:sub", "aws:Unknown", "aws:SourceIdentity", "aws:UserAgent")
	}
	set := pick(g, "", "", "", "ForAnyValue:", "ForAllValues:")
	exists := pick(g, "", "", "IfExists")
	values = nil
	list := func(f func() string) { values = some(g, 3, f) }
	switch g.IntN(9) {
	case 0, 1, 2:
		op = pick(g, "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase")
		key = stringKey()
		list(g.text)
	case 3:
		op = "Numeric" + pick(g, "Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
		key = pick(g, "s3:max-keys", "aws:MultiFactorAuthAge", "aws:EpochTime", "s3:prefix")
		list(g.number)
	case 4:
		op = "Date" + pick(g, "Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
		key = pick(g, "aws:CurrentTime", "aws:EpochTime", "aws:TokenIssueTime", "s3:date")
		list(g.date)
	case 5:
		op, key = "Bool", pick(g, "aws:SecureTransport", "aws:MultiFactorAuthPresent", "aws:PrincipalIsAWSService", "s3:prefix")
		list(func() string { return pick(g, "true", "false", "TRUE") })
	case 6:
		op, key = pick(g, "IpAddress", "NotIpAddress"), pick(g, "aws:SourceIp", "aws:VpcSourceIp", "s3:prefix")
		list(g.ip)
	case 7:
		op = pick(g, "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike")
		key = pick(g, "aws:PrincipalArn", "s3:arn")
		list(g.arn)
	case 8:
		key = pick(g, stringKey(), "aws:TokenIssueTime", "aws:MultiFactorAuthPresent")
		return "Null", key, some(g, 1, func() string { return pick(g, "true", "false") })
	}
	return set + op + exists, key, values
}

func (g gen) principal() any {
	one := func() string {
		return pick(g, "*", account, "210987654321", "arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:user/alice", "AIDAEXAMPLEALICE0001",
			"arn:aws:iam::123456789012:role/web", "AROAEXAMPLEWEB000001", "arn:aws:sts::123456789012:assumed-role/web/s1", "arn:aws:sts::123456789012:federated-user/fed")
	}
	if g.chance(15) {
		return "*"
	}
	m := map[string]any{}
	if g.chance(85) {
		m["AWS"] = oneOrList(g, some(g, 4, one))
	}
	if g.chance(15) || len(m) == 0 {
		m["Service"] = oneOrList(g, some(g, 2, func() string { return pick(g, "ec2.amazonaws.com", "s3.amazonaws.com") }))
	}
	if g.chance(10) {
		m["Federated"] = pick(g, "accounts.google.com", "arn:aws:iam::123456789012:saml-provider/corp")
	}
	return m
}

func (g gen) document(principals bool) string {
	statements := some(g, 7, func() map[string]any {
		s := map[string]any{"Effect": "Allow"}
		if g.chance(25) {
			s["Effect"] = "Deny"
		}
		s[pick(g, "Action", "Action", "Action", "NotAction")] = oneOrList(g, some(g, 3, g.actionPattern))
		s[pick(g, "Resource", "Resource", "Resource", "NotResource")] = oneOrList(g, some(g, 3, g.resourcePattern))
		if g.chance(50) {
			c := map[string]map[string]any{}
			for range 1 + g.IntN(2) {
				op, key, values := g.condition()
				if c[op] == nil {
					c[op] = map[string]any{}
				}
				c[op][key] = oneOrList(g, values)
			}
			s["Condition"] = c
		}
		if principals {
			s[pick(g, "Principal", "Principal", "Principal", "NotPrincipal")] = g.principal()
		}
		return s
	})
	d := map[string]any{"Version": pick(g, policy.Version2012, policy.Version2012, policy.Version2012, policy.Version2008), "Statement": statements}
	if len(statements) == 1 && g.chance(50) {
		d["Statement"] = statements[0]
	}
	out, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func (g gen) request() policy.Request {
	r := policy.Request{Action: g.action(), Resource: g.resource()}
	r.Principal = pick(g, alice(), alice(), webSession(), webSession(),
		policy.Principal{Kind: policy.Root, Account: account, ARN: "arn:aws:iam::123456789012:root", UserID: account},
		policy.Principal{Kind: policy.FederatedUser, Account: account, ARN: "arn:aws:sts::123456789012:federated-user/fed", UserID: account + ":fed",
			EntityARN: "arn:aws:iam::123456789012:user/alice", EntityID: "AIDAEXAMPLEALICE0001"},
		policy.Principal{Kind: policy.FederatedUser, Account: account, ARN: "arn:aws:sts::123456789012:federated-user/fed", UserID: account + ":fed",
			EntityARN: "arn:aws:iam::123456789012:root"},
		policy.Principal{Kind: policy.Service, Name: "ec2.amazonaws.com"}, policy.Principal{Kind: policy.Federated, Name: "accounts.google.com"}, policy.Principal{})
	if g.chance(30) {
		r.Owner.Account = pick(g, account, "210987654321")
	}
	tags := func() []policy.Tag {
		return some(g, 2, func() policy.Tag { return policy.Tag{Key: pick(g, "team", "Team", "a", "b"), Value: g.word()} })
	}
	if g.chance(40) {
		r.Principal.Tags = tags()
	}
	if g.chance(30) {
		r.RequestTags = tags()
	}
	if g.chance(30) {
		r.Owner.Tags = tags()
	}
	if g.chance(30) {
		r.TagKeys = some(g, 3, g.word)[:g.IntN(2)]
	}
	key := func(name string, values ...string) policy.Key { return policy.Key{Name: name, Values: values} }
	if g.chance(60) {
		r.Keys = append(r.Keys, key(pick(g, "s3:prefix", "S3:PREFIX"), some(g, 2, func() string { return pick(g, g.word(), g.number(), "10.1.2.3") })...))
	}
	if g.chance(30) {
		r.Keys = append(r.Keys, key("s3:max-keys", g.number()), key("aws:Unknown", "a"), key("aws:username", "alice"), key("saml:sub", "b"))
	}
	if g.chance(30) {
		r.Keys = append(r.Keys, key("s3:date", g.date()), key("s3:arn", g.resource(), g.arn()))
	}
	if g.chance(30) {
		r.Trusted = append(r.Trusted, key("saml:sub", g.word()), key("aws:Unknown", g.word()))
	}
	at := time.Date(2026, 1, 1, 0, 0, g.IntN(2), 0, time.UTC)
	if g.chance(90) {
		r.Call.Time = at
	}
	r.Call.Secure, r.Session.MFA = policy.Tri(g.IntN(3)), policy.Tri(g.IntN(3))
	if g.chance(80) {
		r.Call.SourceIP = netip.MustParseAddr(pick(g, "10.1.2.3", "192.168.1.1", "2001:db8::1", "10.1.2.2"))
	}
	if g.chance(40) {
		r.Session.IssuedAt = at.Add(time.Duration(g.IntN(3)-1) * time.Hour)
	}
	if g.chance(30) && !r.Call.Time.IsZero() {
		r.Session.MFAAt = at.Add(-time.Duration(g.IntN(12)) * time.Second)
	}
	if g.chance(20) {
		r.Session.SourceIdentity, r.Call.UserAgent = g.word(), g.word()
	}
	return r
}

// world is a request with all policies that apply, in both forms.
type world struct {
	request policy.Request
	ref     refPolicies
	engine  policy.Policies
	merged  policy.Policies
}

func (g gen) world(t testing.TB) world {
	w := world{request: g.request()}
	n := 0
	one := func(kind policy.Kind) (string, *policy.Policy) {
		n++
		text := g.document(kind == policy.Resource || kind == policy.RCP)
		d, err := policy.ParseStored(kind, []byte(text))
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		return text, policy.Compile(d, fmt.Sprintf("%s-%d", kind, n))
	}
	few := func(kind policy.Kind, most int) (texts []string, ps []*policy.Policy) {
		for range 1 + g.IntN(most) {
			text, p := one(kind)
			texts, ps = append(texts, text), append(ps, p)
		}
		return texts, ps
	}
	switch {
	case g.chance(4): // enough statements of one action for the index of resources
		w.ref.Identity, w.engine.Identity = few(policy.Identity, 40)
	case g.chance(85):
		w.ref.Identity, w.engine.Identity = few(policy.Identity, 3)
	}
	if g.chance(60) {
		w.ref.Resource, w.engine.Resource = one(policy.Resource)
	}
	if g.chance(20) {
		w.ref.MustGrant, w.engine.ResourceKind = true, pick(g, policy.Trust, policy.KeyPolicy)
	}
	if g.chance(30) {
		w.ref.Boundary, w.engine.Boundary = one(policy.Boundary)
		w.ref.Bounded = true
	} else if g.chance(5) {
		w.ref.Bounded, w.engine.HasBoundary = true, true
	}
	if g.chance(30) {
		w.ref.Session, w.engine.Session = few(policy.Session, 2)
		w.ref.Sessioned = true
	} else if g.chance(5) {
		w.ref.Sessioned, w.engine.HasSession = true, true
	}
	for range g.IntN(3) * g.IntN(2) {
		texts, ps := few(policy.SCP, 2)
		w.ref.SCP, w.engine.SCP = append(w.ref.SCP, texts), append(w.engine.SCP, ps)
	}
	for range g.IntN(2) * g.IntN(2) {
		texts, ps := few(policy.RCP, 2)
		w.ref.RCP, w.engine.RCP = append(w.ref.RCP, texts), append(w.engine.RCP, ps)
	}
	w.merged = w.engine
	w.merged.Identity = []*policy.Policy{policy.NewSet(w.engine.Identity...)}
	if len(w.engine.Session) > 0 {
		w.merged.Session = []*policy.Policy{policy.NewSet(w.engine.Session...)}
	}
	return w
}

// TestAgainstReference compares the engine with the reference interpreter. Millions of cases:
// go test ./policy -run TestAgainstReference -policy.cases 5000000
func TestAgainstReference(t *testing.T) {
	seed := rand.Uint64()
	allowed, denied, explicit := 0, 0, 0
	for i := range *compareCases {
		g := gen{rand.New(rand.NewPCG(seed, uint64(i)))}
		w := g.world(t)
		refDocuments.Clear()
		for range 16 {
			got := policy.Evaluate(&w.request, &w.engine)
			ref := refOf(&w.request)
			wantAllowed, wantExplicit := ref.decide(w.ref)
			if got.Allowed != wantAllowed || got.Explicit != wantExplicit {
				t.Fatalf("seed %d case %d: engine allowed %v explicit %v (%s), reference %v %v\nrequest %+v\npolicies %+v",
					seed, i, got.Allowed, got.Explicit, got.Layer, wantAllowed, wantExplicit, w.request, w.ref)
			}
			if m := policy.Evaluate(&w.request, &w.merged); m.Allowed != got.Allowed || m.Explicit != got.Explicit || m.Layer != got.Layer {
				t.Fatalf("seed %d case %d: merged sets decide %+v, single policies %+v\nrequest %+v\npolicies %+v", seed, i, m, got, w.request, w.ref)
			}
			switch {
			case got.Allowed:
				allowed++
			case got.Explicit:
				explicit++
			default:
				denied++
			}
			w.request = g.request()
		}
	}
	t.Logf("%d allowed, %d implicitly, %d explicitly denied", allowed, denied, explicit)
	if total := 16 * *compareCases; allowed < total/20 || denied < total/20 || explicit < total/20 {
		t.Errorf("the cases are lopsided")
	}
}

// TestIndexes compares large sets, which find their statements by index, with the reference.
func TestIndexes(t *testing.T) {
	allowed := 0
	for i := range 60 {
		g := gen{newRand(uint64(i))}
		statements := make([]map[string]any, 30+g.IntN(60))
		for j := range statements {
			s := map[string]any{
				"Effect": "Allow", "Principal": g.principal(), "Action": oneOrList(g, some(g, 2, func() string {
					return pick(g, "s3:GetObject", "s3:GetObject", "s3:PutObject", "s3:Get*", "s3:*", "S3:getobject")
				})),
				"Resource": oneOrList(g, some(g, 2, func() string { return pick(g, g.resourcePattern(), fmt.Sprintf("arn:aws:s3:::b%d/*", j)) })),
			}
			if g.chance(4) {
				s["Effect"] = "Deny"
			}
			if g.chance(40) {
				op, key, values := g.condition()
				s["Condition"] = map[string]any{op: map[string]any{key: oneOrList(g, values)}}
			}
			statements[j] = s
		}
		text, err := json.Marshal(map[string]any{"Version": policy.Version2012, "Statement": statements})
		if err != nil {
			t.Fatal(err)
		}
		d, err := policy.ParseStored(policy.Resource, text)
		if err != nil {
			t.Fatal(err)
		}
		p := policy.Compile(d, "p")
		refDocuments.Clear()
		for range 60 {
			r := g.request()
			r.Action = pick(g, "s3:GetObject", "s3:PutObject", "s3:GetObjectAcl")
			got := policy.Evaluate(&r, &policy.Policies{Resource: p})
			ref := refOf(&r)
			wantAllowed, wantExplicit := ref.decide(refPolicies{Resource: string(text)})
			if got.Allowed != wantAllowed || got.Explicit != wantExplicit {
				t.Fatalf("engine %+v, reference %v %v\nrequest %+v\npolicy %s", got, wantAllowed, wantExplicit, r, text)
			}
			if got.Allowed {
				allowed++
			}
		}
	}
	if allowed < 200 {
		t.Errorf("only %d allowed", allowed)
	}
}
