package yamlx

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// show renders a tree with its lines, so that two can be compared.
func show(n *Node) any {
	if n == nil {
		return "no document"
	}
	switch n.Kind {
	case Mapping:
		m := map[string]any{"line": n.Line}
		for _, p := range n.Pairs {
			m[fmt.Sprintf("%q on %d", p.Key, p.Line)] = show(p.Value)
		}
		return m
	case Sequence:
		list := []any{n.Line}
		for _, item := range n.Items {
			list = append(list, show(item))
		}
		return list
	case Null:
		return "null"
	}
	return fmt.Sprintf("%q on %d", n.Value, n.Line)
}

func showOracle(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return showOracle(n.Content[0])
	case yaml.AliasNode:
		return showOracle(n.Alias)
	case yaml.MappingNode:
		m := map[string]any{"line": n.Line}
		for i := 0; i < len(n.Content); i += 2 {
			m[fmt.Sprintf("%q on %d", n.Content[i].Value, n.Content[i].Line)] = showOracle(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{n.Line}
		for _, item := range n.Content {
			list = append(list, showOracle(item))
		}
		return list
	}
	if n.Tag == "!!null" {
		return "null"
	}
	return fmt.Sprintf("%q on %d", n.Value, n.Line)
}

// agree fails the test if data is taken, and read otherwise than the oracle reads it.
func agree(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	node, problems := Parse(data)
	if len(problems) > 0 || bytes.Contains(data, []byte("<<")) {
		return false
	}
	want := any("no document")
	var oracle yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&oracle); {
	case err == nil:
		want = showOracle(&oracle)
	case err != io.EOF: //nolint:errorlint // documented to be this very value
		t.Fatalf("taken as %v, and the oracle says %v\n%q", show(node), err, data)
	}
	if diff := cmp.Diff(want, show(node)); diff != "" {
		t.Fatalf("(-oracle +got)\n%s\n%q", diff, data)
	}
	if err := decoder.Decode(new(yaml.Node)); err == nil {
		t.Fatalf("the oracle sees another document\n%q", data)
	}
	return true
}

// styles are ways to write things, all of which are understood.
func styles() []string {
	return []string{
		"", "# only a comment\n", "---\n", "---\na: 1\n...\n", "\ufeffa: 1\n", "a: 1\r\nb: 2\r\n", "~", "plain",
		"a: 1\nb: x y  # comment\nc:\n  d: 'it''s'\n  e: \"tab\\t\\u00e9\\x41\"\n",
		"a:\n- 1\n- x: 1\n  y: 2\n-   z: 3\nb:\n  - - 1\n    - 2\n  -\n    c: d\n  - # comment\n    e\n",
		"a:\nb:\n  c:\nd: ~\ne: null\nf: ''\ng: !!str\nh: !!str 12\n",
		"a: {b: c, 'd': [1, 2, {e: f}], \"g\":1, h: , aws:SourceArn: \"x\", i: arn:aws:s3:::b/*, j: http://x/a=b#c}\n",
		"a: [\n  b, # comment\n  'c',\n\n  d e\n   f,\n]\nb: [ ]\nc: { }\nd: [[a], {b: [c]}]\n",
		"a: |\n  one\n   two\n\n  three\n\n\nb: >\n  one\n  two\n\n  three\n    four\n  five\nc: |-\n  x\nd: |+\n  y\n\ne: >-\n  z\nf: |2\n   three\n  two\n",
		"- |\n x\n- >\n\n y\n- |\n- z\n", "a: |\n  # no comment\n  {\"Version\": \"2012-10-17\"}\n# comment\nb: c\n",
		"a: one\n  two\n\n  three\nb: 'one\n  two\n\n  three'\nc: \"one\n  two \\\n  three\\n\"\nd: one # c\ne: two\n",
		"a: &x\n  b: 1\nc: *x\nd: &y [1, *x]\ne: [*y, *x]\nf: &z text\ng: *z\n",
		"a: b:c\nd: -1\n", "a: x#y\nb: x #y\nc: a,b [c] {d}\nd: ?x\ne: :x\nf: -x\n",
		"\"a b\": 1\n'c: d': 2\ne f : 3\n012345678901: x\n2012-10-17: y\n",
		"a:\n    b:\n        - c\n    # comment\n    d: e\n  # comment\nf: g\n", "a: 1 \nb:\t2\n", "a: \"\"\nb:   \nc: d",
		"a:\n  |\n  x\nb:\n  - >-\n    y\n    z\n", "a: # c\n  b\nc: # c\n- d\n", "a: c:\\dir\\\n# comment \\\nb: 2\n",
	}
}

func TestAgreesWithOracle(t *testing.T) {
	for _, text := range styles() {
		if !agree(t, []byte(text)) {
			_, problems := Parse([]byte(text))
			t.Errorf("not taken: %v\n%s", problems, text)
		}
	}
}

// What is taken is read as the oracle reads it. What is not taken need not be wrong.
func FuzzAgreesWithOracle(f *testing.F) {
	for _, text := range styles() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

// Any two styles after one another, and one within the other, at several indentations.
func TestAgreesOnCombinations(t *testing.T) {
	taken := 0
	for _, a := range styles() {
		for _, b := range styles() {
			for _, indent := range []string{"", " ", "  ", "    "} {
				within := strings.ReplaceAll("\n"+b, "\n", "\n"+indent)
				for _, text := range []string{a + within, "k:" + within + "\n" + a, "- " + a + within, "k:\n  - l:" + within, "[" + a + "," + b + "]", "k: {x: " + b + "}"} {
					if agree(t, []byte(text)) {
						taken++
					}
				}
			}
		}
	}
	t.Logf("%d taken", taken)
}
