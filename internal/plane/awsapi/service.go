package awsapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"sort"
	"sync"
)

// Options of a [Service].
type Options struct {
	// Logger gets internal causes of failed calls, with the request id; nil discards them.
	Logger *slog.Logger
	// MaxParameters bounds the parameters of a query request; 0 means 10,000.
	MaxParameters int
}

// Service is one AWS service: its model and the operations that the plane has for it. Register all
// operations with [Handle] before the first request; afterwards it is safe for concurrent use.
type Service struct {
	model  *Model
	opts   Options
	byName map[string]*endpoint
	plans  planner
	routes []*endpoint // REST services, in order of registration
	pool   sync.Pool
}

// endpoint is an operation bound to its handler.
type endpoint struct {
	name   string
	method string
	path   []segment
	serve  func(ctx context.Context, c *Call, m *Match, w *answer) error
}

// NewService returns a service without operations.
func NewService(m *Model, o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxParameters == 0 {
		o.MaxParameters = 10_000
	}
	s := &Service{model: m, opts: o, byName: map[string]*endpoint{}, plans: planner{shapes: m.Shapes, done: map[reflect.Type]*plan{}}}
	s.pool.New = func() any { return new(answer) }
	return s
}

// Model returns the service's model.
func (s *Service) Model() *Model { return s.model }

// Has reports whether the named operation is served.
func (s *Service) Has(operation string) bool { return s.byName[operation] != nil }

// Supported returns the names of the operations that are served, sorted.
func (s *Service) Supported() []string {
	names := make([]string, 0, len(s.byName))
	for name := range s.byName {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Handle binds an operation of s to h. It panics if the operation is bound already, which is a
// mistake of the program.
//
// h gets an input that satisfies all modelled constraints. It returns an output, or an error: an
// [*Error] is sent, anything else is logged and hidden behind InternalFailure. A nil output is an
// empty one.
func Handle[In, Out any](s *Service, op Operation[In, Out], h func(ctx context.Context, c *Call, in *In) (*Out, error)) {
	if s.byName[op.Name] != nil {
		panic(fmt.Sprintf("operation %s of %s is bound twice", op.Name, s.model.Name))
	}
	if op.Status == 0 {
		op.Status = http.StatusOK
	}
	ep := &endpoint{name: op.Name, method: op.Method}
	if s.model.Protocol == Query {
		ep.serve = queryEndpoint(&s.plans, op, h)
	} else {
		ep.path = parsePath(op.Path)
		ep.serve = jsonEndpoint(&s.plans, op, h)
	}
	if s.model.Protocol == RESTJSON {
		s.routes = append(s.routes, ep)
	}
	s.byName[op.Name] = ep
}

// Match is a request whose operation is known. It belongs to one request.
type Match struct {
	// Operation is the name, such as "AssumeRole".
	Operation string

	endpoint *endpoint
	form     Form
	room     [12]pair // for the form of an ordinary request
	body     []byte
	bindings Bindings
}

// Match finds the operation that r asks for, whose body has been read whole. The error is an
// answer: MissingAction, InvalidAction, MalformedQueryString and the like.
func (s *Service) Match(r *http.Request, body []byte) (*Match, *Error) {
	switch s.model.Protocol {
	case Query:
		return s.matchQuery(r, body)
	case JSON10, JSON11:
		return s.matchTarget(r, body)
	case RESTJSON:
		return s.matchRoute(r, body)
	default:
		return nil, Internal(fmt.Errorf("unknown protocol %d", s.model.Protocol))
	}
}

// Serve runs the matched operation and writes its answer. It returns the error that it answered
// with, nil for success. c.RequestID and c.Principal must be set.
func (s *Service) Serve(ctx context.Context, w http.ResponseWriter, m *Match, c *Call) *Error {
	c.Service, c.Operation = s.model.Name, m.Operation
	a := s.pool.Get().(*answer)
	a.reset(s.model)
	defer s.pool.Put(a)
	if err := m.endpoint.serve(ctx, c, m, a); err != nil {
		return s.WriteError(w, c.RequestID, err)
	}
	a.write(w, c.RequestID)
	return nil
}

// Run is [Service.Serve] in two steps, for servers that must do something (write the audit
// record) between the operation and its answer: Run returns a function that writes the answer, and
// the error that the answer will carry. The function must be called exactly once; with a non-nil
// argument it answers that error instead.
func (s *Service) Run(ctx context.Context, m *Match, c *Call) (finish func(w http.ResponseWriter, instead error), failed *Error) {
	c.Service, c.Operation = s.model.Name, m.Operation
	a := s.pool.Get().(*answer)
	a.reset(s.model)
	if err := m.endpoint.serve(ctx, c, m, a); err != nil {
		failed = AsError(err)
	}
	return func(w http.ResponseWriter, instead error) {
		switch {
		case instead != nil:
			_ = s.WriteError(w, c.RequestID, instead)
		case failed != nil:
			_ = s.WriteError(w, c.RequestID, failed)
		default:
			a.write(w, c.RequestID)
		}
		s.pool.Put(a)
	}, failed
}

// WriteError answers with err in the shape of the service's protocol and returns it as it went
// out. Causes are logged with the request id.
func (s *Service) WriteError(w http.ResponseWriter, requestID string, err error) *Error {
	e := AsError(err)
	if e.Cause != nil {
		s.opts.Logger.Warn("call failed", "service", s.model.Name, "request_id", requestID, "code", e.Code, "cause", e.Cause)
	}
	a := s.pool.Get().(*answer)
	a.reset(s.model)
	a.writeError(w, requestID, e)
	s.pool.Put(a)
	return e
}
