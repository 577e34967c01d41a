package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// ErrClosed is what appending to a log returns after a write failed, or after Close. The operation
// must fail.
var ErrClosed = errors.New("audit log takes no records")

// Options of a log. The zero value has the defaults.
type Options struct {
	// Key authenticates the head: 32 bytes, from state.MasterKey.MAC. Without it the head is only a
	// checksum.
	Key []byte
	// Log is told of failures and repairs; default discards.
	Log *slog.Logger
	// Now is the clock for the log's own records; default time.Now.
	Now func() time.Time
	// MaxFile is the size in bytes from which a new file begins; default 64 MiB.
	MaxFile int64
	// Queue is how many records may wait; default 8192. AppendAsync blocks when it is full.
	Queue int
	// Linger is how long records of AppendAsync may wait for others, so that one write takes many;
	// default 5 ms. Append does not wait for it.
	Linger time.Duration
	// SyncEvery is how long what AppendAsync wrote may be in the system's memory only; default 1 s. A crash
	// of the process loses nothing of it, a crash of the machine can.
	SyncEvery time.Duration
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxFile <= 0 {
		o.MaxFile = 64 << 20
	}
	if o.Queue <= 0 {
		o.Queue = 8192
	}
	if o.Linger <= 0 {
		o.Linger = 5 * time.Millisecond
	}
	if o.SyncEvery <= 0 {
		o.SyncEvery = time.Second
	}
}

// file is what the writer needs of *os.File.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// Log is an open audit log. It is safe for concurrent use.
type Log struct {
	options Options
	dir     string
	head    *os.File

	mu     sync.Mutex
	room   sync.Cond // the queue was emptied, or the log closed
	queue  []Event
	batch  *batch // of what is in the queue
	closed error  // why no more records are taken

	wake    chan struct{} // there is something in the queue
	urgent  chan struct{} // and somebody waits for it, or it is getting full
	closing chan struct{} // Close was called
	done    chan struct{} // the writer has ended

	// What follows is the writer's alone.
	out      file
	size     int64
	last     link
	buffer   []byte
	spare    []Event
	unsynced bool      // something was written since the last sync,
	since    time.Time // the first of it then
	create   func(path string) (file, error)
}

// batch is what one write takes. Those who wait for it read err once done is closed.
type batch struct {
	done chan struct{}
	err  error
	sync bool // somebody waits
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// Append records what changes something. It returns once the record is on disk: call it before the
// change is acknowledged. An error means that the operation must fail. The context is only asked
// before: whether a record that is queued gets written does not depend on the caller's patience.
func (l *Log) Append(ctx context.Context, e *Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := l.enqueue(e, true)
	if err != nil {
		return err
	}
	<-b.done
	return b.err
}

// AppendAsync records reads, refusals and the issuing of credentials: the record is queued and
// written within milliseconds. It blocks only if the queue is full, and fails once a write failed;
// the operation must then fail. e is copied, but not what it points to.
func (l *Log) AppendAsync(e *Event) error {
	_, err := l.enqueue(e, false)
	return err
}

func (l *Log) enqueue(e *Event, wait bool) (*batch, error) {
	l.mu.Lock()
	for l.closed == nil && len(l.queue) >= l.options.Queue {
		l.room.Wait()
	}
	if l.closed != nil {
		defer l.mu.Unlock()
		return nil, l.closed
	}
	l.queue = append(l.queue, *e)
	b := l.batch
	first := len(l.queue) == 1
	hurry := wait && !b.sync || len(l.queue) == l.options.Queue/2
	b.sync = b.sync || wait
	l.mu.Unlock()
	if first {
		signal(l.wake)
	}
	if hurry {
		signal(l.urgent)
	}
	return b, nil
}

// signal sends unless a signal waits already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Err returns why the log takes no more records, nil while it does.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Close writes what is queued, syncs, and waits for the writer. It returns the failure that ended
// the log, if one did.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed == nil { // else the writer ends by itself, or has
		l.closed = fmt.Errorf("%w: it was closed", ErrClosed)
		l.room.Broadcast()
		close(l.closing)
	}
	l.mu.Unlock()
	<-l.done
	err := l.head.Close()
	if l.out != nil {
		err = errors.Join(l.batchErr(), l.out.Close(), err)
		l.out = nil
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("closing the audit log: %w", err)
	}
	return nil
}

// batchErr is the failure of the last batch.
func (l *Log) batchErr() error { return l.batch.err }

// run is the writer. It ends when the log was closed and the queue is written, or when a write
// failed.
func (l *Log) run() {
	defer close(l.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	closing := false
	for !closing {
		idle := time.Hour
		if l.unsynced {
			idle = max(0, l.options.SyncEvery-time.Since(l.since))
		}
		timer.Reset(idle)
		select {
		case <-l.wake:
			timer.Reset(l.options.Linger)
			select {
			case <-timer.C:
			case <-l.urgent:
			case <-l.closing:
				closing = true
			}
		case <-l.urgent:
		case <-timer.C:
		case <-l.closing:
			closing = true
		}
		if err := l.write(closing); err != nil {
			l.fail(err)
			return
		}
	}
}

// write takes the queue to the disk.
func (l *Log) write(closing bool) error {
	l.mu.Lock()
	events, b := l.queue, l.batch
	l.queue, l.spare = l.spare[:0], nil
	l.batch = newBatch()
	l.room.Broadcast()
	l.mu.Unlock()

	b.err = l.writeEvents(events)
	due := l.unsynced && (b.sync || closing || time.Since(l.since) >= l.options.SyncEvery)
	if b.err == nil && due {
		b.err = l.flush()
	}
	clear(events) // lets go of what the events point to
	l.spare = events
	if b.err == nil {
		close(b.done)
		return nil
	}
	// Those who wait must not be told before everybody is refused.
	err := b.err
	defer close(b.done)
	l.refuse(err)
	b.err = l.Err()
	return err
}

// maxWrite bounds the buffer.
const maxWrite = 1 << 20

func (l *Log) writeEvents(events []Event) error {
	last, buffer := l.last, l.buffer[:0]
	for i := range events {
		start := len(buffer)
		buffer = appendEvent(buffer, &events[i])
		buffer, last = appendChain(buffer, start, last)
		buffer = append(buffer, '\n')
		full := l.size+int64(len(buffer)) >= l.options.MaxFile
		if i < len(events)-1 && len(buffer) < maxWrite && !full {
			continue
		}
		if err := l.put(buffer, last); err != nil {
			return err
		}
		buffer = buffer[:0]
		if full {
			if err := l.next(); err != nil {
				return err
			}
		}
	}
	if cap(buffer) <= 2*maxWrite {
		l.buffer = buffer
	}
	return nil
}

// put writes whole lines, the last of which is at last in the chain.
func (l *Log) put(lines []byte, last link) error {
	n, err := l.out.Write(lines)
	if err != nil {
		if n > 0 {
			// Half a line would only be in the way of those who read; the next start would cut it off too.
			err = errors.Join(err, l.out.Truncate(l.size))
		}
		return fmt.Errorf("writing the audit log: %w", err)
	}
	l.size += int64(n)
	l.last = last
	if !l.unsynced {
		l.unsynced, l.since = true, time.Now()
	}
	return nil
}

// flush syncs the file and moves the head.
func (l *Log) flush() error {
	if err := l.out.Sync(); err != nil {
		return fmt.Errorf("syncing the audit log: %w", err)
	}
	l.unsynced = false
	if err := writeHead(l.head, newHead(l.last, l.options.Key)); err != nil {
		return fmt.Errorf("writing the head of the audit log: %w", err)
	}
	return nil
}

// next begins a new file.
func (l *Log) next() error {
	if err := l.flush(); err != nil {
		return err
	}
	out, err := l.create(fileName(l.dir, l.last.sequence+1))
	if err != nil {
		return fmt.Errorf("beginning a file of the audit log: %w", err)
	}
	old := l.out
	l.out, l.size = out, 0
	if err := old.Close(); err != nil {
		return fmt.Errorf("closing a file of the audit log: %w", err)
	}
	return nil
}

// refuse makes the log take no more records.
func (l *Log) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil || !errors.Is(l.closed, err) {
		l.closed = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	l.room.Broadcast()
}

// fail tells those who wait for records that will not be written any more.
func (l *Log) fail(err error) {
	l.options.Log.Error("audit log failed; operations are refused until it can be written again and the plane is restarted", "error", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batch.err = l.closed
	close(l.batch.done)
	l.queue = nil
}
