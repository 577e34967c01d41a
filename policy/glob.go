package policy

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenLit tokenKind = iota
	tokenOne           // ?
	tokenStar
	tokenVar
)

// token is a piece of a value of a policy.
type token struct {
	kind tokenKind
	text string // of a literal; of a variable its default
	// v is set for a variable.
	v *variable
}

type variable struct {
	spelled    string
	key        conditionKey
	hasDefault bool
}

// plain tells whether a value has neither wildcards nor variables.
func plain(s string) bool { return !strings.ContainsAny(s, "*?$") }

// readable tells whether all variables of a value are well-formed.
func readable(s string, vars bool) bool {
	if !vars || !strings.Contains(s, "${") {
		return true
	}
	_, ok := tokenize(s, false, true)
	return ok
}

// tokenize splits a value. wild makes * and ? wildcards, vars makes ${…} variables. ok is false if a
// variable is malformed; the value is then not to be used.
func tokenize(s string, wild, vars bool) (tokens []token, ok bool) {
	tokens = make([]token, 0, 4)
	lit := 0
	flush := func(end int) {
		if end > lit {
			tokens = append(tokens, token{kind: tokenLit, text: s[lit:end]})
		}
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case wild && (c == '*' || c == '?'):
			flush(i)
			kind := tokenOne
			if c == '*' {
				kind = tokenStar
			}
			if kind != tokenStar || len(tokens) == 0 || tokens[len(tokens)-1].kind != tokenStar {
				tokens = append(tokens, token{kind: kind})
			}
			i++
			lit = i
		case vars && c == '$' && i+1 < len(s) && s[i+1] == '{':
			flush(i)
			t, n, ok := readVariable(s[i:])
			if !ok {
				return nil, false
			}
			tokens = append(tokens, t)
			i += n
			lit = i
		default:
			i++
		}
	}
	flush(len(s))
	return tokens, true
}

// readVariable reads ${key}, ${key, 'default'}, ${*}, ${?} or ${$} at the start of s and returns its length.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func readVariable(s string) (t token, n int, ok bool) {
	if len(s) >= 4 && s[3] == '}' && (s[2] == '*' || s[2] == '?' || s[2] == '$') {
		return token{kind: tokenLit, text: s[2:3]}, 4, true
	}
	end := strings.IndexAny(s, ",}")
	if end < 0 {
		return token{}, 0, false
	}
	name := strings.TrimSpace(s[2:end])
	if name == "" || strings.Contains(name, "${") {
		return token{}, 0, false
	}
	t = token{kind: tokenVar, v: &variable{spelled: name, key: makeKey(name)}}
	if s[end] == '}' {
		return t, end + 1, true
	}
	rest := strings.TrimLeft(s[end+1:], " ")
	if !strings.HasPrefix(rest, "'") {
		return token{}, 0, false
	}
	from := len(s) - len(rest) + 1
	closing := strings.IndexByte(s[from:], '\'')
	if closing < 0 {
		return token{}, 0, false
	}
	t.text, t.v.hasDefault = s[from:from+closing], true
	after := strings.TrimLeft(s[from+closing+1:], " ")
	if !strings.HasPrefix(after, "}") {
		return token{}, 0, false
	}
	return t, len(s) - len(after) + 1, true
}

type globKind uint8

const (
	globBad     globKind = iota // malformed
	globNever                   // no ARN
	globAll                     // "*"
	globExact                   // text
	globPrefix                  // text*
	globGeneral                 // tokens without variables
	globVars                    // tokens with variables
	globFields                  // six ARN fields, each its own glob
)

// glob is a prepared value.
type glob struct {
	kind   globKind
	text   string
	tokens []token
	fields *[6]glob
}

func makeGlob(s string, wild, vars bool) glob {
	if plain(s) {
		return glob{kind: globExact, text: s}
	}
	tokens, ok := tokenize(s, wild, vars)
	if !ok {
		return glob{}
	}
	return globOf(tokens)
}

func globOf(tokens []token) glob {
	tokens = joinLiterals(tokens)
	for _, t := range tokens {
		if t.kind == tokenVar {
			return glob{kind: globVars, tokens: tokens}
		}
	}
	switch {
	case len(tokens) == 0:
		return glob{kind: globExact}
	case len(tokens) == 1 && tokens[0].kind == tokenLit:
		return glob{kind: globExact, text: tokens[0].text}
	case len(tokens) == 1 && tokens[0].kind == tokenStar:
		return glob{kind: globAll}
	case len(tokens) == 2 && tokens[0].kind == tokenLit && tokens[1].kind == tokenStar:
		return glob{kind: globPrefix, text: tokens[0].text}
	}
	return glob{kind: globGeneral, tokens: tokens}
}

// joinLiterals merges neighbours, which ${*} and its kin leave.
func joinLiterals(tokens []token) []token {
	for i := 1; i < len(tokens); i++ {
		if tokens[i].kind == tokenLit && tokens[i-1].kind == tokenLit {
			out := make([]token, 0, len(tokens))
			for _, t := range tokens {
				if n := len(out); t.kind == tokenLit && n > 0 && out[n-1].kind == tokenLit {
					out[n-1].text += t.text
				} else {
					out = append(out, t)
				}
			}
			return out
		}
	}
	return tokens
}

// makeResourceGlob prepares a value of Resource or NotResource. A star at the end of an ARN segment may go on
// past the colon, one inside a segment may not: a pattern that has such a star before its fifth colon is
// compared field by field.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func makeResourceGlob(s string, vars bool) glob {
	if plain(s) {
		return glob{kind: globExact, text: s}
	}
	tokens, ok := tokenize(s, true, vars)
	if !ok {
		return glob{}
	}
	colons := 0
	for i, t := range tokens {
		if t.kind == tokenLit {
			colons += strings.Count(t.text, ":")
			continue
		}
		if colons >= 5 {
			break
		}
		inside := i+1 < len(tokens) && (tokens[i+1].kind != tokenLit || tokens[i+1].text[0] != ':')
		if (t.kind == tokenStar && inside) || t.kind == tokenOne {
			if g := makeARNGlob(s, vars); g.kind == globFields {
				return g
			}
			break
		}
	}
	return globOf(tokens)
}

// makeARNGlob prepares a value of ArnEquals and ArnLike: six fields between colons, each matched by itself.
// A value with fewer fields matches nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
func makeARNGlob(s string, vars bool) glob {
	tokens, ok := tokenize(s, true, vars)
	if !ok {
		return glob{}
	}
	fields := make([][]token, 1, 6)
	add := func(t token) { fields[len(fields)-1] = append(fields[len(fields)-1], t) }
	for _, t := range tokens {
		if t.kind != tokenLit {
			add(t)
			continue
		}
		text := t.text
		for len(fields) < 6 {
			before, after, found := strings.Cut(text, ":")
			if !found {
				break
			}
			if before != "" {
				add(token{kind: tokenLit, text: before})
			}
			fields = append(fields, nil)
			text = after
		}
		if text != "" {
			add(token{kind: tokenLit, text: text})
		}
	}
	if len(fields) != 6 {
		return glob{kind: globNever}
	}
	g := glob{kind: globFields, fields: new([6]glob)}
	for i := range fields {
		g.fields[i] = globOf(fields[i])
	}
	return g
}

// literalPrefix is the text that every match starts with.
func (g *glob) literalPrefix() string {
	switch g.kind {
	case globExact, globPrefix:
		return g.text
	case globGeneral, globVars:
		if g.tokens[0].kind == tokenLit {
			return g.tokens[0].text
		}
	case globFields:
		var b strings.Builder
		for i := range g.fields {
			f := &g.fields[i]
			b.WriteString(f.literalPrefix())
			if f.kind != globExact || i == 5 {
				break
			}
			b.WriteByte(':')
		}
		return b.String()
	case globBad, globNever, globAll:
	}
	return ""
}

// match tells whether s matches. A variable without value and without default makes it no match.
func (g *glob) match(s string, ev *evaluation) bool {
	switch g.kind {
	case globBad, globNever:
		return false
	case globAll:
		return true
	case globExact:
		return s == g.text
	case globPrefix:
		return strings.HasPrefix(s, g.text)
	case globGeneral:
		return matchTokens(g.tokens, nil, s)
	case globVars:
		return g.matchVars(s, ev)
	case globFields:
		for i := range g.fields {
			part := s
			if i < 5 {
				var found bool
				if part, s, found = strings.Cut(s, ":"); !found {
					return false
				}
			}
			if !g.fields[i].match(part, ev) {
				return false
			}
		}
		return true
	}
	return false
}

// matchVars puts values in the place of variables. They stay literal: a star in a value is a star.
func (g *glob) matchVars(s string, ev *evaluation) bool {
	if t := &g.tokens[0]; t.kind == tokenLit && !strings.HasPrefix(s, t.text) {
		return false
	}
	var room [8]string
	values := room[:]
	if len(g.tokens) > len(room) {
		values = make([]string, len(g.tokens))
	}
	for i := range g.tokens {
		t := &g.tokens[i]
		if t.kind != tokenVar {
			continue
		}
		v, ok := ev.variable(t)
		if !ok {
			return false
		}
		values[i] = v
	}
	return matchTokens(g.tokens, values, s)
}

// matchTokens matches with one point of return: the last star. Earlier stars need none, since a later
// star can take what an earlier one left.
func matchTokens(tokens []token, values []string, s string) bool {
	ti, si := 0, 0
	starT, starS := -1, 0
	for {
		if ti == len(tokens) {
			if si == len(s) {
				return true
			}
		} else {
			t := &tokens[ti]
			switch t.kind {
			case tokenStar:
				if ti == len(tokens)-1 {
					return true
				}
				starT, starS = ti, si
				ti++
				continue
			case tokenOne:
				if si < len(s) {
					si += runeLen(s[si:])
					ti++
					continue
				}
			case tokenLit, tokenVar:
				lit := t.text
				if t.kind == tokenVar {
					lit = values[ti]
				}
				if strings.HasPrefix(s[si:], lit) {
					si += len(lit)
					ti++
					continue
				}
			}
		}
		if starT < 0 || starS >= len(s) {
			return false
		}
		starS += runeLen(s[starS:])
		ti, si = starT+1, starS
	}
}

func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// expand writes a value with its variables replaced, for explanations.
func expand(s string, vars bool, ev *evaluation) string {
	tokens, ok := tokenize(s, false, vars)
	if !ok {
		return s
	}
	var b strings.Builder
	for i := range tokens {
		if t := &tokens[i]; t.kind != tokenVar {
			b.WriteString(t.text)
		} else if v, ok := ev.variable(t); ok {
			b.WriteString(v)
		} else {
			b.WriteString("${" + t.v.spelled + "}")
		}
	}
	return b.String()
}

// matchAction matches an action against a pattern in lower case, ignoring case. Both are ASCII in all
// that matters.
func matchAction(pattern, s string) bool {
	pi, si := 0, 0
	starP, starS := -1, 0
	for si < len(s) {
		switch {
		case pi < len(pattern) && pattern[pi] == '*':
			starP, starS = pi, si
			pi++
		case pi < len(pattern) && (pattern[pi] == '?' || pattern[pi] == lower(s[si])):
			pi++
			si++
		case starP >= 0:
			starS++
			pi, si = starP+1, starS
		default:
			return false
		}
	}
	for pi < len(pattern) && pattern[pi] == '*' {
		pi++
	}
	return pi == len(pattern)
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold compares ASCII without regard to case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}
