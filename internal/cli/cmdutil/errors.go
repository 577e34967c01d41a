package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/sts"
)

// Exit codes. They are part of the interface: docs/exit-codes.md and `rolecall help exit-codes`
// list them, and a number never changes its meaning.
const (
	// ExitOK is success.
	ExitOK = 0
	// ExitFailure is a failure that has no code of its own.
	ExitFailure = 1
	// ExitUsage is a wrong command line.
	ExitUsage = 2
	// ExitNoCredentials means that no source has credentials.
	ExitNoCredentials = 3
	// ExitBrokenSource means that a source is there and does not yield: a file that cannot be read,
	// half a key pair, a command that failed, an expired login.
	ExitBrokenSource = 4
	// ExitRefused means that the service answered and said no.
	ExitRefused = 5
	// ExitUnreachable means that a service could not be reached in time.
	ExitUnreachable = 6
	// ExitFindings means that a check did its work and found something.
	ExitFindings = 7
	// ExitNotExecutable and ExitNotFound are the shell's codes for a command that cannot be run.
	ExitNotExecutable = 126
	// ExitNotFound is the shell's code for a command that does not exist.
	ExitNotFound = 127
	// ExitInterrupted is 128 + SIGINT.
	ExitInterrupted = 130
)

// ExitError ends the program with Code. With a nil Err nothing is printed: the command has said it
// already, or the code is a child's.
type ExitError struct {
	Code int
	Err  error
	// Hint replaces the hint table's answer; it is one line.
	Hint string
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// FlagError is a wrong command line: it is printed with a pointer to the command's help.
type FlagError struct{ Err error }

// FlagErrorf makes a [FlagError].
func FlagErrorf(format string, args ...any) error {
	return &FlagError{Err: fmt.Errorf(format, args...)}
}

func (e *FlagError) Error() string { return e.Err.Error() }
func (e *FlagError) Unwrap() error { return e.Err }

// HintedError carries the command or setting that mends it.
type HintedError struct {
	Err  error
	Hint string
}

func (e *HintedError) Error() string { return e.Err.Error() }
func (e *HintedError) Unwrap() error { return e.Err }

// WithHint attaches a hint to err.
func WithHint(err error, format string, args ...any) error {
	return &HintedError{Err: err, Hint: fmt.Sprintf(format, args...)}
}

// ExitCode maps an error to the program's exit code.
func ExitCode(err error) int {
	var (
		exit   *ExitError
		flag   *FlagError
		source *rolecallSourceError
		parse  *awsconfig.Error
		remote *sts.Error
		netErr net.Error
		start  *exec.Error
	)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &flag):
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &remote):
		return ExitRefused
	case errors.Is(err, rolecall.ErrNotHere):
		return ExitNoCredentials
	case errors.As(err, &parse):
		return ExitBrokenSource
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && !isErrno(netErr):
		return ExitUnreachable
	case errors.As(err, &source):
		return ExitBrokenSource
	case errors.As(err, &start):
		return ExitNotFound
	}
	return ExitFailure
}

// isErrno tells a bare system call's error, which has the methods of a net.Error and may be any
// file's, from one of the network.
func isErrno(err error) bool {
	_, ok := err.(syscall.Errno) //nolint:errorlint // it is what was found, not what it wraps
	return ok
}

// rolecallSourceError marks a failure of a source of credentials; see [BrokenSource].
type rolecallSourceError struct{ err error }

func (e *rolecallSourceError) Error() string { return e.err.Error() }
func (e *rolecallSourceError) Unwrap() error { return e.err }

// BrokenSource marks err as the failure of a source of credentials, which has its own exit code
// unless a more precise one applies.
func BrokenSource(err error) error {
	if err == nil {
		return nil
	}
	return &rolecallSourceError{err}
}

// Print writes err the way every command does: one line for the error, one for the hint.
func Print(w io.Writer, err error) {
	var exit *ExitError
	if errors.As(err, &exit) && exit.Err == nil {
		return
	}
	message := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "\n  ")
	_, _ = fmt.Fprintf(w, "rolecall: error: %s\n", message)
	if h := Hint(err); h != "" {
		_, _ = fmt.Fprintf(w, "rolecall: hint: %s\n", h)
	}
}
