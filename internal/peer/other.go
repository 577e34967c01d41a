//go:build !linux

package peer

import (
	"errors"
	"net/netip"
)

// Finder identifies callers; on this platform it knows addresses only.
type Finder struct{}

// NewFinder returns a finder that leaves every caller unknown.
func NewFinder() (*Finder, error) { return &Finder{}, nil }

// Close does nothing.
func (*Finder) Close() error { return nil }

// Find returns the address.
func (*Finder) Find(remote, _ netip.AddrPort) Caller { return Caller{Addr: remote} }

// Cgroups turns ids into paths; there are none on this platform.
type Cgroups struct{}

// NewCgroups fails: this platform has no control groups.
func NewCgroups() (*Cgroups, error) { return nil, errors.New("no control groups on this platform") }

// Close does nothing.
func (*Cgroups) Close() error { return nil }

// Path returns "".
func (*Cgroups) Path(uint64) string { return "" }

// PID returns 0.
func (*Cgroups) PID(Caller) int { return 0 }

// Holds returns false: this platform cannot tell.
func Holds(int, Caller) bool { return false }
