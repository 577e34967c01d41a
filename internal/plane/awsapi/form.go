package awsapi

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Form is the decoded parameters of a query request, sorted by name, each name once.
type Form struct{ pairs []pair }

type pair struct{ key, value string }

// Get returns a top-level parameter.
func (f *Form) Get(name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(f.pairs, name, func(p pair, name string) int { return strings.Compare(p.key, name) })
	if !ok {
		return "", false
	}
	return f.pairs[i].value, true
}

// Len returns the number of parameters.
func (f *Form) Len() int { return len(f.pairs) }

// ParseForm decodes application/x-www-form-urlencoded text of at most limit parameters.
//
// It is stricter than net/url: a broken escape, text that is not UTF-8 and a name that occurs twice
// are errors, since one of two readers of the same request could otherwise see another value.
func ParseForm(text string, limit int) (Form, *Error) {
	if text == "" {
		return Form{}, nil
	}
	n := strings.Count(text, "&") + 1
	if n > limit {
		return Form{}, malformedQuery("The request has more than %d parameters.", limit)
	}
	pairs := make([]pair, 0, n)
	sorted := true
	for text != "" {
		var part string
		part, text, _ = strings.Cut(text, "&")
		if part == "" {
			continue
		}
		rawKey, rawValue, _ := strings.Cut(part, "=")
		key, ok := unescape(rawKey)
		if !ok {
			return Form{}, malformedQuery("The query string contains a syntax error.")
		}
		value, ok := unescape(rawValue)
		if !ok {
			return Form{}, malformedQuery("The query string contains a syntax error.")
		}
		if len(pairs) > 0 && pairs[len(pairs)-1].key >= key {
			sorted = false
		}
		pairs = append(pairs, pair{key, value})
	}
	if !sorted {
		slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		for i := 1; i < len(pairs); i++ {
			if pairs[i].key == pairs[i-1].key {
				return Form{}, malformedQuery("The parameter %s occurs more than once.", quoteName(pairs[i].key))
			}
		}
	}
	return Form{pairs}, nil
}

func quoteName(s string) string {
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "") + "…"
	}
	return "'" + s + "'"
}

func malformedQuery(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, "MalformedQueryString", format, args...)
}

// unescape decodes %XX and +; text without either is returned as it is.
func unescape(s string) (string, bool) {
	i := strings.IndexAny(s, "%+")
	if i < 0 {
		return s, isText(s)
	}
	b := make([]byte, i, len(s))
	copy(b, s)
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi > 15 || lo > 15 {
				return "", false
			}
			b = append(b, hi<<4|lo)
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b), isText(string(b))
}

func isText(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	default:
		return 255
	}
}

// matchQuery reads the parameters of a GET from the query string and of a POST from the body; a
// POST may carry the signature, and nothing else that counts, in its query string.
func (s *Service) matchQuery(r *http.Request, body []byte) (*Match, *Error) {
	var text string
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		text = r.URL.RawQuery
	case http.MethodPost:
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind != "application/x-www-form-urlencoded" {
			return nil, Errorf(http.StatusBadRequest, "InvalidQueryParameter", "The content type %s is not supported: use application/x-www-form-urlencoded.", quoteName(kind))
		}
		text = string(body)
		if text == "" {
			text = r.URL.RawQuery
		}
	default:
		return nil, Errorf(http.StatusMethodNotAllowed, "InvalidAction", "The method %s is not supported.", quoteName(r.Method))
	}
	form, bad := ParseForm(text, s.opts.MaxParameters)
	if bad != nil {
		return nil, bad
	}
	action, ok := form.Get("Action")
	if !ok || action == "" {
		return nil, Errorf(http.StatusBadRequest, "MissingAction", "The request is missing an action or a required parameter.")
	}
	version, ok := form.Get("Version")
	if !ok || version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	ep := s.byName[action]
	if ep == nil || version != s.model.Version {
		return nil, Errorf(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s", clip(action), clip(version))
	}
	return &Match{Operation: action, endpoint: ep, form: form}, nil
}

func clip(s string) string {
	if len(s) > 128 {
		return strings.ToValidUTF8(s[:128], "") + "…"
	}
	return s
}
