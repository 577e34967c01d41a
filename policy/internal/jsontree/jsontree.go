// Package jsontree reads JSON into a tree that knows where everything stands.
//
// It exists because encoding/json can tell neither positions nor duplicate keys, and both decide about a policy:
// the simulators answer positions, and of two equal keys different readers believe different ones.
package jsontree

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is a kind of JSON value.
type Kind uint8

// The kinds.
const (
	String Kind = iota
	Number
	Bool
	Null
	Object
	Array
)

// Node is a JSON value.
type Node struct {
	// Text is the string's value, or the literal of a number, true, false, null.
	Text string
	// Name is a member's, if the node is the value of one.
	Name string
	// Items are the elements of an array or the members of an object, in order.
	Items []Node
	// Start and End are offsets in bytes, NameAt that of the member's name.
	Start, End, NameAt int32
	Kind               Kind
}

// maxDepth is far above what the grammar of policies needs (6).
const maxDepth = 32

// Error is why a text is not JSON that one can rely on.
type Error struct {
	// At is an offset in bytes.
	At     int
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return e.Reason }

// Parse returns the value that src, valid UTF-8 of less than 2 GiB, holds. Duplicate members are refused. The error is an [*Error].
func Parse(src string) (Node, error) {
	r := reader{src: src, nodes: make([]Node, 0, most(src)), open: make([]Node, 0, 32)}
	n, ok := r.value(0)
	if ok {
		r.space()
		if r.pos != len(src) {
			r.fail(r.pos, "text after the end of the document")
		}
	}
	if r.msg != "" {
		return Node{}, &Error{At: r.bad, Reason: r.msg}
	}
	return n, nil
}

// chunk is how many items are allocated at once, at most: brackets alone must not cost what documents do.
const chunk = 1024

// most is the greatest number of items that src can have, or chunk: behind each there is a comma, or the
// end of a list.
func most(src string) int {
	n := 0
	for i := range len(src) {
		if c := src[i]; c == ',' || c == '{' || c == '[' {
			n++
		}
	}
	return min(n, chunk)
}

type reader struct {
	src string
	pos int
	msg string // first error
	bad int
	// nodes is room for all items, so that they are one allocation; open are those of lists not yet closed.
	nodes []Node
	open  []Node
}

func (r *reader) fail(pos int, msg string) bool {
	if r.msg == "" {
		r.bad, r.msg = pos, msg
	}
	return false
}

func (r *reader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// close makes the items of a list from those that were read since it was opened.
func (r *reader) close(open int) []Node {
	items := r.open[open:]
	if len(items) == 0 {
		return nil
	}
	if len(items) > cap(r.nodes)-len(r.nodes) {
		r.nodes = make([]Node, 0, max(len(items), chunk))
	}
	from := len(r.nodes)
	r.nodes = append(r.nodes, items...)
	r.open = r.open[:open]
	return r.nodes[from:len(r.nodes):len(r.nodes)]
}

func (r *reader) node(kind Kind, text string, start int) Node {
	return Node{Kind: kind, Text: text, Start: int32(start), End: int32(r.pos)} //nolint:gosec // Parse says how long texts may be
}

func (r *reader) value(depth int) (Node, bool) {
	r.space()
	if r.pos >= len(r.src) {
		return Node{}, r.fail(r.pos, "the document ends early")
	}
	if depth > maxDepth {
		return Node{}, r.fail(r.pos, "nested too deeply")
	}
	start := r.pos
	switch c := r.src[r.pos]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		s, ok := r.str()
		return r.node(String, s, start), ok
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for _, lit := range [...]struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
		if strings.HasPrefix(r.src[r.pos:], lit.text) {
			r.pos += len(lit.text)
			return r.node(lit.kind, lit.text, start), true
		}
	}
	return Node{}, r.fail(r.pos, "not a JSON value")
}

func (r *reader) object(depth int) (Node, bool) {
	start, open := r.pos, len(r.open)
	var seen map[string]bool
	r.pos++
	for first := true; ; first = false {
		r.space()
		if r.pos < len(r.src) && r.src[r.pos] == '}' && first {
			break
		}
		if r.pos >= len(r.src) || r.src[r.pos] != '"' {
			return Node{}, r.fail(r.pos, "a member name was expected")
		}
		at := r.pos
		name, ok := r.str()
		if !ok {
			return Node{}, false
		}
		if has(r.open[open:], name, &seen) {
			return Node{}, r.fail(at, `member "`+name+`" is given twice`)
		}
		r.space()
		if r.pos >= len(r.src) || r.src[r.pos] != ':' {
			return Node{}, r.fail(r.pos, "a colon was expected")
		}
		r.pos++
		v, ok := r.value(depth + 1)
		if !ok {
			return Node{}, false
		}
		v.Name, v.NameAt = name, int32(at) //nolint:gosec // Parse says how long texts may be
		r.open = append(r.open, v)
		if more, ok := r.next('}'); !ok {
			return Node{}, false
		} else if !more {
			break
		}
	}
	r.pos++
	n := r.node(Object, "", start)
	n.Items = r.close(open)
	return n, true
}

// has tells whether an object has a member already. Many members are kept in seen, so that a document of
// nothing but members costs no more than others.
func has(members []Node, name string, seen *map[string]bool) bool {
	const few = 16
	if len(members) < few {
		for i := range members {
			if members[i].Name == name {
				return true
			}
		}
		return false
	}
	if *seen == nil {
		*seen = make(map[string]bool, 4*few)
		for i := range members {
			(*seen)[members[i].Name] = true
		}
	}
	was := (*seen)[name]
	(*seen)[name] = true
	return was
}

func (r *reader) array(depth int) (Node, bool) {
	start, open := r.pos, len(r.open)
	r.pos++
	for first := true; ; first = false {
		r.space()
		if r.pos < len(r.src) && r.src[r.pos] == ']' && first {
			break
		}
		v, ok := r.value(depth + 1)
		if !ok {
			return Node{}, false
		}
		r.open = append(r.open, v)
		if more, ok := r.next(']'); !ok {
			return Node{}, false
		} else if !more {
			break
		}
	}
	r.pos++
	n := r.node(Array, "", start)
	n.Items = r.close(open)
	return n, true
}

// next stands after a member: a comma says more, end says that the value is complete.
func (r *reader) next(end byte) (more, ok bool) {
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

func (r *reader) number() (Node, bool) {
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
		return Node{}, r.fail(start, "not a number")
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return Node{}, r.fail(start, "not a number")
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return Node{}, r.fail(start, "not a number")
		}
	}
	r.pos = i
	return r.node(Number, s[start:i], start), true
}

func (r *reader) str() (string, bool) {
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

func (r *reader) escaped(start, from int) (string, bool) {
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

func (r *reader) escape(b *strings.Builder) bool {
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

func (r *reader) hex4() (rune, bool) {
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

// Position is a place in a text. Line and Column start at 1; Column counts characters.
type Position struct{ Line, Column int }

// Positions turns offsets into lines and columns, fast if the offsets rise.
type Positions struct {
	src    string
	offset int
	at     Position
}

// NewPositions returns the positions of src.
func NewPositions(src string) *Positions {
	return &Positions{src: src, at: Position{Line: 1, Column: 1}}
}

// Of returns the place of an offset.
func (p *Positions) Of(offset int) Position {
	if offset < p.offset {
		*p = *NewPositions(p.src)
	}
	for _, c := range p.src[p.offset:min(offset, len(p.src))] {
		if c == '\n' {
			p.at.Line++
			p.at.Column = 1
		} else {
			p.at.Column++
		}
	}
	p.offset = min(offset, len(p.src))
	return p.at
}

// Size counts the characters of a JSON text without whitespace outside of strings.
func Size(src string) int {
	n, inString, escaped := 0, false, false
	for i := range len(src) {
		c := src[i]
		switch {
		case c >= utf8.RuneSelf && !utf8.RuneStart(c): // the rest of a character
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
