package state_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/state"
)

func open(t *testing.T, dir string) *state.Dir {
	t.Helper()
	d, err := state.Open(dir, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestFirstAndSecondStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	first := open(t, dir)
	if !first.Created() {
		t.Error("the first start made no key")
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "master.key": 0o600, "lock": 0o600, "pid": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %q is %o, want %o", name, got, want)
		}
	}
	sealed, err := first.Master().Sealer("a").Seal([]byte("value"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	mac := first.Master().MAC("a")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := open(t, dir)
	if second.Created() {
		t.Error("the second start made another key")
	}
	read, err := state.ReadMasterKey(dir) // although it is locked
	if err != nil || !bytes.Equal(mac, read.MAC("a")) {
		t.Errorf("reading the key beside the plane: %v", err)
	}
	if _, err := state.ReadMasterKey(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading where there is none: %v", err)
	}
	plain, err := second.Master().Sealer("a").Open(sealed, []byte("place"))
	if err != nil || string(plain) != "value" {
		t.Errorf("opened %q, %v", plain, err)
	}
	if !bytes.Equal(mac, second.Master().MAC("a")) || bytes.Equal(mac, second.Master().MAC("b")) {
		t.Error("MAC keys do not depend on key and purpose alone")
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", second.Master(), *second.Master(), second.Master(), second.Master()); strings.Contains(shown, "value") {
		t.Error(shown)
	}
}

func TestSealerRefuses(t *testing.T) {
	master := open(t, t.TempDir()+"/s").Master()
	sealed, err := master.Sealer("a").Seal([]byte("value"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		purpose, aad string
		sealed       []byte
	}{
		"other purpose": {"b", "place", sealed},
		"other place":   {"a", "elsewhere", sealed},
		"flipped bit":   {"a", "place", flipped},
		"truncated":     {"a", "place", sealed[:20]},
		"short":         {"a", "place", sealed[:1]},
		"empty":         {"a", "place", nil},
		"other version": {"a", "place", append([]byte{9}, sealed[1:]...)},
	} {
		if _, err := master.Sealer(c.purpose).Open(c.sealed, []byte(c.aad)); !errors.Is(err, state.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusesPermissionsAndSaysWhatMendsThem(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		mode os.FileMode
		fix  string
	}{
		"directory readable by the group": {"", 0o750, "chmod 700 '%s'"},
		"directory readable by all":       {"", 0o755, "chmod 700 '%s'"},
		"key readable by the group":       {"master.key", 0o640, "chmod 600 '%s'"},
		"key readable by all":             {"master.key", 0o644, "chmod 600 '%s'"},
		"key executable":                  {"master.key", 0o700, "chmod 600 '%s'"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "it's state")
			if err := open(t, dir).Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, c.file)
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := state.Open(dir, state.Options{})
			var permission *state.PermissionError
			if !errors.As(err, &permission) || !errors.Is(err, state.ErrPermissions) {
				t.Fatalf("error %v", err)
			}
			if want := fmt.Sprintf(c.fix, strings.ReplaceAll(path, "'", `'\''`)); permission.Fix != want {
				t.Errorf("fix %q, want %q", permission.Fix, want)
			}
			// The command does mend it.
			if out, err := exec.Command("sh", "-c", permission.Fix).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v %s", permission.Fix, err, out)
			}
			open(t, dir)
		})
	}
}

func TestRefusesAnotherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: cannot give a directory away; checked under CI as root")
		return
	}
	dir := t.TempDir() + "/s"
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	_, err := state.Open(dir, state.Options{})
	var permission *state.PermissionError
	if !errors.As(err, &permission) || permission.Fix != fmt.Sprintf("chown 0 '%s'", dir) {
		t.Fatalf("error %v", err)
	}
}

func TestRefusesDamagedOrLostMasterKey(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string) error{
		"empty": func(_ *testing.T, dir string) error { return os.WriteFile(dir+"/master.key", nil, 0o600) },
		"short": func(_ *testing.T, dir string) error { return os.WriteFile(dir+"/master.key", []byte("abcd\n"), 0o600) },
		"no hex": func(_ *testing.T, dir string) error {
			return os.WriteFile(dir+"/master.key", []byte(strings.Repeat("x", 64)), 0o600)
		},
		"symlink":   func(_ *testing.T, dir string) error { return os.Symlink("/dev/null", dir+"/master.key") },
		"directory": func(_ *testing.T, dir string) error { return os.Mkdir(dir+"/master.key", 0o700) },
		"lost":      func(_ *testing.T, dir string) error { return os.WriteFile(dir+"/plane.db", nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/s"
			if err := open(t, dir).Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(dir + "/master.key"); err != nil {
				t.Fatal(err)
			}
			if err := damage(t, dir); err != nil {
				t.Fatal(err)
			}
			if _, err := state.Open(dir, state.Options{}); !errors.Is(err, state.ErrMasterKey) {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := state.Open("/dev/null", state.Options{}); err == nil {
		t.Error("opened a device as a directory")
	}
}

// TestHelperHold is no test: it is the process that holds the lock in the next one.
func TestHelperHold(t *testing.T) {
	dir := os.Getenv("ROLECALL_TEST_HOLD")
	if dir == "" {
		return
	}
	open(t, dir)
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

func TestSecondPlaneIsRefusedUntilTheFirstDies(t *testing.T) {
	dir := t.TempDir() + "/s"
	holder := exec.Command(os.Args[0], "-test.run=^TestHelperHold$") //nolint:gosec // this test binary
	holder.Env = append(os.Environ(), "ROLECALL_TEST_HOLD="+dir)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}

	_, err = state.Open(dir, state.Options{})
	if !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "process "+strconv.Itoa(holder.Process.Pid)) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want one that names process %d and %s", err, holder.Process.Pid, dir)
	}

	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	open(t, dir)
}
