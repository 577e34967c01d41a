// Package delivery writes down who got which credentials: one JSON line per request that an endpoint
// answered or refused. Lines are made and written off the request's path; a request only leaves a
// note of what happened.
//
// It is a record, not an approval: when it cannot be written, deliveries go on and the loss is
// logged and counted. A process that is killed loses the notes of its last few hundredths of a second.
package delivery

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
)

// Event is what happened to one request.
type Event struct {
	// At is Unix nanoseconds.
	At int64
	// Endpoint is "container" or "instance".
	Endpoint string
	Conn     *guard.Conn
	// Workload is nil where the request did not get as far as one.
	Workload *Workload
	// Answer is what was delivered; nil for a refusal.
	Answer *broker.Answer
	// Status and Code are the answer's HTTP status and, for a refusal, its code.
	Status int
	Code   string
}

// Workload is what the record says of a workload.
type Workload struct{ Name, RoleARN string }

const (
	// pause gathers notes, so that a busy agent writes often enough and not for each.
	pause = 20 * time.Millisecond
	// most is how many notes wait; beyond, requests wait for the writer.
	most = 8 << 10
	// pidsPerSecond bounds how often the table of processes is searched.
	pidsPerSecond = 5
)

// Log is the record. Its writer is a goroutine that [Log.Close] waits for.
type Log struct {
	logger *slog.Logger
	open   func() (io.WriteCloser, error)

	mu     sync.Mutex
	room   sync.Cond
	notes  []Event
	closed bool

	signal  chan struct{}
	hurry   chan struct{}
	reopen  chan struct{}
	done    chan struct{}
	limited atomic.Int64
	lost    atomic.Int64

	// The rest is the writer's.
	out       io.WriteCloser
	spare     []Event
	buffer    []byte
	failing   bool
	summed    time.Time
	pids      int
	pidSecond int64
}

// File opens a record in the file of that name (mode 0600, appended to).
func File(name string, logger *slog.Logger) (*Log, error) {
	return New(func() (io.WriteCloser, error) {
		return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	}, logger)
}

// New opens a record in what open returns; [Log.Reopen] calls it again.
func New(open func() (io.WriteCloser, error), logger *slog.Logger) (*Log, error) {
	out, err := open()
	if err != nil {
		return nil, fmt.Errorf("opening the record of deliveries: %w", err)
	}
	l := &Log{
		logger: logger, open: open, out: out,
		signal: make(chan struct{}, 1), hurry: make(chan struct{}, 1), reopen: make(chan struct{}, 1), done: make(chan struct{}),
	}
	l.room.L = &l.mu
	go l.run()
	return l, nil
}

// Add notes e. It does not block unless the writer is thousands of notes behind. A nil Log notes nothing.
func (l *Log) Add(e Event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	for len(l.notes) >= most && !l.closed {
		l.room.Wait()
	}
	if !l.closed {
		l.notes = append(l.notes, e)
	}
	n := len(l.notes)
	l.mu.Unlock()
	switch n {
	case 1:
		l.wake()
	case most / 2:
		poke(l.hurry)
	}
}

// Limited counts a request that was refused because its caller asks too often. Those get no line each,
// or a flood would fill the disk: the next line that is written tells how many there were.
func (l *Log) Limited() {
	if l != nil && l.limited.Add(1)%1024 == 1 {
		l.wake()
	}
}

// Reopen makes the writer open its file anew, after it was rotated away.
func (l *Log) Reopen() {
	if l == nil {
		return
	}
	poke(l.reopen)
	l.wake()
}

// Close writes what was noted and ends the record.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	l.closed = true
	l.room.Broadcast()
	l.mu.Unlock()
	poke(l.hurry)
	l.wake()
	<-l.done
	return l.out.Close()
}

func (l *Log) wake() { poke(l.signal) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (l *Log) run() {
	defer close(l.done)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for range l.signal {
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-l.hurry:
		}
		l.mu.Lock()
		closed := l.closed
		l.mu.Unlock()
		l.flush()
		if closed {
			return
		}
	}
}

func (l *Log) flush() {
	select {
	case <-l.reopen:
		l.swapFile()
	default:
	}
	l.mu.Lock()
	notes := l.notes
	l.notes = l.spare[:0]
	l.room.Broadcast()
	l.mu.Unlock()
	for i := range notes {
		l.buffer = l.line(l.buffer, &notes[i])
		if len(l.buffer) >= chunk {
			l.write()
		}
	}
	l.buffer = l.sumLimited(l.buffer)
	l.write()
	clear(notes) // so that connections and credentials are not kept by the spare
	l.spare = notes
}

// chunk is how much is written at once.
const chunk = 32 << 10

// sumLimited appends the count of limited requests, at most once in a second.
func (l *Log) sumLimited(b []byte) []byte {
	now := time.Now()
	if now.Sub(l.summed) < time.Second {
		return b
	}
	n := l.limited.Swap(0)
	if n == 0 {
		return b
	}
	l.summed = now
	return limitedLine(b, now, n)
}

func (l *Log) swapFile() {
	out, err := l.open()
	if err != nil {
		l.logger.Error("reopening the record of deliveries", "error", err)
		return
	}
	if err := l.out.Close(); err != nil {
		l.logger.Warn("closing the record of deliveries", "error", err)
	}
	l.out = out
}

// write empties the buffer.
func (l *Log) write() {
	if len(l.buffer) == 0 {
		return
	}
	_, err := l.out.Write(l.buffer)
	lines := bytes.Count(l.buffer, []byte("\n"))
	l.buffer = l.buffer[:0]
	switch {
	case err != nil:
		lost := l.lost.Add(int64(lines))
		if !l.failing {
			l.logger.Error("the record of deliveries cannot be written; credentials are delivered all the same", "error", err, "lost", lost)
		}
		l.failing = true
	case l.failing:
		l.failing = false
		l.logger.Warn("the record of deliveries is written again", "lost", l.lost.Load())
	}
}

// Lost returns how many lines could not be written.
func (l *Log) Lost() int64 { return l.lost.Load() }
