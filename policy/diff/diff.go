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

// atom is a statement about one action and one resource, or one whole NotAction or NotResource.
type atom struct {
	s policy.Statement
}

func atoms(d *policy.Document) []atom {
	var out []atom
	for i := range d.Statements() {
		s := d.Statements()[i]
		s.Sid, s.Start, s.End = "", policy.Position{}, policy.Position{}
		actions, resources := split(s.Actions, s.NotAction), split(s.Resources, s.NotResource)
		for _, a := range actions {
			for _, r := range resources {
				s.Actions, s.Resources = a, r
				out = append(out, atom{s})
			}
		}
	}
	return out
}

func split(l []string, not bool) [][]string {
	if not || len(l) == 0 {
		return [][]string{l}
	}
	out := make([][]string, len(l))
	for i := range l {
		out[i] = l[i : i+1]
	}
	return out
}

// compareAtoms returns what of a no b covers, told as added or removed.
func compareAtoms(a, b []atom, added bool) []Change {
	type group struct {
		effect  policy.Effect
		actions []string
		rest    string
		remains []string
	}
	var groups []*group
	for i := range a {
		covered := slices.ContainsFunc(b, func(x atom) bool { return x.s.Effect == a[i].s.Effect && cover.Statement(&x.s, &a[i].s) })
		if covered {
			continue
		}
		rest := circumstances(&a[i].s)
		at := slices.IndexFunc(groups, func(g *group) bool { return g.effect == a[i].s.Effect && g.rest == rest })
		if at < 0 {
			groups = append(groups, &group{effect: a[i].s.Effect, rest: rest})
			at = len(groups) - 1
		}
		g := groups[at]
		g.actions = append(g.actions, actionWords(&a[i].s))
		for j := range b {
			part := actionWords(&b[j].s) + circumstances(&b[j].s)
			if b[j].s.Effect == a[i].s.Effect && cover.Statement(&a[i].s, &b[j].s) && !slices.Contains(g.remains, part) {
				g.remains = append(g.remains, part)
			}
		}
	}
	var out []Change
	for _, g := range groups {
		verb := "grants "
		if g.effect == policy.Deny {
			verb = "denies "
		}
		if !added {
			verb = "no longer " + verb
		}
		sentence := verb + strings.Join(slices.Compact(g.actions), ", ") + g.rest
		if len(g.remains) > 0 {
			before := ", only "
			if added {
				before = ", before only "
			}
			sentence += before + strings.Join(g.remains, "; ")
		}
		out = append(out, Change{Widens: added == (g.effect == policy.Allow), Sentence: sentence})
	}
	return out
}

func actionWords(s *policy.Statement) string {
	words := strings.Join(s.Actions, ", ")
	if s.NotAction {
		return "everything but " + words
	}
	if words == "*" {
		return "every action"
	}
	return words
}

// circumstances are all of a statement but effect and actions.
func circumstances(s *policy.Statement) string {
	var b strings.Builder
	switch {
	case s.NotResource:
		b.WriteString(" on everything but " + strings.Join(s.Resources, ", "))
	case len(s.Resources) == 1 && s.Resources[0] == "*":
		b.WriteString(" on everything")
	case len(s.Resources) > 0:
		b.WriteString(" on " + strings.Join(s.Resources, ", "))
	}
	if len(s.Principals) > 0 {
		names := make([]string, len(s.Principals))
		for i, p := range s.Principals {
			if names[i] = p.Value; p.Value == "*" {
				names[i] = "everybody"
			}
		}
		not := ""
		if s.NotPrincipal {
			not = "everybody but "
		}
		b.WriteString(" to " + not + strings.Join(names, ", "))
	}
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
	return b.String()
}
