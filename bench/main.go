// Command bench builds rolecall's programs, measures them as processes and prints a table: each figure
// beside the floor that was measured in the same minutes (a bare net/http handler that writes the same
// bytes; a static program that links net/http and prints hello).
//
//	go run ./bench            everything, about ten minutes
//	go run ./bench -smoke     a few seconds of each, to see that all of it works
//	go run ./bench -only agent
//
// It writes bench/out/result.json too. Only Linux: it reads /proc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/test/kit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are how much is measured.
type settings struct {
	Rounds      int           // slices of each subject, interleaved
	Slice       time.Duration // of load
	Connections int
	Starts      int // runs of each program whose start is timed
	Sessions    int64
}

var (
	full  = settings{Rounds: 9, Slice: 1500 * time.Millisecond, Connections: 16, Starts: 60, Sessions: 1_000_000}
	smoke = settings{Rounds: 1, Slice: 300 * time.Millisecond, Connections: 16, Starts: 3, Sessions: 2_000}
)

// row is one line of the table.
type row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Limit is the most that the project allows itself; 0 where there is none.
	Limit float64 `json:"limit,omitempty"`
	// Least is the least that it asks of itself; 0 where there is none.
	Least  float64 `json:"least,omitempty"`
	Detail string  `json:"detail,omitempty"`
}

func (r row) met() bool {
	return (r.Limit == 0 || r.Value <= r.Limit) && (r.Least == 0 || r.Value >= r.Least)
}

// bench is one run: where it works and what it found.
type bench struct {
	settings
	dir      string // temporary
	programs kit.Programs
	floor    string // program
	hello    string // program
	rows     []row
	notes    []string
}

func (b *bench) add(r row) {
	b.rows = append(b.rows, r)
	fmt.Fprintf(os.Stderr, "  %-62s %s\n", r.Name, r.figure())
}

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// part is a group of measurements that can be run alone.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

func run(ctx context.Context) (err error) {
	small := flag.Bool("smoke", false, "measure briefly, to see that everything works; the figures mean little")
	only := flag.String("only", "", "run the parts that match this `pattern`: start, agent, plane, sessions")
	out := flag.String("out", "", "write the JSON to this `file` (default bench/out/result.json)")
	sessions := flag.Int64("sessions", 0, "issue so many sessions instead of a million")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	b := &bench{settings: full}
	if *small {
		b.settings = smoke
	}
	if *sessions > 0 {
		b.Sessions = *sessions
	}
	root, err := kit.Root()
	if err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "rolecall-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	fmt.Fprintln(os.Stderr, "building")
	if b.programs, err = kit.Build(ctx, root, b.dir, "./bench/floor", "./bench/hello"); err != nil {
		return err
	}
	b.floor, b.hello = filepath.Join(b.dir, "floor"), filepath.Join(b.dir, "hello")
	ran := 0
	for _, p := range []part{{"start", (*bench).start}, {"agent", (*bench).agent}, {"plane", (*bench).plane}, {"sessions", (*bench).sessions}} {
		if !pattern.MatchString(p.name) {
			continue
		}
		ran++
		fmt.Fprintln(os.Stderr, p.name)
		if err := p.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if ran == 0 {
		return fmt.Errorf("no part matches %q", *only)
	}
	if *out == "" {
		*out = filepath.Join(root, "bench", "out", "result.json")
	}
	fmt.Print(b.table())
	return b.write(*out)
}

func (b *bench) write(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(struct {
		Conditions conditions `json:"conditions"`
		Settings   settings   `json:"settings"`
		Rows       []row      `json:"rows"`
		Notes      []string   `json:"notes,omitempty"`
	}{observe(), b.settings, b.rows, b.notes}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// figure is the value as people read it.
func (r row) figure() string {
	digits := 2
	switch {
	case r.Value >= 100:
		digits = 0
	case r.Value >= 10:
		digits = 1
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, r.Value, r.Unit))
}

// table renders the rows as Markdown.
func (b *bench) table() string {
	var t strings.Builder
	t.WriteString("| measure | figure | allowed | met | detail |\n|---|---|---|---|---|\n")
	for _, r := range b.rows {
		limit, met := "", ""
		if r.Limit > 0 || r.Least > 0 {
			limit, met = row{Value: r.Limit, Unit: r.Unit}.figure(), "yes"
			if r.Least > 0 {
				limit = "at least " + row{Value: r.Least, Unit: r.Unit}.figure()
			}
			if !r.met() {
				met = "**no**"
			}
		}
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %s |\n", r.Name, r.figure(), limit, met, r.Detail)
	}
	c := observe()
	fmt.Fprintf(&t, "\n%s, %d processors (%s), Linux %s, load average %s at the end. %d rounds of %s at %d connections, client on the same machine.\n",
		c.Go, c.Processors, c.Model, c.Kernel, c.Load, b.Rounds, b.Slice, b.Connections)
	for _, n := range b.notes {
		t.WriteString("\n" + n + "\n")
	}
	return t.String()
}
