package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/operator"
	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// condition is a compiled operator, key and values.
type condition struct {
	key   conditionKey
	globs []glob
	other *operands
	op    operator.Operator
	how   how
	// ifMissing is the answer when the request has no such key; of howConstant it is the answer.
	ifMissing bool
	// wantTrue and wantFalse are of Null, and of Bool without variables.
	wantTrue, wantFalse bool
}

// operands are values that are not text; the operator's kind says which.
type operands struct {
	numbers  []operator.Number
	dates    []operator.Instant
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
	op, ok := operator.Parse(c.Operator)
	out := condition{op: op, key: makeKey(c.Key), ifMissing: op.IfMissing()}
	if !ok || !out.values(c.Values, vars && op.Variables()) {
		return condition{op: op, key: out.key, how: howConstant, ifMissing: e == Deny}
	}
	switch {
	case op.Kind == operator.Bool && out.key.isTri() && len(out.globs) == 0:
		out.how = howTri
	case op.Quant == operator.None && out.key.isText() && (op.Kind == operator.String || op.Kind == operator.StringLike || op.Kind == operator.ARN):
		out.how = howText
	}
	return out
}

// values prepares the values; false if one cannot be compared.
func (c *condition) values(values []string, vars bool) bool {
	other := &operands{}
	for _, v := range values {
		if badValue(c.op, v, vars) != "" {
			return false
		}
		switch c.op.Kind {
		case operator.Bool:
			c.wantTrue = c.wantTrue || text.EqualFold(v, "true")
			c.wantFalse = c.wantFalse || text.EqualFold(v, "false")
			if strings.Contains(v, "${") {
				c.globs = append(c.globs, makeGlob(v, false, vars))
			}
		case operator.String, operator.StringFold:
			c.globs = append(c.globs, makeGlob(v, false, vars))
		case operator.StringLike:
			c.globs = append(c.globs, makeGlob(v, true, vars))
		case operator.ARN:
			c.globs = append(c.globs, makeARNGlob(v, vars))
		case operator.Numeric:
			n, _ := operator.ParseNumber(v)
			other.numbers = append(other.numbers, n)
		case operator.Date:
			d, _ := operator.ParseDate(v)
			other.dates = append(other.dates, d)
		case operator.IP:
			p, _ := operator.ParsePrefix(v)
			other.prefixes = append(other.prefixes, p)
		case operator.Binary:
			raw, _ := base64.StdEncoding.DecodeString(v)
			other.binaries = append(other.binaries, string(raw))
		case operator.Null:
			c.wantTrue = c.wantTrue || text.EqualFold(v, "true")
			c.wantFalse = c.wantFalse || text.EqualFold(v, "false")
		}
	}
	switch c.op.Kind {
	case operator.Numeric, operator.Date, operator.IP, operator.Binary:
		c.other = other
	case operator.String, operator.StringFold, operator.StringLike, operator.Bool, operator.ARN, operator.Null:
	}
	return true
}

// badValue says why a value cannot be compared, "" if it can.
func badValue(op operator.Operator, value string, vars bool) string {
	switch {
	case op.Variables() && !readable(value, vars):
		return "malformed variable in " + quote(value)
	case !op.Comparable(value):
		return quote(value) + " is not a value of this operator"
	}
	return ""
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
			return c.matchText(s, ev) != c.op.Negate
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
	if c.op.Kind == operator.Null {
		return c.wantTrue && n == 0 || c.wantFalse && n > 0
	}
	if n == 0 || c.op.Quant != operator.None && allEmpty(&v, n) {
		return c.ifMissing
	}
	switch c.op.Quant {
	case operator.ForAll:
		for i := range n {
			if c.matchOne(&v, i, ev) == c.op.Negate {
				return false
			}
		}
		return true
	case operator.ForAny:
		for i := range n {
			if c.matchOne(&v, i, ev) != c.op.Negate {
				return true
			}
		}
		return false
	case operator.None:
	}
	for i := range n {
		if c.matchOne(&v, i, ev) {
			return !c.op.Negate
		}
	}
	return c.op.Negate
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
	if v.kind == valueTime || v.kind == valueAddr || v.kind == valueInt {
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
	switch c.op.Kind {
	case operator.String, operator.StringLike, operator.ARN:
		return c.matchText(v.at(i), ev)
	case operator.StringFold, operator.Bool:
		s := v.at(i)
		if c.wantTrue && text.EqualFold(s, "true") || c.wantFalse && text.EqualFold(s, "false") {
			return true
		}
		for j := range c.globs {
			if c.globs[j].equalFold(s, ev) {
				return true
			}
		}
	case operator.Numeric:
		n := operator.Int(v.n)
		if v.kind != valueInt {
			var ok bool
			if n, ok = operator.ParseNumber(v.at(i)); !ok {
				return false
			}
		}
		for _, m := range c.other.numbers {
			if c.op.Rel.Holds(n.Compare(m)) {
				return true
			}
		}
	case operator.Date:
		return c.matchDate(v, i)
	case operator.IP:
		var a netip.Addr
		if v.kind == valueAddr {
			a = v.addr.Unmap()
		} else {
			var ok bool
			if a, ok = operator.ParseAddr(v.at(i)); !ok {
				return false
			}
		}
		for _, p := range c.other.prefixes {
			if p.Contains(a) {
				return true
			}
		}
	case operator.Binary:
		raw, err := base64.StdEncoding.DecodeString(v.at(i))
		for _, t := range c.other.binaries {
			if err == nil && string(raw) == t {
				return true
			}
		}
	case operator.Null:
	}
	return false
}

func (c *condition) matchDate(v *value, i int) bool {
	var d operator.Instant
	switch v.kind {
	case valueTime:
		d = operator.InstantOf(*v.t)
	case valueInt:
		d = operator.Epoch(v.n)
	case valueNone, valueString, valueList, valueTags, valueAddr:
		var ok bool
		if d, ok = operator.ParseDate(v.at(i)); !ok {
			return false
		}
	}
	for _, e := range c.other.dates {
		if c.op.Rel.Holds(d.Compare(e)) {
			return true
		}
	}
	return false
}

// text.EqualFold compares without wildcards and without regard to case.
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
