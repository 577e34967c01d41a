package awsconfig

import (
	"fmt"
	"strings"
)

const byteOrderMark = "\ufeff"

// parser finds the sections of a file, and all that is wrong with it.
type parser struct {
	file *File
	g    grammar
	at   lines
	// section is the one being read, key its setting that deeper lines belong to.
	section *Section
	key     string
	// slab is the room for sections: one allocation serves a large file.
	slab []Section
}

func (p *parser) run() {
	f := p.file
	n := strings.Count(f.text, "\n[") + 1
	p.slab, f.Sections = make([]Section, 0, n), make([]*Section, 0, n)
	nul := strings.IndexByte(f.text, 0) >= 0
	p.at = lines{text: f.text}
	for p.at.next() {
		body := p.at.body()
		if p.at.n == 1 && strings.HasPrefix(body, byteOrderMark) {
			p.problem(Fatal, "begins with a byte order mark, at which most SDKs stop: save it as UTF-8 without one")
			body = body[len(byteOrderMark):]
		}
		if nul && strings.IndexByte(body, 0) >= 0 {
			p.problem(Fatal, "a NUL byte: this is not a text file")
			continue
		}
		p.line(body)
	}
	p.endSection(len(f.text))
}

func (p *parser) line(body string) {
	switch kind, trimmed := p.g.classify(body); kind {
	case emptyLine:
	case headerLine:
		p.header(trimmed)
	case assignmentLine:
		p.assignment(trimmed)
	case deeperLine:
		if p.g.block {
			if key, _, ok := strings.Cut(trimmed, "="); !ok || strings.TrimSpace(key) == "" {
				p.fault("expected \"key = value\" in the block of " + strings.TrimSpace(p.key))
			}
		} else if p.g.indent > 0 {
			p.problem(Warning, "a line that is deeper than the indented setting above it: SDKs read it in three ways")
		}
	}
}

func (p *parser) header(trimmed string) {
	p.endSection(p.at.from)
	if len(p.slab) == cap(p.slab) {
		p.slab = make([]Section, 0, 16) // indented headers; those before keep their room
	}
	p.slab = append(p.slab, Section{Line: p.at.n, file: p.file, from: p.at.to})
	s := &p.slab[len(p.slab)-1]
	p.section = s
	// Two SDKs stop at what follows here, two take the settings for the section's before.
	inner, message := headerText(trimmed)
	if message != "" {
		p.problem(Fatal, message)
		return
	}
	var why string
	if s.Type, s.Name, s.Prefixed, why = headerName(p.file.Kind, inner); why != "" {
		p.problem(Warning, "["+inner+"] is passed over: "+why)
	}
}

// headerText returns what is between the brackets of a header. Comments need no white space before them.
func headerText(trimmed string) (inner, message string) {
	head := trimmed
	if at := strings.IndexAny(head, "#;"); at >= 0 {
		head = strings.TrimSpace(head[:at])
	}
	switch {
	case strings.HasSuffix(head, "]"):
		return strings.TrimSpace(head[1 : len(head)-1]), ""
	case strings.Contains(head, "]"):
		return "", "text after the section header"
	case strings.Contains(trimmed, "]"):
		return "", "the section header has no closing bracket: what follows # or ; is a comment"
	}
	return "", "the section header has no closing bracket"
}

// headerName reads the text between the brackets; why says what keeps a section from being read.
func headerName(kind Kind, inner string) (t SectionType, name string, prefixed bool, why string) {
	word, rest := inner, ""
	if at := strings.IndexAny(inner, " \t"); at >= 0 {
		word, rest = inner[:at], strings.TrimSpace(inner[at:])
	}
	t = SectionType(word)
	typed := t == ProfileSection || t == SSOSessionSection || t == ServicesSection
	switch {
	case inner == "":
		why = "it has no name"
	case kind == CredentialsKind && typed && rest != "":
		why = "in a credentials file a profile is written [" + rest + "]"
		if t != ProfileSection {
			why = "a credentials file has no " + word + " sections"
		}
	case kind == CredentialsKind:
		return ProfileSection, inner, false, ""
	case typed && rest != "":
		if name, ok := sectionName(rest); ok {
			return t, name, true, ""
		}
		why = "a name has letters, digits and _-/.%@:+ only"
	case inner == "default":
		return ProfileSection, "default", false, ""
	case rest != "":
		why = fmt.Sprintf("%q is no type of section", word)
	case typed:
		why = "it has no name"
	default:
		why = "a profile in a config file is written [profile " + inner + "]"
	}
	return UnknownSection, inner, false, why
}

// sectionName checks a name, and undoes the quotes that `aws configure` writes around names with
// blanks. Of the SDKs only botocore, and in part the JavaScript one, read them; a file
// that the AWS CLI wrote must work.
func sectionName(s string) (string, bool) {
	if identifier(s) {
		return s, true
	}
	if strings.ContainsAny(s, `'"`) {
		name, ok := unquote(s)
		return name, ok && strings.TrimSpace(name) == name && name != ""
	}
	return "", false
}

// identifier reports whether the SDKs in Rust, Java and JavaScript read a section of that name.
func identifier(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("_-/.%@:+", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// unquote reads one word of a shell's grammar, without escapes: the AWS CLI writes names by Python's
// shlex.quote and reads them by shlex.split.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		q := s[0]
		if q == ' ' || q == '\t' || q == '\\' {
			return "", false
		}
		if q != '\'' && q != '"' {
			b.WriteByte(q)
			s = s[1:]
			continue
		}
		part, rest, ok := strings.Cut(s[1:], string(q))
		if !ok || q == '"' && strings.Contains(part, `\`) {
			return "", false
		}
		b.WriteString(part)
		s = rest
	}
	return b.String(), true
}

func (p *parser) assignment(trimmed string) {
	if p.section == nil {
		p.problem(Fatal, "a setting outside any [section]")
		return
	}
	switch at := strings.IndexByte(trimmed, '='); at {
	case -1:
		p.fault("expected \"key = value\"")
	case 0:
		p.fault("a value without a key")
	default:
		p.key = trimmed[:at]
	}
}

func (p *parser) endSection(at int) {
	if p.section != nil {
		p.section.to = at
		p.file.Sections = append(p.file.Sections, p.section)
	}
	p.section = nil
}

// fault is fatal, but not in a section that is passed over: most SDKs do not read its lines.
func (p *parser) fault(text string) {
	if p.section != nil && p.section.Type == UnknownSection {
		p.problem(Warning, text)
		return
	}
	p.problem(Fatal, text)
}

func (p *parser) problem(s Severity, text string) {
	p.file.Problems = append(p.file.Problems, Problem{s, &Error{Path: p.file.Path, Line: p.at.n, Message: text}})
}
