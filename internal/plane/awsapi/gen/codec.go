package main

import (
	"fmt"
	"strings"
)

// rule returns the expression for the constraints of a value, "nil" if there are none.
func (g *generator) rule(name string) string {
	s := g.m.Shapes[name]
	v := "rule" + title(name)
	if _, done := g.rules[v]; done {
		return "&" + v
	}
	var parts []string
	switch s.Type {
	case "string":
		if s.Min != nil && *s.Min > 0 {
			parts = append(parts, fmt.Sprintf("Min: %.0f", *s.Min))
		}
		if s.Max != nil {
			parts = append(parts, fmt.Sprintf("Max: %.0f", *s.Max))
		}
		if s.Pattern != "" {
			parts = append(parts, "Pattern: &"+g.pattern(s.Pattern))
		}
		if len(s.Enum) > 0 {
			parts = append(parts, fmt.Sprintf("Enum: %#v", s.Enum))
		}
		if s.Sensitive && len(parts) > 0 {
			parts = append(parts, "Sensitive: true")
		}
		if len(parts) > 0 {
			g.rules[v] = "awsapi.StringRule{" + strings.Join(parts, ", ") + "}"
		}
	case "integer", "long":
		if s.Min != nil {
			parts = append(parts, fmt.Sprintf("Min: %.0f, HasMin: true", *s.Min))
		}
		if s.Max != nil {
			parts = append(parts, fmt.Sprintf("Max: %.0f, HasMax: true", *s.Max))
		}
		if s.Type == "long" {
			parts = append(parts, "Long: true")
		}
		if len(parts) > 0 {
			g.rules[v] = "awsapi.IntRule{" + strings.Join(parts, ", ") + "}"
		}
	case "list", "map":
		if s.Min != nil && *s.Min > 0 {
			parts = append(parts, fmt.Sprintf("Min: %.0f", *s.Min))
		}
		if s.Max != nil {
			parts = append(parts, fmt.Sprintf("Max: %.0f", *s.Max))
		}
		if len(parts) > 0 {
			g.rules[v] = "awsapi.SizeRule{" + strings.Join(parts, ", ") + "}"
		}
	}
	if len(parts) == 0 {
		return "nil"
	}
	return "&" + v
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

func (g *generator) ruleFile() (string, error) {
	var b strings.Builder
	b.WriteString(g.head(ifs(len(g.rules)+len(g.patterns) > 0, "awsapi", "")))
	if len(g.rules)+len(g.patterns) == 0 {
		return b.String(), nil
	}
	b.WriteString("var (\n")
	for i, p := range g.patterns {
		text, err := patternLiteral(p)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "pattern%d = %s\n", i+1, text)
	}
	for _, v := range sorted(g.rules) {
		fmt.Fprintf(&b, "%s = %s\n", v, g.rules[v])
	}
	b.WriteString(")\n")
	return b.String(), nil
}

func (g *generator) isInput(shape string) bool {
	for _, op := range g.m.Operations {
		if op.Input != nil && op.Input.Shape == shape {
			return true
		}
	}
	return false
}

func (g *generator) isOutput(shape string) bool {
	for _, op := range g.m.Operations {
		if op.Output != nil && op.Output.Shape == shape {
			return true
		}
	}
	return false
}

func (g *generator) decoders(inputs []string) (string, error) {
	var b strings.Builder
	done := map[string]bool{}
	for _, name := range inputs {
		t := g.names[name]
		if done[t] {
			continue
		}
		done[t] = true
		s := g.m.Shapes[name]
		if g.json {
			bindings := ifs(g.isInput(name), "b *awsapi.Bindings, ", "")
			fmt.Fprintf(&b, "func decode%s(n awsapi.JSONNode, %sp *awsapi.Problems, v *%s) {\n", t, bindings, t)
		} else {
			fmt.Fprintf(&b, "func decode%s(n awsapi.Node, p *awsapi.Problems, v *%s) {\n", t, t)
		}
		for _, m := range s.Members {
			line, err := g.decodeMember(s, m)
			if err != nil {
				return "", fmt.Errorf("%s.%s: %w", name, m.name, err)
			}
			b.WriteString(line + "\n")
		}
		b.WriteString("}\n\n")
	}
	for _, name := range g.operations() {
		if g.m.Operations[name].Input != nil {
			continue
		}
		if g.json {
			fmt.Fprintf(&b, "func decode%sInput(awsapi.JSONNode, *awsapi.Bindings, *awsapi.Problems, *%sInput) {}\n\n", name, name)
		} else {
			fmt.Fprintf(&b, "func decode%sInput(awsapi.Node, *awsapi.Problems, *%sInput) {}\n\n", name, name)
		}
	}
	return b.String(), nil
}

func (g *generator) decodeMember(owner *shape, m member) (string, error) {
	s := g.m.Shapes[m.Shape]
	required := owner.requires(m.name)
	prefix, from := "Q", "n"
	wire := m.LocationName
	if wire == "" {
		wire = m.name
	}
	if g.json {
		prefix = "J"
	}
	switch m.Location {
	case "":
	case "uri", "querystring", "header":
		prefix = "B"
		from = fmt.Sprintf("b, %q", m.Location)
	default:
		return "", fmt.Errorf("location %s is not supported", m.Location)
	}
	if owner.Payload == m.name {
		if s.Type != "structure" {
			return "", fmt.Errorf("payload of type %s is not supported", s.Type)
		}
		return fmt.Sprintf("v.%s = new(%s)\ndecode%s(n, p, v.%s)", title(m.name), g.elem(m.Shape), g.names[m.Shape], title(m.name)), nil
	}
	mode := ifs(required, "Req", "Opt")
	target := "&v." + title(m.name)
	where := fmt.Sprintf("%s, p, %q, %q", from, wire, path(m.name))
	switch s.Type {
	case "string":
		return fmt.Sprintf("awsapi.%s%sString(%s, %s, %s)", prefix, mode, where, g.rule(m.Shape), target), nil
	case "integer", "long":
		return fmt.Sprintf("awsapi.%s%sInt(%s, %s, %s)", prefix, mode, where, g.rule(m.Shape), target), nil
	case "boolean":
		return fmt.Sprintf("awsapi.%s%sBool(%s, %s)", prefix, mode, where, target), nil
	case "timestamp":
		return fmt.Sprintf("awsapi.%s%sTime(%s, %s)", prefix, mode, where, target), nil
	case "blob":
		return fmt.Sprintf("awsapi.%sBlob(%s, %t, %s)", prefix, where, required, target), nil
	case "structure":
		return fmt.Sprintf("awsapi.%sStruct(%s, %t, %s, decode%s)", prefix, where, required, target, g.names[m.Shape]), nil
	case "map":
		if g.m.Shapes[s.Key.Shape].Type != "string" || g.m.Shapes[s.Value.Shape].Type != "string" {
			return "", fmt.Errorf("map of other than strings is not supported")
		}
		if g.json {
			return fmt.Sprintf("awsapi.JStringMap(%s, %t, %s, %s)", where, required, g.rule(m.Shape), target), nil
		}
		key, value := orElse(s.Key.LocationName, "key"), orElse(s.Value.LocationName, "value")
		return fmt.Sprintf("awsapi.QStringMap(n, p, %q, %q, %q, %q, %t, %s, %s)", wire, key, value, path(m.name), required, g.rule(m.Shape), target), nil
	case "list":
		return g.decodeList(m, s, prefix, wire, where, required, target)
	default:
		return "", fmt.Errorf("type %s is not supported", s.Type)
	}
}

func (g *generator) decodeList(m member, s *shape, prefix, wire, where string, required bool, target string) (string, error) {
	if prefix == "Q" {
		element := ifs(s.Flattened, "", orElse(s.Member.LocationName, "member"))
		where = fmt.Sprintf("n, p, %q, %q, %q", wire, element, path(m.name))
	}
	switch e := g.m.Shapes[s.Member.Shape]; e.Type {
	case "string":
		return fmt.Sprintf("awsapi.%sStrings(%s, %t, %s, %s, %s)", prefix, where, required, g.rule(m.Shape), g.rule(s.Member.Shape), target), nil
	case "structure":
		return fmt.Sprintf("awsapi.%sStructs(%s, %t, %s, %s, decode%s)", prefix, where, required, g.rule(m.Shape), target, g.names[s.Member.Shape]), nil
	default:
		return "", fmt.Errorf("list of %s is not supported", e.Type)
	}
}

func orElse(a, b string) string { return ifs(a != "", a, b) }

// audits writes the functions that put inputs and outputs into an audit record.
func (g *generator) audits(shapes []string) string {
	var b strings.Builder
	done := map[string]bool{}
	for _, name := range shapes {
		t := g.names[name]
		if done[t] {
			continue
		}
		done[t] = true
		s := g.m.Shapes[name]
		fmt.Fprintf(&b, "func audit%s(e *awsapi.JSONEncoder, v *%s) {\n", t, t)
		for _, m := range s.Members {
			field := "v." + title(m.name)
			if g.sensitive(m) {
				if g.field(s, m)[0] == '*' || strings.HasPrefix(g.field(s, m), "[]") || strings.HasPrefix(g.field(s, m), "map") {
					fmt.Fprintf(&b, "if %s != nil {\ne.Name(%q)\ne.Hidden()\n}\n", field, path(m.name))
				} else {
					fmt.Fprintf(&b, "e.Name(%q)\ne.Hidden()\n", path(m.name))
				}
				continue
			}
			b.WriteString(g.jsonMember(s, m, field, path(m.name), "audit", "iso8601"))
		}
		b.WriteString("}\n\n")
	}
	for _, name := range g.operations() {
		if g.m.Operations[name].Input == nil {
			fmt.Fprintf(&b, "func audit%sInput(*awsapi.JSONEncoder, *%sInput) {}\n\n", name, name)
		}
		if g.m.Operations[name].Output == nil {
			fmt.Fprintf(&b, "func audit%sOutput(*awsapi.JSONEncoder, *%sOutput) {}\n\n", name, name)
		}
	}
	return b.String()
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

func (g *generator) encoders(outputs []string) string {
	var b strings.Builder
	done := map[string]bool{}
	for _, name := range outputs {
		t := g.names[name]
		if done[t] {
			continue
		}
		done[t] = true
		s := g.m.Shapes[name]
		switch {
		case g.json && g.isOutput(name):
			fmt.Fprintf(&b, "func encode%s(e *awsapi.JSONEncoder, h http.Header, v *%s) {\n", t, t)
		case g.json:
			fmt.Fprintf(&b, "func encode%s(e *awsapi.JSONEncoder, v *%s) {\n", t, t)
		default:
			fmt.Fprintf(&b, "func encode%s(e *awsapi.XMLEncoder, v *%s) {\n", t, t)
		}
		for _, m := range s.Members {
			field := "v." + title(m.name)
			wire := orElse(m.LocationName, m.name)
			switch {
			case !g.json:
				b.WriteString(g.xmlMember(s, m, field, wire))
			case m.Location == "header":
				fmt.Fprintf(&b, "if %s != nil {\nh.Set(%q, string(*%s))\n}\n", field, wire, field)
			case s.Payload == m.name:
				fmt.Fprintf(&b, "if %s != nil {\nencode%s(e, %s)\n}\n", field, g.names[m.Shape], field)
			default:
				format := orElse(m.TimestampFormat, orElse(g.m.Shapes[m.Shape].TimestampFormat, "unixTimestamp"))
				b.WriteString(g.jsonMember(s, m, field, wire, "encode", format))
			}
		}
		b.WriteString("}\n\n")
	}
	for _, name := range g.operations() {
		if g.m.Operations[name].Output != nil {
			continue
		}
		if g.json {
			fmt.Fprintf(&b, "func encode%sOutput(*awsapi.JSONEncoder, http.Header, *%sOutput) {}\n\n", name, name)
		} else {
			fmt.Fprintf(&b, "func encode%sOutput(*awsapi.XMLEncoder, *%sOutput) {}\n\n", name, name)
		}
	}
	return b.String()
}

// scalar returns the encoder method for a type, and the conversion that its argument needs.
func (g *generator) scalar(name, value, timeMethod string) (method, arg string) {
	s := g.m.Shapes[name]
	switch s.Type {
	case "string":
		if len(s.Enum) > 0 {
			value = "string(" + value + ")"
		}
		return "String", value
	case "integer", "long":
		return "Int", value
	case "boolean":
		return "Bool", value
	case "timestamp":
		return timeMethod, value
	case "blob":
		return "Blob", value
	default:
		return "", ""
	}
}

func (g *generator) xmlMember(owner *shape, m member, field, wire string) string {
	s := g.m.Shapes[m.Shape]
	required := owner.requires(m.name)
	switch s.Type {
	case "structure":
		return fmt.Sprintf("if %s != nil {\ne.Open(%q)\nencode%s(e, %s)\ne.Close(%q)\n}\n", field, wire, g.names[m.Shape], field, wire)
	case "list":
		body := g.xmlElement(s.Member.Shape, "x", orElse(s.Member.LocationName, "member"))
		loop := ifs(g.m.Shapes[s.Member.Shape].Type == "structure",
			fmt.Sprintf("for i := range %s {\nx := &%s[i]\n%s}\n", field, field, body),
			fmt.Sprintf("for _, x := range %s {\n%s}\n", field, body))
		inner := fmt.Sprintf("e.Open(%q)\n%se.Close(%q)\n", wire, loop, wire)
		if required {
			return fmt.Sprintf("if len(%s) == 0 {\ne.Empty(%q)\n} else {\n%s}\n", field, wire, inner)
		}
		return fmt.Sprintf("if %s != nil {\n%s}\n", field, inner)
	case "map":
		key, value := orElse(s.Key.LocationName, "key"), orElse(s.Value.LocationName, "value")
		return fmt.Sprintf("if %s != nil {\ne.Open(%q)\nfor _, k := range awsapi.SortedKeys(%s) {\ne.Open(\"entry\")\n%s%se.Close(\"entry\")\n}\ne.Close(%q)\n}\n",
			field, wire, field, g.xmlElement(s.Key.Shape, "k", key), g.xmlElement(s.Value.Shape, field+"[k]", value), wire)
	case "blob":
		return fmt.Sprintf("if %s != nil {\ne.Blob(%q, %s)\n}\n", field, wire, field)
	}
	if required {
		return g.xmlElement(m.Shape, field, wire)
	}
	return fmt.Sprintf("if %s != nil {\n%s}\n", field, g.xmlElement(m.Shape, "*"+field, wire))
}

func (g *generator) xmlElement(shape, value, wire string) string {
	if g.m.Shapes[shape].Type == "structure" {
		return fmt.Sprintf("e.Open(%q)\nencode%s(e, %s)\ne.Close(%q)\n", wire, g.names[shape], value, wire)
	}
	method, arg := g.scalar(shape, value, "Time")
	if method == "" {
		panic("xml element of type " + g.m.Shapes[shape].Type)
	}
	return fmt.Sprintf("e.%s(%q, %s)\n", method, wire, arg)
}

func (g *generator) jsonMember(owner *shape, m member, field, wire, verb, timeFormat string) string {
	s := g.m.Shapes[m.Shape]
	value := field
	pointer := g.field(owner, m)[0] == '*' && s.Type != "structure"
	if pointer {
		value = "*" + field
	}
	body := fmt.Sprintf("e.Name(%q)\n%s", wire, g.jsonValue(m.Shape, value, verb, timeFormat))
	switch {
	case pointer, s.Type == "structure", s.Type == "list", s.Type == "map", s.Type == "blob":
		return fmt.Sprintf("if %s != nil {\n%s}\n", field, body)
	default:
		return body
	}
}

func (g *generator) jsonValue(shape, value, verb, timeFormat string) string {
	s := g.m.Shapes[shape]
	switch s.Type {
	case "structure":
		return fmt.Sprintf("e.OpenObject()\n%s%s(e, %s)\ne.CloseObject()\n", verb, g.names[shape], value)
	case "list":
		if g.m.Shapes[s.Member.Shape].Type == "structure" {
			return fmt.Sprintf("e.OpenArray()\nfor i := range %s {\n%s}\ne.CloseArray()\n", value, g.jsonValue(s.Member.Shape, "&"+value+"[i]", verb, timeFormat))
		}
		return fmt.Sprintf("e.OpenArray()\nfor _, x := range %s {\n%s}\ne.CloseArray()\n", value, g.jsonValue(s.Member.Shape, "x", verb, timeFormat))
	case "map":
		return fmt.Sprintf("e.OpenObject()\nfor _, k := range awsapi.SortedKeys(%s) {\ne.Name(string(k))\n%s}\ne.CloseObject()\n", value, g.jsonValue(s.Value.Shape, value+"[k]", verb, timeFormat))
	}
	method, arg := g.scalar(shape, value, ifs(timeFormat == "iso8601", "Time", "Epoch"))
	return fmt.Sprintf("e.%s(%s)\n", method, arg)
}
