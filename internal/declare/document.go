package declare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rolecall-dev/rolecall/policy"
)

// policyText is a policy document: a YAML mapping, a JSON string, or "file:PATH".
type policyText struct {
	json string // of a mapping or a string; "" if absent
	file string
	line int
}

// UnmarshalYAML takes all three forms.
func (t *policyText) UnmarshalYAML(n *yaml.Node) error {
	t.line = n.Line
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		if path, ok := strings.CutPrefix(n.Value, "file:"); ok {
			t.file = path
			return nil
		}
		t.json = n.Value
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: a policy is a mapping, a JSON string or file:PATH", n.Line)}}
	}
	value, err := plain(n, 0)
	if err != nil {
		return &yaml.TypeError{Errors: []string{err.Error()}}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	t.json = string(encoded)
	return nil
}

const maxDepth = 50

// plain turns a YAML node into what encoding/json takes. Scalars stay the text that they are:
// everything in a policy is a string, and YAML would make a date of "2012-10-17".
func plain(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: nested too deep", n.Line)
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return nil, fmt.Errorf("line %d: a policy's keys are plain words", key.Line)
			}
			if _, twice := m[key.Value]; twice {
				return nil, fmt.Errorf("line %d: key %q is there twice", key.Line, key.Value)
			}
			value, err := plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[key.Value] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, element := range n.Content {
			value, err := plain(element, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.AliasNode:
		return plain(n.Alias, depth+1)
	default:
		if n.Tag == "!!null" {
			return nil, fmt.Errorf("line %d: empty value in a policy", n.Line)
		}
		return n.Value, nil
	}
}

// policy reads and checks a document. It returns compact JSON, "" if there is none or a problem.
func (p *parser) policy(kind policy.Kind, what string, t policyText) string {
	content := t.json
	if t.file != "" {
		path := t.file
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.dir, path)
		}
		raw, err := os.ReadFile(path) //nolint:gosec // the user's own file names it
		if err != nil {
			p.problem(t.line, "%s: %v", what, err)
			return ""
		}
		content = string(raw)
	}
	if content == "" {
		return ""
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(content)); err != nil {
		p.problem(t.line, "%s is not JSON: %v", what, err)
		return ""
	}
	if _, err := policy.Parse(kind, compact.Bytes()); err != nil {
		p.problem(t.line, "%s: %v", what, err)
		return ""
	}
	return compact.String()
}

// sameDocument reports whether two policies mean the same, as far as spelling goes: the order of
// keys and of lists, a list of one or its only element, an account by its id or its ARN.
func sameDocument(a, b string) bool {
	return a == b || a != "" && b != "" && normal(a) == normal(b)
}

// normal returns a document in one spelling; what is not JSON comes back as it is.
func normal(document string) string {
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		return document
	}
	encoded, err := json.Marshal(normalValue("", value))
	if err != nil {
		return document
	}
	return string(encoded)
}

func normalValue(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k, element := range v {
			v[k] = normalValue(k, element)
		}
		return v
	case []any:
		for i, element := range v {
			v[i] = normalValue(key, element)
		}
		if len(v) == 1 {
			return v[0]
		}
		// The order of statements is kept: it does not count, but a diff should show it.
		if !slices.ContainsFunc(v, func(e any) bool { _, isText := e.(string); return !isText }) {
			slices.SortFunc(v, func(x, y any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		}
		return v
	case string:
		if m := regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):root$`).FindStringSubmatch(v); m != nil && key == "AWS" {
			return m[1]
		}
		return v
	default:
		return fmt.Sprint(v) // true and "true" are the same condition value
	}
}

// pretty renders a document for people.
func pretty(document string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(document), "", "  "); err != nil {
		return document
	}
	return b.String()
}
