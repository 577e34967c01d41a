// Package imds serves credentials and the few facts around them as the EC2 instance metadata service
// does, version 2: a session token first, then GETs with it. Only the paths in this package exist;
// nothing is ever passed on to another metadata service.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
package imds

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/broker"
	"github.com/rolecall-dev/rolecall/internal/agent/delivery"
	"github.com/rolecall-dev/rolecall/internal/agent/guard"
	"github.com/rolecall-dev/rolecall/internal/agent/wire"
)

const (
	tokenPath   = "/latest/api/token" //nolint:gosec // a path
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds" //nolint:gosec // a header
)

// Hold is how long a request waits for credentials that are not there yet: aws-sdk-go-v2 gives this
// endpoint half a second.
const Hold = 400 * time.Millisecond

// Options make a [Handler].
type Options struct {
	// Hosts are the exact values of the Host header that name the endpoint.
	Hosts []string
	// Key signs session tokens; 32 bytes.
	Key []byte
	// V1 also answers requests without a session token, which lets a server be tricked into
	// fetching credentials by a plain GET. Off unless an old SDK needs it.
	V1 bool
	// Instance are the facts about this machine.
	Instance Instance
	Log      *delivery.Log
	Logger   *slog.Logger
}

// Target is one workload as this endpoint sees it.
type Target struct {
	Session   *broker.Session
	Selectors guard.Selectors
}

type target struct {
	Target
	role   string // the name below security-credentials/
	arn    string
	record *delivery.Workload
}

// Handler answers for a set of targets that can be replaced while it serves. A caller gets the first
// target whose selectors match it.
type Handler struct {
	o       Options
	tokens  sealer
	targets atomic.Pointer[[]*target]
	v1Seen  atomic.Bool
	// Header value that answers share; net/http does not change it.
	textPlain []string
}

// New returns a handler without targets.
func New(o Options) *Handler {
	h := &Handler{o: o, tokens: sealer{o.Key}, textPlain: []string{"text/plain"}}
	h.Set(nil)
	return h
}

// Set replaces the targets.
func (h *Handler) Set(targets []Target) {
	next := make([]*target, 0, len(targets))
	for _, t := range targets {
		w := t.Session.Workload()
		role := w.RoleARN[strings.LastIndexByte(w.RoleARN, '/')+1:]
		if role == "" {
			role = w.Name
		}
		next = append(next, &target{Target: t, role: role, arn: w.RoleARN, record: &delivery.Workload{Name: w.Name, RoleARN: w.RoleARN}})
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
	if !conn.Request(now.UnixNano()) {
		h.o.Log.Limited()
		(&wire.Error{Status: http.StatusTooManyRequests, Code: "TooManyRequests", Message: "this caller asks too often", RetryAfter: time.Second}).Write(w)
		return
	}
	if refusal := h.serve(w, r, conn, now); refusal != nil {
		if refusal.Status != http.StatusNotFound && refusal.Status < http.StatusInternalServerError {
			conn.Refused(now.UnixNano())
		}
		refusal.Write(w)
		h.o.Log.Add(delivery.Event{At: now.UnixNano(), Endpoint: "instance", Conn: conn, Status: refusal.Status, Code: refusal.Code})
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, conn *guard.Conn, now time.Time) *wire.Error {
	if refusal := guard.Check(r, h.o.Hosts, strings.HasSuffix(r.URL.Path, "/api/token")); refusal != nil {
		if refusal.Status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", "GET, HEAD")
		}
		return refusal
	}
	if r.Method == http.MethodPut {
		return h.putToken(w, r, conn, now)
	}
	if r.URL.Path == tokenPath {
		w.Header().Set("Allow", "PUT")
		return &wire.Error{Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: "a token is asked for with PUT"}
	}
	v1, refusal := h.authorize(r, conn, now)
	if refusal != nil {
		return refusal
	}
	return h.get(w, r, conn, now, v1)
}

// putToken issues a session token. A PUT to any path but the one below /latest is forbidden, as AWS
// documents.
func (h *Handler) putToken(w http.ResponseWriter, r *http.Request, conn *guard.Conn, now time.Time) *wire.Error {
	if r.URL.Path != tokenPath {
		return &wire.Error{Status: http.StatusForbidden, Code: "Forbidden", Message: "tokens are issued at " + tokenPath}
	}
	given := r.Header[ttlHeader]
	ttl := 0
	if len(given) == 1 && len(given[0]) <= 5 && digits(given[0]) {
		ttl, _ = strconv.Atoi(given[0]) // at most five digits
	}
	if ttl < 1 || ttl > MaxTTL {
		return &wire.Error{Status: http.StatusBadRequest, Code: "BadRequest", Message: ttlHeader + " must be a number of seconds from 1 to 21600"}
	}
	header := w.Header()
	header.Set(ttlHeader, strconv.Itoa(ttl))
	h.writeText(w, h.tokens.seal(binding(conn), now.Add(time.Duration(ttl)*time.Second)))
	return nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// verified is a token that this connection has shown already; its HMAC need not be computed again.
type verified struct {
	token   string
	expires time.Time
}

// authorize checks the session token; v1 tells that there was none and none is needed.
func (h *Handler) authorize(r *http.Request, conn *guard.Conn, now time.Time) (v1 bool, _ *wire.Error) {
	given := r.Header[tokenHeader]
	if len(given) == 0 && h.o.V1 {
		if h.v1Seen.CompareAndSwap(false, true) {
			h.o.Logger.Warn("instance metadata was read without a session token (version 1)", "caller", conn.Peer.String())
		}
		return true, nil
	}
	if len(given) == 1 {
		if seen, ok := conn.Scratch.(*verified); ok && seen.token == given[0] && now.Before(seen.expires) {
			return false, nil
		}
		if expires, ok := h.tokens.open(given[0], binding(conn), now); ok {
			conn.Scratch = &verified{given[0], expires}
			return false, nil
		}
	}
	return false, &wire.Error{Status: http.StatusUnauthorized, Code: "Unauthorized", Message: "a valid session token is needed: PUT " + tokenPath + " first"}
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request, conn *guard.Conn, now time.Time, v1 bool) *wire.Error {
	path, ok := strings.CutPrefix(r.URL.Path, "/latest/")
	if !ok {
		return notFound()
	}
	t := h.target(conn)
	if name, ok := strings.CutPrefix(path, "meta-data/iam/security-credentials/"); ok && name != "" {
		if t == nil || name != t.role {
			return notFound()
		}
		return h.credentials(w, r, conn, t, now, v1)
	}
	text, ok := h.fact(strings.TrimSuffix(path, "/"), t)
	if !ok {
		return notFound()
	}
	h.writeText(w, text)
	return nil
}

func (h *Handler) target(conn *guard.Conn) *target {
	for _, t := range *h.targets.Load() {
		if t.Selectors.Match(conn) {
			return t
		}
	}
	return nil
}

func (h *Handler) credentials(w http.ResponseWriter, r *http.Request, conn *guard.Conn, t *target, now time.Time, v1 bool) *wire.Error {
	a := t.Session.Answer(now)
	if a == nil {
		ctx, cancel := context.WithTimeout(r.Context(), Hold)
		defer cancel()
		var err error
		if a, err = t.Session.Await(ctx); err != nil {
			return wire.Unavailable(t.record.Name, err, refused(err))
		}
	}
	header := w.Header()
	header["Content-Type"] = h.textPlain
	header["Content-Length"] = a.InstanceLength
	_, _ = w.Write(a.Instance) // the client has gone if this fails
	event := delivery.Event{At: now.UnixNano(), Endpoint: "instance", Conn: conn, Workload: t.record, Answer: a, Status: http.StatusOK}
	if v1 {
		event.Code = "IMDSv1"
	}
	h.o.Log.Add(event)
	return nil
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

func notFound() *wire.Error {
	return &wire.Error{Status: http.StatusNotFound, Code: "NotFound", Message: "there is nothing at this path"}
}

func (h *Handler) writeText(w http.ResponseWriter, text string) {
	header := w.Header()
	header["Content-Type"] = h.textPlain
	header["Content-Length"] = []string{strconv.Itoa(len(text))}
	_, _ = w.Write([]byte(text)) // the client has gone if this fails
}
