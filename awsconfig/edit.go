package awsconfig

import (
	"errors"
	"fmt"
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
		name = "'" + name + "'"
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
	if t, n, _ := headerName(kind, strings.TrimSpace(line[1:len(line)-1])); t != h.Type || n != h.Name {
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
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("not editing a file that has an error: %w", err)
	}
	var edited string
	parent, child, nested := strings.Cut(strings.ToLower(key), ".")
	section, set := f.find(h, parent)
	switch {
	case section == nil:
		head, err := h.text(f.Kind)
		if err != nil {
			return nil, err
		}
		edited = f.appended(head, key, value)
	case nested:
		if set != nil && set.Value != "" {
			return nil, fmt.Errorf("%s:%d: %s has a value, it cannot have %s too", f.Path, set.Line, parent, key)
		}
		edited = f.setNested(section, set, parent, child, value)
	case set != nil:
		if len(set.Sub) > 0 {
			return nil, fmt.Errorf("%s:%d: %s has nested settings, it cannot have a value too", f.Path, set.Line, key)
		}
		edited = f.splice(set.first, set.last, f.rewritten(set, value))
	default:
		edited = f.inserted(section.tail(), key+" = "+value)
	}
	return f.verified(edited, h, key, &value)
}

// Unset returns the file without that key in that section, comments and all else kept; the file itself
// when the key is not there.
func (f *File) Unset(h Header, key string) (*File, error) {
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("not editing a file that has an error: %w", err)
	}
	parent, child, nested := strings.Cut(strings.ToLower(key), ".")
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
	case key == "" || strings.ContainsAny(key, "=[]#;\r\n\x00 \t"):
		return fmt.Errorf("%q cannot be a key", key)
	case strings.Count(key, ".") > 1 || strings.HasPrefix(key, ".") || strings.HasSuffix(key, "."):
		return fmt.Errorf("%q cannot be a key: settings nest once", key)
	case value == "":
		return errors.New("an empty value would be read as the start of a nested block: unset the key instead")
	case strings.ContainsAny(value, "\r\n\x00"):
		return errors.New("the value has a line break")
	case stripComment(" "+value) != value:
		return errors.New("the value would not be read back: it begins or ends with white space, or has a \" #\" or \" ;\" that starts a comment")
	}
	return nil
}

// find returns the last section of that name that has the key, else the last one of that name.
func (f *File) find(h Header, key string) (*Section, *Setting) {
	var section *Section
	for i := len(f.Sections) - 1; i >= 0; i-- {
		s := f.Sections[i]
		if s.Type != h.Type || s.Name != h.Name {
			continue
		}
		for j := len(s.Settings) - 1; j >= 0; j-- {
			if s.Settings[j].Key == key {
				return s, &s.Settings[j]
			}
		}
		// With both [default] and [profile default], only the latter is read.
		if section == nil || s.Prefixed && !section.Prefixed {
			section = s
		}
	}
	return section, nil
}

// tail is the index of the line after the section's last setting, or after its header.
func (s *Section) tail() int {
	if n := len(s.Settings); n > 0 {
		return s.Settings[n-1].last
	}
	return s.first + 1
}

// splice replaces the lines from first up to last.
func (f *File) splice(first, last int, with string) string {
	from, to := len(f.text), len(f.text)
	if first < len(f.lines) {
		from = f.lines[first].from
	}
	if last < len(f.lines) {
		to = f.lines[last].from
	}
	return f.text[:from] + with + f.text[to:]
}

// eol is the end of line that the file uses.
func (f *File) eol() string {
	if strings.Contains(f.text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// rewritten is the setting's line with another value; continuation lines go.
func (f *File) rewritten(set *Setting, value string) string {
	raw := f.text[f.lines[set.first].from:f.lines[set.first].to]
	body := strings.TrimRight(raw, "\r\n")
	end := raw[len(body):]
	if end == "" && set.last < len(f.lines) {
		end = f.eol()
	}
	at := strings.IndexByte(body, '=') + 1
	old := body[at:]
	lead := old[:len(old)-len(strings.TrimLeft(old, " \t"))]
	if lead == "" && strings.HasSuffix(body[:at-1], " ") {
		lead = " "
	}
	comment := ""
	for i := 1; i < len(old); i++ {
		if (old[i] == '#' || old[i] == ';') && (old[i-1] == ' ' || old[i-1] == '\t') {
			comment = old[len(strings.TrimRight(old[:i], " \t")):]
			break
		}
	}
	return body[:at] + lead + value + comment + end
}

// inserted puts a line before line index at.
func (f *File) inserted(at int, line string) string {
	text := line + f.eol()
	if at >= len(f.lines) && f.text != "" && !strings.HasSuffix(f.text, "\n") {
		text = f.eol() + line
	}
	return f.splice(at, at, text)
}

func (f *File) appended(head, key, value string) string {
	eol := f.eol()
	text := f.text
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += eol
	}
	if strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")) != "" {
		text += eol
	}
	parent, child, nested := strings.Cut(key, ".")
	if nested {
		return text + head + eol + parent + " =" + eol + "  " + child + " = " + value + eol
	}
	return text + head + eol + key + " = " + value + eol
}

func (f *File) setNested(section *Section, set *Setting, parent, child, value string) string {
	if set == nil {
		return f.inserted(section.tail(), parent+" ="+f.eol()+"  "+child+" = "+value)
	}
	for i := range set.Sub {
		if set.Sub[i].Key == child {
			return f.splice(set.Sub[i].first, set.Sub[i].last, f.rewritten(&set.Sub[i], value))
		}
	}
	indent := strings.Repeat(" ", set.indent+2)
	if n := len(set.Sub); n > 0 {
		raw := f.text[f.lines[set.Sub[n-1].first].from:f.lines[set.Sub[n-1].first].to]
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
	id := flatKey(h, strings.ToLower(key))
	got, there := after[id]
	switch {
	case want != nil && (!there || got != *want):
		return nil, fmt.Errorf("the edit of %s would not be read back", key)
	case want == nil && there:
		return nil, fmt.Errorf("%s is still there after the edit", key)
	}
	delete(before, id)
	delete(after, id)
	parent, _, nested := strings.Cut(id, ".")
	if nested {
		delete(before, parent)
		delete(after, parent)
	}
	if len(before) != len(after) {
		return nil, fmt.Errorf("the edit of %s would change other settings", key)
	}
	for k, v := range before {
		if w, ok := after[k]; !ok || w != v {
			return nil, fmt.Errorf("the edit of %s would change other settings", key)
		}
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
		for _, set := range s.Settings {
			out[flatKey(h, set.Key)] = set.Value
			for _, sub := range set.Sub {
				out[flatKey(h, set.Key+"."+sub.Key)] = sub.Value
			}
		}
	}
	return out
}
