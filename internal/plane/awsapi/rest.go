package awsapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// JSONNode is one object of a JSON request.
type JSONNode struct{ members map[string]any }

// Bindings are the parts of a REST request outside its body.
type Bindings struct {
	labels map[string]string
	query  map[string][]string
	header http.Header
}

// segment is one part of a path template between slashes.
type segment struct {
	text   string // literal, or the label's name
	label  bool
	greedy bool
}

func parsePath(path string) []segment {
	path, _, _ = strings.Cut(path, "?")
	var list []segment
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		s := segment{text: part}
		if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
			s.label = true
			s.text = strings.Trim(part, "{}")
			s.greedy = strings.HasSuffix(s.text, "+")
			s.text = strings.TrimSuffix(s.text, "+")
		}
		list = append(list, s)
	}
	return list
}

func (s *Service) matchTarget(r *http.Request, body []byte) (*Match, *Error) {
	return nil, Internal(errors.New("not yet"))
}

func (s *Service) matchRoute(r *http.Request, body []byte) (*Match, *Error) {
	return nil, Internal(errors.New("not yet"))
}

func jsonEndpoint[In, Out any](op Operation[In, Out], h func(context.Context, *Call, *In) (*Out, error)) func(context.Context, *Call, *Match, *answer) error {
	return func(context.Context, *Call, *Match, *answer) error { return errors.New("not yet") }
}
