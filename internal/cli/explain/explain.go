// Package explain is `rolecall explain`: the roll call of this machine's sources of credentials.
package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/explain/probe"
	"github.com/rolecall-dev/rolecall/sts"
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

Nothing goes over the network unless --probe is given. Then every endpoint that is
there is asked at once, within 3 seconds: containers' and instances' endpoints, the
portal of a sign-in, STS for whose the winner's credentials are, and IAM for the age
of a long-lived key. Nobody is asked for a code, and no secret is shown.

With --sdk the same question is answered for AWS SDKs and tools, from models of
their rules ("run": compared with the running SDK; "read": with its source only).
Endpoints and commands are taken to answer.

--pid explains a running process, also one in a container: by the variables that
it was started with, and the files as it sees them. It needs the right to look
into that process, and Linux.

--env-file, --task-definition, --pod and --function-config explain a workload
before it runs, from the file that declares it, for AWS's SDKs or those of --sdk.

Exit code: 0 if a source wins, 3 if there is none, 4 if the winner is broken; with
--probe 5 if AWS refuses its credentials, 6 if AWS could not be asked; with --sdk 0
if they agree, 7 if they do not.`,
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
	cmd.Flags().BoolVar(&o.Probe, "probe", false, "ask every endpoint that is there, the winner, STS and IAM, within 3 seconds")
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

// Run explains.
func Run(ctx context.Context, o *Options) error {
	if o.isWorkload() {
		return RunWorkload(o)
	}
	p := here(o)
	options := o.Factory.ChainOptions(o.Chain)
	// Nobody is asked for anything: to explain must not hang.
	options.TokenCode, options.Stdin = nil, nil
	said := &heard{}
	options.Logger = slog.New(said)
	if o.PID != 0 {
		var err error
		if p, err = there(o.PID); err != nil {
			return err
		}
		defer p.close()
		options.Environ, options.Files = p.environ, p.process
	}
	if len(o.SDKs) > 0 {
		return RunSDKs(o, p)
	}
	c, err := chain.New(options)
	if err != nil {
		return &cmdutil.FlagError{Err: err}
	}
	report, fault := describe(c, surroundings{now: o.Factory.Now(), ec2: ec2Sign()})
	report.role(o.Chain.RoleARN)
	report.Notes = append(append(report.Notes, said.unlike(report.Sources)...), p.notes...)
	if o.Probe {
		fault = report.ask(ctx, c, o.Factory.Now)
	}
	if o.JSON {
		err = encode(o, report)
	} else {
		err = print(o, report, words{now: o.Factory.Now(), home: p.getenv("HOME")})
	}
	switch {
	case err != nil:
		return fmt.Errorf("writing: %w", err)
	case fault != nil:
		return cmdutil.SourceError(fault)
	case report.Outcome == "none", report.Outcome == "unknown":
		return &cmdutil.ExitError{Code: cmdutil.ExitNoCredentials}
	}
	return nil
}

func encode(o *Options, v any) error {
	enc := json.NewEncoder(o.Factory.IO.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// ask adds to the report what everything that is there answers, and returns why the winner does not yield.
func (r *Report) ask(ctx context.Context, c *chain.Chain, now func() time.Time) error {
	result := probe.Run(ctx, c, now)
	r.Probe = result.Answers
	if s := r.find(chain.SourceIMDS); s != nil && result.Source != chain.SourceIMDS && (r.Winner == s.Source || r.Outcome == "unknown") {
		s.State, s.Reason, s.Hops = "absent", "it has no credentials", nil
		r.Winner, r.Outcome, r.Next = "", "none", nil
	}
	var refused *sts.Error
	switch {
	case result.Got && result.Err != nil && !errors.As(result.Err, &refused):
		r.Warnings = append(r.Warnings, "STS could not be asked whose credentials they are: "+result.Err.Error())
		return result.Err
	case result.Err != nil && result.Source != "":
		r.Outcome, r.Error = "error", result.Err.Error()
		if result.Got {
			r.Outcome = "refused"
		}
		r.Hint = cmdutil.Hint(cmdutil.SourceError(result.Err))
		return result.Err
	case result.Err == nil:
		r.Winner, r.Outcome = result.Source, "ok"
		if s := r.find(result.Source); s != nil && s.State == "unknown" {
			s.State, s.Reason = "present", ""
		}
	}
	return nil
}
