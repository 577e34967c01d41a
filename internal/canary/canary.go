// Package canary is the test kit that proves that secrets stay in their [rolecall.Secret]: it fills
// values with one, prints them in every way that a careless line of code might, and looks for it.
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"unsafe"

	"github.com/rolecall-dev/rolecall"
)

// Text is the secret that [Fill] plants.
const Text = "canary-d41d8cd98f00b204"

// Leaks renders v, alone and within pointers, slices, maps and other structs, under every fmt verb,
// as JSON and through both of slog's handlers. It returns the name of each rendering that shows
// secret: as text, hexadecimal, base64 or byte values.
func Leaks(secret string, v any) []string {
	var leaks []string
	look := func(name, rendering string) {
		for _, form := range forms(secret) {
			if strings.Contains(rendering, form) {
				leaks = append(leaks, name)
				return
			}
		}
	}
	for shape, value := range shapes(v) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%T", "%o", "%b", "%U", "%t", "%c", "%e", "%g", "%10v", "%-10s", "%+q", "%#q", "%w"} {
			look(shape+" "+verb, fmt.Sprintf(verb, value))
		}
		look(shape+" print", fmt.Sprint(value)+fmt.Sprintln(value))
		look(shape+" error", fmt.Errorf("wrapped: %v", value).Error())
		if encoded, err := json.Marshal(value); err == nil {
			look(shape+" json", string(encoded))
		} else {
			look(shape+" json error", err.Error())
		}
		for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
			"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(handler(&b)).With("with", value).WithGroup("group").Info("message", "value", value, slog.Group("inner", "value", value))
			look(shape+" "+name, b.String())
		}
	}
	return leaks
}

func forms(secret string) []string {
	bytes := []byte(secret)
	list := strings.Trim(fmt.Sprint(bytes), "[]")
	return []string{
		secret, hex.EncodeToString(bytes), strings.ToUpper(hex.EncodeToString(bytes)), fmt.Sprintf("% x", bytes),
		base64.StdEncoding.EncodeToString(bytes), base64.RawURLEncoding.EncodeToString(bytes), list, strings.ReplaceAll(list, " ", ","),
	}
}

func shapes(v any) map[string]any {
	pointer := reflect.New(reflect.TypeOf(v))
	pointer.Elem().Set(reflect.ValueOf(v))
	slice := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(v)), 1, 1)
	slice.Index(0).Set(reflect.ValueOf(v))
	return map[string]any{
		"value":           v,
		"pointer":         pointer.Interface(),
		"slice":           slice.Interface(),
		"any slice":       []any{v, pointer.Interface()},
		"map":             map[string]any{"k": v},
		"exported field":  struct{ V any }{v},
		"hidden field":    struct{ v any }{v},
		"hidden pointer":  struct{ v any }{pointer.Interface()},
		"nested":          struct{ a struct{ b []any } }{struct{ b []any }{[]any{v}}},
		"slog.Value any":  slog.AnyValue(v),
		"array of struct": [1]struct{ v any }{{v}},
	}
}

// Fill returns a value of type t in which every [rolecall.Secret] that can be reached,
// through unexported fields too, holds [Text], and how many there are.
func Fill(t reflect.Type) (filled any, secrets int) {
	v := reflect.New(t).Elem()
	secrets = fill(v, 0)
	return v.Interface(), secrets
}

const module = "github.com/rolecall-dev/rolecall"

func fill(v reflect.Value, depth int) int {
	if depth > 14 { // recursive types have no end
		return 0
	}
	if v.Type() == reflect.TypeFor[rolecall.Secret]() {
		v.Set(reflect.ValueOf(rolecall.NewSecret(Text)))
		return 1
	}
	switch v.Kind() {
	case reflect.Struct:
		if !strings.HasPrefix(v.Type().PkgPath(), module) && v.Type().Name() != "" {
			return 0
		}
		n := 0
		for i := range v.NumField() {
			field := v.Field(i)
			// Writes to unexported fields, which reflection alone does not allow.
			n += fill(reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem(), depth+1) //nolint:gosec // test kit
		}
		return n
	case reflect.Pointer:
		target := reflect.New(v.Type().Elem())
		n := fill(target.Elem(), depth+1)
		if n > 0 {
			v.Set(target)
		}
		return n
	case reflect.Slice:
		one := reflect.MakeSlice(v.Type(), 1, 1)
		n := fill(one.Index(0), depth+1)
		if n > 0 {
			v.Set(one)
		}
		return n
	case reflect.Array:
		n := 0
		for i := range v.Len() {
			n += fill(v.Index(i), depth+1)
		}
		return n
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		n := fill(element, depth+1)
		if n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.Zero(v.Type().Key()), element)
		}
		return n
	default:
		return 0
	}
}
