package awsconfig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

func TestSetAndUnset(t *testing.T) {
	def := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}
	x := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "x"}
	for _, tc := range []struct {
		name  string
		text  string
		h     awsconfig.Header
		key   string
		value string // "" unsets
		want  string
	}{
		{"replace keeps spacing and comment", "# top\n[default]\nregion=a   # why\n\n# tail\n", def, "region", "b", "# top\n[default]\nregion=b   # why\n\n# tail\n"},
		{"replace keeps the key's spelling", "[default]\n  Region  =  a\n", def, "region", "b", "[default]\n  Region  =  b\n"},
		{"add after the last setting", "[default]\na = 1\n\n# x's comment\n[profile x]\nb = 2\n", def, "c", "3", "[default]\na = 1\nc = 3\n\n# x's comment\n[profile x]\nb = 2\n"},
		{"add to an empty section", "[default]\n\n[profile x]\n", x, "a", "1", "[default]\n\n[profile x]\na = 1\n"},
		{"new section", "[default]\na = 1", x, "b", "2", "[default]\na = 1\n\n[profile x]\nb = 2\n"},
		{"new file", "", def, "b", "2", "[default]\nb = 2\n"},
		{"CRLF", "[default]\r\na = 1\r\n", def, "b", "2", "[default]\r\na = 1\r\nb = 2\r\n"},
		{"no newline at the end", "[default]\na = 1", def, "b", "2", "[default]\na = 1\nb = 2"},
		{"replace without newline at the end", "[default]\na = 1", def, "a", "2", "[default]\na = 2"},
		{"continuation goes with its value", "[default]\na = 1\n  2\nb = 3\n", def, "a", "9", "[default]\na = 9\nb = 3\n"},
		{"the last duplicate counts", "[default]\na = 1\na = 2\n", def, "a", "3", "[default]\na = 1\na = 3\n"},
		{"nested, new", "[default]\na = 1\n", def, "s3.addressing_style", "path", "[default]\na = 1\ns3 =\n  addressing_style = path\n"},
		{"nested, add", "[default]\ns3 =\n\tx = 1\na = 1\n", def, "s3.y", "2", "[default]\ns3 =\n\tx = 1\n\ty = 2\na = 1\n"},
		{"nested, replace", "[default]\ns3 =\n  x = 1 # part of it\n", def, "s3.x", "2", "[default]\ns3 =\n  x = 2\n"},
		{"unset", "[default]\n# c\na = 1\nb = 2\n", def, "a", "", "[default]\n# c\nb = 2\n"},
		{"unset every duplicate", "[default]\na = 1\nb = 2\na = 3\n", def, "a", "", "[default]\nb = 2\n"},
		{"unset nested", "[default]\ns3 =\n  x = 1\n  y = 2\n", def, "s3.x", "", "[default]\ns3 =\n  y = 2\n"},
		{"unset the only nested", "[default]\ns3 =\n  x = 1\nb = 2\n", def, "s3.x", "", "[default]\nb = 2\n"},
		{"unset a block", "[default]\ns3 =\n  x = 1\n  # c\n  y = 2\nb = 2\n", def, "s3", "", "[default]\nb = 2\n"},
		{"unset what is not there", "[default]\na = 1\n", x, "a", "", "[default]\na = 1\n"},
		{"name with a blank", "", awsconfig.Header{Type: awsconfig.ProfileSection, Name: "my prof"}, "a", "1", "[profile 'my prof']\na = 1\n"},
		{"nested keys have a case", "[default]\ns3 =\n  X = 1\n", def, "S3.x", "2", "[default]\ns3 =\n  X = 1\n  x = 2\n"},
		{"the end of the line before", "[default]\r\na = 1\r\n[profile x]\nb = 2\n", x, "c", "3", "[default]\r\na = 1\r\n[profile x]\nb = 2\nc = 3\n"},
		{"a value where a comment was", "[default]\na = # why\n", def, "a", "1", "[default]\na = 1 # why\n"},
		{"blanks after the equals sign", "[default]\na =    \n", def, "a", "1", "[default]\na = 1\n"},
		{"a hidden default is not the one", "[profile default]\na = 1\n[default]\nb = 2\n", def, "b", "3", "[profile default]\na = 1\nb = 3\n[default]\nb = 2\n"},
		{"a key of the hidden default", "[profile default]\na = 1\n[default]\nb = 2\n", def, "b", "", "[profile default]\na = 1\n[default]\nb = 2\n"},
		{"a quote in a name with a blank", "", awsconfig.Header{Type: awsconfig.ProfileSection, Name: "it's mine"}, "a", "1", "[profile 'it'\"'\"'s mine']\na = 1\n"},
		{"the default that is read", "[default]\na = 1\n[profile default]\na = 2\n", def, "b", "3", "[default]\na = 1\n[profile default]\na = 2\nb = 3\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := awsconfig.Parse("f", awsconfig.ConfigKind, []byte(tc.text))
			var out *awsconfig.File
			var err error
			if tc.value == "" {
				out, err = f.Unset(tc.h, tc.key)
			} else {
				out, err = f.Set(tc.h, tc.key, tc.value)
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, string(out.Bytes())); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	def := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}
	for _, tc := range []struct{ text, key, value string }{
		{"", "a", "x # y"}, {"", "a", " x"}, {"", "a", "x\ny"}, {"", "a", ""}, {"", "a b", "x"}, {"", "a=b", "x"},
		{"", "a.b.c", "x"}, {"[default]\ngarbage\n", "a", "1"},
		{"[default]\na = 1\n", "a.b", "1"}, {"[default]\na =\n  b = 1\n", "a", "1"},
	} {
		f := awsconfig.Parse("f", awsconfig.ConfigKind, []byte(tc.text))
		if out, err := f.Set(def, tc.key, tc.value); err == nil {
			t.Errorf("%q: %s = %q gave %q", tc.text, tc.key, tc.value, out.Bytes())
		}
	}
	for _, name := range []string{"", "a]", " a", "a\nb"} {
		f := awsconfig.Parse("f", awsconfig.ConfigKind, nil)
		if out, err := f.Set(awsconfig.Header{Type: awsconfig.ProfileSection, Name: name}, "a", "1"); err == nil {
			t.Errorf("section %q gave %q", name, out.Bytes())
		}
	}
}

func TestUpdateKeepsLinkAndMode(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(real, []byte("[default]\na = 1\n"), 0o640); err != nil { //nolint:gosec // the mode is the test
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	def := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}
	before, after, err := awsconfig.Update(context.Background(), link, awsconfig.ConfigKind, func(f *awsconfig.File) (*awsconfig.File, error) {
		return f.Set(def, "b", "2")
	})
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != "[default]\na = 1\n" || string(after) != "[default]\na = 1\nb = 2\n" {
		t.Errorf("%q → %q", before, after)
	}
	if target, err := os.Readlink(link); err != nil || target != "real" {
		t.Errorf("the link is %q, %v", target, err)
	}
	info, err := os.Stat(real)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	failed := errors.New("no")
	if _, _, err := awsconfig.Update(context.Background(), link, awsconfig.ConfigKind, func(*awsconfig.File) (*awsconfig.File, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".real.*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUpdatesExcludeOneAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "config")
	def := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, _, err := awsconfig.Update(context.Background(), path, awsconfig.ConfigKind, func(f *awsconfig.File) (*awsconfig.File, error) {
				return f.Set(def, fmt.Sprintf("k%d", i), "v")
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c, err := awsconfig.Load(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Profile("default").Keys()); n != 20 {
		t.Errorf("%d of 20 edits are there", n)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
