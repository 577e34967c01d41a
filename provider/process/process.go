// Package process gets credentials from a command that prints them (credential_process).
//
// The command runs in a shell with the user's terminal and environment, like anything else in the
// configuration file of the user: whoever can write the file can run commands.
package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Source is the Origin.Source of what this package yields.
const Source = "process"

const (
	// DefaultTimeout is how long a command may take.
	DefaultTimeout = time.Minute
	// ChainVariable tells the command, and programs of this library under it, which profiles are
	// being resolved by commands, so that a command that asks for its own profile ends with
	// an error and not with a machine full of processes.
	ChainVariable = "ROLECALL_PROCESS_CHAIN"

	maxDepth  = 8
	maxOutput = 64 << 10
)

// Options say what to run.
type Options struct {
	// Command is a shell command line ("sh -c"; "cmd.exe /C" on Windows).
	Command string
	// Profile is the one that has the command; "" if none.
	Profile string
	// Location is "file:line" of the command.
	Location string
	// Environ is the command's environment.
	Environ []string
	// Stderr gets what the command says to a person; Stdin lets it ask. nil is nothing.
	Stderr io.Writer
	Stdin  io.Reader
	// Timeout bounds the command; 0 is [DefaultTimeout].
	Timeout time.Duration
	// MaxOutput bounds what it prints, in bytes; 0 is 64 KiB.
	MaxOutput int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider runs a command at every call.
type Provider struct{ o Options }

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider that runs o.Command.
func New(o Options) *Provider {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxOutput <= 0 {
		o.MaxOutput = maxOutput
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{o}
}

// Retrieve runs the command and reads its answer. Errors never quote the command's output.
func (p *Provider) Retrieve(ctx context.Context) (rolecall.Credentials, error) {
	creds, err := p.retrieve(ctx)
	if err != nil {
		return rolecall.Credentials{}, fmt.Errorf("%s: credential_process of profile %q %w", p.o.Location, p.o.Profile, err)
	}
	return creds, nil
}

func (p *Provider) retrieve(ctx context.Context) (rolecall.Credentials, error) {
	out, err := p.Output(ctx)
	if err != nil {
		return rolecall.Credentials{}, err
	}
	creds, err := Decode(out, p.o.Now())
	if err != nil {
		return rolecall.Credentials{}, err
	}
	creds.Origin = rolecall.Origin{Source: Source, Location: p.o.Location, Detail: program(p.o.Command), At: p.o.Now()}
	return creds, nil
}

// Output runs the command and returns what it prints, whatever that is: other settings that name a command
// have the same rules. Its errors go on a sentence that begins with the setting's name ("took longer than 1m0s").
func (p *Provider) Output(ctx context.Context) ([]byte, error) {
	environ, err := p.guarded()
	if err != nil {
		return nil, err
	}
	return p.run(ctx, environ)
}

// guarded returns the command's environment, or an error when the command is one of its own ancestors.
func (p *Provider) guarded() ([]string, error) {
	var chain []string
	environ := make([]string, 0, len(p.o.Environ)+1)
	for _, kv := range p.o.Environ {
		if v, ok := strings.CutPrefix(kv, ChainVariable+"="); ok {
			chain = strings.Split(v, "\n")
			continue
		}
		environ = append(environ, kv)
	}
	if slices.Contains(chain, p.o.Profile) {
		return nil, errors.New("runs itself: the command asks for the profile that it belongs to")
	}
	if len(chain) >= maxDepth {
		return nil, fmt.Errorf("is nested %d deep", maxDepth)
	}
	return append(environ, ChainVariable+"="+strings.Join(append(chain, p.o.Profile), "\n")), nil
}

func (p *Provider) run(ctx context.Context, environ []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	shell := []string{"sh", "-c", p.o.Command}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd.exe", "/C", p.o.Command}
	}
	cmd := exec.CommandContext(ctx, shell[0], shell[1:]...) //nolint:gosec // to run the user's command is the purpose
	cmd.Env = environ
	cmd.Stdin, cmd.Stderr = p.o.Stdin, p.o.Stderr
	out := &limited{max: p.o.MaxOutput}
	cmd.Stdout = out
	// A grandchild that keeps the pipe open must not keep us waiting.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("took longer than %s", p.o.Timeout)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("was interrupted: %w", ctx.Err())
	case out.over:
		return nil, fmt.Errorf("printed more than %d bytes", p.o.MaxOutput)
	case errors.As(err, &exit):
		return nil, fmt.Errorf("failed: %s", exit.ProcessState)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, fmt.Errorf("did not run: %w", err)
	}
	return out.buf.Bytes(), nil
}

// Decode reads the answer of a credential_process, and refuses it when it is incomplete or, at now,
// expired.
func Decode(out []byte, now time.Time) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	var answer struct {
		Version                                                           *json.RawMessage
		AccessKeyId, SecretAccessKey, SessionToken, Expiration, AccountId string //nolint:revive // the wire's spelling
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return none, errors.New("printed nothing")
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		// The decoder's own error may quote the output.
		return none, errors.New("printed what is not the JSON it should be")
	}
	switch {
	case answer.Version == nil:
		return none, errors.New("printed JSON without \"Version\": 1")
	case string(*answer.Version) != "1":
		return none, errors.New("printed JSON of a version that is not 1")
	case answer.AccessKeyId == "":
		return none, errors.New("printed JSON without AccessKeyId")
	case answer.SecretAccessKey == "":
		return none, errors.New("printed JSON without SecretAccessKey")
	}
	creds := rolecall.Credentials{
		AccessKeyID:     answer.AccessKeyId,
		SecretAccessKey: rolecall.NewSecret(answer.SecretAccessKey),
		SessionToken:    rolecall.NewSecret(answer.SessionToken),
		AccountID:       answer.AccountId,
	}
	if answer.Expiration != "" {
		expires, err := time.Parse(time.RFC3339, answer.Expiration)
		if err != nil {
			return none, errors.New("printed an Expiration that is no time (RFC 3339)")
		}
		if !now.Before(expires) {
			return none, errors.New("printed credentials that are expired since " + expires.UTC().Format(time.RFC3339))
		}
		creds.Expires = expires
	}
	return creds, nil
}

// program is the command's first word; the rest may hold what nobody should see.
func program(command string) string {
	command = strings.TrimSpace(command)
	if command == "" {
		return ""
	}
	if q := command[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(command[1:], q); end >= 0 {
			return command[1 : 1+end]
		}
	}
	return strings.Fields(command)[0]
}

// limited keeps at most max bytes and remembers that there were more.
type limited struct {
	buf  bytes.Buffer
	max  int
	over bool
}

func (l *limited) Write(b []byte) (int, error) {
	if l.buf.Len()+len(b) > l.max {
		l.over = true
		return 0, errors.New("too much output")
	}
	return l.buf.Write(b)
}
