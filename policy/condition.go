package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// condition is a compiled operator, key and values.
type condition struct {
	key   conditionKey
	globs []glob
	other *operands
	op    operator
	how   how
	// ifMissing is the answer when the request has no such key; of howConstant it is the answer.
	ifMissing bool
	// wantTrue and wantFalse are of Null, and of Bool without variables.
	wantTrue, wantFalse bool
}

// operands are values that are not text; the operator's kind says which.
type operands struct {
	numbers  []number
	dates    []instant
	prefixes []netip.Prefix
	binaries []string
}

// how says which way a condition is evaluated: most need not find out again what the key's value is.
type how uint8

const (
	howGeneral  how = iota
	howConstant     // nobody can evaluate it: an operator or a value is unknown
	howTri          // Bool of a field
	howText         // a key that is one text, no set operator
)

// compileCondition prepares c of a statement with effect e. A condition that nobody can evaluate counts as met
// in a Deny and as not met in an Allow.
func compileCondition(c *Condition, e Effect, vars bool) condition {
	op, ok := parseOperator(c.Operator)
	out := condition{op: op, key: makeKey(c.Key), ifMissing: op.ifMissing()}
	if !ok || !out.values(c.Values, vars && op.variables()) {
		return condition{op: op, key: out.key, how: howConstant, ifMissing: e == Deny}
	}
	switch {
	case op.kind == opBool && out.key.isTri() && len(out.globs) == 0:
		out.how = howTri
	case op.quant == quantNone && out.key.isText() && (op.kind == opString || op.kind == opStringLike || op.kind == opARN):
		out.how = howText
	}
	return out
}

// values prepares the values; false if one cannot be compared.
func (c *condition) values(values []string, vars bool) bool {
	other := &operands{}
	for _, v := range values {
		if c.op.badValue(v, vars) != "" {
			return false
		}
		switch c.op.kind {
		case opBool:
			c.wantTrue = c.wantTrue || equalFold(v, "true")
			c.wantFalse = c.wantFalse || equalFold(v, "false")
			if strings.Contains(v, "${") {
				c.globs = append(c.globs, makeGlob(v, false, vars))
			}
		case opString, opStringFold:
			c.globs = append(c.globs, makeGlob(v, false, vars))
		case opStringLike:
			c.globs = append(c.globs, makeGlob(v, true, vars))
		case opARN:
			c.globs = append(c.globs, makeARNGlob(v, vars))
		case opNumeric:
			n, _ := parseNumber(v)
			other.numbers = append(other.numbers, n)
		case opDate:
			d, _ := parseDate(v)
			other.dates = append(other.dates, d)
		case opIP:
			p, _ := parsePrefix(v)
			other.prefixes = append(other.prefixes, p)
		case opBinary:
			raw, _ := base64.StdEncoding.DecodeString(v)
			other.binaries = append(other.binaries, string(raw))
		case opNull:
			c.wantTrue = c.wantTrue || equalFold(v, "true")
			c.wantFalse = c.wantFalse || equalFold(v, "false")
		}
	}
	switch c.op.kind {
	case opNumeric, opDate, opIP, opBinary:
		c.other = other
	case opString, opStringFold, opStringLike, opBool, opARN, opNull:
	}
	return true
}

// ifMissing is the answer when the request lacks the key.
func (o operator) ifMissing() bool {
	switch {
	case o.ifExists || o.quant == quantAll:
		return true
	case o.quant == quantAny:
		return false
	}
	return o.negate
}

// met evaluates the condition.
func (c *condition) met(ev *evaluation) bool {
	switch c.how {
	case howConstant:
		return c.ifMissing
	case howTri:
		switch ev.tri(c.key.id) {
		case True:
			return c.wantTrue
		case False:
			return c.wantFalse
		case Missing:
		}
	case howText:
		if s, ok := ev.text(&c.key); ok {
			return c.matchText(s, ev) != c.op.negate
		}
	case howGeneral:
		return c.metGeneral(ev)
	}
	if len(ev.r.Trusted) == 0 {
		return c.ifMissing
	}
	return c.metGeneral(ev)
}

func (c *condition) metGeneral(ev *evaluation) bool {
	var v value
	ev.lookup(&c.key, &v)
	n := v.len()
	if c.op.kind == opNull {
		return c.wantTrue && n == 0 || c.wantFalse && n > 0
	}
	if n == 0 || c.op.quant != quantNone && allEmpty(&v, n) {
		return c.ifMissing
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

// matchText tells whether one text matches one of the values.
func (c *condition) matchText(s string, ev *evaluation) bool {
	for i := range c.globs {
		if c.globs[i].match(s, ev) {
			return true
		}
	}
	return false
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
		return c.matchText(v.at(i), ev)
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
		for _, m := range c.other.numbers {
			if c.op.rel.holds(n.compare(m)) {
				return true
			}
		}
	case opDate:
		return c.matchDate(v, i)
	case opIP:
		var a netip.Addr
		if v.kind == valueAddr {
			a = v.addr.Unmap()
		} else {
			var ok bool
			if a, ok = parseAddr(v.at(i)); !ok {
				return false
			}
		}
		for _, p := range c.other.prefixes {
			if p.Contains(a) {
				return true
			}
		}
	case opBinary:
		raw, err := base64.StdEncoding.DecodeString(v.at(i))
		for _, t := range c.other.binaries {
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
		d = instantOf(*v.t)
	case valueInt:
		d = instant{sec: v.n}
	case valueNone, valueString, valueList, valueTags, valueAddr:
		var ok bool
		if d, ok = parseDate(v.at(i)); !ok {
			return false
		}
	}
	for _, e := range c.other.dates {
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
		for i := range g.more.tokens {
			t := &g.more.tokens[i]
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
