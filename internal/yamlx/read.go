package yamlx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// read has the library parse the text and makes nodes of what it found.
func read(data []byte) (*Node, []Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, []Problem{syntax(err)}
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, []Problem{syntax(err)}
		}
		return nil, []Problem{{0, "more than one YAML document; give each its own file"}}
	}
	b := &builder{made: map[*yaml.Node]*Node{}}
	root := b.node(&document, 0)
	if b.fatal != nil {
		return nil, []Problem{*b.fatal}
	}
	if root.Kind == Null && len(b.problems) == 0 {
		return nil, nil
	}
	return root, b.problems
}

// syntax takes the line out of the library's message, "yaml: line 3: did not find expected key".
func syntax(err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, message, found := strings.Cut(rest, ": ")
		if line, err := strconv.Atoi(number); found && err == nil {
			return Problem{line, message}
		}
	}
	return Problem{0, text}
}

// node makes a node of the library's. Below maxDepth it reads no further.
func (b *builder) node(n *yaml.Node, depth int) *Node {
	if depth > maxDepth {
		b.fail(n.Line, "nested too deep")
	}
	if b.fatal != nil {
		return null(n.Line)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return b.node(n.Content[0], depth)
	case yaml.AliasNode:
		return b.alias(n)
	case yaml.MappingNode:
		b.made[n] = nil // until it is whole
		out := b.mapping(n.Line, b.entries(n, depth))
		b.made[n] = out
		return out
	case yaml.SequenceNode:
		b.made[n] = nil
		out := &Node{Kind: Sequence, Line: n.Line, size: 1}
		for _, item := range n.Content {
			child := b.node(item, depth+1)
			out.Items = append(out.Items, child)
			out.grow(child)
		}
		b.tooDeep(out)
		b.made[n] = out
		return out
	default:
		out := b.scalar(n)
		b.made[n] = out
		return out
	}
}

func (b *builder) entries(n *yaml.Node, depth int) []entry {
	entries := make([]entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			b.problem(key.Line, "a key must be a word, not a list or mapping")
			continue
		}
		entries = append(entries, entry{
			key:   &Node{Kind: Scalar, Line: n.Content[i].Line, Value: key.Value, size: 1},
			value: b.node(n.Content[i+1], depth+1),
			merge: key.Tag == "!!merge",
		})
	}
	return entries
}

// scalar keeps the text as it is written; what YAML takes it for is noted beside it.
func (b *builder) scalar(n *yaml.Node) *Node {
	out := &Node{Kind: Scalar, Line: n.Line, Value: n.Value, size: 1}
	switch n.ShortTag() {
	case "!!null":
		return null(n.Line)
	case "!!int", "!!float":
		out.Type = Number
	case "!!bool":
		out.Type = Truth
	case "!!str", "!!timestamp", "!!merge":
	default:
		b.problem(n.Line, "of tags, only !!str has a meaning here")
	}
	return out
}

func (b *builder) alias(n *yaml.Node) *Node {
	target, known := b.made[n.Alias]
	switch {
	case !known || target == nil:
		b.problem(n.Line, "anchor %q contains itself", short(n.Value))
	default:
		if b.aliased += target.size; b.aliased <= maxAliased {
			return target
		}
		b.fail(n.Line, fmt.Sprintf("aliases make more than %d values", maxAliased))
	}
	return null(n.Line)
}

func (b *builder) fail(line int, text string) {
	if b.fatal == nil {
		b.fatal = &Problem{line, text}
	}
}

// tooDeep bounds what aliases of aliases pile up.
func (b *builder) tooDeep(n *Node) {
	if n.height > maxDepth {
		b.fail(n.Line, "nested too deep")
	}
}
