package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/bench/load"
	"github.com/rolecall-dev/rolecall/test/kit"
)

// subject is a server under load and the request that it gets.
type subject struct {
	name    string
	pid     int
	addr    string
	request []byte
}

// samples are a subject's processor time per request, one per round, in microseconds.
type samples []float64

func (s samples) median() float64 { return median(s) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// ratio is the median of the paired ratios of s to floor.
func (s samples) ratio(floor samples) float64 {
	ratios := make([]float64, len(s))
	for i := range s {
		ratios[i] = s[i] / floor[i]
	}
	return median(ratios)
}

// over is the median of the paired differences of s to other.
func (s samples) over(other samples) float64 {
	differences := make([]float64, len(s))
	for i := range s {
		differences[i] = s[i] - other[i]
	}
	return median(differences)
}

// interleave loads each subject in turn, round after round, so that what else the machine does falls on all
// alike. Each subject first gets a short load that does not count.
func (b *bench) interleave(ctx context.Context, subjects ...subject) ([]samples, error) {
	all := make([]samples, len(subjects))
	for round := -1; round < b.Rounds; round++ {
		for i, s := range subjects {
			slice := b.Slice
			if round < 0 {
				slice /= 3
			}
			before, err := kit.CPU(s.pid)
			if err != nil {
				return nil, err
			}
			result, err := load.Run(ctx, load.Options{Addr: s.addr, Request: s.request, Connections: b.Connections, Duration: slice, Want: http.StatusOK})
			if err != nil {
				return nil, fmt.Errorf("load on %s: %w", s.name, err)
			}
			after, err := kit.CPU(s.pid)
			if err != nil {
				return nil, err
			}
			if round >= 0 {
				all[i] = append(all[i], float64((after-before).Microseconds())/float64(result.Requests))
			}
		}
	}
	return all, nil
}

// compare measures the subject against a floor that answers the same requests with the same bytes.
func (b *bench) compare(ctx context.Context, subjects ...subject) (floor samples, found []samples, err error) {
	body, contentType, err := load.Once(subjects[0].addr, subjects[0].request, http.StatusOK)
	if err != nil {
		return nil, nil, fmt.Errorf("asking %s once: %w", subjects[0].name, err)
	}
	process, addr, err := b.startFloor(ctx, body, contentType)
	if err != nil {
		return nil, nil, err
	}
	defer process.Kill()
	all, err := b.interleave(ctx, append([]subject{{name: "floor", pid: process.PID(), addr: addr, request: subjects[0].request}}, subjects...)...)
	if err != nil {
		return nil, nil, err
	}
	return all[0], all[1:], nil
}

func (b *bench) startFloor(ctx context.Context, body []byte, contentType string) (*kit.Process, string, error) {
	file := filepath.Join(b.dir, "floor-body")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return nil, "", err
	}
	process, err := kit.Start(b.floor, []string{"-body", file, "-type", contentType}, nil)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	endpoint, err := process.Await(ctx, "ready ")
	if err != nil {
		process.Kill()
		return nil, "", err
	}
	return process, strings.TrimPrefix(endpoint, "http://"), nil
}

// program is a command whose start is timed.
type program struct {
	name string
	path string
	args []string
	env  []string
	runs int // of each; 0 for the run's setting
	// least is how many times as long as rolecall a peer must take; 0 for those without a limit.
	least float64
}

// starts runs the programs in turn and returns the wall time of each run in milliseconds.
func (b *bench) starts(ctx context.Context, programs ...program) ([]samples, error) {
	all := make([]samples, len(programs))
	for round := range b.Starts {
		for i, p := range programs {
			if p.runs > 0 && round >= p.runs {
				continue
			}
			cmd := exec.CommandContext(ctx, p.path, p.args...)
			cmd.Env = append([]string{}, p.env...)
			begin := time.Now()
			err := cmd.Run() // both outputs go to /dev/null
			elapsed := time.Since(begin)
			if err != nil {
				cmd = exec.CommandContext(ctx, p.path, p.args...)
				cmd.Env = append([]string{}, p.env...)
				out, _ := cmd.CombinedOutput()
				return nil, fmt.Errorf("%s: %w\n%s", p.name, err, out)
			}
			all[i] = append(all[i], float64(elapsed.Microseconds())/1000)
		}
	}
	return all, nil
}

// firstAnswer times how long a server takes from being started to its first good answer, in milliseconds.
func (b *bench) firstAnswer(runs int, start func() (*kit.Process, error), addr string, request []byte) (samples, error) {
	var all samples
	for range runs {
		begin := time.Now()
		process, err := start()
		if err != nil {
			return nil, err
		}
		for {
			_, _, err = load.Once(addr, request, http.StatusOK)
			if err == nil || time.Since(begin) > 10*time.Second {
				break
			}
			time.Sleep(200 * time.Microsecond)
		}
		elapsed := time.Since(begin)
		if err != nil {
			process.Kill()
			return nil, fmt.Errorf("no good answer within 10s: %w\n%s", err, process.Output())
		}
		if err := process.Stop(); err != nil {
			return nil, err
		}
		all = append(all, float64(elapsed.Microseconds())/1000)
	}
	return all, nil
}

// peakRSS is the most memory that the process held while it was under load.
func (b *bench) peakRSS(ctx context.Context, s subject, connections int) (float64, error) {
	done := make(chan error, 1)
	go func() {
		_, err := load.Run(ctx, load.Options{Addr: s.addr, Request: s.request, Connections: connections, Duration: 4 * b.Slice, Want: http.StatusOK})
		done <- err
	}()
	var peak int64
	for {
		rss, err := kit.RSS(s.pid)
		if err != nil {
			return 0, err
		}
		peak = max(peak, rss)
		select {
		case err := <-done:
			return megabytes(peak), err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
