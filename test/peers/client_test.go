//go:build peers

package peers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/test/kit"
)

// home is a home directory whose AWS files have the profile node (a key), web-app (a role taken on with it) and app,
// which gets web-app from rolecall's credential-process.
func home(t *testing.T, w *world) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`[profile web-app]
region = %s
endpoint_url = %s
role_arn = %s
source_profile = node

[profile app]
region = %[1]s
credential_process = %[4]s credential-process --profile web-app
`, kit.Region, w.plane.Endpoint, roleARN("web-app"), build(t).Client)
	keys := fmt.Sprintf("[node]\naws_access_key_id = %s\naws_secret_access_key = %s\n", w.node.id, w.node.secret)
	for name, text := range map[string]string{"config": config, "credentials": keys} {
		if err := os.WriteFile(filepath.Join(dir, ".aws", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every SDK takes what credential-process prints.
func TestCredentialProcess(t *testing.T) {
	w := shared(t)
	vars := env(t, w.plane, "HOME="+home(t, w), "AWS_PROFILE=app", "AWS_EC2_METADATA_DISABLED=true")
	for _, s := range sdks() {
		t.Run(s.name, func(t *testing.T) { checkBriefly(t, s, vars) })
	}
}

func checkBriefly(t *testing.T, s sdk, vars []string) {
	t.Helper()
	if got := s.call(t, vars, "get", bucket, ownKey); got.out != ownText {
		t.Errorf("its own object: %+v", got)
	}
	if got := s.call(t, vars, "get", bucket, foreignKey); got.code != "AccessDenied" {
		t.Errorf("another's object: %+v", got)
	}
}

// Every SDK finds its role under exec, though the environment is full of things that would shadow it.
func TestExec(t *testing.T) {
	w := shared(t)
	rolecall := build(t).Client
	shadows := []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wrong", "AWS_WEB_IDENTITY_TOKEN_FILE=/nowhere", "AWS_ROLE_ARN=" + roleARN("admin")}
	for _, as := range []string{"endpoint", "env"} {
		for _, c := range []struct {
			name string
			line []string
		}{
			{"AWS CLI", []string{tool(t, "aws"), "s3", "cp", "s3://" + bucket + "/" + ownKey, "-"}},
			{"boto3", []string{tool(t, "python"), filepath.Join(clients(t), "client.py"), "get", bucket, ownKey}},
			{"JavaScript SDK", []string{tool(t, "node"), filepath.Join(clients(t), "client.mjs"), "get", bucket, ownKey}},
			{"aws-sdk-go-v2", []string{filepath.Join(build(t).Dir, "goclient"), "get", bucket, ownKey}},
		} {
			t.Run(as+"/"+c.name, func(t *testing.T) {
				vars := append(env(t, w.plane, "HOME="+home(t, w)), shadows...)
				out := mustRun(t, vars, t.TempDir(), rolecall, append([]string{"exec", "--as", as, "--profile", "web-app", "--"}, c.line...)...)
				if strings.TrimSpace(out) != ownText {
					t.Errorf("got %q, want %q", out, ownText)
				}
			})
		}
	}
	t.Run("the command's exit code is its own", func(t *testing.T) {
		_, _, err := run(t, env(t, w.plane, "HOME="+home(t, w)), t.TempDir(), rolecall, "exec", "--profile", "web-app", "--", "sh", "-c", "exit 43")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 43 {
			t.Errorf("got %v, want 43", err)
		}
	})
}
