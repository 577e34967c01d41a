package declare

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const example = `
version: 1
accounts:
  - id: "123456789012"
    policies:
      - name: read-logs
        document:
          Version: 2012-10-17
          Statement:
            Effect: Allow
            Action: logs:Get*
            Resource: "*"
    groups:
      - name: devs
        attached_policies: [read-logs]
    users:
      - name: ci
        path: /robots/
        tags: {team: build}
        groups: [devs]
    roles:
      - name: web-app
        description: the web application
        max_session_duration: 2h
        trust: file:trust.json
        inline_policies:
          read: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::private/web-app/*"]}]}'
    instance_profiles:
      - name: web-app
        role: web-app
    buckets:
      - name: private
        encryption: AES256
        versioning: enabled
        objects:
          - key: web-app/credentials.json
            content: '{"user":"web"}'
            content_type: application/json
agent:
  listen: 127.0.0.1:1
workloads:
  - name: whatever the agent reads
`

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}`

// in writes files into a directory and returns it.
func in(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	f, err := Load(filepath.Join(in(t, "rolecall.yaml", example, "trust.json", trust), "rolecall.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]string{}
	for _, e := range f.Accounts[0].entities {
		got[string(e.kind)+" "+e.name] = e.attributes
	}
	want := map[string]map[string]string{
		"policy read-logs": {
			"path": "/", "tag rolecall:managed": "true",
			"document": `{"Statement":{"Action":"logs:Get*","Effect":"Allow","Resource":"*"},"Version":"2012-10-17"}`,
		},
		"group devs": {"path": "/", "attached policy arn:aws:iam::123456789012:policy/read-logs": "attached"},
		"user ci":    {"path": "/robots/", "tag team": "build", "tag rolecall:managed": "true", "group devs": "member"},
		"role web-app": {
			"path": "/", "description": "the web application", "max session duration": "7200", "tag rolecall:managed": "true",
			"trust policy":       trust,
			"inline policy read": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::private/web-app/*"]}]}`,
		},
		"instance profile web-app":                {"path": "/", "role": "web-app", "tag rolecall:managed": "true"},
		"bucket private":                          {"encryption": "AES256", "versioning": "Enabled", "tag rolecall:managed": "true"},
		"object private/web-app/credentials.json": {"content sha256": "9baf00a87c3ae663c48dbc685e6a1d728ea5b7d93742ed8d6fc7aa9ef929637b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each file is wrong in the ways listed, all reported at once with their lines.
func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"empty", "", []string{"f: the file is empty"}},
		{"unknown keys", "accounts:\n  - id: '123456789012'\n    user: []\nbukets: []\n", []string{`f:3: unknown key "user"`, `f:4: unknown key "bukets"`}},
		{"not a list", "accounts:\n  id: '1'\n", []string{"f:2: want a list here, not a mapping"}},
		{"two documents", "accounts: [{id: '123456789012'}]\n---\na: 1\n", []string{"f: more than one YAML document; give each its own file"}},
		{"syntax", "accounts: [\n", []string{"f:1: did not find expected node content"}},
		{"accounts", "accounts:\n- id: 12\n- id: '123456789012'\n- id: '123456789012'\n", []string{`f:2: account id "12": want 12 digits`, "f:4: account 123456789012 is declared twice"}},
		{"entities", `accounts:
- id: "123456789012"
  alias: Main
  policies:
  - name: p
  groups:
  - path: x
  users:
  - name: u
    attached_policies: [q]
    tags: {rolecall:managed: "no"}
  - name: u
  roles:
  - name: r
    max_session_duration: 13h
    trust: {Version: 2012-10-17}
    inline_policies: {i: "{"}
  - name: s
    trust: file:missing.json
  - name: t
  buckets:
  - name: b
    encryption: rot13
    versioning: perhaps
    objects:
    - key: k
    - key: l
      file: missing
`, []string{
			`f:3: alias "Main": want 3 to 63 lower-case letters, digits and single hyphens`,
			"f:5: policy p has no document",
			"f:7: a group of account 123456789012 has no name",
			`f:7: path "x" of group : want it to begin and end with /`,
			`f:10: policy "q" is neither an ARN nor a policy that account 123456789012 declares in this file`,
			`f:11: tag "rolecall:managed" is reserved`,
			"f:12: user u is declared twice, first at line 9",
			`f:15: role r: max_session_duration "13h": want 1h to 12h`,
			"f:16: trust of role r: ",
			"f:17: inline policy i of role r is not JSON: unexpected end of JSON input",
			"f:19: trust of role s: open missing.json: no such file or directory",
			"f:20: role t has no trust policy, so that nobody could assume it",
			`f:23: encryption "rot13": want AES256 or aws:kms`,
			`f:24: versioning "perhaps": want enabled or suspended`,
			"f:26: object k needs either file or content",
			"f:28: object l: open missing: no such file or directory",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.file))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("%v", err)
			}
			lines := strings.Split(err.Error(), "\n")
			for i := range lines {
				if i < len(c.want) && strings.HasSuffix(c.want[i], ": ") && strings.HasPrefix(lines[i], c.want[i]) {
					lines[i] = c.want[i] // the policy language's words are its package's
				}
			}
			if diff := cmp.Diff(c.want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSameDocument(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`{"a":"x"}`, `{ "a": ["x"] }`, true},
		{`{"a":["x","y"]}`, `{"a":["y","x"]}`, true},
		{`{"a":["x","y"]}`, `{"a":["x","z"]}`, false},
		{`{"Principal":{"AWS":"123456789012"}}`, `{"Principal":{"AWS":"arn:aws:iam::123456789012:root"}}`, true},
		{`{"Resource":"arn:aws:iam::123456789012:root"}`, `{"Resource":"123456789012"}`, false},
		{`{"Condition":{"Bool":{"k":true}}}`, `{"Condition":{"Bool":{"k":"true"}}}`, true},
		{`{"a":"x"}`, ``, false},
		{`{`, `{`, true},
		{`{`, `{}`, false},
	} {
		if got := sameDocument(c.a, c.b); got != c.same {
			t.Errorf("sameDocument(%s, %s) = %v", c.a, c.b, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("accounts: [{id: '123456789012', roles: [{name: a, trust: &a {b: *a}}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "file") {
			return // reads no files while fuzzing
		}
		file, err := Parse("f", data)
		var problems Problems
		if (file == nil) == (err == nil) || err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Fatalf("%v, %v", file, err)
		}
	})
}
