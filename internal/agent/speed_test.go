package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/bench/load"
	"github.com/rolecall-dev/rolecall/internal/agent/agenttest"
	"github.com/rolecall-dev/rolecall/test/kit"
)

// BenchmarkProcess measures the agent as a process of its own against a bare net/http handler that
// writes the same bytes, in turns: processor time per request, memory, and time to the first answer
// with a warm store. It is for work on the agent; bench/ measures the whole product.
//
//	go test ./internal/agent -run '^$' -bench Process -benchtime 1x
func BenchmarkProcess(b *testing.B) {
	dir := b.TempDir()
	client, floor := build(b, dir, "cmd/rolecall"), build(b, dir, "bench/floor")
	sts := agenttest.NewSTS(b)
	a, err := kit.StartAgent(b.Context(), kit.Programs{Client: client}, kit.AgentOptions{
		Dir: dir, STSEndpoint: sts.URL, Workloads: []string{"web-app"}, Unlimited: true,
		Env: []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Kill() })
	token, err := os.ReadFile(a.TokenFile("web-app"))
	if err != nil {
		b.Fatal(err)
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: application/json\r\nAuthorization: %s\r\n\r\n",
		strings.TrimPrefix(a.URI("web-app"), "http://"+a.Listen), a.Listen, token)
	body, _, err := load.Once(a.Listen, request, 200)
	if err != nil {
		b.Fatal(err)
	}
	time.Sleep(time.Second)
	idle := rss(b, a.PID())
	file := filepath.Join(dir, "body")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := kit.Start(floor, []string{"-body", file, "-type", "application/json"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Kill() })
	ready, err := f.Await(b.Context(), "ready ")
	if err != nil {
		b.Fatal(err)
	}
	var ratios, mine []float64
	for b.Loop() {
		for range 15 {
			base := perRequest(b, f.PID(), strings.TrimPrefix(ready, "http://"), request, 16)
			own := perRequest(b, a.PID(), a.Listen, request, 16)
			ratios, mine = append(ratios, own/base), append(mine, own)
		}
	}
	perRequest(b, a.PID(), a.Listen, request, 128)
	b.ReportMetric(middle(ratios), "×floor")
	b.ReportMetric(middle(mine), "µs/req")
	b.ReportMetric(idle, "MiB-idle")
	b.ReportMetric(rss(b, a.PID()), "MiB-128conns")
	b.ReportMetric(firstAnswer(b, a, request), "ms-first")
}

func build(b *testing.B, dir, pkg string) string {
	b.Helper()
	out := filepath.Join(dir, filepath.Base(pkg))
	if text, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "../../"+pkg).CombinedOutput(); err != nil { //nolint:gosec // our own packages
		b.Fatalf("building %s: %v\n%s", pkg, err, text)
	}
	return out
}

func rss(b *testing.B, pid int) float64 {
	b.Helper()
	n, err := kit.RSS(pid)
	if err != nil {
		b.Fatal(err)
	}
	return float64(n) / (1 << 20)
}

// perRequest returns the server's processor time for one request, in microseconds.
func perRequest(b *testing.B, pid int, addr string, request []byte, connections int) float64 {
	b.Helper()
	before, err := kit.CPU(pid)
	if err != nil {
		b.Fatal(err)
	}
	result, err := load.Run(b.Context(), load.Options{Addr: addr, Request: request, Connections: connections, Duration: 700 * time.Millisecond, Want: 200})
	if err != nil {
		b.Fatal(err)
	}
	after, err := kit.CPU(pid)
	if err != nil {
		b.Fatal(err)
	}
	return float64((after - before).Nanoseconds()) / 1000 / float64(result.Requests)
}

func middle(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return s[len(s)/2]
}

// firstAnswer kills the agent and starts it again on its warm state, several times.
func firstAnswer(b *testing.B, a *kit.Agent, request []byte) float64 {
	b.Helper()
	var all []float64
	for range 11 {
		a.Kill()
		begin := time.Now()
		p, err := a.Launch()
		if err != nil {
			b.Fatal(err)
		}
		a.Process = p
		for {
			if _, _, err := load.Once(a.Listen, request, 200); err == nil {
				break
			}
			if time.Since(begin) > 10*time.Second {
				b.Fatal("no answer after the restart")
			}
			time.Sleep(200 * time.Microsecond)
		}
		all = append(all, float64(time.Since(begin).Microseconds())/1000)
	}
	return middle(all)
}
