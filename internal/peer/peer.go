// Package peer tells which local process is at the other end of a TCP connection: the owner of its
// socket, the socket's inode and the control group that it was opened in, in one exact query of the
// kernel. It identifies; what a caller may do is for others to decide.
package peer

import (
	"fmt"
	"net/netip"
)

// Caller is the other end of a connection.
type Caller struct {
	// Addr is where it comes from.
	Addr netip.AddrPort
	// Known is whether the fields below were found: the socket is in this network namespace and the
	// platform can tell.
	Known bool
	// UID owns the socket: the user that the process was when it opened it.
	UID uint32
	// Inode is the socket's, as in /proc/PID/fd.
	Inode uint64
	// CgroupID is the version 2 control group in which the socket was opened; 0 if the kernel does not tell.
	CgroupID uint64
}

// String says who it is, for logs.
func (c Caller) String() string {
	if !c.Known {
		return c.Addr.String()
	}
	return fmt.Sprintf("%s uid=%d cgroup=%d", c.Addr, c.UID, c.CgroupID)
}
