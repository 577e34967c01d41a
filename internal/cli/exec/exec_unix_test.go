//go:build unix

package exec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/exec"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

// The test binary is three programs: the tests; the rolecall program, when mark is set; and as its
// subcommand "sdk" the program that is run under it.
const mark = "ROLECALL_TEST_MAIN"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(mark) == "":
		heed(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
		os.Exit(m.Run())
	case len(os.Args) > 1 && os.Args[1] == "sdk":
		os.Exit(sdk())
	}
	os.Exit(program())
}

// heed gives signals their default meaning in the programs that the tests start. Under nohup, or in the
// background of a script, the tests start with some of them ignored, and a shell cannot trap those.
func heed(signals ...os.Signal) {
	for _, s := range signals {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f := &cmdutil.Factory{
		IO: iostreams.System(os.Environ()), Environ: os.Environ, Now: time.Now, Executable: os.Executable,
		Logger:     func() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) },
		HTTPClient: func() *http.Client { return nil },
	}
	root := &cobra.Command{Use: "rolecall", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(exec.NewCmd(f, nil))
	err := root.ExecuteContext(ctx)
	if err != nil {
		cmdutil.Print(os.Stderr, err)
	}
	return cmdutil.ExitCode(err)
}

// sdk prints what AWS's SDK for Go finds, as often and as far apart as its arguments say.
func sdk() int {
	times, pause := 1, time.Duration(0)
	if len(os.Args) > 3 {
		_, _ = fmt.Sscan(os.Args[2], &times)
		pause, _ = time.ParseDuration(os.Args[3])
	}
	for range times {
		c, err := awsconfig.LoadDefaultConfig(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		got, err := c.Credentials.Retrieve(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		_ = json.NewEncoder(os.Stdout).Encode(found{PID: os.Getpid(), AccessKeyID: got.AccessKeyID, Region: c.Region, Source: got.Source})
		time.Sleep(pause)
	}
	return 0
}

type found struct {
	PID                         int
	AccessKeyID, Region, Source string
}

// world is a home with an STS.
type world struct {
	home string
	sts  *agenttest.STS
	env  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{home: t.TempDir(), sts: agenttest.NewSTS(t)}
	w.env = []string{
		mark + "=1", "HOME=" + w.home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + w.home, "USER=alice",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS=" + w.sts.URL,
	}
	return w
}

func (w *world) keys() {
	w.env = append(w.env, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

func (w *world) file(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(w.home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.home, ".aws", name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// command is `rolecall exec` with args; SELF in them is the test binary.
func (w *world) command(args ...string) *osexec.Cmd {
	args = slices.Clone(args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "SELF", os.Args[0])
	}
	cmd := osexec.Command(os.Args[0], append([]string{"exec"}, args...)...) //nolint:gosec // the test's own binary
	cmd.Env = w.env
	return cmd
}

func (w *world) run(t *testing.T, args ...string) (stdout, stderr string, state *os.ProcessState) {
	t.Helper()
	cmd := w.command(args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run() // the state tells
	if cmd.ProcessState == nil {
		t.Fatal("the command did not start")
	}
	return out.String(), errOut.String(), cmd.ProcessState
}

func (w *world) sdk(t *testing.T, args ...string) found {
	t.Helper()
	out, errOut, state := w.run(t, append(args, "--", "SELF", "sdk")...)
	var f found
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatalf("%v: %v\n%s%s", state, err, out, errOut)
	}
	if f.PID != state.Pid() {
		t.Errorf("the command was process %d; started was %d", f.PID, state.Pid())
	}
	return f
}

func TestCommandGetsTheRole(t *testing.T) {
	w := newWorld(t)
	w.keys()
	f := w.sdk(t, "--role-arn", "arn:aws:iam::123456789012:role/deploy", "--duration", "1h", "--external-id", "x")
	if f.AccessKeyID != agenttest.AccessKeyID(1) || f.Region != "eu-west-1" || f.Source != "CredentialsEndpointProvider" {
		t.Errorf("the SDK found %+v", f)
	}
	call := w.sts.Calls()[0]
	for k, want := range map[string]string{"Action": "AssumeRole", "DurationSeconds": "3600", "RoleSessionName": "alice", "ExternalId": "x"} {
		if call.Get(k) != want {
			t.Errorf("%s was %q; want %q", k, call.Get(k), want)
		}
	}
}

func TestLongLivedKeysBecomeASession(t *testing.T) {
	w := newWorld(t)
	w.keys()
	if f := w.sdk(t); f.AccessKeyID != agenttest.AccessKeyID(1) {
		t.Errorf("the SDK found %+v", f)
	}
	if action := w.sts.Calls()[0].Get("Action"); action != "GetSessionToken" {
		t.Errorf("STS was asked for %s", action)
	}
}

func TestAsEnv(t *testing.T) {
	w := newWorld(t)
	w.keys()
	w.env = append(w.env, "AWS_PROFILE=missing-in-child", "AWS_WEB_IDENTITY_TOKEN_FILE=/nowhere")
	w.file(t, "config", "[profile missing-in-child]\noutput = json\n")
	out, errOut, _ := w.run(t, "--as", "env", "--source", "environment", "--role-arn", "arn:aws:iam::123456789012:role/deploy", "--", "env")
	env := variables(out)
	if env["AWS_ACCESS_KEY_ID"] != agenttest.AccessKeyID(1) || env["AWS_SECRET_ACCESS_KEY"] != "example-secret-0001" || env["AWS_SESSION_TOKEN"] != "example-token-0001" {
		t.Errorf("environment %v %s", env, errOut)
	}
	if _, err := time.Parse(time.RFC3339, env["AWS_CREDENTIAL_EXPIRATION"]); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		if v, ok := env[name]; ok {
			t.Errorf("%s=%s is still there", name, v)
		}
	}
	if env["AWS_ENDPOINT_URL_STS"] != w.sts.URL || env["AWS_DEFAULT_REGION"] != "eu-west-1" {
		t.Errorf("environment %v: endpoint or region lost", env)
	}
}

func variables(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		m[k] = v
	}
	return m
}

// What every SDK would prefer to the endpoint is out of the command's way, and no key is copied.
func TestDefaultProfileDoesNotShadow(t *testing.T) {
	w := newWorld(t)
	w.file(t, "credentials", "[default]\naws_access_key_id = AKIAIOSFODNN7DEFAULT\naws_secret_access_key = secret-of-default\n[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret-of-base\n")
	w.file(t, "config", "[default]\nregion = us-east-2\noutput = text\naws_access_key_id = AKIAIOSFODNN7DEFAULT\naws_secret_access_key = secret-of-default\n\n[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\nsource_profile = base\nregion = eu-central-1\ns3 =\n  addressing_style = path\n")
	w.env = slices.DeleteFunc(w.env, func(e string) bool { return strings.HasPrefix(e, "AWS_REGION=") })
	f := w.sdk(t, "--profile", "dev")
	if f.AccessKeyID != agenttest.AccessKeyID(1) || f.Region != "eu-central-1" {
		t.Errorf("the SDK found %+v", f)
	}
	out, _, _ := w.run(t, "--profile", "dev", "--", "sh", "-c", `cat "$AWS_CONFIG_FILE" "$AWS_SHARED_CREDENTIALS_FILE"; echo; echo dir=$(dirname "$AWS_CONFIG_FILE")`)
	for _, secret := range []string{"secret-of", "AKIA", "us-east-2"} {
		if strings.Contains(out, secret) {
			t.Errorf("%q in the command's config:\n%s", secret, out)
		}
	}
	for _, wanted := range []string{"[default]", "addressing_style = path", "[profile dev]", "source_profile = base"} {
		if !strings.Contains(out, wanted) {
			t.Errorf("%q is not in the command's config:\n%s", wanted, out)
		}
	}
	_, dir, _ := strings.Cut(strings.TrimSpace(out), "dir=")
	eventually(t, "the copy is removed", func() bool {
		_, err := os.Stat(dir)
		return dir != "" && os.IsNotExist(err)
	})
}

func TestHarmlessFilesAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.keys()
	w.file(t, "config", "[default]\noutput = text\n")
	out, _, _ := w.run(t, "--", "sh", "-c", `echo "[$AWS_CONFIG_FILE]"`)
	if strings.TrimSpace(out) != "[]" {
		t.Errorf("AWS_CONFIG_FILE %s", out)
	}
}

func TestCredentialsAreRenewedWhileTheCommandRuns(t *testing.T) {
	w := newWorld(t)
	w.keys()
	w.sts.Life(4 * time.Second)
	out, errOut, state := w.run(t, "--role-arn", "arn:aws:iam::123456789012:role/deploy", "--", "SELF", "sdk", "8", "1s")
	if state.ExitCode() != 0 {
		t.Fatalf("%v\n%s", state, errOut)
	}
	keys := map[string]bool{}
	for line := range strings.Lines(out) {
		var f found
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		keys[f.AccessKeyID] = true
	}
	if len(keys) < 3 {
		t.Errorf("keys %v over two lives", keys)
	}
}

func TestExitCodes(t *testing.T) {
	w := newWorld(t)
	w.keys()
	plain := filepath.Join(w.home, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(w.home, "script")
	if err := os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	noFormat := filepath.Join(w.home, "noformat")
	if err := os.WriteFile(noFormat, []byte("nonsense"), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	for _, row := range []struct {
		args []string
		code int
	}{
		{[]string{"--", "true"}, 0},
		{[]string{"--", "false"}, 1},
		{[]string{"--", "sh", "-c", "exit 7"}, 7},
		{[]string{"sh", "-c", "exit 255"}, 255},
		{[]string{"--", "no-such-command"}, 127},
		{[]string{"--", script}, 127},
		{[]string{"--", plain}, 126},
		{[]string{"--", noFormat}, 126},
		{[]string{"--", w.home}, 126},
		{[]string{}, 2},
		{[]string{"--as", "file", "--", "true"}, 2},
		{[]string{"--duration", "1s", "--", "true"}, 2},
	} {
		if _, errOut, state := w.run(t, row.args...); state.ExitCode() != row.code {
			t.Errorf("%q: %v; want exit code %d\n%s", row.args, state, row.code, errOut)
		}
	}
	w.env = slices.DeleteFunc(w.env, func(e string) bool {
		return strings.HasPrefix(e, "AWS_ACCESS_KEY_ID=") || strings.HasPrefix(e, "AWS_SECRET")
	})
	if _, errOut, state := w.run(t, "--", "true"); state.ExitCode() != cmdutil.ExitNoCredentials {
		t.Errorf("without credentials: %v\n%s", state, errOut)
	}
	w.keys()
	w.sts.Set(agenttest.Denied)
	if _, errOut, state := w.run(t, "--role-arn", "arn:aws:iam::123456789012:role/deploy", "--", "true"); state.ExitCode() != cmdutil.ExitRefused {
		t.Errorf("refused by STS: %v\n%s", state, errOut)
	}
}

// The command's death by a signal is that of the process that was started.
func TestDeathBySignal(t *testing.T) {
	w := newWorld(t)
	w.keys()
	_, _, state := w.run(t, "--", "sh", "-c", "kill -TERM $$")
	if status := state.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("state %v; want death by SIGTERM", state)
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	w := newWorld(t)
	w.keys()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGQUIT} {
		cmd := w.command("--", "sh", "-c", "trap 'exit 42' INT TERM HUP USR1 QUIT; echo up; while :; do sleep 0.05; done")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := stdout.Read(make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if cmd.ProcessState.ExitCode() != 42 {
			t.Errorf("%v: %v", sig, cmd.ProcessState)
		}
	}
}

// A signal that is ignored, as under nohup, is ignored by the command too.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	w := newWorld(t)
	w.keys()
	cmd := osexec.Command("sh", "-c", `trap "" INT HUP; exec "$0" exec -- sh -c 'kill -INT $$; kill -HUP $$; exit 5'`, os.Args[0]) //nolint:gosec // the test's own binary
	cmd.Env = w.env
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("%v\n%s", cmd.ProcessState, out)
	}
}

// The endpoint goes with the command, however that ends, and is never its child.
func TestEndpointEndsWithTheCommand(t *testing.T) {
	w := newWorld(t)
	w.keys()
	cmd := w.command("--", "sh", "-c", "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; ps -o pid= --ppid $$ | wc -l; sleep 60 & wait")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var url string
	var children int
	if _, err := fmt.Fscan(stdout, &url, &children); err != nil {
		t.Fatal(err)
	}
	if children > 2 { // ps and wc
		t.Errorf("the command has %d children at its start; want those of its own only", children)
	}
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("the endpoint without its token: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the endpoint is gone", func() bool {
		resp, err := client.Get(url)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err != nil
	})
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

// A program that waits for all of its children, or reads a pipe to its end, is not held up.
func TestNothingHangsOnTheEndpoint(t *testing.T) {
	w := newWorld(t)
	w.keys()
	begin := time.Now()
	out, err := w.command("--", "sh", "-c", "echo done").CombinedOutput() // reads until all have closed it
	if err != nil || string(out) != "done\n" || time.Since(begin) > 10*time.Second {
		t.Errorf("%q, %v after %s", out, err, time.Since(begin))
	}
}
