package linkaddr

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// label marks addresses that this program has put on the loopback link, so that one that was left
// by a killed agent is known as ours. The kernel wants it to start with the link's name and to have at
// most 15 characters.
const label = "lo:rolecall"

// Ensure makes ip an address of this machine, for IPv4 and IPv6: on the loopback link, with the scope
// of this host, unless some link has it already. It takes CAP_NET_ADMIN to add one.
func Ensure(ip netip.Addr) (*Address, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing network links: %w", err)
	}
	for _, link := range links {
		addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		if err != nil {
			return nil, fmt.Errorf("listing the addresses of %s: %w", link.Attrs().Name, err)
		}
		for _, a := range addrs {
			if found, ok := netip.AddrFromSlice(a.IP); !ok || found.Unmap() != ip {
				continue
			}
			if a.Label != label {
				return &Address{}, nil
			}
			return &Address{release: func() error { return remove(link, &a) }}, nil
		}
	}
	return add(ip)
}

func add(ip netip.Addr) (*Address, error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("finding the loopback link: %w", err)
	}
	a := &netlink.Addr{
		IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())},
		Scope: int(netlink.SCOPE_HOST),
	}
	if ip.Is4() {
		a.Label = label
	} else {
		a.Flags = unix.IFA_F_NODAD // nobody else can have it, and a listener cannot wait for the search
	}
	if err := netlink.AddrAdd(lo, a); err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, fmt.Errorf("adding %s to the loopback link needs CAP_NET_ADMIN: %w", ip, err)
		}
		return nil, fmt.Errorf("adding %s to the loopback link: %w", ip, err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return nil, errors.Join(fmt.Errorf("bringing the loopback link up: %w", err), remove(lo, a))
	}
	return &Address{release: func() error { return remove(lo, a) }}, nil
}

func remove(link netlink.Link, a *netlink.Addr) error {
	if err := netlink.AddrDel(link, a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("removing %s from %s: %w", a.IP, link.Attrs().Name, err)
	}
	return nil
}
