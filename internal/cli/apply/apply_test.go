package apply_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rolecall-dev/rolecall/internal/cli/apply"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

const file = `accounts:
  - id: "123456789012"
    groups: [{name: devs}]
`

// factory is one whose commands only see env and home.
func factory(t *testing.T, env ...string) (*cmdutil.Factory, *bytes.Buffer) {
	t.Helper()
	streams, _, out, _ := iostreams.Test()
	home := t.TempDir()
	return &cmdutil.Factory{
		IO: streams, Now: time.Now,
		Environ: func() []string {
			return append([]string{"HOME=" + home, "ROLECALL_CACHE_DIR=" + home, "AWS_EC2_METADATA_DISABLED=true"}, env...)
		},
		Logger:     func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		HTTPClient: func() *http.Client { return nil },
	}, out
}

func rootEnv(p *planetest.Plane) []string {
	root := p.Root(planetest.Account)
	return []string{"AWS_ACCESS_KEY_ID=" + root.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + root.SecretAccessKey, "AWS_ENDPOINT_URL=" + p.URL}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rolecall.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func execute(t *testing.T, f *cmdutil.Factory, args ...string) error {
	t.Helper()
	cmd := apply.NewCmd(f, nil)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	return cmd.ExecuteContext(t.Context())
}

func TestFlags(t *testing.T) {
	f, _ := factory(t)
	var got apply.Options
	cmd := apply.NewCmd(f, func(_ context.Context, o *apply.Options) error {
		got = *o
		return nil
	})
	cmd.SetArgs([]string{"-f", "x.yaml", "--endpoint-url", "http://h", "--profile", "p", "--region", "r", "-y", "--prune", "--json"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := apply.Options{File: "x.yaml", Endpoint: "http://h", Yes: true, Prune: true, JSON: true, Chain: cmdutil.ChainFlags{Profile: "p", Region: "r"}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(apply.Options{}, "Factory")); diff != "" {
		t.Error(diff)
	}
}

func TestPlanApplyAgain(t *testing.T) {
	p := planetest.New(t)
	path := write(t, file)
	const plan = "account 123456789012\n  + group devs\n      + path: /\nplan: 1 to create, 0 to change, 0 to delete\n"
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"-f", path, "--plan"}, plan},
		{[]string{"-f", path, "--yes"}, plan + "123456789012: created group devs\napplied 1 changes\n"},
		{[]string{"-f", path, "--yes"}, "no changes: everything is as declared\n"},
		{[]string{"-f", path, "--plan", "--json"}, "{\n  \"changes\": [],\n  \"create\": 0,\n  \"update\": 0,\n  \"delete\": 0\n}\n"},
		{[]string{"-f", path}, "no changes: everything is as declared\n"},
	} {
		f, out := factory(t, rootEnv(p)...)
		if err := execute(t, f, step.args...); err != nil {
			t.Fatalf("%v: %v", step.args, err)
		}
		if diff := cmp.Diff(step.want, out.String()); diff != "" {
			t.Fatalf("%v:\n%s", step.args, diff)
		}
	}
}

func TestFailures(t *testing.T) {
	p := planetest.New(t)
	good := write(t, file)
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		want string
	}{
		{"no file", rootEnv(p), []string{"-f", filepath.Join(t.TempDir(), "none.yaml")}, cmdutil.ExitFailure, "no such file"},
		{"bad file", rootEnv(p), []string{"-f", write(t, "acounts: []\n")}, cmdutil.ExitFailure, `:1: unknown key "acounts"`},
		{"no credentials", nil, []string{"-f", good}, cmdutil.ExitNoCredentials, ""},
		{"other account", rootEnv(p), []string{"-f", write(t, strings.Replace(file, "123456789012", "210987654321", 1)), "--plan"}, cmdutil.ExitRefused, "give that account a profile: in the file"},
		{"unknown key", []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=x", "AWS_ENDPOINT_URL=" + p.URL}, []string{"-f", good, "--plan"}, cmdutil.ExitRefused, "InvalidClientTokenId"},
		{"nobody to ask", rootEnv(p), []string{"-f", good}, cmdutil.ExitFailure, ""},
		{"json and a question", rootEnv(p), []string{"-f", good, "--json"}, cmdutil.ExitUsage, "--json needs --plan or --yes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := factory(t, c.env...)
			err := execute(t, f, c.args...)
			if err == nil || cmdutil.ExitCode(err) != c.code || !strings.Contains(err.Error(), c.want) {
				t.Errorf("exit %d, want %d: %v", cmdutil.ExitCode(err), c.code, err)
			}
		})
	}
}

func TestAsks(t *testing.T) {
	for answer, applied := range map[string]bool{"y\n": true, "no\n": false, "\n": false} {
		p := planetest.New(t)
		f, _ := factory(t, rootEnv(p)...)
		f.IO.SetTTY(func() (iostreams.TTY, error) { return &terminal{in: strings.NewReader(answer)}, nil })
		err := execute(t, f, "-f", write(t, file))
		if applied != (err == nil) {
			t.Errorf("%q: %v", answer, err)
		}
		var exit *cmdutil.ExitError
		if !applied && (!errors.As(err, &exit) || err.Error() != "nothing was changed") {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

type terminal struct {
	in *strings.Reader
	bytes.Buffer
}

func (t *terminal) Read(p []byte) (int, error)  { return t.in.Read(p) }
func (t *terminal) ReadSecret() (string, error) { return "", errors.New("no secret was asked for") }
func (t *terminal) Close() error                { return nil }
