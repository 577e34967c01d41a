package declare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/yamlx"
	"github.com/rolecall-dev/rolecall/policy"
)

// policyText is a policy document: a YAML mapping, a JSON string, or "file:PATH".
type policyText struct {
	json string // of a mapping or a string; "" if absent
	file string
	line int
}

// UnmarshalYAML takes all three forms.
func (t *policyText) UnmarshalYAML(n *yamlx.Node) error {
	t.line = n.Line
	switch {
	case n.Kind == yamlx.Scalar && n.Type == yamlx.Text:
		if path, ok := strings.CutPrefix(n.Value, "file:"); ok {
			t.file = path
			return nil
		}
		t.json = n.Value
		return nil
	case n.Kind != yamlx.Mapping:
		return errors.New("a policy is a mapping, a JSON string or file:PATH")
	}
	text, problem := n.JSON()
	if problem != nil {
		return &yamlx.Problem{Line: problem.Line, Text: problem.Text + " in a policy"}
	}
	t.json = text
	return nil
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
