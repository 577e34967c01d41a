//go:build linux

package awsconfig_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

const textBefore = "# mine\n[default]\nregion = eu-west-1  # why\n"

// files are the names in a folder with their texts, locks left out.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lock") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name())) //nolint:gosec // a file of this test
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(data)
	}
	return out
}

func setOutput(value string) func(*awsconfig.File) (*awsconfig.File, error) {
	return func(f *awsconfig.File) (*awsconfig.File, error) {
		return f.Set(awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}, "output", value)
	}
}

// TestUpdateOnAFullDisk: a limit on the size of files fails a write half-way, as a full disk does.
func TestUpdateOnAFullDisk(t *testing.T) {
	if path := os.Getenv("TEST_FULL"); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20, Max: 20}); err != nil {
			t.Fatal(err)
		}
		_, _, err := awsconfig.Update(context.Background(), path, awsconfig.ConfigKind, setOutput("json"))
		if !errors.Is(err, syscall.EFBIG) || !strings.HasPrefix(err.Error(), path+": cannot be written: ") {
			t.Errorf("got %v", err)
		}
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(textBefore), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestUpdateOnAFullDisk$", "-test.v") //nolint:gosec // this test's own program
	cmd.Env = append(os.Environ(), "TEST_FULL="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if d := cmp.Diff(map[string]string{"config": textBefore}, files(t, dir)); d != "" {
		t.Error(d)
	}
}

// TestUpdateWithoutPermission asks as another user, for root may write everywhere.
func TestUpdateWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(textBefore), 0o644); err != nil { //nolint:gosec // the mode is the test
		t.Fatal(err)
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o555); err != nil { //nolint:gosec // the mode is the test
			t.Fatal(err)
		}
		defer func() { _ = os.Chmod(d, 0o700) }() //nolint:gosec // so that it can be removed
	}
	done := make(chan error)
	go func() {
		// The thread ends with the goroutine, and with it the other user.
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		_, _, err := awsconfig.Update(context.Background(), path, awsconfig.ConfigKind, setOutput("json"))
		done <- err
	}()
	if err := <-done; !errors.Is(err, fs.ErrPermission) || err.Error() != path+": cannot be locked for the edit: permission denied" {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff(map[string]string{"config": textBefore}, files(t, dir)); d != "" {
		t.Error(d)
	}
}

// TestUpdateAfterACrash kills editors while they write; the file is whole after each, and the next edit
// clears what they left.
func TestUpdateAfterACrash(t *testing.T) {
	if path := os.Getenv("TEST_EDIT"); path != "" {
		for i := 0; ; i++ {
			value := strings.Repeat("x", i%2*4000+1)
			if _, _, err := awsconfig.Update(context.Background(), path, awsconfig.ConfigKind, setOutput(value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(textBefore), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestUpdateAfterACrash$") //nolint:gosec // this test's own program
		cmd.Env = append(os.Environ(), "TEST_EDIT="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for until := 0; until < 1000; until++ {
			if _, err := os.Stat(path + awsconfig.BackupSuffix); err == nil {
				break
			}
			runtime.Gosched()
		}
		for range 20000 {
			runtime.Gosched() // some time, not always the same
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		text := files(t, dir)["config"]
		if !strings.HasPrefix(text, textBefore) || strings.Trim(strings.TrimPrefix(text, textBefore), "x\n") != "output = " && text != textBefore {
			t.Fatalf("the file is %.200q", text)
		}
	}
	// As a crash before the rename leaves it.
	stale := filepath.Join(dir, ".config.rolecall-1.tmp")
	foreign := filepath.Join(dir, ".config.swp")
	for _, name := range []string{stale, foreign} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := awsconfig.Update(context.Background(), path, awsconfig.ConfigKind, setOutput("json")); err != nil {
		t.Fatal(err)
	}
	left := files(t, dir)
	delete(left, "config"+awsconfig.BackupSuffix)
	if d := cmp.Diff(map[string]string{"config": textBefore + "output = json\n", ".config.swp": "x"}, left); d != "" {
		t.Error(d)
	}
	// As a crash between the backup and the file leaves them.
	if err := os.WriteFile(path+awsconfig.BackupSuffix, []byte(textBefore+"output = json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := awsconfig.Undo(context.Background(), path, false); err == nil || err.Error() != path+": there is no edit to undo" {
		t.Errorf("got %v", err)
	}
}

func TestUpdateWithoutAPlace(t *testing.T) {
	if _, _, err := awsconfig.Update(context.Background(), "", awsconfig.ConfigKind, setOutput("json")); err == nil {
		t.Error("a file without a name was written")
	}
}
