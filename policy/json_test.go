package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// plainValue turns a node into what encoding/json makes of the same text.
func plainValue(n *node) any {
	switch n.kind {
	case nodeString:
		return n.text
	case nodeNumber:
		return json.Number(n.text)
	case nodeBool:
		return n.text == "true"
	case nodeNull:
		return nil
	case nodeArray:
		out := make([]any, len(n.items))
		for i := range n.items {
			out[i] = plainValue(&n.items[i])
		}
		return out
	case nodeObject:
		out := map[string]any{}
		for i, k := range n.keys {
			out[k.name] = plainValue(&n.items[i])
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
		n, pos, msg, ok := readJSON(text)
		if pos < 0 || pos > len(text) {
			t.Fatalf("position %d of %d", pos, len(text))
		}
		if !ok {
			if msg == "" {
				t.Fatal("refused without a word")
			}
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

// FuzzDate compares dates with package time, where both understand them.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:30", "-1", "0", "99999999999", "2026", "2026-02-30", "T", "2026-1-1T1:1Z", "1T-", "2026-01-01T24:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := parseDate(s)
		if std, err := timeOf(s); err == nil && (!ok || instantOf(std) != d) {
			t.Fatalf("%q: %+v %v, want %v", s, d, ok, std)
		}
		if n, ok := parseNumber(s); ok && n.compare(n) != 0 && n.f == n.f {
			t.Fatalf("%q is not equal to itself", s)
		}
		if p, ok := parsePrefix(s); ok && !p.IsValid() {
			t.Fatalf("%q is no range", s)
		}
	})
}

// timeOf parses the full form with a zone, as package time does.
func timeOf(s string) (time.Time, error) {
	// package time also takes commas and one-digit hours, and days beyond the end of a month are its own affair.
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`).MatchString(s) {
		return time.Time{}, fmt.Errorf("not compared")
	}
	return time.Parse(time.RFC3339Nano, s)
}
