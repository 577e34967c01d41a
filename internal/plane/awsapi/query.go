package awsapi

import (
	"context"
	"encoding/base64"
	"reflect"
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

// initials is the set of the names' first letters, by their low six bits: most members of an input are
// not sent, and this spares looking for them.
func (n Node) initials() (set uint64) {
	for i := range n.pairs {
		if key := n.pairs[i].key; len(key) > n.prefix {
			set |= 1 << (key[n.prefix] & 63)
		}
	}
	return set
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

// list returns the elements of the list named name, and whether it was sent at all.
func (n Node) list(name string) ([]item, bool) {
	child, ok := n.child(name)
	if !ok {
		return nil, false
	}
	child, _ = child.child("member")
	return child.items(), true
}

// decodeQuery reads the members of a structure into v, and collects what is wrong with them.
func (pl *plan) decodeQuery(n Node, p *Problems, v reflect.Value) {
	initials := n.initials()
	for i := range pl.fields {
		f := &pl.fields[i]
		if initials>>(f.name[0]&63)&1 == 0 {
			if f.required {
				p.missing(f.path)
			}
			continue
		}
		var sent bool
		switch f.kind { //nolint:exhaustive // no input has a map, and the generator refuses one
		case kindStruct:
			sent = f.queryStruct(n, p, v)
		case kindStrings:
			sent = f.queryStrings(n, p, v)
		case kindStructs:
			sent = f.queryStructs(n, p, v)
		default:
			var text string
			if text, sent = n.find(f.name); sent {
				f.queryScalar(text, p, v.Field(f.index))
			}
		}
		if !sent && f.required {
			p.missing(f.path)
		}
	}
}

func (f *field) queryScalar(text string, p *Problems, v reflect.Value) {
	switch f.kind { //nolint:exhaustive // the others are no scalars
	case kindString:
		f.shape.checkString(p, f.path, text)
		f.slot(v).SetString(text)
	case kindInt:
		n, err := strconv.ParseInt(text, 10, f.shape.bits())
		if err != nil {
			p.malformed("Invalid value for %s: not an integer", f.path)
			return
		}
		f.shape.checkInt(p, f.path, int(n))
		f.slot(v).SetInt(n)
	case kindBool:
		yes := strings.EqualFold(text, "true")
		if !yes && !strings.EqualFold(text, "false") {
			p.malformed("Invalid value for %s: not a boolean", f.path)
			return
		}
		f.slot(v).SetBool(yes)
	case kindTime:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			p.malformed("timestamp must follow ISO8601")
			return
		}
		f.setTime(v, t)
	case kindBlob:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			p.malformed("Invalid value for %s: not base64", f.path)
			return
		}
		v.SetBytes(b)
	}
}

func (f *field) queryStruct(n Node, p *Problems, owner reflect.Value) bool {
	child, ok := n.child(f.name)
	if !ok {
		return false
	}
	p.push(f.path)
	f.of.decodeQuery(child, p, f.slot(owner.Field(f.index)))
	p.pop()
	return true
}

func (f *field) queryStrings(n Node, p *Problems, owner reflect.Value) bool {
	items, ok := n.list(f.name)
	if !ok {
		return false
	}
	list := make([]string, 0, len(items))
	for i := range items {
		if items[i].scalar {
			list = append(list, items[i].value)
		}
	}
	f.each.checkStrings(p, f.path, f.shape, list)
	f.setStrings(owner.Field(f.index), list)
	return true
}

func (f *field) queryStructs(n Node, p *Problems, owner reflect.Value) bool {
	items, ok := n.list(f.name)
	if !ok {
		return false
	}
	f.shape.checkSize(p, f.path, len(items))
	v := owner.Field(f.index)
	f.grow(v, len(items))
	for i := range items {
		p.pushIndex(f.path, i+1)
		f.of.decodeQuery(items[i].node, p, v.Index(i))
		p.pop()
	}
	return true
}

func queryEndpoint[In, Out any](pl *planner, op Operation[In, Out], h func(context.Context, *Call, *In) (*Out, error)) func(context.Context, *Call, *Match, *answer) error {
	input, output := pl.of(reflect.TypeFor[In]()), pl.of(reflect.TypeFor[Out]())
	return func(ctx context.Context, c *Call, m *Match, a *answer) error {
		in := new(In)
		v := reflect.ValueOf(in).Elem()
		p := &a.problems
		p.quiet = a.model.Quiet
		input.decodeQuery(m.form.root(), p, v)
		if err := p.Err(); err != nil {
			return err
		}
		c.recordInput(input, v)
		c.output = output
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
		output.encodeXML(e, reflect.ValueOf(out).Elem())
		e.endResponse(op.Name, op.ResultWrapper, c.RequestID)
		return nil
	}
}
