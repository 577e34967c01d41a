package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/policy"
)

func TestExplain(t *testing.T) {
	p := compile(t, policy.Identity, "web", "{\"Version\":\"2012-10-17\",\"Statement\":[\n"+
		"{\"Sid\":\"Team\",\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:PrincipalTag/team\":[\"red\",\"${aws:username}\"]}}},\n"+
		"{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::b/${aws:username}/${aws:PrincipalTag/dept}/*\"},\n"+
		"{\"Effect\":\"Allow\",\"Action\":\"s3:PutObject\",\"Resource\":\"*\"},\n"+
		"{\"Sid\":\"Net\",\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"NotIpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}}]}")
	bucket := compile(t, policy.Resource, "bucket", doc(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/bob"},"Action":"s3:*","Resource":"*"}`))
	r := get("arn:aws:s3:::b/k")
	e := policy.Explain(&r, &policy.Policies{Identity: []*policy.Policy{p}, Resource: bucket, Boundary: p})
	if diff := cmp.Diff([]string{"aws:PrincipalTag/dept", "aws:PrincipalTag/team"}, e.MissingKeys); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, l := range e.Layers {
		got = append(got, fmt.Sprintf("%s: %s, %d matched", l.Layer, l.Verdict, len(l.Matched)))
		for _, n := range l.NearMisses {
			got = append(got, "  "+n.String())
		}
	}
	misses := `  statement "Net" of web (line 5) would deny, but NotIpAddress aws:SourceIp wants "10.0.0.0/8": the request has "10.1.2.3"
  statement "Team" of web (line 2) would allow, but StringEquals aws:PrincipalTag/team wants "red" or "alice": the request has no aws:PrincipalTag/team
  statement 2 of web (line 3) would allow, but its Resource is "arn:aws:s3:::b/alice/${aws:PrincipalTag/dept}/*": the request has "arn:aws:s3:::b/k"`
	want := `resource-based policy: implicitDeny, 0 matched
  statement 1 of bucket (line 1) would allow, but its Principal is "arn:aws:iam::123456789012:user/bob": the request has "arn:aws:iam::123456789012:user/alice"
identity-based policy: implicitDeny, 0 matched
` + misses + "\npermissions boundary: implicitDeny, 0 matched\n" + misses
	if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
		t.Error(diff)
	}
	r.Call.SourceIP = r.Call.SourceIP.Next().Prev()
	r.Principal.Tags = []policy.Tag{{Key: "team", Value: "alice"}}
	e = policy.Explain(&r, &policy.Policies{Identity: []*policy.Policy{p}})
	if m := e.Matched(); !e.Decision.Allowed || len(m) != 1 || m[0].Sid != "Team" || m[0].Start != (policy.Position{Line: 2, Column: 1}) || m[0].End.Line != 2 {
		t.Errorf("%+v", m)
	}
}

// TestExplainAgrees: the layers of an explanation lead to the decision.
func TestExplainAgrees(t *testing.T) {
	for i := range 300 {
		g := gen{newRand(uint64(i))}
		w := g.world(t)
		e := policy.Explain(&w.request, &w.engine)
		if got := policy.Evaluate(&w.request, &w.engine); got != e.Decision {
			t.Fatalf("Explain %+v, Evaluate %+v", e.Decision, got)
		}
		deny := false
		for _, l := range e.Layers {
			deny = deny || l.Verdict == policy.ExplicitDeny
			if l.Layer == e.Decision.Layer && e.Decision.Allowed && l.Verdict != policy.Allowed {
				t.Fatalf("%s decided to allow but says %s", l.Layer, l.Verdict)
			}
		}
		if deny != e.Decision.Explicit {
			t.Fatalf("a layer denies: %v; the decision is explicit: %v", deny, e.Decision.Explicit)
		}
	}
}
