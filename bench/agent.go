package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/bench/load"
	"github.com/rolecall-dev/rolecall/test/kit"
)

// agent measures what a cached answer costs, what the agent holds, and how soon it answers after a restart.
func (b *bench) agent(ctx context.Context) error {
	w, err := b.newWorld(ctx, "agent-world")
	if err != nil {
		return err
	}
	defer w.plane.Kill()
	dir := filepath.Join(b.dir, "agent")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	a, err := kit.StartAgent(ctx, b.programs, kit.AgentOptions{
		Dir: dir, STSEndpoint: w.plane.Endpoint, Workloads: []string{"web-app"}, Unlimited: true,
		Env: []string{"AWS_ACCESS_KEY_ID=" + w.user.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + w.user.SecretAccessKey},
	})
	if err != nil {
		return err
	}
	defer func() { a.Kill() }()
	request, err := agentRequest(a)
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // the session is there, and all is quiet
	rss, err := kit.RSS(a.PID())
	if err != nil {
		return err
	}
	b.add(row{Name: "agent: memory, idle", Value: megabytes(rss), Unit: "MiB", Limit: 15})
	s := subject{name: "agent", pid: a.PID(), addr: a.Listen, request: request}
	floor, found, err := b.compare(ctx, s)
	if err != nil {
		return err
	}
	b.add(row{Name: "agent: cached credentials, token checked, processor time against the floor", Value: found[0].ratio(floor), Unit: "×", Limit: 1.15,
		Detail: fmt.Sprintf("%.1f µs against %.1f µs", found[0].median(), floor.median())})
	peak, err := b.peakRSS(ctx, s, 128)
	if err != nil {
		return err
	}
	b.add(row{Name: "agent: memory at 128 connections under load", Value: peak, Unit: "MiB", Limit: 25})
	if err := a.Stop(); err != nil {
		return err
	}
	first, err := b.firstAnswer(max(3, b.Starts/5), a.Launch, a.Listen, request)
	if err != nil {
		return err
	}
	b.add(row{Name: "agent: first answer after exec, warm store", Value: first.median(), Unit: "ms", Limit: 10,
		Detail: fmt.Sprintf("median of %d, best %.1f ms", len(first), slices.Min(first))})
	return nil
}

// agentRequest is what an SDK sends for the workload's credentials, once they are there.
func agentRequest(a *kit.Agent) ([]byte, error) {
	token, err := os.ReadFile(a.TokenFile("web-app"))
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(a.URI("web-app"), "http://"+a.Listen)
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rolecall-bench\r\nAccept: application/json\r\nAuthorization: %s\r\n\r\n", path, a.Listen, token)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, _, err = load.Once(a.Listen, request, 200); err == nil || time.Now().After(end) {
			return request, err
		}
	}
}
