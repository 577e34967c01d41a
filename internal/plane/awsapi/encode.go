package awsapi

import (
	"net/http"
	"reflect"
	"slices"
)

// encodeXML writes the members of a structure.
func (pl *plan) encodeXML(e *XMLEncoder, owner reflect.Value) {
	for i := range pl.fields {
		f := &pl.fields[i]
		v := owner.Field(f.index)
		if f.optional || f.kind >= kindBlob {
			if v.IsNil() {
				if f.required && (f.kind == kindStrings || f.kind == kindStructs) {
					e.Empty(f.name)
				}
				continue
			}
			if f.optional {
				v = v.Elem()
			}
		}
		if f.omitEmpty && v.Len() == 0 {
			continue
		}
		f.writeXML(e, v)
	}
}

func (f *field) writeXML(e *XMLEncoder, v reflect.Value) {
	switch f.kind {
	case kindString:
		e.String(f.name, v.String())
	case kindInt:
		e.Int(f.name, int(v.Int()))
	case kindBool:
		e.Bool(f.name, v.Bool())
	case kindTime:
		e.Time(f.name, timeOf(v))
	case kindBlob:
		e.Blob(f.name, v.Bytes())
	case kindStruct:
		e.Open(f.name)
		f.of.encodeXML(e, v)
		e.Close(f.name)
	case kindStrings, kindStructs:
		n := v.Len()
		if n == 0 && f.required {
			e.Empty(f.name)
			return
		}
		e.Open(f.name)
		for i := range n {
			if f.kind == kindStrings {
				e.String("member", v.Index(i).String())
				continue
			}
			e.Open("member")
			f.of.encodeXML(e, v.Index(i))
			e.Close("member")
		}
		e.Close(f.name)
	case kindMap:
		e.Open(f.name)
		for _, k := range sortedKeys(v) {
			e.Open("entry")
			e.String("key", k.String())
			if value := v.MapIndex(k); value.Kind() == reflect.Int {
				e.Int("value", int(value.Int()))
			} else {
				e.String("value", value.String())
			}
			e.Close("entry")
		}
		e.Close(f.name)
	}
}

// sortedKeys are those of a map with texts as keys, in order, so that answers do not vary.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return keys
}

// encodeJSON writes the members of a structure; h gets those that are headers, and is nil for
// structures that are not an output of their own.
func (pl *plan) encodeJSON(e *JSONEncoder, h http.Header, owner reflect.Value) {
	for i := range pl.fields {
		f := &pl.fields[i]
		v, ok := f.present(owner)
		switch {
		case !ok:
		case f.place != "":
			h.Set(f.name, v.String())
		case f.payload:
			f.of.encodeJSON(e, nil, v)
		default:
			e.Name(f.name)
			f.writeJSON(e, v, false)
		}
	}
}

// audit returns a structure as the JSON object of an audit record, sensitive members hidden.
func (pl *plan) audit(v reflect.Value) []byte {
	e := JSONEncoder{buf: make([]byte, 0, 256)}
	e.OpenObject()
	pl.encodeAudit(&e, v)
	e.CloseObject()
	return e.buf
}

func (pl *plan) encodeAudit(e *JSONEncoder, owner reflect.Value) {
	for i := range pl.fields {
		f := &pl.fields[i]
		v, ok := f.present(owner)
		if !ok {
			continue
		}
		e.Name(f.path)
		if f.hidden {
			e.Hidden()
			continue
		}
		f.writeJSON(e, v, true)
	}
}

// present returns the member's value, and whether there is one.
func (f *field) present(owner reflect.Value) (reflect.Value, bool) {
	v := owner.Field(f.index)
	if (f.optional || f.kind >= kindBlob) && v.IsNil() {
		return v, false
	}
	if f.optional {
		v = v.Elem()
	}
	return v, true
}

// writeJSON writes a value, as audit records have it or as answers do.
func (f *field) writeJSON(e *JSONEncoder, v reflect.Value, audit bool) {
	switch f.kind {
	case kindString:
		e.String(v.String())
	case kindInt:
		e.Int(int(v.Int()))
	case kindBool:
		e.Bool(v.Bool())
	case kindTime:
		if audit || f.iso8601 {
			e.Time(timeOf(v))
		} else {
			e.Epoch(timeOf(v))
		}
	case kindBlob:
		e.Blob(v.Bytes())
	case kindStruct:
		f.writeObject(e, v, audit)
	case kindStrings, kindStructs:
		e.OpenArray()
		for i := range v.Len() {
			if f.kind == kindStrings {
				e.String(v.Index(i).String())
			} else {
				f.writeObject(e, v.Index(i), audit)
			}
		}
		e.CloseArray()
	case kindMap:
		e.OpenObject()
		for _, k := range sortedKeys(v) {
			e.Name(k.String())
			if value := v.MapIndex(k); value.Kind() == reflect.Int {
				e.Int(int(value.Int()))
			} else {
				e.String(value.String())
			}
		}
		e.CloseObject()
	}
}

func (f *field) writeObject(e *JSONEncoder, v reflect.Value, audit bool) {
	e.OpenObject()
	if audit {
		f.of.encodeAudit(e, v)
	} else {
		f.of.encodeJSON(e, nil, v)
	}
	e.CloseObject()
}
