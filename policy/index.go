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
	exact    table[bucket] // by service:operation in lower case
	services table[serviceIndex]
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
	plain   []*statement
	indexed *prefixIndex
}

type prefixIndex struct {
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
	x := &prefixIndex{byPrefix: map[string][]*statement{}}
	for _, s := range l.plain {
		prefixes, ok := s.prefixes()
		if !ok {
			plain = append(plain, s)
			continue
		}
		for _, p := range prefixes {
			x.byPrefix[p] = append(x.byPrefix[p], s)
			if !slices.Contains(x.lengths, len(p)) {
				x.lengths = append(x.lengths, len(p))
			}
		}
	}
	slices.Sort(x.lengths)
	l.plain, l.indexed = plain, x
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
	x := &index{}
	for _, s := range statements {
		x.add(s)
	}
	for _, e := range x.exact.entries {
		e.value.finish()
	}
	for _, e := range x.services.entries {
		svc := e.value
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
			x.exact.at(a).add(s)
			continue
		}
		x.services.at(service).add(a, op, s)
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

// table is a hash table that is asked with a hash made before: one request asks many policies for one action.
type table[V any] struct {
	entries []entry[V]
	// slots hold indexes into entries plus 1; their number is a power of two.
	slots []int32
}

type entry[V any] struct {
	key   string
	hash  uint32
	value *V
}

// FNV-1a, https://www.rfc-editor.org/rfc/rfc9923. Its keys come from policies, which their authors
// pay for themselves.
const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

func hashOf(s string) uint32 {
	h := uint32(fnvOffset)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * fnvPrime
	}
	return h
}

// at returns the value of a key and makes it if need be.
func (t *table[V]) at(key string) *V {
	h := hashOf(key)
	if v := t.find(h, []byte(key)); v != nil {
		return v
	}
	e := entry[V]{key: key, hash: h, value: new(V)}
	t.entries = append(t.entries, e)
	if 2*len(t.entries) > len(t.slots) {
		t.slots = make([]int32, max(8, 2*len(t.slots)))
		for i := range t.entries {
			t.place(i)
		}
	} else {
		t.place(len(t.entries) - 1)
	}
	return e.value
}

func (t *table[V]) place(i int) {
	mask := uint32(len(t.slots) - 1) //nolint:gosec // bounded by the size of policies
	for at := t.entries[i].hash & mask; ; at = (at + 1) & mask {
		if t.slots[at] == 0 {
			t.slots[at] = int32(i + 1) //nolint:gosec // bounded by the size of policies
			return
		}
	}
}

// find returns the value of a key, nil if there is none.
func (t *table[V]) find(hash uint32, key []byte) *V {
	if len(t.slots) == 0 {
		return nil
	}
	mask := uint32(len(t.slots) - 1) //nolint:gosec // bounded by the size of policies
	for at := hash & mask; ; at = (at + 1) & mask {
		i := t.slots[at]
		if i == 0 {
			return nil
		}
		if e := &t.entries[i-1]; e.hash == hash && e.key == string(key) {
			return e.value
		}
	}
}
