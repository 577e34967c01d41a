package upstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/upstream"
	"github.com/rolecall-dev/rolecall/sts"
)

func own() rolecall.Credentials {
	return rolecall.Credentials{
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: rolecall.NewSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
		Origin: rolecall.Origin{Source: "environment"},
	}
}

func over(s *agenttest.STS, source rolecall.Provider) *upstream.Upstream {
	return upstream.New(upstream.Options{
		Source: source, Location: "rolecall.yaml",
		Client: func(region string) upstream.STS {
			return &sts.Client{Endpoint: s.URL, Region: region, MaxAttempts: 1}
		},
	})
}

func TestEveryPartReachesSTS(t *testing.T) {
	s := agenttest.NewSTS(t)
	c, err := over(s, rolecall.Static(own())).Session(t.Context(), broker.Workload{
		Name: "web", RoleARN: "arn:aws:iam::123456789012:role/web", SessionName: "web-1", ExternalID: "x", Duration: 2 * time.Hour,
		Policy: "{}", PolicyARNs: []string{"arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"},
		Tags: []broker.Tag{{Key: "team", Value: "web"}}, TransitiveTagKeys: []string{"team"}, SourceIdentity: "alice", Region: "eu-west-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if trail := c.Origin.Trail(); len(trail) != 2 || trail[0].Source != "assume-role" || trail[1].Source != "environment" {
		t.Errorf("trail %v", trail)
	}
	got := map[string]string{}
	for k, v := range s.Calls()[0] {
		got[k] = v[0]
	}
	want := map[string]string{
		"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::123456789012:role/web", "RoleSessionName": "web-1",
		"ExternalId": "x", "DurationSeconds": "7200", "Policy": "{}", "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A",
		"PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/B", "Tags.member.1.Key": "team", "Tags.member.1.Value": "web",
		"TransitiveTagKeys.member.1": "team", "SourceIdentity": "alice",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters (-want +got)\n%s", diff)
	}
}

// Which failures are final: what STS says of the role, not what befalls the node's own credentials.
func TestRefusalsAndOutages(t *testing.T) {
	s := agenttest.NewSTS(t)
	w := broker.Workload{Name: "web", RoleARN: "arn:aws:iam::123456789012:role/web", SessionName: "web"}
	for fault, final := range map[agenttest.Fault]bool{agenttest.Denied: true, agenttest.Failing: false, agenttest.Throttled: false, agenttest.Garbage: false} {
		s.Set(fault)
		_, err := over(s, rolecall.Static(own())).Session(t.Context(), w)
		var refusal *broker.Refusal
		if err == nil || errors.As(err, &refusal) != final {
			t.Errorf("fault %d: %v; want a refusal: %v", fault, err, final)
		}
	}
	none := rolecall.ProviderFunc(func(context.Context) (rolecall.Credentials, error) {
		return rolecall.Credentials{}, rolecall.NotHere("nothing configured")
	})
	var refusal *broker.Refusal
	if _, err := over(s, none).Session(t.Context(), w); err == nil || errors.As(err, &refusal) {
		t.Errorf("a node without credentials: %v; want an outage", err)
	}
}

func TestTheNodesOwnCredentials(t *testing.T) {
	s := agenttest.NewSTS(t)
	session := own()
	session.AccessKeyID, session.SessionToken, session.Expires = "ASIAOWN", rolecall.NewSecret("t"), time.Now().Add(time.Hour)
	c, err := over(s, rolecall.Static(session)).Session(t.Context(), broker.Workload{Name: "web"})
	if err != nil || c.AccessKeyID != "ASIAOWN" || len(s.Calls()) != 0 {
		t.Errorf("a session is handed on: %v, %v, %d calls", c.AccessKeyID, err, len(s.Calls()))
	}
	c, err = over(s, rolecall.Static(own())).Session(t.Context(), broker.Workload{Name: "web"})
	if err != nil || c.AccessKeyID != agenttest.AccessKeyID(1) || len(c.Origin.Trail()) != 2 {
		t.Errorf("long-lived keys become a session: %v, %v", c, err)
	}
}
