package cli_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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

// TestInitIsCheap builds the program and adds up what its packages do before main. Every process that an
// SDK starts for credentials pays for that.
func TestInitIsCheap(t *testing.T) {
	const (
		limit = 0.2 // milliseconds for a package
		total = 1.0 // for all
		runs  = 25
	)
	// The best of the runs counts: a busy machine makes everything slow.
	binary := filepath.Join(t.TempDir(), "rolecall")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "github.com/rolecall-dev/rolecall/cmd/rolecall") //nolint:gosec // constant arguments
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line := regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock`)
	best := map[string]float64{}
	for range runs {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "version") //nolint:gosec // the program under test
		cmd.Env, cmd.Stderr = []string{"GODEBUG=inittrace=1", "HOME=" + t.TempDir()}, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(stderr.String(), -1) {
			ms, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := best[m[1]]; !ok || ms < old {
				best[m[1]] = ms
			}
		}
	}
	if len(best) < 10 {
		t.Fatalf("only %d packages were traced", len(best))
	}
	sum := 0.0
	for name, ms := range best {
		sum += ms
		if ms > limit {
			t.Errorf("%s takes %.2f ms, the limit is %.2f", name, ms, limit)
		}
	}
	t.Logf("%d packages take %.2f ms", len(best), sum)
	if sum > total {
		t.Errorf("all together take %.2f ms, the limit is %.2f", sum, total)
	}
}
