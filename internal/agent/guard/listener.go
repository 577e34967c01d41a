package guard

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/internal/peer"
)

// Limits bound what callers may take. Zero values mean the defaults; a negative rate means none.
type Limits struct {
	// Connections at one time: in all (default 1024) and of one caller (default 512).
	Connections, CallerConnections int
	// Rate and Burst are requests per second of one caller; default 2000 and 4000.
	Rate  float64
	Burst int
	// RefusedRate and RefusedBurst are refused requests per second of one caller, after which it is
	// refused unseen; default 20 and 100.
	RefusedRate  float64
	RefusedBurst int
}

func (l Limits) withDefaults() Limits {
	if l.Connections == 0 {
		l.Connections = 1024
	}
	if l.CallerConnections == 0 {
		l.CallerConnections = 512
	}
	if l.Rate == 0 {
		l.Rate = 2000
	}
	if l.Burst == 0 {
		l.Burst = 4000
	}
	if l.RefusedRate == 0 {
		l.RefusedRate = 20
	}
	if l.RefusedBurst == 0 {
		l.RefusedBurst = 100
	}
	return l
}

// Options make a [Door].
type Options struct {
	Limits Limits
	Logger *slog.Logger
	// AllowFrom are the networks outside this network namespace (containers' bridges) from which
	// callers may connect. Others from outside are turned away before they have said a word.
	AllowFrom []netip.Prefix
}

// Door knows the callers of all listeners of one agent, so that limits hold over all of them.
type Door struct {
	o      Options
	finder *peer.Finder
	groups *peer.Cgroups // nil where there are none

	mu      sync.Mutex
	callers map[callerKey]*caller
	open    int
}

// NewDoor opens the means to identify callers.
func NewDoor(o Options) (*Door, error) {
	finder, err := peer.NewFinder()
	if err != nil {
		return nil, err
	}
	groups, err := peer.NewCgroups()
	if err != nil {
		o.Logger.Debug("callers are known by user only", "reason", err)
		groups = nil
	}
	o.Limits = o.Limits.withDefaults()
	return &Door{o: o, finder: finder, groups: groups, callers: map[callerKey]*caller{}}, nil
}

// Close releases the means to identify callers; connections that are open stay identified.
func (d *Door) Close() error {
	err := d.finder.Close()
	if d.groups != nil {
		if e := d.groups.Close(); err == nil {
			err = e
		}
	}
	return err
}

// callerKey is what limits are counted by: the control group and the user where they are known, else
// the address.
type callerKey struct {
	known  bool
	uid    uint32
	cgroup uint64
	addr   netip.Addr
}

// caller is the account of one caller over its connections.
type caller struct {
	requests bucket
	refusals bucket
	conns    int
	left     time.Time // when the last connection ended
	group    atomic.Pointer[string]
	pid      atomic.Int64 // of the process that was found last
}

// Bounds of the memory for callers that have gone: their buckets matter for as long as they refill.
const (
	maxCallers   = 4096
	forgetCaller = 30 * time.Second
)

// admit counts a connection, or returns nil when c has too many or comes from elsewhere.
func (d *Door) admit(c peer.Caller, local netip.Addr) *caller {
	if !d.near(c, local) {
		d.o.Logger.Warn("connection turned away: it comes from outside this network namespace and no allow_from network has its address", "caller", c.String())
		return nil
	}
	key := callerKey{known: c.Known, uid: c.UID, cgroup: c.CgroupID}
	if !c.Known {
		key.addr = c.Addr.Addr()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	who := d.callers[key]
	if who == nil {
		if len(d.callers) >= maxCallers {
			d.forget()
		}
		who = &caller{}
		who.requests.limit(d.o.Limits.Rate, d.o.Limits.Burst)
		who.refusals.limit(d.o.Limits.RefusedRate, d.o.Limits.RefusedBurst)
		d.callers[key] = who
	}
	if d.open >= d.o.Limits.Connections || who.conns >= d.o.Limits.CallerConnections {
		return nil
	}
	d.open++
	who.conns++
	return who
}

// near reports whether the caller is on this machine, or in a network that was allowed.
func (d *Door) near(c peer.Caller, local netip.Addr) bool {
	from := c.Addr.Addr().Unmap()
	if c.Known || from.IsLoopback() || from == local.Unmap() {
		return true
	}
	for _, p := range d.o.AllowFrom {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

func (d *Door) forget() {
	now := time.Now()
	for key, who := range d.callers {
		if who.conns == 0 && now.Sub(who.left) > forgetCaller {
			delete(d.callers, key)
		}
	}
}

func (d *Door) leave(who *caller) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	who.conns--
	who.left = time.Now()
}

// Listener identifies each connection of the listener l.
func (d *Door) Listener(l net.Listener) net.Listener { return &listener{Listener: l, d: d} }

type listener struct {
	net.Listener
	d *Door
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		remote, okRemote := c.RemoteAddr().(*net.TCPAddr)
		local, okLocal := c.LocalAddr().(*net.TCPAddr)
		if !okRemote || !okLocal {
			_ = c.Close()
			continue
		}
		found := l.d.finder.Find(remote.AddrPort(), local.AddrPort())
		who := l.d.admit(found, local.AddrPort().Addr())
		if who == nil {
			_ = c.Close()
			continue
		}
		return &Conn{Conn: c, Peer: found, d: l.d, who: who}, nil
	}
}

// Conn is a connection whose other end is known.
type Conn struct {
	net.Conn
	// Peer is who opened it.
	Peer peer.Caller
	// Scratch belongs to the handler of the connection's requests, which come one at a time: it may
	// keep what it has verified there.
	Scratch any
	// Record belongs to the delivery log's writer.
	Record any

	d      *Door
	who    *caller
	closed atomic.Bool
	// deadline is the write deadline in force; responses of a connection are written one at a time.
	deadline time.Time
}

// Close ends the connection and its count.
func (c *Conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.d.leave(c.who)
	}
	return c.Conn.Close()
}

// writeTimeout is the least time that a write of a response gets; twice that is the most.
const writeTimeout = 5 * time.Second

// Write bounds how long a client that does not read can hold a goroutine. Moving the deadline costs
// more than the write's other bookkeeping, so it is moved only when less than writeTimeout is left.
func (c *Conn) Write(b []byte) (int, error) {
	if now := time.Now(); now.Add(writeTimeout).After(c.deadline) {
		c.deadline = now.Add(2 * writeTimeout)
		if err := c.SetWriteDeadline(c.deadline); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// Cgroup returns the path of the caller's control group, "" if it is not known.
func (c *Conn) Cgroup() string {
	if p := c.who.group.Load(); p != nil {
		return *p
	}
	if c.d.groups == nil || !c.Peer.Known || c.Peer.CgroupID == 0 {
		return ""
	}
	p := c.d.groups.Path(c.Peer.CgroupID)
	if p != "" {
		c.who.group.Store(&p)
	}
	return p
}

// PID returns a process that holds the caller's socket, 0 if none is found: the one that was found for
// this caller last, or with search any. It is slow, and for the record only.
func (c *Conn) PID(search bool) int {
	if c.d.groups == nil || !c.Peer.Known {
		return 0
	}
	if pid := int(c.who.pid.Load()); pid != 0 && peer.Holds(pid, c.Peer) {
		return pid
	}
	if !search {
		return 0
	}
	pid := c.d.groups.PID(c.Peer)
	c.who.pid.Store(int64(pid))
	return pid
}

// Request takes a token for one request; false means that the caller has asked too often.
func (c *Conn) Request(now int64) bool {
	return !c.who.refusals.empty(now) && c.who.requests.take(now)
}

// Refused counts a request that was refused.
func (c *Conn) Refused(now int64) { c.who.refusals.take(now) }

type contextKey struct{}

// ConnContext is for [http.Server.ConnContext]: [From] finds the connection in a request's context.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the connection of a request that came through a [Door]'s listener.
func From(ctx context.Context) (*Conn, bool) {
	c, ok := ctx.Value(contextKey{}).(*Conn)
	return c, ok
}
