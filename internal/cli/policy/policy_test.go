package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/cli/iostreams"
	"github.com/rolecall-dev/rolecall/internal/cli/policy"
)

// run runs the command and returns its output and exit code.
func run(t *testing.T, stdin string, args ...string) (out string, code int, err error) {
	t.Helper()
	streams, in, stdout, _ := iostreams.Test()
	in.WriteString(stdin)
	f := &cmdutil.Factory{
		IO: streams, Environ: func() []string { return nil },
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	}
	cmd := policy.NewCmd(f, nil)
	cmd.SetArgs(args)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(context.Background())
	return stdout.String(), cmdutil.ExitCode(err), err
}

func TestOutput(t *testing.T) {
	const someone = "--principal=arn:aws:iam::123456789012:user/ann"
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"allowed", "", []string{"simulate", someone, "-a", "s3:GetObject", "-r", "arn:aws:s3:::data/ann/x", "-p", "testdata/analyst.json"}, 0, `
s3:GetObject on arn:aws:s3:::data/ann/x: allowed
  identity-based policy  allowed  statement "Read", testdata/analyst.json:4
`},
		{"denied", "", []string{"simulate", someone, "-a", "s3:GetObject", "-r", "arn:aws:s3:::data/bob/x", "-p", "testdata/analyst.json"}, 7, `
s3:GetObject on arn:aws:s3:::data/bob/x: implicit deny
  because no identity-based policy allows the s3:GetObject action
  identity-based policy  implicit deny  no statement applies
`},
		{"explicit", "", []string{"simulate", someone, "-a", "s3:GetObject", "-r", "arn:aws:s3:::data/ann/x", "-p", "testdata/analyst.json", "-c", "aws:SourceIp=198.51.100.1"}, 7, `
s3:GetObject on arn:aws:s3:::data/ann/x: explicit deny
  with an explicit deny in an identity-based policy
  identity-based policy  explicit deny  statement "Guests", testdata/analyst.json:10
`},
		{"cross account", "", []string{"simulate", "--principal=arn:aws:iam::444455556666:user/ci", "-a", "sts:AssumeRole", "-r", "arn:aws:iam::111122223333:role/deploy", "-p", "testdata/ci.json", "--trust", "testdata/trust.json"}, 0, `
sts:AssumeRole on arn:aws:iam::111122223333:role/deploy: allowed
  role trust policy      allowed  statement 1, testdata/trust.json:3
  identity-based policy  allowed  statement 1, testdata/ci.json:1
`},
		{"explain", "", []string{"explain", someone, "-a", "s3:GetObject", "-r", "arn:aws:s3:::data/bob/x", "-p", "testdata/analyst.json", "-c", "aws:SourceIp=192.0.2.3"}, 7, `
s3:GetObject on arn:aws:s3:::data/bob/x: implicit deny
  because no identity-based policy allows the s3:GetObject action
  identity-based policy  implicit deny  no statement applies
    - statement "Guests" of testdata/analyst.json (line 10) would deny, but IpAddress aws:SourceIp wants "198.51.100.0/24": the request has "192.0.2.3"
    - statement "Read" of testdata/analyst.json (line 4) would allow, but its Resource is "arn:aws:s3:::data/ann/*": the request has "arn:aws:s3:::data/bob/x"
`},
		{"lint", "", []string{"lint", "testdata/wider.json", "testdata/trust.json"}, 7, `
testdata/wider.json:5:5  danger   allow-not-action  Allow with NotAction grants every action that is not listed, those of future services too: list what is needed, or use Deny with NotAction
testdata/trust.json:3:16  warning  confused-deputy  the whole account 444455556666 is trusted without sts:ExternalId: if it is another company's, its other customers may reach this role
`},
		{"lint own account", "", []string{"lint", "--account", "444455556666", "testdata/trust.json"}, 0, "\n"},
		{"diff", "", []string{"diff", "testdata/analyst.json", "testdata/wider.json"}, 0, `
+ grants s3:PutObject on arn:aws:s3:::data/${aws:username}/*
+ grants everything but iam:* on everything
+ no longer denies s3:* on everything if aws:SourceIp IpAddress "198.51.100.0/24"
`},
		{"diff same", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"],"Resource":["arn:aws:iam::111122223333:role/deploy"]}]}`,
			[]string{"diff", "-", "testdata/ci.json"}, 0, "\nthe policies say the same\n"},
		{"diff exit code", "", []string{"diff", "--exit-code", "testdata/analyst.json", "testdata/wider.json"}, 7, `
+ grants s3:PutObject on arn:aws:s3:::data/${aws:username}/*
+ grants everything but iam:* on everything
+ no longer denies s3:* on everything if aws:SourceIp IpAddress "198.51.100.0/24"
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code, err := run(t, c.stdin, c.args...)
			if code != c.code {
				t.Errorf("exit code %d (%v), want %d", code, err, c.code)
			}
			want := strings.TrimPrefix(c.want, "\n")
			if diff := cmp.Diff(squeeze(want), squeeze(out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// squeeze evens out the padding of columns.
func squeeze(s string) []string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return lines
}

func TestJSON(t *testing.T) {
	out, code, err := run(t, "", "simulate", "--json", "--principal=arn:aws:iam::123456789012:role/web", "-a", "s3:GetObject,s3:PutObject", "-r", "arn:aws:s3:::data/x", "-p", "testdata/analyst.json", "--boundary", "testdata/wider.json")
	if code != 7 {
		t.Errorf("exit code %d: %v", code, err)
	}
	var got []policy.Answer
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Decision != "implicitDeny" || got[0].DecidedBy != "identity-based policy" || len(got[0].Layers) != 2 ||
		got[0].Layers[1].Verdict != "allowed" || !cmp.Equal(got[0].MissingKeys, []string{"aws:SourceIp", "aws:username"}) {
		t.Errorf("%s", out)
	}
	for _, args := range [][]string{{"lint", "--json", "testdata/ci.json"}, {"diff", "--json", "testdata/ci.json", "testdata/ci.json"}} {
		if out, code, _ := run(t, "", args...); out != "[]\n" || code != 0 {
			t.Errorf("%v: %q, %d", args, out, code)
		}
	}
}

// TestRefusedAmongOthers: a document that AWS would refuse does not hide what is wrong with the next.
func TestRefusedAmongOthers(t *testing.T) {
	out, code, err := run(t, "", "lint", "testdata/bad.json", "testdata/wider.json")
	if code != 1 || err == nil || !strings.HasPrefix(err.Error(), "testdata/bad.json:3:80") || !strings.Contains(out, "testdata/wider.json:") {
		t.Errorf("%d: %v\n%s", code, err, out)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no such file", []string{"lint", "testdata/none.json"}, 1, "reading policy: open testdata/none.json: no such file or directory"},
		{"refused", []string{"lint", "testdata/bad.json"}, 1, `testdata/bad.json:3:80: Syntax errors in policy. (unknown element "Unless")`},
		{"kind", []string{"lint", "--kind", "x", "testdata/ci.json"}, 2, `--kind "x" is none of identity, managed, boundary, session, resource, trust, key, scp, rcp`},
		{"wrong kind", []string{"lint", "--kind", "trust", "testdata/ci.json"}, 1, "testdata/ci.json:1:40: Missing required field Principal"},
		{"action", []string{"simulate", "-a", "s3:*"}, 2, `--action "s3:*": want one service:Operation, such as s3:GetObject`},
		{"context", []string{"simulate", "-a", "s3:Get", "-c", "x"}, 2, `--context "x": want key=value, such as aws:SourceIp=192.0.2.7`},
		{"principal", []string{"simulate", "-a", "s3:Get", "-p", "testdata/ci.json", "--principal", "arn:aws:iam::123456789012:group/x"}, 2, `--principal "arn:aws:iam::123456789012:group/x" is no user, role, role session, federated user, provider or root`},
		{"principal word", []string{"simulate", "-a", "s3:Get", "-p", "testdata/ci.json", "--principal", "ann"}, 2, `--principal "ann" is neither an ARN nor the name of a service or provider`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, code, err := run(t, "", c.args...)
			if err == nil || err.Error() != c.want || code != c.code {
				t.Errorf("%d: %v\nwant %d: %s", code, err, c.code, c.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	streams, _, _, _ := iostreams.Test()
	var got policy.SimulateOptions
	stop := errors.New("stop")
	cmd := policy.NewCmd(&cmdutil.Factory{IO: streams}, &policy.Runs{Simulate: func(_ context.Context, o *policy.SimulateOptions) error {
		got = *o
		return stop
	}})
	cmd.SetArgs([]string{"simulate", "-a", "a:b,c:d", "-r", "x", "-r", "y", "-p", "i", "--session", "s", "--scp", "1", "--scp", "2", "--rcp", "r", "--key-policy", "k", "--boundary", "b", "--resource-account", "1", "-c", "a:b=c", "--json", "--endpoint-url", "e", "--profile", "p", "--region", "r"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.Execute(); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	got.Factory = nil
	want := policy.SimulateOptions{
		Files:   policy.Files{Identity: []string{"i"}, Session: []string{"s"}, SCP: []string{"1", "2"}, RCP: []string{"r"}, Boundary: "b", KeyName: "k"},
		Actions: []string{"a:b", "c:d"}, Resources: []string{"x", "y"}, Owner: "1",
		Context: []string{"a:b=c"}, JSON: true, Endpoint: "e", Profile: "p", Region: "r",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
