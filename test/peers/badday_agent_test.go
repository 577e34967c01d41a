//go:build peers

package peers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scriptedSTS answers AssumeRole with sessions as long as the test wants, or with an error.
type scriptedSTS struct {
	*httptest.Server
	life  atomic.Int64 // seconds
	down  atomic.Bool
	calls atomic.Int64

	mu     sync.Mutex
	latest time.Time // expiry of the session that was issued last
}

func newScriptedSTS(t *testing.T) *scriptedSTS {
	s := &scriptedSTS{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>ServiceUnavailable</Code><Message>down</Message></Error><RequestId>r</RequestId></ErrorResponse>`)
			return
		}
		n := s.calls.Add(1)
		expires := time.Now().Add(time.Duration(s.life.Load()) * time.Second).UTC().Truncate(time.Second)
		s.mu.Lock()
		s.latest = expires
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>secret-%d</SecretAccessKey><SessionToken>token-%d</SessionToken><Expiration>%s</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA123EXAMPLE123:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/web-app/s</Arn></AssumedRoleUser></AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>`,
			n, n, expires.Format(time.RFC3339))
	}))
	t.Cleanup(s.Close)
	return s
}

// delivered is what the agent answers a workload.
type delivered struct {
	status int
	body   struct {
		AccessKeyId, SecretAccessKey, Token, Expiration string
		Code, Message                                   string
	}
	at time.Time
}

// check fails on anything that no agent may say: a success without complete, live credentials.
func (d delivered) check(t *testing.T) {
	t.Helper()
	if d.status != http.StatusOK {
		if d.body.AccessKeyId != "" || d.body.Message == "" {
			t.Errorf("status %d with %+v: want an error with a message and no credentials", d.status, d.body)
		}
		return
	}
	expires, err := time.Parse(time.RFC3339, d.body.Expiration)
	if err != nil || d.body.AccessKeyId == "" || d.body.SecretAccessKey == "" || d.body.Token == "" {
		t.Errorf("success without complete credentials: %+v, %v", d.body, err)
	}
	if !expires.After(d.at) {
		t.Errorf("success with credentials that died at %s, asked at %s", d.body.Expiration, d.at.Format(time.RFC3339Nano))
	}
}

func ask(t *testing.T, w workload) delivered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", w.token(t))
	client := &http.Client{Timeout: 5 * time.Second}
	d := delivered{at: time.Now()}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	d.status = answer.StatusCode
	if err := json.NewDecoder(answer.Body).Decode(&d.body); err != nil {
		t.Errorf("status %d without JSON: %v", d.status, err)
	}
	return d
}

// While a session lives it is served, whatever its issuer does; after it died the answer is 503 with a reason, never the
// dead session and never an empty one; and when the issuer is back, so is the workload.
func TestUpstreamDown(t *testing.T) {
	sts := newScriptedSTS(t)
	sts.life.Store(12)
	a := startAgent(t, sts.URL, nodeKey{"AKIAIOSFODNN7EXAMPLE", "secret"}, "web-app")
	w := a.workload(t, "web-app")
	eventually(t, 5*time.Second, "the first session", func() bool { return ask(t, w).status == http.StatusOK })
	sts.down.Store(true)
	sts.mu.Lock()
	dies := sts.latest
	sts.mu.Unlock()
	served, refused := 0, 0
	for time.Now().Before(dies.Add(2 * time.Second)) {
		d := ask(t, w)
		d.check(t)
		alive := d.at.Before(dies.Add(-time.Second))
		switch {
		case d.status == http.StatusOK:
			served++
		case d.status == http.StatusServiceUnavailable && !alive:
			refused++
		default:
			t.Errorf("status %d %s: %s, %s before the session died", d.status, d.body.Code, d.body.Message, time.Until(dies))
		}
		time.Sleep(50 * time.Millisecond)
	}
	if served == 0 || refused == 0 {
		t.Fatalf("%d answers while it lived, %d refusals after: the test saw only one side", served, refused)
	}
	sts.down.Store(false)
	eventually(t, 45*time.Second, "the next session", func() bool { return ask(t, w).status == http.StatusOK })
	ask(t, w).check(t)
}

// An agent that is killed and started again hands out what it held, though the issuer is gone.
func TestAgentKilledKeepsItsSessions(t *testing.T) {
	sts := newScriptedSTS(t)
	sts.life.Store(3600)
	a := startAgent(t, sts.URL, nodeKey{"AKIAIOSFODNN7EXAMPLE", "secret"}, "web-app")
	w := a.workload(t, "web-app")
	eventually(t, 5*time.Second, "the first session", func() bool { return ask(t, w).status == http.StatusOK })
	before := ask(t, w)
	time.Sleep(200 * time.Millisecond) // the write of the store is beside the request path
	a.Kill()
	sts.down.Store(true)
	a.restart(t)
	w = a.workload(t, "web-app")
	after := ask(t, w)
	after.check(t)
	if after.status != http.StatusOK || after.body != before.body {
		t.Errorf("after the restart: %d %+v, want the session from before, %+v", after.status, after.body, before.body)
	}
	if n := sts.calls.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times, want once", n)
	}
}

// Many workloads' callers at once make one call.
func TestCallersAtOnceMakeOneCall(t *testing.T) {
	sts := newScriptedSTS(t)
	sts.life.Store(3600)
	a := startAgent(t, sts.URL, nodeKey{"AKIAIOSFODNN7EXAMPLE", "secret"}, "web-app")
	w := a.workload(t, "web-app")
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			d := ask(t, w)
			d.check(t)
		})
	}
	wg.Wait()
	if n := sts.calls.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times, want once", n)
	}
}

func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within %s", what, within)
		}
	}
}
