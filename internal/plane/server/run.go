package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	// shutdownTimeout is how long requests in flight have to end after a signal.
	shutdownTimeout = 10 * time.Second
	// upkeepInterval is how often keys are looked at and last-used times written.
	upkeepInterval = time.Minute
)

// Run serves on l until ctx ends, then lets requests in flight finish. It closes l, not the server.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	web := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	upkeepDone := make(chan struct{})
	upkeep, stopUpkeep := context.WithCancel(ctx)
	go func() {
		defer close(upkeepDone)
		s.upkeep(upkeep)
	}()
	defer func() {
		stopUpkeep()
		<-upkeepDone
	}()

	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := web.Shutdown(grace); err != nil {
		s.logger.Warn("requests were cut off at shutdown", "error", err)
		_ = web.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// expiryRounds is how many rounds of upkeep pass between looks for revocations that have expired.
const expiryRounds = 60

// upkeep rotates keys, writes last-used times and forgets revocations of sessions that are over, with
// jitter so that nodes do not act in step.
func (s *Server) upkeep(ctx context.Context) {
	for round := 1; ; round++ {
		wait := upkeepInterval + time.Duration(rand.Int64N(int64(upkeepInterval/5))) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := s.ring.Tick(ctx); err != nil {
			s.logger.Error("key ring could not be kept up", "error", err)
		}
		if err := s.directory.FlushStamps(ctx); err != nil {
			s.logger.Error("last-used times could not be written", "error", err)
		}
		if round%expiryRounds == 0 {
			if err := s.directory.DropExpired(ctx); err != nil {
				s.logger.Error("expired revocations could not be dropped", "error", err)
			}
		}
	}
}
