package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/declare"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/server"
)

// applyAtStart makes the accounts look as the file says, through the plane's own API but not over the
// network: nobody can call before it is done.
func applyAtStart(ctx context.Context, f *cmdutil.Factory, path, region string, s *server.Server) error {
	file, err := declare.Load(path)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	plan, err := apply(ctx, file, region, s)
	if err != nil {
		return fmt.Errorf("applying %s: %w", path, err)
	}
	if created, updated, deleted := plan.Count(); created+updated+deleted > 0 {
		_, _ = fmt.Fprintf(f.IO.ErrOut, "%s: %d created, %d changed\n", path, created, updated)
	}
	return nil
}

func apply(ctx context.Context, file *declare.File, region string, s *server.Server) (*declare.Plan, error) {
	for _, a := range file.Accounts {
		id, err := identity.ParseAccountID(a.ID)
		if err != nil {
			return nil, err
		}
		if err := s.AddAccount(ctx, id); err != nil {
			return nil, err
		}
	}
	return declare.Apply(ctx, file, declare.Target{
		Endpoint:   "http://rolecall.internal",
		Region:     region,
		HTTPClient: &http.Client{Transport: handlerTransport{s.Handler()}},
		Credentials: func(_ context.Context, account, _ string) (rolecall.Provider, error) {
			id, err := identity.ParseAccountID(account)
			if err != nil {
				return nil, err
			}
			root, err := s.RootSessions().New(id, time.Now(), server.MaxRootSession)
			if err != nil {
				return nil, err
			}
			return rolecall.Static(root), nil
		},
	}, declare.Options{})
}

// handlerTransport is an http.RoundTripper that calls a handler in this process.
type handlerTransport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.Host = r.Host
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.RemoteAddr = "127.0.0.1:0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &answer{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(w, in)
	_ = in.Body.Close() // as a transport must; the handler has read what it wanted
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answer) Header() http.Header         { return w.header }
func (w *answer) WriteHeader(status int)      { w.status = status }
func (w *answer) Write(b []byte) (int, error) { return w.body.Write(b) }
