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
	rules  *ParserRules
	config bool
	out    *ini
	// raw are the headers that were seen, as they stand.
	raw     map[string]bool
	names   *regexp.Regexp
	current section
	// keys are those of the section, where twice is an error.
	keys    map[string]bool
	lastKey string
	indent  int
	blank   bool // the last key has a blank value: a block may follow
	upper   section
	// defaults remembers which spelling of the default profile is in force.
	defaults map[bool]bool
}

func parseINI(rules *ParserRules, text string, config bool) (*ini, error) {
	p := &iniParser{
		rules: rules, config: config, out: &ini{profiles: map[string]section{}, sessions: map[string]section{}},
		raw: map[string]bool{}, keys: map[string]bool{}, upper: section{}, defaults: map[bool]bool{},
	}
	if rules.NamesRE != "" {
		p.names = regexp.MustCompile(rules.NamesRE)
	}
	lost := false
	if rest, ok := strings.CutPrefix(text, "\ufeff"); ok {
		switch rules.BOM {
		case "error":
			return nil, errors.New("a byte order mark")
		case "section-lost":
			lost = true
		}
		text = rest
	}
	if lost {
		_, text, _ = strings.Cut(text, "\n")
	}
	for line := range strings.Lines(text) {
		if err := p.line(strings.TrimRight(line, "\r\n")); err != nil {
			return nil, err
		}
	}
	if rules.DefaultConflict == "error" && p.defaults[true] && p.defaults[false] {
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
	if deeper && p.rules.ContinuationWhen == "deeper-indent" {
		p.current[p.lastKey] += "\n" + trimmed
		return nil
	}
	if trimmed[0] == '[' {
		return p.header(trimmed)
	}
	if p.current == nil {
		if p.rules.GarbageLine == "error" && len(p.raw) == 0 {
			return errors.New("a setting outside any section")
		}
		return nil
	}
	key, value, found := cutAny(trimmed, p.rules.Separators)
	if !found {
		return p.noSeparator(indent, trimmed)
	}
	if indent > 0 {
		if p.lastKey == "" && p.rules.OrphanIndent == "error" {
			return errors.New("an indented setting")
		}
		if p.lastKey != "" && p.blank && indent > p.indent {
			return nil // part of a nested block
		}
	}
	if key = strings.TrimSpace(key); key == "" && p.rules.GarbageLine == "error" {
		return errors.New("a line without a key")
	}
	return p.set(key, p.value(value), indent)
}

func cutAny(s, separators string) (before, after string, found bool) {
	if i := strings.IndexAny(s, separators); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func (p *iniParser) noSeparator(indent int, trimmed string) error {
	if indent > 0 && p.lastKey != "" {
		switch p.rules.Continuation {
		case "append":
			p.current[p.lastKey] += "\n" + trimmed
			return nil
		case "drop":
			return nil
		case "error":
			return errors.New("a continued value")
		}
	}
	if p.rules.GarbageLine == "error" {
		return errors.New("a line without a separator")
	}
	return nil
}

func (p *iniParser) value(v string) string {
	for _, mark := range p.rules.InlineComments {
		c := mark[len(mark)-1]
		for i := 1; i < len(v); i++ {
			if v[i] == c && (v[i-1] == ' ' || v[i-1] == '\t') {
				v = v[:i]
				break
			}
		}
	}
	v = strings.TrimSpace(v)
	if p.rules.UnquoteValues && len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		v = v[1 : len(v)-1]
	}
	return v
}

func (p *iniParser) set(key, value string, indent int) error {
	if p.rules.KeyCase == "insensitive" {
		key = strings.ToLower(key)
	}
	if p.rules.DuplicateKey == "error" {
		if p.keys[key] {
			return errors.New("a key twice")
		}
		p.keys[key] = true
	}
	p.lastKey, p.indent, p.blank = key, indent, value == ""
	if value == "" && p.rules.BlankValue == "absent" {
		return nil
	}
	p.current[key] = value
	return nil
}

func (p *iniParser) header(trimmed string) error {
	p.current, p.lastKey = nil, ""
	clear(p.keys)
	end := strings.IndexByte(trimmed, ']')
	if end < 0 {
		if p.rules.GarbageLine == "error" || p.rules.OpenHeader == "error" {
			return errors.New("a header without an end")
		}
		return nil
	}
	inner := trimmed[1:end]
	if p.rules.HeaderInnerSpaces == "trim" {
		inner = strings.TrimSpace(inner)
	}
	if p.raw[inner] && p.rules.DuplicateSection == "error" {
		return errors.New("a section twice")
	}
	p.raw[inner] = true
	if inner == "DEFAULT" && p.rules.DefaultUpper == "leaks" {
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
	switch p.rules.DefaultConflict {
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
	if p.rules.ConfigPrefix == "optional" {
		return "profile", inner, false, true
	}
	return "", "", false, false
}

// prefixedName reads what follows "profile", its white space included.
func (p *iniParser) prefixedName(rest string) (string, bool) {
	var name string
	switch p.rules.HeaderWhitespace {
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
	switch p.rules.QuotedNames {
	case "strip":
		name = unquoted
	case "shlex":
		if unquoted == name && len(strings.Fields(name)) != 1 {
			return "", false
		}
		name = unquoted
	}
	if p.names != nil && !p.names.MatchString(name) {
		return "", false
	}
	return name, true
}

func (p *iniParser) credentialsName(inner string) (kind, name string, prefixed, ok bool) {
	if p.rules.CredentialsPrefix == "strip" {
		if rest, found := strings.CutPrefix(inner, "profile "); found {
			return "profile", rest, true, true
		}
	}
	if p.rules.CredentialsNames == "no-whitespace" && strings.ContainsAny(inner, " \t") {
		return "", "", false, false
	}
	return "profile", inner, false, true
}
