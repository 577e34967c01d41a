//go:build unix

package agent

import (
	"strings"
	"syscall"
)

// limitHops makes a listener's answers expire after n routers, as instance metadata tokens do, so
// that a forwarded connection gets none; 0 leaves the system's default.
func limitHops(n int) func(network, address string, c syscall.RawConn) error {
	if n == 0 {
		return nil
	}
	return func(network, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			if strings.HasSuffix(network, "6") {
				failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS, n)
			} else {
				failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TTL, n)
			}
		})
		if err != nil {
			return err
		}
		return failed
	}
}
