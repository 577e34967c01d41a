package peer_test

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rolecall-dev/rolecall/internal/peer"
)

func finder(tb testing.TB) *peer.Finder {
	tb.Helper()
	f, err := peer.NewFinder()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f
}

func pair(tb testing.TB, network, address string) (remote, local netip.AddrPort) {
	tb.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	c, err := net.Dial(network, l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	s, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s.RemoteAddr().(*net.TCPAddr).AddrPort(), s.LocalAddr().(*net.TCPAddr).AddrPort()
}

func TestFindNamesTheOwner(t *testing.T) {
	f := finder(t)
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		remote, local := pair(t, "tcp", address)
		got := f.Find(remote, local)
		want := peer.Caller{Addr: remote, Known: true, UID: uint32(os.Getuid())} //nolint:gosec // a uid fits
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(peer.Caller{}, "Inode", "CgroupID"), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Errorf("%s: caller (-want +got)\n%s", address, diff)
		}
		if got.Inode == 0 {
			t.Errorf("%s: no inode", address)
		}
	}
}

func TestFindOfAClosedSocketIsUnknown(t *testing.T) {
	f := finder(t)
	_, local := pair(t, "tcp", "127.0.0.1:0")
	nobody := netip.MustParseAddrPort("127.0.0.1:1")
	if got := f.Find(nobody, local); got.Known {
		t.Errorf("caller %+v; want an unknown one", got)
	}
}

func TestClosedFinderKnowsNobody(t *testing.T) {
	f := finder(t)
	remote, local := pair(t, "tcp", "127.0.0.1:0")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.Find(remote, local); got.Known {
		t.Errorf("caller %+v from a closed finder", got)
	}
}

// A client that runs as another user in a control group of its own is told apart by both.
func TestFindTellsUserAndCgroup(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI runs this as root, to make a control group and another user's process")
		}
		t.Skip("needs root")
	}
	groups, err := peer.NewCgroups()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = groups.Close() })
	name := "rolecall-test-" + filepath.Base(t.TempDir())
	dir := filepath.Join(cgroupRoot(t), name)
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as cgroups are
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	// The shell joins the group, drops to user 65534 and connects.
	cmd := exec.Command("bash", "-c", `echo $$ > `+dir+`/cgroup.procs; exec setpriv --reuid 65534 --clear-groups bash -c 'exec 3<>/dev/tcp/127.0.0.1/`+port+`; cat <&3'`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got := finder(t).Find(conn.RemoteAddr().(*net.TCPAddr).AddrPort(), conn.LocalAddr().(*net.TCPAddr).AddrPort())
	path, pid := groups.Path(got.CgroupID), groups.PID(got)
	_ = conn.Close()
	_ = cmd.Wait()
	if !got.Known || got.UID != 65534 || path != "/"+name {
		t.Errorf("caller %+v in %q; want user 65534 in /%s", got, path, name)
	}
	if pid == 0 {
		t.Error("no process found for the caller")
	}
}

func cgroupRoot(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[2] == "cgroup2" {
			return f[1]
		}
	}
	t.Fatal("no cgroup2 file system")
	return ""
}

func BenchmarkFind(b *testing.B) {
	f := finder(b)
	remote, local := pair(b, "tcp", "127.0.0.1:0")
	for b.Loop() {
		if !f.Find(remote, local).Known {
			b.Fatal("unknown")
		}
	}
}
