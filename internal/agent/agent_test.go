package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent"
	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
	"github.com/rolecall-dev/rolecall/internal/agent/config"
	"github.com/rolecall-dev/rolecall/internal/agent/upstream"
	"github.com/rolecall-dev/rolecall/sts"
)

func TestMain(m *testing.M) {
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true
	goleak.VerifyTestMain(m)
}

const roleWeb = "arn:aws:iam::123456789012:role/team/web"

// node is an agent over a fake STS.
type node struct {
	*agent.Agent
	sts    *agenttest.STS
	config *config.Config
	logs   *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// parse reads YAML; every address is picked by the kernel unless the text says otherwise.
func parse(tb testing.TB, yaml string) *config.Config {
	tb.Helper()
	c, err := config.Load(config.Source{File: "rolecall.yaml", Data: []byte(yaml), Host: "node1"})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func upstreamOf(s *agenttest.STS) *upstream.Upstream {
	own := rolecall.Credentials{
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: rolecall.NewSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
		Origin: rolecall.Origin{Source: "test"},
	}
	return upstream.New(upstream.Options{
		Source: rolecall.Static(own), Location: "rolecall.yaml",
		Client: func(region string) upstream.STS {
			return &sts.Client{Endpoint: s.URL, Region: region, MaxAttempts: 1}
		},
	})
}

func start(tb testing.TB, yaml string) *node {
	tb.Helper()
	n := &node{sts: agenttest.NewSTS(tb), config: parse(tb, yaml)}
	n.start(tb)
	return n
}

func (n *node) start(tb testing.TB) {
	tb.Helper()
	n.logs = &logBuffer{}
	a, err := agent.Start(agent.Options{
		Config: n.config, Upstream: upstreamOf(n.sts),
		Logger: slog.New(slog.NewTextHandler(n.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		tb.Fatal(err)
	}
	n.Agent = a
	tb.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
}

// stateDir is a name in a fresh directory: the agent makes its own, with the mode that it wants.
func stateDir(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "state")
}

func oneWorkload(dir string) string {
	return `
agent:
  listen: 127.0.0.1:0
  state: ` + dir + `
  region: eu-west-1
  imds: [{address: "127.0.0.1:0"}]
workloads:
  - name: web
    role_arn: ` + roleWeb + "\n"
}

// environ returns a workload's variables as a map.
func environ(tb testing.TB, a *agent.Agent, workload string) map[string]string {
	tb.Helper()
	env, err := a.Environment(workload, false)
	if err != nil {
		tb.Fatal(err)
	}
	m := map[string]string{}
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		m[k] = v
	}
	return m
}

func tokenOf(tb testing.TB, env map[string]string) string {
	tb.Helper()
	if t := env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]; t != "" {
		return t
	}
	text, err := os.ReadFile(env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

type answer struct {
	Status int
	Header http.Header
	Body   map[string]any
	Text   string
}

// ask makes a request; headers are name, value, ….
func ask(tb testing.TB, method, url string, headers ...string) answer {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	a := answer{Status: resp.StatusCode, Header: resp.Header, Text: string(text)}
	_ = json.Unmarshal(text, &a.Body) // some answers are text
	return a
}

// eventually tries until ok or the patience of a loaded machine is over.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	tb.Fatalf("never: %s", what)
}

func TestContainerEndpoint(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	env := environ(t, n.Agent, "web")
	url, token := env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], tokenOf(t, env)
	got := ask(t, "GET", url, "Authorization", token)
	if got.Status != 200 || got.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("answer %+v", got)
	}
	if _, err := time.Parse("2006-01-02T15:04:05Z", got.Body["Expiration"].(string)); err != nil {
		t.Error(err)
	}
	delete(got.Body, "Expiration")
	want := `{"AccessKeyId":"ASIAQAAAAAAAEXAM0001","AccountId":"123456789012","RoleArn":"` + roleWeb + `","SecretAccessKey":"example-secret-0001","Token":"example-token-0001"}`
	if b, _ := json.Marshal(got.Body); string(b) != want && string(b) != strings.Replace(want, `"AccountId":"123456789012",`, "", 1) {
		t.Errorf("body %s\nwant %s", b, want)
	}
	if env["AWS_REGION"] != "eu-west-1" {
		t.Errorf("environment %v: no region", env)
	}
	if calls := n.sts.Calls(); len(calls) != 1 || calls[0].Get("RoleSessionName") != "web@node1" {
		t.Errorf("calls %v", calls)
	}
	if strings.ContainsAny(token, "\r\n ") || len(token) < 32 {
		t.Errorf("token %q", token)
	}
}

// Each row is a request that must not get credentials.
func TestContainerEndpointRefuses(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	env := environ(t, n.Agent, "web")
	url, token := env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], tokenOf(t, env)
	base := n.URL()
	for _, row := range []struct {
		name, method, url string
		headers           []string
		status            int
		code              string
	}{
		{"no token", "GET", url, nil, 401, "MissingAuthenticationToken"},
		{"empty token", "GET", url, []string{"Authorization", ""}, 401, "MissingAuthenticationToken"},
		{"wrong token", "GET", url, []string{"Authorization", "x" + token[1:]}, 401, "InvalidAuthenticationToken"},
		{"longer token", "GET", url, []string{"Authorization", token + "x"}, 401, "InvalidAuthenticationToken"},
		{"two tokens", "GET", url, []string{"Authorization", token, "Authorization", token}, 401, "MissingAuthenticationToken"},
		{"unknown workload", "GET", base + "/v1/credentials/other", []string{"Authorization", token}, 401, "InvalidAuthenticationToken"},
		{"no workload", "GET", base + "/v1/credentials/", []string{"Authorization", token}, 400, "NoIdInRequest"},
		{"no slash", "GET", base + "/v1/credentials", []string{"Authorization", token}, 400, "NoIdInRequest"},
		{"other path", "GET", base + "/", []string{"Authorization", token}, 404, "NotFound"},
		{"other form", "GET", base + "/v2/credentials/web", []string{"Authorization", token}, 404, "NotFound"},
		{"doubled slashes", "GET", base + "//v1//credentials/web", []string{"Authorization", token}, 404, "NotFound"},
		{"POST", "POST", url, []string{"Authorization", token}, 405, "MethodNotAllowed"},
		{"PUT", "PUT", url, []string{"Authorization", token}, 405, "MethodNotAllowed"},
		{"DELETE", "DELETE", url, []string{"Authorization", token}, 405, "MethodNotAllowed"},
		{"OPTIONS", "OPTIONS", url, []string{"Authorization", token}, 405, "MethodNotAllowed"},
		{"rebound name", "GET", url, []string{"Authorization", token, "Host", "evil.example"}, 403, "HostNotAllowed"},
		{"host without port", "GET", url, []string{"Authorization", token, "Host", "127.0.0.1"}, 403, "HostNotAllowed"},
		{"forwarded for", "GET", url, []string{"Authorization", token, "X-Forwarded-For", "10.0.0.1"}, 403, "HeaderNotAllowed"},
		{"forwarded host", "GET", url, []string{"Authorization", token, "X-Forwarded-Host", "x"}, 403, "HeaderNotAllowed"},
		{"forwarded", "GET", url, []string{"Authorization", token, "Forwarded", "for=10.0.0.1"}, 403, "HeaderNotAllowed"},
		{"via", "GET", url, []string{"Authorization", token, "Via", "1.1 proxy"}, 403, "HeaderNotAllowed"},
		{"real ip", "GET", url, []string{"Authorization", token, "x-real-ip", "10.0.0.1"}, 403, "HeaderNotAllowed"},
		{"origin", "GET", url, []string{"Authorization", token, "Origin", "null"}, 403, "HeaderNotAllowed"},
		{"referer", "GET", url, []string{"Authorization", token, "Referer", "http://127.0.0.1/"}, 403, "HeaderNotAllowed"},
		{"fetch metadata", "GET", url, []string{"Authorization", token, "Sec-Fetch-Site", "none"}, 403, "HeaderNotAllowed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := ask(t, row.method, row.url, row.headers...)
			if got.Status != row.status || got.Body["code"] != row.code || got.Body["Code"] != row.code || got.Body["message"] != got.Body["Message"] {
				t.Errorf("answer %d %s; want %d %s", got.Status, got.Text, row.status, row.code)
			}
			if ct := got.Header["Content-Type"]; len(ct) != 1 || ct[0] != "application/json" {
				t.Errorf("Content-Type %v", ct)
			}
		})
	}
	if got := ask(t, "HEAD", url, "Authorization", token); got.Status != 200 || got.Text != "" {
		t.Errorf("HEAD: %+v", got)
	}
}

// The fault table: what a workload sees when STS misbehaves before there are any credentials.
func TestColdFaults(t *testing.T) {
	for _, row := range []struct {
		name   string
		fault  agenttest.Fault
		status int
		reason string
	}{
		{"denied", agenttest.Denied, 403, "AccessDenied"},
		{"failing", agenttest.Failing, 503, "InternalFailure"},
		{"throttled", agenttest.Throttled, 503, "Throttling"},
		{"hanging", agenttest.Hanging, 503, "not there yet"},
		{"garbage", agenttest.Garbage, 503, ""},
		{"empty", agenttest.Empty, 503, ""},
		{"dead", agenttest.Dead, 503, "expired"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			n := &node{sts: agenttest.NewSTS(t), config: parse(t, oneWorkload(stateDir(t)))}
			n.sts.Set(row.fault)
			n.start(t)
			env := environ(t, n.Agent, "web")
			for _, side := range []string{"container", "instance"} {
				begin := time.Now()
				var got answer
				limit := 900 * time.Millisecond
				if side == "container" {
					got = ask(t, "GET", env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", tokenOf(t, env))
				} else {
					limit = 400 * time.Millisecond
					got = ask(t, "GET", n.IMDSURLs()[0]+"/latest/meta-data/iam/security-credentials/web", tokenHeader, imdsToken(t, n, "60"))
				}
				if took := time.Since(begin); took > limit+400*time.Millisecond {
					t.Errorf("%s: held for %s", side, took)
				}
				if got.Status != row.status || !strings.Contains(got.Text, row.reason) || got.Body["Message"] == "" {
					t.Errorf("%s: answer %d %s; want %d because of %q", side, got.Status, got.Text, row.status, row.reason)
				}
				if retry := got.Header.Get("Retry-After"); (retry != "") != (row.status == 503) {
					t.Errorf("%s: Retry-After %q", side, retry)
				}
				if strings.Contains(got.Text, "AccessKeyId") {
					t.Errorf("%s: credentials in %s", side, got.Text)
				}
			}
		})
	}
}

func TestSlowUpstreamIsWaitedForOnce(t *testing.T) {
	n := &node{sts: agenttest.NewSTS(t), config: parse(t, oneWorkload(stateDir(t)))}
	n.sts.Delay(300 * time.Millisecond)
	n.start(t)
	env := environ(t, n.Agent, "web")
	url, token := env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], tokenOf(t, env)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if got := ask(t, "GET", url, "Authorization", token); got.Status != 200 {
				t.Errorf("answer %d %s", got.Status, got.Text)
			}
		})
	}
	wg.Wait()
	if calls := n.sts.Calls(); len(calls) != 1 {
		t.Errorf("%d calls of STS; want 1", len(calls))
	}
}

// Credentials that end during an outage: served to their end, then 503 with the reason.
func TestOutageToTheEnd(t *testing.T) {
	n := &node{sts: agenttest.NewSTS(t), config: parse(t, oneWorkload(stateDir(t)))}
	n.sts.Life(3 * time.Second)
	n.start(t)
	env := environ(t, n.Agent, "web")
	url, token := env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], tokenOf(t, env)
	if got := ask(t, "GET", url, "Authorization", token); got.Status != 200 {
		t.Fatalf("answer %d %s", got.Status, got.Text)
	}
	n.sts.Set(agenttest.Failing)
	served := 0
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got := ask(t, "GET", url, "Authorization", token)
		switch got.Status {
		case 200:
			served++
			expires, err := time.Parse(time.RFC3339, got.Body["Expiration"].(string))
			if err != nil || got.Body["SecretAccessKey"] == "" || time.Now().After(expires.Add(time.Second)) {
				t.Fatalf("a 200 with %s at %s", got.Text, time.Now())
			}
		case 503:
			if !strings.Contains(got.Text, "InternalFailure") {
				t.Fatalf("503 without its reason: %s", got.Text)
			}
			if served == 0 {
				t.Error("living credentials were not served")
			}
			return
		default:
			t.Fatalf("answer %d %s", got.Status, got.Text)
		}
	}
	t.Error("still served after their end")
}

func TestWarmStart(t *testing.T) {
	dir := stateDir(t)
	n := start(t, oneWorkload(dir))
	env := environ(t, n.Agent, "web")
	token := tokenOf(t, env)
	if got := ask(t, "GET", env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", token); got.Status != 200 {
		t.Fatalf("answer %d %s", got.Status, got.Text)
	}
	sealed := sessions(t, dir)
	eventually(t, "the session is on disk", func() bool { sealed = sessions(t, dir); return len(sealed) == 1 })
	text, err := os.ReadFile(sealed[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{"ASIA", "example-secret", "example-token", "web"} {
		if bytes.Contains(text, []byte(plain)) {
			t.Errorf("the stored session shows %q", plain)
		}
	}
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	// STS is gone now, and the restarted agent answers with the same credentials and the same token.
	n.sts.Set(agenttest.Failing)
	n.start(t)
	env = environ(t, n.Agent, "web")
	got := ask(t, "GET", env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", token)
	if got.Status != 200 || got.Body["AccessKeyId"] != agenttest.AccessKeyID(1) {
		t.Errorf("after the restart: %d %s", got.Status, got.Text)
	}
	if states := n.States(); len(states) != 1 || states[0].Origin.String() == "" {
		t.Errorf("states %+v: the trail was lost", states)
	}
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	// Another role under the same name gets nothing of it, and the file goes.
	n.config.Workloads[0].RoleARN += "2"
	n.start(t)
	env = environ(t, n.Agent, "web")
	if got := ask(t, "GET", env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", token); got.Status != 503 {
		t.Errorf("after the change: %d %s", got.Status, got.Text)
	}
}

func sessions(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "sessions", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestReloadRemovesAtOnce(t *testing.T) {
	dir := stateDir(t)
	n := start(t, oneWorkload(dir)+"    endpoints: [container]\n  - name: api\n    role_arn: arn:aws:iam::123456789012:role/api\n    endpoints: [container]\n")
	web, api := environ(t, n.Agent, "web"), environ(t, n.Agent, "api")
	tokens := map[string]string{"web": tokenOf(t, web), "api": tokenOf(t, api)}
	for name, env := range map[string]map[string]string{"web": web, "api": api} {
		if got := ask(t, "GET", env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", tokens[name]); got.Status != 200 {
			t.Fatalf("%s: %d %s", name, got.Status, got.Text)
		}
	}
	eventually(t, "both sessions are on disk", func() bool { return len(sessions(t, dir)) == 2 })
	if got := ask(t, "GET", web["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", tokens["api"]); got.Status != 401 {
		t.Errorf("web's credentials with api's token: %d", got.Status)
	}
	if err := n.Reload(parse(t, oneWorkload(dir)+"    endpoints: [container]\n")); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, "GET", api["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", tokens["api"]); got.Status != 401 {
		t.Errorf("removed workload: %d %s", got.Status, got.Text)
	}
	if len(sessions(t, dir)) != 1 {
		t.Error("its session is still on disk")
	}
	if _, err := os.Stat(api["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]); err == nil {
		t.Error("its token file is still there")
	}
	if got := ask(t, "GET", web["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", tokens["web"]); got.Status != 200 || got.Body["AccessKeyId"] != agenttest.AccessKeyID(1) && got.Body["AccessKeyId"] != agenttest.AccessKeyID(2) {
		t.Errorf("the workload that stayed: %d %s", got.Status, got.Text)
	}
	if n := len(n.sts.Calls()); n != 2 {
		t.Errorf("%d calls of STS; the workload that stayed was fetched anew", n)
	}
}

func TestSelectors(t *testing.T) {
	other := "65533"
	n := start(t, oneWorkload(stateDir(t))+"    selectors: {uid: ["+other+"]}\n")
	env := environ(t, n.Agent, "web")
	url, token := env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], tokenOf(t, env)
	if got := ask(t, "GET", url, "Authorization", token); got.Status != 403 || got.Body["Code"] != "AccessDenied" {
		t.Errorf("another user: %d %s", got.Status, got.Text)
	}
	if got := ask(t, "GET", n.IMDSURLs()[0]+"/latest/meta-data/iam/security-credentials/", tokenHeader, imdsToken(t, n, "60")); got.Status != 404 {
		t.Errorf("another user on the instance endpoint: %d %s", got.Status, got.Text)
	}
}

func TestDeliveriesAreRecorded(t *testing.T) {
	dir := stateDir(t)
	n := start(t, oneWorkload(dir))
	env := environ(t, n.Agent, "web")
	url, token := env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], tokenOf(t, env)
	ask(t, "GET", url, "Authorization", token)
	ask(t, "GET", url, "Authorization", "nonsense")
	ask(t, "GET", n.IMDSURLs()[0]+"/latest/meta-data/iam/security-credentials/web", tokenHeader, imdsToken(t, n, "60"))
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "deliveries.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var events []map[string]any
	for line := range strings.Lines(string(text)) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		events = append(events, e)
	}
	if len(events) != 3 {
		t.Fatalf("record:\n%s", text)
	}
	for i, want := range []map[string]any{
		{"event": "delivered", "endpoint": "container", "workload": "web", "role": roleWeb, "accessKeyId": agenttest.AccessKeyID(1), "status": 200.0, "uid": float64(os.Getuid())},
		{"event": "refused", "endpoint": "container", "code": "InvalidAuthenticationToken", "status": 401.0, "uid": float64(os.Getuid())},
		{"event": "delivered", "endpoint": "instance", "workload": "web", "accessKeyId": agenttest.AccessKeyID(1), "status": 200.0},
	} {
		for k, v := range want {
			if events[i][k] != v {
				t.Errorf("event %d: %s is %v; want %v", i, k, events[i][k], v)
			}
		}
	}
	for _, secret := range []string{"example-secret", "example-token", token} {
		if strings.Contains(string(text), secret) || strings.Contains(n.logs.String(), secret) {
			t.Errorf("%q is in the record or the log", secret)
		}
	}
}

func TestFloodOfRefusalsIsCutOff(t *testing.T) {
	n := start(t, oneWorkload(stateDir(t)))
	env := environ(t, n.Agent, "web")
	seen := map[int]int{}
	for range 200 {
		seen[ask(t, "GET", env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], "Authorization", "nonsense").Status]++
	}
	if seen[401] > 150 || seen[429] < 50 {
		t.Errorf("answers %v; want the flood cut off after about a hundred", seen)
	}
}

// A client that sends half a header, and one that opens hundreds of connections, leave others alone.
func TestStingyClients(t *testing.T) {
	n := &node{sts: agenttest.NewSTS(t), config: parse(t, oneWorkload(stateDir(t)))}
	n.config.Limits.CallerConnections = 20
	n.start(t)
	address := strings.TrimPrefix(n.URL(), "http://")
	var held []net.Conn
	for range 40 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "GET /v1/credentials/web HTTP/1.1\r\nHost:")
		held = append(held, c)
	}
	time.Sleep(200 * time.Millisecond)
	open := 0
	for _, c := range held {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err != nil && os.IsTimeout(err) {
			open++
		}
	}
	if open > 20 {
		t.Errorf("%d connections of one caller stay open; want 20 at most", open)
	}
	for _, c := range held {
		_ = c.Close()
	}
	env := environ(t, n.Agent, "web")
	eventually(t, "connections are given back", func() bool {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, "GET /v1/credentials/web HTTP/1.1\r\nHost: "+address+"\r\nAuthorization: "+tokenOf(t, env)+"\r\nConnection: close\r\n\r\n")
		text, _ := io.ReadAll(c)
		_ = c.Close()
		return strings.HasPrefix(string(text), "HTTP/1.1 200")
	})
}

func TestStateDirectoryIsGuarded(t *testing.T) {
	dir := stateDir(t)
	n := start(t, oneWorkload(dir))
	c := parse(t, oneWorkload(dir))
	_, err := agent.Start(agent.Options{Config: c, Upstream: upstreamOf(n.sts), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "another agent uses this state directory") {
		t.Errorf("second agent: %v", err)
	}
	if err := n.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "chmod 0700 " + dir, filepath.Join(dir, "agent.key"): "chmod 0600 " + filepath.Join(dir, "agent.key")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // wrong on purpose
			t.Fatal(err)
		}
		_, err = agent.Start(agent.Options{Config: c, Upstream: upstreamOf(n.sts), Logger: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s open to others: %v; want the advice %q", path, err, want)
		}
		if err := os.Chmod(path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "agent.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = agent.Start(agent.Options{Config: c, Upstream: upstreamOf(n.sts), Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "hexadecimal") {
		t.Errorf("damaged key: %v", err)
	}
}
