package oidc

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// errAddress marks a refusal to connect: the provider's name leads where nobody should be sent.
var errAddress = errors.New("address is not public, and its network is not trusted")

// special are the networks that no public server has an address in, beyond what netip.Addr tells by itself.
// https://www.iana.org/assignments/iana-ipv4-special-registry
// https://www.iana.org/assignments/iana-ipv6-special-registry
func special() []netip.Prefix {
	texts := []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		// What carries an IPv4 address inside could lead anywhere that the address does.
		"64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/23", "::/96",
		"100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
	}
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}

// guard decides to which addresses the plane connects on behalf of whoever presents a token.
type guard struct {
	trusted []netip.Prefix
	special []netip.Prefix
}

func newGuard(trusted []netip.Prefix) *guard { return &guard{trusted: trusted, special: special()} }

// check refuses addresses that are not public, unless the operator trusts their network.
func (g *guard) check(address netip.Addr) error {
	address = address.Unmap().WithZone("")
	for _, p := range g.trusted {
		if p.Contains(address) {
			return nil
		}
	}
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return fmt.Errorf("%w: %s", errAddress, address)
	}
	for _, p := range g.special {
		if p.Contains(address) {
			return fmt.Errorf("%w: %s", errAddress, address)
		}
	}
	return nil
}

// control is a net.Dialer's Control. It sees the address that the socket is about to connect to, after the
// name was resolved: a name that resolves differently a second time gains nothing.
func (g *guard) control(_, address string, _ syscall.RawConn) error {
	peer, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errAddress, address)
	}
	return g.check(peer.Addr())
}
