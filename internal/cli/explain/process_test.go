package explain

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOutside: links are followed below the process's root and never out of it.
func TestOutside(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"home/u/.aws", "data/aws"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"home/u/.aws/config": "/data/aws/config", "home/u/.aws/up": "../../../../../../../etc/passwd",
		"home/u/.aws/loop": "loop", "var": "data",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	p := &place{root: root, cwd: "/home/u"}
	for path, want := range map[string]string{
		"/home/u/.aws/config": "/data/aws/config", ".aws/config": "/data/aws/config", "/home/u/.aws/up": "/etc/passwd",
		"/../../x": "/x", "/var/aws/x": "/data/aws/x", "/home/u/.aws/loop": "error", "/none/at/all": "/none/at/all",
	} {
		got, err := p.outside(path)
		if err != nil {
			got = root + "error"
		}
		if diff := cmp.Diff(want, strings.TrimPrefix(got, root)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// TestProcess reads a /proc that is made for the test.
func TestProcess(t *testing.T) {
	proc := t.TempDir()
	dir := filepath.Join(proc, "7")
	root := filepath.Join(proc, "fs")
	for _, d := range []string{filepath.Join(proc, "self", "ns"), filepath.Join(dir, "ns"), filepath.Join(root, "etc")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"7/environ": "AWS_PROFILE=x\x00A=1\x00A=2\x00", "7/status": "Name:\tx\nUid:\t1000\t1000\t1000\t1000\n",
		"7/cgroup": "0::/kubepods/pod1/c1\n", "fs/etc/passwd": "root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/srv/u:/bin/sh\n",
	} {
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"7/root": root, "7/cwd": root + "/srv", "7/exe": "/bin/app", "7/ns/net": "net:[2]", "self/ns/net": "net:[1]",
		"7/ns/mnt": "mnt:[1]", "self/ns/mnt": "mnt:[1]",
	} {
		if err := os.Symlink(target, filepath.Join(proc, link)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := process(proc, 7)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"process 7 runs /bin/app; its variables are those that it was started with",
		"its cgroup is /kubepods/pod1/c1",
		"it has a network namespace of its own (net:[2]): loopback and link-local endpoints are other ones there",
		"it has no HOME; /srv/u is its user's",
	}
	if diff := cmp.Diff(want, p.notes); diff != "" {
		t.Error(diff)
	}
	config, _, err := p.files()
	if diff := cmp.Diff([]string{filepath.Join(dir, "root/srv/u/.aws/config"), "/srv", "2"}, []string{config, p.cwd, p.getenv("A")}); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if os.Geteuid() == 0 {
		return // root may look into everything
	}
	if err := os.Chmod(filepath.Join(dir, "environ"), 0); err != nil {
		t.Fatal(err)
	}
	_, err = process(proc, 7)
	if diff := cmp.Diff("no permission to look into process 7, which belongs to user 1000", fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}
