package exec

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watchProcess takes hold of a process now, so that its number cannot come to mean another one, and
// returns a function that waits for its end or ctx.
func watchProcess(pid int) (func(context.Context), error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		return pollProcess(pid), nil // an old kernel, or a sandbox that does not know the call
	case err != nil:
		return nil, fmt.Errorf("watching process %d: %w", pid, err)
	}
	return func(ctx context.Context) {
		defer func() { _ = unix.Close(fd) }()
		// A pipe ends the wait when ctx does.
		wake, waker, err := os.Pipe()
		if err != nil {
			pollProcess(pid)(ctx)
			return
		}
		stop := context.AfterFunc(ctx, func() { _ = waker.Close() })
		defer func() { stop(); _ = wake.Close(); _ = waker.Close() }()
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}} //nolint:gosec // descriptors are small
		for {
			if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}, nil
}
