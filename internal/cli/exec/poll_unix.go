//go:build unix

package exec

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// pollEvery is how long after the command's end the endpoint may linger where the system cannot tell
// of it.
const pollEvery = 500 * time.Millisecond

func pollProcess(pid int) func(context.Context) {
	return func(ctx context.Context) {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}
