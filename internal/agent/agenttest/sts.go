// Package agenttest is what tests of the agent and its commands share: an STS that behaves, or
// misbehaves, as it is told.
package agenttest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Fault is how the STS answers.
type Fault int

// The faults.
const (
	Healthy Fault = iota
	// Denied answers AccessDenied.
	Denied
	// Failing answers 500.
	Failing
	// Hanging never answers.
	Hanging
	// Garbage answers 200 with no XML.
	Garbage
	// Empty answers 200 with empty credentials.
	Empty
	// Dead answers 200 with credentials that have expired.
	Dead
	// Throttled answers Throttling.
	Throttled
)

// STS is a fake of AssumeRole and GetSessionToken. It checks no signatures.
type STS struct {
	URL string

	mu     sync.Mutex
	fault  Fault
	delay  time.Duration
	life   time.Duration
	calls  []url.Values
	inside int
	most   int
	hang   chan struct{}
}

// NewSTS starts one that issues sessions of an hour and ends with the test.
func NewSTS(tb testing.TB) *STS {
	tb.Helper()
	s := &STS{life: time.Hour, hang: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	tb.Cleanup(func() {
		close(s.hang)
		server.Close()
	})
	s.URL = server.URL
	return s
}

// Set changes how it answers.
func (s *STS) Set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Delay makes every answer take d.
func (s *STS) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Life makes sessions last d.
func (s *STS) Life(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = d
}

// Calls returns the parameters of all calls so far.
func (s *STS) Calls() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.calls...)
}

// MostAtOnce returns how many calls were ever in flight together.
func (s *STS) MostAtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

func (s *STS) enter(form url.Values) (n int, f Fault, delay, life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, form)
	s.inside++
	s.most = max(s.most, s.inside)
	return len(s.calls), s.fault, s.delay, s.life
}

func (s *STS) serve(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n, fault, delay, life := s.enter(r.PostForm)
	defer func() {
		s.mu.Lock()
		s.inside--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return
	}
	switch fault {
	case Denied:
		writeError(w, http.StatusForbidden, "AccessDenied", "User is not authorized to perform: sts:AssumeRole")
	case Failing:
		writeError(w, http.StatusInternalServerError, "InternalFailure", "try again")
	case Throttled:
		writeError(w, http.StatusBadRequest, "Throttling", "Rate exceeded")
	case Hanging:
		select {
		case <-s.hang:
		case <-r.Context().Done():
		}
	case Garbage:
		_, _ = fmt.Fprint(w, "<html>welcome to the hotel</html>")
	case Empty:
		writeSession(w, r.PostForm.Get("Action"), session{Expiration: time.Now().Add(life).UTC().Format(time.RFC3339)})
	case Dead:
		writeSession(w, r.PostForm.Get("Action"), numbered(n, -time.Minute))
	default:
		writeSession(w, r.PostForm.Get("Action"), numbered(n, life))
	}
}

type session struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string //nolint:gosec // a made-up one
	SessionToken    string
	Expiration      string
}

// numbered are the credentials of the nth call.
func numbered(n int, life time.Duration) session {
	return session{
		AccessKeyID:     AccessKeyID(n),
		SecretAccessKey: fmt.Sprintf("example-secret-%04d", n),
		SessionToken:    fmt.Sprintf("example-token-%04d", n),
		Expiration:      time.Now().Add(life).UTC().Format(time.RFC3339),
	}
}

// AccessKeyID is the id that the nth call is answered with.
func AccessKeyID(n int) string { return fmt.Sprintf("ASIAQAAAAAAAEXAM%04d", n) }

func writeSession(w http.ResponseWriter, action string, c session) {
	type result struct {
		Credentials     session
		AssumedRoleUser struct {
			Arn           string
			AssumedRoleID string `xml:"AssumedRoleId"`
		}
	}
	var r result
	r.Credentials = c
	r.AssumedRoleUser.Arn = "arn:aws:sts::123456789012:assumed-role/example/session"
	r.AssumedRoleUser.AssumedRoleID = "AROAQAAAAAAAEXAMPLE00:session"
	body := struct {
		XMLName          xml.Name
		Result           any
		ResponseMetadata struct{ RequestID string }
	}{
		XMLName: xml.Name{Space: "https://sts.amazonaws.com/doc/2011-06-15/", Local: action + "Response"},
		Result: struct {
			XMLName xml.Name
			result
		}{xml.Name{Local: action + "Result"}, r},
	}
	w.Header().Set("Content-Type", "text/xml")
	_ = xml.NewEncoder(w).Encode(body) // the client has gone if this fails
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>`, code, message)
}
