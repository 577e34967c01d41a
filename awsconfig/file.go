package awsconfig

import (
	"strings"
	"sync/atomic"
)

// Kind says which of the two files a file is; section names are written differently in them.
type Kind int

const (
	// ConfigKind is ~/.aws/config: "[profile x]", "[sso-session x]", "[services x]", "[default]".
	ConfigKind Kind = iota
	// CredentialsKind is ~/.aws/credentials: "[x]".
	CredentialsKind
)

func (k Kind) String() string {
	if k == CredentialsKind {
		return "credentials"
	}
	return "config"
}

// SectionType is what a section configures.
type SectionType string

// The types of section that the SDKs know.
const (
	ProfileSection    SectionType = "profile"
	SSOSessionSection SectionType = "sso-session"
	ServicesSection   SectionType = "services"
	// UnknownSection is a section that every SDK passes over.
	UnknownSection SectionType = ""
)

// File is one parsed file. It keeps the file's text whole; [File.Bytes] returns it unchanged.
type File struct {
	// Path is the name that positions are reported under.
	Path string
	// Kind is how section names were read.
	Kind Kind
	// Sections are in the order of the text; one name may occur several times.
	Sections []*Section
	// Problems are all that is wrong, in the order of the text.
	Problems []Problem

	text string
}

// Section is one "[…]" and what follows it.
type Section struct {
	// Type and Name are what the header says, "default" for [default].
	Type SectionType
	Name string
	// Prefixed tells "[profile default]" from "[default]".
	Prefixed bool
	// Line is the header's, counting from 1.
	Line int

	file *File
	// from and to bound the section's lines below the header in the file's text.
	from, to int
	// settings are read when somebody asks for them: of a large file that is one section in
	// thousands. Two that ask at once read the same.
	settings atomic.Pointer[[]Setting]
}

// Setting is a key with its value, or with nested settings.
type Setting struct {
	// Key is in lower case; that of a nested setting is as it is written.
	Key string
	// Value has continuation lines joined by newlines, and its trailing comment removed.
	Value string
	// Sub are the settings of a nested block ("s3 =" with indented lines under it).
	Sub []Setting
	// Path and Line are where the setting is.
	Path string
	Line int

	// first and last are the setting's lines as indexes from 0; last is exclusive.
	first, last int
	indent      int
	nested      bool
}

// Severity grades a [Problem].
type Severity int

const (
	// Fatal problems make the file unusable, as they do for most SDKs.
	Fatal Severity = iota
	// Warning problems are lines that SDKs pass over or read differently.
	Warning
)

// Problem is something wrong with a file.
type Problem struct {
	Severity Severity
	*Error
}

// Bytes returns the file's text, byte for byte as it was parsed.
func (f *File) Bytes() []byte { return []byte(f.text) }

// Err returns the first fatal problem, nil when the file can be used.
func (f *File) Err() error {
	for _, p := range f.Problems {
		if p.Severity == Fatal {
			return p.Error
		}
	}
	return nil
}

// Parse reads text as the SDKs read it. It never fails: what is wrong is in [File.Problems], and the
// rest of the file is read all the same.
func Parse(path string, kind Kind, text []byte) *File {
	f := &File{Path: path, Kind: kind, text: string(text)}
	p := parser{file: f}
	p.run()
	return f
}

// Settings are the section's, in the order of the text. Lines that are problems are left out.
func (s *Section) Settings() []Setting {
	if s.file == nil {
		return nil
	}
	if known := s.settings.Load(); known != nil {
		return *known
	}
	read := s.read()
	s.settings.Store(&read)
	return read
}

func (s *Section) read() []Setting {
	text := s.file.text[s.from:s.to]
	out := make([]Setting, 0, strings.Count(text, "="))
	g := grammar{}
	r := lines{text: text, n: s.Line}
	for r.next() {
		body := r.body()
		kind, trimmed := g.classify(body)
		if kind != assignmentLine && kind != deeperLine {
			continue
		}
		if kind == deeperLine && !g.block {
			last := &out[len(out)-1]
			last.Value += "\n" + trimmed
			last.last = r.n
			continue
		}
		key, value, ok := strings.Cut(trimmed, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			continue
		}
		set := Setting{Path: s.file.Path, Line: r.n, first: r.n - 1, last: r.n, indent: g.indent}
		if kind == assignmentLine {
			set.Key, set.Value = strings.ToLower(key), stripComment(value)
			out = append(out, set)
			continue
		}
		// What looks like a comment behind a nested value is part of it, for all SDKs but one.
		set.Key, set.Value, set.nested = key, strings.TrimSpace(value), true
		set.indent++
		last := &out[len(out)-1]
		last.Sub = append(last.Sub, set)
		last.last = r.n
	}
	return out
}

// lines goes through the lines of a text.
type lines struct {
	text string
	// from and to are the present line's, its end included; n is its number.
	from, to, n int
}

func (l *lines) next() bool {
	if l.to >= len(l.text) {
		return false
	}
	l.from = l.to
	l.n++
	if i := strings.IndexByte(l.text[l.from:], '\n'); i >= 0 {
		l.to = l.from + i + 1
	} else {
		l.to = len(l.text)
	}
	return true
}

// body is the line without its end.
func (l *lines) body() string {
	s := l.text[l.from:l.to]
	for len(s) > 0 && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r') {
		s = s[:len(s)-1]
	}
	return s
}

type lineKind int

const (
	emptyLine lineKind = iota // blank, or a comment
	headerLine
	assignmentLine
	deeperLine
)

// grammar tells what a line is. It remembers the setting above: a line that is deeper than that
// belongs to it, whatever it looks like; botocore and the SDKs in Rust and Java agree on this.
type grammar struct {
	// open tells that there is a setting above, of that indentation; block that it has no value of
	// its own, so that deeper lines are nested settings.
	open, block bool
	indent      int
}

func (g *grammar) classify(line string) (lineKind, string) {
	indent := 0
	for indent < len(line) && (line[indent] == ' ' || line[indent] == '\t') {
		indent++
	}
	if indent == len(line) {
		return emptyLine, ""
	}
	trimmed := line[indent:]
	if end := trimmed[len(trimmed)-1]; end <= ' ' || end >= 0x80 || trimmed[0] < ' ' || trimmed[0] >= 0x80 {
		if trimmed = strings.TrimSpace(trimmed); trimmed == "" {
			return emptyLine, ""
		}
	}
	switch c := trimmed[0]; {
	case c == '#' || c == ';':
		return emptyLine, ""
	case g.open && indent > g.indent:
		return deeperLine, trimmed
	case c == '[':
		*g = grammar{}
		return headerLine, trimmed
	}
	*g = grammar{indent: indent}
	if at := strings.IndexByte(trimmed, '='); at > 0 {
		g.open, g.block = true, noValue(trimmed[at+1:])
	}
	return assignmentLine, trimmed
}

// noValue reports whether nothing but a comment follows the equals sign.
func noValue(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t':
		case '#', ';':
			return i > 0
		default:
			return strings.TrimSpace(s[i:]) == ""
		}
	}
	return true
}

// stripComment removes a comment that white space sets off from the value.
func stripComment(value string) string {
	if at := commentAt(value); at >= 0 {
		value = value[:at]
	}
	return strings.TrimSpace(value)
}

// commentAt is where the white space before a trailing comment begins, -1 without one.
func commentAt(value string) int {
	for i := 1; i < len(value); i++ {
		if (value[i] == '#' || value[i] == ';') && (value[i-1] == ' ' || value[i-1] == '\t') {
			return len(strings.TrimRight(value[:i], " \t"))
		}
	}
	return -1
}
