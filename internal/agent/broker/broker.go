// Package broker holds the sessions of this node's workloads: it gets them ahead of time, once each,
// keeps them through outages of their issuer, and hands them out from memory.
//
// It knows nothing of HTTP and of how a caller proves to be a workload: the endpoints do.
package broker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/rolecall-dev/rolecall"
)

// Upstream issues a session for a workload. It honours ctx. An error that matches [Refusal] is
// final until somebody changes something; any other is an outage.
type Upstream interface {
	Session(ctx context.Context, w Workload) (rolecall.Credentials, error)
}

// UpstreamFunc lets a function be an [Upstream].
type UpstreamFunc func(ctx context.Context, w Workload) (rolecall.Credentials, error)

// Session calls f.
func (f UpstreamFunc) Session(ctx context.Context, w Workload) (rolecall.Credentials, error) {
	return f(ctx, w)
}

// Store keeps sessions over a restart. A failure of it is logged and otherwise harmless.
type Store interface {
	// Load returns what Save kept for exactly this workload, all parts equal, and when it was
	// obtained; the zero Credentials if there is nothing.
	Load(w Workload) (c rolecall.Credentials, obtained time.Time, err error)
	Save(w Workload, c rolecall.Credentials, obtained time.Time) error
	// Delete removes what is kept under the workload's name.
	Delete(name string) error
}

// Options make a [Broker]. Upstream and Logger are required; zero values elsewhere mean the default.
type Options struct {
	Upstream Upstream
	Store    Store
	Logger   *slog.Logger
	// FetchTimeout bounds one call of Upstream; default 15 s.
	FetchTimeout time.Duration
	// MinLife is how much life a session keeps at least, where its length allows it; default 23
	// minutes. Below 15 minutes botocore asks again at every call, below 20 it stretches an instance
	// role's expiry; the rest is for the refresh itself and its first retries.
	MinLife time.Duration
	// Rate and Burst limit calls of Upstream over all workloads; default 20/s, 50.
	Rate  float64
	Burst int
	// Concurrent bounds calls of Upstream at one time; default 8.
	Concurrent int
}

// Broker owns one goroutine per workload. Make it with [New], end it with [Broker.Close].
type Broker struct {
	o       Options
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	limiter *rate.Limiter
	slots   chan struct{}

	mu       sync.Mutex
	sessions map[string]*Session
	closed   bool
}

// New returns a broker without workloads.
func New(o Options) *Broker {
	if o.FetchTimeout <= 0 {
		o.FetchTimeout = 15 * time.Second
	}
	if o.MinLife <= 0 {
		o.MinLife = 23 * time.Minute
	}
	if o.Rate <= 0 {
		o.Rate = 20
	}
	if o.Burst <= 0 {
		o.Burst = 50
	}
	if o.Concurrent <= 0 {
		o.Concurrent = 8
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Broker{
		o: o, ctx: ctx, cancel: cancel,
		limiter:  rate.NewLimiter(rate.Limit(o.Rate), o.Burst),
		slots:    make(chan struct{}, o.Concurrent),
		sessions: map[string]*Session{},
	}
}

// Set makes workloads the ones that are served, and returns the session of each by name. A workload
// whose parts are all as before keeps its session; one that changed or is gone loses its credentials
// before Set returns, in memory and in the store. Names must be unique.
func (b *Broker) Set(workloads []Workload) map[string]*Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := make(map[string]*Session, len(workloads))
	if b.closed {
		return next
	}
	for _, w := range workloads {
		if s := b.sessions[w.Name]; s != nil && s.key == w.Key() {
			next[w.Name] = s
		}
	}
	for name, s := range b.sessions {
		if next[name] == nil {
			s.end()
			b.forget(name)
		}
	}
	for _, w := range workloads {
		if next[w.Name] == nil {
			next[w.Name] = b.start(w)
		}
	}
	b.sessions = next
	out := make(map[string]*Session, len(next))
	for name, s := range next {
		out[name] = s
	}
	return out
}

// Session returns the session of the workload of that name.
func (b *Broker) Session(name string) (*Session, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.sessions[name]
	return s, ok
}

// Close ends all refreshing and waits for it. Sessions that are in memory are dropped; the store
// keeps them for the next start.
func (b *Broker) Close() {
	b.mu.Lock()
	b.closed = true
	b.cancel()
	sessions := b.sessions
	b.sessions = map[string]*Session{}
	b.mu.Unlock()
	b.wg.Wait()
	for _, s := range sessions {
		s.end()
	}
}

func (b *Broker) forget(name string) {
	if b.o.Store == nil {
		return
	}
	if err := b.o.Store.Delete(name); err != nil {
		b.o.Logger.Warn("removing a stored session", "workload", name, "error", err)
	}
}

func (b *Broker) start(w Workload) *Session {
	ctx, cancel := context.WithCancel(b.ctx)
	s := &Session{
		b: b, w: w.clone(), key: w.Key(),
		cancel: cancel, kick: make(chan struct{}, 1), attempt: make(chan struct{}),
	}
	s.due = time.Now().Round(0)
	s.warm()
	b.wg.Add(1)
	go func() {
		defer b.wg.Done()
		s.run(ctx)
	}()
	return s
}

// refreshAfter returns how long after it was obtained a session of that length is renewed: at half
// of its life ± 10 %, or earlier where that would leave less than minLife and the length allows
// better. random is in [0, 1).
func refreshAfter(length, minLife time.Duration, random float64) time.Duration {
	half := time.Duration(float64(length) / 2 * (0.9 + 0.2*random))
	early := length - minLife
	// Renewing within the first tenth of its life would be a call for nearly every minute of service.
	if early < half && early >= length/10 {
		return time.Duration(float64(early) * (0.9 + 0.1*random))
	}
	return half
}

// Delays between failed attempts: at an outage, and after a refusal, which only a person can mend.
const (
	outageFirst, outageMost   = 500 * time.Millisecond, 30 * time.Second
	refusalFirst, refusalMost = 10 * time.Second, 5 * time.Minute
)

func backoff(failures int, refused bool, random float64) time.Duration {
	first, most := outageFirst, outageMost
	if refused {
		first, most = refusalFirst, refusalMost
	}
	d := most
	if failures < 16 {
		d = min(most, first<<max(0, failures-1))
	}
	return time.Duration(float64(d) * (0.5 + 0.5*random))
}

func random() float64 { return rand.Float64() } //nolint:gosec // spreads load, guards nothing
