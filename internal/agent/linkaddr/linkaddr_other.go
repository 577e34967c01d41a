//go:build !linux

package linkaddr

import (
	"fmt"
	"net/netip"
	"runtime"
)

// Ensure cannot add addresses on this platform; loopback addresses are there anyway.
func Ensure(ip netip.Addr) (*Address, error) {
	if ip.IsLoopback() {
		return &Address{}, nil
	}
	return nil, fmt.Errorf("adding %s to this machine is not supported on %s: add it by hand and listen there", ip, runtime.GOOS)
}
