package rolecall_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rolecall-dev/rolecall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a provider whose answers a test sets; each takes delay and honours its context.
type source struct {
	calls atomic.Int64
	mu    sync.Mutex
	delay time.Duration
	life  time.Duration
	err   error
	give  *rolecall.Credentials
}

func (s *source) set(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *source) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	n := s.calls.Add(1)
	s.mu.Lock()
	delay, life, err, give := s.delay, s.life, s.err, s.give
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return rolecall.Credentials{}, context.Cause(ctx)
	}
	if give != nil || err != nil {
		if give == nil {
			give = &rolecall.Credentials{}
		}
		return *give, err
	}
	c := rolecall.Credentials{AccessKeyID: fmt.Sprintf("key%d", n), SecretAccessKey: rolecall.NewSecret("s")}
	if life > 0 {
		c.Expires = time.Now().Add(life)
	}
	return c, nil
}

func retrieve(t *testing.T, c *rolecall.Cache, want string) {
	t.Helper()
	got, err := c.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != want {
		t.Fatalf("got %q, %v; want %q", got.AccessKeyID, err, want)
	}
}

func inBubble(t *testing.T, s *source, o rolecall.CacheOptions, test func(*testing.T, *rolecall.Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := rolecall.NewCache(s, o)
		defer c.Close()
		test(t, c)
	})
}

func TestCacheAsksOnceForAll(t *testing.T) {
	s := &source{delay: time.Second}
	inBubble(t, s, rolecall.CacheOptions{}, func(t *testing.T, c *rolecall.Cache) {
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { retrieve(t, c, "key1") })
		}
		wg.Wait()
		time.Sleep(1000 * time.Hour)
		retrieve(t, c, "key1") // never expires: never renewed
		if n := s.calls.Load(); n != 1 {
			t.Fatalf("%d calls", n)
		}
	})
}

func TestCacheRenewsAheadWhileNobodyWaits(t *testing.T) {
	s := &source{life: time.Hour}
	inBubble(t, s, rolecall.CacheOptions{Jitter: -1}, func(t *testing.T, c *rolecall.Cache) {
		retrieve(t, c, "key1")
		s.set(func(s *source) { s.delay = 30 * time.Second })
		time.Sleep(40*time.Minute - time.Second)
		retrieve(t, c, "key1")
		time.Sleep(2 * time.Second)
		before := time.Now()
		retrieve(t, c, "key1") // the renewal is under way, the old ones are served meanwhile
		if waited := time.Since(before); waited != 0 {
			t.Fatalf("waited %v", waited)
		}
		time.Sleep(30 * time.Second)
		retrieve(t, c, "key2")
		if n := s.calls.Load(); n != 2 {
			t.Fatalf("%d calls", n)
		}
		time.Sleep(24 * time.Hour) // goes on without anybody asking
		before = time.Now()
		if _, err := c.Retrieve(t.Context()); err != nil || time.Since(before) != 0 {
			t.Fatalf("waited %v: %v", time.Since(before), err)
		}
	})
}

func TestCacheJitterSpreadsRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, last := time.Hour, time.Duration(0)
		for range 50 {
			s := &source{life: time.Hour}
			c := rolecall.NewCache(s, rolecall.CacheOptions{RefreshBefore: 10 * time.Minute, Jitter: 0.5})
			start := time.Now()
			retrieve(t, c, "key1")
			for s.calls.Load() == 1 {
				time.Sleep(time.Second)
				synctest.Wait()
			}
			at := time.Since(start)
			first, last = min(first, at), max(last, at)
			c.Close()
		}
		if first < 45*time.Minute || last > 50*time.Minute+time.Second || last-first < time.Minute {
			t.Fatalf("renewed after %v to %v", first, last)
		}
	})
}

func TestCacheShortLivesAreRenewedHalfWay(t *testing.T) {
	s := &source{life: 10 * time.Minute}
	inBubble(t, s, rolecall.CacheOptions{Jitter: -1}, func(t *testing.T, c *rolecall.Cache) {
		retrieve(t, c, "key1")
		time.Sleep(5*time.Minute + time.Second)
		retrieve(t, c, "key2")
	})
}

func TestCacheOutage(t *testing.T) {
	s := &source{life: time.Hour}
	inBubble(t, s, rolecall.CacheOptions{Jitter: -1}, func(t *testing.T, c *rolecall.Cache) {
		retrieve(t, c, "key1")
		down := errors.New("upstream is down")
		s.set(func(s *source) { s.err = down })
		time.Sleep(time.Hour - time.Second)
		retrieve(t, c, "key1") // still valid: survives 20 minutes of failures
		failures := s.calls.Load() - 1
		if failures < 10 || failures > 16 { // 5 s doubling up to 2 min, over 20 min
			t.Fatalf("%d retries", failures)
		}
		time.Sleep(2 * time.Second)
		if got, err := c.Retrieve(t.Context()); !errors.Is(err, down) || got.AccessKeyID != "" {
			t.Fatalf("after the expiry: %v, %v", got, err)
		}
		calls := s.calls.Load()
		time.Sleep(time.Hour)
		if n := s.calls.Load(); n != calls {
			t.Fatalf("%d calls while nobody asked and nothing was valid", n-calls)
		}
		s.set(func(s *source) { s.err = nil })
		if _, err := c.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCacheRefusesWhatIsNoGood(t *testing.T) {
	for name, give := range map[string]rolecall.Credentials{
		"empty":     {},
		"no secret": {AccessKeyID: "a"},
		"no id":     {SecretAccessKey: rolecall.NewSecret("s")},
		"expired":   {AccessKeyID: "a", SecretAccessKey: rolecall.NewSecret("s"), Expires: time.Unix(1, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			s := &source{give: &give}
			inBubble(t, s, rolecall.CacheOptions{}, func(t *testing.T, c *rolecall.Cache) {
				if got, err := c.Retrieve(t.Context()); err == nil || got.AccessKeyID != "" {
					t.Fatalf("got %v, %v", got, err)
				}
				s.set(func(s *source) { s.give = nil })
				retrieve(t, c, "key2")
			})
		})
	}
}

// A renewal that yields rubbish does not replace what is valid.
func TestCacheKeepsGoodOverBad(t *testing.T) {
	s := &source{life: time.Hour}
	inBubble(t, s, rolecall.CacheOptions{}, func(t *testing.T, c *rolecall.Cache) {
		retrieve(t, c, "key1")
		s.set(func(s *source) { s.give = &rolecall.Credentials{AccessKeyID: "half"} })
		time.Sleep(59 * time.Minute)
		retrieve(t, c, "key1")
	})
}

func TestCacheCallersLeaveTheCallRuns(t *testing.T) {
	s := &source{delay: 10 * time.Second}
	inBubble(t, s, rolecall.CacheOptions{}, func(t *testing.T, c *rolecall.Cache) {
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.Retrieve(impatient); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		retrieve(t, c, "key1") // the first caller's going did not end the call
		if waited := time.Since(start); waited != 10*time.Second {
			t.Fatalf("waited %v", waited)
		}
	})
}

func TestCacheTimeout(t *testing.T) {
	s := &source{delay: time.Hour}
	inBubble(t, s, rolecall.CacheOptions{Timeout: 3 * time.Second}, func(t *testing.T, c *rolecall.Cache) {
		start := time.Now()
		if _, err := c.Retrieve(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestCacheInvalidate(t *testing.T) {
	s := &source{delay: time.Second}
	inBubble(t, s, rolecall.CacheOptions{}, func(t *testing.T, c *rolecall.Cache) {
		retrieve(t, c, "key1")
		c.Invalidate()
		var wg sync.WaitGroup
		wg.Go(func() { retrieve(t, c, "key2") })
		synctest.Wait()
		c.Invalidate() // while the second call is under way
		retrieve(t, c, "key3")
		wg.Wait()
		retrieve(t, c, "key3")
	})
}

func TestCacheClose(t *testing.T) {
	s := &source{delay: time.Hour}
	synctest.Test(t, func(t *testing.T) {
		c := rolecall.NewCache(s, rolecall.CacheOptions{Timeout: 2 * time.Hour})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Retrieve(t.Context()); !errors.Is(err, rolecall.ErrCacheClosed) {
				t.Errorf("waiting at Close: %v", err)
			}
		})
		synctest.Wait()
		c.Close()
		wg.Wait()
		if _, err := c.Retrieve(t.Context()); !errors.Is(err, rolecall.ErrCacheClosed) {
			t.Errorf("after Close: %v", err)
		}
		c.Close()
	})
}

// Many callers, short lives, failures and invalidations at once, for the race detector; whatever
// comes out must be valid.
func TestCacheUnderLoad(t *testing.T) {
	s := &source{life: 20 * time.Millisecond, delay: time.Millisecond}
	c := rolecall.NewCache(s, rolecall.CacheOptions{RetryMin: time.Millisecond})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 2000 {
				got, err := c.Retrieve(t.Context())
				if err == nil && !got.Complete() {
					t.Error("incomplete credentials")
				}
				switch {
				case i == 0 && j%200 == 0:
					c.Invalidate()
				case i == 1 && j%100 == 0:
					s.set(func(s *source) { s.err = errors.New("down") })
				case i == 1 && j%100 == 50:
					s.set(func(s *source) { s.err = nil })
				}
			}
		})
	}
	wg.Wait()
	c.Close()
}

func BenchmarkCacheRetrieve(b *testing.B) {
	c := rolecall.NewCache(&source{life: time.Hour}, rolecall.CacheOptions{})
	defer c.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Retrieve(context.Background()); err != nil {
				b.Error(err)
			}
		}
	})
}
