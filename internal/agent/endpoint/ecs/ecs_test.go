package ecs_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/delivery"
	"github.com/rolecall-dev/rolecall/internal/agent/endpoint/ecs"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
)

const secretToken = "0123456789abcdefghijklmnopqrstuv"

// session is one that has its credentials.
func session(tb testing.TB) *broker.Session {
	tb.Helper()
	b := broker.New(broker.Options{
		Logger: slog.New(slog.DiscardHandler),
		Upstream: broker.UpstreamFunc(func(context.Context, broker.Workload) (rolecall.Credentials, error) {
			return rolecall.Credentials{
				AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: rolecall.NewSecret("example-secret"),
				SessionToken: rolecall.NewSecret(strings.Repeat("x", 900)), Expires: time.Now().Add(time.Hour),
			}, nil
		}),
	})
	tb.Cleanup(b.Close)
	s := b.Set([]broker.Workload{{Name: "web"}})["web"]
	if _, err := s.Await(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// connection is one that came through a door.
func connection(tb testing.TB, limits guard.Limits) context.Context {
	tb.Helper()
	d, err := guard.NewDoor(guard.Options{Logger: slog.New(slog.DiscardHandler), Limits: limits})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	guarded := d.Listener(l)
	tb.Cleanup(func() { _ = guarded.Close() })
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	c, err := guarded.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return guard.ConnContext(tb.Context(), c)
}

func handler(tb testing.TB, log *delivery.Log) *ecs.Handler {
	tb.Helper()
	h := ecs.New(ecs.Token, []string{"127.0.0.1:9911"}, log)
	h.Set([]ecs.Target{{Key: "web", Tokens: []string{secretToken}, Session: session(tb)}})
	return h
}

// discard is a response that costs nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func request(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/credentials/web", nil)
	r.Host = "127.0.0.1:9911"
	r.Header = http.Header{"Authorization": {secretToken}, "User-Agent": {"x"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"}}
	return r
}

// BenchmarkCached is what is on top of net/http for a cached answer, its record included.
func BenchmarkCached(b *testing.B) {
	log, err := delivery.New(func() (io.WriteCloser, error) { return nopCloser{io.Discard}, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	for name, log := range map[string]*delivery.Log{"recorded": log, "unrecorded": nil} {
		b.Run(name, func(b *testing.B) {
			h := handler(b, log)
			r := request(connection(b, guard.Limits{Rate: -1}))
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
			if w.status != 0 {
				b.Fatalf("status %d", w.status)
			}
		})
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestRequestsAreLimitedPerCaller(t *testing.T) {
	h := handler(t, nil)
	ctx := connection(t, guard.Limits{Rate: 1, Burst: 3})
	var statuses []int
	for range 5 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(ctx))
		statuses = append(statuses, w.Code)
	}
	if statuses[2] != 200 || statuses[3] != 429 || statuses[4] != 429 {
		t.Errorf("statuses %v; want three answers, then 429", statuses)
	}
}

func TestRequestOutsideADoorIsRefused(t *testing.T) {
	w := httptest.NewRecorder()
	handler(t, nil).ServeHTTP(w, request(t.Context()))
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d", w.Code)
	}
}
