package awsconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

// FuzzEdit: what was set is read back, nothing else is read differently, and every other byte stays.
func FuzzEdit(f *testing.F) {
	for _, text := range []string{
		"", "[default]", "[default]\nregion=a # c\n", "[profile default]\r\n s3 =\r\n  a = 1\r\n\r\n[default]\r\nregion = x\r\n",
		"# c\n[default]\nregion = a\n  b\n# d\n\tc\n\n[profile x]\nregion = y\n[default]\nregion = z", "[default]\nregion =\n  a = 1\n# e\n  b = 2 # f\nk = v\n",
	} {
		f.Add(text, "region", "eu-west-1")
		f.Add(text, "s3.a", "v")
	}
	f.Fuzz(func(t *testing.T, text, key, value string) {
		file := awsconfig.Parse("f", awsconfig.ConfigKind, []byte(text))
		before := awsconfig.Merge(file, nil)
		h := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}
		out, err := file.Set(h, key, value)
		if err != nil {
			return
		}
		after := awsconfig.Merge(out, nil)
		parent, child, nested := strings.Cut(key, ".")
		parent = strings.ToLower(parent)
		got, _ := after.Profile("default").Get(parent)
		if nested {
			got, _ = got.Get(child)
		}
		if got.Value != value {
			t.Fatalf("%q: %s = %q was read back as %q", text, key, value, got.Value)
		}
		was, is := mergedView(before), mergedView(after)
		for _, m := range []*merged{was, is} {
			delete(m.Profiles["default"], parent)
			delete(m.Profiles["default"], parent+"."+child)
			if len(m.Profiles["default"]) == 0 {
				delete(m.Profiles, "default")
			}
		}
		if d := cmp.Diff(was, is); d != "" {
			t.Fatalf("%q, %s = %q: %s", text, key, value, d)
		}
		// What may go are the lines of the old setting.
		old := 0
		if set, ok := before.Profile("default").Get(parent); ok && !nested {
			old = linesFrom(text, set.Line, set.Value)
		} else if sub, ok := set.Get(child); ok && nested {
			old = linesFrom(text, sub.Line, sub.Value)
		}
		if gone := len(text) - common(text, string(out.Bytes())); gone > old {
			t.Fatalf("%q became %q: %d bytes are gone", text, out.Bytes(), gone)
		}
		back, err := out.Unset(h, key)
		if err != nil {
			t.Fatal(err)
		}
		left, _ := awsconfig.Merge(back, nil).Profile("default").Get(parent)
		if _, there := left.Get(child); nested && there || !nested && left.Line != 0 {
			t.Fatalf("%q: %s is still there", back.Bytes(), key)
		}
	})
}

// linesFrom is the length of a setting that begins at a line and goes on as long as its value does.
func linesFrom(text string, line int, value string) int {
	rest := strings.SplitAfter(text, "\n")[line-1:]
	n, left := 0, strings.Count(value, "\n")
	for i, l := range rest {
		n += len(l)
		trimmed := strings.TrimSpace(l)
		if i > 0 && trimmed != "" && trimmed[0] != '#' && trimmed[0] != ';' {
			left--
		}
		if left <= 0 {
			break
		}
	}
	return n
}

// common is how many bytes two texts share at their beginning and their end.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	a, b = a[n:], b[n:]
	end := 0
	for end < len(a) && end < len(b) && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	return n + end
}
