package yamlx

import (
	"fmt"
	"strings"
)

// parser reads YAML's block and flow styles, as the libyaml family does. What few people write is
// refused rather than guessed at: tags but !!str, complex and multi-line keys, anchors on keys,
// single pairs in lists ([a: b]), directives and tabs as indentation.
//
// After the first syntax error all methods find the end of the text.
type parser struct {
	builder
	src       string
	pos       int
	line      int // from 1
	lineStart int // position of the line's first byte
	depth     int
}

func (p *parser) fail(line int, format string, args ...any) {
	if p.fatal == nil {
		p.fatal = &Problem{line, fmt.Sprintf(format, args...)}
	}
	p.pos = len(p.src)
}

func (p *parser) done() bool  { return p.pos >= len(p.src) }
func (p *parser) column() int { return p.pos - p.lineStart }

// at is the byte i further on, 0 behind the end.
func (p *parser) at(i int) byte {
	if p.pos+i < len(p.src) {
		return p.src[p.pos+i]
	}
	return 0
}

func blank(c byte) bool       { return c == ' ' || c == '\t' }
func blankOrEnd(c byte) bool  { return blank(c) || c == '\n' || c == 0 }
func flowSign(c byte) bool    { return strings.IndexByte(",[]{}", c) >= 0 && c != 0 }
func (p *parser) entry() bool { return p.at(0) == '-' && blankOrEnd(p.at(1)) }

func (p *parser) newline() {
	p.pos++
	p.line++
	p.lineStart = p.pos
}

// skip goes over blanks, comments and line breaks to what comes next.
func (p *parser) skip() {
	for !p.done() {
		switch c := p.at(0); {
		case blank(c):
			p.blanks()
		case c == '\n':
			p.newline()
		case c == '#' && (p.pos == p.lineStart || blank(p.src[p.pos-1])):
			for !p.done() && p.at(0) != '\n' {
				p.pos++
			}
		default:
			return
		}
	}
}

// blanks goes over blanks. There must be no tabs in front of what a line begins with.
func (p *parser) blanks() {
	start, indents := p.pos, strings.TrimLeft(p.src[p.lineStart:p.pos], " \t") == ""
	for blank(p.at(0)) {
		p.pos++
	}
	if indents && strings.Contains(p.src[start:p.pos], "\t") {
		p.fail(p.line, "a tab cannot indent")
	}
}

// marker reports whether a document marker, "---" or "...", is here.
func (p *parser) marker() bool {
	return p.column() == 0 && (strings.HasPrefix(p.src[p.pos:], "---") || strings.HasPrefix(p.src[p.pos:], "...")) && blankOrEnd(p.at(3))
}

// document reads the one document; nil if there is none.
func (p *parser) document() *Node {
	p.skip()
	started := false
	if p.marker() {
		if p.at(0) == '.' {
			p.fail(p.line, "the document ends before it begins")
		}
		started = true
		p.pos = min(p.pos+3, len(p.src))
	}
	if p.done() && !started {
		return nil
	}
	if p.at(0) == '%' {
		p.fail(p.line, "directives have no meaning here")
	}
	out := p.value(-1, !started)
	p.skip()
	if p.marker() && p.at(0) == '.' {
		p.pos += 3
		p.skip()
	}
	switch {
	case p.done():
	case p.marker():
		p.fail(0, "more than one YAML document; give each its own file")
	default:
		p.fail(p.line, "this does not belong to what is above; look at the indentation")
	}
	return out
}

// value reads what stands behind a key, a dash or the start of the document. It belongs to them if
// it is on their line or further right than indent. A list may begin at indent itself, if indent is
// a key's, which is when !fresh and on another line. Where fresh, a mapping or list can begin on this line.
func (p *parser) value(indent int, fresh bool) *Node {
	start := p.line
	if p.depth++; p.depth > maxDepth {
		p.fail(p.line, "nested too deep")
	}
	defer func() { p.depth-- }()
	key := !fresh && indent >= 0
	p.skip()
	if p.done() || p.marker() {
		return null(start)
	}
	if p.line != start {
		fresh = true
		if p.column() <= indent && (!key || p.column() < indent || !p.entry()) {
			return null(start)
		}
	}
	switch c := p.at(0); {
	case c == '&':
		return p.anchor(func() *Node { return p.bare(indent, key, false) })
	case c == '!':
		return p.tag(func() *Node { return p.bare(indent, key, false) })
	}
	return p.bare(indent, key, fresh)
}

// bare is value without what may stand before one.
func (p *parser) bare(indent int, key, fresh bool) *Node {
	start := p.line
	p.skip()
	if p.done() || p.marker() {
		return null(start)
	}
	if p.line != start {
		fresh = true
		if p.column() <= indent && (!key || p.column() < indent || !p.entry()) {
			return null(start)
		}
	}
	switch c := p.at(0); {
	case p.entry():
		if !fresh {
			p.fail(p.line, "a list begins on a line of its own")
			return null(p.line)
		}
		return p.list(p.column())
	case c == '|' || c == '>':
		return p.literal(indent)
	case c == '?' && blankOrEnd(p.at(1)):
		p.fail(p.line, "keys with ? are not understood here")
		return null(p.line)
	case c == '&' || c == '!':
		p.fail(p.line, "one anchor or tag is enough")
		return null(p.line)
	}
	if fresh && p.keyAhead() {
		return p.block(p.column())
	}
	var out *Node
	switch c := p.at(0); c {
	case '[', '{', '*':
		out = p.flow()
	case '"', '\'':
		out = p.quoted()
	default:
		return p.plain(indent, false)
	}
	p.endOfLine()
	return out
}

// endOfLine makes sure that nothing follows on the line but a comment.
func (p *parser) endOfLine() {
	line := p.line
	p.skip()
	if !p.done() && p.line == line {
		p.fail(line, "this value ends before the line does; a key or comma may be missing, or quotes")
	}
}

// keyAhead reports whether a key and its colon are here, on this line.
func (p *parser) keyAhead() bool {
	look := *p
	look.fatal = nil
	look.problems = nil
	look.key()
	return look.fatal == nil
}

// key reads a block mapping's key and its colon.
func (p *parser) key() (key *Node, merge bool) {
	line, start := p.line, p.pos
	switch c := p.at(0); c {
	case '"', '\'':
		key = p.quoted()
	case '[', '{', '*', '&', '!', '|', '>':
		p.fail(line, "a key is a plain word")
		return null(line), false
	default:
		key = p.plainLine(false)
		merge = key.Value == "<<"
	}
	for blank(p.at(0)) {
		p.pos++
	}
	if p.fatal == nil && (p.at(0) != ':' || !blankOrEnd(p.at(1)) || p.line != line || p.pos-start > 1000) {
		p.fail(line, "want a key and a colon here")
	}
	p.pos = min(p.pos+1, len(p.src))
	return key, merge
}

// block reads a mapping whose keys are in the given column.
func (p *parser) block(column int) *Node {
	line := p.line
	var entries []entry
	for {
		key, merge := p.key()
		entries = append(entries, entry{key, p.value(column, false), merge})
		p.skip()
		if p.done() || p.marker() || p.column() < column {
			return p.mapping(line, entries)
		}
		if p.column() > column {
			p.fail(p.line, "this is further right than the keys above")
		}
	}
}

// list reads a list whose dashes are in the given column.
func (p *parser) list(column int) *Node {
	out := &Node{Kind: Sequence, Line: p.line, size: 1}
	for {
		p.pos++ // the dash
		if rest := p.src[min(p.pos, len(p.src)):]; strings.HasPrefix(strings.TrimLeft(rest, " "), "\t") {
			p.fail(p.line, "a tab cannot indent")
		}
		item := p.value(column, true)
		out.Items = append(out.Items, item)
		out.grow(item)
		p.skip()
		if p.done() || p.marker() || p.column() < column || p.column() == column && !p.entry() {
			return out
		}
		if p.column() > column {
			p.fail(p.line, "this is further right than the list above")
			return out
		}
	}
}

// anchor reads &name and the value that it names.
func (p *parser) anchor(value func() *Node) *Node {
	line := p.line
	p.pos++
	name := p.name()
	p.anchors[name] = nil
	out := *value()
	out.Line = line
	if p.anchors[name] == nil { // else the name has been given again within the value
		p.anchors[name] = &out
	}
	return &out
}

// name is that of an anchor.
func (p *parser) name() string {
	start := p.pos
	for c := p.at(0); c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'; c = p.at(0) {
		p.pos++
	}
	name := p.src[start:p.pos]
	if name == "" || !blankOrEnd(p.at(0)) && strings.IndexByte(",]}", p.at(0)) < 0 {
		p.fail(p.line, "the name of an anchor consists of letters, digits, _ and -")
	}
	return name
}

// tag reads !!str and a scalar.
func (p *parser) tag(value func() *Node) *Node {
	line := p.line
	if !strings.HasPrefix(p.src[p.pos:], "!!str") || !blankOrEnd(p.at(5)) {
		p.fail(line, "of tags, only !!str has a meaning here")
		return null(line)
	}
	p.pos += len("!!str")
	out := value()
	if out.Kind != Scalar && out.Kind != Null {
		p.fail(line, "!!str takes text, not %s", out.what())
	}
	return &Node{Kind: Scalar, Line: line, Value: out.Value, size: 1}
}
