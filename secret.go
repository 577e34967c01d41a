package rolecall

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a value that must not be shown. It redacts itself under every fmt verb, in
// encoding/json, encoding.TextMarshaler users and log/slog; the value sits behind a pointer, so
// that printing an enclosing struct with unexported fields shows an address and not the text.
//
// [Secret.Expose] is the only way out. The zero Secret is empty.
type Secret struct {
	p *string
}

// NewSecret wraps s; an empty s gives the zero Secret.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{p: &s}
}

// Expose returns the text.
func (s Secret) Expose() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.p == nil }

// Equal compares in time that depends on the lengths only.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Expose()), []byte(t.Expose())) == 1
}

func (s Secret) label() string {
	if s.p == nil {
		return ""
	}
	return redacted
}

// String returns a placeholder, or "" for the zero Secret.
func (s Secret) String() string { return s.label() }

// GoString returns a placeholder.
func (s Secret) GoString() string { return "rolecall.Secret(" + s.label() + ")" }

// Format writes a placeholder for every verb.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		_, _ = fmt.Fprint(f, s.GoString())
		return
	}
	_, _ = fmt.Fprint(f, s.label())
}

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.label()) }

// MarshalText returns a placeholder; encoding/json uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.label()), nil }

// UnmarshalText refuses, since a round trip through text would silently turn a secret into its placeholder.
func (s *Secret) UnmarshalText([]byte) error {
	return errors.New("a secret is not read from text: decode a string and use NewSecret")
}
