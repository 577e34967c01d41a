package yamlx

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Decode puts a node into what into points to; see [Unmarshal]. All that fits is decoded, all that
// does not is told.
func (n *Node) Decode(into any) []Problem {
	var d decoder
	d.value(n, reflect.ValueOf(into).Elem())
	return d.problems
}

type decoder struct{ problems []Problem }

func (d *decoder) want(what string, n *Node) {
	d.problems = append(d.problems, Problem{n.Line, fmt.Sprintf("want %s here, not %s", what, n.what())})
}

func (d *decoder) value(n *Node, v reflect.Value) {
	if node, is := v.Addr().Interface().(*Node); is {
		*node = *n
		return
	}
	if n.Kind == Null {
		return
	}
	if u, is := v.Addr().Interface().(Unmarshaler); is {
		var problem *Problem
		switch err := u.UnmarshalYAML(n); {
		case errors.As(err, &problem):
			d.problems = append(d.problems, *problem)
		case err != nil:
			d.problems = append(d.problems, Problem{n.Line, err.Error()})
		}
		return
	}
	switch v.Kind() { //nolint:exhaustive // the default is for all others
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.slice(n, v)
	case reflect.String:
		if n.Kind != Scalar {
			d.want("text", n)
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		truth, ok := n.truth()
		if !ok {
			d.want("true or false", n)
			return
		}
		v.SetBool(truth)
	case reflect.Int:
		i, err := strconv.ParseInt(n.number(), 0, v.Type().Bits())
		if err != nil {
			d.want("a whole number", n)
			return
		}
		v.SetInt(i)
	case reflect.Uint32:
		u, err := strconv.ParseUint(n.number(), 0, v.Type().Bits())
		if err != nil {
			d.want("a whole number from 0", n)
			return
		}
		v.SetUint(u)
	default:
		d.problems = append(d.problems, Problem{n.Line, "cannot decode into " + v.Type().String()})
	}
}

// structure fills the fields of a struct by their tags.
func (d *decoder) structure(n *Node, v reflect.Value) {
	if n.Kind != Mapping {
		d.want("a mapping with keys", n)
		return
	}
	fields := map[string]reflect.Value{}
	fieldsOf(v, fields)
	for _, p := range n.Pairs {
		field, known := fields[p.Key]
		if !known {
			d.problems = append(d.problems, Problem{p.Line, fmt.Sprintf("unknown key %q", short(p.Key))})
			continue
		}
		d.value(p.Value, field)
	}
}

func fieldsOf(v reflect.Value, into map[string]reflect.Value) {
	for i := range v.NumField() {
		name, inline := strings.CutSuffix(v.Type().Field(i).Tag.Get("yaml"), ",inline")
		switch {
		case inline:
			fieldsOf(v.Field(i), into)
		case name != "":
			into[name] = v.Field(i)
		}
	}
}

func (d *decoder) mapping(n *Node, v reflect.Value) {
	if n.Kind != Mapping {
		d.want("a mapping", n)
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.Pairs))
	for _, p := range n.Pairs {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(p.Value, element)
		m.SetMapIndex(reflect.ValueOf(p.Key), element)
	}
	v.Set(m)
}

func (d *decoder) slice(n *Node, v reflect.Value) {
	if n.Kind != Sequence {
		d.want("a list", n)
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.Items))
	for _, item := range n.Items {
		if item.Kind == Null {
			continue
		}
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(item, element)
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

// truth reads a boolean; yes and no are YAML 1.1's.
func (n *Node) truth() (value, ok bool) {
	if n.Kind != Scalar {
		return false, false
	}
	switch n.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

// number is the text of a number that strconv may read, "" for anything else.
func (n *Node) number() string {
	if n.Kind != Scalar || n.Type != Number {
		return ""
	}
	return n.Value
}
