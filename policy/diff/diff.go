// Package diff says in sentences what a change of a policy grants and removes.
package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/policy/internal/cover"
)

// Change is one difference between two versions of a policy.
type Change struct {
	// Widens is set if the change gives rights: an Allow more or a Deny less.
	Widens bool
	// Sentence says it, such as "no longer grants s3:PutObject on arn:aws:s3:::b/*".
	Sentence string
}

// Documents says what changes when old is replaced by new. What another statement of the same effect still covers
// is no change. Patterns are compared as patterns: that a service has no action behind one is not known.
func Documents(old, new *policy.Document) []Change {
	was, is := atoms(old), atoms(new)
	var out []Change
	out = append(out, compareAtoms(is, was, true)...)
	out = append(out, compareAtoms(was, is, false)...)
	return out
}

// atoms are the statements of d taken apart: each about one action, one resource and one principal, or a whole
// NotAction, NotResource, NotPrincipal.
func atoms(d *policy.Document) []policy.Statement {
	var out []policy.Statement
	for _, s := range d.Statements() {
		s.Sid, s.Start, s.End = "", policy.Position{}, policy.Position{}
		whole := s
		for _, a := range split(whole.Actions, s.NotAction) {
			for _, r := range split(whole.Resources, s.NotResource) {
				for _, p := range split(whole.Principals, s.NotPrincipal) {
					s.Actions, s.Resources, s.Principals = a, r, p
					out = append(out, s)
				}
			}
		}
	}
	return out
}

func split[T any](l []T, not bool) [][]T {
	if not || len(l) == 0 {
		return [][]T{l}
	}
	out := make([][]T, len(l))
	for i := range l {
		out[i] = l[i : i+1]
	}
	return out
}

// part is what a sentence says: everything that some actions, resources and principals make together.
type part struct {
	effect                         policy.Effect
	actions, resources, principals []string
	conditions                     string
	// remains are what is left of the part, or was there before.
	remains []part
}

// compareAtoms returns what of a no b covers, told as added or removed.
func compareAtoms(a, b []policy.Statement, added bool) []Change {
	var whole, partly []part
	for i := range a {
		if slices.ContainsFunc(b, func(x policy.Statement) bool { return x.Effect == a[i].Effect && cover.Statement(&x, &a[i]) }) {
			continue
		}
		p := partOf(&a[i])
		for j := range b {
			if b[j].Effect == a[i].Effect && cover.Statement(&a[i], &b[j]) {
				p.remains = append(p.remains, partOf(&b[j]))
			}
		}
		if p.remains == nil {
			whole = append(whole, p)
		} else {
			partly = append(partly, p)
		}
	}
	var out []Change
	for _, p := range append(merge(whole), merge(partly)...) {
		verb := "grants "
		if p.effect == policy.Deny {
			verb = "denies "
		}
		if !added {
			verb = "no longer " + verb
		}
		sentence := verb + p.String()
		for i, rest := range merge(p.remains) {
			switch {
			case i > 0:
				sentence += "; "
			case added:
				sentence += ", before only "
			default:
				sentence += ", only "
			}
			sentence += rest.String()
		}
		out = append(out, Change{Widens: added == (p.effect == policy.Allow), Sentence: sentence})
	}
	return out
}

// merge puts parts together that differ in their actions only, then in their resources only, then in their principals only.
func merge(parts []part) []part {
	for _, list := range []func(*part) *[]string{
		func(p *part) *[]string { return &p.actions }, func(p *part) *[]string { return &p.resources }, func(p *part) *[]string { return &p.principals },
	} {
		var out []part
		for _, p := range parts {
			at := slices.IndexFunc(out, func(o part) bool {
				mine := *list(&p)
				*list(&o), *list(&p) = nil, nil
				same := o.effect == p.effect && o.conditions == p.conditions && slices.Equal(o.actions, p.actions) &&
					slices.Equal(o.resources, p.resources) && slices.Equal(o.principals, p.principals)
				*list(&p) = mine
				return same
			})
			if at < 0 {
				out = append(out, p)
				continue
			}
			into := list(&out[at])
			for _, word := range *list(&p) {
				if !slices.Contains(*into, word) {
					*into = append(slices.Clip(*into), word)
				}
			}
			out[at].remains = append(slices.Clip(out[at].remains), p.remains...)
		}
		parts = out
	}
	return parts
}

// String says the part: actions, on what, to whom, if what.
func (p part) String() string {
	s := strings.Join(p.actions, ", ")
	if len(p.resources) > 0 {
		s += " on " + strings.Join(p.resources, ", ")
	}
	if len(p.principals) > 0 {
		s += " to " + strings.Join(p.principals, ", ")
	}
	return s + p.conditions
}

func partOf(s *policy.Statement) part {
	p := part{effect: s.Effect, actions: words(s.Actions, s.NotAction, "every action"), resources: words(s.Resources, s.NotResource, "everything")}
	who := make([]string, len(s.Principals))
	for i, v := range s.Principals {
		who[i] = v.Value
	}
	p.principals = words(who, s.NotPrincipal, "everybody")
	if s.NotPrincipal {
		p.principals = []string{strings.Replace(p.principals[0], "everything", "everybody", 1)}
	}
	var b strings.Builder
	for i, c := range s.Conditions {
		word := " if "
		if i > 0 {
			word = " and "
		}
		quoted := make([]string, len(c.Values))
		for j, v := range c.Values {
			quoted[j] = strconv.Quote(v)
		}
		fmt.Fprintf(&b, "%s%s %s %s", word, c.Key, c.Operator, strings.Join(quoted, " or "))
	}
	p.conditions = b.String()
	return p
}

// words are the values of an element; all stands for "*".
func words(values []string, not bool, all string) []string {
	if not {
		return []string{"everything but " + strings.Join(values, ", ")}
	}
	out := slices.Clone(values)
	for i, v := range out {
		if v == "*" {
			out[i] = all
		}
	}
	return out
}
