package awsconfig

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Header names a section for an edit.
type Header struct {
	Type SectionType
	Name string
}

// text is the section's header line as the SDKs expect it in a file of that kind.
func (h Header) text(kind Kind) (string, error) {
	if h.Name == "" || strings.ContainsAny(h.Name, "[]\r\n\x00") || strings.TrimSpace(h.Name) != h.Name {
		return "", fmt.Errorf("%q cannot be the name of a section", h.Name)
	}
	name := h.Name
	if kind == ConfigKind && strings.ContainsAny(name, " \t") {
		// The AWS CLI's way; it and rolecall are the ones who read it.
		name = "'" + strings.ReplaceAll(name, "'", `'"'"'`) + "'"
	}
	var line string
	switch {
	case kind == CredentialsKind && h.Type != ProfileSection:
		return "", fmt.Errorf("a credentials file has no %s sections", h.Type)
	case kind == CredentialsKind, h.Type == ProfileSection && h.Name == "default":
		line = "[" + h.Name + "]"
	default:
		line = "[" + string(h.Type) + " " + name + "]"
	}
	inner, message := headerText(line)
	if t, n, _, _ := headerName(kind, inner); message != "" || t != h.Type || n != h.Name {
		return "", fmt.Errorf("%q cannot be the name of a section", h.Name)
	}
	return line, nil
}

// Set returns the file with the key of that section set to value. Only the line of the setting
// changes; its indentation, its spacing around "=" and its trailing comment stay. A key that is not there is
// added after the section's last setting, a section that is not there at the end of the file.
// A key with a dot ("s3.addressing_style") is nested.
//
// It fails rather than write what would be read back as something else: values with line breaks, with
// surrounding white space, or with what looks like a comment.
func (f *File) Set(h Header, key, value string) (*File, error) {
	if err := checkEdit(key, value); err != nil {
		return nil, err
	}
	written := key
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("not editing a file that has an error: %w", err)
	}
	var edited string
	key, parent, child, nested := splitKey(key)
	section, set := f.find(h, parent)
	switch {
	case section == nil:
		head, err := h.text(f.Kind)
		if err != nil {
			return nil, err
		}
		edited = f.appended(head, written, value)
	case nested:
		if set != nil && set.Value != "" {
			return nil, fmt.Errorf("%s:%d: %s has a value, it cannot have %s too", f.Path, set.Line, parent, key)
		}
		edited = f.setNested(section, set, child, written, value)
	case set != nil:
		if len(set.Sub) > 0 {
			return nil, fmt.Errorf("%s:%d: %s has nested settings, it cannot have a value too", f.Path, set.Line, key)
		}
		edited = f.splice(set.first, set.last, f.rewritten(set, value))
	default:
		edited = f.inserted(section.tail(), written+" = "+value)
	}
	return f.verified(edited, h, key, &value)
}

// Unset returns the file without that key in that section, comments and all else kept, but for those
// between the lines of a block or value that goes; the file itself when the key is not there.
func (f *File) Unset(h Header, key string) (*File, error) {
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("not editing a file that has an error: %w", err)
	}
	key, parent, child, nested := splitKey(key)
	out := f
	for {
		_, set := out.find(h, parent)
		if set != nil && nested {
			parentSet := *set
			set = nil
			for i := range parentSet.Sub {
				if parentSet.Sub[i].Key == child {
					set = &parentSet.Sub[i]
				}
			}
			if set != nil && len(parentSet.Sub) == 1 {
				// A parent without children would be an empty value.
				set = &parentSet
			}
		}
		if set == nil {
			break
		}
		out = Parse(f.Path, f.Kind, []byte(out.splice(set.first, set.last, "")))
	}
	if out == f {
		return f, nil
	}
	return f.verified(out.text, h, key, nil)
}

func checkEdit(key, value string) error {
	switch {
	case key == "" || strings.ContainsAny(key, "=:[]#;\r\n\x00 \t"):
		return fmt.Errorf("%q cannot be a key", key)
	case strings.Count(key, ".") > 1 || strings.HasPrefix(key, ".") || strings.HasSuffix(key, "."):
		return fmt.Errorf("%q cannot be a key: settings nest once", key)
	case value == "":
		return errors.New("an empty value would be read as the start of a nested block: unset the key instead")
	case strings.ContainsAny(value, "\r\n\x00"):
		return errors.New("the value has a line break")
	case strings.TrimSpace(value) != value:
		return errors.New("the value would not be read back: it begins or ends with white space")
	case !strings.Contains(key, ".") && stripComment(" "+value) != value:
		return errors.New("the value would not be read back: it has a \" #\" or \" ;\" that starts a comment")
	}
	return nil
}

// splitKey takes a key apart. The case of nested keys counts.
func splitKey(key string) (normal, parent, child string, nested bool) {
	parent, child, nested = strings.Cut(key, ".")
	parent = strings.ToLower(parent)
	if !nested {
		return parent, parent, "", false
	}
	return parent + "." + child, parent, child, true
}

// hidden reports whether nothing reads the section, for there is a [profile default] beside this
// [default].
func (f *File) hidden(s *Section) bool {
	return f.Kind == ConfigKind && s.Type == ProfileSection && s.Name == "default" && !s.Prefixed &&
		slices.ContainsFunc(f.Sections, func(o *Section) bool { return o.Type == ProfileSection && o.Name == "default" && o.Prefixed })
}

// find returns the last section of that name that has the key, else the last one of that name.
func (f *File) find(h Header, key string) (*Section, *Setting) {
	var section *Section
	for i := len(f.Sections) - 1; i >= 0; i-- {
		s := f.Sections[i]
		if s.Type != h.Type || s.Name != h.Name || f.hidden(s) {
			continue
		}
		settings := s.Settings()
		for j := len(settings) - 1; j >= 0; j-- {
			if settings[j].Key == key {
				return s, &settings[j]
			}
		}
		if section == nil {
			section = s
		}
	}
	return section, nil
}

// tail is the index of the line after the section's last setting, or after its header.
func (s *Section) tail() int {
	if settings := s.Settings(); len(settings) > 0 {
		return settings[len(settings)-1].last
	}
	return s.Line
}

// offset is where the line of that index begins; the end of the text if there is none.
func (f *File) offset(line int) int {
	r := lines{text: f.text}
	for r.n < line && r.next() {
		_ = r
	}
	return r.to
}

// line is the text of the line of that index, with its end.
func (f *File) line(i int) string {
	rest := f.text[f.offset(i):]
	if end := strings.IndexByte(rest, '\n'); end >= 0 {
		return rest[:end+1]
	}
	return rest
}

// splice replaces the lines from first up to last.
func (f *File) splice(first, last int, with string) string {
	return f.text[:f.offset(first)] + with + f.text[f.offset(last):]
}

// eol is the end of line that the file uses before the line of that index.
func (f *File) eol(before int) string {
	if before > 0 {
		if line := f.line(before - 1); strings.HasSuffix(line, "\r\n") {
			return "\r\n"
		} else if strings.HasSuffix(line, "\n") {
			return "\n"
		}
	}
	if strings.Contains(f.text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// rewritten is the setting's line with another value; continuation lines go.
func (f *File) rewritten(set *Setting, value string) string {
	raw := f.line(set.first)
	body := strings.TrimRight(raw, "\r\n")
	at := strings.IndexByte(body, '=') + 1
	old := body[at:]
	lead := old[:len(old)-len(strings.TrimLeft(old, " \t"))]
	if lead == "" && strings.HasSuffix(body[:at-1], " ") {
		lead = " "
	}
	comment := ""
	if from := commentAt(old); from >= 0 && !set.nested {
		comment = old[from:]
	}
	if strings.TrimSpace(old) == "" {
		// White space that nothing follows is no spacing.
		lead = lead[:min(len(lead), 1)]
	}
	return body[:at] + lead + value + comment + raw[len(body):]
}

// inserted puts a line before line index at.
func (f *File) inserted(at int, line string) string {
	eol := f.eol(at)
	from := f.offset(at)
	if from == len(f.text) && f.text != "" && !strings.HasSuffix(f.text, "\n") {
		return f.text + eol + line
	}
	return f.text[:from] + line + eol + f.text[from:]
}

func (f *File) appended(head, key, value string) string {
	text := f.text
	eol := "\n"
	if strings.Contains(text, "\r\n") {
		eol = "\r\n"
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += eol
	}
	if strings.TrimSpace(text) != "" {
		text += eol
	}
	parent, child, nested := strings.Cut(key, ".")
	if nested {
		return text + head + eol + parent + " =" + eol + "  " + child + " = " + value + eol
	}
	return text + head + eol + key + " = " + value + eol
}

func (f *File) setNested(section *Section, set *Setting, child, written, value string) string {
	if set == nil {
		at := section.tail()
		parent, _, _ := strings.Cut(written, ".")
		return f.inserted(at, parent+" ="+f.eol(at)+"  "+child+" = "+value)
	}
	for i := len(set.Sub) - 1; i >= 0; i-- {
		if set.Sub[i].Key == child {
			return f.splice(set.Sub[i].first, set.Sub[i].last, f.rewritten(&set.Sub[i], value))
		}
	}
	indent := strings.Repeat(" ", set.indent+2)
	if n := len(set.Sub); n > 0 {
		raw := f.line(set.Sub[n-1].first)
		indent = raw[:len(raw)-len(strings.TrimLeft(raw, " \t"))]
	}
	return f.inserted(set.last, indent+child+" = "+value)
}

// verified parses the edited text and makes sure that the edit did what it should and nothing else,
// so that a mistake here is an error and never a damaged file.
func (f *File) verified(edited string, h Header, key string, want *string) (*File, error) {
	out := Parse(f.Path, f.Kind, []byte(edited))
	if err := out.Err(); err != nil {
		return nil, fmt.Errorf("the edit would break the file: %w", err)
	}
	before, after := f.flat(), out.flat()
	id := flatKey(h, key)
	got, there := after[id]
	switch {
	case want != nil && (!there || got != *want):
		return nil, fmt.Errorf("the edit of %s would not be read back", key)
	case want == nil && there:
		return nil, fmt.Errorf("%s is still there after the edit", key)
	}
	// A block goes with its settings, and comes and goes with the only one.
	parent, _, nested := strings.Cut(id, ".")
	for _, m := range []map[string]string{before, after} {
		maps.DeleteFunc(m, func(k, _ string) bool { return k == id || nested && k == parent || strings.HasPrefix(k, id+".") })
	}
	if !maps.Equal(before, after) {
		return nil, fmt.Errorf("the edit of %s would change other settings", key)
	}
	return out, nil
}

func flatKey(h Header, key string) string {
	// A dot in a section's name must not look like nesting.
	return strings.ReplaceAll(string(h.Type)+"\x00"+h.Name, ".", "\x01") + "\x00" + key
}

// flat is every setting of the file, as it is read.
func (f *File) flat() map[string]string {
	out := map[string]string{}
	for _, s := range f.Sections {
		h := Header{s.Type, s.Name}
		if f.hidden(s) {
			h.Name += "\x00hidden"
		}
		for _, set := range s.Settings() {
			out[flatKey(h, set.Key)] = set.Value
			for _, sub := range set.Sub {
				out[flatKey(h, set.Key+"."+sub.Key)] = sub.Value
			}
		}
	}
	return out
}
