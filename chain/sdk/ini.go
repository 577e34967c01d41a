package sdk

import (
	"errors"
	"regexp"
	"strings"
)

// section is a profile or sso-session in one file.
type section map[string]string

// ini is one parsed file.
type ini struct {
	profiles, sessions map[string]section
}

// iniParser reads a file in the dialect of a model.
type iniParser struct {
	m      *Model
	config bool
	out    *ini
	// raw are the headers that were seen, as they stand.
	raw     map[string]bool
	current section
	keys    map[string]bool
	lastKey string
	indent  int
	blank   bool // the last key has a blank value: a block may follow
	upper   section
	// defaults remembers which spelling of the default profile is in force.
	defaults map[bool]bool
}

func (m *Model) parse(text string, config bool) (*ini, error) {
	p := &iniParser{m: m, config: config, out: &ini{profiles: map[string]section{}, sessions: map[string]section{}}, raw: map[string]bool{}, upper: section{}, defaults: map[bool]bool{}}
	lost := false
	if rest, ok := strings.CutPrefix(text, "\ufeff"); ok {
		switch m.text("parser.bom") {
		case "error":
			return nil, errors.New("a byte order mark")
		case "section-lost":
			lost = true
		}
		text = rest
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		if lost && i == 0 {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, err
		}
	}
	if m.is("parser.default_conflict", "error") && p.defaults[true] && p.defaults[false] {
		return nil, errors.New("[default] and [profile default]")
	}
	for _, s := range p.out.profiles {
		for k, v := range p.upper {
			if _, ok := s[k]; !ok {
				s[k] = v
			}
		}
	}
	return p.out, nil
}

func (p *iniParser) line(line string) error {
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
		return nil
	}
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	deeper := p.current != nil && p.lastKey != "" && indent > p.indent
	if deeper && p.m.is("parser.continuation_when", "deeper-indent") {
		p.current[p.lastKey] += "\n" + trimmed
		return nil
	}
	if trimmed[0] == '[' {
		return p.header(trimmed)
	}
	if p.current == nil {
		if p.m.is("parser.garbage_line", "error") && len(p.raw) == 0 {
			return errors.New("a setting outside any section")
		}
		return nil
	}
	key, value, found := cutAny(trimmed, p.m.text("parser.separators"))
	if !found {
		return p.noSeparator(indent, trimmed)
	}
	if indent > 0 {
		if p.lastKey == "" && p.m.is("parser.orphan_indent", "error") {
			return errors.New("an indented setting")
		}
		if p.lastKey != "" && p.blank && indent > p.indent {
			return nil // part of a nested block
		}
	}
	return p.set(strings.TrimSpace(key), p.value(value), indent)
}

func cutAny(s, separators string) (before, after string, found bool) {
	if i := strings.IndexAny(s, separators); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func (p *iniParser) noSeparator(indent int, trimmed string) error {
	if indent > 0 && p.lastKey != "" {
		switch p.m.text("parser.continuation") {
		case "append":
			p.current[p.lastKey] += "\n" + trimmed
			return nil
		case "drop":
			return nil
		case "error":
			return errors.New("a continued value")
		}
	}
	if p.m.is("parser.garbage_line", "error") {
		return errors.New("a line without a separator")
	}
	return nil
}

func (p *iniParser) value(v string) string {
	for _, mark := range p.m.list("parser.inline_comments") {
		c := mark[len(mark)-1]
		for i := 1; i < len(v); i++ {
			if v[i] == c && (v[i-1] == ' ' || v[i-1] == '\t') {
				v = v[:i]
				break
			}
		}
	}
	v = strings.TrimSpace(v)
	if p.m.on("parser.unquote_values") && len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		v = v[1 : len(v)-1]
	}
	return v
}

func (p *iniParser) set(key, value string, indent int) error {
	if p.m.is("parser.key_case", "insensitive") {
		key = strings.ToLower(key)
	}
	if p.keys[key] && p.m.is("parser.duplicate_key", "error") {
		return errors.New("a key twice")
	}
	p.keys[key] = true
	p.lastKey, p.indent, p.blank = key, indent, value == ""
	if value == "" && p.m.is("parser.blank_value", "absent") {
		return nil
	}
	p.current[key] = value
	return nil
}

func (p *iniParser) header(trimmed string) error {
	p.current, p.keys, p.lastKey = nil, map[string]bool{}, ""
	end := strings.IndexByte(trimmed, ']')
	if end < 0 {
		if p.m.is("parser.garbage_line", "error") {
			return errors.New("a header without an end")
		}
		return nil
	}
	inner := trimmed[1:end]
	if p.m.is("parser.header_inner_spaces", "trim") {
		inner = strings.TrimSpace(inner)
	}
	if p.raw[inner] && p.m.is("parser.duplicate_section", "error") {
		return errors.New("a section twice")
	}
	p.raw[inner] = true
	if inner == "DEFAULT" && p.m.is("parser.default_upper", "leaks") {
		p.current = p.upper
		return nil
	}
	kind, name, prefixed, ok := p.name(inner)
	if !ok {
		p.current = section{} // read, and looked at by nobody
		return nil
	}
	into := p.out.profiles
	if kind == "sso-session" {
		into = p.out.sessions
	}
	if kind == "profile" && name == "default" && p.config {
		if !p.defaultCounts(prefixed) {
			p.current = section{}
			return nil
		}
	}
	if into[name] == nil {
		into[name] = section{}
	}
	p.current = into[name]
	return nil
}

// defaultCounts decides between [default] and [profile default]; a winner replaces what the other had.
func (p *iniParser) defaultCounts(prefixed bool) bool {
	other := p.defaults[!prefixed]
	p.defaults[prefixed] = true
	if !other {
		return true
	}
	switch p.m.text("parser.default_conflict") {
	case "profile-default":
		if !prefixed {
			return false
		}
	case "default":
		if prefixed {
			return false
		}
	}
	delete(p.out.profiles, "default")
	return true
}

func (p *iniParser) name(inner string) (kind, name string, prefixed, ok bool) {
	if !p.config {
		return p.credentialsName(inner)
	}
	if inner == "default" {
		return "profile", "default", false, true
	}
	for _, kind := range []string{"profile", "sso-session"} {
		rest, found := strings.CutPrefix(inner, kind)
		if !found || rest == "" || rest[0] != ' ' && rest[0] != '\t' {
			continue
		}
		name, ok := p.prefixedName(rest)
		return kind, name, true, ok
	}
	if p.m.is("parser.config_prefix", "optional") {
		return "profile", inner, false, true
	}
	return "", "", false, false
}

// prefixedName reads what follows "profile", its white space included.
func (p *iniParser) prefixedName(rest string) (string, bool) {
	var name string
	switch p.m.text("parser.header_whitespace") {
	case "single-space":
		if rest[0] != ' ' {
			return "", false
		}
		name = rest[1:]
	case "single-ws":
		name = rest[1:]
	default:
		name = strings.TrimLeft(rest, " \t")
	}
	unquoted := name
	if n := len(name); n >= 2 && (name[0] == '"' || name[0] == '\'') && name[n-1] == name[0] {
		unquoted = name[1 : n-1]
	}
	switch p.m.text("parser.quoted_names") {
	case "strip":
		name = unquoted
	case "shlex":
		if unquoted == name && len(strings.Fields(name)) != 1 {
			return "", false
		}
		name = unquoted
	}
	if re := p.m.text("parser.names_re"); re != "" && !regexp.MustCompile(re).MatchString(name) {
		return "", false
	}
	return name, true
}

func (p *iniParser) credentialsName(inner string) (kind, name string, prefixed, ok bool) {
	if p.m.is("parser.credentials_prefix", "strip") {
		if rest, found := strings.CutPrefix(inner, "profile "); found {
			return "profile", rest, true, true
		}
	}
	if p.m.is("parser.credentials_names", "no-whitespace") && strings.ContainsAny(inner, " \t") {
		return "", "", false, false
	}
	return "profile", inner, false, true
}
