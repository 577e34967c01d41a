package main

import (
	"fmt"
	"strings"
)

// tag is the tag of a member's field, backquotes and all, or "" if there is nothing to say: see
// awsapi.Operation. Constraints count in inputs only.
func (g *generator) tag(owner *shape, m member, input bool) (string, error) {
	s := g.m.Shapes[m.Shape]
	var words []string
	if input {
		words = append(words, g.constrain(m.Shape))
	} else {
		words = append(words, "")
	}
	switch s.Type {
	case "list", "map", "blob", "structure":
		if owner.requires(m.name) {
			words = append(words, "required")
		}
	}
	if m.LocationName != "" && m.LocationName != title(m.name) || m.LocationName == "" && m.name != title(m.name) {
		words = append(words, "name="+orElse(m.LocationName, m.name))
	}
	switch m.Location {
	case "":
	case "uri", "querystring", "header":
		words = append(words, "in="+m.Location)
	default:
		return "", fmt.Errorf("location %s is not supported", m.Location)
	}
	if owner.Payload == m.name {
		words = append(words, "payload")
	}
	if s.Type == "timestamp" && g.json && orElse(m.TimestampFormat, s.TimestampFormat) == "iso8601" {
		words = append(words, "iso8601")
	}
	if g.sensitive(m) {
		words = append(words, "hidden")
	}
	if g.s.model == "iam" && owner == g.m.Shapes["User"] && (m.name == "Path" || m.name == "UserName") {
		words = append(words, "omitempty") // the root of an account has neither
	}
	text := strings.Join(words, ",")
	if text == "" {
		return "", nil
	}
	return fmt.Sprintf("`aws:%q`", text), g.supported(m, input)
}

// supported refuses what package awsapi does not handle.
func (g *generator) supported(m member, input bool) error {
	s := g.m.Shapes[m.Shape]
	element := ""
	if s.Type == "list" {
		element = g.m.Shapes[s.Member.Shape].Type
	}
	switch {
	case s.Type == "map" && input:
		return fmt.Errorf("map in an input is not supported")
	case s.Type == "map" && (s.Key.LocationName != "" || s.Value.LocationName != ""):
		return fmt.Errorf("map with named entries is not supported")
	case s.Flattened, s.Type == "list" && s.Member.LocationName != "":
		return fmt.Errorf("list with named elements is not supported")
	case s.Type == "list" && element != "string" && element != "structure":
		return fmt.Errorf("list of %s is not supported", element)
	case m.Location != "" && s.Type != "string" && s.Type != "integer" && s.Type != "boolean" && element != "string":
		return fmt.Errorf("%s in %s is not supported", s.Type, m.Location)
	}
	return nil
}

// sensitive reports whether a member must not be recorded. The models mark passwords and keys; the
// codes of MFA devices and outside tokens they leave unmarked.
func (g *generator) sensitive(m member) bool {
	switch m.name {
	case "TokenCode", "AuthenticationCode1", "AuthenticationCode2", "WebIdentityToken", "SAMLAssertion", "AddPrivateKey", "PrivateKey",
		"SecretAccessKey", "SessionToken", "Base32StringSeed", "QRCodePNG", "ServicePassword":
		return true
	}
	return m.Sensitive || g.m.Shapes[m.Shape].Sensitive
}

// constrain notes the constraints of a shape and returns the name that they go by, "" if there are none.
func (g *generator) constrain(name string) string {
	if _, done := g.shapes[name]; done {
		return name
	}
	s := g.m.Shapes[name]
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch s.Type {
	case "string", "list":
		if s.Min != nil && *s.Min > 0 {
			add("Min: %.0f", *s.Min)
		}
		if s.Max != nil {
			add("Max: %.0f", *s.Max)
		}
		if s.Pattern != "" {
			add("Pattern: &%s", g.pattern(s.Pattern))
			if c := complaint(g.s.model, name, s.Pattern); c != "" {
				add("Complaint: %q", c)
			}
		}
		if len(s.Enum) > 0 {
			add("Enum: %#v", s.Enum)
		}
		if g.s.model == "iam" && name == "tagKeyType" {
			add("NotNull: true") // seen in AWS's answers, though not in the model
		}
		if s.Sensitive && len(parts) > 0 {
			add("Sensitive: true")
		}
		if s.Member != nil && g.m.Shapes[s.Member.Shape].Type == "string" {
			if of := g.constrain(s.Member.Shape); of != "" {
				add("Of: %q", of)
			}
		}
	case "integer", "long":
		if s.Min != nil {
			add("Min: %.0f, HasMin: true", *s.Min)
		}
		if s.Max != nil {
			add("Max: %.0f, HasMax: true", *s.Max)
		}
		if s.Type == "long" {
			add("Long: true")
		}
	}
	if len(parts) == 0 {
		return ""
	}
	g.shapes[name] = "{" + strings.Join(parts, ", ") + "}"
	return name
}

// complaint is how IAM words that a name, a path or a document breaks its pattern, as its answers show.
// The models do not have it.
func complaint(model, shape, pattern string) string {
	if model != "iam" {
		return ""
	}
	switch pattern {
	case `[\w+=,.@-]+`:
		return "It must contain only alphanumeric characters and/or the following: +=,.@_-"
	case `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, `((/[A-Za-z0-9\.,\+@=_-]+)*)/`:
		return "It must begin and end with / and contain only alphanumeric characters and/or / characters."
	case `\u002F[\u0021-\u007F]*`:
		return "It must begin with the / character and contain only alphanumeric characters and/or / characters."
	}
	if shape == "policyDocumentType" {
		return "It must contain only printable ASCII characters."
	}
	return ""
}

func (g *generator) pattern(source string) string {
	for i, p := range g.patterns {
		if p == source {
			return fmt.Sprintf("pattern%d", i+1)
		}
	}
	g.patterns = append(g.patterns, source)
	return fmt.Sprintf("pattern%d", len(g.patterns))
}

func (g *generator) shapeFile() (string, error) {
	var b strings.Builder
	b.WriteString(g.head("awsapi"))
	if len(g.patterns) > 0 {
		b.WriteString("var (\n")
		for i, p := range g.patterns {
			text, err := patternLiteral(p)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "pattern%d = %s\n", i+1, text)
		}
		b.WriteString(")\n\n")
	}
	b.WriteString("var shapes = map[string]*awsapi.Shape{\n")
	for _, name := range sorted(g.shapes) {
		fmt.Fprintf(&b, "%q: %s,\n", name, g.shapes[name])
	}
	b.WriteString("}\n")
	return b.String(), nil
}
