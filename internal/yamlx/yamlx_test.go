package yamlx

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

type inner struct {
	List []string `yaml:"list"`
}

type word struct{ text string }

func (w *word) UnmarshalYAML(n *Node) error {
	switch {
	case n.Kind != Scalar:
		return errors.New("want a word")
	case n.Value == "far":
		return &Problem{Line: 99, Text: "far away"}
	}
	w.text = n.Value
	return nil
}

type target struct {
	Text  string            `yaml:"text"`
	Int   int               `yaml:"int"`
	UIDs  []uint32          `yaml:"uids"`
	Bool  bool              `yaml:"bool"`
	Map   map[string]string `yaml:"map"`
	Word  word              `yaml:"word"`
	Words map[string]word   `yaml:"words"`
	Any   Node              `yaml:"any"`
	Deep  []inner           `yaml:"deep"`
	inner `yaml:",inline"`
}

func TestUnmarshal(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       target
	}{
		{"scalars keep their text", "text: 2012-10-17\nmap: {012345678901: 0x10, b: true, c: 1e3, d: }\nword: 007\n", target{
			Text: "2012-10-17", Map: map[string]string{"012345678901": "0x10", "b": "true", "c": "1e3", "d": ""}, Word: word{"007"},
		}},
		{"numbers and truth", "int: -5\nuids: [0, 4294967295, 0x10]\nbool: yes\n", target{Int: -5, UIDs: []uint32{0, 4294967295, 16}, Bool: true}},
		{"nulls leave zeros", "text:\nint: ~\nmap:\nword:\nlist:\n- a\n-\n- b\n", target{inner: inner{List: []string{"a", "b"}}}},
		{"merge", "any: &base {list: [x]}\ndeep:\n- <<: *base\n- <<: [{list: [y]}, *base]\n- list: [z]\n  <<: *base\n", target{
			Deep: []inner{{[]string{"x"}}, {[]string{"y"}}, {[]string{"z"}}},
		}},
		{"own words", "words: {a: b, c: !!str ~}\n", target{Words: map[string]word{"a": {"b"}, "c": {"~"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got target
			found, problems := Unmarshal([]byte(c.text), &got)
			if !found || len(problems) > 0 {
				t.Fatalf("found %v, problems %v", found, problems)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(target{}, word{}), cmpopts.IgnoreFields(target{}, "Any")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// All of a file's problems come at once, with their lines.
func TestProblems(t *testing.T) {
	bomb := "any:\n- &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		bomb += fmt.Sprintf("- &a%d [%s*a%d]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	chain := "any:\n- &a0 [x]\n"
	for i := range maxDepth {
		chain += fmt.Sprintf("- &a%d [*a%d]\n", i+1, i)
	}
	for _, c := range []struct {
		name, text string
		want       []Problem
	}{
		{"kinds", "text: [a]\nint: x\nint: 2\nbool: maybe\nmap: [a]\nlist: {a: b}\nuids: [-1, '1', x]\nword: []\nwords: {a: far}\ndeep: [1]\nnone: 1\n", []Problem{
			{1, "want text here, not a list"}, {2, `want a whole number here, not the text "x"`}, {3, `key "int" is there twice, first on line 2`},
			{4, `want true or false here, not the text "maybe"`}, {5, "want a mapping here, not a list"}, {6, "want a list here, not a mapping"},
			{7, "want a whole number from 0 here, not the number -1"}, {7, `want a whole number from 0 here, not the text "1"`}, {7, `want a whole number from 0 here, not the text "x"`},
			{8, "want a word"}, {10, "want a mapping with keys here, not the number 1"}, {11, `unknown key "none"`}, {99, "far away"},
		}},
		{"not a mapping", "[a]\n", []Problem{{1, "want a mapping with keys here, not a list"}}},
		{"unknown anchor", "any: [*none]\n", []Problem{{0, "unknown anchor 'none' referenced"}}},
		{"aliases", "any: [&self [*self]]\nmap:\n  <<: text\n", []Problem{{1, `anchor "self" contains itself`}, {3, `<< takes mappings, not the text "text"`}}},
		{"a list as key", "map:\n  [a, b]: c\n", []Problem{{2, "a key must be a word, not a list or mapping"}}},
		{"nested within the library's bounds", strings.Repeat("[", 100) + strings.Repeat("]", 100), []Problem{{1, "nested too deep"}}},
		{"bomb", bomb, []Problem{{6, "aliases make more than 100000 values"}}},
		{"chain of aliases", chain, []Problem{{62, "nested too deep"}}},
		{"nested lists", strings.Repeat("[", 100_000), []Problem{{0, "exceeded max depth of 10000"}}},
		{"nested mappings", strings.Repeat("{a: ", 100_000), []Problem{{0, "exceeded max depth of 10000"}}},
		{"nested dashes", strings.Repeat("- ", 100_000), []Problem{{0, "exceeded max depth of 10000"}}},
		{"blanks", "any: [" + strings.Repeat("\t ", 500_000), []Problem{{1, "did not find expected node content"}}},
		{"lines", "any: [x" + strings.Repeat("\n", 1_000_000) + "}", []Problem{{1_000_000, "did not find expected ',' or ']'"}}},
		{"large", strings.Repeat("#", maxBytes+1), []Problem{{0, "the file has more than 1048576 bytes"}}},
		{"not UTF-8", "a: 1\nb: \xff\n", []Problem{{2, "the text is not UTF-8"}}},
		{"control", "a: 1\nb: \x1b\n", []Problem{{2, "control character U+001B"}}},
		{"lone carriage return", "a: 1\rb: 2\n", []Problem{{1, "control character U+000D"}}},
		{"two documents", "a: 1\n---\nb: 1\n", []Problem{{0, "more than one YAML document; give each its own file"}}},
		{"tab", "a:\n\tb: 1\n", []Problem{{2, "found character that cannot start any token"}}},
		{"indentation", "text: a\n  b: c\n", []Problem{{2, "mapping values are not allowed in this context"}}},
		{"left of the list", "any:\n  - a\n b: c\n", []Problem{{2, "did not find expected key"}}},
		{"quote", "text: 'a\n", []Problem{{2, "found unexpected end of stream"}}},
		{"after a quote", "text: 'a' b\n", []Problem{{0, "did not find expected key"}}},
		{"tag", "text: !!binary aGk=\n", []Problem{{1, "of tags, only !!str has a meaning here"}}},
		{"at sign", "text: @x\n", []Problem{{0, "found character that cannot start any token"}}},
		{"bracket", "any: {a: b\ntext: x\n", []Problem{{1, "did not find expected ',' or '}'"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, problems := Unmarshal([]byte(c.text), &target{})
			if diff := cmp.Diff(c.want, problems); diff != "" {
				t.Error(diff)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	n, problems := Parse([]byte("{Version: 2012-10-17, Statement: [{Effect: Allow, Condition: {Bool: {aws:SecureTransport: true}, NumericLessThan: {\"s3:max-keys\":10}}}]}"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, problem := n.JSON()
	const want = `{"Statement":[{"Condition":{"Bool":{"aws:SecureTransport":"true"},"NumericLessThan":{"s3:max-keys":"10"}},"Effect":"Allow"}],"Version":"2012-10-17"}`
	if got != want || problem != nil {
		t.Errorf("%s, %v; want %s", got, problem, want)
	}
	n, _ = Parse([]byte("a:\n- b\n-\n"))
	if _, problem = n.JSON(); problem == nil {
		t.Error("an empty value is taken")
	}
}

func TestTypes(t *testing.T) {
	for text, want := range map[string]Type{
		"1": Number, "-1": Number, "0x1F": Number, "1_000": Number, "1.5": Number, "1e3": Number, ".5": Number, "012": Number, "123456789012": Number,
		"true": Truth, "FALSE": Truth, "yes": Text, "x": Text, "1x": Text, "2012-10-17": Text, "1.2.3": Text, "'1'": Text, "\"true\"": Text, "!!str 1": Text,
	} {
		n, problems := Parse([]byte("k: " + text))
		if len(problems) > 0 || n.Pairs[0].Value.Type != want {
			t.Errorf("%s: %+v, %v; want %v", text, n, problems, want)
		}
	}
}

// FuzzParse holds the reader to its bounds and to yaml/v3's verdict on syntax.
func FuzzParse(f *testing.F) {
	f.Add("a: [b, {c: &x d}]\ne: *x\n<<: {f: g}\n")
	f.Add("&a [*a]")
	f.Add("? [a]\n: b\n")
	f.Add("a: !!binary aGk=\nb: |\n  text\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, problems := Parse([]byte(text))
		if n == nil {
			return
		}
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("took %q, which yaml/v3 refuses: %v", text, err)
		}
		if n.height > maxDepth+1 {
			t.Fatalf("height %d, problems %v", n.height, problems)
		}
		_, _ = n.JSON()
		_ = n.Decode(&target{})
	})
}
