// Package explain is `rolecall explain`: the roll call of this machine's sources of credentials.
package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory *cmdutil.Factory
	Chain   cmdutil.ChainFlags
	JSON    bool
	Probe   bool
	// SDKs are the models to ask instead of rolecall's own chain; EC2 supposes an instance's role.
	SDKs []string
	EC2  bool
	// PID is the process to explain instead of this one.
	PID int
	// The files that declare a workload that does not run yet; one at most.
	EnvFile, TaskDefinition, Pod, FunctionConfig string
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Show every source of credentials, which one wins, and why",
		Long: `Calls the roll of all sources of credentials in the order in which they are asked:
present, absent, broken, shadowed by the winner, or excluded by an option; with
the file and line, variable or URL of each, and the way to the credentials.

Nothing goes over the network unless --probe is given; then the winner is asked.
Whether this machine has an instance metadata service shows only with --probe.

With --sdk the same question is answered for AWS SDKs and tools, from models of
their rules ("run": compared with the running SDK; "read": with its source only).
Endpoints and commands are taken to answer.

--pid explains a running process, also one in a container: by the variables that
it was started with, and the files as it sees them. It needs the right to look
into that process, and Linux.

--env-file, --task-definition, --pod and --function-config explain a workload
before it runs, from the file that declares it, for AWS's SDKs or those of --sdk.

Exit code: 0 if a source wins, 3 if there is none, 4 if the winner is broken;
with --sdk 0 if they agree, 7 if they do not.`,
		Example: `  rolecall explain
  rolecall explain --sdk all
  rolecall explain --sdk go-v2,js-v3,cli-v2 --profile prod
  rolecall explain --profile prod --probe
  rolecall explain --pid 4711
  rolecall explain --task-definition task.json
  rolecall explain --pod deployment.yaml --sdk go-v2,botocore
  rolecall explain --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.isWorkload() && (o.Probe || o.Chain.RoleARN != "" || o.Chain.Source != "" || o.Chain.Region != "") {
				return cmdutil.FlagErrorf("what does not run yet goes with none of --probe, --role-arn, --source, --region")
			}
			if cmd.Flags().Changed("pid") && (o.PID <= 0 || o.Probe) {
				return cmdutil.FlagErrorf("--pid needs the number of a process, and goes not with --probe")
			}
			if len(o.SDKs) > 0 && (o.Probe || o.Chain.RoleARN != "" || o.Chain.Source != "") {
				return cmdutil.FlagErrorf("--sdk goes with none of --probe, --role-arn, --source")
			}
			return run(cmd.Context(), o)
		},
	}
	o.Chain.Register(cmd)
	cmdutil.CompleteProfiles(cmd, f)
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&o.Probe, "probe", false, "ask the winner for credentials, too")
	cmd.Flags().StringSliceVar(&o.SDKs, "sdk", nil, "answer for these SDKs (`names`): all, go-v2, js-v3, botocore, cli-v2, …")
	cmd.Flags().BoolVar(&o.EC2, "ec2", false, "with --sdk or a file: suppose that an EC2 instance's role is within reach")
	cmd.Flags().IntVar(&o.PID, "pid", 0, "explain this running process (`number`) as seen from outside")
	cmd.Flags().StringVar(&o.EnvFile, "env-file", "", "explain a container or unit with this `file` of variables")
	cmd.Flags().StringVar(&o.TaskDefinition, "task-definition", "", "explain the containers of this ECS task definition (JSON `file`)")
	cmd.Flags().StringVar(&o.Pod, "pod", "", "explain the containers of this Kubernetes manifest (YAML or JSON `file`)")
	cmd.Flags().StringVar(&o.FunctionConfig, "function-config", "", "explain this Lambda function's configuration (JSON `file`)")
	cmd.MarkFlagsMutuallyExclusive("pid", "env-file", "task-definition", "pod", "function-config")
	return cmd
}

// Report is the JSON answer.
type Report struct {
	// Winner is the source in use, "" when there is none; Outcome is ok, error or none. Without
	// --probe, ok means that the winner is configured.
	Winner  string `json:"winner,omitempty"`
	Outcome string `json:"outcome"`
	// Next would be used if the winner were taken away.
	Next        string   `json:"next,omitempty"`
	Profile     string   `json:"profile,omitempty"`
	ProfileFrom string   `json:"profileFrom,omitempty"`
	Region      string   `json:"region,omitempty"`
	RegionFrom  string   `json:"regionFrom,omitempty"`
	ConfigFile  string   `json:"configFile,omitempty"`
	Credentials string   `json:"credentialsFile,omitempty"`
	Sources     []Source `json:"sources"`
	Notes       []string `json:"notes,omitempty"`
	Probe       *Probe   `json:"probe,omitempty"`
}

// Source is one row of the roll.
type Source struct {
	Source string `json:"source"`
	// State is present, absent, broken, shadowed or excluded.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// AccessKeyID is known without a call for static keys only; Account is decoded from it.
	AccessKeyID string `json:"accessKeyId,omitempty"`
	Account     string `json:"account,omitempty"`
	Expires     string `json:"expires,omitempty"`
	// Hops lead from the credentials to their first source.
	Hops []Hop `json:"hops,omitempty"`
}

// Hop is one step.
type Hop struct {
	Source   string `json:"source"`
	Location string `json:"location,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// Probe is what the winner answered.
type Probe struct {
	AccessKeyID string `json:"accessKeyId,omitempty"`
	Account     string `json:"account,omitempty"`
	Expires     string `json:"expires,omitempty"`
	Error       string `json:"error,omitempty"`
}

// Run explains.
func Run(ctx context.Context, o *Options) error {
	if o.isWorkload() {
		return RunWorkload(o)
	}
	p := here(o)
	options := o.Factory.ChainOptions(o.Chain)
	if o.PID != 0 {
		var err error
		if p, err = process("/proc", o.PID); err != nil {
			return err
		}
		options.Environ = p.environ
		if options.ConfigFile, options.CredentialsFile, err = p.files(); err != nil {
			return err
		}
	}
	if len(o.SDKs) > 0 {
		return RunSDKs(o, p)
	}
	c, err := chain.New(options)
	if err != nil {
		return &cmdutil.FlagError{Err: err}
	}
	report := describe(c)
	report.Notes = append(report.Notes, p.notes...)
	var broken error
	links := c.Links()
	if w := c.Winner(); w >= 0 && links[w].State == chain.Broken {
		broken = links[w].Err
	} else if o.Probe && w >= 0 {
		broken = probe(ctx, c, &report)
	}
	if o.JSON {
		enc := json.NewEncoder(o.Factory.IO.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(report)
	} else {
		err = print(o, report)
	}
	switch {
	case err != nil:
		return fmt.Errorf("writing: %w", err)
	case broken != nil:
		return cmdutil.SourceError(broken)
	case report.Outcome == "none":
		return &cmdutil.ExitError{Code: cmdutil.ExitNoCredentials}
	}
	return nil
}

func probe(ctx context.Context, c *chain.Chain, r *Report) error {
	creds, err := c.Retrieve(ctx)
	if err != nil {
		r.Probe, r.Outcome = &Probe{Error: err.Error()}, "error"
		return err
	}
	r.Probe = &Probe{AccessKeyID: creds.AccessKeyID, Account: creds.AccountID}
	if creds.CanExpire() {
		r.Probe.Expires = creds.Expires.UTC().Format(time.RFC3339)
	}
	return nil
}

func describe(c *chain.Chain) Report {
	paths := c.Paths()
	r := Report{
		Outcome: "none", Profile: c.Profile(), ProfileFrom: c.ProfileFrom(),
		ConfigFile: paths.Config, Credentials: paths.Credentials,
	}
	r.Region, r.RegionFrom = c.Region()
	links, winner, next := c.Links(), c.Winner(), c.Next()
	for i, l := range links {
		s := Source{Source: l.Source, State: string(l.State), Reason: l.Reason, AccessKeyID: l.AccessKeyID}
		s.Account, _ = rolecall.AccountOfAccessKey(l.AccessKeyID)
		if !l.Expires.IsZero() {
			s.Expires = l.Expires.UTC().Format(time.RFC3339)
		}
		if l.Err != nil {
			s.Reason = l.Err.Error()
		}
		if l.State == chain.Present {
			for _, hop := range l.Plan.Trail() {
				s.Hops = append(s.Hops, Hop{hop.Source, hop.Location, hop.Detail})
			}
			if winner >= 0 && i > winner {
				s.State, s.Reason = "shadowed", "by "+links[winner].Source
			}
		}
		r.Sources = append(r.Sources, s)
	}
	if winner >= 0 {
		r.Winner, r.Outcome, r.Notes = links[winner].Source, "ok", c.Notes(links[winner])
		if links[winner].State == chain.Broken {
			r.Outcome = "error"
		}
	}
	if next >= 0 {
		r.Next = links[next].Source
	}
	return r
}

func print(o *Options, r Report) error {
	io := o.Factory.IO
	var b strings.Builder
	fmt.Fprintf(&b, "    %-13s %-9s\n", "SOURCE", "STATE")
	for i, s := range r.Sources {
		mark := "  "
		state := fmt.Sprintf("%-9s", s.State)
		switch s.State {
		case "present":
			state = io.Green(state)
		case "broken":
			state = io.Red(state)
		default:
			state = io.Faint(state)
		}
		if s.Source == r.Winner {
			mark = "▶ "
		}
		fmt.Fprintf(&b, "%s%d %-13s %s %s\n", mark, i+1, s.Source, state, what(s))
		for j, hop := range s.Hops {
			if j > 0 && s.State == "present" {
				fmt.Fprintf(&b, "%28s← %s\n", "", hopText(hop))
			}
		}
	}
	b.WriteByte('\n')
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, value)
		}
	}
	switch r.Outcome {
	case "none":
		row("result", "no source has credentials")
	case "error":
		row("result", io.Red("error: "+r.Winner+" is there and does not yield; nothing after it is asked"))
	default:
		row("result", io.Bold(r.Winner)+" is used")
	}
	row("without", nextText(r))
	row("profile", r.Profile+from(r.ProfileFrom, r.Profile))
	row("region", r.Region+from(r.RegionFrom, r.Region))
	for _, n := range r.Notes {
		row("note", io.Yellow(n))
	}
	if p := r.Probe; p != nil && p.Error == "" {
		row("probe", "got "+p.AccessKeyID+account(p.Account)+expires(p.Expires))
	}
	_, err := fmt.Fprint(io.Out, b.String())
	return err
}

func what(s Source) string {
	if s.State != "present" && s.State != "shadowed" || len(s.Hops) == 0 {
		return s.Reason
	}
	text := hopText(s.Hops[0])
	if s.AccessKeyID != "" {
		text += " " + s.AccessKeyID + account(s.Account) + expires(s.Expires)
	}
	if s.Reason != "" {
		text += ", shadowed " + s.Reason
	}
	return text
}

func hopText(h Hop) string {
	text := h.Source
	if h.Detail != "" {
		text += " " + h.Detail
	}
	if h.Location != "" {
		text += " (" + h.Location + ")"
	}
	return text
}

func nextText(r Report) string {
	switch {
	case r.Winner == "":
		return ""
	case r.Next == "":
		return r.Winner + ": nothing"
	}
	return r.Winner + ": " + r.Next + " would be used"
}

func from(where, value string) string {
	if where == "" || value == "" {
		return ""
	}
	return " (from " + where + ")"
}

func account(id string) string {
	if id == "" {
		return ""
	}
	return " in account " + id
}

func expires(at string) string {
	if at == "" {
		return ""
	}
	return ", until " + at
}
