// Package config reads what the agent serves, and where: the sections agent and workloads of
// rolecall.yaml, overridden by the environment and by flags. It reports all problems at once and
// remembers where each setting came from.
package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
)

// Setting is a value and where it was set: "flag --listen", "ROLECALL_AGENT_LISTEN",
// "rolecall.yaml:3" or "default".
type Setting struct{ Value, Origin string }

// Config is a whole configuration, valid as far as can be told without the network.
type Config struct {
	// Listen is the loopback address of the container endpoint (full URI, with tokens); "" serves none.
	Listen Setting
	// ECSAddress is the address of the container endpoint without tokens (relative URI), usually
	// 169.254.170.2:80; "" serves none.
	ECSAddress Setting
	// IMDS are instance metadata endpoints.
	IMDS []IMDS
	// State is the directory for keys and warm sessions; "" keeps them in memory.
	State Setting
	// Tokens is the directory for the files that hold the workloads' tokens and environment; "" is
	// the folder tokens of State. One outside State is made so that workloads of other users reach it.
	Tokens Setting
	// Audit is the file for the record of deliveries; "" is deliveries.jsonl in
	// State, or none without State; "none" is none.
	Audit Setting
	// Region is where STS is asked, unless a workload says otherwise; "" is the chain's.
	Region Setting
	// Profile is where the node's own identity comes from; "" is the default chain.
	Profile Setting
	// STSEndpoint is the URL of STS or the plane; "" is the chain's.
	STSEndpoint Setting
	// AllowFrom are networks of callers that are not in this network namespace.
	AllowFrom []netip.Prefix
	Limits    guard.Limits
	Workloads []Workload
	// File is where the configuration was read, "" for none.
	File string
	// Warnings are worth telling and no reason to refuse.
	Warnings []string
}

// IMDS is one instance metadata endpoint.
type IMDS struct {
	Address Setting
	// Workloads that it may serve, in this order; nil means all that have the endpoint "instance".
	Workloads []string
	// V1 answers requests without a session token too.
	V1 bool
	// HopLimit is the IP time-to-live of answers, 1 to 64.
	HopLimit int
	// InstanceID and AvailabilityZone are facts to tell; both may be "".
	InstanceID, AvailabilityZone string
}

// Endpoint is a family of endpoints.
type Endpoint string

// The endpoints that a workload can be served on.
const (
	Container Endpoint = "container"
	Instance  Endpoint = "instance"
)

// Workload is one entry of the section workloads.
type Workload struct {
	broker.Workload
	Selectors guard.Selectors
	// Endpoints on which it is served; nil means all.
	Endpoints []Endpoint
	// Origin is the line it is defined at.
	Origin string
}

// On reports whether the workload is served on e.
func (w Workload) On(e Endpoint) bool {
	return len(w.Endpoints) == 0 || slices.Contains(w.Endpoints, e)
}

// Source is where a configuration is read from.
type Source struct {
	// File names Data in messages; both are empty when there is no file.
	File string
	Data []byte
	// LookupEnv finds variables; nil finds none.
	LookupEnv func(string) (string, bool)
	// Flags are the flags that were given, by name.
	Flags map[string]string
	// IMDSFlags are the values of --imds, which may be repeated.
	IMDSFlags []string
	// Host names this machine in session names.
	Host string
}

// DefaultListen is where the container endpoint listens unless told otherwise.
const DefaultListen = "127.0.0.1:9911"

// EnvPrefix starts the name of every variable that sets a setting: ROLECALL_AGENT_STS_ENDPOINT.
const EnvPrefix = "ROLECALL_AGENT_"

// Load reads and checks s. The error lists every problem, one on a line.
func Load(s Source) (*Config, error) {
	l := loader{s: s}
	file := l.parse()
	c := &Config{File: s.File}
	l.settings(c, file)
	l.endpoints(c, file)
	l.limits(c, file)
	l.workloads(c, file)
	l.consistency(c)
	if len(l.problems) > 0 {
		return nil, errors.Join(l.problems...)
	}
	return c, nil
}

type loader struct {
	s        Source
	problems []error
}

func (l *loader) problem(line int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if line > 0 {
		text = l.at(line) + ": " + text
	}
	l.problems = append(l.problems, errors.New(text))
}

func (l *loader) at(line int) string { return fmt.Sprintf("%s:%d", l.s.File, line) }

// pick chooses by flag, environment, file, default.
func (l *loader) pick(name string, file scalar, standard string) Setting {
	if v, ok := l.s.Flags[name]; ok {
		return Setting{v, "flag --" + name}
	}
	variable := EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if l.s.LookupEnv != nil {
		if v, ok := l.s.LookupEnv(variable); ok {
			return Setting{v, variable}
		}
	}
	if file.set {
		return Setting{file.value, l.at(file.line)}
	}
	return Setting{standard, "default"}
}

func (l *loader) settings(c *Config, f document) {
	a := f.Agent
	c.Listen = l.pick("listen", a.Listen, DefaultListen)
	c.ECSAddress = l.pick("ecs-address", a.ECSAddress, "")
	c.State = l.pick("state", a.State, "")
	c.Tokens = l.pick("tokens", a.Tokens, "")
	c.Audit = l.pick("audit", a.Audit, "")
	c.Region = l.pick("region", a.Region, "")
	c.Profile = l.pick("profile", a.Profile, "")
	c.STSEndpoint = l.pick("sts-endpoint", a.STSEndpoint, "")
	if v := c.Listen; v.Value != "" {
		if addr := l.address(v); addr.IsValid() && !addr.Addr().IsLoopback() {
			l.problem(0, "%s: listen %s is not a loopback address: SDKs refuse credentials over plain HTTP from elsewhere", v.Origin, v.Value)
		}
	}
	if c.ECSAddress.Value != "" {
		l.address(c.ECSAddress)
	}
	if v := c.STSEndpoint; v.Value != "" && !strings.HasPrefix(v.Value, "http://") && !strings.HasPrefix(v.Value, "https://") {
		l.problem(0, "%s: sts endpoint %q: want a URL", v.Origin, v.Value)
	}
}

func (l *loader) address(s Setting) netip.AddrPort {
	addr, err := netip.ParseAddrPort(s.Value)
	if err != nil {
		l.problem(0, "%s: address %q: want IP:PORT", s.Origin, s.Value)
	}
	return addr
}

func (l *loader) endpoints(c *Config, f document) {
	for _, i := range f.Agent.IMDS {
		l.endpoint(c, IMDS{
			Address: Setting{i.Address.value, l.at(i.Address.line)}, Workloads: i.Workloads, V1: i.V1, HopLimit: i.HopLimit,
			InstanceID: i.InstanceID, AvailabilityZone: i.AvailabilityZone,
		})
	}
	flags := l.s.IMDSFlags
	origin := "flag --imds"
	if len(flags) == 0 && l.s.LookupEnv != nil {
		if v, ok := l.s.LookupEnv(EnvPrefix + "IMDS"); ok && v != "" {
			flags, origin = strings.Split(v, ","), EnvPrefix+"IMDS"
		}
	}
	if len(flags) > 0 {
		c.IMDS = nil // the flag stands for the whole list
	}
	for _, v := range flags {
		l.endpoint(c, IMDS{Address: Setting{v, origin}})
	}
	for _, p := range f.Agent.AllowFrom {
		prefix, err := netip.ParsePrefix(p.value)
		if err != nil {
			l.problem(p.line, "allow_from %q: want a network such as 172.17.0.0/16", p.value)
			continue
		}
		c.AllowFrom = append(c.AllowFrom, prefix.Masked())
	}
}

func (l *loader) endpoint(c *Config, i IMDS) {
	l.address(i.Address)
	if i.HopLimit == 0 {
		i.HopLimit = 1
	}
	if i.HopLimit < 1 || i.HopLimit > 64 {
		l.problem(0, "%s: hop_limit %d: want 1 to 64", i.Address.Origin, i.HopLimit)
	}
	c.IMDS = append(c.IMDS, i)
}

func (l *loader) limits(c *Config, f document) {
	rate := l.pick("rate", f.Agent.Limits.Rate, "")
	c.Limits = guard.Limits{Connections: f.Agent.Limits.Connections, CallerConnections: f.Agent.Limits.CallerConnections, Burst: f.Agent.Limits.Burst}
	if rate.Value == "" {
		return
	}
	if rate.Value == "none" {
		c.Limits.Rate = -1
		return
	}
	if _, err := fmt.Sscan(rate.Value, &c.Limits.Rate); err != nil || c.Limits.Rate <= 0 {
		l.problem(0, "%s: rate %q: want requests per second, or none", rate.Origin, rate.Value)
	}
}

// consistency checks what only shows over the whole.
func (l *loader) consistency(c *Config) {
	names := map[string]bool{}
	for _, w := range c.Workloads {
		names[w.Name] = true
	}
	for _, i := range c.IMDS {
		everybody := ""
		for _, name := range i.Workloads {
			if !names[name] {
				l.problem(0, "%s: there is no workload %q", i.Address.Origin, name)
			}
		}
		for _, w := range c.OnIMDS(i) {
			if everybody != "" {
				l.problem(0, "%s: workload %q can never be chosen: %q comes first and has no selectors; list the endpoint's workloads, or give them uid or cgroup", i.Address.Origin, w.Name, everybody)
			}
			if w.Selectors.IsZero() {
				everybody = w.Name
			}
		}
	}
	if c.Listen.Value == "" && c.ECSAddress.Value == "" && len(c.IMDS) == 0 {
		l.problem(0, "no endpoint: set listen, ecs_address or imds")
	}
	for _, w := range c.Workloads {
		if w.Duration > 0 && w.Duration < 30*time.Minute {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: workload %s: sessions of %s are so short that some SDKs will ask at every call; an hour serves better", w.Origin, w.Name, w.Duration))
		}
	}
}

// OnIMDS returns the workloads that the endpoint i chooses from, in order.
func (c *Config) OnIMDS(i IMDS) []Workload {
	var all []Workload
	if i.Workloads == nil {
		for _, w := range c.Workloads {
			if w.On(Instance) {
				all = append(all, w)
			}
		}
		return all
	}
	for _, name := range i.Workloads {
		for _, w := range c.Workloads {
			if w.Name == name {
				all = append(all, w)
			}
		}
	}
	return all
}
