package yamlx

import "fmt"

// builder makes nodes of what the parser reads: it follows aliases, applies merge keys and keeps
// the tree within bounds.
type builder struct {
	anchors  map[string]*Node // nil while the anchor's own value is being read
	aliased  int              // values that aliases added
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

func (b *builder) alias(line int, name string) *Node {
	target, known := b.anchors[name]
	switch {
	case !known:
		b.problem(line, "there is no anchor %q above", short(name))
	case target == nil:
		b.problem(line, "anchor %q contains itself", short(name))
	default:
		if b.aliased += target.size; b.aliased <= maxAliased {
			return target
		}
		if b.fatal == nil {
			b.fatal = &Problem{line, fmt.Sprintf("aliases make more than %d values", maxAliased)}
		}
	}
	return null(line)
}
