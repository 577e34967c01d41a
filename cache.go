package rolecall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// CacheOptions configure a [Cache]. The zero value is usable.
type CacheOptions struct {
	// RefreshBefore is how long before their expiry credentials are renewed in the background;
	// 0 is 20 minutes. Credentials that live less than twice as long are renewed after half their
	// life.
	RefreshBefore time.Duration
	// Jitter is the part of RefreshBefore, up to 1, by which renewals start earlier at random, so
	// that what was got together is not renewed together; 0 is 0.2, negative is none.
	Jitter float64
	// Timeout bounds one call of the provider, however many callers wait for it; 0 is 60 seconds.
	Timeout time.Duration
	// RetryMin and RetryMax bound the pause, which doubles, between failed background renewals;
	// 0 is 5 seconds and 2 minutes.
	RetryMin, RetryMax time.Duration
	// Logger gets failed background renewals; nil discards them.
	Logger *slog.Logger
}

func (o CacheOptions) withDefaults() CacheOptions {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&o.RefreshBefore, 20*time.Minute)
	set(&o.Timeout, time.Minute)
	set(&o.RetryMin, 5*time.Second)
	set(&o.RetryMax, 2*time.Minute)
	o.RetryMax = max(o.RetryMin, o.RetryMax)
	switch {
	case o.Jitter == 0:
		o.Jitter = 0.2
	case o.Jitter < 0:
		o.Jitter = 0
	}
	o.Jitter = min(o.Jitter, 1)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrCacheClosed is what [Cache.Retrieve] returns after [Cache.Close].
var ErrCacheClosed = errors.New("credentials cache is closed")

// Cache keeps one provider's credentials fresh. It never yields expired or incomplete ones, and
// callers wait for the provider only when there are none that are valid.
type Cache struct {
	provider Provider
	options  CacheOptions
	current  atomic.Pointer[cached] // what Retrieve serves; read without a lock

	ctx    context.Context // of all calls to the provider; ends with Close
	cancel context.CancelFunc
	calls  sync.WaitGroup

	mu     sync.Mutex
	call   *call // under way, nil if none
	timer  *time.Timer
	pause  time.Duration // before the next retry
	closed bool
}

// cached is immutable; a change swaps the pointer.
type cached struct {
	credentials Credentials
	refreshAt   time.Time // from when on a Retrieve starts a renewal; zero if never
}

// call is one call of the provider, for everybody who waits.
type call struct {
	done        chan struct{} // closed when the fields below are final
	credentials Credentials
	err         error
}

var _ Provider = (*Cache)(nil)

// NewCache returns a provider that remembers what p yields and renews it ahead of its expiry, in
// the background, until Close: also while nobody asks, so that nobody waits. Nothing is asked of p
// before the first Retrieve.
func NewCache(p Provider, o CacheOptions) *Cache {
	ctx, cancel := context.WithCancel(context.Background())
	return &Cache{provider: p, options: o.withDefaults(), ctx: ctx, cancel: cancel}
}

// Retrieve returns cached credentials while they are valid, without taking a lock. Otherwise it
// waits for one call of the provider, which all callers share: that call has the cache's own
// time-out and outlives any one caller, and each caller stops waiting when its ctx ends. An error
// of the provider is returned as it is; it is not remembered.
func (c *Cache) Retrieve(ctx context.Context) (Credentials, error) {
	if now, e := time.Now(), c.current.Load(); e != nil && !e.credentials.ExpiredAt(now) {
		if !e.refreshAt.IsZero() && !now.Before(e.refreshAt) {
			c.renew() // the timer is late: a laptop that slept stops its clock
		}
		return e.credentials, nil
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return Credentials{}, ErrCacheClosed
	}
	if e := c.current.Load(); e != nil && !e.credentials.ExpiredAt(time.Now()) {
		c.mu.Unlock() // a call ended in between
		return e.credentials, nil
	}
	flight := c.start()
	c.mu.Unlock()
	select {
	case <-flight.done:
		return flight.credentials, flight.err
	case <-ctx.Done():
		return Credentials{}, fmt.Errorf("waiting for credentials: %w", context.Cause(ctx))
	}
}

// Invalidate drops the cached credentials, for example because a service has refused them. The next
// Retrieve asks the provider anew, even if a call is under way; those who wait for that one still
// get its result.
func (c *Cache) Invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current.Store(nil)
	c.call = nil
	c.schedule(0)
}

// Close ends background work, cancels the call that is under way, and waits for it. Retrieve fails
// with [ErrCacheClosed] afterwards.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.current.Store(nil)
	c.schedule(0)
	c.mu.Unlock()
	c.cancel()
	c.calls.Wait()
}

// renew starts a call in the background unless one is under way.
func (c *Cache) renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.current.Load(); !c.closed && e != nil && !time.Now().Before(e.refreshAt) {
		c.start()
	}
}

// start returns the call that is under way, or a new one. c.mu is held.
func (c *Cache) start() *call {
	if c.call != nil {
		return c.call
	}
	flight := &call{done: make(chan struct{})}
	c.call = flight
	if e := c.current.Load(); e != nil {
		// No Retrieve needs to start another one before this must have ended.
		c.current.Store(&cached{e.credentials, time.Now().Add(c.options.Timeout).Round(0)})
	}
	c.calls.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, c.options.Timeout)
		defer cancel()
		got, err := c.provider.Retrieve(ctx)
		c.settle(flight, got, err)
	})
	return flight
}

// settle takes the result of a call.
func (c *Cache) settle(flight *call, got Credentials, err error) {
	now := time.Now()
	switch {
	case err != nil:
	case !got.Complete():
		err = errors.New("provider yielded incomplete credentials")
	case got.ExpiredAt(now):
		err = fmt.Errorf("provider yielded credentials that expired at %s", got.Expires.UTC().Format(time.RFC3339))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		flight.credentials = got
	}
	if err != nil && c.closed {
		err = ErrCacheClosed
	}
	flight.err = err
	close(flight.done)
	if c.closed || c.call != flight {
		return // invalidated meanwhile: good for those who waited, not for keeping
	}
	c.call = nil
	if err != nil {
		c.keep(now, err)
		return
	}
	c.pause = 0
	e := &cached{credentials: got}
	if got.CanExpire() {
		e.refreshAt = got.Expires.Add(-c.lead(got.Expires.Sub(now))).Round(0)
		c.schedule(e.refreshAt.Sub(now))
	}
	c.current.Store(e)
}

// keep goes on with still valid credentials after a renewal has failed, and tries again later.
func (c *Cache) keep(now time.Time, err error) {
	e := c.current.Load()
	if e == nil || e.credentials.ExpiredAt(now) {
		return // those who waited have the error; the next who asks tries again
	}
	c.pause = min(max(2*c.pause, c.options.RetryMin), c.options.RetryMax)
	wait := c.pause + time.Duration(c.options.Jitter*rand.Float64()*float64(c.pause)) //nolint:gosec // spreads load, guards nothing
	c.options.Logger.Warn("credentials could not be renewed; the present ones are still valid",
		"error", err, "expires", e.credentials.Expires, "retry_in", wait)
	c.current.Store(&cached{e.credentials, now.Add(wait).Round(0)})
	c.schedule(wait)
}

// lead is how long before its end credentials with that much life left are renewed.
func (c *Cache) lead(life time.Duration) time.Duration {
	lead := min(c.options.RefreshBefore, life/2)
	lead += time.Duration(c.options.Jitter * rand.Float64() * float64(lead)) //nolint:gosec // spreads load, guards nothing
	return min(lead, life-min(life/4, c.options.RetryMin))
}

// schedule sets the timer for the next renewal; 0 stops it. c.mu is held.
func (c *Cache) schedule(in time.Duration) {
	if c.timer != nil {
		c.timer.Stop()
	}
	if in > 0 && !c.closed {
		c.timer = time.AfterFunc(in, c.renew)
	}
}
