//go:build unix

package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/rolecall-dev/rolecall"
)

// Stages of the endpoint's process. The first only starts the second and ends, so that the endpoint
// is no child of the command, which may wait for all of its children.
const (
	helperFork  = "fork"
	helperServe = "serve"
)

// start replaces this process by the command.
func start(path string, command, env []string) error {
	// SIGHUP and SIGINT stay ignored if they were when we started, as under nohup; Go's runtime does
	// not remember that of others.
	signal.Reset()
	return notExecutable(command[0], syscall.Exec(path, command, last(env))) //nolint:gosec // running it is the purpose
}

// startEndpoint starts the endpoint's process and waits until it answers.
func startEndpoint(ctx context.Context, o *Options, s *sessions, first rolecall.Credentials, dir string) ([]string, error) {
	text, err := json.Marshal(newOrder(o, s, first, dir))
	if err != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", err)
	}
	orderIn, orderOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", err)
	}
	replyIn, replyOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", errors.Join(err, orderIn.Close(), orderOut.Close()))
	}
	defer func() { _ = replyIn.Close() }()
	cmd, err := helper(ctx, o, helperFork, orderIn, replyOut)
	if err == nil {
		err = cmd.Start()
	}
	if err = errors.Join(err, orderIn.Close(), replyOut.Close()); err != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", errors.Join(err, orderOut.Close()))
	}
	_, err = orderOut.Write(text)
	err = errors.Join(err, orderOut.Close(), cmd.Wait())
	var r reply
	if decodeErr := json.NewDecoder(replyIn).Decode(&r); decodeErr != nil {
		return nil, fmt.Errorf("starting the endpoint: %w", errors.Join(err, decodeErr))
	}
	if r.Error != "" {
		return nil, fmt.Errorf("starting the endpoint: %s", r.Error)
	}
	return r.Env, nil
}

// helper is this program again, in the given stage, in a session of its own: signals of the terminal
// are for the command.
func helper(ctx context.Context, o *Options, stage string, in, out *os.File) (*exec.Cmd, error) {
	self, err := o.Factory.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "exec", "--endpoint-helper="+stage) //nolint:gosec // our own program
	cmd.Args[0] = filepath.Base(os.Args[0])
	cmd.Env = o.Factory.Environ()
	cmd.Stdin, cmd.Stdout = in, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

func runHelper(ctx context.Context, o *Options) error {
	if o.helper == helperFork {
		// Not bound to ctx: it outlives this process.
		cmd, err := helper(context.WithoutCancel(ctx), o, helperServe, os.Stdin, os.Stdout)
		if err != nil {
			return err
		}
		return cmd.Start()
	}
	signal.Ignore(syscall.SIGHUP)
	return serveOrder(ctx, o, os.Stdin, os.Stdout)
}
