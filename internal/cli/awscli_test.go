//go:build compat

package cli_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCacheIsSharedWithTheAWSCLI lets the AWS CLI and rolecall each find the session that the other got.
func TestCacheIsSharedWithTheAWSCLI(t *testing.T) {
	aws, err := exec.LookPath("aws")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the AWS CLI is needed: ", err)
		}
		t.Skip("the AWS CLI is not here")
	}
	rolecall := program(t)
	first := []string{rolecall, "credential-process", "--profile", "app"}
	second := []string{aws, "sts", "get-caller-identity", "--profile", "app", "--output", "text"}
	for name, order := range map[string][][]string{"rolecall first": {first, second}, "AWS CLI first": {second, first}} {
		t.Run(name, func(t *testing.T) {
			home, fake := t.TempDir(), &fakeAWS{}
			server := httptest.NewServer(fake)
			defer server.Close()
			if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
				t.Fatal(err)
			}
			config := "[profile app]\nrole_arn = arn:aws:iam::111122223333:role/A\nsource_profile = base\nexternal_id = external\nduration_seconds = 3600\n[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARYSECRET\n"
			if err := os.WriteFile(filepath.Join(home, ".aws", "config"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, command := range order {
				cmd := exec.CommandContext(t.Context(), command[0], command[1:]...) //nolint:gosec // the programs under test
				cmd.Env = append(os.Environ(), "HOME="+home, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ENDPOINT_URL_STS="+server.URL+"/sts", "AWS_EC2_METADATA_DISABLED=true")
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), "ASIAA") {
					t.Fatalf("%v: %v\n%s", command, err, out)
				}
			}
			// One AssumeRole, and the AWS CLI's own GetCallerIdentity.
			if n := fake.calls.Load(); n != 2 {
				t.Errorf("%d calls of STS", n)
			}
		})
	}
}
