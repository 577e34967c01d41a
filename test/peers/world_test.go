//go:build peers

package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/test/kit"
)

const (
	bucket     = "private"
	ownKey     = "web-app/credentials.json"
	ownText    = `{"database":"postgres://web-app@db.internal/app"}`
	foreignKey = "admin/secret.json"
)

// programs are built once for all tests; bin also holds goclient.
var programs = sync.OnceValues(func() (kit.Programs, error) {
	root, err := kit.Root()
	if err != nil {
		return kit.Programs{}, err
	}
	dir, err := os.MkdirTemp("", "rolecall-peers-")
	if err != nil {
		return kit.Programs{}, err
	}
	return kit.Build(context.Background(), root, dir, "./test/peers/clients/goclient")
})

func TestMain(m *testing.M) {
	code := m.Run()
	endWorld()
	if p, err := programs(); err == nil {
		_ = os.RemoveAll(p.Dir) // temporary anyway
	}
	os.Exit(code)
}

func build(t *testing.T) kit.Programs {
	t.Helper()
	p, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tool finds a program that scripts/setup installs. Without it the test fails under CI and is skipped elsewhere.
func tool(t *testing.T, name string) string {
	t.Helper()
	root, err := kit.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"venv/bin", "bin"} {
		if path := filepath.Join(root, ".cache", dir, name); executable(path) {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: scripts/setup peers", name)
	}
	t.Skipf("%s is not installed: scripts/setup peers", name)
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

// clients is the folder of the scripts that drive the SDKs.
func clients(t *testing.T) string {
	t.Helper()
	root, err := kit.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "test", "peers", "clients")
}

// env is the whole environment of a client: nothing of ours, a home without AWS files, the plane as endpoint of
// every service, and what the test adds.
func env(t *testing.T, plane *kit.Plane, add ...string) []string {
	t.Helper()
	return append([]string{
		"HOME=" + t.TempDir(),
		"PATH=" + os.Getenv("PATH"),
		"AWS_REGION=" + kit.Region,
		"AWS_DEFAULT_REGION=" + kit.Region,
		"AWS_ENDPOINT_URL=" + plane.Endpoint,
		"AWS_PAGER=",
	}, add...)
}

func rootEnv() []string {
	id, secret := kit.RootKey()
	return []string{"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_EC2_METADATA_DISABLED=true"}
}

// answer is what a client made of a call: its output, or the service's error code.
type answer struct {
	out  string
	code string // AccessDenied, NoSuchKey, …; "" when the call worked
}

// run runs a program to its end, at most a minute.
func run(t *testing.T, env []string, dir, path string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Dir = env, dir
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within a minute: %w", filepath.Base(path), ctx.Err())
	}
	return out.String(), errs.String(), err
}

// mustRun is run for what has to work.
func mustRun(t *testing.T, env []string, dir, path string, args ...string) string {
	t.Helper()
	stdout, stderr, err := run(t, env, dir, path, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(path), strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// awscli runs the AWS CLI as the account's root.
func awscli(t *testing.T, plane *kit.Plane, args ...string) string {
	t.Helper()
	return mustRun(t, env(t, plane, rootEnv()...), t.TempDir(), tool(t, "aws"), args...)
}

// startPlane runs a plane of the test's own on a directory that goes with it.
func startPlane(t *testing.T, flags ...string) *kit.Plane {
	t.Helper()
	return startPlaneOn(t, filepath.Join(t.TempDir(), "state"), "127.0.0.1:0", flags...)
}

func startPlaneOn(t *testing.T, state, listen string, flags ...string) *kit.Plane {
	t.Helper()
	plane, err := kit.StartPlane(t.Context(), build(t), state, listen, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		plane.Kill()
		if t.Failed() {
			t.Logf("the plane said:\n%s", tail(plane.Output()))
		}
	})
	return plane
}

// tail is the end of a long text.
func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// document writes a policy document to a file, for file:// arguments.
func document(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + file
}

func statement(actions, resources string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Action":[%s],"Resource":[%s]}`, quoted(actions), quoted(resources))
}

func quoted(list string) string {
	return `"` + strings.Join(strings.Fields(list), `","`) + `"`
}

func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}
