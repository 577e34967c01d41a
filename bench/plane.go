package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rolecall-dev/rolecall/bench/load"
	"github.com/rolecall-dev/rolecall/test/kit"
)

// plane measures what the plane spends on a request, how soon it answers and what it holds.
func (b *bench) plane(ctx context.Context) error {
	if err := b.planeStarts(ctx); err != nil {
		return err
	}
	w, err := b.newWorld(ctx, "plane")
	if err != nil {
		return err
	}
	defer w.plane.Kill()
	time.Sleep(time.Second) // idle
	rss, err := kit.RSS(w.plane.PID())
	if err != nil {
		return err
	}
	b.add(row{Name: "plane: memory, idle", Value: megabytes(rss), Unit: "MiB", Limit: 40})
	if err := b.planeIdentity(ctx, w); err != nil {
		return err
	}
	assume, err := w.assume(ctx)
	if err != nil {
		return err
	}
	if err := b.planeRow(ctx, w, "plane: AssumeRole, processor time against the floor", 5, assume); err != nil {
		return err
	}
	get, err := w.get(ctx, w.role)
	if err != nil {
		return err
	}
	return b.planeRow(ctx, w, "plane: GetObject of 1 kB (sealed, embedded store), against the floor", 3, get)
}

func (b *bench) planeRow(ctx context.Context, w *world, name string, limit float64, request []byte) error {
	floor, found, err := b.compare(ctx, subject{name: name, pid: w.plane.PID(), addr: w.plane.Listen(), request: request})
	if err != nil {
		return err
	}
	b.add(row{Name: name, Value: found[0].ratio(floor), Unit: "×", Limit: limit,
		Detail: fmt.Sprintf("%.1f µs against %.1f µs", found[0].median(), floor.median())})
	return nil
}

func (b *bench) planeIdentity(ctx context.Context, w *world) error {
	permanent, err := w.identity(ctx, w.user)
	if err != nil {
		return err
	}
	temporary, err := w.identity(ctx, w.role)
	if err != nil {
		return err
	}
	at := func(name string, request []byte) subject {
		return subject{name: name, pid: w.plane.PID(), addr: w.plane.Listen(), request: request}
	}
	floor, found, err := b.compare(ctx, at("permanent", permanent), at("temporary", temporary))
	if err != nil {
		return err
	}
	b.add(row{Name: "plane: GetCallerIdentity (user's key), processor time against the floor", Value: found[0].ratio(floor), Unit: "×", Limit: 3,
		Detail: fmt.Sprintf("%.1f µs against %.1f µs", found[0].median(), floor.median())})
	b.add(row{Name: "plane: GetCallerIdentity (role session), against the floor", Value: found[1].ratio(floor), Unit: "×", Limit: 3,
		Detail: fmt.Sprintf("%.1f µs against %.1f µs", found[1].median(), floor.median())})
	b.add(row{Name: "plane: what a temporary key costs more than a permanent one", Value: found[1].over(found[0]), Unit: "µs", Limit: 2})
	return nil
}

// planeStarts times the first answer on an empty and on an existing state directory.
func (b *bench) planeStarts(ctx context.Context) error {
	runs := max(3, b.Starts/6)
	time1, err := b.planeFirst(ctx, runs, true)
	if err != nil {
		return err
	}
	time2, err := b.planeFirst(ctx, runs, false)
	if err != nil {
		return err
	}
	detail := func(s samples) string { return fmt.Sprintf("median of %d, best %.1f ms", len(s), slices.Min(s)) }
	b.add(row{Name: "plane: first answer after exec, empty state directory", Value: time1.median(), Unit: "ms", Limit: 150, Detail: detail(time1)})
	b.add(row{Name: "plane: first answer after exec, existing state directory", Value: time2.median(), Unit: "ms", Limit: 50, Detail: detail(time2)})
	return nil
}

func (b *bench) planeFirst(ctx context.Context, runs int, empty bool) (samples, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	w := &world{plane: &kit.Plane{Endpoint: "http://" + addr}}
	request, err := w.identity(ctx, rootCredentials())
	if err != nil {
		return nil, err
	}
	var all samples
	for i := range runs {
		name := "start"
		if empty {
			name = fmt.Sprintf("start-%d", i)
		}
		state := filepath.Join(b.dir, name)
		args, err := kit.PlaneArgs(state, addr)
		if err != nil {
			return nil, err
		}
		one, err := b.firstAnswer(1, func() (*kit.Process, error) {
			return kit.Start(b.programs.Plane, args, []string{"HOME=" + b.dir, "PATH=" + os.Getenv("PATH")})
		}, addr, request)
		if err != nil {
			return nil, err
		}
		if !empty && i == 0 {
			continue // this one made the directory
		}
		all = append(all, one...)
	}
	return all, nil
}

// sessions shows that live sessions are not held: as many as b.Sessions are issued, and the plane's memory looked at.
func (b *bench) sessions(ctx context.Context) error {
	w, err := b.newWorld(ctx, "sessions")
	if err != nil {
		return err
	}
	defer w.plane.Kill()
	request, err := w.assume(ctx)
	if err != nil {
		return err
	}
	// Warm: connections, buffers and the collector's pace are there before the first look.
	issue := func(n int64) (load.Result, error) {
		return load.Run(ctx, load.Options{Addr: w.plane.Listen(), Request: request, Connections: b.Connections, Count: n, Duration: 10 * time.Minute, Want: 200})
	}
	if _, err := issue(min(20_000, b.Sessions)); err != nil {
		return err
	}
	before, err := kit.RSS(w.plane.PID())
	if err != nil {
		return err
	}
	result, err := issue(b.Sessions)
	if err != nil {
		return err
	}
	after, err := kit.RSS(w.plane.PID())
	if err != nil {
		return err
	}
	b.add(row{Name: fmt.Sprintf("plane: memory gained by %d live sessions", result.Requests), Value: max(0, megabytes(after-before)), Unit: "MiB", Limit: 8,
		Detail: fmt.Sprintf("%.1f MiB before, %.1f after; issued in %s, each audited", megabytes(before), megabytes(after), result.Elapsed.Round(time.Second))})
	return nil
}

// freeAddr is an address of loopback that nobody listens on just now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
