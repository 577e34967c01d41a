package audit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	log "github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/cli/audit"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

// written is a real log of three records, closed.
func written(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	l, err := log.Open(dir, log.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	web := &identity.Principal{Kind: identity.AssumedRole, Account: "123456789012", ARN: "arn:aws:sts::123456789012:assumed-role/web-app/s", UserID: "AROAX:s"}
	for i, e := range []*log.Event{
		{Name: "GetCallerIdentity", Source: "sts.amazonaws.com"},
		{Name: "GetObject", Source: "s3.amazonaws.com", ErrorCode: "AccessDenied", Principal: web, Resources: []log.Resource{{ARN: "arn:aws:s3:::private/\x1bx"}}},
		{Name: "AssumeRole", Source: "sts.amazonaws.com", Principal: web},
	} {
		e.Time, e.RequestID, e.Region, e.SourceIP = noon().Add(time.Duration(i-3)*time.Hour), "r", "us-east-1", "127.0.0.1"
		if err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	streams, _, out, _ := iostreams.Test()
	cmd := audit.NewCmd(&cmdutil.Factory{IO: streams, Now: noon}, nil, nil)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// file is the log's only file.
func file(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v: %v", files, err)
	}
	return files[0]
}

func TestVerify(t *testing.T) {
	dir := written(t)
	for _, path := range []string{dir, file(t, dir)} {
		out, err := execute(t, "verify", path)
		if err != nil || !strings.HasPrefix(out, "ok: ") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	content, err := os.ReadFile(file(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(content, '\n') + 1
	second := first + bytes.IndexByte(content[first:], '\n') + 1
	for name, broken := range map[string][]byte{
		"changed":   bytes.Replace(content, []byte("AccessDenied"), []byte("AccessGiven_"), 1),
		"taken out": append(bytes.Clone(content[:first]), content[second:]...),
		"cut":       content[:bytes.LastIndexByte(content[:len(content)-1], '\n')+1],
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file(t, dir), broken, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := execute(t, "verify", dir)
			if cmdutil.ExitCode(err) != cmdutil.ExitFindings || !strings.Contains(out, "broken: ") {
				t.Errorf("%v\n%s", err, out)
			}
			if out, err = execute(t, "verify", "--json", dir); cmdutil.ExitCode(err) != cmdutil.ExitFindings || !strings.Contains(out, `"ok":false`) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	if out, err := execute(t, "verify", filepath.Join(dir, "none")); cmdutil.ExitCode(err) != cmdutil.ExitFailure {
		t.Errorf("no such log: %v\n%s", err, out)
	}
	if out, err := execute(t, "verify", dir, dir); cmdutil.ExitCode(err) != cmdutil.ExitUsage {
		t.Errorf("two directories: %v\n%s", err, out)
	}
}

func TestShow(t *testing.T) {
	dir := written(t)
	for _, c := range []struct {
		args []string
		want []string // event and result of each row
	}{
		{nil, []string{"GetCallerIdentity ok", "GetObject AccessDenied", "AssumeRole ok"}},
		{[]string{"--denied"}, []string{"GetObject AccessDenied"}},
		{[]string{"--event", "Get*"}, []string{"GetCallerIdentity ok", "GetObject AccessDenied"}},
		{[]string{"--who", "*/web-app/*", "--since", "90m"}, []string{"AssumeRole ok"}},
		{[]string{"--who", "nobody"}, nil},
	} {
		out, err := execute(t, append([]string{"show", dir}, c.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
			fields := strings.Fields(line)
			if fields[2] == "AuditLogOpened" || fields[1] == "rolecall" {
				continue // the log's own
			}
			got = append(got, fields[2]+" "+fields[3])
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v:\n%s\n%s", c.args, diff, out)
		}
		if strings.Contains(out, "\x1b") {
			t.Error("a resource's name reaches the terminal with control characters")
		}
	}
	if out, err := execute(t, "show", "--json", "--event", "AssumeRole", dir); err != nil || strings.Count(out, "\n") != 1 || !strings.HasPrefix(out, "{") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := execute(t, "show", "--event", "[", dir); cmdutil.ExitCode(err) != cmdutil.ExitUsage {
		t.Errorf("bad pattern: %v", err)
	}
}
