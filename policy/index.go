package policy

import (
	"slices"
	"strings"
)

// indexFrom is the number of statements from which an index beats asking each statement.
const indexFrom = 5

// prefixFrom is the number of statements for one action from which their resources are indexed too.
const prefixFrom = 24

// index finds the statements that an action concerns.
type index struct {
	exact    map[string]*bucket // by service:operation in lower case
	services map[string]*serviceIndex
	// rest concern any service: "*", NotAction, wildcards before the colon.
	rest bucket
}

type serviceIndex struct {
	all bucket // service:*
	// patterns, each once.
	patterns []patternBucket
}

type patternBucket struct {
	pattern string
	bucket  bucket
}

// bucket holds statements of one action pattern by effect.
type bucket struct {
	deny, allow list
}

// list holds statements, from a certain number on by the literal prefixes of their resources.
type list struct {
	plain []*statement
	// lengths are the lengths of the keys in byPrefix, rising.
	lengths  []int
	byPrefix map[string][]*statement
}

func (b *bucket) add(s *statement) {
	l := &b.allow
	if s.ref.Effect == Deny {
		l = &b.deny
	}
	if n := len(l.plain); n > 0 && l.plain[n-1] == s {
		return
	}
	l.plain = append(l.plain, s)
}

func (b *bucket) finish() {
	b.deny.finish()
	b.allow.finish()
}

func (l *list) finish() {
	if len(l.plain) < prefixFrom {
		return
	}
	var plain []*statement
	l.byPrefix = map[string][]*statement{}
	for _, s := range l.plain {
		prefixes, ok := s.prefixes()
		if !ok {
			plain = append(plain, s)
			continue
		}
		for _, p := range prefixes {
			l.byPrefix[p] = append(l.byPrefix[p], s)
			if !slices.Contains(l.lengths, len(p)) {
				l.lengths = append(l.lengths, len(p))
			}
		}
	}
	l.plain = plain
	slices.Sort(l.lengths)
}

// prefixes returns what every resource that s applies to starts with one of; ok is false if s may apply to anything.
func (s *statement) prefixes() (out []string, ok bool) {
	if s.anyResource || s.notResource || s.src.Unknown {
		return nil, false
	}
	for i := range s.resources {
		if s.resources[i].kind == globBad {
			if s.ref.Effect == Deny {
				return nil, false
			}
			continue
		}
		p := s.resources[i].literalPrefix()
		if p == "" {
			return nil, false
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, true
}

func buildIndex(statements []*statement) *index {
	if len(statements) < indexFrom {
		return nil
	}
	x := &index{exact: map[string]*bucket{}, services: map[string]*serviceIndex{}}
	for _, s := range statements {
		x.add(s)
	}
	for _, b := range x.exact {
		b.finish()
	}
	for _, svc := range x.services {
		svc.all.finish()
		for i := range svc.patterns {
			svc.patterns[i].bucket.finish()
		}
	}
	x.rest.finish()
	return x
}

func (x *index) add(s *statement) {
	if s.notAction || len(s.actions) == 0 || s.src.Unknown {
		x.rest.add(s)
		return
	}
	for _, a := range s.actions {
		service, op, found := strings.Cut(a, ":")
		if !found || strings.ContainsAny(service, "*?") {
			x.rest.add(s)
			return
		}
		if !strings.ContainsAny(op, "*?") {
			b := x.exact[a]
			if b == nil {
				b = &bucket{}
				x.exact[a] = b
			}
			b.add(s)
			continue
		}
		svc := x.services[service]
		if svc == nil {
			svc = &serviceIndex{}
			x.services[service] = svc
		}
		svc.add(a, op, s)
	}
}

func (svc *serviceIndex) add(pattern, op string, s *statement) {
	if op == "*" {
		svc.all.add(s)
		return
	}
	for i := range svc.patterns {
		if svc.patterns[i].pattern == pattern {
			svc.patterns[i].bucket.add(s)
			return
		}
	}
	svc.patterns = append(svc.patterns, patternBucket{pattern: pattern})
	svc.patterns[len(svc.patterns)-1].bucket.add(s)
}
