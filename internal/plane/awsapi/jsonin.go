package awsapi

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"
)

// JSONNode is one object of a JSON request. Members that are null count as absent.
type JSONNode struct{ members map[string]any }

// as returns v as T; one of another type is a malformed request.
func as[T any](v any, p *Problems, kind string) (value T, ok bool) {
	value, ok = v.(T)
	if !ok {
		p.malformed("%s can not be converted to %s", describe(v), kind)
	}
	return value, ok
}

// decodeJSON reads the members of a structure into v, and collects what is wrong with them. b is nil
// for structures that are not an input of their own.
func (pl *plan) decodeJSON(n JSONNode, b *Bindings, p *Problems, v reflect.Value) {
	for i := range pl.fields {
		f := &pl.fields[i]
		target := v.Field(f.index)
		var sent bool
		switch {
		case f.payload:
			f.of.decodeJSON(n, nil, p, f.slot(target))
			continue
		case f.place != "":
			sent = f.decodeBound(b, p, target)
		default:
			if value := n.members[f.name]; value != nil {
				sent = true
				f.decodeValue(value, p, target)
			}
		}
		if !sent && f.required {
			p.missing(f.path)
		}
	}
}

func (f *field) decodeValue(value any, p *Problems, v reflect.Value) {
	switch f.kind { //nolint:exhaustive // no input has a map, and the generator refuses one
	case kindString:
		if s, ok := as[string](value, p, "String"); ok {
			f.shape.checkString(p, f.path, s)
			f.slot(v).SetString(s)
		}
	case kindInt:
		if number, ok := as[json.Number](value, p, "Integer"); ok {
			f.decodeInt(number.String(), "NUMBER_VALUE", p, v)
		}
	case kindBool:
		if yes, ok := as[bool](value, p, "Boolean"); ok {
			f.slot(v).SetBool(yes)
		}
	case kindTime:
		if t, ok := jsonTime(value, p); ok {
			f.setTime(v, t)
		}
	case kindBlob:
		if text, ok := as[string](value, p, "Blob"); ok {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				p.malformed("STRING_VALUE can not be converted to Blob")
				return
			}
			v.SetBytes(b)
		}
	case kindStruct:
		if members, ok := as[map[string]any](value, p, "Structure"); ok {
			p.push(f.path)
			f.of.decodeJSON(JSONNode{members}, nil, p, f.slot(v))
			p.pop()
		}
	case kindStrings, kindStructs:
		if list, ok := as[[]any](value, p, "List"); ok {
			f.decodeList(list, p, v)
		}
	}
}

func (f *field) decodeInt(text, from string, p *Problems, v reflect.Value) {
	n, err := strconv.ParseInt(text, 10, f.shape.bits())
	if err != nil {
		p.malformed("%s can not be converted to Integer", from)
		return
	}
	f.shape.checkInt(p, f.path, int(n))
	f.slot(v).SetInt(n)
}

// jsonTime reads seconds since 1970, or ISO 8601.
func jsonTime(v any, p *Problems) (time.Time, bool) {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && math.Abs(f) < 1e12 {
			return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), true
		}
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t, true
		}
	}
	p.malformed("%s can not be converted to a Timestamp", describe(v))
	return time.Time{}, false
}

func (f *field) decodeList(values []any, p *Problems, v reflect.Value) {
	if f.kind == kindStrings {
		list := make([]string, len(values))
		for i, value := range values {
			var ok bool
			if list[i], ok = as[string](value, p, "String"); !ok {
				return
			}
		}
		f.each.checkStrings(p, f.path, f.shape, list)
		f.setStrings(v, list)
		return
	}
	f.shape.checkSize(p, f.path, len(values))
	f.grow(v, len(values))
	for i, value := range values {
		members, ok := as[map[string]any](value, p, "Structure")
		if !ok {
			return
		}
		p.pushIndex(f.path, i+1)
		f.of.decodeJSON(JSONNode{members}, nil, p, v.Index(i))
		p.pop()
	}
}

// decodeBound reads a member from path, query string or header, and reports whether it is there. One
// that occurs twice is malformed, for two readers of the request could see different values.
func (f *field) decodeBound(b *Bindings, p *Problems, v reflect.Value) bool {
	values, ok := b.get(f.place, f.name)
	if !ok {
		return false
	}
	if f.kind == kindStrings {
		f.each.checkStrings(p, f.path, f.shape, values)
		f.setStrings(v, values)
		return true
	}
	if len(values) == 0 {
		return false
	}
	if len(values) > 1 {
		p.malformed("The parameter %s occurs more than once", quoteName(f.name))
	}
	switch f.kind { //nolint:exhaustive // what else there is cannot be bound, and the generator refuses it
	case kindString:
		f.shape.checkString(p, f.path, values[0])
		f.slot(v).SetString(values[0])
	case kindInt:
		f.decodeInt(values[0], "STRING_VALUE", p, v)
	case kindBool:
		yes, err := strconv.ParseBool(values[0])
		if err != nil {
			p.malformed("STRING_VALUE can not be converted to Boolean")
			return true
		}
		f.slot(v).SetBool(yes)
	}
	return true
}
