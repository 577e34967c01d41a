package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/demo"
)

// base is this process's environment without anything that SDKs would heed.
func (d *demoRun) base() []string {
	return slices.DeleteFunc(slices.Clone(d.f.Environ()), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_") || strings.HasPrefix(kv, "ROLECALL_")
	})
}

// run runs this program in another process, on the demo's streams.
func (d *demoRun) run(ctx context.Context, env []string, args ...string) error {
	c := exec.CommandContext(ctx, d.self, args...) //nolint:gosec // this program itself
	c.Env, c.Stdout, c.Stderr = env, d.f.IO.Out, d.f.IO.ErrOut
	return c.Run()
}

// demoAgent is the agent's process.
type demoAgent struct {
	url      string
	env      []string // the agent's own environment
	workload []string // what leads a workload to the agent
	endpoint string   // of the plane
	done     chan error
	command  *exec.Cmd
}

// workloadEnv is the environment of the demo's workload.
func (a *demoAgent) workloadEnv(base []string) []string {
	env := append(slices.Clone(base), a.workload...)
	return append(env, "AWS_ENDPOINT_URL="+a.endpoint, "AWS_REGION="+demo.Region, "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

// startAgent starts the agent with the node's own key and waits until it answers.
func (d *demoRun) startAgent(ctx context.Context, node rolecall.Credentials) (*demoAgent, error) {
	config, keys := filepath.Join(d.dir, "rolecall.yaml"), filepath.Join(d.dir, "node-credentials")
	profile := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", node.AccessKeyID, node.SecretAccessKey.Expose())
	if err := errors.Join(os.WriteFile(config, demo.File, 0o600), os.WriteFile(keys, []byte(profile), 0o600)); err != nil {
		return nil, fmt.Errorf("writing the agent's files: %w", err)
	}
	a := &demoAgent{endpoint: d.url, done: make(chan error, 1)}
	a.env = append(d.base(), "AWS_SHARED_CREDENTIALS_FILE="+keys, "AWS_CONFIG_FILE="+os.DevNull, "AWS_ENDPOINT_URL="+d.url, "AWS_REGION="+demo.Region)
	flags := []string{"--config", config, "--state", filepath.Join(d.dir, "agent"), "--listen", "127.0.0.1:0"}
	a.command = exec.Command(d.self, append([]string{"agent"}, flags...)...) //nolint:gosec,noctx // this program itself; stop ends it
	a.command.Env, a.command.Stderr = a.env, d.f.IO.ErrOut
	// Ctrl-C at the terminal goes to the whole process group; the demo ends the agent itself, last.
	a.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := a.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the agent: %w", err)
	}
	if err := a.command.Start(); err != nil {
		return nil, fmt.Errorf("starting the agent: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- url
			}
		}
		a.done <- a.command.Wait()
	}()
	select {
	case a.url = <-ready:
	case err := <-a.done:
		a.done <- nil
		return nil, fmt.Errorf("the agent ended before it was ready: %w", err)
	case <-time.After(20 * time.Second):
		return nil, errors.Join(errors.New("the agent did not answer within 20 s"), a.stop())
	}
	var printed bytes.Buffer
	c := exec.CommandContext(ctx, d.self, append([]string{"agent", "env", demo.Role}, flags...)...) //nolint:gosec // this program itself
	c.Env, c.Stdout, c.Stderr = a.env, &printed, d.f.IO.ErrOut
	if err := c.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("asking for the workload's variables: %w", err), a.stop())
	}
	for line := range strings.Lines(printed.String()) {
		a.workload = append(a.workload, strings.TrimSpace(line))
	}
	return a, nil
}

// stop ends the agent in order.
func (a *demoAgent) stop() error {
	_ = a.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case err := <-a.done:
		return err
	case <-time.After(10 * time.Second):
		return errors.Join(errors.New("the agent did not end within 10 s"), a.command.Process.Kill())
	}
}
