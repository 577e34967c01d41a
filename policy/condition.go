package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// condition is a compiled operator, key and values.
type condition struct {
	op operator
	// broken conditions have an operator or a value that nobody can evaluate: they count as met in a Deny
	// and as not met in an Allow.
	broken bool
	key    conditionKey
	// Of the following the operator's kind uses one.
	globs    []glob
	numbers  []number
	dates    []instant
	prefixes []netip.Prefix
	texts    []string
	// wantTrue and wantFalse are of Null, and of Bool without variables.
	wantTrue, wantFalse bool
}

func compileCondition(c *Condition, vars bool) condition {
	op, ok := parseOperator(c.Operator)
	out := condition{op: op, broken: !ok, key: makeKey(c.Key)}
	if !ok {
		return out
	}
	vars = vars && op.variables()
	for _, v := range c.Values {
		if op.badValue(v, vars) != "" {
			out.broken = true
			return out
		}
		switch op.kind {
		case opBool:
			out.wantTrue = out.wantTrue || equalFold(v, "true")
			out.wantFalse = out.wantFalse || equalFold(v, "false")
			if strings.Contains(v, "${") {
				out.globs = append(out.globs, makeGlob(v, false, vars))
			}
		case opString, opStringFold:
			out.globs = append(out.globs, makeGlob(v, false, vars))
		case opStringLike:
			out.globs = append(out.globs, makeGlob(v, true, vars))
		case opARN:
			out.globs = append(out.globs, makeARNGlob(v, vars))
		case opNumeric:
			n, _ := parseNumber(v)
			out.numbers = append(out.numbers, n)
		case opDate:
			d, _ := parseDate(v)
			out.dates = append(out.dates, d)
		case opIP:
			p, _ := parsePrefix(v)
			out.prefixes = append(out.prefixes, p)
		case opBinary:
			raw, _ := base64.StdEncoding.DecodeString(v)
			out.texts = append(out.texts, string(raw))
		case opNull:
			out.wantTrue = out.wantTrue || equalFold(v, "true")
			out.wantFalse = out.wantFalse || equalFold(v, "false")
		}
	}
	return out
}

// met evaluates a condition that is not broken.
func (c *condition) met(ev *evaluation) bool {
	var v value
	ev.lookup(&c.key, &v)
	n := v.len()
	if c.op.kind == opNull {
		return c.wantTrue && n == 0 || c.wantFalse && n > 0
	}
	if n == 0 || c.op.quant != quantNone && allEmpty(&v, n) {
		switch {
		case c.op.ifExists:
			return true
		case c.op.quant == quantAll:
			return true
		case c.op.quant == quantAny:
			return false
		}
		return c.op.negate
	}
	switch c.op.quant {
	case quantAll:
		for i := range n {
			if c.matchOne(&v, i, ev) == c.op.negate {
				return false
			}
		}
		return true
	case quantAny:
		for i := range n {
			if c.matchOne(&v, i, ev) != c.op.negate {
				return true
			}
		}
		return false
	case quantNone:
	}
	for i := range n {
		if c.matchOne(&v, i, ev) {
			return !c.op.negate
		}
	}
	return c.op.negate
}

// allEmpty tells whether a key has only empty values, which set operators take for a missing key.
func allEmpty(v *value, n int) bool {
	if v.kind != valueString && v.kind != valueList {
		return false
	}
	for i := range n {
		if v.at(i) != "" {
			return false
		}
	}
	return true
}

// matchOne tells whether one value of the request matches one of the policy, before negation.
func (c *condition) matchOne(v *value, i int, ev *evaluation) bool {
	switch c.op.kind {
	case opString, opStringLike, opARN:
		s := v.at(i)
		for j := range c.globs {
			if c.globs[j].match(s, ev) {
				return true
			}
		}
	case opStringFold, opBool:
		s := v.at(i)
		if c.wantTrue && equalFold(s, "true") || c.wantFalse && equalFold(s, "false") {
			return true
		}
		for j := range c.globs {
			if c.globs[j].equalFold(s, ev) {
				return true
			}
		}
	case opNumeric:
		n := number{whole: true, i: v.n, f: float64(v.n)}
		if v.kind != valueInt {
			var ok bool
			if n, ok = parseNumber(v.at(i)); !ok {
				return false
			}
		}
		for _, m := range c.numbers {
			if c.op.rel.holds(n.compare(m)) {
				return true
			}
		}
	case opDate:
		return c.matchDate(v, i)
	case opIP:
		a := v.addr.Unmap()
		if v.kind != valueAddr {
			var ok bool
			if a, ok = parseAddr(v.at(i)); !ok {
				return false
			}
		}
		for _, p := range c.prefixes {
			if p.Contains(a) {
				return true
			}
		}
	case opBinary:
		raw, err := base64.StdEncoding.DecodeString(v.at(i))
		for _, t := range c.texts {
			if err == nil && string(raw) == t {
				return true
			}
		}
	case opNull:
	}
	return false
}

func (c *condition) matchDate(v *value, i int) bool {
	var d instant
	switch v.kind {
	case valueTime:
		d = instantOf(v.t)
	case valueInt:
		d = instant{sec: v.n}
	case valueNone, valueString, valueList, valueTags, valueAddr:
		var ok bool
		if d, ok = parseDate(v.at(i)); !ok {
			return false
		}
	}
	for _, e := range c.dates {
		if c.op.rel.holds(d.compare(e)) {
			return true
		}
	}
	return false
}

// equalFold compares without wildcards and without regard to case.
func (g *glob) equalFold(s string, ev *evaluation) bool {
	switch g.kind {
	case globExact:
		return strings.EqualFold(s, g.text)
	case globVars:
		var b strings.Builder
		for i := range g.tokens {
			t := &g.tokens[i]
			text := t.text
			if t.kind == tokenVar {
				var ok bool
				if text, ok = ev.variable(t); !ok {
					return false
				}
			}
			b.WriteString(text)
		}
		return strings.EqualFold(s, b.String())
	case globBad, globNever, globAll, globPrefix, globGeneral, globFields:
	}
	return false
}
