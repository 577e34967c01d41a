package peer

import "net"

// Works reports whether callers can be identified here, by trying it on a loopback connection of our
// own. It is false on platforms without SOCK_DIAG, and in sandboxes that forbid it.
func Works() bool {
	f, err := NewFinder()
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return false
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	own, okOwn := c.LocalAddr().(*net.TCPAddr)
	far, okFar := c.RemoteAddr().(*net.TCPAddr)
	return okOwn && okFar && f.Find(own.AddrPort(), far.AddrPort()).Known
}
