package arch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// forbidden are texts that no tracked file holds: they tie the code to one machine or to one mirror.
var forbidden = []struct {
	text   string
	except []string
	why    string
}{
	{text: "/wo" + "rk/", why: "a path of somebody's machine"},
	{text: "../sha" + "red", except: []string{".ci/run"}, why: "a path outside the repository"},
	{text: "registry." + "npmjs.org", why: "a package registry's host; npm knows its own"},
	{text: "proxy." + "golang.org", why: "a package registry's host; go knows its own"},
	{text: "files." + "pythonhosted.org", why: "a package registry's host; pip knows its own"},
	{text: "deb." + "debian.org", why: "a package registry's host; apt knows its own"},
}

// keys look like access keys of a real account. AWS's documentation uses those that hold EXAMPLE.
var keys = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b`)

// keyFiles hold made-up keys that the code must decode.
var keyFiles = regexp.MustCompile(`_test\.go$|/testdata/|^test/|^docs/|^bench/|\.md$`)

func TestTrackedFilesNameNoMachineAndNoRegistry(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	names := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if len(names) < 10 {
		t.Fatalf("git lists %d files: the test looks in the wrong place", len(names))
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted and not committed yet
		}
		if err != nil {
			t.Error(err)
			continue
		}
		for _, f := range forbidden {
			if i := bytes.Index(data, []byte(f.text)); i >= 0 && !contains(f.except, name) {
				t.Errorf("%s:%d names %q: %s", name, 1+bytes.Count(data[:i], []byte("\n")), f.text, f.why)
			}
		}
		if keyFiles.MatchString(name) {
			continue
		}
		for _, key := range keys.FindAll(data, -1) {
			if !bytes.Contains(key, []byte("EXAMPLE")) {
				t.Errorf("%s holds %s, which looks like a real access key", name, key)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
