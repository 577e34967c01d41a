package cli_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// program puts the test binary under the name of the program, which is how testscript runs it.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rolecall")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFiftyProcessesMakeOneCall starts fifty programs at once, for a session that the AWS CLI's cache
// keeps and for one of rolecall's own.
func TestFiftyProcessesMakeOneCall(t *testing.T) {
	rolecall := program(t)
	for name, flags := range map[string][]string{
		"shared": {"--profile", "app"},
		"sealed": {"--profile", "base", "--role-arn", "arn:aws:iam::111122223333:role/B"},
	} {
		t.Run(name, func(t *testing.T) {
			home, aws := t.TempDir(), &fakeAWS{}
			server := httptest.NewServer(aws)
			defer server.Close()
			if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
				t.Fatal(err)
			}
			config := "[profile app]\nrole_arn = arn:aws:iam::111122223333:role/A\nsource_profile = base\n[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARYSECRET\n"
			if err := os.WriteFile(filepath.Join(home, ".aws", "config"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			answers := make([]string, 50)
			var wg sync.WaitGroup
			for i := range answers {
				wg.Go(func() {
					cmd := exec.CommandContext(t.Context(), rolecall, append([]string{"credential-process"}, flags...)...) //nolint:gosec // the program under test
					cmd.Env = []string{"HOME=" + home, "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_STS=" + server.URL + "/sts", "PATH=" + os.Getenv("PATH")}
					out, err := cmd.Output()
					if err != nil {
						t.Error(err)
					}
					answers[i] = string(out)
				})
			}
			wg.Wait()
			for _, a := range answers {
				if a != answers[0] {
					t.Fatalf("different answers: %s and %s", a, answers[0])
				}
			}
			if n := aws.calls.Load(); n != 1 {
				t.Errorf("%d calls of STS", n)
			}
		})
	}
}
