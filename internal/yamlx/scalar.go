package yamlx

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// flow reads a list or mapping in brackets, or an alias, or within brackets any value.
func (p *parser) flow() *Node {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.line, "nested too deep")
	}
	defer func() { p.depth-- }()
	line := p.line
	switch c := p.at(0); c {
	case '[':
		return p.flowList(line)
	case '{':
		return p.flowMapping(line)
	case '*':
		p.pos++
		return p.alias(line, p.name())
	case '"', '\'':
		return p.quoted()
	case '&':
		return p.anchor(func() *Node { p.skip(); return p.flow() })
	case '!':
		return p.tag(func() *Node { p.skip(); return p.flow() })
	default:
		return p.plain(-1, true)
	}
}

// next skips to what comes next within brackets and reports whether it is c.
func (p *parser) next(c byte) bool {
	p.skip()
	if p.marker() {
		p.fail(p.line, "a bracket is not closed")
	}
	return p.at(0) == c && !p.done()
}

func (p *parser) flowList(line int) *Node {
	out := &Node{Kind: Sequence, Line: line, size: 1}
	p.pos++
	for !p.next(']') {
		if p.done() {
			p.fail(line, "the list that begins here has no ]")
			return out
		}
		item := p.flow()
		out.Items = append(out.Items, item)
		out.grow(item)
		if p.next(',') {
			p.pos++
		} else if p.fatal == nil && p.at(0) != ']' {
			p.fail(line, "the list that begins here wants , or ] after an element")
		}
	}
	p.pos++
	return out
}

func (p *parser) flowMapping(line int) *Node {
	var entries []entry
	p.pos++
	for !p.next('}') {
		if p.done() {
			p.fail(line, "the mapping that begins here has no }")
			return null(line)
		}
		entries = append(entries, p.flowEntry())
		if p.next(',') {
			p.pos++
		} else if p.fatal == nil && p.at(0) != '}' {
			p.fail(line, "the mapping that begins here wants , or } after a value")
		}
	}
	p.pos++
	return p.mapping(line, entries)
}

func (p *parser) flowEntry() entry {
	var e entry
	line, start, isQuoted := p.line, p.pos, false
	switch c := p.at(0); c {
	case '"', '\'':
		e.key, isQuoted = p.quoted(), true
	case '[', '{', '*', '&', '!', '|', '>':
		p.fail(line, "a key is a plain word")
		e.key = null(line)
	default:
		e.key = p.plainLine(true)
		e.merge = e.key.Value == "<<"
	}
	for blank(p.at(0)) {
		p.pos++
	}
	if p.fatal == nil && (p.at(0) != ':' || p.line != line || p.pos-start > 1000 || !isQuoted && !blankOrEnd(p.at(1))) {
		p.fail(line, "want a key and a colon here")
	}
	p.pos = min(p.pos+1, len(p.src))
	if p.next(',') || p.next('}') {
		e.value = null(p.line)
		return e
	}
	e.value = p.flow()
	return e
}

// plainStart reports whether a scalar without quotes can begin here.
func (p *parser) plainStart(inFlow bool) bool {
	c, after := p.at(0), p.at(1)
	switch {
	case blankOrEnd(c) || flowSign(c) || strings.IndexByte("#&*!|>'\"%@`", c) >= 0:
		return false
	case c == '-':
		return !blankOrEnd(after) && (!inFlow || !flowSign(after))
	case c == '?' || c == ':':
		return !blankOrEnd(after) && !inFlow
	}
	return true
}

// words reads the part of a scalar without quotes that is on this line.
func (p *parser) words(inFlow bool) string {
	start, end := p.pos, p.pos
	for !p.done() && p.at(0) != '\n' {
		c, after := p.at(0), p.at(1)
		if c == ':' && blankOrEnd(after) || inFlow && (flowSign(c) || c == '?') ||
			c == '#' && p.pos > p.lineStart && blank(p.src[p.pos-1]) {
			break
		}
		p.pos++
		if !blank(c) {
			end = p.pos
		}
	}
	p.pos = end
	return p.src[start:end]
}

// plainLine reads a scalar without quotes that does not go on after this line: a key.
func (p *parser) plainLine(inFlow bool) *Node {
	out := &Node{Kind: Scalar, Line: p.line, size: 1}
	if !p.plainStart(inFlow) {
		p.fail(p.line, "unexpected %q; text that begins with it needs quotes", short(p.src[p.pos:min(p.pos+1, len(p.src))]))
		return out
	}
	out.Value = p.words(inFlow)
	return out
}

// plain reads a scalar without quotes. It goes on with lines that are further right than indent.
func (p *parser) plain(indent int, inFlow bool) *Node {
	out := p.plainLine(inFlow)
	var text strings.Builder
	text.WriteString(out.Value)
	for {
		if blank(p.at(0)) {
			for blank(p.at(0)) {
				p.pos++
			}
			if p.at(0) == '#' {
				p.skip()
				if !inFlow && !p.done() && !p.marker() && p.column() > indent {
					p.fail(p.line, "a comment ends text; this line does not go on with it")
				}
				break
			}
		}
		if p.at(0) != '\n' {
			break
		}
		breaks, ok := p.goesOn(indent, inFlow)
		if !ok {
			break
		}
		fold(&text, breaks)
		text.WriteString(p.words(inFlow))
	}
	if p.at(0) == ':' && !inFlow {
		p.fail(p.line, "a key cannot be here: text with \": \" in it needs quotes")
	}
	out.Value = text.String()
	resolve(out)
	return out
}

// goesOn goes over line breaks to where the scalar without quotes goes on. If it does not, the
// position stays.
func (p *parser) goesOn(indent int, inFlow bool) (breaks int, ok bool) {
	before := *p
	for p.at(0) == '\n' {
		p.newline()
		breaks++
		for blank(p.at(0)) {
			if p.at(0) == '\t' {
				p.fail(p.line, "a tab cannot indent")
			}
			p.pos++
		}
	}
	c := p.at(0)
	if p.fatal != nil {
		return 0, false
	}
	if p.done() || p.marker() || c == '#' || !inFlow && p.column() <= indent ||
		inFlow && (flowSign(c) || c == '?') || c == ':' && blankOrEnd(p.at(1)) {
		p.pos, p.line, p.lineStart = before.pos, before.line, before.lineStart
		return 0, false
	}
	return breaks, true
}

// fold writes what line breaks in a scalar mean: one is a space, more are breaks.
func fold(text *strings.Builder, breaks int) {
	if breaks == 1 {
		text.WriteByte(' ')
		return
	}
	text.WriteString(strings.Repeat("\n", breaks-1))
}

// resolve says what a scalar without quotes is taken for.
func resolve(n *Node) {
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		n.Kind = Null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		n.Type = Truth
	default:
		if isNumber(n.Value) {
			n.Type = Number
		}
	}
}

func isNumber(s string) bool {
	if strings.IndexByte("+-.0123456789", s[0]) < 0 || strings.ContainsAny(s, "pP") { // no 0x1p4
		return false
	}
	digits := strings.ReplaceAll(s, "_", "")
	_, err := strconv.ParseInt(digits, 0, 64)
	if err != nil {
		_, err = strconv.ParseFloat(digits, 64)
	}
	return err == nil
}

// quoted reads text in single or double quotes.
func (p *parser) quoted() *Node {
	out := &Node{Kind: Scalar, Line: p.line, size: 1}
	quote := p.at(0)
	var text strings.Builder
	p.pos++
	for {
		c := p.at(0)
		switch {
		case p.done():
			p.fail(out.Line, "the text that begins here has no closing quote")
			return out
		case c == quote && quote == '\'' && p.at(1) == '\'':
			text.WriteByte('\'')
			p.pos += 2
		case c == quote:
			p.pos++
			out.Value = text.String()
			return out
		case c == '\\' && quote == '"' && p.at(1) == '\n':
			p.pos++
			text.WriteString(strings.Repeat("\n", p.breaks()-1))
		case c == '\\' && quote == '"':
			p.escape(&text)
		case blank(c) || c == '\n':
			start := p.pos
			for blank(p.at(0)) {
				p.pos++
			}
			if p.at(0) != '\n' {
				text.WriteString(p.src[start:p.pos])
				continue
			}
			fold(&text, p.breaks())
		default:
			text.WriteByte(c)
			p.pos++
		}
	}
}

// breaks goes over line breaks and the blanks after them.
func (p *parser) breaks() int {
	n := 0
	for p.at(0) == '\n' {
		p.newline()
		n++
		if p.marker() {
			p.fail(p.line, "a quote is not closed")
		}
		for blank(p.at(0)) {
			p.pos++
		}
	}
	return n
}

// escape reads a backslash and what belongs to it.
func (p *parser) escape(text *strings.Builder) {
	const names, values = "0abt\tnvfre \"\\N_LP", "\x00\a\b\t\t\n\v\f\r\x1b \"\\\u0085\u00a0\u2028\u2029"
	c, width := p.at(1), 0
	switch c {
	case 'x':
		width = 2
	case 'u':
		width = 4
	case 'U':
		width = 8
	default:
		i := strings.IndexByte(names, c)
		if i < 0 {
			p.fail(p.line, `unknown escape \%c`, c)
			return
		}
		text.WriteRune([]rune(values)[i])
		p.pos += 2
		return
	}
	digits := p.src[p.pos+2 : min(p.pos+2+width, len(p.src))]
	code, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || len(digits) != width || !utf8.ValidRune(rune(min(code, utf8.MaxRune+1))) {
		p.fail(p.line, `\%c wants %d hexadecimal digits of a character`, c, width)
		return
	}
	text.WriteRune(rune(code)) //nolint:gosec // a valid rune, as has been checked
	p.pos += 2 + width
}

// literal reads a block scalar: | keeps the lines, > folds them.
func (p *parser) literal(indent int) *Node {
	out := &Node{Kind: Scalar, Line: p.line, size: 1}
	folded := p.at(0) == '>'
	p.pos++
	chomp, explicit := byte(0), 0
	for c := p.at(0); c == '+' || c == '-' || c >= '1' && c <= '9'; c = p.at(0) {
		switch {
		case c <= '-' && chomp == 0:
			chomp = c
		case c > '-' && explicit == 0:
			explicit = int(c - '0')
		default:
			p.fail(p.line, "unexpected %q after | or >", c)
		}
		p.pos++
	}
	for blank(p.at(0)) {
		p.pos++
	}
	if p.at(0) == '#' && blank(p.src[p.pos-1]) {
		for !p.done() && p.at(0) != '\n' {
			p.pos++
		}
	}
	if p.at(0) != '\n' && !p.done() {
		p.fail(p.line, "text after | or > begins on the next line")
	}
	if p.done() {
		return out
	}
	p.newline()
	column := max(indent, 0) + explicit
	if explicit == 0 {
		column = p.literalColumn(max(indent+1, 1))
	}
	out.Value = p.literalText(column, folded, chomp)
	return out
}

// literalColumn is where a block scalar's lines begin: its first one that is not empty says so.
func (p *parser) literalColumn(least int) int {
	widest := 0
	rest := p.src[p.pos:]
	for line := p.line; rest != ""; line++ {
		text := strings.TrimLeft(rest, " ")
		width := len(rest) - len(text)
		if text == "" || text[0] != '\n' {
			if text != "" && text[0] == '\t' {
				p.fail(line, "a tab cannot indent")
			}
			if width >= least && widest > width {
				p.fail(line, "an empty line above is indented further than this one")
			}
			return max(least, width, widest)
		}
		widest = max(widest, width)
		rest = text[1:]
	}
	return max(least, widest)
}

func (p *parser) literalText(column int, folded bool, chomp byte) string {
	var text strings.Builder
	last, empty, indented := "", p.emptyLines(column), false // last is the break of the line before
	for !p.done() && p.column() == column && p.fatal == nil {
		if column == 0 && p.marker() {
			break
		}
		if folded && last != "" && !indented && !blank(p.at(0)) {
			if empty == 0 {
				text.WriteByte(' ')
			}
		} else {
			text.WriteString(last)
		}
		text.WriteString(strings.Repeat("\n", empty))
		indented = blank(p.at(0))
		line, _, broken := strings.Cut(p.src[p.pos:], "\n")
		text.WriteString(line)
		p.pos += len(line)
		last = ""
		if broken {
			last = "\n"
			p.newline()
		}
		empty = p.emptyLines(column)
	}
	if chomp != '-' {
		text.WriteString(last)
	}
	if chomp == '+' {
		text.WriteString(strings.Repeat("\n", empty))
	}
	return text.String()
}

// emptyLines goes over lines with nothing in them, and the indentation of the one after.
func (p *parser) emptyLines(column int) int {
	for n := 0; ; n++ {
		for p.at(0) == ' ' && p.column() < column {
			p.pos++
		}
		if p.at(0) != '\n' || p.done() {
			return n
		}
		p.newline()
	}
}
