package yamlx

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// builder makes nodes of what the library reads: it follows aliases, applies merge keys and keeps
// the tree within bounds.
type builder struct {
	made     map[*yaml.Node]*Node // nil while the node is being made
	aliased  int                  // values that aliases added
	problems []Problem
	fatal    *Problem // ends the reading
}

func (b *builder) problem(line int, format string, args ...any) {
	b.problems = append(b.problems, Problem{line, fmt.Sprintf(format, args...)})
}

// grow adds a child's measures to those of a node.
func (n *Node) grow(child *Node) {
	n.size += child.size
	n.height = max(n.height, child.height+1)
}

func null(line int) *Node { return &Node{Kind: Null, Line: line, size: 1} }

// entry is a key with its value, before repeated keys and merge keys have been looked at.
type entry struct {
	key, value *Node
	merge      bool // the key is << without quotes
}

func (b *builder) mapping(line int, entries []entry) *Node {
	out := &Node{Kind: Mapping, Line: line, size: 1}
	seen := make(map[string]int, len(entries))
	var merges []*Node
	for _, e := range entries {
		if first, twice := seen[e.key.Value]; twice {
			b.problem(e.key.Line, "key %q is there twice, first on line %d", short(e.key.Value), first)
			continue
		}
		seen[e.key.Value] = e.key.Line
		if e.merge {
			merges = append(merges, e.value)
			continue
		}
		out.Pairs = append(out.Pairs, Pair{e.key.Value, e.key.Line, e.value})
		out.grow(e.value)
	}
	for _, m := range merges {
		b.merge(out, m, seen)
	}
	b.tooDeep(out)
	return out
}

// merge adds the entries of a merge key's value that the mapping does not have itself. Of a list of
// mappings the earlier ones win.
func (b *builder) merge(out, from *Node, seen map[string]int) {
	switch from.Kind {
	case Mapping:
		for _, p := range from.Pairs {
			if _, has := seen[p.Key]; has {
				continue
			}
			seen[p.Key] = p.Line
			out.Pairs = append(out.Pairs, p)
			out.grow(p.Value)
		}
	case Sequence:
		for _, item := range from.Items {
			if item.Kind != Mapping {
				b.problem(item.Line, "<< takes mappings, not %s", item.what())
				continue
			}
			b.merge(out, item, seen)
		}
	case Null, Scalar:
		b.problem(from.Line, "<< takes mappings, not %s", from.what())
	}
}
