package awsconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

// view is what a test compares: section → key → value, nested keys with a dot.
func view(f *awsconfig.File) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, s := range f.Sections {
		name := string(s.Type) + ":" + s.Name
		if out[name] == nil {
			out[name] = map[string]string{}
		}
		for _, set := range s.Settings() {
			out[name][set.Key] = set.Value
			for _, sub := range set.Sub {
				out[name][set.Key+"."+sub.Key] = sub.Value
			}
		}
	}
	return out
}

func TestParse(t *testing.T) {
	type sections = map[string]map[string]string
	for _, tc := range []struct {
		name string
		kind awsconfig.Kind
		text string
		want sections
	}{
		{"empty", awsconfig.ConfigKind, "", sections{}},
		{"names", awsconfig.ConfigKind, "[default]\na=1\n[profile x]\na=2\n[profile \t y.z]\na=3\n[ default ]\nb=4\n[sso-session s]\na=5\n[services l]\na=6\n",
			sections{"profile:default": {"a": "1", "b": "4"}, "profile:x": {"a": "2"}, "profile:y.z": {"a": "3"}, "sso-session:s": {"a": "5"}, "services:l": {"a": "6"}}},
		{"names in credentials", awsconfig.CredentialsKind, "[default]\na=1\n[my prof]\na=2\n[profile x]\na=3\n",
			sections{"profile:default": {"a": "1"}, "profile:my prof": {"a": "2"}, ":profile x": {"a": "3"}}},
		{"names that the AWS CLI quotes", awsconfig.ConfigKind, "[profile 'my prof']\na=1\n[profile \"x\"]\na=2\n",
			sections{"profile:my prof": {"a": "1"}, "profile:x": {"a": "2"}}},
		{"not a profile in config", awsconfig.ConfigKind, "[x]\na=1\n", sections{":x": {"a": "1"}}},
		{"comments", awsconfig.ConfigKind, "# c\n[default] # c\n; c\n   # c\na = 1 # c\nb = 2\t; c\nc = arn:aws:iam::1:role/x#y;z\nd = # empty\n  k = v # c\n",
			sections{"profile:default": {"a": "1", "b": "2", "c": "arn:aws:iam::1:role/x#y;z", "d": "", "d.k": "v # c"}}},
		{"quotes stay", awsconfig.ConfigKind, "[default]\na = \"q\"\n", sections{"profile:default": {"a": "\"q\""}}},
		{"keys in any case", awsconfig.ConfigKind, "[default]\nAWS_Access_Key_ID = A\n", sections{"profile:default": {"aws_access_key_id": "A"}}},
		{"equals signs in values", awsconfig.ConfigKind, "[default]\na = b=c==\n", sections{"profile:default": {"a": "b=c=="}}},
		{"indented keys", awsconfig.ConfigKind, "[default]\n  a = 1\n  b = 2\n", sections{"profile:default": {"a": "1", "b": "2"}}},
		{"continuation", awsconfig.ConfigKind, "[default]\na = 1\n  and = 2\n\t3\nb = 4\n", sections{"profile:default": {"a": "1\nand = 2\n3", "b": "4"}}},
		{"nested block", awsconfig.ConfigKind, "[default]\ns3 =\n  max_concurrent_requests = 10\n\n  # c\n  Addressing_Style = path\nregion = r\n",
			sections{"profile:default": {"s3": "", "s3.max_concurrent_requests": "10", "s3.Addressing_Style": "path", "region": "r"}}},
		{"duplicate key and section", awsconfig.ConfigKind, "[default]\na = 1\na = 2\n[default]\nb = 3\n", sections{"profile:default": {"a": "2", "b": "3"}}},
		{"CRLF", awsconfig.ConfigKind, "[default]\r\na = 1\r\n", sections{"profile:default": {"a": "1"}}},
		{"no newline at the end", awsconfig.ConfigKind, "[default]\na = 1", sections{"profile:default": {"a": "1"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := awsconfig.Parse("config", tc.kind, []byte(tc.text))
			if err := f.Err(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, view(f)); d != "" {
				t.Error(d)
			}
			if string(f.Bytes()) != tc.text {
				t.Errorf("the text changed: %q", f.Bytes())
			}
		})
	}
}

func TestFaultsNameFileAndLine(t *testing.T) {
	for text, want := range map[string]string{
		"[default]\ngarbage\n":            `f:2: expected "key = value"`,
		"[default]\nkey: value\n":         `f:2: expected "key = value"`,
		"a = 1\n":                         "f:1: a setting outside any [section]",
		"\n[default\na = 1\n":             "f:2: the section header has no closing bracket",
		"[default]\n= 1\n":                "f:2: a value without a key",
		"[default]\ns3 =\n  nonsense\n":   `f:3: expected "key = value" in the block of s3`,
		"[default]\na = \x00secret\x00\n": "f:2: a NUL byte: this is not a text file",
		"[default] junk\n":                "f:1: text after the section header",
		"a = 1\n  b\n":                    "f:1: a setting outside any [section]",
	} {
		err := awsconfig.Parse("f", awsconfig.ConfigKind, []byte(text)).Err()
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	var got []string
	for _, f := range []*awsconfig.File{
		awsconfig.Parse("config", awsconfig.ConfigKind, []byte("[x]\ngarbage\n[profile a b]\n[]\n[profile]\n[widget w]\n[default]\n a = 1\n  2\n")),
		awsconfig.Parse("credentials", awsconfig.CredentialsKind, []byte("[profile x]\na=1\n[services y]\n")),
	} {
		for _, p := range f.Problems {
			if p.Severity != awsconfig.Warning {
				t.Errorf("%v is fatal", p)
			}
			got = append(got, p.Error.Error())
		}
	}
	want := []string{
		"config:1: [x] is passed over: a profile in a config file is written [profile x]",
		`config:2: expected "key = value"`,
		"config:3: [profile a b] is passed over: a name has letters, digits and _-/.%@:+ only",
		"config:4: [] is passed over: it has no name",
		"config:5: [profile] is passed over: it has no name",
		`config:6: [widget w] is passed over: "widget" is no type of section`,
		"config:9: a line that is deeper than the indented setting above it: SDKs read it in three ways",
		"credentials:1: [profile x] is passed over: in a credentials file a profile is written [x]",
		"credentials:3: [services y] is passed over: a credentials file has no services sections",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestMerge(t *testing.T) {
	config := awsconfig.Parse("config", awsconfig.ConfigKind, []byte(
		"[default]\nregion = hidden\n[profile default]\nregion = r\na = config\n[sso-session s]\nsso_region = x\n[services l]\nsts =\n  endpoint_url = http://e\n"))
	credentials := awsconfig.Parse("credentials", awsconfig.CredentialsKind, []byte("[default]\na = credentials\n[only]\nb = 1\n"))
	c := awsconfig.Merge(config, credentials)
	p := c.Profile("default")
	for key, want := range map[string]string{"region": "r", "a": "credentials", "missing": ""} {
		if got := p.Value(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	if s, _ := p.Get("a"); s.Where() != "credentials:2" {
		t.Errorf("a is at %s", s.Where())
	}
	if d := cmp.Diff([]string{"region", "a"}, p.Keys()); d != "" {
		t.Error(d)
	}
	if c.Profile("nope") != nil || c.SSOSession("s").Value("sso_region") != "x" {
		t.Error("sections")
	}
	sts, _ := c.Services("l").Get("sts")
	if url, _ := sts.Get("endpoint_url"); url.Value != "http://e" || url.Where() != "config:10" {
		t.Errorf("nested: %+v", url)
	}
	var names []string
	for _, p := range c.Profiles() {
		names = append(names, p.Name)
	}
	if d := cmp.Diff([]string{"default", "only"}, names); d != "" {
		t.Error(d)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, awsconfig.MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:  dir + ": cannot be read: it is a directory (a bind mount of a file that did not exist?)",
		fifo: fifo + ": cannot be read: it is no regular file (p---------)",
		big:  big + ": cannot be read: it is larger than 16 MB",
	} {
		if _, err := awsconfig.Load(path, ""); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, path := range []string{"", filepath.Join(dir, "missing"), dangling, os.DevNull} {
		if c, err := awsconfig.Load(path, path); err != nil || len(c.Profiles()) != 0 {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "[default]\na = 1\n", "\ufeff[profile 'x y']\r\ns3 =\r\n  a = b\r\n", "[a]\n k=v\n  w\n[", "[default]\na=\n\tb=1\n c\n", "x\x00y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []awsconfig.Kind{awsconfig.ConfigKind, awsconfig.CredentialsKind} {
			file := awsconfig.Parse("f", kind, []byte(text))
			if string(file.Bytes()) != text {
				t.Fatal("the text changed")
			}
			for _, s := range file.Sections {
				for _, set := range s.Settings() {
					if strings.TrimSpace(set.Key) != set.Key || set.Key == "" || set.Line < 1 {
						t.Fatalf("key %q at line %d", set.Key, set.Line)
					}
				}
			}
			awsconfig.Merge(file, nil).Profiles()
			if file.Err() != nil {
				continue
			}
			h := awsconfig.Header{Type: awsconfig.ProfileSection, Name: "fuzz"}
			edited, err := file.Set(h, "region", "eu-west-1")
			if err != nil {
				continue
			}
			back, err := edited.Unset(h, "region")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(back.Bytes()), strings.TrimRight(text, " \t\r\n")) {
				t.Fatalf("text was lost: %q", back.Bytes())
			}
		}
	})
}
