package agent_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
)

// inNamespace runs the calling test again in a process of its own with a network of its own, where it
// may have any address; it returns true in there.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const mark = "ROLECALL_TEST_IN_NAMESPACE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v") //nolint:gosec // this test's own binary
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in a network namespace: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("nothing ran in the namespace:\n%s", out)
	}
	return false
}

func wellKnown(dir string) string {
	return `
agent:
  listen: ""
  ecs_address: 169.254.170.2:80
  imds: [{address: "169.254.169.254:80"}, {address: "[fd00:ec2::254]:80"}]
  state: ` + dir + `
  region: eu-west-1
workloads:
  - name: web
    role_arn: ` + roleWeb + "\n"
}

func hasAddress(t *testing.T, ip string) bool {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(net.ParseIP(ip)) {
			return true
		}
	}
	return false
}

func TestWellKnownAddresses(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	loopbackUp(t)
	n := start(t, wellKnown(stateDir(t)))
	env, err := n.Environment("web", true)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(env[0], "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=")
	if got := ask(t, "GET", "http://169.254.170.2"+path); got.Status != 200 || got.Body["AccessKeyId"] != agenttest.AccessKeyID(1) {
		t.Errorf("relative URI: %d %s", got.Status, got.Text)
	}
	for bad, code := range map[string]string{"/v2/credentials/": "NoIdInRequest", "/v2/credentials/web": "InvalidIdInRequest", path + "0": "InvalidIdInRequest"} {
		if got := ask(t, "GET", "http://169.254.170.2"+bad); got.Status != 400 || got.Body["code"] != code {
			t.Errorf("%s: %d %s", bad, got.Status, got.Text)
		}
	}
	for _, base := range []string{"http://169.254.169.254", "http://[fd00:ec2::254]"} {
		token := ask(t, "PUT", base+"/latest/api/token", ttlHeader, "60").Text
		if got := ask(t, "GET", base+"/latest/meta-data/iam/security-credentials/web", tokenHeader, token); got.Status != 200 {
			t.Errorf("%s: %d %s", base, got.Status, got.Text)
		}
	}
	// What an SDK does with nothing configured but the variable.
	got, err := sdkConfig(t, map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": path}).Credentials.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != agenttest.AccessKeyID(1) {
		t.Errorf("SDK: %s, %v", got.AccessKeyID, err)
	}
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{"169.254.170.2", "169.254.169.254", "fd00:ec2::254"} {
		if hasAddress(t, ip) {
			t.Errorf("%s is still there after the agent", ip)
		}
	}
}

func loopbackUp(t *testing.T) netlink.Link {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	return lo
}

// An address that somebody else put there stays; one that a killed agent left is taken over.
func TestAddressesOfOthersStay(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	lo := loopbackUp(t)
	for text, label := range map[string]string{"169.254.170.2/32": "", "169.254.169.254/32": "lo:rolecall"} {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		a.Label = label
		if err := netlink.AddrAdd(lo, a); err != nil {
			t.Fatal(err)
		}
	}
	n := start(t, wellKnown(stateDir(t)))
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !hasAddress(t, "169.254.170.2") {
		t.Error("the address that was there before is gone")
	}
	if hasAddress(t, "169.254.169.254") {
		t.Error("the address of the killed agent is still there")
	}
}

// A container: a namespace behind a virtual cable. It is turned away until its network is allowed.
func TestCallersFromOtherNamespaces(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	loopbackUp(t)
	container := cable(t)
	n := start(t, wellKnown(stateDir(t)))
	env, err := n.Environment("web", true)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://169.254.170.2" + strings.TrimPrefix(env[0], "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=")
	if status, err := askFrom(t, container, url); err == nil {
		t.Errorf("status %d for a caller from outside", status)
	}
	if !strings.Contains(n.logs.String(), "allow_from") {
		t.Error("the log does not say what to do")
	}
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	n.config = parse(t, strings.Replace(wellKnown(stateDir(t)), "agent:\n", "agent:\n  allow_from: [10.99.0.0/24]\n", 1))
	n.start(t)
	if env, err = n.Environment("web", true); err != nil {
		t.Fatal(err)
	}
	url = "http://169.254.170.2" + strings.TrimPrefix(env[0], "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=")
	if status, err := askFrom(t, container, url); err != nil || status != 200 {
		t.Errorf("allowed caller: %d, %v", status, err)
	}
}

// cable makes a second namespace with 10.99.0.2 and a route to 169.254.0.0/16 over 10.99.0.1, which is here.
func cable(t *testing.T) netns.NsHandle {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	there, err := netns.New() // and enters it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	if err := netns.Set(here); err != nil {
		t.Fatal(err)
	}
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "cable0"}, PeerName: "cable1", PeerNamespace: netlink.NsFd(int(there))}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatal(err)
	}
	plug(t, "cable0", "10.99.0.1/24", nil)
	if err := netns.Set(there); err != nil {
		t.Fatal(err)
	}
	plug(t, "cable1", "10.99.0.2/24", net.IPv4(10, 99, 0, 1))
	if err := netns.Set(here); err != nil {
		t.Fatal(err)
	}
	return there
}

func plug(t *testing.T, name, address string, gateway net.IP) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	a, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, a); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	if gateway == nil {
		return
	}
	_, metadata, _ := net.ParseCIDR("169.254.0.0/16")
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: metadata, Gw: gateway}); err != nil {
		t.Fatal(err)
	}
}

// askFrom makes a request out of another namespace.
func askFrom(t *testing.T, ns netns.NsHandle, url string) (int, error) {
	t.Helper()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		runtime.LockOSThread() // never unlocked: the thread ends with its goroutine, namespace and all
		if err := netns.Set(ns); err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	client := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
