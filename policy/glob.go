package policy

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/policy/internal/text"
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
	t = token{kind: tokenVar, v: &variable{key: makeKey(name)}}
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
	// text is what every match starts with; globExact and globPrefix have nothing else.
	text string
	more *pattern
	kind globKind
}

// pattern is the rest of a glob that is more than text.
type pattern struct {
	tokens []token
	fields []glob // of globFields: six
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
	var g glob
	if len(tokens) > 0 && tokens[0].kind == tokenLit {
		g.text = tokens[0].text
	}
	for _, t := range tokens {
		if t.kind == tokenVar {
			g.kind, g.more = globVars, &pattern{tokens: slices.Clone(tokens)}
			return g
		}
	}
	switch {
	case len(tokens) == 0, len(tokens) == 1 && tokens[0].kind == tokenLit:
		g.kind = globExact
	case len(tokens) == 1 && tokens[0].kind == tokenStar:
		g.kind = globAll
	case len(tokens) == 2 && tokens[0].kind == tokenLit && tokens[1].kind == tokenStar:
		g.kind = globPrefix
	default:
		g.kind, g.more = globGeneral, &pattern{tokens: slices.Clone(tokens)}
	}
	return g
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
	g := glob{kind: globFields, more: &pattern{fields: make([]glob, len(fields))}}
	for i := range fields {
		g.more.fields[i] = globOf(fields[i])
	}
	g.text = literalFields(g.more.fields)
	if strings.HasPrefix(s, g.text) {
		g.text = s[:len(g.text)] // the memory that is there already
	}
	return g
}

// literalFields is the text that every match of ARN fields starts with.
func literalFields(fields []glob) string {
	var b strings.Builder
	for i := range fields {
		b.WriteString(fields[i].text)
		if fields[i].kind != globExact || i == len(fields)-1 {
			break
		}
		b.WriteByte(':')
	}
	return b.String()
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
		return text.HasPrefix(s, g.text)
	case globGeneral, globVars:
		return text.HasPrefix(s, g.text) && matchTokens(g.more.tokens, s, ev)
	case globFields:
		return text.HasPrefix(s, g.text) && matchFields(g.more.fields, s, ev)
	}
	return false
}

func matchFields(fields []glob, s string, ev *evaluation) bool {
	for i := range fields {
		part := s
		if i < len(fields)-1 {
			colon := strings.IndexByte(s, ':')
			if colon < 0 {
				return false
			}
			part, s = s[:colon], s[colon+1:]
		}
		if !fields[i].match(part, ev) {
			return false
		}
	}
	return true
}

// matchTokens matches with one point of return: the last star. Earlier stars need none, since a later
// star can take what an earlier one left. Values in the place of variables stay literal: a star in a value is a star.
func matchTokens(tokens []token, s string, ev *evaluation) bool {
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
					var ok bool
					if lit, ok = ev.variable(t); !ok {
						return false
					}
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
			b.WriteString("${" + t.v.key.spelled + "}")
		}
	}
	return b.String()
}
