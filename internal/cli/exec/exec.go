// Package exec is the command `rolecall exec`: it runs a program with the credentials of a role, as if
// the program had been started without rolecall.
//
// On Unix the program takes the place of this process (execve), so that its process id, exit status,
// signals, job control and terminal are its own. Where the credentials are delivered by an endpoint,
// that endpoint lives in a process apart, which ends when the program does.
package exec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/upstream"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Ways to hand over credentials.
const (
	// AsEndpoint points the program's SDK to an endpoint that refreshes for ever.
	AsEndpoint = "endpoint"
	// AsEnv puts the keys themselves into the environment, as Lambda does; they end when they end.
	AsEnv = "env"
)

// Options are what the command was asked for.
type Options struct {
	Factory *cmdutil.Factory

	Profile, Source, Region string
	RoleARN, SessionName    string
	ExternalID              string
	Duration                time.Duration
	As                      string
	// Command is the program and its arguments.
	Command []string

	// helper is the stage of the endpoint's process; "" is the command itself.
	helper string
}

const long = `Runs a command with short-lived AWS credentials.

The credentials come from where the AWS SDKs would find them for you, or from
--profile; with --role-arn, that role is assumed with them. By default the
command gets the address of a credential endpoint on 127.0.0.1 that every AWS
SDK asks by itself, and that renews the credentials for as long as the command
runs. With --as env it gets the keys in AWS_ACCESS_KEY_ID and so on, which are
not renewed.

Variables that would lead the command's SDK elsewhere (AWS_PROFILE, keys, role
and token variables) are removed. So are, for the command only, the credentials
of the [default] profile: it then reads a copy of ~/.aws/config without keys.

The command keeps the process id, terminal, signals and exit code that it would
have had without rolecall. If it cannot be found the exit code is 127, if it
cannot be executed 126.`

const example = `  rolecall exec -- aws s3 ls
  rolecall exec --profile dev -- terraform plan
  rolecall exec --role-arn arn:aws:iam::123456789012:role/deploy -- ./deploy.sh
  rolecall exec --as env -- docker run -e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_SESSION_TOKEN image`

// NewCmd returns the command. run replaces [Run] in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:     "exec [flags] -- command [argument...]",
		Short:   "Run a command with a role's credentials",
		Long:    long,
		Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Command = args
			if err := o.validate(); err != nil {
				return err
			}
			return run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the command is the command's
	flags.StringVar(&o.Profile, "profile", "", "take the credentials of this profile")
	flags.StringVar(&o.Source, "source", "", "take them from this source only: "+strings.Join(chain.Sources(), ", "))
	flags.StringVar(&o.Region, "region", "", "region to call STS in, and for the command")
	flags.StringVar(&o.RoleARN, "role-arn", "", "assume this role")
	flags.StringVar(&o.SessionName, "session-name", "", "name of the role's session (default: your user name)")
	flags.StringVar(&o.ExternalID, "external-id", "", "external id that the role demands")
	flags.DurationVar(&o.Duration, "duration", 0, "length of the session, such as 1h (default: STS's)")
	flags.StringVar(&o.As, "as", AsEndpoint, "hand over by: endpoint, env")
	flags.StringVar(&o.helper, "endpoint-helper", "", "")
	_ = flags.MarkHidden("endpoint-helper") // it exists, so this cannot fail
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions([]string{AsEndpoint, AsEnv}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("source", cobra.FixedCompletions(chain.Sources(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *Options) validate() error {
	switch {
	case o.helper != "":
		return nil
	case len(o.Command) == 0:
		return cmdutil.FlagErrorf("no command to run: put it after --")
	case o.As != AsEndpoint && o.As != AsEnv:
		return cmdutil.FlagErrorf("--as %q: want endpoint or env", o.As)
	case o.RoleARN == "" && (o.SessionName != "" || o.ExternalID != ""):
		return cmdutil.FlagErrorf("--session-name and --external-id go with --role-arn")
	case o.Duration != 0 && (o.Duration < 15*time.Minute || o.Duration > 36*time.Hour):
		return cmdutil.FlagErrorf("--duration %s: want 15m to 36h", o.Duration)
	}
	return nil
}

// Run resolves, and starts the command.
func Run(ctx context.Context, o *Options) error {
	if o.helper != "" {
		return runHelper(ctx, o)
	}
	path, err := find(o.Command[0])
	if err != nil {
		return err
	}
	s, err := o.sessions(o.Factory.Prompt)
	if err != nil {
		return err
	}
	issue := s.Session
	if o.As == AsEnv && o.RoleARN == "" {
		// The environment takes keys of any life as they are; an endpoint only those that end.
		issue = func(ctx context.Context, _ broker.Workload) (rolecall.Credentials, error) {
			return s.chain.Retrieve(ctx)
		}
	}
	first, err := issue(ctx, o.workload())
	if err != nil {
		return err
	}
	env := strip(o.Factory.Environ())
	if s.region != "" {
		env = append(env, "AWS_REGION="+s.region, "AWS_DEFAULT_REGION="+s.region)
	}
	if o.As == AsEnv {
		return start(path, o.Command, append(env, credentialVariables(first)...))
	}
	return o.withEndpoint(ctx, s, first, path, env)
}

// find looks the command up as a shell does.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrDot) {
		err = nil // PATH has the current folder: the user asked for that
	}
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, syscall.EISDIR):
		return "", &cmdutil.ExitError{Code: cmdutil.ExitNotExecutable, Err: fmt.Errorf("%s: is a directory", name)}
	case errors.Is(err, fs.ErrPermission):
		return "", &cmdutil.ExitError{Code: cmdutil.ExitNotExecutable, Err: fmt.Errorf("%s: permission denied", name), Hint: "make it executable with `chmod +x`"}
	}
	return "", &cmdutil.ExitError{Code: cmdutil.ExitNotFound, Err: fmt.Errorf("%s: command not found", name), Hint: "check its name and PATH; shell built-ins and aliases need a shell: rolecall exec -- sh -c '…'"}
}

// notExecutable is for what fails only when it is tried.
func notExecutable(name string, err error) error {
	code := cmdutil.ExitNotExecutable
	if errors.Is(err, fs.ErrNotExist) {
		code = cmdutil.ExitNotFound // a script's interpreter
	}
	return &cmdutil.ExitError{Code: code, Err: fmt.Errorf("%s: %w", name, err), Hint: "see that it is a program or a script with a first line such as #!/bin/sh"}
}

// sessions issue the credentials, now and whenever they are renewed.
type sessions struct {
	*upstream.Upstream
	chain  *chain.Chain
	region string
}

// sessions makes the chain that the command line asks for. prompt is nil where nobody can be asked.
func (o *Options) sessions(prompt func(ctx context.Context, question string, secret bool) (string, error)) (*sessions, error) {
	f := o.Factory
	co := chain.Options{
		Environ: f.Environ(), Profile: o.Profile, Source: o.Source, Region: o.Region,
		HTTPClient: f.HTTPClient(), Logger: f.Logger(),
	}
	if prompt != nil {
		co.Stderr, co.Stdin = f.IO.ErrOut, f.IO.In
		co.TokenCode = func(ctx context.Context, serial string) (string, error) {
			return prompt(ctx, "Code of "+serial+": ", false)
		}
		co.Device = cmdutil.ChooseDevice(prompt)
	}
	c, err := chain.New(co)
	if err != nil {
		return nil, err
	}
	region, _ := c.Region()
	up := upstream.New(upstream.Options{
		Source: c, Location: "rolecall exec",
		Client: func(string) upstream.STS { return c.STS() },
	})
	return &sessions{Upstream: up, chain: c, region: region}, nil
}

func (o *Options) workload() broker.Workload {
	return broker.Workload{
		Name: "exec", RoleARN: o.RoleARN, SessionName: o.sessionName(), ExternalID: o.ExternalID, Duration: o.Duration, Region: o.Region,
	}
}

// sessionName is the flag's, or the user's name, so that CloudTrail shows a person; "" leaves it to
// the provider.
func (o *Options) sessionName() string {
	name := o.SessionName
	if name == "" {
		name = o.Factory.Getenv("USER")
	}
	name = regexp.MustCompile(`[^\w+=,.@-]`).ReplaceAllString(name, "-")
	if len(name) < 2 || len(name) > 64 {
		return ""
	}
	return name
}

// withEndpoint starts the endpoint and then the command.
func (o *Options) withEndpoint(ctx context.Context, s *sessions, first rolecall.Credentials, path string, env []string) error {
	dir, files, err := isolate(s.chain, o.Factory)
	if err != nil {
		return err
	}
	delivered, err := startEndpoint(ctx, o, s, first, dir)
	if err != nil {
		return errors.Join(err, removeDir(dir))
	}
	err = start(path, o.Command, append(append(env, files...), delivered...))
	return errors.Join(err, removeDir(dir)) // it came to nothing, or has ended
}

func removeDir(dir string) error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(filepath.Clean(dir))
}

// quiet is for processes that have no terminal to write to.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
