package awsconfig

import (
	"strings"
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

	text  string
	lines []span
}

// span is a line in File.text, its end-of-line characters included.
type span struct{ from, to int }

// Section is one "[…]" and what follows it.
type Section struct {
	// Type and Name are what the header says, "default" for [default].
	Type SectionType
	Name string
	// Prefixed tells "[profile default]" from "[default]".
	Prefixed bool
	// Line is the header's, counting from 1.
	Line int
	// Settings are in the order of the text.
	Settings []Setting

	// first and last are the section's lines as indexes into File.lines; last is exclusive.
	first, last int
}

// Setting is a key with its value, or with nested settings.
type Setting struct {
	// Key is in lower case.
	Key string
	// Value has continuation lines joined by newlines and its trailing comment removed.
	Value string
	// Sub are the settings of a nested block ("s3 =" with indented lines under it).
	Sub []Setting
	// Path and Line are where the setting is.
	Path string
	Line int

	first, last int
	indent      int
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

type parser struct {
	file    *File
	section *Section
	// setting is the one that deeper lines continue; nil after a header.
	setting *Setting
	// slab is the room for all settings; sections take slices of it. There are never more settings
	// than lines, so that it does not move.
	slab []Setting
}

func (p *parser) run() {
	f := p.file
	f.lines = make([]span, 0, strings.Count(f.text, "\n")+1)
	for at := 0; at < len(f.text); {
		end := len(f.text)
		if i := strings.IndexByte(f.text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		f.lines = append(f.lines, span{at, end})
		at = end
	}
	p.slab = make([]Setting, 0, len(f.lines))
	for i := range f.lines {
		p.line(i)
	}
	p.endSection(len(f.lines))
}

// line reads line i. The order of the cases is the grammar: a line that is deeper than the setting
// above it belongs to that setting, whatever it looks like; botocore and the SDKs in Rust and
// Java agree on that.
func (p *parser) line(i int) {
	text := strings.TrimRight(p.file.text[p.file.lines[i].from:p.file.lines[i].to], "\r\n")
	if i == 0 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	if at := strings.IndexByte(text, 0); at >= 0 {
		p.fatal(i, "a NUL byte: this is not a text file")
		return
	}
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
		return
	}
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	switch {
	case p.setting != nil && indent > p.setting.indent:
		p.deeper(i, trimmed)
	case trimmed[0] == '[':
		p.header(i, trimmed)
	default:
		p.assignment(i, indent, trimmed)
	}
}

func (p *parser) header(i int, trimmed string) {
	p.endSection(i)
	inner, rest, closed := strings.Cut(trimmed[1:], "]")
	if !closed {
		p.fatal(i, "the section header has no closing bracket")
		p.section = &Section{Line: i + 1, first: i}
		return
	}
	if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' && rest[0] != ';' {
		p.warn(i, "text after the section header is passed over")
	}
	s := &Section{Line: i + 1, first: i}
	s.Type, s.Name, s.Prefixed = headerName(p.file.Kind, strings.TrimSpace(inner))
	if s.Type == UnknownSection {
		p.warn(i, unknownSectionText(p.file.Kind, strings.TrimSpace(inner)))
	}
	p.section = s
}

// headerName reads the text between the brackets.
func headerName(kind Kind, inner string) (t SectionType, name string, prefixed bool) {
	if kind == CredentialsKind {
		if strings.HasPrefix(inner, "profile ") || strings.HasPrefix(inner, "sso-session ") {
			return UnknownSection, inner, false
		}
		return ProfileSection, inner, false
	}
	word, rest := inner, ""
	if at := strings.IndexAny(inner, " \t"); at >= 0 {
		word, rest = inner[:at], strings.TrimSpace(inner[at:])
	}
	switch t := SectionType(word); {
	case (t == ProfileSection || t == SSOSessionSection || t == ServicesSection) && rest != "":
		return t, unquoteName(rest), true
	case inner == "default":
		return ProfileSection, "default", false
	}
	return UnknownSection, inner, false
}

// unquoteName undoes the quotes that `aws configure` writes around names with blanks. Of the SDKs only
// botocore, and in part the JavaScript one, read them; a file that the AWS CLI wrote must work.
func unquoteName(s string) string {
	if len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

func unknownSectionText(kind Kind, inner string) string {
	if kind == CredentialsKind {
		return "[" + inner + "] is no profile in a credentials file: write [" + strings.TrimSpace(inner[strings.IndexByte(inner, ' ')+1:]) + "]"
	}
	if inner == "" {
		return "a section without a name is passed over"
	}
	return "[" + inner + "] is passed over: a profile in a config file is written [profile " + inner + "]"
}

func (p *parser) assignment(i, indent int, trimmed string) {
	p.setting = nil
	if p.section == nil {
		p.fatal(i, "a setting outside any [section]")
		return
	}
	key, value, found := strings.Cut(trimmed, "=")
	key = strings.TrimSpace(key)
	switch {
	case !found:
		p.fatal(i, "expected \"key = value\"")
		return
	case key == "":
		p.fatal(i, "a value without a key")
		return
	}
	n := len(p.slab)
	p.slab = append(p.slab, Setting{
		Key: strings.ToLower(key), Value: stripComment(value),
		Path: p.file.Path, Line: i + 1, first: i, last: i + 1, indent: indent,
	})
	p.setting = &p.slab[n]
	begin := n - len(p.section.Settings)
	p.section.Settings = p.slab[begin : n+1 : n+1]
}

// deeper reads a line that is indented more than the setting above it: part of a nested block when
// that setting has no value of its own, a continuation of the value otherwise.
func (p *parser) deeper(i int, trimmed string) {
	s := p.setting
	s.last = i + 1
	if s.Value != "" {
		s.Value += "\n" + trimmed
		return
	}
	key, value, found := strings.Cut(trimmed, "=")
	key = strings.TrimSpace(key)
	if !found || key == "" {
		p.fatal(i, "expected \"key = value\" in the block of "+s.Key)
		return
	}
	s.Sub = append(s.Sub, Setting{
		Key: strings.ToLower(key), Value: stripComment(value),
		Path: p.file.Path, Line: i + 1, first: i, last: i + 1, indent: s.indent + 1,
	})
}

// stripComment removes a comment that white space sets off from the value.
func stripComment(value string) string {
	for i := 1; i < len(value); i++ {
		if (value[i] == '#' || value[i] == ';') && (value[i-1] == ' ' || value[i-1] == '\t') {
			value = value[:i-1]
			break
		}
	}
	return strings.TrimSpace(value)
}

func (p *parser) endSection(at int) {
	if p.section != nil {
		p.section.last = at
		p.file.Sections = append(p.file.Sections, p.section)
	}
	p.section, p.setting = nil, nil
}

func (p *parser) fatal(i int, text string) { p.problem(Fatal, i, text) }
func (p *parser) warn(i int, text string)  { p.problem(Warning, i, text) }

func (p *parser) problem(s Severity, i int, text string) {
	p.file.Problems = append(p.file.Problems, Problem{s, &Error{Path: p.file.Path, Line: i + 1, Message: text}})
}
