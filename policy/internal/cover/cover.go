// Package cover tells whether one statement says all that another does.
package cover

import (
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// patternCovers tells whether every text that b matches is matched by a. It errs on the side of no.
func patternCovers(a, b string) bool {
	ai, bi := 0, 0
	starA, starB := -1, 0
	for bi < len(b) {
		switch {
		case ai < len(a) && a[ai] == '*':
			starA, starB = ai, bi
			ai++
		case ai < len(a) && (a[ai] == b[bi] || a[ai] == '?' && b[bi] != '*' && b[bi] < 0x80 && b[bi] != '$'):
			ai++
			bi++
		case starA >= 0:
			starB++
			ai, bi = starA+1, starB
		default:
			return false
		}
	}
	for ai < len(a) && a[ai] == '*' {
		ai++
	}
	return ai == len(a)
}

// allCovered tells whether each pattern of b is covered by one of a.
func allCovered(a, b []string, fold bool) bool {
	for _, x := range b {
		if fold {
			x = text.Lower(x)
		}
		if !slices.ContainsFunc(a, func(y string) bool {
			if fold {
				y = text.Lower(y)
			}
			return patternCovers(y, x)
		}) {
			return false
		}
	}
	return true
}

// Statement tells whether s applies wherever t does. Statements with Not… are only compared as equal.
func Statement(s, t *policy.Statement) bool {
	return coversList(s.Actions, s.NotAction, t.Actions, t.NotAction, true) &&
		coversList(s.Resources, s.NotResource, t.Resources, t.NotResource, false) &&
		coversPrincipals(s, t) && coversConditions(s, t)
}

func coversList(a []string, notA bool, b []string, notB, fold bool) bool {
	switch {
	case !notA && !notB:
		return len(a) == 0 && len(b) == 0 || len(b) > 0 && allCovered(a, b, fold)
	case notA && notB:
		// All but a covers all but b if a is part of b.
		return allCovered(b, a, fold)
	case !notA:
		return slices.Contains(a, "*")
	}
	return false
}

func coversPrincipals(s, t *policy.Statement) bool {
	if s.NotPrincipal || t.NotPrincipal {
		return s.NotPrincipal == t.NotPrincipal && slices.Equal(s.Principals, t.Principals)
	}
	for _, p := range t.Principals {
		if !slices.ContainsFunc(s.Principals, func(q policy.PrincipalValue) bool {
			return q == p || q.Type == "*" || q == policy.PrincipalValue{Type: "AWS", Value: "*"} && p.Type == "AWS"
		}) {
			return false
		}
	}
	return true
}

// coversConditions: what asks for less holds wherever what asks for more does.
func coversConditions(s, t *policy.Statement) bool {
	for _, c := range s.Conditions {
		if !slices.ContainsFunc(t.Conditions, func(d policy.Condition) bool {
			return c.Operator == d.Operator && strings.EqualFold(c.Key, d.Key) && slices.Equal(c.Values, d.Values)
		}) {
			return false
		}
	}
	return true
}
