//go:build !linux

package outside

import (
	"errors"
	"time"
)

type tree struct{}

var errNoProc = errors.New("--pid needs /proc, which this system does not have")

// Open fails: there is no /proc.
func Open(string, int) (*Process, error) { return nil, errNoProc }

// Close does nothing.
func (p *Process) Close() {}

// ReadFile fails.
func (p *Process) ReadFile(string, int64) ([]byte, error) { return nil, errNoProc }

// Changed fails.
func (p *Process) Changed(string) (time.Time, error) { return time.Time{}, errNoProc }

// IsDir is false.
func (p *Process) IsDir(string) bool { return false }

// List finds nothing.
func (p *Process) List(string, string) []string { return nil }
