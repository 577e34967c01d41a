// Package agent puts the parts of the agent together: the broker behind the endpoints of the
// configured workloads, the door in front of them, the state directory and the record of deliveries.
// Where sessions come from is the caller's choice.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/config"
	"github.com/rolecall-dev/rolecall/internal/agent/delivery"
	"github.com/rolecall-dev/rolecall/internal/agent/endpoint/ecs"
	"github.com/rolecall-dev/rolecall/internal/agent/endpoint/imds"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
	"github.com/rolecall-dev/rolecall/internal/agent/linkaddr"
	"github.com/rolecall-dev/rolecall/internal/agent/warm"
)

// Options make an [Agent]; all but Broker are required.
type Options struct {
	Config   *config.Config
	Upstream broker.Upstream
	Logger   *slog.Logger
	// Broker overrides the timing of the broker; its Upstream, Store and Logger are not read.
	Broker broker.Options
}

// Agent serves. Make it with [Start], end it with [Agent.Close].
type Agent struct {
	o       Options
	started time.Time
	door    *guard.Door
	broker  *broker.Broker
	state   *warm.Dir
	secret  func(purpose string) []byte
	log     *delivery.Log

	token     *ecs.Handler
	path      *ecs.Handler
	instances []*imds.Handler // in the order of the configuration
	url       string
	imdsURLs  []string
	addresses []*linkaddr.Address

	servers []*http.Server
	serving sync.WaitGroup
	failed  chan error

	stop    context.CancelFunc
	rotated sync.WaitGroup

	closing sync.Once
	closed  error

	mu     sync.Mutex
	config *config.Config
}

// Start opens the endpoints of o.Config and returns when they answer: with credentials where the
// state directory has some that live, with "not yet" elsewhere until the first session is there.
func Start(o Options) (*Agent, error) {
	a := &Agent{o: o, config: o.Config, started: time.Now(), failed: make(chan error, 8)}
	if err := a.open(); err != nil {
		return nil, errors.Join(err, a.Close(context.Background()))
	}
	return a, nil
}

func (a *Agent) open() error {
	c := a.config
	var err error
	a.secret = warm.Ephemeral()
	b := a.o.Broker
	b.Upstream, b.Logger, b.Store = a.o.Upstream, a.o.Logger, nil
	if c.State.Value != "" {
		if a.state, err = warm.Open(c.State.Value); err != nil {
			return err
		}
		a.secret, b.Store = a.state.Secret, a.state
		if err := a.state.Retain(names(c)); err != nil {
			return fmt.Errorf("clearing sessions of former workloads: %w", err)
		}
	}
	if a.log, err = openLog(c, a.o.Logger); err != nil {
		return err
	}
	a.door, err = guard.NewDoor(guard.Options{Limits: c.Limits, Logger: a.o.Logger, AllowFrom: c.AllowFrom})
	if err != nil {
		return err
	}
	a.broker = broker.New(b)
	// Who sees the port open may rely on the token files; who gets an answer, on all workloads being known.
	if err := a.writeTokens(a.started); err != nil {
		return err
	}
	pending, err := a.listen()
	if err != nil {
		return err
	}
	if err := a.apply(c); err != nil {
		for _, p := range pending {
			err = errors.Join(err, p.l.Close())
		}
		return err
	}
	for _, p := range pending {
		a.serve(p.l, p.h)
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	if a.tokenDir() != "" {
		a.rotated.Go(func() { a.rotate(ctx) })
	}
	return nil
}

func openLog(c *config.Config, logger *slog.Logger) (*delivery.Log, error) {
	name := c.Audit.Value
	switch {
	case name == "none" || name == "" && c.State.Value == "":
		return nil, nil
	case name == "":
		name = filepath.Join(c.State.Value, "deliveries.jsonl")
	}
	return delivery.File(name, logger)
}

func names(c *config.Config) []string {
	var all []string
	for _, w := range c.Workloads {
		all = append(all, w.Name)
	}
	return all
}

// pending is an endpoint that does not serve yet.
type pending struct {
	l net.Listener
	h http.Handler
}

// listen opens all listeners, or none.
func (a *Agent) listen() ([]pending, error) {
	c := a.config
	var all []pending
	fail := func(err error) ([]pending, error) {
		for _, p := range all {
			err = errors.Join(err, p.l.Close())
		}
		return nil, err
	}
	if c.Listen.Value != "" {
		l, hosts, err := a.bind(c.Listen, 0)
		if err != nil {
			return fail(err)
		}
		a.token = ecs.New(ecs.Token, hosts, a.log)
		a.url = "http://" + l.Addr().String()
		all = append(all, pending{l, a.token})
	}
	if c.ECSAddress.Value != "" {
		l, hosts, err := a.bind(c.ECSAddress, 0)
		if err != nil {
			return fail(err)
		}
		a.path = ecs.New(ecs.Path, hosts, a.log)
		all = append(all, pending{l, a.path})
	}
	for _, i := range c.IMDS {
		l, hosts, err := a.bind(i.Address, i.HopLimit)
		if err != nil {
			return fail(err)
		}
		h := imds.New(imds.Options{
			Hosts: hosts, Key: a.secret("instance metadata tokens"), V1: i.V1, Log: a.log, Logger: a.o.Logger,
			Instance: imds.Instance{ID: a.instanceID(i), Region: c.Region.Value, AvailabilityZone: i.AvailabilityZone, Started: a.started},
		})
		a.instances = append(a.instances, h)
		a.imdsURLs = append(a.imdsURLs, "http://"+l.Addr().String())
		all = append(all, pending{l, h})
	}
	return all, nil
}

// bind listens on the address of s, after putting it on this machine if it is one of those that only
// metadata endpoints use.
func (a *Agent) bind(s config.Setting, hopLimit int) (net.Listener, []string, error) {
	address, err := netip.ParseAddrPort(s.Value)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Origin, err)
	}
	if metadataOnly(address.Addr()) {
		added, err := linkaddr.Ensure(address.Addr())
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.Origin, err)
		}
		a.addresses = append(a.addresses, added)
	}
	lc := net.ListenConfig{Control: limitHops(hopLimit)}
	l, err := lc.Listen(context.Background(), "tcp", address.String())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Origin, err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return a.door.Listener(l), guard.Hosts(address.Addr().String(), port), nil
}

// metadataOnly tells the addresses that no machine has of itself.
func metadataOnly(ip netip.Addr) bool {
	return ip.Is4() && ip.IsLinkLocalUnicast() || netip.MustParsePrefix("fd00:ec2::/32").Contains(ip)
}

const (
	// headerTimeout is how long a request's header may take; SDKs send it in one packet.
	headerTimeout = 5 * time.Second
	idleTimeout   = 75 * time.Second
	headerBytes   = 8 << 10
)

func (a *Agent) serve(l net.Listener, h http.Handler) {
	// No write time-out: the guard's connections bound writes, at less cost.
	s := &http.Server{
		Handler: h, ConnContext: guard.ConnContext, DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(a.o.Logger.Handler(), slog.LevelDebug),
	}
	a.servers = append(a.servers, s)
	a.serving.Go(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serving on %s: %w", l.Addr(), err)
		}
	})
}

// URL returns the base of the container endpoint with tokens, "" if there is none.
func (a *Agent) URL() string { return a.url }

// IMDSURLs returns the bases of the instance metadata endpoints.
func (a *Agent) IMDSURLs() []string { return a.imdsURLs }

// Failed yields the error of an endpoint that stopped serving by itself.
func (a *Agent) Failed() <-chan error { return a.failed }

// States returns the condition of all sessions.
func (a *Agent) States() []broker.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []broker.State
	for _, w := range a.config.Workloads {
		if s, ok := a.broker.Session(w.Name); ok {
			all = append(all, s.State())
		}
	}
	return all
}

// Reload serves the workloads of c from now on. Endpoints, limits and directories stay as they
// are: an error tells when c asks for others.
func (a *Agent) Reload(c *config.Config) error {
	a.log.Reopen()
	a.mu.Lock()
	old := a.config
	a.mu.Unlock()
	if len(c.IMDS) != len(old.IMDS) || c.Listen.Value != old.Listen.Value || c.ECSAddress.Value != old.ECSAddress.Value || c.State.Value != old.State.Value {
		return errors.New("addresses and the state directory change only by a restart")
	}
	for i := range c.IMDS {
		if c.IMDS[i].Address.Value != old.IMDS[i].Address.Value {
			return errors.New("addresses and the state directory change only by a restart")
		}
	}
	return a.apply(c)
}

// Close stops serving (requests that are being answered get two seconds), ends all sessions, writes
// the record to its end and takes away the addresses that were added. ctx can shorten it.
func (a *Agent) Close(ctx context.Context) error {
	a.closing.Do(func() { a.closed = a.close(ctx) })
	return a.closed
}

func (a *Agent) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var problems []error
	if a.stop != nil {
		a.stop()
		a.rotated.Wait()
	}
	for _, s := range a.servers {
		if err := s.Shutdown(ctx); err != nil {
			problems = append(problems, s.Close())
		}
	}
	a.serving.Wait()
	if a.broker != nil {
		a.broker.Close()
	}
	problems = append(problems, a.log.Close())
	for _, address := range a.addresses {
		problems = append(problems, address.Release())
	}
	if a.door != nil {
		problems = append(problems, a.door.Close())
	}
	if a.state != nil {
		problems = append(problems, a.state.Close())
	}
	return errors.Join(problems...)
}

func (a *Agent) instanceID(i config.IMDS) string {
	if i.InstanceID != "" {
		return i.InstanceID
	}
	return fmt.Sprintf("i-%017x", a.secret("instance id " + i.Address.Value)[:9])[:19]
}
