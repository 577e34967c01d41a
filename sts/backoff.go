package sts

import (
	"math/rand/v2"
	"time"
)

// backoff is full jitter over 100 ms doubled per attempt, at most two seconds.
func backoff(attempt int) time.Duration {
	limit := 100 * time.Millisecond << min(attempt-1, 5)
	return rand.N(min(limit, 2*time.Second)) //nolint:gosec // jitter needs no secrecy
}
