package delivery_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rolecall-dev/rolecall/internal/agent/delivery"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connection(t *testing.T) *guard.Conn {
	t.Helper()
	d, err := guard.NewDoor(guard.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	guarded := d.Listener(l)
	t.Cleanup(func() { _ = guarded.Close() })
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	c, err := guarded.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	found, _ := guard.From(guard.ConnContext(t.Context(), c))
	return found
}

// slow writes at its own pace, and fails when it is told to.
type slow struct {
	mu   sync.Mutex
	b    bytes.Buffer
	fail bool
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail {
		return 0, errors.New("no space left on device")
	}
	return s.b.Write(p)
}

func (s *slow) Close() error { return nil }

func TestNothingIsLostUnderLoad(t *testing.T) {
	out := &slow{}
	l, err := delivery.New(func() (io.WriteCloser, error) { return out, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 5000
	var wg sync.WaitGroup
	for range writers {
		conn := connection(t)
		wg.Go(func() {
			for range each {
				l.Add(delivery.Event{At: time.Now().UnixNano(), Endpoint: "container", Conn: conn, Status: 401, Code: "X\"\\\n\x01é"})
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(out.b.String()) {
		n++
		var e struct{ Event, Code, Time string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Code != "X\"\\\n\x01é" || e.Event != "refused" {
			t.Fatalf("line %q: %v", line, err)
		}
	}
	if n != writers*each {
		t.Errorf("%d lines; want %d", n, writers*each)
	}
}

func TestFailureToWriteIsToldAndSurvived(t *testing.T) {
	out := &slow{fail: true}
	var logs bytes.Buffer
	l, err := delivery.New(func() (io.WriteCloser, error) { return out, nil }, slog.New(slog.NewTextHandler(&logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	conn := connection(t)
	for range 10 {
		l.Add(delivery.Event{At: 1, Endpoint: "container", Conn: conn, Status: 401})
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l.Lost() != 10 || strings.Count(logs.String(), "cannot be written") != 1 {
		t.Errorf("lost %d; log %s", l.Lost(), logs.String())
	}
}

func TestReopenFollowsARotation(t *testing.T) {
	name := filepath.Join(t.TempDir(), "deliveries")
	l, err := delivery.File(name, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	conn := connection(t)
	l.Add(delivery.Event{At: 1, Endpoint: "container", Conn: conn, Status: 401, Code: "before"})
	waitFor(t, name, "before")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	waitFor(t, name, "")
	l.Add(delivery.Event{At: 2, Endpoint: "container", Conn: conn, Status: 401, Code: "after"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, name, "after")
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func waitFor(t *testing.T, name, text string) {
	t.Helper()
	for range 500 {
		if b, err := os.ReadFile(name); err == nil && strings.Contains(string(b), text) { //nolint:gosec // the test's own file
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%q never came to be in %s", text, name)
}

func TestNilLogTakesNothing(t *testing.T) {
	var l *delivery.Log
	l.Add(delivery.Event{})
	l.Limited()
	l.Reopen()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestLimitedRequestsAreCounted(t *testing.T) {
	out := &slow{}
	l, err := delivery.New(func() (io.WriteCloser, error) { return out, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		l.Limited()
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.b.String(), `"event":"limited"`) {
		t.Errorf("record %q", out.b.String())
	}
}
