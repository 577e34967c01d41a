package awsapi

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// plan is how the values of one structure travel. It is made from the structure's type and tags
// when an operation is bound, so that nothing is looked up while a request waits.
type plan struct{ fields []field }

type kind uint8

const (
	kindString kind = iota + 1
	kindInt
	kindBool
	kindTime
	kindBlob
	kindStruct // pointer to one
	kindStrings
	kindStructs
	kindMap // of strings to strings or integers, in outputs only
)

// field is the plan of one member.
type field struct {
	index int
	kind  kind
	// elem is the type that an optional scalar or structure points to, or that a list consists of.
	elem reflect.Type
	// of is the plan of the structure, or of those in the list.
	of *plan
	// name is the member's on the wire, path in violations and audit records.
	name, path string
	// optional scalars are pointers, so that absent ones differ from empty ones.
	optional, required       bool
	hidden, payload, iso8601 bool
	// omitEmpty leaves an empty string out of answers, though the model requires it.
	omitEmpty bool
	// place is where a REST service has the member outside of the body, "" for inside.
	place string
	// shape is the constraints, each that of a list's elements; nil if there are none.
	shape, each *Shape
}

// planner makes the plans of one service, each structure's once.
type planner struct {
	shapes map[string]*Shape
	done   map[reflect.Type]*plan
}

// of returns the plan of structure t. It panics on a type or tag that it does not understand: the
// generator made a mistake.
func (pl *planner) of(t reflect.Type) *plan {
	if p := pl.done[t]; p != nil {
		return p
	}
	p := &plan{fields: make([]field, t.NumField())}
	pl.done[t] = p
	for i := range p.fields {
		f := t.Field(i)
		p.fields[i] = pl.field(t, f)
		p.fields[i].index = i
	}
	return p
}

func (pl *planner) field(owner reflect.Type, sf reflect.StructField) field {
	f := field{name: sf.Name, path: strings.ToLower(sf.Name[:1]) + sf.Name[1:]}
	shape, options, _ := strings.Cut(sf.Tag.Get("aws"), ",")
	if shape != "" {
		f.shape = pl.shape(shape)
	}
	for option := range strings.SplitSeq(options, ",") {
		word, value, _ := strings.Cut(option, "=")
		switch word {
		case "":
		case "required":
			f.required = true
		case "name":
			f.name = value
		case "in":
			f.place = value
		case "payload":
			f.payload = true
		case "iso8601":
			f.iso8601 = true
		case "hidden":
			f.hidden = true
		case "omitempty":
			f.omitEmpty = true
		default:
			panic(fmt.Sprintf("field %s of %s has the tag option %s", sf.Name, owner, word))
		}
	}
	if !pl.typed(&f, sf.Type) {
		panic(fmt.Sprintf("field %s of %s is of type %s", sf.Name, owner, sf.Type))
	}
	if f.shape != nil && f.shape.Of != "" {
		f.each = pl.shape(f.shape.Of)
	}
	return f
}

func (pl *planner) shape(name string) *Shape {
	s := pl.shapes[name]
	if s == nil {
		panic("a tag names the shape " + name)
	}
	return s
}

// typed fills in what follows from the type, and reports whether it can be handled.
func (pl *planner) typed(f *field, t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice:
		f.elem = t.Elem()
		switch f.elem.Kind() {
		case reflect.Uint8:
			f.kind = kindBlob
		case reflect.String:
			f.kind = kindStrings
		case reflect.Struct:
			f.kind, f.of = kindStructs, pl.of(f.elem)
		default:
			return false
		}
		return true
	case reflect.Map:
		f.kind = kindMap
		value := t.Elem().Kind()
		return t.Key().Kind() == reflect.String && (value == reflect.String || value == reflect.Int)
	case reflect.Pointer:
		f.optional, f.elem, t = true, t.Elem(), t.Elem()
	default:
		f.required = true
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		f.kind = kindTime
	case t.Kind() == reflect.String:
		f.kind = kindString
	case t.Kind() == reflect.Int:
		f.kind = kindInt
	case t.Kind() == reflect.Bool:
		f.kind = kindBool
	case t.Kind() == reflect.Struct && f.optional:
		f.kind, f.of = kindStruct, pl.of(t)
	default:
		return false
	}
	return true
}

// slot returns the value to set for a member: v itself, or what it is made to point to.
func (f *field) slot(v reflect.Value) reflect.Value {
	if !f.optional {
		return v
	}
	p := reflect.New(f.elem)
	v.Set(p)
	return p.Elem()
}

func (f *field) setTime(v reflect.Value, t time.Time) {
	*f.slot(v).Addr().Interface().(*time.Time) = t
}

func (f *field) setStrings(v reflect.Value, list []string) {
	if to, ok := v.Addr().Interface().(*[]string); ok {
		*to = list
		return
	}
	to := reflect.MakeSlice(v.Type(), len(list), len(list))
	for i, s := range list {
		to.Index(i).SetString(s)
	}
	v.Set(to)
}

// grow makes v a list of n zero structures.
func (f *field) grow(v reflect.Value, n int) {
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return
	}
	v.Grow(n)
	v.SetLen(n)
}

func timeOf(v reflect.Value) time.Time { return *v.Addr().Interface().(*time.Time) }
