package policy

import (
	"slices"
	"strings"
)

// indexFrom is the number of statements from which an index beats asking each statement.
const indexFrom = 5

// prefixFrom is the number of statements for one action from which their resources are indexed too.
const prefixFrom = 24

// broadMost is the number of statements on whole services, or on all, that the list of each action takes
// in. More of them stay in a list of their own behind it.
const broadMost = 8

// index finds the statements that an action concerns.
type index struct {
	// actions are those that statements name without wildcards.
	actions table
	// services, by their prefix, answer for actions that no statement names.
	services table
	// rest answers for services that no statement names.
	rest entry
}

// entry holds the statements of an action or a service, by effect.
type entry struct {
	key         string
	hash        uint32
	deny, allow *list
}

// list holds statements, from a certain number on by the literal prefixes of their resources.
type list struct {
	statements []*statement
	byResource *prefixIndex
	// check is set if the statements may concern other actions too.
	check bool
	next  *list
}

type prefixIndex struct {
	// lengths are the lengths of the keys in byPrefix, rising.
	lengths  []int
	byPrefix map[string][]*statement
}

// find returns the statements for the action.
func (x *index) find(ev *evaluation) *entry {
	if e := x.actions.find(ev.hash, ev.r.Action); e != nil {
		return e
	}
	service := ev.service()
	if e := x.services.find(hashOf(service), service); e != nil {
		return e
	}
	return &x.rest
}

// indexer builds an index. Statements are numbers in their order until the lists are made.
type indexer struct {
	statements []*statement
	exact      map[string][]int // by service:operation in lower case
	spelled    map[string]string
	broad      map[string][]int // by service in lower case: its wildcards
	rest       []int            // "*", NotAction, wildcards before the colon
	before     entry            // made last
}

func buildIndex(statements []*statement) *index {
	if len(statements) < indexFrom {
		return nil
	}
	b := &indexer{statements: statements, exact: map[string][]int{}, spelled: map[string]string{}, broad: map[string][]int{}}
	order := make([]string, 0, len(statements))
	for i := range statements {
		order = b.add(i, order)
	}
	x := &index{rest: b.entry("", b.rest, true, nil)}
	for _, s := range statements {
		for _, a := range s.src.Actions {
			service := asciiLower(a[:max(0, strings.IndexByte(a, ':'))])
			if numbers := b.broad[service]; numbers != nil && x.services.find(hashOf(service), service) == nil {
				x.services.add(b.entry(service, merge(numbers, b.rest), true, nil))
			}
		}
	}
	for _, a := range order {
		x.actions.add(b.action(x, a))
	}
	return x
}

// add files a statement and appends the actions that are new to order.
func (b *indexer) add(i int, order []string) []string {
	s := b.statements[i]
	if s.src.NotAction || len(s.src.Actions) == 0 || s.src.Unknown {
		b.rest = append(b.rest, i)
		return order
	}
	for _, spelled := range s.src.Actions {
		a := asciiLower(spelled)
		service, op, found := strings.Cut(a, ":")
		switch {
		case !found || strings.ContainsAny(service, "*?"):
			b.rest = appendNew(b.rest, i)
		case strings.ContainsAny(op, "*?"):
			b.broad[service] = appendNew(b.broad[service], i)
		default:
			if _, ok := b.exact[a]; !ok {
				b.spelled[a] = spelled
				order = append(order, a)
			}
			b.exact[a] = appendNew(b.exact[a], i)
		}
	}
	return order
}

func appendNew(numbers []int, i int) []int {
	if n := len(numbers); n > 0 && numbers[n-1] == i {
		return numbers
	}
	return append(numbers, i)
}

// merge unites rising numbers.
func merge(a, b []int) []int {
	out := make([]int, 0, len(a)+len(b))
	out = append(append(out, a...), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// action makes the entry of one action: what names it, and what concerns it among much.
func (b *indexer) action(x *index, a string) entry {
	service, _, _ := strings.Cut(a, ":")
	broader := x.services.find(hashOf(service), service)
	if broader == nil {
		broader = &x.rest
	}
	wide := len(b.broad[service]) + len(b.rest)
	if wide > broadMost {
		return b.entry(b.spelled[a], b.exact[a], false, broader)
	}
	numbers := b.exact[a]
	if wide > 0 {
		matching := slices.DeleteFunc(merge(b.broad[service], b.rest), func(i int) bool { return !b.statements[i].matchAction(a) })
		numbers = merge(numbers, matching)
	}
	return b.entry(b.spelled[a], numbers, false, nil)
}

// entry makes the lists of statements; behind are the lists to ask after them.
func (b *indexer) entry(key string, numbers []int, check bool, behind *entry) entry {
	e := entry{key: key, hash: hashOf(key)}
	var deny, allow []*statement
	for _, i := range numbers {
		if s := b.statements[i]; s.src.Effect == Deny {
			deny = append(deny, s)
		} else {
			allow = append(allow, s)
		}
	}
	if behind != nil {
		e.deny, e.allow = behind.deny, behind.allow
	}
	e.deny = makeList(deny, check, e.deny, b.before.deny)
	e.allow = makeList(allow, check, e.allow, b.before.allow)
	b.before = e
	return e
}

// makeList returns nil for no statements, and the list made before if it is the same: the actions of one
// statement mostly have all their statements in common.
func makeList(statements []*statement, check bool, next, before *list) *list {
	if len(statements) == 0 {
		return next
	}
	if before != nil && before.byResource == nil && before.check == check && before.next == next && slices.Equal(before.statements, statements) {
		return before
	}
	l := &list{statements: slices.Clip(statements), check: check, next: next}
	if len(statements) >= prefixFrom {
		l.indexResources()
	}
	return l
}

func (l *list) indexResources() {
	var others []*statement
	x := &prefixIndex{byPrefix: map[string][]*statement{}}
	for _, s := range l.statements {
		prefixes, ok := s.prefixes()
		if !ok {
			others = append(others, s)
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
	l.statements, l.byResource = others, x
}

// prefixes returns what every resource that s applies to starts with one of; ok is false if s may apply to anything.
func (s *statement) prefixes() (out []string, ok bool) {
	if s.anyResource || s.src.NotResource || s.src.Unknown {
		return nil, false
	}
	for i := range s.resources {
		g := &s.resources[i]
		if g.kind == globBad {
			if s.src.Effect == Deny {
				return nil, false
			}
			continue
		}
		if g.text == "" {
			return nil, false
		}
		if !slices.Contains(out, g.text) {
			out = append(out, g.text)
		}
	}
	return out, true
}

// table is a hash table that is asked with a hash made before: one request asks many policies for one
// action. Keys ignore case.
type table struct {
	entries []entry
	// slots hold indexes into entries plus 1; their number is a power of two.
	slots []int32
}

// add appends an entry whose key is new.
func (t *table) add(e entry) {
	t.entries = append(t.entries, e)
	if 2*len(t.entries) > len(t.slots) {
		t.slots = make([]int32, max(8, 2*len(t.slots)))
		for i := range t.entries {
			t.place(i)
		}
		return
	}
	t.place(len(t.entries) - 1)
}

func (t *table) place(i int) {
	mask := uint32(len(t.slots) - 1) //nolint:gosec // bounded by the size of policies
	for at := t.entries[i].hash & mask; ; at = (at + 1) & mask {
		if t.slots[at] == 0 {
			t.slots[at] = int32(i + 1) //nolint:gosec // bounded by the size of policies
			return
		}
	}
}

// find returns the entry of a key, nil if there is none.
func (t *table) find(hash uint32, key string) *entry {
	if len(t.slots) == 0 {
		return nil
	}
	mask := uint32(len(t.slots) - 1) //nolint:gosec // bounded by the size of policies
	for at := hash & mask; ; at = (at + 1) & mask {
		i := t.slots[at]
		if i == 0 {
			return nil
		}
		if e := &t.entries[i-1]; e.hash == hash && equalFold(e.key, key) {
			return e
		}
	}
}
