package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer is an upstream under the control of a test.
type issuer struct {
	mu     sync.Mutex
	life   time.Duration
	delay  time.Duration
	err    error
	broken func(*rolecall.Credentials)
	calls  []time.Time
	inside int
	most   int
}

func (i *issuer) Session(ctx context.Context, _ broker.Workload) (rolecall.Credentials, error) {
	i.mu.Lock()
	i.calls = append(i.calls, time.Now())
	n, life, delay, err, broken := len(i.calls), i.life, i.delay, i.err, i.broken
	i.inside++
	i.most = max(i.most, i.inside)
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.inside--
		i.mu.Unlock()
	}()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return rolecall.Credentials{}, fmt.Errorf("asking: %w", ctx.Err())
	}
	if err != nil {
		return rolecall.Credentials{}, err
	}
	c := rolecall.Credentials{
		AccessKeyID: fmt.Sprintf("ASIAEXAMPLE%04d", n), SecretAccessKey: rolecall.NewSecret("example-secret"),
		SessionToken: rolecall.NewSecret("example-token"), Expires: time.Now().Add(life),
		Origin: rolecall.Origin{Source: "test"},
	}
	if broken != nil {
		broken(&c)
	}
	return c, nil
}

func (i *issuer) set(change func(*issuer)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.calls)
}

func web() broker.Workload {
	return broker.Workload{Name: "web", RoleARN: "arn:aws:iam::123456789012:role/web"}
}

// run starts a broker over i in a bubble of its own clock.
func run(t *testing.T, i *issuer, test func(*testing.T, *broker.Broker, *broker.Session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Options{Upstream: i, Logger: slog.New(slog.DiscardHandler)})
		defer b.Close()
		s := b.Set([]broker.Workload{web()})["web"]
		test(t, b, s)
	})
}

func await(t *testing.T, s *broker.Session, patience time.Duration) (*broker.Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return s.Await(ctx)
}

func TestManyColdCallersMakeOneCall(t *testing.T) {
	i := &issuer{life: time.Hour, delay: 300 * time.Millisecond}
	run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if _, err := await(t, s, 900*time.Millisecond); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if i.count() != 1 {
			t.Errorf("%d calls upstream; want 1", i.count())
		}
	})
}

// Over a day, nobody ever finds less life than the endpoints promise, and no caller waits.
func TestAlwaysEnoughLife(t *testing.T) {
	for _, length := range []time.Duration{time.Hour, 12 * time.Hour, 30 * time.Minute, 26 * time.Minute} {
		t.Run(length.String(), func(t *testing.T) {
			i := &issuer{life: length, delay: 200 * time.Millisecond}
			run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
				if _, err := await(t, s, time.Second); err != nil {
					t.Fatal(err)
				}
				least := length
				for range 24 * 60 {
					time.Sleep(time.Minute)
					a := s.Answer(time.Now())
					if a == nil {
						t.Fatal("no credentials")
					}
					least = min(least, time.Until(a.Credentials.Expires))
				}
				if least <= 21*time.Minute {
					t.Errorf("a caller would find %s of life; want more than 21m", least)
				}
			})
		})
	}
}

func TestRenewalsAreSpread(t *testing.T) {
	var first []time.Duration
	for range 20 {
		i := &issuer{life: time.Hour}
		run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
			start := time.Now()
			time.Sleep(40 * time.Minute)
			i.mu.Lock()
			defer i.mu.Unlock()
			if len(i.calls) != 2 {
				t.Fatalf("%d calls in 40 minutes; want 2", len(i.calls))
			}
			first = append(first, i.calls[1].Sub(start))
		})
	}
	distinct := map[time.Duration]bool{}
	for _, d := range first {
		if d < 27*time.Minute || d > 33*time.Minute {
			t.Errorf("renewed after %s; want half of the life, 10%% more or less", d)
		}
		distinct[d.Round(time.Second)] = true
	}
	if len(distinct) < 10 {
		t.Errorf("renewals at %v: not spread", first)
	}
}

func TestShortSessionsAreRenewedAtHalfLife(t *testing.T) {
	i := &issuer{life: 15 * time.Minute}
	run(t, i, func(t *testing.T, _ *broker.Broker, _ *broker.Session) {
		time.Sleep(time.Hour)
		if n := i.count(); n < 7 || n > 10 {
			t.Errorf("%d calls in an hour of 15-minute sessions; want about 8", n)
		}
	})
}

func TestOutage(t *testing.T) {
	down := errors.New("connection refused")
	i := &issuer{life: time.Hour}
	run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
		a, err := await(t, s, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		i.set(func(i *issuer) { i.err = down })
		// All that lives is served without a wait.
		for time.Until(a.Credentials.Expires) > 0 {
			if got := s.Answer(time.Now()); got == nil {
				t.Fatalf("nothing served with %s of life left", time.Until(a.Credentials.Expires))
			}
			time.Sleep(10 * time.Second)
		}
		// Nothing that is dead is served; the reason is told, and at once.
		start := time.Now()
		if a, err := await(t, s, 900*time.Millisecond); !errors.Is(err, down) {
			t.Errorf("after the end: %v, %v; want the outage", a, err)
		}
		if waited := time.Since(start); waited > 900*time.Millisecond {
			t.Errorf("waited %s", waited)
		}
		during := i.count()
		time.Sleep(10 * time.Minute)
		if n := i.count() - during; n < 15 || n > 60 {
			t.Errorf("%d attempts in ten minutes of outage; want one or so in 30 seconds at most", n)
		}
		i.set(func(i *issuer) { i.err = nil })
		time.Sleep(31 * time.Second)
		if s.Answer(time.Now()) == nil {
			t.Error("still nothing half a minute after the outage")
		}
	})
}

func TestRefusalIsRemembered(t *testing.T) {
	refusal := &broker.Refusal{Code: "AccessDenied", Err: errors.New("not authorized")}
	i := &issuer{life: time.Hour, err: refusal}
	run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
		time.Sleep(time.Second)
		for range 1000 {
			start := time.Now()
			var r *broker.Refusal
			if _, err := await(t, s, 900*time.Millisecond); !errors.As(err, &r) {
				t.Fatalf("error %v; want the refusal", err)
			}
			if time.Since(start) > 0 {
				t.Fatal("a refused caller was held")
			}
		}
		if i.count() != 1 {
			t.Errorf("%d calls upstream; want 1", i.count())
		}
		i.set(func(i *issuer) { i.err = nil })
		time.Sleep(10 * time.Second)
		if s.Answer(time.Now()) == nil {
			t.Error("not asked again after the first pause")
		}
	})
}

func TestHangingUpstreamIsGivenUp(t *testing.T) {
	i := &issuer{life: time.Hour, delay: time.Hour}
	run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
		if _, err := await(t, s, 900*time.Millisecond); !errors.Is(err, broker.ErrPending) {
			t.Errorf("error %v; want pending", err)
		}
		time.Sleep(20 * time.Second)
		i.set(func(i *issuer) { i.delay = 0 })
		time.Sleep(20 * time.Second)
		if s.Answer(time.Now()) == nil {
			t.Error("the hanging call was not given up")
		}
		if i.most > 1 {
			t.Errorf("%d calls at once", i.most)
		}
	})
}

func TestIncompleteIsNeverServed(t *testing.T) {
	for name, breakIt := range map[string]func(*rolecall.Credentials){
		"no key id":  func(c *rolecall.Credentials) { c.AccessKeyID = "" },
		"no secret":  func(c *rolecall.Credentials) { c.SecretAccessKey = rolecall.Secret{} },
		"no token":   func(c *rolecall.Credentials) { c.SessionToken = rolecall.Secret{} },
		"no expiry":  func(c *rolecall.Credentials) { c.Expires = time.Time{} },
		"long ended": func(c *rolecall.Credentials) { c.Expires = time.Now().Add(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			i := &issuer{life: time.Hour, broken: breakIt}
			run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
				if a, err := await(t, s, 900*time.Millisecond); err == nil {
					t.Errorf("served %+v", a.Credentials)
				}
			})
		})
	}
}

func TestRemovalDropsAtOnce(t *testing.T) {
	i := &issuer{life: time.Hour}
	run(t, i, func(t *testing.T, b *broker.Broker, s *broker.Session) {
		if _, err := await(t, s, time.Second); err != nil {
			t.Fatal(err)
		}
		b.Set(nil)
		if s.Answer(time.Now()) != nil {
			t.Error("credentials of a removed workload")
		}
		if _, err := await(t, s, time.Second); !errors.Is(err, broker.ErrRemoved) {
			t.Errorf("error %v; want removed", err)
		}
		calls := i.count()
		time.Sleep(24 * time.Hour)
		if i.count() != calls {
			t.Error("a removed workload is still renewed")
		}
	})
}

func TestRemovalDuringACallDropsItsResult(t *testing.T) {
	i := &issuer{life: time.Hour, delay: time.Second}
	run(t, i, func(t *testing.T, b *broker.Broker, s *broker.Session) {
		done := make(chan error, 1)
		go func() {
			_, err := await(t, s, 10*time.Second)
			done <- err
		}()
		time.Sleep(500 * time.Millisecond)
		b.Set(nil)
		if err := <-done; !errors.Is(err, broker.ErrRemoved) {
			t.Errorf("error %v; want removed", err)
		}
		time.Sleep(time.Minute)
		if s.Answer(time.Now()) != nil {
			t.Error("the call's result came in after the removal")
		}
	})
}

func TestUnchangedWorkloadKeepsItsSession(t *testing.T) {
	i := &issuer{life: time.Hour}
	run(t, i, func(t *testing.T, b *broker.Broker, s *broker.Session) {
		if _, err := await(t, s, time.Second); err != nil {
			t.Fatal(err)
		}
		if again := b.Set([]broker.Workload{web()})["web"]; again != s {
			t.Error("an equal workload got another session")
		}
		other := web()
		other.ExternalID = "x"
		changed := b.Set([]broker.Workload{other})["web"]
		if changed == s || s.Answer(time.Now()) != nil {
			t.Error("a changed workload kept its session")
		}
	})
}

func TestCancelledCallerDoesNotDisturbOthers(t *testing.T) {
	i := &issuer{life: time.Hour, delay: 300 * time.Millisecond}
	run(t, i, func(t *testing.T, _ *broker.Broker, s *broker.Session) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(100 * time.Millisecond)
			cancel()
		}()
		go func() { _, _ = s.Await(ctx) }()
		if _, err := await(t, s, 900*time.Millisecond); err != nil {
			t.Error(err)
		}
	})
}

// Two hundred workloads at start go upstream at the limited rate, and a few at a time.
func TestUpstreamIsSpared(t *testing.T) {
	i := &issuer{life: time.Hour, delay: 100 * time.Millisecond}
	synctest.Test(t, func(t *testing.T) {
		b := broker.New(broker.Options{Upstream: i, Logger: slog.New(slog.DiscardHandler)})
		defer b.Close()
		var all []broker.Workload
		for n := range 200 {
			all = append(all, broker.Workload{Name: fmt.Sprint(n)})
		}
		sessions := b.Set(all)
		time.Sleep(30 * time.Second)
		for name, s := range sessions {
			if s.Answer(time.Now()) == nil {
				t.Errorf("workload %s has none", name)
			}
		}
		if i.most > 8 {
			t.Errorf("%d calls at once; want 8 at most", i.most)
		}
	})
}

func TestKeyCoversEveryPart(t *testing.T) {
	base := broker.Workload{
		Name: "a", RoleARN: "b", SessionName: "c", ExternalID: "d", Duration: time.Hour, Policy: "e", PolicyARNs: []string{"f"},
		Tags: []broker.Tag{{Key: "g", Value: "h"}}, TransitiveTagKeys: []string{"g"}, SourceIdentity: "i", Region: "j",
	}
	changes := map[string]func(*broker.Workload){
		"name": func(w *broker.Workload) { w.Name = "x" }, "role": func(w *broker.Workload) { w.RoleARN = "x" },
		"session name": func(w *broker.Workload) { w.SessionName = "x" }, "external id": func(w *broker.Workload) { w.ExternalID = "x" },
		"duration": func(w *broker.Workload) { w.Duration++ }, "policy": func(w *broker.Workload) { w.Policy = "x" },
		"policy ARNs": func(w *broker.Workload) { w.PolicyARNs = []string{"f", "x"} },
		"tags":        func(w *broker.Workload) { w.Tags = []broker.Tag{{Key: "gh", Value: ""}} },
		"transitive":  func(w *broker.Workload) { w.TransitiveTagKeys = nil },
		"source":      func(w *broker.Workload) { w.SourceIdentity = "x" }, "region": func(w *broker.Workload) { w.Region = "x" },
		"shifted": func(w *broker.Workload) { w.SessionName, w.ExternalID = "cd", "" },
	}
	seen := map[broker.Key]string{base.Key(): "base"}
	for name, change := range changes {
		w := base
		change(&w)
		if other, ok := seen[w.Key()]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[w.Key()] = name
	}
}
