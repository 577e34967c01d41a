package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/agent/wire"
)

// Answer is one session's credentials, ready to be written. It never changes.
type Answer struct {
	Credentials rolecall.Credentials
	Obtained    time.Time
	// Container and Instance are the bodies for the two families of endpoints, with their lengths as
	// header values.
	Container, Instance             []byte
	ContainerLength, InstanceLength []string

	expires int64 // Unix nanoseconds
}

// Refusal is an upstream's final no: the session will not come before somebody changes the role, its
// trust policy or the workload.
type Refusal struct {
	// Code is the issuer's error code, for example AccessDenied.
	Code string
	Err  error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// ErrRemoved means that the workload was taken out of the configuration.
var ErrRemoved = errors.New("the workload was removed")

// ErrPending means that the session is still being fetched for the first time.
var ErrPending = errors.New("credentials are not there yet")

// Session is one workload's session over all its renewals.
type Session struct {
	b      *Broker
	w      Workload
	key    Key
	cancel context.CancelFunc
	kick   chan struct{}

	answer atomic.Pointer[Answer]

	mu       sync.Mutex
	ended    bool
	due      time.Time // of the next attempt; wall clock, so that it is right after a suspend
	failures int
	last     error         // of the latest attempt; nil after a success
	attempt  chan struct{} // closed when the attempt that runs, or comes next, is over
	running  bool
}

// Workload returns what the session is for.
func (s *Session) Workload() Workload { return s.w.clone() }

// Answer returns the credentials if there are unexpired ones at now, else nil. It takes no lock.
func (s *Session) Answer(now time.Time) *Answer {
	a := s.answer.Load()
	if a == nil || now.UnixNano() >= a.expires {
		return nil
	}
	return a
}

// Await returns the credentials, waiting for the attempt to get them that runs or is due. It ends
// with ctx. When the last attempt failed and the next one is not due before ctx's deadline, it
// returns that failure at once: holding the caller would not help it.
func (s *Session) Await(ctx context.Context) (*Answer, error) {
	for {
		now := time.Now()
		s.mu.Lock()
		// In this order: an attempt that ends between the two is seen in the answer.
		attempt, last, due, running, ended := s.attempt, s.last, s.due, s.running, s.ended
		s.mu.Unlock()
		if a := s.Answer(now); a != nil {
			return a, nil
		}
		if ended {
			return nil, ErrRemoved
		}
		if deadline, ok := ctx.Deadline(); last != nil && !running && (!ok || due.After(deadline)) {
			return nil, last
		}
		select {
		case s.kick <- struct{}{}: // wakes the goroutine, which looks at the clock
		default:
		}
		select {
		case <-attempt:
		case <-ctx.Done():
			if last == nil {
				last = ErrPending
			}
			return nil, last
		}
	}
}

// State is a session's condition, for people and for health checks.
type State struct {
	Workload string
	// Expires is when the credentials that are there end; zero if there are none.
	Expires time.Time
	// Next is when the next attempt to renew is due.
	Next time.Time
	// Failures counts attempts that failed since the last success; Last is the latest.
	Failures int
	Last     error
	Origin   rolecall.Origin
}

// State returns the session's condition.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Workload: s.w.Name, Next: s.due, Failures: s.failures, Last: s.last}
	if a := s.answer.Load(); a != nil {
		st.Expires, st.Origin = a.Credentials.Expires, a.Credentials.Origin
	}
	return st
}

func (s *Session) end() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.answer.Store(nil)
	close(s.attempt)
	s.attempt = make(chan struct{})
}

// warm takes over what the store kept.
func (s *Session) warm() {
	if s.b.o.Store == nil {
		return
	}
	c, obtained, err := s.b.o.Store.Load(s.w)
	if err != nil {
		s.b.o.Logger.Warn("reading a stored session", "workload", s.w.Name, "error", err)
		return
	}
	now := time.Now().Round(0)
	if wire.Deliverable(c, now) != nil {
		return
	}
	s.answer.Store(newAnswer(s.w, c, obtained))
	s.due = obtained.Add(refreshAfter(c.Expires.Sub(obtained), s.b.o.MinLife, random()))
}

// maxSleep bounds how late a wall-clock time is noticed after the machine slept.
const maxSleep = time.Minute

func (s *Session) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.kick:
		}
		now := time.Now().Round(0)
		s.mu.Lock()
		due := s.due
		s.mu.Unlock()
		if !now.Before(due) {
			s.renew(ctx)
			if ctx.Err() != nil {
				return
			}
			s.mu.Lock()
			due = s.due
			s.mu.Unlock()
		}
		timer.Reset(min(maxSleep, max(0, time.Until(due))))
	}
}

// renew makes one attempt.
func (s *Session) renew(ctx context.Context) {
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	c, err := s.fetch(ctx)
	now := time.Now().Round(0)
	if err == nil {
		err = wire.Deliverable(c, now)
	}
	if ctx.Err() != nil {
		return
	}
	if !s.settle(c, now, err) {
		return
	}
	if err == nil && s.b.o.Store != nil {
		s.save(c, now)
	}
}

// settle records the outcome and wakes those who wait; false when the session has ended meanwhile.
func (s *Session) settle(c rolecall.Credentials, now time.Time, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.running, s.last = false, err
	log := s.b.o.Logger.With("workload", s.w.Name)
	if err == nil {
		s.failures = 0
		s.due = now.Add(max(time.Second, refreshAfter(c.Expires.Sub(now), s.b.o.MinLife, random())))
		s.answer.Store(newAnswer(s.w, c, now))
		log.Info("session renewed", "access_key_id", c.AccessKeyID, "expires", c.Expires, "next", s.due, "origin", c.Origin.String())
	} else {
		var refusal *Refusal
		s.failures++
		s.due = now.Add(backoff(s.failures, errors.As(err, &refusal), random()))
		log.Warn("session not renewed", "error", err, "failures", s.failures, "retry", s.due, "serving", s.Answer(now) != nil)
	}
	close(s.attempt)
	s.attempt = make(chan struct{})
	return true
}

// save keeps the session for the next start, unless it was removed while the file was written.
func (s *Session) save(c rolecall.Credentials, now time.Time) {
	if err := s.b.o.Store.Save(s.w, c, now); err != nil {
		s.b.o.Logger.Warn("storing a session", "workload", s.w.Name, "error", err)
	}
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended {
		s.b.forget(s.w.Name)
	}
}

func (s *Session) fetch(ctx context.Context) (rolecall.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, s.b.o.FetchTimeout)
	defer cancel()
	if err := s.b.limiter.Wait(ctx); err != nil {
		return rolecall.Credentials{}, fmt.Errorf("waiting for this node's turn upstream: %w", err)
	}
	select {
	case s.b.slots <- struct{}{}:
		defer func() { <-s.b.slots }()
	case <-ctx.Done():
		return rolecall.Credentials{}, fmt.Errorf("waiting for this node's turn upstream: %w", ctx.Err())
	}
	return s.b.o.Upstream.Session(ctx, s.w.clone())
}

func newAnswer(w Workload, c rolecall.Credentials, obtained time.Time) *Answer {
	a := &Answer{
		Credentials: c, Obtained: obtained, expires: c.Expires.UnixNano(),
		Container: wire.Container(w.RoleARN, c), Instance: wire.Instance(c, obtained),
	}
	a.ContainerLength = []string{strconv.Itoa(len(a.Container))}
	a.InstanceLength = []string{strconv.Itoa(len(a.Instance))}
	return a
}
