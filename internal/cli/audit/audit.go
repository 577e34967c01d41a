// Package audit is `rolecall audit`: look into a plane's audit log and prove that nobody changed it.
package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/audit"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/state"
)

// VerifyOptions are the flags and dependencies of verify.
type VerifyOptions struct {
	Factory *cmdutil.Factory
	Paths   []string
	JSON    bool
	// State is a plane's state directory; then there are no Paths.
	State string
}

// ShowOptions are the flags and dependencies of show.
type ShowOptions struct {
	Factory *cmdutil.Factory
	Paths   []string
	JSON    bool
	Denied  bool
	Event   string
	Who     string
	Since   time.Duration
}

// NewCmd returns the command with its subcommands; verify and show replace their work in tests.
func NewCmd(f *cmdutil.Factory, verify func(context.Context, *VerifyOptions) error, show func(context.Context, *ShowOptions) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read and verify a plane's audit log",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newVerify(f, verify), newShow(f, show))
	return cmd
}

func newVerify(f *cmdutil.Factory, run func(context.Context, *VerifyOptions) error) *cobra.Command {
	o := &VerifyOptions{Factory: f}
	if run == nil {
		run = Verify
	}
	cmd := &cobra.Command{
		Use:   "verify DIRECTORY | FILE...",
		Short: "Prove that no record was changed, taken out or put in",
		Long: `Checks the chain of hashes through the records of an audit log: a plane's audit
directory, or files of one, which are read in the order given. For a directory the end of
the log is checked as well, so that records missing at the end are found.

With --state the end is checked under the plane's master key, which a forger does not have.

Exit code 7 if the chain breaks anywhere, with the file and line.`,
		Example: `  rolecall audit verify /var/lib/rolecall/audit
  rolecall audit verify --state /var/lib/rolecall
  rolecall audit verify old/audit-000001.jsonl old/audit-000002.jsonl`,
		Args: func(_ *cobra.Command, args []string) error {
			if (o.State == "") == (len(args) == 0) {
				return cmdutil.FlagErrorf("name a log directory, files of one, or a plane's state directory with --state")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths = args
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&o.State, "state", "", "state directory of the plane: verifies its log, and with its master key also that the log's end is genuine")
	return cmd
}

// Verify checks and reports; a broken chain is an [cmdutil.ExitError] with [cmdutil.ExitFindings].
func Verify(_ context.Context, o *VerifyOptions) error {
	report, err := verify(o)
	if err != nil {
		return err
	}
	if err := writeReport(o, report); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if len(report.Problems) > 0 {
		return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
	}
	return nil
}

func verify(o *VerifyOptions) (audit.Report, error) {
	if o.State == "" {
		return verifyPaths(o.Paths)
	}
	master, err := state.ReadMasterKey(o.State)
	if err != nil {
		return audit.Report{}, err
	}
	report, err := audit.VerifyDir(filepath.Join(o.State, "audit"), master.MAC("audit"))
	if err != nil {
		return audit.Report{}, unreadable(err)
	}
	return report, nil
}

func verifyPaths(paths []string) (audit.Report, error) {
	if info, err := os.Stat(paths[0]); err != nil {
		return audit.Report{}, unreadable(err)
	} else if info.IsDir() {
		if len(paths) > 1 {
			return audit.Report{}, cmdutil.FlagErrorf("give one directory, or files")
		}
		report, err := audit.VerifyDir(paths[0], nil)
		if err != nil {
			return audit.Report{}, unreadable(err)
		}
		return report, nil
	}
	var v audit.Verifier
	for _, name := range paths {
		if err := withFile(name, func(r io.Reader) error { return v.Read(name, r) }); err != nil {
			return audit.Report{}, unreadable(err)
		}
	}
	return v.Report(), nil
}

// unreadable is a failure of the file system: no finding, and no network either.
func unreadable(err error) error {
	return &cmdutil.ExitError{Code: cmdutil.ExitFailure, Err: fmt.Errorf("reading the audit log: %w", err)}
}

func withFile(name string, read func(io.Reader) error) error {
	file, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	return errors.Join(read(file), file.Close())
}

func writeReport(o *VerifyOptions, r audit.Report) error {
	out := o.Factory.IO.Out
	if o.JSON {
		type problem struct {
			File string `json:"file"`
			Line int    `json:"line"`
			What string `json:"what"`
		}
		problems := []problem{}
		for _, p := range r.Problems {
			problems = append(problems, problem{p.File, p.Line, p.What})
		}
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(struct {
			OK       bool      `json:"ok"`
			Records  uint64    `json:"records"`
			First    uint64    `json:"first"`
			Last     uint64    `json:"last"`
			LastHash string    `json:"lastHash"`
			Torn     bool      `json:"torn"`
			Problems []problem `json:"problems"`
		}{len(r.Problems) == 0, r.Records, r.First, r.Last, r.LastHash, r.Torn, problems})
	}
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "%s\n", p)
	}
	switch {
	case len(r.Problems) > 0:
		fmt.Fprintf(&b, "broken: the chain of %d records breaks in %d places\n", r.Records, len(r.Problems))
	case r.Records == 0:
		b.WriteString("ok: no records\n")
	default:
		fmt.Fprintf(&b, "ok: %d records, %d to %d, unbroken; the last hash is %s\n", r.Records, r.First, r.Last, r.LastHash)
	}
	if len(r.Problems) == 0 && r.First > 1 {
		fmt.Fprintf(&b, "note: records 1 to %d are not in what was read\n", r.First-1)
	}
	if r.Torn {
		b.WriteString("note: the last line has no end: it is being written, or a crash tore it\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func newShow(f *cmdutil.Factory, run func(context.Context, *ShowOptions) error) *cobra.Command {
	o := &ShowOptions{Factory: f}
	if run == nil {
		run = Show
	}
	cmd := &cobra.Command{
		Use:   "show DIRECTORY | FILE...",
		Short: "Show who did what, as a table",
		Long: `Shows the records of an audit log, oldest first. The filters are ANDed. It does not
verify the chain: see "rolecall audit verify".`,
		Example: `  rolecall audit show /var/lib/rolecall/audit --since 1h --denied
  rolecall audit show /var/lib/rolecall/audit --event AssumeRole --who '*web-app*'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths = args
			return run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.JSON, "json", false, "print the records as they are, one JSON object on a line")
	flags.BoolVar(&o.Denied, "denied", false, "only what failed or was refused")
	flags.StringVar(&o.Event, "event", "", "only events of this `name`, such as AssumeRole or 'Get*'")
	flags.StringVar(&o.Who, "who", "", "only callers whose ARN matches the `pattern`, with * and ?")
	flags.DurationVar(&o.Since, "since", 0, "only the last `duration`, such as 90m")
	return cmd
}

// record is what a row of the table needs of a CloudTrail record.
type record struct {
	EventTime    time.Time `json:"eventTime"`
	EventName    string    `json:"eventName"`
	EventSource  string    `json:"eventSource"`
	SourceIP     string    `json:"sourceIPAddress"`
	ErrorCode    string    `json:"errorCode"`
	UserIdentity struct {
		Type        string `json:"type"`
		ARN         string `json:"arn"`
		AccessKeyID string `json:"accessKeyId"`
	} `json:"userIdentity"`
	Resources []struct {
		ARN string `json:"ARN"`
	} `json:"resources"`
}

// Show prints the records that the filters leave.
func Show(ctx context.Context, o *ShowOptions) error {
	for _, pattern := range []string{o.Event, o.Who} {
		if _, err := path.Match(escaped(pattern), ""); err != nil {
			return cmdutil.FlagErrorf("pattern %q: %w", pattern, err)
		}
	}
	files, err := logFiles(o.Paths)
	if err != nil {
		return unreadable(err)
	}
	table := tabwriter.NewWriter(o.Factory.IO.Out, 0, 0, 2, ' ', 0)
	if !o.JSON {
		_, _ = fmt.Fprintln(table, "TIME\tSERVICE\tEVENT\tRESULT\tWHO\tFROM\tRESOURCE") // Flush reports errors
	}
	for _, name := range files {
		err := withFile(name, func(r io.Reader) error { return o.showFile(ctx, r, name, table) })
		if err != nil {
			return unreadable(err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// logFiles lists a directory's files in the order in which they were written.
func logFiles(paths []string) ([]string, error) {
	info, err := os.Stat(paths[0])
	if err != nil || !info.IsDir() {
		return paths, err
	}
	files, err := filepath.Glob(filepath.Join(paths[0], "*.jsonl"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no *.jsonl files in it", paths[0])
	}
	slices.Sort(files)
	return files, err
}

// maxLine bounds a record; the largest hold a policy document or two.
const maxLine = 4 << 20

func (o *ShowOptions) showFile(ctx context.Context, r io.Reader, name string, table io.Writer) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		var event record
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return fmt.Errorf("%s:%d: not a record: %w", name, n, err)
		}
		if !o.wants(&event) {
			continue
		}
		var err error
		if o.JSON {
			_, err = fmt.Fprintf(o.Factory.IO.Out, "%s\n", lines.Bytes())
		} else {
			_, err = fmt.Fprintln(table, event.row())
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

func (o *ShowOptions) wants(e *record) bool {
	return (!o.Denied || e.ErrorCode != "") && matches(o.Event, e.EventName) && matches(o.Who, e.who()) &&
		(o.Since == 0 || e.EventTime.After(o.Factory.Now().Add(-o.Since)))
}

func (e *record) who() string {
	switch {
	case e.UserIdentity.ARN != "":
		return e.UserIdentity.ARN
	case e.UserIdentity.AccessKeyID != "":
		return e.UserIdentity.AccessKeyID
	case e.UserIdentity.Type != "":
		return e.UserIdentity.Type
	default:
		return "-"
	}
}

func (e *record) row() string {
	result, resource := "ok", "-"
	if e.ErrorCode != "" {
		result = e.ErrorCode
	}
	if len(e.Resources) > 0 {
		resource = e.Resources[0].ARN
	}
	columns := []string{
		e.EventTime.UTC().Format(time.RFC3339), strings.TrimSuffix(e.EventSource, ".amazonaws.com"), e.EventName,
		result, e.who(), e.SourceIP, resource,
	}
	for i, column := range columns {
		columns[i] = strings.Map(visible, column)
	}
	return strings.Join(columns, "\t")
}

// visible keeps what somebody put into a name from moving the cursor of who reads it.
func visible(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}

// matches is a glob over the whole text, in which * also spans slashes.
func matches(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(escaped(pattern), escaped(text))
	return ok && err == nil
}

// escaped hides the slashes of ARNs from path.Match.
func escaped(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
