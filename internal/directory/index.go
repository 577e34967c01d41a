package directory

import (
	"hash/maphash"
	"iter"
	"strings"

	"github.com/benbjohnson/immutable"
)

// The snapshot is made of persistent maps: a change copies the path to what it changes and shares
// the rest, so that a write costs the same with ten users and with a hundred thousand.

type stringHasher struct{ seed maphash.Seed }

// Hash is seeded: names that users choose must not collide on purpose.
func (h stringHasher) Hash(s string) uint32 {
	sum := maphash.String(h.seed, s)
	return uint32(sum>>32) ^ uint32(sum) //nolint:gosec // folding 64 bits to 32 is the point
}

func (h stringHasher) Equal(a, b string) bool { return a == b }

type stringComparer struct{}

func (stringComparer) Compare(a, b string) int { return strings.Compare(a, b) }

// sep separates the parts of index keys; no name may contain it.
const sep = "\x00"

// table holds the entities of one type by key and, in the order of a second key, for lists.
type table[E any] struct {
	byKey  *immutable.Map[string, *node[E]]
	sorted *immutable.SortedMap[string, *node[E]]
}

func newTable[E any](h stringHasher) table[E] {
	return table[E]{
		byKey:  immutable.NewMap[string, *node[E]](h),
		sorted: immutable.NewSortedMap[string, *node[E]](stringComparer{}),
	}
}

func (t *table[E]) get(key string) *E {
	if n, ok := t.byKey.Get(key); ok {
		return n.entity
	}
	return nil
}

func (t *table[E]) node(key string) *node[E] {
	n, _ := t.byKey.Get(key)
	return n
}

func (t *table[E]) bySort(key string) *E {
	if n, ok := t.sorted.Get(key); ok {
		return n.entity
	}
	return nil
}

func (t *table[E]) set(key, sortKey string, n *node[E]) {
	t.byKey = t.byKey.Set(key, n)
	t.sorted = t.sorted.Set(sortKey, n)
}

func (t *table[E]) remove(key, sortKey string) {
	// Another entity may have taken over the name already.
	if n, ok := t.sorted.Get(sortKey); ok && n == t.node(key) {
		t.sorted = t.sorted.Delete(sortKey)
	}
	t.byKey = t.byKey.Delete(key)
}

// prefix yields the entities whose sort key begins with prefix, beginning after the key after
// (which need not exist) if it is not "".
func (t *table[E]) prefix(prefix, after string) iter.Seq[*E] {
	return func(yield func(*E) bool) {
		for _, n := range ascend(t.sorted, prefix, after) {
			if !yield(n.entity) {
				return
			}
		}
	}
}

func ascend[V any](m *immutable.SortedMap[string, V], prefix, after string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		start := prefix
		if after != "" {
			start = prefix + after
		}
		it := m.Iterator()
		for it.Seek(start); !it.Done(); {
			key, value, ok := it.Next()
			if !ok || !strings.HasPrefix(key, prefix) {
				return
			}
			if after != "" && key == start {
				continue
			}
			if !yield(key, value) {
				return
			}
		}
	}
}
