package awsconfig

import (
	"errors"
	"fmt"
	"maps"
	"strings"
)

// referrers are the settings that name a section of a type.
func referrers(t SectionType) []string {
	switch t {
	case ProfileSection:
		return []string{"source_profile"}
	case SSOSessionSection:
		return []string{"sso_session"}
	case ServicesSection:
		return []string{"services"}
	case UnknownSection:
	}
	return nil
}

// Rename returns the file with the sections of one name called another, and the settings of the
// file that refer to them (source_profile, sso_session, services) following; the file itself when it has
// neither. Header lines keep what is around the name: indentation, and comments after it.
//
// It fails when there are sections of the new name already.
func (f *File) Rename(h Header, name string) (*File, error) {
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("not editing a file that has an error: %w", err)
	}
	if h.Type == UnknownSection {
		return nil, errors.New("only profiles, sso-sessions and services have names")
	}
	to := Header{h.Type, name}
	out := f
	var form *Section
	for i := range f.Sections {
		s := f.Sections[i]
		switch {
		case s.Type == h.Type && s.Name == name:
			return nil, fmt.Errorf("%s:%d: there is a %s %q already", f.Path, s.Line, h.Type, name)
		case s.Type != h.Type || s.Name != h.Name:
			continue
		case form != nil && form.Prefixed != s.Prefixed:
			// One of them is hidden; under one name both would count.
			return nil, fmt.Errorf("%s:%d: there are both [default] and [profile default]", f.Path, s.Line)
		}
		form = s
		head, err := to.text(f.Kind)
		if err != nil {
			return nil, err
		}
		out = out.withHeader(s.Line-1, head)
	}
	for _, key := range referrers(h.Type) {
		out = out.pointed(key, h.Name, name)
	}
	if out == f {
		return f, nil
	}
	return f.renamed(out, h, to)
}

// Reheader returns the file with the header of the section that begins at a line (counting from 1)
// written as h: the way to mend a section that is passed over for how its header is written.
func (f *File) Reheader(line int, h Header) (*File, error) {
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("not editing a file that has an error: %w", err)
	}
	head, err := h.text(f.Kind)
	if err != nil {
		return nil, err
	}
	for _, s := range f.Sections {
		if s.Type == h.Type && s.Name == h.Name {
			return nil, fmt.Errorf("%s:%d: there is a %s %q already", f.Path, s.Line, h.Type, h.Name)
		}
	}
	for _, s := range f.Sections {
		if s.Line != line {
			continue
		}
		out := f.withHeader(s.Line-1, head)
		if err := out.Err(); err != nil {
			return nil, fmt.Errorf("the edit would break the file: %w", err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s:%d: no section begins there", f.Path, line)
}

// withHeader puts head in the place of the "[…]" of a line.
func (f *File) withHeader(line int, head string) *File {
	raw := f.line(line)
	// A name in quotes may have a bracket; a comment may too, and no name has what begins one.
	from, to := strings.IndexByte(raw, '['), len(raw)
	if at := strings.IndexAny(raw, "#;"); at >= 0 {
		to = at
	}
	to = strings.LastIndexByte(raw[:to], ']')
	return Parse(f.Path, f.Kind, []byte(f.splice(line, line+1, raw[:from]+head+raw[to+1:])))
}

// pointed returns the file with every such setting of one value given another.
func (f *File) pointed(key, old, value string) *File {
	out := f
	for i := range f.Sections {
		settings := f.Sections[i].Settings()
		for j := range settings {
			if set := &settings[j]; set.Key == key && set.Value == old {
				// One line stays one line, so that positions hold.
				out = Parse(f.Path, f.Kind, []byte(out.splice(set.first, set.last, out.rewritten(set, value))))
			}
		}
	}
	return out
}

// renamed makes sure that the edit did what it should and nothing else.
func (f *File) renamed(out *File, from, to Header) (*File, error) {
	if err := out.Err(); err != nil {
		return nil, fmt.Errorf("the edit would break the file: %w", err)
	}
	want := map[string]string{}
	prefix := flatKey(from, "")
	for id, value := range f.flat() {
		if rest, ok := strings.CutPrefix(id, prefix); ok {
			id = flatKey(to, rest)
		}
		for _, key := range referrers(from.Type) {
			if strings.HasSuffix(id, "\x00"+key) && value == from.Name {
				value = to.Name
			}
		}
		want[id] = value
	}
	if !maps.Equal(want, out.flat()) {
		return nil, fmt.Errorf("the new name %q would change other settings", to.Name)
	}
	return out, nil
}
