package awsconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Put returns the file with a setting as another file has it: empty, over several lines, or with a nested
// block, which [File.Set] does not write. It takes the place of the setting of that key.
func (f *File) Put(h Header, s Setting) (*File, error) {
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("not editing a file that has an error: %w", err)
	}
	out := f
	if _, old := f.find(h, s.Key); old != nil {
		var err error
		if out, err = f.Unset(h, s.Key); err != nil {
			return nil, err
		}
	}
	section, _ := out.find(h, s.Key)
	edited := ""
	if section == nil {
		head, err := h.text(f.Kind)
		if err != nil {
			return nil, err
		}
		edited = out.appended(head, s.Key, "")
		edited = strings.TrimSuffix(strings.TrimSuffix(edited, s.Key+" = \r\n"), s.Key+" = \n") + s.text(out.eol(0)) + out.eol(0)
	} else {
		at := section.tail()
		edited = out.inserted(at, s.text(out.eol(at)))
	}
	changed := Parse(f.Path, f.Kind, []byte(edited))
	if err := changed.Err(); err != nil {
		return nil, fmt.Errorf("the edit would break the file: %w", err)
	}
	_, got := changed.find(h, s.Key)
	if got == nil || got.Value != s.Value || !slices.EqualFunc(got.Sub, s.Sub, func(a, b Setting) bool { return a.Key == b.Key && a.Value == b.Value }) {
		return nil, fmt.Errorf("%s would not be read back", s.Key)
	}
	before, after := f.flat(), changed.flat()
	for _, m := range []map[string]string{before, after} {
		maps.DeleteFunc(m, func(id, _ string) bool {
			return id == flatKey(h, s.Key) || strings.HasPrefix(id, flatKey(h, s.Key)+".")
		})
	}
	if !maps.Equal(before, after) {
		return nil, fmt.Errorf("the edit of %s would change other settings", s.Key)
	}
	return changed, nil
}

// text is the setting as it is written, without the end of the last line.
func (s Setting) text(eol string) string {
	lines := strings.Split(s.Value, "\n")
	for _, sub := range s.Sub {
		lines = append(lines, sub.Key+" = "+sub.Value)
	}
	text := strings.TrimRight(s.Key+" = "+lines[0], " ")
	for _, line := range lines[1:] {
		text += eol + "  " + strings.TrimRight(line, " ")
	}
	return text
}
