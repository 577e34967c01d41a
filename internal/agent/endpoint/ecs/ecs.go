// Package ecs serves credentials the way the Amazon ECS agent does, which every AWS SDK asks by itself
// when AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is set.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
//
// There are two forms of address, and a handler serves one of them:
//
//   - [Token]: /v1/credentials/WORKLOAD with the workload's token in the Authorization header, on
//     loopback (the full URI);
//   - [Path]: /v2/credentials/ID, where the unguessable id is the secret, on 169.254.170.2 (the
//     relative URI, with which old SDKs send no token).
package ecs

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/delivery"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
	"github.com/rolecall-dev/rolecall/internal/agent/wire"
)

// Form is how a request says which workload it is.
type Form int

// The two forms.
const (
	// Token is a workload's name in the path and its token in the Authorization header.
	Token Form = iota + 1
	// Path is a workload's unguessable id in the path.
	Path
)

// Prefixes of the paths of either form.
const (
	TokenPrefix = "/v1/credentials/" //nolint:gosec // a path
	PathPrefix  = "/v2/credentials/"
)

// Hold is how long a request waits for credentials that are not there yet. SDKs give the endpoint one
// or two seconds.
const Hold = 900 * time.Millisecond

// Target is one workload as this endpoint sees it.
type Target struct {
	// Key is the workload's name (Token) or id (Path).
	Key string
	// Tokens are what the Authorization header may say: the current token, and the one before until
	// nobody uses it any more. Unused with Path.
	Tokens    []string
	Session   *broker.Session
	Selectors guard.Selectors
}

type target struct {
	Target
	tokens [][]byte
	record *delivery.Workload
}

// Handler answers for a set of targets that can be replaced while it serves.
type Handler struct {
	form    Form
	prefix  string
	hosts   []string
	log     *delivery.Log
	targets atomic.Pointer[map[string]*target]
	// Header value that all answers share; net/http does not change it.
	contentType []string
}

// New returns a handler without targets. hosts are the exact values of the Host header that name it;
// log may be nil.
func New(form Form, hosts []string, log *delivery.Log) *Handler {
	h := &Handler{
		form: form, prefix: TokenPrefix, hosts: hosts, log: log,
		contentType: []string{wire.ContentTypeJSON},
	}
	if form == Path {
		h.prefix = PathPrefix
	}
	h.Set(nil)
	return h
}

// Set replaces the targets.
func (h *Handler) Set(targets []Target) {
	next := make(map[string]*target, len(targets))
	for _, t := range targets {
		w := t.Session.Workload()
		n := &target{Target: t, record: &delivery.Workload{Name: w.Name, RoleARN: w.RoleARN}}
		for _, token := range t.Tokens {
			n.tokens = append(n.tokens, []byte(token))
		}
		next[t.Key] = n
	}
	h.targets.Store(&next)
}

// ServeHTTP answers one request. The connection must come through a [guard.Door].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, ok := guard.From(r.Context())
	if !ok {
		(&wire.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: "the caller is not known"}).Write(w)
		return
	}
	now := time.Now()
	at := now.UnixNano()
	if !conn.Request(at) {
		h.log.Limited()
		(&wire.Error{Status: http.StatusTooManyRequests, Code: "TooManyRequests", Message: "this caller asks too often", RetryAfter: time.Second}).Write(w)
		return
	}
	t, refusal := h.find(r, conn)
	if refusal != nil {
		conn.Refused(at)
		h.refuse(w, conn, t, at, refusal)
		return
	}
	a := t.Session.Answer(now)
	if a == nil {
		if a, refusal = await(r.Context(), t.Session); refusal != nil {
			h.refuse(w, conn, t, at, refusal)
			return
		}
	}
	header := w.Header()
	header["Content-Type"] = h.contentType
	header["Content-Length"] = a.ContainerLength
	_, _ = w.Write(a.Container) // the client has gone if this fails
	h.log.Add(delivery.Event{At: at, Endpoint: "container", Conn: conn, Workload: t.record, Answer: a, Status: http.StatusOK})
}

func (h *Handler) refuse(w http.ResponseWriter, conn *guard.Conn, t *target, at int64, e *wire.Error) {
	event := delivery.Event{At: at, Endpoint: "container", Conn: conn, Status: e.Status, Code: e.Code}
	if t != nil {
		event.Workload = t.record
	}
	if e.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD")
	}
	e.Write(w)
	h.log.Add(event)
}

// find returns the target that r may have. With an error it returns the target if that much is certain.
func (h *Handler) find(r *http.Request, conn *guard.Conn) (*target, *wire.Error) {
	if e := guard.Check(r, h.hosts, false); e != nil {
		return nil, e
	}
	key, ok := strings.CutPrefix(r.URL.Path, h.prefix)
	if !ok {
		if r.URL.Path+"/" == h.prefix {
			return nil, noID()
		}
		return nil, &wire.Error{Status: http.StatusNotFound, Code: "NotFound", Message: "there is nothing at this path"}
	}
	if key == "" {
		return nil, noID()
	}
	t := (*h.targets.Load())[key]
	if h.form == Path {
		if t == nil {
			return nil, &wire.Error{Status: http.StatusBadRequest, Code: "InvalidIdInRequest", Message: "no workload has this id"}
		}
	} else if e := authorize(r, t); e != nil {
		return nil, e
	}
	if !t.Selectors.Match(conn) {
		return t, &wire.Error{Status: http.StatusForbidden, Code: "AccessDenied", Message: "this process is not the workload that the credentials are for: its user or control group is not among the workload's selectors"}
	}
	return t, nil
}

func noID() *wire.Error {
	return &wire.Error{Status: http.StatusBadRequest, Code: "NoIdInRequest", Message: "the path names no workload"}
}

// authorize says the same of a wrong token and of a workload that does not exist.
func authorize(r *http.Request, t *target) *wire.Error {
	given := r.Header["Authorization"]
	if len(given) != 1 || given[0] == "" {
		return &wire.Error{Status: http.StatusUnauthorized, Code: "MissingAuthenticationToken", Message: "the Authorization header is missing: set AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN"}
	}
	if t != nil {
		for _, token := range t.tokens {
			if subtle.ConstantTimeCompare([]byte(given[0]), token) == 1 {
				return nil
			}
		}
	}
	return &wire.Error{Status: http.StatusUnauthorized, Code: "InvalidAuthenticationToken", Message: "the Authorization header does not hold this workload's token"}
}

// await holds a request whose credentials are not there yet.
func await(ctx context.Context, s *broker.Session) (*broker.Answer, *wire.Error) {
	ctx, cancel := context.WithTimeout(ctx, Hold)
	defer cancel()
	a, err := s.Await(ctx)
	if err == nil {
		return a, nil
	}
	return nil, wire.Unavailable(s.Workload().Name, err, refused(err))
}

func refused(err error) string {
	var r *broker.Refusal
	switch {
	case errors.As(err, &r):
		return r.Code
	case errors.Is(err, broker.ErrRemoved):
		return "WorkloadRemoved"
	}
	return ""
}
