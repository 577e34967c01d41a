package warm

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
)

func open(tb testing.TB, path string) *Dir {
	tb.Helper()
	d, err := Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

func example() (broker.Workload, rolecall.Credentials, time.Time) {
	at := time.Unix(1_800_000_000, 0).UTC()
	node := rolecall.Origin{Source: "environment", Location: "AWS_ACCESS_KEY_ID", At: at.Add(-time.Hour)}
	return broker.Workload{Name: "web", RoleARN: "arn:aws:iam::123456789012:role/web"},
		rolecall.Credentials{
			AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: rolecall.NewSecret("example-secret"), SessionToken: rolecall.NewSecret("example-token"),
			AccountID: "123456789012", Expires: at.Add(time.Hour),
			Origin: rolecall.Origin{Source: "assume-role", Detail: "arn:aws:iam::123456789012:role/web", At: at, Via: &node},
		}, at
}

func exposed(c rolecall.Credentials) []string {
	return []string{c.SecretAccessKey.Expose(), c.SessionToken.Expose()}
}

func TestSessionsComeBackWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	d := open(t, path)
	w, want, at := example()
	if err := d.Save(w, want, at); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = open(t, path)
	got, obtained, err := d.Load(w)
	if err != nil || !obtained.Equal(at) {
		t.Fatalf("obtained %s, %v", obtained, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(rolecall.Secret{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(exposed(want), exposed(got)); diff != "" {
		t.Errorf("secrets (-want +got)\n%s", diff)
	}
	for _, name := range []string{keyFile, filepath.Join(sessionsDir, filepath.Base(d.file("web")))} {
		if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// Whatever is wrong with a stored session, it counts as absent, and the agent goes on.
func TestWhatDoesNotOpenIsAbsent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	d := open(t, path)
	w, c, at := example()
	if err := d.Save(w, c, at); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(d.file("web"))
	if err != nil {
		t.Fatal(err)
	}
	absent := func(name string, w broker.Workload) {
		t.Helper()
		if got, _, err := d.Load(w); err != nil || got.Complete() {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	changed := w
	changed.ExternalID = "x"
	absent("another external id", changed)
	for name, content := range map[string][]byte{
		"empty": {}, "cut": whole[:len(whole)-1], "header only": whole[:len(magic)], "no header": whole[len(magic):],
		"longer": append(bytes.Clone(whole), 0), "huge": make([]byte, maxSealed+1),
	} {
		if err := os.WriteFile(d.file("web"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		absent(name, w)
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x80
		if _, ok := d.open(w, damaged); ok {
			t.Errorf("opens with byte %d changed", i)
		}
	}
	// The session of one workload in the place of another's.
	other := broker.Workload{Name: "api"}
	if err := os.WriteFile(d.file("api"), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	absent("moved", other)
}

func TestRetain(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "state"))
	_, c, at := example()
	for _, name := range []string{"web", "api", "old"} {
		if err := d.Save(broker.Workload{Name: name}, c, at); err != nil {
			t.Fatal(err)
		}
	}
	// What a killed agent was writing.
	if err := os.WriteFile(filepath.Join(d.Path(), sessionsDir, ".x-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Retain([]string{"web", "api"}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(d.Path(), sessionsDir))
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "web") || strings.Contains(e.Name(), "api") {
			t.Errorf("file %s shows the workload's name", e.Name())
		}
	}
	if err := d.Delete("web"); err != nil {
		t.Error(err)
	}
	if err := d.Delete("web"); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

func TestSecretsDependOnPurposeAndKey(t *testing.T) {
	a, b := open(t, filepath.Join(t.TempDir(), "a")), open(t, filepath.Join(t.TempDir(), "b"))
	if bytes.Equal(a.Secret("x"), a.Secret("y")) || bytes.Equal(a.Secret("x"), b.Secret("x")) || !bytes.Equal(a.Secret("x"), a.Secret("x")) {
		t.Error("secrets are not those of purpose and key")
	}
	one, two := Ephemeral(), Ephemeral()
	if bytes.Equal(one("x"), two("x")) || !bytes.Equal(one("x"), one("x")) {
		t.Error("ephemeral secrets")
	}
}

func FuzzOpen(f *testing.F) {
	d := open(f, filepath.Join(f.TempDir(), "state"))
	w, c, at := example()
	if err := d.Save(w, c, at); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(d.file("web"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, []byte(magic), whole[:40], whole[len(magic):]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if _, ok := d.open(w, sealed); ok {
			t.Error("opened what was not sealed here")
		}
	})
}
