package awsconfig_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/awsconfig"
)

// peerCase is a pair of files, and what becomes of them: the merged view, or the fault.
type peerCase struct {
	Name, Config, Credentials string
	Want                      *merged
	Error                     string
}

// merged is the view that all parsers are brought to: nested keys with a dot.
type merged struct {
	Profiles    map[string]map[string]string `json:"profiles"`
	SSOSessions map[string]map[string]string `json:"sso_sessions"`
}

func mergedView(c *awsconfig.Config) *merged {
	m := &merged{map[string]map[string]string{}, map[string]map[string]string{}}
	flat := func(keys []string, get func(string) (awsconfig.Setting, bool)) map[string]string {
		out := map[string]string{}
		for _, key := range keys {
			s, _ := get(key)
			if len(s.Sub) == 0 {
				out[key] = s.Value
			}
			for _, sub := range s.Sub {
				out[key+"."+sub.Key] = sub.Value
			}
		}
		return out
	}
	for _, p := range c.Profiles() {
		m.Profiles[p.Name] = flat(p.Keys(), p.Get)
	}
	for _, name := range c.SSOSessions() {
		g := c.SSOSession(name)
		m.SSOSessions[name] = flat(g.Keys(), g.Get)
	}
	return m
}

// recorded is what a parser of an SDK made of a case.
type recorded struct {
	Error string
	merged
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path) //nolint:gosec // a file of this test
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// departures are the cases in which three or more of the five current SDKs agree and rolecall does something else.
func departures() map[string]string {
	const cli = "the AWS CLI writes such names; a file that it wrote must work"
	return map[string]string{
		"name with a blank in single quotes": cli,
		"name with a blank in double quotes": cli,
		"name with a blank in credentials":   cli,
		"comment in a header":                "three SDKs give the settings to the section before: that must not go unnoticed",
	}
}

// TestFilesAsTheSDKsReadThem plays pairs of files that the parsers of five SDKs were given
// (testdata/sdks.json: which, and what they made of them).
func TestFilesAsTheSDKsReadThem(t *testing.T) {
	var cases []peerCase
	readJSON(t, "testdata/files.json", &cases)
	var sdks struct {
		Versions map[string]string
		Results  map[string]map[string]recorded
	}
	readJSON(t, "testdata/sdks.json", &sdks)
	if len(cases) < 100 || len(sdks.Versions) != 5 {
		t.Fatalf("%d cases, %d SDKs", len(cases), len(sdks.Versions))
	}
	left := departures()
	for _, tc := range cases {
		t.Run(tc.Name, func(t *testing.T) {
			config := awsconfig.Parse("config", awsconfig.ConfigKind, []byte(tc.Config))
			credentials := awsconfig.Parse("credentials", awsconfig.CredentialsKind, []byte(tc.Credentials))
			var got *merged
			message := ""
			if err := config.Err(); err != nil {
				message = err.Error()
			} else if err := credentials.Err(); err != nil {
				message = err.Error()
			} else {
				got = mergedView(awsconfig.Merge(config, credentials))
			}
			if message != tc.Error {
				t.Errorf("got the error %q, want %q", message, tc.Error)
			}
			if d := cmp.Diff(tc.Want, got); d != "" {
				t.Error(d)
			}
			agreed, votes := majority(t, sdks.Results[tc.Name])
			_, departs := left[tc.Name]
			delete(left, tc.Name)
			switch same := agreed == outcome(t, message, got); {
			case votes >= 3 && same == departs, votes < 3 && departs:
				t.Errorf("%d SDKs agree on %s; listed as a departure: %v", votes, agreed, departs)
			}
		})
	}
	if len(left) != 0 {
		t.Errorf("departures without a case: %v", left)
	}
}

// outcome is a merged view or a failure as one comparable text.
func outcome(t *testing.T, message string, m *merged) string {
	t.Helper()
	if message != "" {
		return "error"
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func majority(t *testing.T, results map[string]recorded) (agreed string, votes int) {
	t.Helper()
	if len(results) != 5 {
		t.Fatalf("%d SDKs were recorded", len(results))
	}
	count := map[string]int{}
	for _, r := range results {
		o := outcome(t, r.Error, &r.merged)
		if count[o]++; count[o] > votes {
			agreed, votes = o, count[o]
		}
	}
	return agreed, votes
}
