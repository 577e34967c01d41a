package audit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/audit"
)

// written makes a log of 33 records in several files.
func written(t *testing.T) (dir string, parts []string) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir, audit.Options{MaxFile: 10_000})
	for range 33 {
		if err := l.Append(t.Context(), event("CreateUser")); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(dir + "/audit-*.jsonl")
	if err != nil || len(parts) < 3 {
		t.Fatalf("%d files, %v", len(parts), err)
	}
	slices.Sort(parts)
	return dir, parts
}

func edit(t *testing.T, name string, f func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(name) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, f(data), 0o600); err != nil { //nolint:gosec // a test's own file
		t.Fatal(err)
	}
}

func cut(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }

func dropLine(n int) func([]byte) []byte {
	return func(b []byte) []byte {
		all := bytes.SplitAfter(b, []byte("\n"))
		return bytes.Join(slices.Delete(all, n, n+1), nil)
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string, parts []string)
		want   string // in the only problem
	}{
		"nothing": {func(*testing.T, string, []string) {}, ""},
		"a word changed": {func(t *testing.T, _ string, p []string) {
			edit(t, p[0], func(b []byte) []byte { return bytes.Replace(b, []byte("bea"), []byte("eve"), 1) })
		}, ".jsonl:2: the record before this one (1) is not the one that was written"},
		"a line taken out": {func(t *testing.T, _ string, p []string) { edit(t, p[0], dropLine(2)) }, ".jsonl:3: record 4 follows record 2"},
		"two lines swapped": {func(t *testing.T, _ string, p []string) {
			edit(t, p[0], func(b []byte) []byte {
				all := bytes.SplitAfter(b, []byte("\n"))
				all[2], all[3] = all[3], all[2]
				return bytes.Join(all, nil)
			})
		}, "record 4 follows record 2"},
		"a line that is no record": {func(t *testing.T, _ string, p []string) {
			edit(t, p[0], func(b []byte) []byte { return append([]byte("{}\n"), b...) })
		}, ".jsonl:1: this record was altered: it has no place in the chain"},
		"a file taken out": {func(t *testing.T, _ string, p []string) {
			if err := os.Remove(p[1]); err != nil {
				t.Fatal(err)
			}
		}, "follows record"},
		"the last line cut off": {func(t *testing.T, _ string, p []string) { edit(t, p[len(p)-1], dropLine(2)) }, "is missing: the log ends at"},
		"the last file cut off": {func(t *testing.T, _ string, p []string) {
			if err := os.Remove(p[len(p)-1]); err != nil {
				t.Fatal(err)
			}
		}, "head: record 33, which was on disk, is missing: the log ends at"},
		"the head taken away": {func(t *testing.T, dir string, _ []string) {
			if err := os.Remove(dir + "/head"); err != nil {
				t.Fatal(err)
			}
		}, "there is no head"},
		"the head of another log": {func(t *testing.T, dir string, _ []string) {
			other := t.TempDir()
			l := open(t, other, audit.Options{Key: bytes.Repeat([]byte{8}, 32)})
			for range 33 {
				if err := l.Append(t.Context(), event("x")); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(other+"/head", dir+"/head"); err != nil {
				t.Fatal(err)
			}
		}, "the head"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, parts := written(t)
			c.damage(t, dir, parts)
			report, err := audit.VerifyDir(dir, key())
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if len(report.Problems) != 0 || report.Records != 33 || report.Last != 33 || report.Torn {
					t.Errorf("%+v", report)
				}
				return
			}
			if len(report.Problems) == 0 || !strings.Contains(report.Problems[0].String(), c.want) {
				t.Errorf("problems %v, want %q", report.Problems, c.want)
			}
		})
	}
}

func TestVerifyOlderFilesElsewhere(t *testing.T) {
	dir, parts := written(t)
	if err := os.Remove(parts[0]); err != nil {
		t.Fatal(err)
	}
	report, err := audit.VerifyDir(dir, key())
	if err != nil || len(report.Problems) != 0 || report.First < 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

// reopen starts the log again and returns what it recorded about the damage.
func reopen(t *testing.T, dir string) []string {
	t.Helper()
	l := open(t, dir, audit.Options{})
	if err := l.Append(t.Context(), event("after")); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, "AuditLog") {
			found = append(found, name)
		}
	}
	return found
}

func TestRestartAfterDamage(t *testing.T) {
	garbage := func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0}, 5000)...) }
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string, parts []string)
		found  []string
		// breaks says that the damage stays visible to a verification.
		breaks bool
	}{
		"nothing": {func(*testing.T, string, []string) {}, nil, false},
		"half a line more": {func(t *testing.T, _ string, p []string) {
			edit(t, p[len(p)-1], func(b []byte) []byte { return append(b, `{"eventVersion":"1.11","userId`...) })
		}, []string{"AuditLogRepaired"}, false},
		"zeros, as after a power cut": {func(t *testing.T, _ string, p []string) { edit(t, p[len(p)-1], garbage) }, []string{"AuditLogRepaired"}, false},
		"lines of nonsense": {func(t *testing.T, _ string, p []string) {
			edit(t, p[len(p)-1], func(b []byte) []byte { return append(b, strings.Repeat("nonsense\n", 100_000)...) })
		}, []string{"AuditLogRepaired"}, false},
		"an empty last file": {func(t *testing.T, dir string, _ []string) {
			if err := os.WriteFile(dir+"/audit-0000000000000034.jsonl", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, false},
		"half a record in a new file": {func(t *testing.T, dir string, _ []string) {
			if err := os.WriteFile(dir+"/audit-0000000000000034.jsonl", []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"AuditLogRepaired"}, false},
		"the last synced line torn": {func(t *testing.T, _ string, p []string) { edit(t, p[len(p)-1], cut(10)) }, []string{"AuditLogRepaired", "AuditLogShortened"}, false},
		"the last file gone": {func(t *testing.T, _ string, p []string) {
			if err := os.Remove(p[len(p)-1]); err != nil {
				t.Fatal(err)
			}
		}, []string{"AuditLogShortened"}, false},
		"the head gone": {func(t *testing.T, dir string, _ []string) {
			if err := os.Remove(dir + "/head"); err != nil {
				t.Fatal(err)
			}
		}, []string{"AuditLogHeadMissing"}, false},
		"the head emptied": {func(t *testing.T, dir string, _ []string) {
			if err := os.Truncate(dir+"/head", 0); err != nil {
				t.Fatal(err)
			}
		}, []string{"AuditLogHeadMissing"}, false},
		"the head forged": {func(t *testing.T, dir string, _ []string) {
			edit(t, dir+"/head", func(b []byte) []byte { return bytes.Replace(b, []byte(`"sequence":33`), []byte(`"sequence":32`), 1) })
		}, []string{"AuditLogHeadForged"}, false},
		"a line in the middle altered": {func(t *testing.T, _ string, p []string) {
			edit(t, p[0], func(b []byte) []byte { return bytes.Replace(b, []byte("bea"), []byte("eve"), 1) })
		}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, parts := written(t)
			c.damage(t, dir, parts)
			if found := reopen(t, dir); !slices.Equal(found, c.found) {
				t.Errorf("recorded %v, want %v", found, c.found)
			}
			report, err := audit.VerifyDir(dir, key())
			if err != nil || (len(report.Problems) > 0) != c.breaks || report.Torn {
				t.Errorf("%+v, %v", report, err)
			}
			if found := reopen(t, dir); !slices.Equal(found, c.found) {
				t.Errorf("the second start found more: %v", found)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	dir := f.TempDir()
	l := open(f, dir, audit.Options{})
	for range 3 {
		if err := l.Append(f.Context(), event("x")); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	good := strings.Join(lines(f, dir), "")
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(strings.Replace(good, "bea", "eve", 1))
	f.Add("\n\n{\"a\":1}\n")
	f.Fuzz(func(t *testing.T, text string) {
		report, err := audit.Verify(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		first := strings.IndexByte(text, '\n')
		if len(report.Problems) > 0 || report.Records < 2 || first < 0 {
			return
		}
		// In a log that is in order no byte of a record that has a successor can change.
		changed := []byte(text)
		changed[len(text)%(first+1)] ^= 1
		if report, err = audit.Verify(bytes.NewReader(changed)); err != nil || len(report.Problems) == 0 {
			t.Errorf("a changed byte was not found: %v", err)
		}
	})
}
