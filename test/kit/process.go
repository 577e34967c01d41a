package kit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that this package started and that somebody must stop.
type Process struct {
	cmd    *exec.Cmd
	lines  chan string
	exited chan struct{}
	err    error

	mu     sync.Mutex
	output strings.Builder
}

// Start runs the program with exactly the environment env. Its standard output is read line by line, see
// [Process.Await]; both outputs are kept, see [Process.Output].
func Start(path string, args, env []string) (*Process, error) {
	p := &Process{cmd: exec.Command(path, args...), lines: make(chan string, 64), exited: make(chan struct{})}
	p.cmd.Env = append([]string{}, env...)
	p.cmd.SysProcAttr = attr()
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = writer{p}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		scan := bufio.NewScanner(io.TeeReader(stdout, writer{p}))
		for scan.Scan() {
			select {
			case p.lines <- scan.Text():
			default: // nobody waits for lines any more
			}
		}
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

type writer struct{ p *Process }

func (w writer) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.p.output.Write(b)
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is what the process printed so far, on both outputs.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// Await returns what follows prefix on the first line of standard output that starts with it.
func (p *Process) Await(ctx context.Context, prefix string) (string, error) {
	for {
		select {
		case line := <-p.lines:
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return strings.TrimSpace(rest), nil
			}
		case <-p.exited:
			return "", fmt.Errorf("%s ended before it said %q: %w\n%s", p.cmd.Path, prefix, errors.Join(p.err, errEnded), p.Output())
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not say %q: %w\n%s", p.cmd.Path, prefix, ctx.Err(), p.Output())
		}
	}
}

var errEnded = errors.New("process ended")

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode is the code that the process ended with, -1 while it runs or when a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Kill ends the process as a power cut would, and waits.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // already ended is as good
	<-p.exited
}

// Stop asks the process to end and waits for it; it is an error when it does not within ten seconds, or
// ends with another code than zero.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("stopping %s: %w\n%s", p.cmd.Path, p.err, p.Output())
		}
		return nil
	case <-time.After(10 * time.Second):
		p.Kill()
		return fmt.Errorf("%s did not stop on SIGTERM within 10s\n%s", p.cmd.Path, p.Output())
	}
}
