package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/provider/sso"
)

// FixOptions are the flags and dependencies of `rolecall fix`.
type FixOptions struct {
	Factory *cmdutil.Factory
	// Yes applies what can be applied.
	Yes bool
}

// NewFixCmd returns `rolecall fix`; run replaces its work in tests.
func NewFixCmd(f *cmdutil.Factory, run func(context.Context, *FixOptions) error) *cobra.Command {
	o := &FixOptions{Factory: f}
	if run == nil {
		run = RunFix
	}
	cmd := &cobra.Command{
		Use:   "fix",
		Short: "Propose what mends the problems of files and variables, and apply it",
		Long: `Looks for what is wrong with the AWS shared files and with this environment, and
proposes for each problem an edit, a command for your shell, or says that it is yours to decide.

With --yes the edits and permissions are applied, all edits of a file at once; "rolecall
config undo" takes them back. Variables belong to your shell: run what is proposed there.

Exit code: 0 if nothing is wrong, or all of it was mended; 7 if something is left.`,
		Example: "  rolecall fix\n  rolecall fix --yes",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "apply the edits and permissions")
	return cmd
}

// problem is something wrong and what mends it: one of edit, chmod and shell, or none.
type problem struct {
	text  string
	edit  func(*awsconfig.File) (*awsconfig.File, error)
	chmod bool
	shell string
	// at is the place, where an error of the chain may begin with it.
	at string
	// rank orders the edits of a file: those that need its line numbers come first.
	rank int
}

// fixFile is one of the two files with its problems.
type fixFile struct {
	path     string
	kind     awsconfig.Kind
	problems []problem
}

// RunFix proposes, and applies with --yes.
func RunFix(ctx context.Context, o *FixOptions) error {
	c, err := chain.New(o.Factory.ChainOptions(cmdutil.ChainFlags{}))
	if err != nil {
		return err
	}
	co := &Options{Factory: o.Factory, DryRun: !o.Yes}
	paths := c.Paths()
	files := []*fixFile{{path: paths.Config, kind: awsconfig.ConfigKind}, {path: paths.Credentials, kind: awsconfig.CredentialsKind}}
	usable := true
	for _, f := range files {
		usable = f.look() && usable
	}
	rest := shellProblems(c, o.Factory)
	if usable {
		for _, p := range c.Config().Profiles() {
			l := c.ProfileLink(p.Name)
			switch text := fmt.Sprint(l.Err); {
			case l.State == chain.Broken && !slices.ContainsFunc(files, func(f *fixFile) bool { return f.mends(text) }):
				rest = append(rest, problem{text: text})
			case l.State == chain.Present && p.Value("duration_seconds") != "":
				durations(c, l, files)
			}
		}
	}
	found, left := len(rest), len(rest)
	for _, f := range files {
		n, err := f.mend(ctx, co)
		if err != nil {
			return err
		}
		found, left = found+len(f.problems), left+n
	}
	for _, p := range rest {
		do := "  this is yours to decide\n"
		if p.shell != "" {
			do = "  run: " + p.shell + "\n"
		}
		if err := write(co, p.text+"\n"+do); err != nil {
			return err
		}
	}
	switch {
	case found == 0:
		return write(co, "nothing to fix\n")
	case left == 0:
		return nil
	case !o.Yes && left > len(rest):
		if err := write(co, "\n`rolecall fix --yes` applies the edits and permissions\n"); err != nil {
			return err
		}
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
}

// mends tells whether an edit of the file is for the place that an error begins with.
func (f *fixFile) mends(text string) bool {
	return slices.ContainsFunc(f.problems, func(p problem) bool {
		return p.edit != nil && p.at != "" && strings.HasPrefix(text, p.at+": ")
	})
}

// durations proposes for a role whose duration AWS refuses the nearest one that it gives.
func durations(c *chain.Chain, l chain.Link, files []*fixFile) {
	s := c.Steps(l)[0]
	if s.Allowed == 0 {
		return
	}
	for _, f := range files {
		if !strings.HasPrefix(s.DurationFrom, f.path+":") {
			continue
		}
		h := awsconfig.Header{Type: awsconfig.ProfileSection, Name: s.Profile}
		f.problems = append(f.problems, problem{
			text: s.Warning, at: s.DurationFrom, rank: 2,
			edit: func(file *awsconfig.File) (*awsconfig.File, error) {
				return file.Set(h, "duration_seconds", strconv.Itoa(int(s.Allowed/time.Second)))
			},
		})
	}
}

// look finds the file's problems; it is false if the file cannot be used.
func (f *fixFile) look() bool {
	file, err := awsconfig.ReadFile(f.path, f.kind)
	switch {
	case err != nil:
		f.problems = append(f.problems, problem{text: err.Error()})
		return false
	case file == nil:
		return true
	}
	if len(openToOthers(f.path, file)) > 0 {
		f.problems = append(f.problems, problem{text: f.path + ": others can read a file with secrets", chmod: true})
	}
	if file.Err() != nil {
		for _, p := range file.Problems {
			if p.Severity == awsconfig.Fatal {
				f.problems = append(f.problems, problem{text: p.Error.Error()})
			}
		}
		return false
	}
	for _, s := range file.Sections {
		h := awsconfig.Header{Type: s.Type, Name: s.Name}
		if s.Type == awsconfig.UnknownSection {
			if h = f.header(s); h.Name == "" {
				continue
			}
		}
		for _, set := range s.Settings() {
			f.setting(h, set)
		}
		f.keys(h, s)
	}
	return true
}

// header proposes the right way to write the header of a section that looks like a profile, and returns
// it; it is zero for others.
func (f *fixFile) header(s *awsconfig.Section) awsconfig.Header {
	keys := strings.Fields("region output role_arn source_profile credential_source credential_process aws_access_key_id sso_session sso_start_url sso_account_id login_session web_identity_token_file saml_process")
	if !slices.ContainsFunc(s.Settings(), func(set awsconfig.Setting) bool { return slices.Contains(keys, set.Key) }) {
		return awsconfig.Header{} // the AWS CLI has sections of its own
	}
	h := awsconfig.Header{Type: awsconfig.ProfileSection, Name: s.Name}
	if f.kind == awsconfig.CredentialsKind {
		rest, ok := strings.CutPrefix(s.Name, "profile ")
		if !ok {
			return awsconfig.Header{}
		}
		h.Name = strings.TrimSpace(rest)
	}
	f.problems = append(f.problems, problem{
		text: fmt.Sprintf("%s:%d: [%s] is passed over", f.path, s.Line, s.Name),
		edit: func(file *awsconfig.File) (*awsconfig.File, error) { return file.Reheader(s.Line, h) },
	})
	return h
}

func (f *fixFile) setting(h awsconfig.Header, set awsconfig.Setting) {
	v := set.Value
	if n := len(v); n > 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] && set.Key != "credential_process" && set.Key != "mfa_process" && set.Key != "saml_process" {
		f.problems = append(f.problems, problem{
			text: fmt.Sprintf("%s: the quotes are part of the value of %s", set.Where(), set.Key), rank: 1,
			edit: func(file *awsconfig.File) (*awsconfig.File, error) { return file.Set(h, set.Key, v[1:n-1]) },
		})
	}
	if _, err := strconv.Atoi(v); err != nil && set.Key == "duration_seconds" && v != "" {
		f.problems = append(f.problems, problem{
			text: set.Where() + ": duration_seconds is no number and is passed over", rank: 2,
			edit: func(file *awsconfig.File) (*awsconfig.File, error) { return file.Unset(h, set.Key) },
		})
	}
	if set.Key != "credential_source" {
		return
	}
	for _, source := range []string{"Environment", "Ec2InstanceMetadata", "EcsContainer"} {
		if v != source && strings.EqualFold(v, source) {
			f.problems = append(f.problems, problem{
				text: fmt.Sprintf("%s: credential_source %q is taken for nothing: case counts", set.Where(), v), at: set.Where(), rank: 2,
				edit: func(file *awsconfig.File) (*awsconfig.File, error) { return file.Set(h, set.Key, source) },
			})
		}
	}
}

// keys proposes to remove a session token that cannot belong to the long-lived key beside it.
func (f *fixFile) keys(h awsconfig.Header, s *awsconfig.Section) {
	id, token := "", awsconfig.Setting{}
	for _, set := range s.Settings() {
		switch set.Key {
		case "aws_access_key_id":
			id = set.Value
		case "aws_session_token":
			token = set
		}
	}
	if !strings.HasPrefix(id, "AKIA") || token.Value == "" {
		return
	}
	f.problems = append(f.problems, problem{
		text: fmt.Sprintf("%s: %s is a long-lived key and takes no session token: AWS refuses the two together", token.Where(), id), rank: 2,
		edit: func(file *awsconfig.File) (*awsconfig.File, error) { return file.Unset(h, token.Key) },
	})
}

// mend shows the problems with what mends them, applies that unless it is a dry run, and returns how
// many are left. The edits of a file are one edit, so that one undo takes all of them back.
func (f *fixFile) mend(ctx context.Context, o *Options) (left int, err error) {
	slices.SortStableFunc(f.problems, func(a, b problem) int { return a.rank - b.rank })
	edits := 0
	failed := make([]error, len(f.problems))
	all := func(file *awsconfig.File) (*awsconfig.File, error) {
		for i, p := range f.problems {
			if p.edit == nil {
				continue
			}
			changed, err := p.edit(file)
			if failed[i] = err; err == nil {
				file, edits = changed, edits+1
			}
		}
		return file, nil
	}
	var before, after []byte
	if slices.ContainsFunc(f.problems, func(p problem) bool { return p.edit != nil }) {
		if before, after, err = apply(ctx, o, f.path, f.kind, all); err != nil {
			return 0, err
		}
	}
	var b strings.Builder
	for i, p := range f.problems {
		b.WriteString(p.text + "\n")
		switch {
		case p.chmod:
			b.WriteString("  chmod 600 " + f.path + "\n")
			if o.DryRun {
				left++
			} else if err := os.Chmod(f.path, 0o600); err != nil {
				return 0, fmt.Errorf("closing the file to others: %w", err)
			}
		case failed[i] != nil:
			fmt.Fprintf(&b, "  this is yours to decide: %v\n", failed[i])
			left++
		case p.edit == nil:
			b.WriteString("  this is yours to decide\n")
			left++
		}
	}
	if edits > 0 {
		b.WriteString(diff(f.path, before, after))
		if o.DryRun {
			left += edits
		}
	}
	return left, write(o, b.String())
}

// shellProblems are those of the environment, which only its shell can mend.
func shellProblems(c *chain.Chain, f *cmdutil.Factory) []problem {
	var found []problem
	set := func(name string) bool { return f.Getenv(name) != "" }
	const id, secret, expiry = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CREDENTIAL_EXPIRATION" //nolint:gosec // names of variables, not their values
	switch {
	case set(id) && !set(secret):
		found = append(found, problem{text: id + " is set without " + secret, shell: "unset " + id})
	case set(secret) && !set(id):
		found = append(found, problem{text: secret + " is set without " + id, shell: "unset " + secret})
	}
	if v := f.Getenv("AWS_PROFILE"); v != "" && c.Config().Profile(v) == nil {
		p := problem{text: fmt.Sprintf("AWS_PROFILE names the profile %q, which does not exist", v), shell: "unset AWS_PROFILE"}
		var names []string
		for _, known := range c.Config().Profiles() {
			names = append(names, known.Name)
		}
		if meant := cmdutil.Similar(v, names); meant != "" {
			p.shell = "export AWS_PROFILE=" + quoted(meant)
		}
		found = append(found, p)
	} else if d := f.Getenv("AWS_DEFAULT_PROFILE"); v == "" && d != "" && d != "default" {
		found = append(found, problem{
			text:  "AWS_DEFAULT_PROFILE is passed over by most SDKs",
			shell: "export AWS_PROFILE=" + quoted(d) + "; unset AWS_DEFAULT_PROFILE",
		})
	}
	for _, l := range c.Links() {
		switch {
		case l.State == chain.Present && l.Source == chain.SourceEnvironment:
			found = append(found, mismatched(c.Steps(l)[0])...)
		case l.State != chain.Broken:
		case l.Source == chain.SourceEnvironment && set(id) && set(secret) && set(expiry):
			found = append(found, problem{text: l.Err.Error(), shell: "unset " + id + " " + secret + " AWS_SESSION_TOKEN " + expiry})
		case l.Source == chain.SourceWebIdentity && !set("AWS_ROLE_ARN"):
			found = append(found, problem{text: l.Err.Error(), shell: "unset AWS_WEB_IDENTITY_TOKEN_FILE"})
		}
	}
	if w := c.Winner(); w >= 0 && c.Links()[w].State == chain.Present {
		found = append(found, signIn(chain.Fault(c.Steps(c.Links()[w])))...)
	}
	return found
}

// mismatched are the variables that do not go together.
func mismatched(s chain.Step) []problem {
	switch {
	case s.Warning == "":
		return nil
	case s.Temporary:
		return []problem{{text: s.Warning, shell: "unset AWS_SESSION_TOKEN"}}
	}
	return []problem{{text: s.Warning, shell: "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"}}
}

// signIn is the command that opens the session that the winner needs.
func signIn(fault error) []problem {
	if fault == nil {
		return nil
	}
	var (
		portal  *sso.SignInError
		console *login.SignInError
	)
	switch {
	case errors.As(fault, &portal):
		return []problem{{text: fault.Error(), shell: portal.Command()}}
	case errors.As(fault, &console):
		return []problem{{text: fault.Error(), shell: console.Command()}}
	}
	return []problem{{text: fault.Error()}}
}

// quoted is text as a POSIX shell reads it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
