package policy

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The reader below exists because encoding/json can tell neither positions nor duplicate keys, and
// both decide about a policy: the simulators answer positions, and of two equal keys
// different readers believe different ones.

type nodeKind uint8

const (
	nodeString nodeKind = iota
	nodeNumber
	nodeBool
	nodeNull
	nodeObject
	nodeArray
)

// node is a JSON value. text is the string's value, or the literal of a number, true, false, null.
type node struct {
	kind       nodeKind
	text       string
	keys       []key
	items      []node
	start, end int
}

// key is an object's member name; its value is the item of the same index.
type key struct {
	name string
	pos  int
}

// maxDepth is far above what the grammar needs (6).
const maxDepth = 32

// maxDocument bounds what is read at all: IAM's limit for the parameter.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
const maxDocument = 131072

type jsonReader struct {
	src string
	pos int
	msg string // first error
	bad int
}

// readJSON returns the value that src holds. On failure ok is false, and pos and msg tell where and why.
func readJSON(src string) (n node, pos int, msg string, ok bool) {
	r := jsonReader{src: src}
	n, ok = r.value(0)
	if ok {
		r.space()
		if r.pos != len(src) {
			r.fail(r.pos, "text after the end of the document")
		}
	}
	return n, r.bad, r.msg, r.msg == ""
}

func (r *jsonReader) fail(pos int, msg string) bool {
	if r.msg == "" {
		r.bad, r.msg = pos, msg
	}
	return false
}

func (r *jsonReader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *jsonReader) value(depth int) (node, bool) {
	r.space()
	if r.pos >= len(r.src) {
		return node{}, r.fail(r.pos, "the document ends early")
	}
	if depth > maxDepth {
		return node{}, r.fail(r.pos, "nested too deeply")
	}
	start := r.pos
	switch c := r.src[r.pos]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		s, ok := r.str()
		return node{kind: nodeString, text: s, start: start, end: r.pos}, ok
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for _, lit := range [...]struct {
		text string
		kind nodeKind
	}{{"true", nodeBool}, {"false", nodeBool}, {"null", nodeNull}} {
		if strings.HasPrefix(r.src[r.pos:], lit.text) {
			r.pos += len(lit.text)
			return node{kind: lit.kind, text: lit.text, start: start, end: r.pos}, true
		}
	}
	return node{}, r.fail(r.pos, "not a JSON value")
}

func (r *jsonReader) object(depth int) (node, bool) {
	n := node{kind: nodeObject, start: r.pos}
	var seen map[string]bool
	r.pos++
	for first := true; ; first = false {
		r.space()
		if r.pos < len(r.src) && r.src[r.pos] == '}' && first {
			break
		}
		if r.pos >= len(r.src) || r.src[r.pos] != '"' {
			return n, r.fail(r.pos, "a member name was expected")
		}
		at := r.pos
		name, ok := r.str()
		if !ok {
			return n, false
		}
		if n.has(name, &seen) {
			return n, r.fail(at, "member "+quote(name)+" is given twice")
		}
		r.space()
		if r.pos >= len(r.src) || r.src[r.pos] != ':' {
			return n, r.fail(r.pos, "a colon was expected")
		}
		r.pos++
		v, ok := r.value(depth + 1)
		if !ok {
			return n, false
		}
		if n.items == nil {
			n.keys, n.items = make([]key, 0, 4), make([]node, 0, 4)
		}
		n.keys, n.items = append(n.keys, key{name, at}), append(n.items, v)
		if more, ok := r.next('}'); !ok {
			return n, false
		} else if !more {
			break
		}
	}
	r.pos++
	n.end = r.pos
	return n, true
}

// has tells whether an object has a member already. Many members are kept in seen, so that a document of
// nothing but members costs no more than others.
func (n *node) has(name string, seen *map[string]bool) bool {
	const few = 16
	if len(n.keys) < few {
		for i := range n.keys {
			if n.keys[i].name == name {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]bool, 4*few)
		for i := range n.keys {
			(*seen)[n.keys[i].name] = true
		}
	}
	was := (*seen)[name]
	(*seen)[name] = true
	return was
}

func (r *jsonReader) array(depth int) (node, bool) {
	n := node{kind: nodeArray, start: r.pos}
	r.pos++
	for first := true; ; first = false {
		r.space()
		if r.pos < len(r.src) && r.src[r.pos] == ']' && first {
			break
		}
		v, ok := r.value(depth + 1)
		if !ok {
			return n, false
		}
		n.items = append(n.items, v)
		if more, ok := r.next(']'); !ok {
			return n, false
		} else if !more {
			break
		}
	}
	r.pos++
	n.end = r.pos
	return n, true
}

// next stands after a member: a comma says more, end says that the value is complete.
func (r *jsonReader) next(end byte) (more, ok bool) {
	r.space()
	if r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ',':
			r.pos++
			return true, true
		case end:
			return false, true
		}
	}
	return false, r.fail(r.pos, "a comma or the end of the list was expected")
}

func (r *jsonReader) number() (node, bool) {
	start := r.pos
	s := r.src
	i := start
	if s[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	zero := i < len(s) && s[i] == '0'
	whole := i
	if !digits() || zero && i > whole+1 {
		return node{}, r.fail(start, "not a number")
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return node{}, r.fail(start, "not a number")
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return node{}, r.fail(start, "not a number")
		}
	}
	r.pos = i
	return node{kind: nodeNumber, text: s[start:i], start: start, end: i}, true
}

func (r *jsonReader) str() (string, bool) {
	start := r.pos
	r.pos++
	from := r.pos
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '"':
			s := r.src[from:r.pos]
			r.pos++
			return s, true
		case c == '\\':
			return r.escaped(start, from)
		case c < ' ':
			return "", r.fail(r.pos, "control character in a string")
		default:
			r.pos++
		}
	}
	return "", r.fail(start, "the string has no end")
}

func (r *jsonReader) escaped(start, from int) (string, bool) {
	var b strings.Builder
	b.WriteString(r.src[from:r.pos])
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '"':
			r.pos++
			return b.String(), true
		case c < ' ':
			return "", r.fail(r.pos, "control character in a string")
		case c != '\\':
			b.WriteByte(c)
			r.pos++
		default:
			if !r.escape(&b) {
				return "", false
			}
		}
	}
	return "", r.fail(start, "the string has no end")
}

func (r *jsonReader) escape(b *strings.Builder) bool {
	at := r.pos
	if at+1 >= len(r.src) {
		return r.fail(at, "the string has no end")
	}
	r.pos += 2
	switch r.src[at+1] {
	case '"', '\\', '/':
		b.WriteByte(r.src[at+1])
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		u, ok := r.hex4()
		if !ok {
			return r.fail(at, "not a \\u escape")
		}
		if utf16.IsSurrogate(u) {
			if !strings.HasPrefix(r.src[r.pos:], `\u`) {
				return r.fail(at, "half a surrogate pair")
			}
			r.pos += 2
			low, ok := r.hex4()
			u = utf16.DecodeRune(u, low)
			if !ok || u == utf8.RuneError {
				return r.fail(at, "half a surrogate pair")
			}
		}
		b.WriteRune(u)
	default:
		return r.fail(at, "not an escape sequence")
	}
	return true
}

func (r *jsonReader) hex4() (rune, bool) {
	if r.pos+4 > len(r.src) {
		return 0, false
	}
	var u rune
	for _, c := range []byte(r.src[r.pos : r.pos+4]) {
		switch {
		case c >= '0' && c <= '9':
			u = u<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			u = u<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			u = u<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	r.pos += 4
	return u, true
}

// positions turns offsets into lines and columns; offsets must not decrease.
type positions struct {
	src    string
	offset int
	at     Position
}

func newPositions(src string) *positions {
	return &positions{src: src, at: Position{Line: 1, Column: 1}}
}

func (p *positions) of(offset int) Position {
	if offset < p.offset {
		*p = *newPositions(p.src)
	}
	if offset > len(p.src) {
		offset = len(p.src)
	}
	for i, c := range p.src[p.offset:offset] {
		_ = i
		if c == '\n' {
			p.at.Line++
			p.at.Column = 1
		} else {
			p.at.Column++
		}
	}
	p.offset = offset
	return p.at
}

// sizeOf counts the characters of a JSON text without whitespace outside of strings.
func sizeOf(src string) int {
	n, inString, escaped := 0, false, false
	for _, c := range src {
		switch {
		case inString:
			n++
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				inString = false
			}
		case c == '"':
			inString = true
			n++
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			n++
		}
	}
	return n
}

func quote(s string) string { return `"` + s + `"` }
