//go:build !unix

package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Where a process cannot be replaced, this one waits for the command; the endpoint is in it.

func startEndpoint(_ context.Context, o *Options, s *sessions, first rolecall.Credentials, _ string) ([]string, error) {
	_, env, err := endpoint(o, s, first) // it ends with this process
	return env, err
}

func start(path string, command, env []string) error {
	signal.Ignore(os.Interrupt)               // the console sends it to the command too, which decides
	cmd := exec.Command(path, command[1:]...) //nolint:gosec // running it is the purpose
	cmd.Env = last(env)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return &cmdutil.ExitError{Code: exit.ExitCode()}
	}
	return notExecutable(command[0], err)
}

func runHelper(context.Context, *Options) error {
	return fmt.Errorf("the endpoint has no process of its own on this platform")
}

func watchProcess(int) (func(context.Context), error) {
	return nil, errors.New("not needed on this platform")
}
