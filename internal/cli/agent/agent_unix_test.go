//go:build unix

package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
	"github.com/rolecall-dev/rolecall/internal/cli/agent"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

// With mark set the test binary is the rolecall program.
const mark = "ROLECALL_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mark) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	root := command(&cmdutil.Factory{
		IO: iostreams.System(os.Environ()), Environ: os.Environ, Now: time.Now,
		Logger:     func() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) },
		HTTPClient: func() *http.Client { return nil },
	}, nil)
	err := root.ExecuteContext(ctx)
	stop()
	if err != nil {
		cmdutil.Print(os.Stderr, err)
	}
	os.Exit(cmdutil.ExitCode(err))
}

func command(f *cmdutil.Factory, run func(context.Context, *agent.Options) error) *cobra.Command {
	root := &cobra.Command{Use: "rolecall", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(agent.NewCmd(f, run))
	return root
}

func TestFlags(t *testing.T) {
	var got *agent.Options
	streams, _, _, _ := iostreams.Test()
	root := command(&cmdutil.Factory{IO: streams, Environ: func() []string { return nil }}, func(_ context.Context, o *agent.Options) error {
		got = o
		return nil
	})
	root.SetArgs([]string{"agent", "--config", "c.yaml", "--listen", "127.0.0.1:1", "--imds", "127.0.0.1:2", "--imds", "127.0.0.1:3", "--state", "", "--rate", "none"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	got.Factory = nil
	want := &agent.Options{
		ConfigFile: "c.yaml", Flags: map[string]string{"listen": "127.0.0.1:1", "state": "", "rate": "none"},
		IMDS: []string{"127.0.0.1:2", "127.0.0.1:3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// node is a directory with a configuration, and the agent's process.
type node struct {
	dir  string
	sts  *agenttest.STS
	cmd  *osexec.Cmd
	url  string
	errs *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{dir: t.TempDir(), sts: agenttest.NewSTS(t)}
	n.configure(t, "web")
	return n
}

func (n *node) configure(t *testing.T, workloads ...string) {
	t.Helper()
	text := "agent:\n  listen: 127.0.0.1:0\n  region: eu-west-1\n  sts_endpoint: " + n.sts.URL + "\n  state: " + filepath.Join(n.dir, "state") + "\nworkloads:\n"
	for _, w := range workloads {
		text += "  - {name: " + w + ", role_arn: \"arn:aws:iam::123456789012:role/" + w + "\"}\n"
	}
	if err := os.WriteFile(filepath.Join(n.dir, "rolecall.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (n *node) program(args ...string) *osexec.Cmd {
	cmd := osexec.Command(os.Args[0], append([]string{"agent", "--config", filepath.Join(n.dir, "rolecall.yaml")}, args...)...) //nolint:gosec // the test's own binary
	cmd.Env = []string{
		mark + "=1", "HOME=" + n.dir, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	return cmd
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.cmd, n.errs = n.program(), &syncBuffer{}
	n.cmd.Stderr = n.errs
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd := n.cmd
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("no ready line: %v\n%s", err, n.errs)
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("first line %q", line)
	}
	n.url = url
}

func (n *node) stop(t *testing.T, sig syscall.Signal) *os.ProcessState {
	t.Helper()
	if err := n.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	_ = n.cmd.Wait()
	return n.cmd.ProcessState
}

// get asks for a workload's credentials as its environment says.
func (n *node) get(t *testing.T, workload string) (int, string) {
	t.Helper()
	env := map[string]string{}
	out, err := n.program("env", workload).Output()
	if err != nil {
		t.Fatalf("agent env: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[k] = v
	}
	token, err := os.ReadFile(env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", string(token))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (n *node) wants(t *testing.T, workload, text string) {
	t.Helper()
	if status, got := n.get(t, workload); status != 200 || !strings.Contains(got, text) {
		t.Errorf("workload %s: %d %s; want %s", workload, status, got, text)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func (n *node) stored() int {
	found, _ := filepath.Glob(filepath.Join(n.dir, "state", "sessions", "[0-9a-f]*"))
	return len(found)
}

func TestServesAndStops(t *testing.T) {
	n := newNode(t)
	n.start(t)
	n.wants(t, "web", agenttest.AccessKeyID(1))
	if state := n.stop(t, syscall.SIGTERM); state.ExitCode() != 0 {
		t.Errorf("after SIGTERM: %v\n%s", state, n.errs)
	}
	text, err := os.ReadFile(filepath.Join(n.dir, "state", "deliveries.jsonl"))
	if err != nil || !strings.Contains(string(text), `"workload":"web"`) {
		t.Errorf("the record was not written to its end: %q, %v", text, err)
	}
}

// Killed at any moment, the agent starts again and goes on with what it had, although STS is down.
func TestKilledAndStartedAgain(t *testing.T) {
	n := newNode(t)
	for _, pause := range []time.Duration{0, 2 * time.Millisecond, 10 * time.Millisecond} {
		n.start(t)
		time.Sleep(pause)
		n.stop(t, syscall.SIGKILL)
	}
	n.start(t)
	eventually(t, "the session is stored", func() bool { return n.stored() == 1 })
	_, before := n.get(t, "web")
	n.sts.Set(agenttest.Failing)
	n.stop(t, syscall.SIGKILL)
	n.start(t)
	if status, after := n.get(t, "web"); status != 200 || after != before {
		t.Errorf("after the restart: %d %s; before %s", status, after, before)
	}
}

func TestReload(t *testing.T) {
	n := newNode(t)
	n.start(t)
	n.configure(t, "web", "api")
	if err := n.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new workload has its environment", func() bool {
		return n.program("env", "api").Run() == nil
	})
	n.wants(t, "api", "AccessKeyId")
	n.configure(t, "bad name")
	if err := n.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the bad configuration is refused", func() bool { return strings.Contains(n.errs.String(), "not reloaded") })
	n.configure(t, "web")
	n.wants(t, "web", "AccessKeyId")
}

func TestSecondAgentIsRefused(t *testing.T) {
	n := newNode(t)
	n.start(t)
	out, err := n.program().CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another agent uses this state directory") {
		t.Errorf("second agent: %v\n%s", err, out)
	}
}

func TestEnvForShells(t *testing.T) {
	n := newNode(t)
	n.start(t)
	out, err := n.program("env", "web", "--export").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("export AWS_CONTAINER_CREDENTIALS_FULL_URI='%s/v1/credentials/web'\n", n.url)
	if !strings.HasPrefix(string(out), want) || !strings.Contains(string(out), "export AWS_REGION='eu-west-1'\n") {
		t.Errorf("variables\n%s", out)
	}
	for args, want := range map[string]string{"nobody": "no workload", "web --relative": "--ecs-address"} {
		out, err := n.program(append([]string{"env"}, strings.Fields(args)...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("env %s: %v\n%s", args, err, out)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	n := newNode(t)
	if err := os.WriteFile(filepath.Join(n.dir, "rolecall.yaml"), []byte("agent: {listen: 127.0.0.1:0, speed: 1}\nworkloads: [{name: a, size: 2}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := n.program().CombinedOutput()
	if err == nil || !strings.Contains(string(out), `unknown key "speed"`) || !strings.Contains(string(out), `unknown key "size"`) {
		t.Errorf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "rolecall.yaml"), []byte("accounts: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = n.program().CombinedOutput(); err == nil || !strings.Contains(string(out), "no workloads") || !strings.Contains(string(out), "hint:") {
		t.Errorf("%v\n%s", err, out)
	}
}
