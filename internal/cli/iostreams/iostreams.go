// Package iostreams is the terminal as commands see it: three streams, what they are connected to,
// and whether colour belongs on them. Commands write to it and never to os.Stdout, so that tests
// read what they wrote.
package iostreams

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// IOStreams are the streams of one run of the program.
type IOStreams struct {
	// In is standard input.
	In io.Reader
	// Out is standard output: the answer, and nothing else.
	Out io.Writer
	// ErrOut is standard error: errors, hints, progress, prompts.
	ErrOut io.Writer

	outTTY, errTTY, inTTY bool
	color                 bool
	width                 int
	openTTY               func() (TTY, error)
}

// TTY is the controlling terminal, which a prompt uses even when the standard streams are redirected.
type TTY interface {
	io.ReadWriteCloser
	// ReadSecret reads a line without echoing it.
	ReadSecret() (string, error)
}

// System returns the streams of this process. environ decides on colour: NO_COLOR, TERM=dumb,
// CLICOLOR=0 and CLICOLOR_FORCE are honoured.
func System(environ []string) *IOStreams {
	s := &IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr, openTTY: openTTY}
	s.outTTY = term.IsTerminal(int(os.Stdout.Fd())) //nolint:gosec // descriptors are small
	s.errTTY = term.IsTerminal(int(os.Stderr.Fd())) //nolint:gosec // descriptors are small
	s.inTTY = term.IsTerminal(int(os.Stdin.Fd()))   //nolint:gosec // descriptors are small
	s.color = wantColor(environ, s.outTTY)
	if s.outTTY {
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil { //nolint:gosec // descriptors are small
			s.width = w
		}
	}
	return s
}

// Test returns streams over buffers: standard input, output and error.
func Test() (s *IOStreams, in, out, errOut *bytes.Buffer) {
	in, out, errOut = &bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}
	s = &IOStreams{In: in, Out: out, ErrOut: errOut, openTTY: func() (TTY, error) {
		return nil, fmt.Errorf("no terminal")
	}}
	return s, in, out, errOut
}

// SetTTY lets a test pretend that prompts have a terminal.
func (s *IOStreams) SetTTY(open func() (TTY, error)) { s.openTTY = open }

// SetColor lets a test ask for colour.
func (s *IOStreams) SetColor(on bool) { s.color = on }

// IsStdoutTTY reports whether standard output is a terminal.
func (s *IOStreams) IsStdoutTTY() bool { return s.outTTY }

// IsStderrTTY reports whether standard error is a terminal.
func (s *IOStreams) IsStderrTTY() bool { return s.errTTY }

// IsStdinTTY reports whether standard input is a terminal.
func (s *IOStreams) IsStdinTTY() bool { return s.inTTY }

// Width is the terminal's width in columns, 0 when standard output is no terminal.
func (s *IOStreams) Width() int { return s.width }

// OpenTTY opens the controlling terminal for a prompt; it fails where there is none.
func (s *IOStreams) OpenTTY() (TTY, error) { return s.openTTY() }

// ColorEnabled reports whether standard output takes colour.
func (s *IOStreams) ColorEnabled() bool { return s.color }

// Bold marks what matters most. Like its siblings it changes nothing when colour is off.
func (s *IOStreams) Bold(t string) string { return s.paint("1", t) }

// Green marks what works.
func (s *IOStreams) Green(t string) string { return s.paint("32", t) }

// Yellow marks what to look at.
func (s *IOStreams) Yellow(t string) string { return s.paint("33", t) }

// Red marks what is broken.
func (s *IOStreams) Red(t string) string { return s.paint("31", t) }

// Faint marks what does not matter now.
func (s *IOStreams) Faint(t string) string { return s.paint("2", t) }

func (s *IOStreams) paint(code, t string) string {
	if !s.color || t == "" {
		return t
	}
	return "\x1b[" + code + "m" + t + "\x1b[0m"
}

func wantColor(environ []string, tty bool) bool {
	get := func(name string) string {
		for i := len(environ) - 1; i >= 0; i-- {
			if k, v, ok := strings.Cut(environ[i], "="); ok && k == name {
				return v
			}
		}
		return ""
	}
	if get("NO_COLOR") != "" || get("CLICOLOR") == "0" {
		return false
	}
	if f := get("CLICOLOR_FORCE"); f != "" && f != "0" {
		return true
	}
	return tty && get("TERM") != "dumb"
}

type fileTTY struct{ *os.File }

func openTTY() (TTY, error) {
	f, err := os.OpenFile(ttyPath, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the terminal: %w", err)
	}
	return fileTTY{f}, nil
}

func (t fileTTY) ReadSecret() (string, error) {
	b, err := term.ReadPassword(int(t.Fd())) //nolint:gosec // descriptors are small
	_, _ = fmt.Fprintln(t)
	if err != nil {
		return "", fmt.Errorf("reading from the terminal: %w", err)
	}
	return string(b), nil
}
