package awsapi

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// JSONNode is one object of a JSON request. Members that are null count as absent.
type JSONNode struct{ members map[string]any }

// jsonValue returns a member as T; one of another type is a malformed request.
func jsonValue[T any](n JSONNode, p *Problems, name, kind string) (value T, ok bool) {
	v, ok := n.members[name]
	if !ok || v == nil {
		return value, false
	}
	value, ok = v.(T)
	if !ok {
		p.malformed("%s can not be converted to %s", describe(v), kind)
	}
	return value, ok
}

// The functions below are called by generated code: J for JSON bodies, then Req or Opt, then the
// kind; B for members that are bound to path, query string or headers.

// JReqString reads a required string.
func JReqString[S ~string](n JSONNode, p *Problems, name, path string, rule *StringRule, to *S) {
	value, ok := jsonValue[string](n, p, name, "String")
	if !ok {
		p.missing(path)
		return
	}
	rule.check(p, path, value)
	*to = S(value)
}

// JOptString reads an optional string.
func JOptString[S ~string](n JSONNode, p *Problems, name, path string, rule *StringRule, to **S) {
	if value, ok := jsonValue[string](n, p, name, "String"); ok {
		rule.check(p, path, value)
		v := S(value)
		*to = &v
	}
}

func jsonInt(n JSONNode, p *Problems, name, path string, rule *IntRule) (int, bool) {
	number, ok := jsonValue[json.Number](n, p, name, "Integer")
	if !ok {
		return 0, false
	}
	value, err := strconv.ParseInt(number.String(), 10, rule.bits())
	if err != nil {
		p.malformed("NUMBER_VALUE can not be converted to Integer")
		return 0, false
	}
	rule.check(p, path, int(value))
	return int(value), true
}

// JReqInt reads a required integer.
func JReqInt(n JSONNode, p *Problems, name, path string, rule *IntRule, to *int) {
	value, ok := jsonInt(n, p, name, path, rule)
	if !ok {
		p.missing(path)
		return
	}
	*to = value
}

// JOptInt reads an optional integer.
func JOptInt(n JSONNode, p *Problems, name, path string, rule *IntRule, to **int) {
	if value, ok := jsonInt(n, p, name, path, rule); ok {
		*to = &value
	}
}

// JReqBool reads a required boolean.
func JReqBool(n JSONNode, p *Problems, name, path string, to *bool) {
	value, ok := jsonValue[bool](n, p, name, "Boolean")
	if !ok {
		p.missing(path)
		return
	}
	*to = value
}

// JOptBool reads an optional boolean.
func JOptBool(n JSONNode, p *Problems, name, _ string, to **bool) {
	if value, ok := jsonValue[bool](n, p, name, "Boolean"); ok {
		*to = &value
	}
}

// jsonTime reads seconds since 1970, or ISO 8601.
func jsonTime(n JSONNode, p *Problems, name string) (time.Time, bool) {
	v, ok := n.members[name]
	if !ok || v == nil {
		return time.Time{}, false
	}
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

// JReqTime reads a required timestamp.
func JReqTime(n JSONNode, p *Problems, name, path string, to *time.Time) {
	value, ok := jsonTime(n, p, name)
	if !ok {
		p.missing(path)
		return
	}
	*to = value
}

// JOptTime reads an optional timestamp.
func JOptTime(n JSONNode, p *Problems, name, _ string, to **time.Time) {
	if value, ok := jsonTime(n, p, name); ok {
		*to = &value
	}
}

// JBlob reads base64.
func JBlob(n JSONNode, p *Problems, name, path string, required bool, to *[]byte) {
	text, ok := jsonValue[string](n, p, name, "Blob")
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	value, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		p.malformed("STRING_VALUE can not be converted to Blob")
		return
	}
	*to = value
}

// JStruct reads a structure; decode reads its members.
func JStruct[T any](n JSONNode, p *Problems, name, path string, required bool, to **T, decode func(JSONNode, *Problems, *T)) {
	members, ok := jsonValue[map[string]any](n, p, name, "Structure")
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	*to = new(T)
	p.push(path)
	decode(JSONNode{members}, p, *to)
	p.pop()
}

// JStrings reads a list of strings.
func JStrings[S ~string](n JSONNode, p *Problems, name, path string, required bool, size *SizeRule, rule *StringRule, to *[]S) {
	values, ok := jsonValue[[]any](n, p, name, "List")
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	list := make([]S, 0, len(values))
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			p.malformed("%s can not be converted to String", describe(v))
			return
		}
		list = append(list, S(s))
	}
	checkStrings(p, path, size, rule, list)
	*to = list
}

// JStructs reads a list of structures.
func JStructs[T any](n JSONNode, p *Problems, name, path string, required bool, size *SizeRule, to *[]T, decode func(JSONNode, *Problems, *T)) {
	values, ok := jsonValue[[]any](n, p, name, "List")
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	size.check(p, path, len(values))
	list := make([]T, len(values))
	for i, v := range values {
		members, ok := v.(map[string]any)
		if !ok {
			p.malformed("%s can not be converted to Structure", describe(v))
			return
		}
		p.pushIndex(path, i+1)
		decode(JSONNode{members}, p, &list[i])
		p.pop()
	}
	*to = list
}

// JStringMap reads a map of strings to strings.
func JStringMap[K, V ~string](n JSONNode, p *Problems, name, path string, required bool, size *SizeRule, to *map[K]V) {
	values, ok := jsonValue[map[string]any](n, p, name, "Map")
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	size.check(p, path, len(values))
	m := make(map[K]V, len(values))
	for k, v := range values {
		s, ok := v.(string)
		if !ok {
			p.malformed("%s can not be converted to String", describe(v))
			return
		}
		m[K(k)] = V(s)
	}
	*to = m
}

// bound returns the single value of a bound member; a repeated one is malformed, for two readers of
// the request could see different values.
func bound(b *Bindings, location, name string, p *Problems) (string, bool) {
	values, ok := b.get(location, name)
	if !ok || len(values) == 0 {
		return "", false
	}
	if len(values) > 1 {
		p.malformed("The parameter %s occurs more than once", quoteName(name))
	}
	return values[0], true
}

// BReqString reads a required bound string.
func BReqString[S ~string](b *Bindings, location string, p *Problems, name, path string, rule *StringRule, to *S) {
	value, ok := bound(b, location, name, p)
	if !ok {
		p.missing(path)
		return
	}
	rule.check(p, path, value)
	*to = S(value)
}

// BOptString reads an optional bound string.
func BOptString[S ~string](b *Bindings, location string, p *Problems, name, path string, rule *StringRule, to **S) {
	if value, ok := bound(b, location, name, p); ok {
		rule.check(p, path, value)
		v := S(value)
		*to = &v
	}
}

func boundInt(b *Bindings, location string, p *Problems, name, path string, rule *IntRule) (int, bool) {
	text, ok := bound(b, location, name, p)
	if !ok {
		return 0, false
	}
	value, err := strconv.ParseInt(text, 10, rule.bits())
	if err != nil {
		p.malformed("STRING_VALUE can not be converted to Integer")
		return 0, false
	}
	rule.check(p, path, int(value))
	return int(value), true
}

// BReqInt reads a required bound integer.
func BReqInt(b *Bindings, location string, p *Problems, name, path string, rule *IntRule, to *int) {
	value, ok := boundInt(b, location, p, name, path, rule)
	if !ok {
		p.missing(path)
		return
	}
	*to = value
}

// BOptInt reads an optional bound integer.
func BOptInt(b *Bindings, location string, p *Problems, name, path string, rule *IntRule, to **int) {
	if value, ok := boundInt(b, location, p, name, path, rule); ok {
		*to = &value
	}
}

// BOptBool reads an optional bound boolean.
func BOptBool(b *Bindings, location string, p *Problems, name, _ string, to **bool) {
	if text, ok := bound(b, location, name, p); ok {
		value, err := strconv.ParseBool(text)
		if err != nil {
			p.malformed("STRING_VALUE can not be converted to Boolean")
			return
		}
		*to = &value
	}
}

// BStrings reads a list from repeated query parameters.
func BStrings[S ~string](b *Bindings, location string, p *Problems, name, path string, required bool, size *SizeRule, rule *StringRule, to *[]S) {
	values, ok := b.get(location, name)
	if !ok {
		if required {
			p.missing(path)
		}
		return
	}
	list := make([]S, len(values))
	for i, v := range values {
		list[i] = S(v)
	}
	checkStrings(p, path, size, rule, list)
	*to = list
}
