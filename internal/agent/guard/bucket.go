package guard

import (
	"sync/atomic"
	"time"
)

// bucket is a token bucket (generic cell rate algorithm) that takes no lock: it stores the time at
// which it would be full again.
type bucket struct {
	full     atomic.Int64 // Unix nanoseconds
	interval int64        // per token; 0 means no limit
	burst    int64        // tokens
}

func (b *bucket) limit(perSecond float64, burst int) {
	if perSecond <= 0 {
		return
	}
	b.interval = max(1, int64(float64(time.Second)/perSecond))
	b.burst = int64(max(1, burst))
}

// take removes one token, or reports that there is none.
func (b *bucket) take(now int64) bool {
	if b.interval == 0 {
		return true
	}
	for {
		full := b.full.Load()
		next := max(full, now) + b.interval
		if next-now > b.burst*b.interval {
			return false
		}
		if b.full.CompareAndSwap(full, next) {
			return true
		}
	}
}

// empty reports that take would fail.
func (b *bucket) empty(now int64) bool {
	return b.interval != 0 && max(b.full.Load(), now)+b.interval-now > b.burst*b.interval
}
