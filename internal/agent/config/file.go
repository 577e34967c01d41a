package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
	"github.com/rolecall-dev/rolecall/internal/yamlx"
)

// document is rolecall.yaml. The plane's part of it is read by `rolecall apply`, and not looked into here.
type document struct {
	Agent     agentSection    `yaml:"agent"`
	Workloads []workloadEntry `yaml:"workloads"`

	Version  yamlx.Node `yaml:"version"`
	Accounts yamlx.Node `yaml:"accounts"`
}

type agentSection struct {
	Listen      scalar        `yaml:"listen"`
	ECSAddress  scalar        `yaml:"ecs_address"`
	IMDS        []imdsEntry   `yaml:"imds"`
	AllowFrom   []scalar      `yaml:"allow_from"`
	State       scalar        `yaml:"state"`
	Tokens      scalar        `yaml:"tokens"`
	Audit       scalar        `yaml:"audit"`
	Region      scalar        `yaml:"region"`
	Profile     scalar        `yaml:"profile"`
	STSEndpoint scalar        `yaml:"sts_endpoint"`
	Limits      limitsSection `yaml:"limits"`
}

type limitsSection struct {
	Connections       int    `yaml:"connections"`
	CallerConnections int    `yaml:"caller_connections"`
	Rate              scalar `yaml:"rate"`
	Burst             int    `yaml:"burst"`
}

type imdsEntry struct {
	Address          scalar   `yaml:"address"`
	Workloads        []string `yaml:"workloads"`
	V1               bool     `yaml:"v1"`
	HopLimit         int      `yaml:"hop_limit"`
	InstanceID       string   `yaml:"instance_id"`
	AvailabilityZone string   `yaml:"availability_zone"`
}

type workloadEntry struct {
	Name              scalar            `yaml:"name"`
	RoleARN           scalar            `yaml:"role_arn"`
	SessionName       scalar            `yaml:"session_name"`
	ExternalID        scalar            `yaml:"external_id"`
	Duration          scalar            `yaml:"duration"`
	Policy            yamlx.Node        `yaml:"policy"`
	PolicyARNs        []string          `yaml:"policy_arns"`
	Tags              map[string]string `yaml:"tags"`
	TransitiveTagKeys []string          `yaml:"transitive_tag_keys"`
	SourceIdentity    scalar            `yaml:"source_identity"`
	Region            scalar            `yaml:"region"`
	Selectors         struct {
		UID    []uint32 `yaml:"uid"`
		Cgroup []string `yaml:"cgroup"`
	} `yaml:"selectors"`
	Endpoints []string `yaml:"endpoints"`
}

// scalar is a value with the line that it is on.
type scalar struct {
	value string
	line  int
	set   bool
}

// UnmarshalYAML takes strings, numbers and booleans as they are written.
func (s *scalar) UnmarshalYAML(n *yamlx.Node) error {
	if n.Kind != yamlx.Scalar {
		return errors.New("want a single value")
	}
	*s = scalar{n.Value, n.Line, true}
	return nil
}

func (l *loader) parse() document {
	var d document
	_, problems := yamlx.Unmarshal(l.s.Data, &d)
	for _, p := range problems {
		l.problem(max(p.Line, 1), "%s", p.Text)
	}
	return d
}

func (l *loader) workloads(c *Config, f document) {
	seen := map[string]int{}
	for i, e := range f.Workloads {
		line := e.Name.line
		if !nameOK(e.Name.value) {
			l.problem(line, "workloads[%d]: name %q: want 1 to 64 letters, digits, '.', '_' or '-', not starting with '.'", i, e.Name.value)
			continue
		}
		if first, ok := seen[e.Name.value]; ok {
			l.problem(line, "workload %s: the name is taken on line %d", e.Name.value, first)
			continue
		}
		seen[e.Name.value] = line
		c.Workloads = append(c.Workloads, l.workload(c, e))
	}
}

// Names and ARNs are looked at by hand: compiling expressions would take as long as the rest of the
// agent's start.

func nameOK(s string) bool {
	return len(s) > 0 && len(s) <= 64 && s[0] != '.' && !strings.ContainsFunc(s, func(r rune) bool { return !letterOrDigit(r) && !strings.ContainsRune("._-", r) })
}

func letterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// roleARN reports whether s is arn:PARTITION:iam::ACCOUNT:role/NAME, with a path in front of the name or not.
func roleARN(s string) bool {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != "iam" || parts[3] != "" {
		return false
	}
	account, name := parts[4], strings.TrimPrefix(parts[5], "role/")
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" || name == parts[5] || strings.HasSuffix(name, "/") {
		return false
	}
	return len(name) > 0 && len(name) <= 576 && !strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' })
}

func (l *loader) workload(c *Config, e workloadEntry) Workload {
	name, line := e.Name.value, e.Name.line
	w := Workload{
		Workload: broker.Workload{
			Name: name, RoleARN: e.RoleARN.value, ExternalID: e.ExternalID.value,
			PolicyARNs: e.PolicyARNs, TransitiveTagKeys: e.TransitiveTagKeys,
			SourceIdentity: e.SourceIdentity.value, Region: e.Region.value,
		},
		Selectors: guard.Selectors{UIDs: e.Selectors.UID, Cgroups: e.Selectors.Cgroup},
		Origin:    l.at(line),
	}
	if w.Region == "" {
		w.Region = c.Region.Value
	}
	if w.RoleARN != "" && !roleARN(w.RoleARN) {
		l.problem(e.RoleARN.line, "workload %s: role_arn %q: want arn:aws:iam::ACCOUNT:role/NAME", name, w.RoleARN)
	}
	if err := w.Selectors.Validate(); err != nil {
		l.problem(line, "workload %s: %v", name, err)
	}
	for _, s := range e.Endpoints {
		if s != string(Container) && s != string(Instance) {
			l.problem(line, "workload %s: endpoint %q: want container or instance", name, s)
		}
		w.Endpoints = append(w.Endpoints, Endpoint(s))
	}
	for _, k := range sortedKeys(e.Tags) {
		w.Tags = append(w.Tags, broker.Tag{Key: k, Value: e.Tags[k]})
	}
	w.SessionName = l.sessionName(e)
	w.Duration = l.duration(e)
	w.Policy = l.policy(e)
	return w
}

// sessionName fills in the template. The default tells workload and machine apart in CloudTrail.
func (l *loader) sessionName(e workloadEntry) string {
	template := e.SessionName.value
	if template == "" {
		template = "{workload}@{host}"
	}
	name := strings.NewReplacer("{workload}", e.Name.value, "{host}", l.s.Host).Replace(template)
	if strings.ContainsAny(name, "{}") {
		l.problem(e.SessionName.line, "workload %s: session_name %q: only {workload} and {host} can stand in it", e.Name.value, template)
		return name
	}
	name = strings.Map(func(r rune) rune {
		if letterOrDigit(r) || strings.ContainsRune("_+=,.@-", r) {
			return r
		}
		return '-'
	}, name)
	name = strings.TrimSuffix(name[:min(64, len(name))], "@")
	if len(name) < 2 {
		name += "--"
	}
	return name
}

// duration takes "1h", "45m" or a number of seconds.
func (l *loader) duration(e workloadEntry) time.Duration {
	text := e.Duration.value
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if seconds, numeric := strconv.Atoi(text); numeric == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || d < 15*time.Minute || d > 12*time.Hour {
		l.problem(e.Duration.line, "workload %s: duration %q: want 15m to 12h", e.Name.value, text)
	}
	return d
}

// policy takes JSON text, or the policy written as YAML.
func (l *loader) policy(e workloadEntry) string {
	n := e.Policy
	var text string
	switch n.Kind {
	case yamlx.Scalar:
		text = n.Value
	case yamlx.Mapping, yamlx.Sequence:
		var problem *yamlx.Problem
		if text, problem = n.JSON(); problem != nil {
			l.problem(problem.Line, "workload %s: policy: %s", e.Name.value, problem.Text)
			return ""
		}
	default:
		return ""
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		l.problem(n.Line, "workload %s: policy is not JSON: %v", e.Name.value, err)
		return ""
	}
	return compact.String()
}
