package policy

import (
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/policy/internal/text"
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
	if e := x.services.find(text.Hash(service), service); e != nil {
		return e
	}
	return &x.rest
}

// indexer builds an index. Statements are numbers in their order until the lists are made.
type indexer struct {
	statements []*statement
	x          *index
	exact      [][]int32 // by entry of x.actions
	broad      [][]int32 // by entry of x.services: wildcards in the operation
	rest       []int32   // "*", NotAction, wildcards before the colon
	before     entry     // made last
}

func buildIndex(statements []*statement) *index {
	if len(statements) < indexFrom {
		return nil
	}
	b := &indexer{statements: statements, x: &index{}}
	exact, broad := 0, 0
	for _, s := range statements {
		for _, a := range s.src.Actions {
			if strings.ContainsAny(a, "*?") {
				broad++
			} else {
				exact++
			}
		}
	}
	b.x.actions.grow(exact)
	b.x.services.grow(broad)
	for i := range statements {
		b.add(int32(i)) //nolint:gosec // bounded by the size of policies
	}
	b.lists(&b.x.rest, b.rest, true, entry{})
	for i := range b.x.services.entries {
		b.lists(&b.x.services.entries[i], merge(b.broad[i], b.rest), true, entry{})
	}
	for i := range b.x.actions.entries {
		b.action(&b.x.actions.entries[i], b.exact[i])
	}
	return b.x
}

// add files a statement under its actions.
func (b *indexer) add(i int32) {
	s := b.statements[i].src
	if s.NotAction || len(s.Actions) == 0 || s.Unknown {
		b.rest = append(b.rest, i)
		return
	}
	for _, a := range s.Actions {
		service, op, found := strings.Cut(a, ":")
		switch {
		case !found || strings.ContainsAny(service, "*?"):
			b.rest = appendNew(b.rest, i)
		case strings.ContainsAny(op, "*?"):
			b.broad = file(&b.x.services, b.broad, service, i)
		default:
			b.exact = file(&b.x.actions, b.exact, a, i)
		}
	}
}

// file adds a number under a key of a table.
func file(t *table, numbers [][]int32, key string, i int32) [][]int32 {
	at := t.at(key)
	if at == len(numbers) {
		return append(numbers, []int32{i})
	}
	numbers[at] = appendNew(numbers[at], i)
	return numbers
}

func appendNew(numbers []int32, i int32) []int32 {
	if n := len(numbers); n > 0 && numbers[n-1] == i {
		return numbers
	}
	return append(numbers, i)
}

// merge unites rising numbers.
func merge(a, b []int32) []int32 {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := make([]int32, 0, len(a)+len(b))
	out = append(append(out, a...), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// action fills the entry of one action: with what names it, and with what concerns it among much.
func (b *indexer) action(e *entry, numbers []int32) {
	service, _, _ := strings.Cut(e.key, ":")
	var broad []int32
	broader := &b.x.rest
	if i := b.x.services.index(text.Hash(service), service); i >= 0 {
		broad, broader = b.broad[i], &b.x.services.entries[i]
	}
	if len(broad)+len(b.rest) > broadMost {
		b.lists(e, numbers, false, *broader)
		return
	}
	var matching []int32
	for _, i := range merge(broad, b.rest) {
		if b.statements[i].matchAction(e.key) {
			matching = append(matching, i)
		}
	}
	b.lists(e, merge(numbers, matching), false, entry{})
}

// lists makes the lists of an entry; behind has those to ask after them.
func (b *indexer) lists(e *entry, numbers []int32, check bool, behind entry) {
	var deny, allow []*statement
	for _, i := range numbers {
		if s := b.statements[i]; s.src.Effect == Deny {
			deny = append(deny, s)
		} else {
			allow = append(allow, s)
		}
	}
	e.deny = makeList(deny, check, behind.deny, b.before.deny)
	e.allow = makeList(allow, check, behind.allow, b.before.allow)
	b.before = *e
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

// grow makes room for n entries.
func (t *table) grow(n int) {
	if n == 0 {
		return
	}
	size := 8
	for size < 2*n {
		size *= 2
	}
	t.entries, t.slots = make([]entry, 0, n), make([]int32, size)
}

// at returns the index of a key's entry and makes one if need be; grow has made room.
func (t *table) at(key string) int {
	hash := text.Hash(key)
	if i := t.index(hash, key); i >= 0 {
		return i
	}
	mask := uint32(len(t.slots) - 1) //nolint:gosec // bounded by the size of policies
	at := hash & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.entries = append(t.entries, entry{key: key, hash: hash})
	t.slots[at] = int32(len(t.entries)) //nolint:gosec // bounded by the size of policies
	return len(t.entries) - 1
}

// index returns the index of a key's entry, -1 if there is none.
func (t *table) index(hash uint32, key string) int {
	if len(t.slots) == 0 {
		return -1
	}
	mask := uint32(len(t.slots) - 1) //nolint:gosec // bounded by the size of policies
	for at := hash & mask; ; at = (at + 1) & mask {
		i := int(t.slots[at]) - 1
		if i < 0 {
			return -1
		}
		if e := &t.entries[i]; e.hash == hash && text.EqualFold(e.key, key) {
			return i
		}
	}
}

// find returns the entry of a key, nil if there is none.
func (t *table) find(hash uint32, key string) *entry {
	if i := t.index(hash, key); i >= 0 {
		return &t.entries[i]
	}
	return nil
}
