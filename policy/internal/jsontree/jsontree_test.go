package jsontree_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/policy/internal/jsontree"
)

// plainValue turns a node into what encoding/json makes of the same text.
func plainValue(n *jsontree.Node) any {
	switch n.Kind {
	case jsontree.String:
		return n.Text
	case jsontree.Number:
		return json.Number(n.Text)
	case jsontree.Bool:
		return n.Text == "true"
	case jsontree.Null:
		return nil
	case jsontree.Array:
		out := make([]any, len(n.Items))
		for i := range n.Items {
			out[i] = plainValue(&n.Items[i])
		}
		return out
	case jsontree.Object:
		out := map[string]any{}
		for i := range n.Items {
			out[n.Items[i].Name] = plainValue(&n.Items[i])
		}
		return out
	}
	return nil
}

// FuzzJSON compares the reader with encoding/json: the same texts, the same values, but for what is refused on purpose.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-2.5e+3,0,0.1,1E9,true,false,null,"x\n\"\\\/\b\f\r\té\ud83d\ude00"],"b":{}}`, `[]`, `[1,]`, `{"a":1,}`, `01`, `-`, `1.`, `1e`, `"\x"`, `"\u12"`, `"\ud800"`,
		`"\ud800\u0041"`, "\"\x01\"", `{"a":1,"a":2}`, ` 1 `, `1 2`, `tru`, `{a:1}`, `{"a"1}`, `"`, `"\`, ``, `nullx`, `[[[[]]]]`, `"\u0000"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		n, err := jsontree.Parse(text)
		var bad *jsontree.Error
		if err != nil && (!errors.As(err, &bad) || bad.At < 0 || bad.At > len(text) || bad.Reason == "") {
			t.Fatalf("error %#v for %d bytes", err, len(text))
		}
		if err != nil {
			msg := bad.Reason
			stricter := strings.Contains(msg, "given twice") || strings.Contains(msg, "too deeply") || strings.Contains(msg, "surrogate")
			if json.Valid([]byte(text)) && !stricter {
				t.Fatalf("refused %q: %s", text, msg)
			}
			return
		}
		var want any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&want); err != nil || !json.Valid([]byte(text)) {
			t.Fatalf("accepted %q: %v", text, err)
		}
		if got := plainValue(&n); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %#v, want %#v", text, got, want)
		}
	})
}
