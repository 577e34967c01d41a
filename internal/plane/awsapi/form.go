package awsapi

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"
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
func ParseForm(text string, limit int) (Form, *Error) { return parseForm(text, limit, nil) }

// parseForm uses the room in pairs if it is enough.
func parseForm(text string, limit int, pairs []pair) (Form, *Error) {
	if text == "" {
		return Form{}, nil
	}
	n := strings.Count(text, "&") + 1
	if n > limit {
		return Form{}, malformedQuery("The request has more than %d parameters.", limit)
	}
	if n > cap(pairs) {
		pairs = make([]pair, 0, n)
	}
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

// Classes of bytes in encoded text.
const (
	bytePlain = iota
	byteEscape
	byteWide // above ASCII: UTF-8 must be checked
	byteBad
)

// byteClass is a table, since this runs over every byte of every request.
var byteClass = func() (t [256]uint8) {
	t['%'], t['+'], t[0] = byteEscape, byteEscape, byteBad
	for i := utf8.RuneSelf; i < 256; i++ {
		t[i] = byteWide
	}
	return t
}()

// unescape decodes %XX and +; text without either is returned as it is.
func unescape(s string) (string, bool) {
	var seen [4]bool
	for i := range len(s) {
		seen[byteClass[s[i]]] = true
	}
	switch {
	case seen[byteBad]:
		return "", false
	case !seen[byteEscape]:
		return s, !seen[byteWide] || utf8.ValidString(s)
	}
	b := make([]byte, 0, len(s))
	wide := seen[byteWide]
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi > 15 || lo > 15 {
				return "", false
			}
			c = hi<<4 | lo
			if c == 0 {
				return "", false
			}
			wide = wide || c >= utf8.RuneSelf
			i += 2
		}
		b = append(b, c)
	}
	// b is not changed any more: the string may share its bytes.
	text := unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // see above
	return text, !wide || utf8.ValidString(text)
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
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if kind = strings.TrimSpace(kind); kind != "" && !strings.EqualFold(kind, "application/x-www-form-urlencoded") {
			return nil, Errorf(http.StatusBadRequest, "InvalidQueryParameter", "The content type %s is not supported: use application/x-www-form-urlencoded.", quoteName(kind))
		}
		text = string(body)
		if text == "" {
			text = r.URL.RawQuery
		}
	default:
		return nil, Errorf(http.StatusMethodNotAllowed, "InvalidAction", "The method %s is not supported.", quoteName(r.Method))
	}
	m := new(Match)
	form, bad := parseForm(text, s.opts.MaxParameters, m.room[:0])
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
	m.Operation, m.endpoint, m.form = action, ep, form
	return m, nil
}

func clip(s string) string {
	if len(s) > 128 {
		return strings.ToValidUTF8(s[:128], "") + "…"
	}
	return s
}
