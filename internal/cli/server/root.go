// Package server is the rolecall-server program: its commands, their flags, and what they print.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/agent"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/exec"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/cli/version"
)

// Main runs the program with this process's arguments and streams and returns its exit code.
func Main() int {
	environ := os.Environ()
	f := &cmdutil.Factory{
		IO:         iostreams.System(environ),
		Environ:    func() []string { return environ },
		HTTPClient: func() *http.Client { return &http.Client{Timeout: 30 * time.Second} },
		Now:        time.Now,
		Executable: os.Executable,
	}
	f.Logger = func() *slog.Logger {
		return slog.New(slog.NewTextHandler(f.IO.ErrOut, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return Run(os.Args[1:], f)
}

// Run runs the program with args and returns its exit code.
func Run(args []string, f *cmdutil.Factory) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(f)
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		cmdutil.Print(f.IO.ErrOut, err)
		return cmdutil.ExitCode(err)
	}
	return cmdutil.ExitOK
}

func newRoot(f *cmdutil.Factory) *cobra.Command {
	root := newServeCmd(f, nil)
	root.Use = "rolecall-server"
	root.Short = "The identity plane: STS, IAM and an authorizing S3 front in AWS's own protocols"
	root.Long = `rolecall-server issues short-lived AWS credentials, decides what they may do, and
serves private objects to those that may have them: STS, IAM and S3 in AWS's own
wire protocols, on one port, from one state directory.

Without a command it serves; see "rolecall-server serve --help".`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(f.IO.In)
	root.SetOut(f.IO.Out)
	root.SetErr(f.IO.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &cmdutil.ExitError{Code: cmdutil.ExitUsage, Err: err, Hint: fmt.Sprintf("run `%s --help`", cmd.CommandPath())}
	})
	root.AddCommand(newServeCmd(f, nil), newDemoCmd(f), newMigrateCmd(f), newRootSessionCmd(f), version.NewCmd(f, nil))
	// The demo starts this program as its agent and its client; for everything else there is rolecall.
	for _, cmd := range []*cobra.Command{agent.NewCmd(f, nil), exec.NewCmd(f, nil), newDemoClientCmd(f)} {
		cmd.Hidden = true
		root.AddCommand(cmd)
	}
	return root
}

// newLogger logs to standard error: text for people, JSON for machines.
func newLogger(f *cmdutil.Factory, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, cmdutil.FlagErrorf("--log-level %q: want debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(f.IO.ErrOut, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(f.IO.ErrOut, options)), nil
	default:
		return nil, cmdutil.FlagErrorf("--log-format %q: want text or json", format)
	}
}
