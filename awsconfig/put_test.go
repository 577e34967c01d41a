package awsconfig_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

// TestPut takes every setting of one file to another.
func TestPut(t *testing.T) {
	const from = "[profile x]\nempty =\nplain = v # c\nlong = a\n  b # part\n\ts3\nblock =\n  Key = 1 # part\n  none =\n"
	def := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "default"}
	for _, tc := range []struct{ text, want string }{
		{"", "[default]\nempty =\nplain = v\nlong = a\n  b # part\n  s3\nblock =\n  Key = 1 # part\n  none =\n"},
		{"[default]\r\nlong = old\r\n  older\r\n# c\r\n", "[default]\r\nempty =\r\nplain = v\r\nlong = a\r\n  b # part\r\n  s3\r\nblock =\r\n  Key = 1 # part\r\n  none =\r\n# c\r\n"},
	} {
		f := awsconfig.Parse("f", awsconfig.ConfigKind, []byte(tc.text))
		source := awsconfig.Merge(awsconfig.Parse("x", awsconfig.ConfigKind, []byte(from)), nil).Profile("x")
		for _, key := range source.Keys() {
			s, _ := source.Get(key)
			var err error
			if f, err = f.Put(def, s); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(tc.want, string(f.Bytes())); d != "" {
			t.Error(d)
		}
	}
	f := awsconfig.Parse("f", awsconfig.ConfigKind, nil)
	for _, s := range []awsconfig.Setting{{}, {Key: "a", Value: " v"}, {Key: "a", Value: "v # c"}, {Key: "a=b", Value: "c"}, {Key: "a", Value: "v\n"}} {
		if out, err := f.Put(def, s); err == nil {
			t.Errorf("%+v gave %q", s, out.Bytes())
		}
	}
}
