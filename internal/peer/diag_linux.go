package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// The layout of struct inet_diag_req_v2, inet_diag_msg and their attributes is linux/inet_diag.h's.
const (
	sockDiagByFamily  = 20 // SOCK_DIAG_BY_FAMILY
	attrCgroupID      = 21 // INET_DIAG_CGROUP_ID
	diagRequestBytes  = unix.SizeofNlMsghdr + 56
	diagMessageBytes  = 72
	offsetSourcePort  = 4
	offsetUID         = 64
	offsetInode       = 68
	attrHeaderBytes   = 4
	anyState          = 0xffffffff
	noCookie          = 0xffffffff
	queryTimeoutMicro = 200_000
)

// Finder asks the kernel who is at the other end. Make it with [NewFinder], and Close it.
type Finder struct {
	mu     sync.Mutex
	fd     int
	seq    uint32
	buffer [4096]byte
}

// NewFinder opens a query socket in the calling thread's network namespace: only sockets of that
// namespace will be found.
func NewFinder() (*Finder, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("opening a socket for SOCK_DIAG: %w", err)
	}
	// The kernel answers before sendto returns; the time-out is for a kernel that does not.
	timeout := unix.Timeval{Usec: queryTimeoutMicro}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return nil, errors.Join(fmt.Errorf("bounding SOCK_DIAG queries: %w", err), unix.Close(fd))
	}
	return &Finder{fd: fd}, nil
}

// Close ends the finder; it then knows nobody.
func (f *Finder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fd := f.fd
	f.fd = -1
	if fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// Find identifies the client of an accepted connection from remote to local. A caller whose socket is
// in another network namespace, or closed already, is returned without Known.
func (f *Finder) Find(remote, local netip.AddrPort) Caller {
	c := Caller{Addr: remote}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return c
	}
	f.seq++
	request := f.request(remote, local)
	// MSG_DONTWAIT is not needed: a netlink request is handled within sendto.
	if err := unix.Sendto(f.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return c
	}
	for range 4 { // an answer that came late for an earlier query is passed over
		n, _, err := unix.Recvfrom(f.fd, f.buffer[:], 0)
		if err != nil {
			return c
		}
		found, mine := parse(f.buffer[:n], f.seq, remote.Port(), &c)
		if mine {
			c.Known = found
			return c
		}
	}
	return c
}

// request asks for the socket whose own address is remote and whose peer is local.
func (f *Finder) request(remote, local netip.AddrPort) []byte {
	b := make([]byte, diagRequestBytes)
	native := binary.NativeEndian
	native.PutUint32(b[0:], diagRequestBytes)
	native.PutUint16(b[4:], sockDiagByFamily)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	native.PutUint32(b[8:], f.seq)
	q := b[unix.SizeofNlMsghdr:]
	from, to := remote.Addr().Unmap(), local.Addr().Unmap()
	q[0] = unix.AF_INET6
	if from.Is4() {
		q[0] = unix.AF_INET
	}
	q[1] = unix.IPPROTO_TCP
	native.PutUint32(q[4:], anyState)
	id := q[8:]
	binary.BigEndian.PutUint16(id[0:], remote.Port())
	binary.BigEndian.PutUint16(id[2:], local.Port())
	copy(id[4:20], from.AsSlice())
	copy(id[20:36], to.AsSlice())
	native.PutUint32(id[40:], noCookie)
	native.PutUint32(id[44:], noCookie)
	return b
}

// parse reads one answer into c. mine is false for an answer to another query.
func parse(b []byte, seq uint32, port uint16, c *Caller) (found, mine bool) {
	native := binary.NativeEndian
	if len(b) < unix.SizeofNlMsghdr || native.Uint32(b[8:]) != seq {
		return false, false
	}
	length := int(native.Uint32(b[0:]))
	if native.Uint16(b[4:]) != sockDiagByFamily || length > len(b) || length < unix.SizeofNlMsghdr+diagMessageBytes {
		return false, true // NLMSG_ERROR: no such socket in this namespace
	}
	m := b[unix.SizeofNlMsghdr:length]
	if binary.BigEndian.Uint16(m[offsetSourcePort:]) != port {
		return false, true
	}
	c.UID = native.Uint32(m[offsetUID:])
	c.Inode = uint64(native.Uint32(m[offsetInode:]))
	for attrs := m[diagMessageBytes:]; len(attrs) >= attrHeaderBytes; {
		size := int(native.Uint16(attrs[0:]))
		if size < attrHeaderBytes || size > len(attrs) {
			break
		}
		if native.Uint16(attrs[2:]) == attrCgroupID && size >= attrHeaderBytes+8 {
			c.CgroupID = native.Uint64(attrs[attrHeaderBytes:])
		}
		attrs = attrs[min(len(attrs), (size+3)&^3):]
	}
	return c.Inode != 0, true
}
