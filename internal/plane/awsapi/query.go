package awsapi

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Node is the parameters below one structure, list or map of a query request.
type Node struct {
	pairs []pair
	// prefix is the length of what all keys of pairs begin with, the last dot included.
	prefix int
}

// root is the node of all parameters.
func (f *Form) root() Node { return Node{pairs: f.pairs} }

// find returns the value named name.
func (n Node) find(name string) (string, bool) {
	for i := range n.pairs {
		if rest := n.pairs[i].key[n.prefix:]; len(rest) == len(name) && rest == name {
			return n.pairs[i].value, true
		}
	}
	return "", false
}

// child returns the node below name, and whether anything is there: the parameter name itself
// (an empty list or structure is sent so) or parameters that begin with "name.".
func (n Node) child(name string) (Node, bool) {
	lo, hi, bare := -1, -1, false
	for i := range n.pairs {
		rest := n.pairs[i].key[n.prefix:]
		if len(rest) < len(name) || rest[:len(name)] != name {
			continue
		}
		if len(rest) == len(name) {
			bare = true
			continue
		}
		if rest[len(name)] != '.' {
			continue
		}
		if lo < 0 {
			lo = i
		}
		hi = i + 1
	}
	if lo < 0 {
		return Node{}, bare
	}
	return Node{pairs: n.pairs[lo:hi], prefix: n.prefix + len(name) + 1}, true
}

// item is one element of a list, or entry of a map: the node below its number, or the value that
// the number itself names.
type item struct {
	number int
	node   Node
	value  string
	scalar bool
}

// items returns the elements "1", "2", … in order of their numbers; gaps are closed. Parameters
// whose name does not begin with a number are ignored.
func (n Node) items() []item {
	var items []item
	for i := 0; i < len(n.pairs); {
		rest := n.pairs[i].key[n.prefix:]
		head, _, nested := strings.Cut(rest, ".")
		number, err := strconv.Atoi(head)
		if err != nil || number < 0 || head[0] == '+' {
			i++
			continue
		}
		if !nested {
			items = append(items, item{number: number, value: n.pairs[i].value, scalar: true})
			i++
			continue
		}
		j := i + 1
		width := n.prefix + len(head) + 1
		for j < len(n.pairs) && len(n.pairs[j].key) >= width && n.pairs[j].key[:width] == n.pairs[i].key[:width] {
			j++
		}
		items = append(items, item{number: number, node: Node{pairs: n.pairs[i:j], prefix: width}})
		i = j
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.number - b.number })
	return items
}

// The functions below are called by generated code: Q for query, then Req (a missing member is a
// violation) or Opt, then the kind. path is the member's name in violations.

// QReqString reads a required string.
func QReqString[S ~string](n Node, p *Problems, name, path string, rule *StringRule, to *S) {
	value, ok := n.find(name)
	if !ok {
		p.missing(path)
		return
	}
	rule.check(p, path, value)
	*to = S(value)
}

// QOptString reads an optional string.
func QOptString[S ~string](n Node, p *Problems, name, path string, rule *StringRule, to **S) {
	if value, ok := n.find(name); ok {
		rule.check(p, path, value)
		v := S(value)
		*to = &v
	}
}

func queryInt(n Node, p *Problems, name, path string, rule *IntRule) (int, bool) {
	text, ok := n.find(name)
	if !ok {
		return 0, false
	}
	value, err := strconv.ParseInt(text, 10, rule.bits())
	if err != nil {
		p.malformed("Invalid value for %s: not an integer", path)
		return 0, false
	}
	rule.check(p, path, int(value))
	return int(value), true
}

// QReqInt reads a required integer.
func QReqInt(n Node, p *Problems, name, path string, rule *IntRule, to *int) {
	if _, ok := n.find(name); !ok {
		p.missing(path)
		return
	}
	*to, _ = queryInt(n, p, name, path, rule)
}

// QOptInt reads an optional integer.
func QOptInt(n Node, p *Problems, name, path string, rule *IntRule, to **int) {
	if value, ok := queryInt(n, p, name, path, rule); ok {
		*to = &value
	}
}

func queryBool(n Node, p *Problems, name, path string) (value, ok bool) {
	text, ok := n.find(name)
	if !ok {
		return false, false
	}
	switch {
	case strings.EqualFold(text, "true"):
		return true, true
	case strings.EqualFold(text, "false"):
		return false, true
	default:
		p.malformed("Invalid value for %s: not a boolean", path)
		return false, false
	}
}

// QReqBool reads a required boolean.
func QReqBool(n Node, p *Problems, name, path string, to *bool) {
	if _, ok := n.find(name); !ok {
		p.missing(path)
		return
	}
	*to, _ = queryBool(n, p, name, path)
}

// QOptBool reads an optional boolean.
func QOptBool(n Node, p *Problems, name, path string, to **bool) {
	if value, ok := queryBool(n, p, name, path); ok {
		*to = &value
	}
}

func queryTime(n Node, p *Problems, name string) (time.Time, bool) {
	text, ok := n.find(name)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		p.malformed("timestamp must follow ISO8601")
		return time.Time{}, false
	}
	return t, true
}

// QReqTime reads a required ISO 8601 timestamp.
func QReqTime(n Node, p *Problems, name, path string, to *time.Time) {
	if _, ok := n.find(name); !ok {
		p.missing(path)
		return
	}
	*to, _ = queryTime(n, p, name)
}

// QOptTime reads an optional ISO 8601 timestamp.
func QOptTime(n Node, p *Problems, name, _ string, to **time.Time) {
	if value, ok := queryTime(n, p, name); ok {
		*to = &value
	}
}

// QBlob reads base64.
func QBlob(n Node, p *Problems, name, path string, required bool, to *[]byte) {
	text, ok := n.find(name)
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	value, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		p.malformed("Invalid value for %s: not base64", path)
		return
	}
	*to = value
}

// QStruct reads a structure; decode reads its members.
func QStruct[T any](n Node, p *Problems, name, path string, required bool, to **T, decode func(Node, *Problems, *T)) {
	child, ok := n.child(name)
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	*to = new(T)
	p.push(path)
	decode(child, p, *to)
	p.pop()
}

// list returns the elements of the list named name, whose elements are named element ("" for
// flattened lists), and whether it was sent at all.
func (n Node) list(name, element string) ([]item, bool) {
	child, ok := n.child(name)
	if !ok {
		return nil, false
	}
	if element != "" {
		child, _ = child.child(element)
	}
	return child.items(), true
}

// QStrings reads a list of strings.
func QStrings[S ~string](n Node, p *Problems, name, element, path string, required bool, size *SizeRule, rule *StringRule, to *[]S) {
	items, ok := n.list(name, element)
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	list := make([]S, 0, len(items))
	for i := range items {
		if items[i].scalar {
			list = append(list, S(items[i].value))
		}
	}
	checkStrings(p, path, size, rule, list)
	*to = list
}

// QStructs reads a list of structures.
func QStructs[T any](n Node, p *Problems, name, element, path string, required bool, size *SizeRule, to *[]T, decode func(Node, *Problems, *T)) {
	items, ok := n.list(name, element)
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	list := make([]T, len(items))
	if !size.allows(len(list)) {
		size.check(p, path, len(list))
	}
	for i := range items {
		p.pushIndex(path, i+1)
		decode(items[i].node, p, &list[i])
		p.pop()
	}
	*to = list
}

// QStringMap reads a map of strings to strings; key and value name the members of its entries.
func QStringMap[K, V ~string](n Node, p *Problems, name, key, value, path string, required bool, size *SizeRule, to *map[K]V) {
	items, ok := n.list(name, "entry")
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	size.check(p, path, len(items))
	m := make(map[K]V, len(items))
	for _, it := range items {
		k, ok := it.node.find(key)
		if !ok {
			p.missing(path + "." + strconv.Itoa(it.number) + ".key")
			continue
		}
		v, _ := it.node.find(value)
		m[K(k)] = V(v)
	}
	*to = m
}

func queryEndpoint[In, Out any](op Operation[In, Out], h func(context.Context, *Call, *In) (*Out, error)) func(context.Context, *Call, *Match, *answer) error {
	return func(ctx context.Context, c *Call, m *Match, a *answer) error {
		in := new(In)
		p := &a.problems
		op.DecodeQuery(m.form.root(), p, in)
		if err := p.Err(); err != nil {
			return err
		}
		recordInput(c, op.Audit, in)
		out, err := h(ctx, c, in)
		if err != nil {
			return err
		}
		if out == nil {
			out = new(Out)
		}
		a.status = op.Status
		e := &a.xml
		e.startResponse(a.model.Namespace, op.Name, op.ResultWrapper)
		op.EncodeXML(e, out)
		e.endResponse(op.Name, op.ResultWrapper, c.RequestID)
		return nil
	}
}
