package awsconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

func TestRename(t *testing.T) {
	profile := func(name string) awsconfig.Header {
		return awsconfig.Header{Type: awsconfig.ProfileSection, Name: name}
	}
	for _, c := range []struct {
		kind     awsconfig.Kind
		text, to string
		want     string // or the error
	}{
		{awsconfig.ConfigKind, "[profile a] # x\r\nk = v\r\n[profile a]\r\nsource_profile=a ; y\r\n", "b c", "[profile 'b c'] # x\r\nk = v\r\n[profile 'b c']\r\nsource_profile=b c ; y\r\n"},
		{awsconfig.CredentialsKind, "[a]\nk = v", "b", "[b]\nk = v"},
		{awsconfig.ConfigKind, "[profile a]\nk = v\n", "default", "[default]\nk = v\n"},
		{awsconfig.ConfigKind, "[profile z]\n", "b", "[profile z]\n"},
		{awsconfig.ConfigKind, "[profile a]\n[profile b]\n", "b", `f:2: there is a profile "b" already`},
		{awsconfig.ConfigKind, "[profile a]\nx\n", "b", `not editing a file that has an error: f:2: expected "key = value"`},
		{awsconfig.ConfigKind, "[profile a]\n", "b]", `"b]" cannot be the name of a section`},
	} {
		got := ""
		f, err := awsconfig.Parse("f", c.kind, []byte(c.text)).Rename(profile("a"), c.to)
		if err != nil {
			got = err.Error()
		} else {
			got = string(f.Bytes())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
	}
	if _, err := awsconfig.Parse("f", awsconfig.ConfigKind, []byte("[default]\n[profile default]\n")).Rename(profile("default"), "x"); err == nil {
		t.Error("two forms of default become one")
	}
	f, err := awsconfig.Parse("f", awsconfig.ConfigKind, []byte("[a]\nk = v\n")).Reheader(1, profile("a"))
	if err != nil || string(f.Bytes()) != "[profile a]\nk = v\n" {
		t.Error(f, err)
	}
}

// FuzzRename: a rename never damages, and going back restores what is read.
func FuzzRename(f *testing.F) {
	f.Add("[profile a]\nsource_profile = a\n [profile b]\n", "c")
	f.Add("\ufeff[profile 'a']#\r\n\tk=\r\n\t s = a\n", "default")
	f.Fuzz(func(t *testing.T, text, name string) {
		file := awsconfig.Parse("f", awsconfig.ConfigKind, []byte(text))
		out, err := file.Rename(awsconfig.Header{Type: awsconfig.ProfileSection, Name: "a"}, name)
		if err != nil || out == file {
			return
		}
		if out.Err() != nil || len(out.Sections) != len(file.Sections) || strings.Count(string(out.Bytes()), "\n") != strings.Count(text, "\n") {
			t.Errorf("%q became %q", text, out.Bytes())
		}
	})
}
