// Package plane is the identity plane's one HTTP port: it finds the service that a request is for,
// has authn establish who signed it, runs the operation, writes the audit record, and only then the
// answer. Services, stores and keys are handed to it; package server chooses them.
package plane

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authn"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// Authenticator establishes who signed a request.
type Authenticator interface {
	Authenticate(r *http.Request, d sigv4.Dialect, service, payloadHash string) (authn.Caller, *awsapi.Error)
}

// Objects is the S3 front.
type Objects interface {
	Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, c *awsapi.Call, s *sigv4.Signature, secret rolecall.Secret) error
	Fail(w http.ResponseWriter, r *http.Request, c *awsapi.Call, err error) error
}

// Auditor takes audit records. Append returns when the record is on disk, AppendAsync when it is
// queued; both fail once a record could not be written.
type Auditor interface {
	Append(ctx context.Context, e *audit.Event) error
	AppendAsync(e *audit.Event) error
}

// Usage notes when keys, users and roles were used.
type Usage interface {
	Touch(id, service, region string)
}

// Service is an API with the operations of it that may be called without a signature, because
// something else in them proves who calls.
type Service struct {
	API       *awsapi.Service
	Anonymous []string
}

// Options of a [Plane]. Services, Objects, Authenticator, Auditor and Usage are required.
type Options struct {
	Authenticator Authenticator
	Services      []Service
	Objects       Objects
	Auditor       Auditor
	Usage         Usage
	// DataEvents records reads and writes of objects too; refusals are always recorded.
	DataEvents bool
	// Logger gets internal failures with their request id; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Plane serves HTTP. It is safe for concurrent use.
type Plane struct {
	o        Options
	services map[string]*Service // by signing name
	versions map[string]*Service // query services by API version
	nobody   *identity.Principal // of requests that are not authenticated yet
	// broken is set once a record of what the S3 front did could not be written.
	broken atomic.Bool
}

// New returns a plane.
func New(o Options) *Plane {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Plane{o: o, services: map[string]*Service{}, versions: map[string]*Service{}, nobody: &identity.Principal{}}
	for i := range o.Services {
		s := &o.Services[i]
		model := s.API.Model()
		p.services[model.Name] = s
		if model.Protocol == awsapi.Query {
			p.versions[model.Version] = s
		}
	}
	return p
}

// readyPath answers that the plane serves. No bucket can have its first segment as a name.
const readyPath = "/-/ready"

// ServeHTTP answers one request.
func (p *Plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == readyPath {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ready\n"))
		return
	}
	c := &awsapi.Call{
		RequestID: awsapi.NewRequestID(),
		Principal: p.nobody,
		SourceIP:  sourceIP(r),
		UserAgent: r.UserAgent(),
		Secure:    r.TLS != nil,
		Time:      p.o.Now().UTC(),
		Audit:     &awsapi.AuditFields{},
	}
	switch target := p.route(r); {
	case target.service != nil:
		p.serveAPI(w, r, target.service, c)
	case target.unknown != "":
		p.unknownService(w, c, target.unknown)
	default:
		p.serveObjects(w, r, c)
	}
}

func sourceIP(r *http.Request) netip.Addr {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return peer.Addr().Unmap()
	}
	return netip.Addr{}
}

// touch notes that the key and the entity behind it were used.
func (p *Plane) touch(c *awsapi.Call, service string) {
	if c.Principal.Session == nil {
		p.o.Usage.Touch(c.Principal.AccessKeyID, service, c.Region)
	}
	if c.Principal.EntityID != "" {
		p.o.Usage.Touch(c.Principal.EntityID, service, c.Region)
	}
}
