package kit

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Agent is a running `rolecall agent`.
type Agent struct {
	*Process
	// Listen is the address of its container endpoint, IMDS that of its instance metadata endpoint.
	Listen, IMDS string
	// State is its state directory.
	State string

	programs Programs
	file     string
	env      []string
}

// AgentOptions say what an agent serves.
type AgentOptions struct {
	Dir         string // of the configuration and the state
	STSEndpoint string // the plane, or what stands in for it
	// Env is the identity that it starts from, for example AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
	Env []string
	// Workloads are names of roles of [Account]. The first one also is what the instance metadata endpoint serves.
	Workloads []string
	// Unlimited takes the limits of requests per second and of connections away, for a load.
	Unlimited bool
}

// StartAgent starts an agent on ports that are free just now. It returns when the agent listens, which does not mean that
// it has credentials yet.
func StartAgent(ctx context.Context, p Programs, o AgentOptions) (*Agent, error) {
	listen, err := freeAddr()
	if err != nil {
		return nil, err
	}
	imds, err := freeAddr()
	if err != nil {
		return nil, err
	}
	a := &Agent{
		Listen: listen, IMDS: imds, State: filepath.Join(o.Dir, "agent"),
		programs: p, file: filepath.Join(o.Dir, "rolecall.yaml"),
		env: append([]string{"HOME=" + o.Dir, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true"}, o.Env...),
	}
	if err := os.WriteFile(a.file, []byte(a.config(o)), 0o600); err != nil {
		return nil, err
	}
	if err := a.Start(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Start starts the agent, again if it has ended, on the same addresses.
func (a *Agent) Start(ctx context.Context) error {
	process, err := a.Launch()
	if err != nil {
		return err
	}
	a.Process = process
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", a.Listen)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-a.Exited():
			return fmt.Errorf("the agent ended:\n%s", a.Output())
		case <-ctx.Done():
			a.Kill()
			return ctx.Err()
		default:
		}
		if time.Now().After(end) {
			a.Kill()
			return fmt.Errorf("the agent does not listen: %w\n%s", err, a.Output())
		}
	}
}

// Launch starts the program and does not wait until it listens.
func (a *Agent) Launch() (*Process, error) {
	return Start(a.programs.Client, []string{"agent", "--config", a.file}, a.env)
}

func (a *Agent) config(o AgentOptions) string {
	var b strings.Builder
	fmt.Fprintf(&b, "agent:\n  listen: %s\n  state: %s\n  audit: %s\n  region: %s\n  sts_endpoint: %s\n  imds:\n    - address: %s\n      workloads: [%s]\n",
		a.Listen, a.State, filepath.Join(o.Dir, "deliveries.jsonl"), Region, o.STSEndpoint, a.IMDS, o.Workloads[0])
	if o.Unlimited {
		b.WriteString("  limits:\n    rate: none\n    connections: 100000\n    caller_connections: 100000\n")
	}
	b.WriteString("workloads:\n")
	for _, name := range o.Workloads {
		fmt.Fprintf(&b, "  - name: %s\n    role_arn: arn:aws:iam::%s:role/%s\n    session_name: test\n", name, Account, name)
	}
	return b.String()
}

// URI is the workload's address, for AWS_CONTAINER_CREDENTIALS_FULL_URI.
func (a *Agent) URI(workload string) string {
	return "http://" + a.Listen + "/v1/credentials/" + workload
}

// TokenFile holds what the workload says in the Authorization header, for AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.
func (a *Agent) TokenFile(workload string) string {
	return filepath.Join(a.State, "tokens", workload)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
