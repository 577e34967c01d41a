//go:build peers

package peers

import (
	"os"
	"path/filepath"
	"testing"
)

// verifyAudit checks the chain of a stopped plane's audit log with the command that people use, and that the command
// finds a line that somebody changed.
func verifyAudit(t *testing.T, state string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(state, "audit*", "*.json*"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(state, "audit*.json*"))
	if err != nil {
		t.Fatal(err)
	}
	if found = append(found, more...); len(found) != 1 {
		t.Fatalf("looking for the audit log in %s: %v", state, found)
	}
	vars := []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
	mustRun(t, vars, t.TempDir(), build(t).Client, "audit", "verify", found[0])

	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "audit.jsonl")
	data[len(data)/2] ^= 1
	if err := os.WriteFile(changed, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, err := run(t, vars, t.TempDir(), build(t).Client, "audit", "verify", changed); err == nil {
		t.Errorf("a changed line goes unnoticed:\n%s%s", out, errs)
	}
}
