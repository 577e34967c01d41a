package proxy_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/proxy"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/storetest"
)

// gateway starts versitygw over a directory and returns its address. scripts/setup builds it.
func gateway(t *testing.T) string {
	t.Helper()
	binary, err := filepath.Abs("../../../../.cache/bin/versitygw")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		if binary, err = exec.LookPath("versitygw"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("versitygw is missing: scripts/setup peers builds it")
			}
			t.Skip("versitygw is missing: scripts/setup peers builds it")
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	for _, d := range []string{"data", "versions", "sidecar"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--port", addr, "--access", "gateway", "--secret", "gateway-secret", "--max-requests", "1000", "posix",
		"--versioning-dir", filepath.Join(dir, "versions"), "--concurrency", "100"}
	if syscall.Setxattr(filepath.Join(dir, "data"), "user.test", []byte("1"), 0) != nil {
		args = append(args, "--sidecar", filepath.Join(dir, "sidecar")) // no extended attributes here
	}
	cmd := exec.CommandContext(context.Background(), binary, append(args, filepath.Join(dir, "data"))...) //nolint:gosec // the test's own gateway
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + addr + "/health"); err == nil {
			_ = res.Body.Close()
			return "http://" + addr
		}
		if time.Now().After(deadline) {
			t.Fatal("versitygw does not answer")
		}
	}
}

func TestContract(t *testing.T) {
	endpoint := gateway(t)
	storetest.Run(t, func(t *testing.T) storetest.Full {
		s, err := proxy.New(proxy.Options{Endpoint: endpoint, BucketPrefix: "rc-", Credentials: rolecall.Static(rolecall.Credentials{
			AccessKeyID: "gateway", SecretAccessKey: rolecall.NewSecret("gateway-secret")})})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, storetest.Options{NoNUL: true, PathKeys: true, NoIncarnations: true, OldVersions: true, OnePage: true})
}
