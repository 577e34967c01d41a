package sdk

import (
	"errors"
	"regexp"
	"strings"
)

// section are the settings of a profile or sso-session in one file.
type section map[string]string

// ini is one parsed file.
type ini struct {
	profiles, sessions map[string]*block
}

func (f *ini) profile(name string) section { return f.profiles[name].section() }
func (f *ini) session(name string) section { return f.sessions[name].section() }

// block is a section. In dialects in which no line can be wrong it is read when somebody asks for it, one of thousands.
type block struct {
	settings section
	rules    *ParserRules
	unread   []string
}

func (b *block) section() section {
	if b == nil {
		return nil
	}
	for _, text := range b.unread {
		p := &iniParser{rules: b.rules, begun: true, keys: map[string]bool{}, current: b.settings}
		for line := range strings.Lines(text) {
			_ = p.line(strings.TrimRight(line, "\r\n")) // no line can be wrong
		}
	}
	b.unread = nil
	return b.settings
}

// iniParser reads a file in the dialect of a model.
type iniParser struct {
	rules  *ParserRules
	config bool
	out    *ini
	// raw are the headers that were seen, as they stand, where that matters; begun tells that there were some.
	raw   map[string]bool
	begun bool
	names *regexp.Regexp
	// in is the section that is read, current its settings; both nil if nobody looks at it.
	in      *block
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
	sections := strings.Count(text, "[")
	p := &iniParser{
		rules: rules, config: config, out: &ini{profiles: make(map[string]*block, sections), sessions: map[string]*block{}},
		raw: map[string]bool{}, keys: map[string]bool{}, upper: section{}, defaults: map[bool]bool{},
	}
	if rules.NamesRE != "" {
		p.names = regexp.MustCompile(rules.NamesRE)
	}
	text, err := rules.withoutBOM(text)
	if err != nil {
		return nil, err
	}
	if rules.lenient() {
		err = p.headers(text)
	} else {
		err = p.lines(text)
	}
	if err != nil {
		return nil, err
	}
	if rules.DefaultConflict == "error" && config {
		for name := range p.out.profiles {
			if p.raw[name] && p.raw["profile "+name] {
				return nil, errors.New("[" + name + "] and [profile " + name + "]")
			}
		}
	}
	if len(p.upper) > 0 {
		for _, b := range p.out.profiles {
			for k, v := range p.upper {
				if _, ok := b.settings[k]; !ok {
					b.settings[k] = v
				}
			}
		}
	}
	return p.out, nil
}

// withoutBOM takes a byte order mark away, with what goes with it.
func (r *ParserRules) withoutBOM(text string) (string, error) {
	rest, ok := strings.CutPrefix(text, "\ufeff")
	if !ok {
		return text, nil
	}
	switch r.BOM {
	case "error":
		return "", errors.New("a byte order mark")
	case "header-error":
		if strings.HasPrefix(rest, "[") {
			return "", errors.New("a byte order mark before a header")
		}
	case "section-lost":
	default:
		return rest, nil
	}
	_, rest, _ = strings.Cut(rest, "\n")
	return rest, nil
}

// lenient reports whether no line but a header can be wrong, nor make that what looks like a header is none.
func (r *ParserRules) lenient() bool {
	return r.DuplicateKey != "error" && r.GarbageLine != "error" && r.BrokenLine != "error" && r.OrphanIndent != "error" &&
		r.Continuation != "error" && r.ContinuationWhen != "deeper-indent" && r.DefaultUpper != "leaks"
}

// lines reads all lines.
func (p *iniParser) lines(text string) error {
	for line := range strings.Lines(text) {
		if err := p.line(strings.TrimRight(line, "\r\n")); err != nil {
			return err
		}
	}
	return nil
}

// headers reads the headers only, and leaves the rest in the blocks.
func (p *iniParser) headers(text string) error {
	start := 0
	keep := func(end int) {
		if p.in != nil && start < end {
			p.in.unread = append(p.in.unread, text[start:end])
		}
	}
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if trimmed := strings.TrimSpace(text[at:end]); trimmed != "" && trimmed[0] == '[' {
			keep(at)
			if err := p.header(trimmed); err != nil {
				return err
			}
			start = end
		}
		at = end
	}
	keep(len(text))
	return nil
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
	if trimmed[0] == '=' && p.rules.BrokenLine == "error" {
		return errors.New("a line without a key")
	}
	if p.current == nil {
		if !p.begun && p.rules.GarbageLine == "error" && p.rules.Outside != "ok" {
			return errors.New("a setting outside any section")
		}
		return nil
	}
	key, value, found := cutAny(trimmed, p.rules.Separators)
	if !found {
		return p.noSeparator(indent, trimmed)
	}
	if v := strings.TrimSpace(value); p.rules.BrokenLine == "error" && v != "" && (v[0] == '#' || v[0] == ';') {
		return errors.New("a comment for a value")
	}
	if indent > 0 {
		if p.lastKey == "" && p.rules.OrphanIndent == "error" {
			return errors.New("an indented setting")
		}
		if p.lastKey != "" && p.blank && indent > p.indent && p.rules.Nested != "keys" {
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
		if i := strings.Index(v, mark); i >= 0 {
			v = v[:i]
		}
	}
	v = strings.TrimSpace(v)
	if n := len(v); n >= 2 && strings.IndexByte(p.rules.Quotes, v[0]) >= 0 && v[n-1] == v[0] {
		v = v[1 : n-1]
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
	p.in, p.current, p.lastKey = nil, nil, ""
	clear(p.keys)
	end := strings.IndexByte(trimmed, ']')
	if end < 0 {
		if p.rules.GarbageLine == "error" || p.rules.BrokenLine == "error" {
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
	p.begun = true
	again := p.raw[inner]
	if p.rules.DuplicateSection != "merge" || p.rules.DefaultConflict == "error" {
		p.raw[inner] = true
	}
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
	if into[name] == nil || again && p.rules.DuplicateSection == "last" {
		into[name] = &block{settings: section{}, rules: p.rules}
	}
	p.in = into[name]
	p.current = p.in.settings
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
