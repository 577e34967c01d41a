// Package yamlx reads YAML files strictly: unknown and repeated keys are problems, every problem
// comes with its line, and all of them are told at once. Scalars keep the text that they were
// written with, so that 012345678901 stays an account and 2012-10-17 a word.
//
// The syntax is go.yaml.in/yaml/v3's business; what it finds is turned into a tree of our own, because its
// decoder stops at the first problem and makes numbers and dates of words.
package yamlx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a file. What people write is far from them.
const (
	maxBytes   = 1 << 20 // of text
	maxDepth   = 60      // of collections in one another, aliases followed
	maxAliased = 100_000 // values that aliases add, counted again for each use
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	// Line counts from 1; 0 is the file as a whole.
	Line int
	Text string
}

// Error is the text alone, so that an [Unmarshaler] can tell a problem with a line of its own.
func (p *Problem) Error() string { return p.Text }

// Kind is what a [Node] is.
type Kind int

// The kinds of nodes; the zero Kind is that of a Node that is not in the file.
const (
	Null Kind = iota + 1
	Scalar
	Sequence
	Mapping
)

// Node is a value in a file. Aliases are followed and merge keys (<<) are applied: an alias is the
// node of its anchor, with that one's line.
type Node struct {
	Kind Kind
	// Line is where the node begins.
	Line int
	// Value is the text of a scalar, without quotes.
	Value string
	// Type says what YAML takes a scalar for.
	Type Type
	// Items are a sequence's elements.
	Items []*Node
	// Pairs are a mapping's entries; no two have the same key.
	Pairs []Pair

	size, height int // of the tree, aliases followed
}

// Type is what YAML takes a scalar for.
type Type int

// The types of scalars.
const (
	Text Type = iota
	Number
	Truth
)

// Pair is an entry of a mapping.
type Pair struct {
	Key   string
	Line  int
	Value *Node
}

// Unmarshaler decodes itself from a node, which is never a null. The error becomes a [Problem] at
// the node's line, unless it is one.
type Unmarshaler interface {
	UnmarshalYAML(n *Node) error
}

// Unmarshal reads data, one YAML document, into what into points to, as far as it has no problems,
// which come back in the order of their lines. The file has a value when found is true: a file of
// comments only has none, and one with a syntax error neither.
//
// Structs, maps from string, slices, strings, booleans, integers, [Node] and [Unmarshaler] are
// decoded; the tags of fields are `yaml:"key"` and, for embedded structs, `yaml:",inline"`. A null
// leaves the zero value. A number or truth value may go into a string, as it is written.
func Unmarshal(data []byte, into any) (found bool, problems []Problem) {
	root, problems := Parse(data)
	if root == nil {
		return false, problems
	}
	problems = append(problems, root.Decode(into)...)
	// What aliases repeat is told once.
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return true, slices.Compact(problems)
}

// Parse reads data, one YAML document. The node is nil if the file is empty or its syntax is wrong;
// it may come along with problems that do not keep the rest from being decoded.
func Parse(data []byte) (*Node, []Problem) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if len(data) > maxBytes {
		return nil, []Problem{{0, fmt.Sprintf("the file has more than %d bytes", maxBytes)}}
	}
	if p := unreadable(data); p != nil {
		return nil, []Problem{*p}
	}
	return read(data)
}

// unreadable finds what YAML does not allow, and line breaks other than LF and CRLF.
func unreadable(data []byte) *Problem {
	for i, line := 0, 1; i < len(data); {
		r, width := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && width == 1:
			return &Problem{line, "the text is not UTF-8"}
		case r == '\n':
			line++
		case r == '\r' && i+1 < len(data) && data[i+1] == '\n':
		case r < ' ' && r != '\t', r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
			return &Problem{line, fmt.Sprintf("control character %U", r)}
		}
		i += width
	}
	return nil
}

// JSON is a mapping or sequence as compact JSON. All scalars become strings: what is written in
// YAML for AWS means words, and YAML would make a number or a date of some.
func (n *Node) JSON() (string, *Problem) {
	value, problem := n.plain()
	if problem != nil {
		return "", problem
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return "", &Problem{n.Line, err.Error()}
	}
	return string(encoded), nil
}

func (n *Node) plain() (any, *Problem) {
	switch n.Kind {
	case Mapping:
		m := make(map[string]any, len(n.Pairs))
		for _, p := range n.Pairs {
			value, problem := p.Value.plain()
			if problem != nil {
				return nil, problem
			}
			m[p.Key] = value
		}
		return m, nil
	case Sequence:
		list := make([]any, 0, len(n.Items))
		for _, item := range n.Items {
			value, problem := item.plain()
			if problem != nil {
				return nil, problem
			}
			list = append(list, value)
		}
		return list, nil
	case Scalar:
		return n.Value, nil
	case Null:
	}
	return nil, &Problem{n.Line, "empty value"}
}

// what names the kind of a node in messages.
func (n *Node) what() string {
	switch {
	case n.Kind == Mapping:
		return "a mapping"
	case n.Kind == Sequence:
		return "a list"
	case n.Kind == Null:
		return "nothing"
	case n.Type == Number:
		return "the number " + short(n.Value)
	case n.Type == Truth:
		return "the truth value " + short(n.Value)
	default:
		return "the text " + fmt.Sprintf("%q", short(n.Value))
	}
}

func short(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
