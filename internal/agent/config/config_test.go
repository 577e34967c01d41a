package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/config"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
)

const whole = `version: 1
accounts:
  - id: "123456789012"
    roles: [{name: anything}]
agent:
  listen: 127.0.0.1:9911
  ecs_address: 169.254.170.2:80
  imds:
    - {address: "169.254.169.254:80", workloads: [web], hop_limit: 2, instance_id: i-0123456789abcdef0, availability_zone: eu-west-1b}
  allow_from: [172.17.0.1/16]
  state: /var/lib/rolecall
  region: eu-west-1
  limits: {connections: 10, rate: 5.5, burst: 7}
workloads:
  - name: web
    role_arn: arn:aws:iam::123456789012:role/team/web
    session_name: "{workload}-on-{host}"
    external_id: x
    duration: 1h
    policy: {Version: "2012-10-17", Statement: []}
    policy_arns: [arn:aws:iam::aws:policy/ReadOnlyAccess]
    tags: {b: "2", a: "1"}
    transitive_tag_keys: [a]
    source_identity: team
    region: eu-central-1
    selectors: {uid: [1000], cgroup: [/system.slice/web.service]}
    endpoints: [container, instance]
  - name: batch
    duration: 900
    policy: ' { "Version" : "2012-10-17" } '
    endpoints: [container]
`

func load(s config.Source) (*config.Config, error) {
	s.File, s.Host = "rolecall.yaml", "node1"
	return config.Load(s)
}

func TestLoad(t *testing.T) {
	got, err := load(config.Source{Data: []byte(whole)})
	if err != nil {
		t.Fatal(err)
	}
	at := func(v, line string) config.Setting { return config.Setting{Value: v, Origin: line} }
	want := &config.Config{
		File:       "rolecall.yaml",
		Listen:     at("127.0.0.1:9911", "rolecall.yaml:6"),
		ECSAddress: at("169.254.170.2:80", "rolecall.yaml:7"),
		IMDS: []config.IMDS{{
			Address: at("169.254.169.254:80", "rolecall.yaml:9"), Workloads: []string{"web"}, HopLimit: 2,
			InstanceID: "i-0123456789abcdef0", AvailabilityZone: "eu-west-1b",
		}},
		State: at("/var/lib/rolecall", "rolecall.yaml:11"), Tokens: at("", "default"), Audit: at("", "default"),
		Region: at("eu-west-1", "rolecall.yaml:12"), Profile: at("", "default"), STSEndpoint: at("", "default"),
		AllowFrom: []netip.Prefix{netip.MustParsePrefix("172.17.0.0/16")},
		Limits:    guard.Limits{Connections: 10, Rate: 5.5, Burst: 7},
		Workloads: []config.Workload{
			{
				Workload: broker.Workload{
					Name: "web", RoleARN: "arn:aws:iam::123456789012:role/team/web", SessionName: "web-on-node1", ExternalID: "x",
					Duration: time.Hour, Policy: `{"Statement":[],"Version":"2012-10-17"}`, PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
					Tags: []broker.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, TransitiveTagKeys: []string{"a"}, SourceIdentity: "team", Region: "eu-central-1",
				},
				Selectors: guard.Selectors{UIDs: []uint32{1000}, Cgroups: []string{"/system.slice/web.service"}},
				Endpoints: []config.Endpoint{config.Container, config.Instance}, Origin: "rolecall.yaml:15",
			},
			{
				Workload:  broker.Workload{Name: "batch", SessionName: "batch@node1", Duration: 15 * time.Minute, Policy: `{"Version":"2012-10-17"}`, Region: "eu-west-1"},
				Endpoints: []config.Endpoint{config.Container}, Origin: "rolecall.yaml:28",
			},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.IgnoreFields(config.Config{}, "Warnings")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "batch") {
		t.Errorf("warnings %q; want one about the short sessions", got.Warnings)
	}
}

func TestPrecedence(t *testing.T) {
	env := map[string]string{"ROLECALL_AGENT_LISTEN": "127.0.0.1:2", "ROLECALL_AGENT_STS_ENDPOINT": "http://127.0.0.1:3", "ROLECALL_AGENT_IMDS": "127.0.0.1:4,127.0.0.1:5"}
	s := config.Source{
		Data:      []byte("agent: {listen: 127.0.0.1:1, state: /file}\n"),
		LookupEnv: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		Flags:     map[string]string{"state": "/flag"},
	}
	c, err := load(s)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ got, want config.Setting }{
		"environment over file": {c.Listen, config.Setting{Value: "127.0.0.1:2", Origin: "ROLECALL_AGENT_LISTEN"}},
		"flag over file":        {c.State, config.Setting{Value: "/flag", Origin: "flag --state"}},
		"environment":           {c.STSEndpoint, config.Setting{Value: "http://127.0.0.1:3", Origin: "ROLECALL_AGENT_STS_ENDPOINT"}},
		"default":               {c.Region, config.Setting{Origin: "default"}},
		"list":                  {c.IMDS[1].Address, config.Setting{Value: "127.0.0.1:5", Origin: "ROLECALL_AGENT_IMDS"}},
	} {
		if row.got != row.want {
			t.Errorf("%s: %+v; want %+v", name, row.got, row.want)
		}
	}
	s.IMDSFlags = []string{"127.0.0.1:6"}
	if c, err = load(s); err != nil || len(c.IMDS) != 1 || c.IMDS[0].Address.Value != "127.0.0.1:6" {
		t.Errorf("flag over environment: %+v, %v", c, err)
	}
	if c, err = load(config.Source{}); err != nil || c.Listen.Value != config.DefaultListen {
		t.Errorf("nothing at all: %+v, %v", c, err)
	}
}

// One file with everything wrong: every problem is told, with its line.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := load(config.Source{Data: []byte(`agent:
  listen: 0.0.0.0:9911
  ecs_address: nowhere
  speed: fast
  allow_from: [everywhere]
  sts_endpoint: sts.amazonaws.com
  limits: {rate: quick}
  imds: [{address: "127.0.0.1:1", workloads: [ghost], hop_limit: 99}]
workload: []
workloads:
  - name: ""
  - name: web
    role_arn: web
    duration: 5m
    session_name: "{user}"
    policy: "{"
    endpoints: [pod]
    selectors: {cgroup: [relative]}
  - name: web
`)})
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		`rolecall.yaml:2: listen 0.0.0.0:9911 is not a loopback address`,
		`rolecall.yaml:3: address "nowhere"`,
		`rolecall.yaml:4: unknown key "speed"`,
		`rolecall.yaml:5: allow_from "everywhere"`,
		`rolecall.yaml:6: sts endpoint`,
		`rolecall.yaml:7: rate "quick"`,
		`rolecall.yaml:8: there is no workload "ghost"`,
		`rolecall.yaml:8: hop_limit 99`,
		`rolecall.yaml:9: unknown key "workload"`,
		`rolecall.yaml:11: workloads[0]: name ""`,
		`rolecall.yaml:13: workload web: role_arn "web"`,
		`rolecall.yaml:14: workload web: duration "5m"`,
		`rolecall.yaml:15: workload web: session_name "{user}"`,
		`rolecall.yaml:16: workload web: policy is not JSON`,
		`endpoint "pod"`,
		`cgroup "relative"`,
		`rolecall.yaml:19: workload web: the name is taken on line 12`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told", want)
		}
	}
	if t.Failed() {
		t.Logf("told was:\n%v", err)
	}
}

func TestUnreachableWorkloadOnIMDS(t *testing.T) {
	_, err := load(config.Source{Data: []byte("workloads: [{name: a}, {name: b}]\n"), IMDSFlags: []string{"127.0.0.1:1"}})
	if err == nil || !strings.Contains(err.Error(), `workload "b" can never be chosen`) {
		t.Errorf("error %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(whole)
	f.Add("")
	f.Add("agent: [")
	f.Add("agent: &a [*a]")
	f.Add("workloads: [{name: a, policy: {a: {b: c}}}]")
	f.Add("workloads: {name: a}")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := load(config.Source{Data: []byte(text)})
		if (c == nil) == (err == nil) {
			t.Error("neither a configuration nor an error")
		}
	})
}
