package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// Bindings are the parts of a REST request outside its body.
type Bindings struct {
	labels map[string]string
	query  url.Values
	header http.Header
}

// get returns the values at a location of the model: "uri", "querystring" or "header".
func (b *Bindings) get(location, name string) ([]string, bool) {
	switch location {
	case "uri":
		v, ok := b.labels[name]
		return []string{v}, ok
	case "querystring":
		v, ok := b.query[name]
		return v, ok
	default:
		v, ok := b.header[http.CanonicalHeaderKey(name)]
		return v, ok
	}
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

// matchPath compares an escaped path with a template and returns what its labels stand for. A label
// is never empty.
func matchPath(template []segment, path string) (map[string]string, bool) {
	var labels map[string]string
	rest := strings.TrimPrefix(path, "/")
	for i, s := range template {
		part := rest
		if !s.greedy {
			var more bool
			part, rest, more = strings.Cut(rest, "/")
			if more == (i == len(template)-1) {
				return nil, false
			}
		}
		if !s.label {
			if part != s.text {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(part)
		if err != nil || value == "" {
			return nil, false
		}
		if labels == nil {
			labels = make(map[string]string, 2)
		}
		labels[s.text] = value
	}
	return labels, true
}

func unknownOperation(status int) *Error {
	return Errorf(status, "UnknownOperationException", "The operation that was requested is not known.")
}

// matchTarget reads the operation from X-Amz-Target: "prefix.Operation".
func (s *Service) matchTarget(r *http.Request, body []byte) (*Match, *Error) {
	if r.Method != http.MethodPost {
		return nil, unknownOperation(http.StatusMethodNotAllowed)
	}
	prefix, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	ep := s.byName[operation]
	if !ok || prefix != s.model.TargetPrefix || ep == nil {
		return nil, unknownOperation(http.StatusBadRequest)
	}
	return &Match{Operation: operation, endpoint: ep, body: body}, nil
}

// matchRoute finds the operation by method and path. Literal segments win over labels, since they
// are tried in the order of registration only among equals.
func (s *Service) matchRoute(r *http.Request, body []byte) (*Match, *Error) {
	var best *Match
	literals := -1
	for _, ep := range s.routes {
		if ep.method != r.Method {
			continue
		}
		labels, ok := matchPath(ep.path, r.URL.EscapedPath())
		if !ok {
			continue
		}
		n := len(ep.path) - len(labels)
		if n > literals {
			literals = n
			best = &Match{Operation: ep.name, endpoint: ep, body: body, bindings: Bindings{labels: labels, header: r.Header}}
		}
	}
	if best == nil {
		return nil, unknownOperation(http.StatusNotFound)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformedQuery("The query string contains a syntax error.")
	}
	best.bindings.query = query
	return best, nil
}

// parseJSON reads a body: one object, or nothing at all.
func parseJSON(body []byte) (JSONNode, *Error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return JSONNode{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil || members == nil || d.More() {
		return JSONNode{}, Errorf(http.StatusBadRequest, "SerializationException", "The body of the request is not a JSON object.")
	}
	return JSONNode{members}, nil
}

func jsonEndpoint[In, Out any](pl *planner, op Operation[In, Out], h func(context.Context, *Call, *In) (*Out, error)) func(context.Context, *Call, *Match, *answer) error {
	input, output := pl.of(reflect.TypeFor[In]()), pl.of(reflect.TypeFor[Out]())
	return func(ctx context.Context, c *Call, m *Match, a *answer) error {
		n, bad := parseJSON(m.body)
		if bad != nil {
			return bad
		}
		in := new(In)
		v := reflect.ValueOf(in).Elem()
		p := &a.problems
		p.json = true
		input.decodeJSON(n, &m.bindings, p, v)
		if err := p.Err(); err != nil {
			return err
		}
		c.recordInput(input, v)
		c.output = output
		out, err := h(ctx, c, in)
		if err != nil {
			return err
		}
		if out == nil {
			out = new(Out)
		}
		a.status, a.header = op.Status, http.Header{}
		a.json.OpenObject()
		output.encodeJSON(&a.json, a.header, reflect.ValueOf(out).Elem())
		a.json.CloseObject()
		return nil
	}
}

// describe is the JSON kind of a value, for messages.
func describe(v any) string {
	switch v.(type) {
	case string:
		return "STRING_VALUE"
	case json.Number:
		return "NUMBER_VALUE"
	case bool:
		return "BOOLEAN_VALUE"
	case map[string]any:
		return "START_OBJECT"
	case []any:
		return "START_ARRAY"
	default:
		return fmt.Sprintf("%T", v)
	}
}
