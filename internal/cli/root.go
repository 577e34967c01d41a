// Package cli is the rolecall program: its root command, and the way from an error to what a person
// reads and the code that the process exits with. Each command is a package of its own.
package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/agent"
	"github.com/rolecall-dev/rolecall/internal/cli/apply"
	"github.com/rolecall-dev/rolecall/internal/cli/audit"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/config"
	"github.com/rolecall-dev/rolecall/internal/cli/credentialprocess"
	"github.com/rolecall-dev/rolecall/internal/cli/exec"
	"github.com/rolecall-dev/rolecall/internal/cli/explain"
	"github.com/rolecall-dev/rolecall/internal/cli/export"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/cli/policy"
	"github.com/rolecall-dev/rolecall/internal/cli/profiles"
	"github.com/rolecall-dev/rolecall/internal/cli/token"
	"github.com/rolecall-dev/rolecall/internal/cli/version"
	"github.com/rolecall-dev/rolecall/internal/cli/whoami"
)

const (
	groupUse = "use"
	groupSee = "see"
	groupRun = "run"
)

// Main runs the program with this process's arguments and streams and returns its exit code.
func Main() int {
	if len(os.Args) > 1 && isBrief(os.Args[1]) {
		debug.SetGCPercent(400)
	}
	f := newFactory(os.Environ())
	if args := os.Args[1:]; len(args) > 0 && args[0] == "credential-process" {
		if o, ok := credentialprocess.ParseFast(args[1:], f); ok {
			return finish(f, credentialprocess.Run(context.Background(), o))
		}
	}
	return Run(os.Args[1:], f)
}

// isBrief reports the commands that end after some milliseconds: with a large configuration file they would spend
// a third of them on collecting garbage that the end of the process collects.
func isBrief(command string) bool {
	switch command {
	case "credential-process", "explain", "profiles", "whoami", "export", "token", "config", "fix":
		return true
	}
	return false
}

// finish prints err, if any, and returns the exit code.
func finish(f *cmdutil.Factory, err error) int {
	if err != nil {
		cmdutil.Print(f.IO.ErrOut, err)
	}
	return cmdutil.ExitCode(err)
}

func newFactory(environ []string) *cmdutil.Factory {
	f := &cmdutil.Factory{
		IO:         iostreams.System(environ),
		Environ:    func() []string { return environ },
		Now:        time.Now,
		Executable: os.Executable,
	}
	f.Logger = func() *slog.Logger {
		return slog.New(slog.NewTextHandler(f.IO.ErrOut, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	f.HTTPClient = func() *http.Client { return nil }
	return f
}

// Run runs the program with args and returns its exit code. Errors go to f.IO.ErrOut.
func Run(args []string, f *cmdutil.Factory) int {
	// The first signal cancels the context, so that a command ends its work in order; commands
	// that hand signals on to a child install their own handlers.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := NewRoot(f)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		err = usageError(cmd, err)
	}
	return finish(f, err)
}

// usageError recognizes cobra's own complaints about the command line, which carry no type.
func usageError(cmd *cobra.Command, err error) error {
	text := err.Error()
	for _, prefix := range []string{"unknown command", "accepts ", "requires at least", "requires at most", "required flag", "if any flags in the group", "at least one of the flags", "invalid argument"} {
		if strings.HasPrefix(text, prefix) {
			return &cmdutil.ExitError{
				Code: cmdutil.ExitUsage, Err: fmt.Errorf("%s", strings.ReplaceAll(text, "\n\n", "\n")),
				Hint: fmt.Sprintf("run `%s --help`", cmd.CommandPath()),
			}
		}
	}
	return err
}

// NewRoot returns the root command with every command registered.
func NewRoot(f *cmdutil.Factory) *cobra.Command {
	root := &cobra.Command{
		Use:   "rolecall",
		Short: "Every process answers to a role",
		Long: `rolecall gives any process short-lived AWS credentials through the provider chain
that it already speaks, and tells where they came from.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(f.IO.In)
	root.SetOut(f.IO.Out)
	root.SetErr(f.IO.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &cmdutil.ExitError{Code: cmdutil.ExitUsage, Err: err, Hint: fmt.Sprintf("run `%s --help`", cmd.CommandPath())}
	})
	logging(root, f)
	root.AddGroup(
		&cobra.Group{ID: groupUse, Title: "Use credentials:"},
		&cobra.Group{ID: groupSee, Title: "See what is there:"},
		&cobra.Group{ID: groupRun, Title: "Run and administer:"},
	)
	root.SetHelpCommandGroupID(groupSee)
	root.SetCompletionCommandGroupID(groupSee)
	for _, c := range commands(f) {
		for _, cmd := range c.commands {
			cmd.GroupID = c.group
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(exitCodesTopic())
	return root
}

type commandGroup struct {
	group    string
	commands []*cobra.Command
}

// commands is the table of all commands.
func commands(f *cmdutil.Factory) []commandGroup {
	return []commandGroup{
		{groupUse, []*cobra.Command{
			exec.NewCmd(f, nil),
			credentialprocess.NewCmd(f, nil),
			export.NewCmd(f, nil),
			token.NewCmd(f, nil),
		}},
		{groupSee, []*cobra.Command{
			explain.NewCmd(f, nil),
			whoami.NewCmd(f, nil),
			profiles.NewCmd(f, nil),
			config.NewCmd(f, nil),
			config.NewFixCmd(f, nil),
			policy.NewCmd(f, nil),
			version.NewCmd(f, nil),
		}},
		{groupRun, []*cobra.Command{
			agent.NewCmd(f, nil),
			apply.NewCmd(f, nil),
			audit.NewCmd(f, nil, nil),
		}},
	}
}

// logging adds --log-level and makes the factory's logger follow it.
func logging(root *cobra.Command, f *cmdutil.Factory) {
	level := new(slog.LevelVar)
	level.Set(slog.LevelWarn)
	root.PersistentFlags().Func("log-level", "log to standard error: debug, info, warn, error (default warn)", func(s string) error {
		var l slog.Level
		if err := l.UnmarshalText([]byte(s)); err != nil {
			return fmt.Errorf("%q is none of debug, info, warn, error", s)
		}
		level.Set(l)
		return nil
	})
	logger := slog.New(slog.NewTextHandler(f.IO.ErrOut, &slog.HandlerOptions{Level: level}))
	f.Logger = func() *slog.Logger { return logger }
}

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Exit codes of rolecall:

  0    success
  1    a failure that has no code of its own
  2    wrong command line
  3    no source has credentials
  4    a source is there and does not yield: a file that cannot be read, half a key
       pair, a command that failed, an expired login
  5    the service answered and refused
  6    a service could not be reached in time
  7    a check did its work and found something
  126  the command to run cannot be executed
  127  the command to run does not exist
  130  interrupted

"rolecall exec" exits with the code of the command that it ran, 128 + N if signal N ended it.`,
	}
}
