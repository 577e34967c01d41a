// Package cmdutil is what the commands share: their dependencies, made lazily, and how their errors
// become exit codes and hints. It is not a place for the work of a command.
package cmdutil

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
)

// Factory hands a command what it needs. Its fields are functions so that a command that does not
// need one does not pay for it.
type Factory struct {
	// IO are the streams.
	IO *iostreams.IOStreams
	// Environ returns the environment as "NAME=value".
	Environ func() []string
	// Logger logs to standard error at the level that --log-level asks for.
	Logger func() *slog.Logger
	// HTTPClient carries the calls to AWS and the plane; nil lets the callee make one that honours
	// AWS_CA_BUNDLE and proxies.
	HTTPClient func() *http.Client
	// Now is the clock.
	Now func() time.Time
	// Executable returns the path of the running program, as another process can call it.
	Executable func() (string, error)
}

// Getenv returns the variable's value, "" when it is not set; the last one of a repeated name counts.
func (f *Factory) Getenv(name string) string {
	v, _ := f.LookupEnv(name)
	return v
}

// LookupEnv is [Factory.Getenv] that also tells whether the variable is set.
func (f *Factory) LookupEnv(name string) (string, bool) {
	env := f.Environ()
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(env[i], "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

// Prompt asks on the controlling terminal; secret input is not echoed. It fails where there is no
// terminal, so that a script never hangs on a question.
func (f *Factory) Prompt(ctx context.Context, question string, secret bool) (string, error) {
	return prompt(ctx, f.IO, question, secret)
}
