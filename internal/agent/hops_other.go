//go:build !unix

package agent

import "syscall"

// limitHops is not supported here.
func limitHops(int) func(network, address string, c syscall.RawConn) error { return nil }
