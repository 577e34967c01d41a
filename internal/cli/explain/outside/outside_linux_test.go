package outside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake makes a /proc of one process, 7, whose root is the returned folder.
func fake(t *testing.T, files map[string]string) (proc, root string) {
	t.Helper()
	proc = t.TempDir()
	root = filepath.Join(proc, "fs")
	for _, d := range []string{"self/ns", "7/ns", "fs/etc", "fs/srv/u/.aws", "fs/data/aws"} {
		if err := os.MkdirAll(filepath.Join(proc, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]string{
		"7/environ": "AWS_PROFILE=x\x00A=1\x00A=2\x00", "7/status": "Name:\tx\nUid:\t1000\t1000\t1000\t1000\n",
		"7/cgroup": "0::/kubepods/pod1/c1\n", "fs/etc/passwd": "root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/srv/u:/bin/sh\n",
	}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
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
	return proc, root
}

func open(t *testing.T, proc string, pid int) *Process {
	t.Helper()
	p, err := Open(proc, pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestOpen(t *testing.T) {
	t.Parallel()
	proc, _ := fake(t, nil)
	p := open(t, proc, 7)
	want := []string{
		"process 7 runs /bin/app; its variables are those that it was started with",
		"its cgroup is /kubepods/pod1/c1",
		"it has a network namespace of its own (net:[2]): loopback and link-local endpoints are other ones there",
		"it has no HOME; /srv/u is its user's",
	}
	if diff := cmp.Diff(want, p.Notes()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/srv", "2", "/srv/u", "/srv/x"}, []string{p.cwd, p.Getenv("A"), p.Getenv("HOME"), p.absolute("x")}); diff != "" {
		t.Error(diff)
	}
	if _, err := Open(proc, 8); fmt.Sprint(err) != "there is no process 8" {
		t.Error(err)
	}
}

// TestHostile: links are followed below the process's root and never out of it; what is no regular file is not
// opened; sizes are bounded.
func TestHostile(t *testing.T) {
	t.Parallel()
	proc, root := fake(t, map[string]string{"outside": "OUTSIDE", "fs/data/aws/config": "INSIDE"})
	secret := filepath.Join(proc, "outside")
	aws := filepath.Join(root, "srv/u/.aws")
	for link, target := range map[string]string{
		"absolute": "/data/aws/config", "up": "../../../../../../../../../../.." + secret, "out": secret, "loop": "loop",
		"folder": "/data/aws", "magic": "/proc/self/root" + secret, "device": "/dev/zero", "dangling": "/nowhere",
	} {
		if err := os.Symlink(target, filepath.Join(aws, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(aws, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(aws, "large"), make([]byte, 101), 0o600); err != nil {
		t.Fatal(err)
	}
	// A farm: a link in every folder on the way, the last of which leads out.
	farm := aws
	for i := range 20 {
		next := filepath.Join(root, "data", "farm"+strconv.Itoa(i))
		if err := errors.Join(os.Mkdir(next, 0o700), os.Symlink("/data/farm"+strconv.Itoa(i), filepath.Join(farm, "l"))); err != nil {
			t.Fatal(err)
		}
		farm = next
	}
	if err := os.Symlink(secret, filepath.Join(farm, "l")); err != nil {
		t.Fatal(err)
	}
	p := open(t, proc, 7)
	for name, want := range map[string]string{
		"/srv/u/.aws/absolute": "INSIDE", "u/.aws/folder/config": "INSIDE", "/../../data/aws/config": "INSIDE",
		"/srv/u/.aws/up": "no such file", "/srv/u/.aws/out": "no such file", "/srv/u/.aws/loop": "too many",
		"/srv/u/.aws/magic": "no such file", "/srv/u/.aws/device": "no such file", "/srv/u/.aws/dangling": "no such file",
		"/srv/u/.aws/fifo": "no regular file", "/srv/u/.aws": "no regular file", "/srv/u/.aws/large": "larger than 100 bytes",
		"/srv/u/.aws/" + strings.Repeat("l/", 20) + "l": "no such file",
	} {
		text, err := p.ReadFile(name, 100)
		got := string(text)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if _, err := p.ReadFile("/nowhere", 100); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"config"}, p.List("/srv/u/.aws/folder", "")); diff != "" || p.List("/srv/u/.aws/fifo", "") != nil || !p.IsDir("/srv/u/.aws/folder") {
		t.Error(diff, p.List("/srv/u/.aws/fifo", ""))
	}
}

// TestExchange: a file that is swapped for a FIFO again and again while it is read never makes a reader wait.
func TestExchange(t *testing.T) {
	t.Parallel()
	proc, root := fake(t, map[string]string{"fs/file": "TEXT"})
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, proc, 7)
	done, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			next := filepath.Join(root, "next")
			_ = os.Remove(next)
			_ = os.Symlink([]string{"/file", "/fifo", "/dev/zero"}[i%3], next)
			_ = os.Rename(next, filepath.Join(root, "config"))
		}
	}()
	begin := time.Now()
	for n := 0; n < 2000; n++ {
		text, err := p.ReadFile("/config", 100)
		if err == nil && string(text) != "TEXT" {
			t.Fatalf("read %q", text)
		}
	}
	close(stop)
	<-done
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestEnded: what is read after the process's end is an error, and not another process's.
func TestEnded(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	cmd.Env = []string{"HOME=/root", "A=b"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var p *Process
	for p == nil || p.Getenv("A") != "b" { // between fork and exec it still has this process's environment
		if p != nil {
			p.Close()
		}
		p = open(t, "/proc", cmd.Process.Pid)
	}
	if _, err := p.ReadFile("/etc/passwd", maxPasswd); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if _, err := readAt(p.proc, "environ", maxEnviron); !errors.Is(err, syscall.ESRCH) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an ended process still has an environment: %v", err)
	}
	if _, err := Open("/proc", cmd.Process.Pid); err == nil {
		t.Error("an ended process was opened")
	}
}

// TestNamespaces looks into a process with a root, a mount namespace and a user namespace of its own, and at
// devices that are there. It needs the right to make such a process.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, d := range []string{"etc", "dev", "home/u/.aws", "proc", "bin"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil { //nolint:gosec // another user must see it
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil { //nolint:gosec // another user must see it
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root")
		}
		t.Skip("needs root: it makes a device and changes the root of a process")
	}
	if err := os.WriteFile(filepath.Join(root, "home/u/.aws/config"), []byte("INSIDE"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		syscall.Mknod(filepath.Join(root, "dev/zero"), syscall.S_IFCHR|0o666, 1<<8|5),
		os.Symlink("/dev/zero", filepath.Join(root, "home/u/.aws/credentials")),
		os.Symlink("/proc/1/root/etc/hostname", filepath.Join(root, "home/u/.aws/host")),
	); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "sh", "-c", "mount -t proc proc "+root+"/proc && exec chroot "+root+" /self")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(root, "self"), "./testdata/wait")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/home/u", "AWS_PROFILE=in"}
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if n, err := ready.Read(make([]byte, 8)); n == 0 || err != nil {
		t.Fatalf("the process did not start: %v", err)
	}
	p := open(t, "/proc", cmd.Process.Pid)
	text, err := p.ReadFile("/home/u/.aws/config", 100)
	if err != nil || string(text) != "INSIDE" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := p.ReadFile("/home/u/.aws/credentials", 100); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a device was read: %v", err)
	}
	// A magic link of the process's own /proc would lead to the host's root.
	if text, err := p.ReadFile("/home/u/.aws/host", 100); err == nil {
		t.Errorf("read the host's file: %q", text)
	}
	notes := strings.Join(p.Notes(), "\n")
	for _, want := range []string{"network namespace of its own", "file system of its own"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note of its %s in\n%s", want, notes)
		}
	}
}
