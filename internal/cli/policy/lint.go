package policy

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/policy/lint"
)

// LintOptions are the flags and dependencies of lint.
type LintOptions struct {
	Factory  *cmdutil.Factory
	Files    []string
	Kind     string
	Accounts []string
	JSON     bool
}

func newLint(f *cmdutil.Factory, run func(context.Context, *LintOptions) error) *cobra.Command {
	o := &LintOptions{Factory: f}
	if run == nil {
		run = Lint
	}
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Find what is legal but wrong in policies",
		Long: `Validates policies as AWS does when they are put, then looks for what is legal but
probably not meant: rights that nobody listed, doors for everybody, conditions that hold
without their key, statements without effect, confused deputies.

Exits with 0 if there is nothing but notes, and with 7 if there is more.`,
		Example: `  rolecall policy lint policies/*.json
  rolecall policy lint --kind trust --account 123456789012 trust.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Files = args
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Kind, "kind", "", "what the policies are attached to (`kind`): "+kindNames()+"; default: as they look")
	cmd.Flags().StringSliceVar(&o.Accounts, "account", nil, "an `account` of your own, which may be trusted; may be repeated")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	completeKinds(cmd)
	return cmd
}

// Finding is the JSON form of a finding.
type Finding struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	Severity  string `json:"severity"`
	Rule      string `json:"rule"`
	Statement int    `json:"statement"`
	Sid       string `json:"sid,omitempty"`
	Message   string `json:"message"`
}

// Lint reads the files and prints findings.
func Lint(_ context.Context, o *LintOptions) error {
	findings := []Finding{}
	serious := false
	var refused error // one bad file does not hide what is wrong with the others
	for _, name := range o.Files {
		text, err := read(o.Factory, name)
		if err != nil {
			return err
		}
		kind, err := parseKind(o.Kind, text)
		if err != nil {
			return err
		}
		d, err := parse(kind, name, text)
		if err != nil {
			refused = errors.Join(refused, err)
			continue
		}
		for _, f := range lint.Document(d, o.Accounts...) {
			serious = serious || f.Severity > lint.Note
			findings = append(findings, Finding{name, f.Pos.Line, f.Pos.Column, f.Severity.String(), f.Rule, f.Statement, f.Sid, f.Message})
		}
	}
	if err := o.print(findings); err != nil {
		return err
	}
	if refused != nil {
		return refused
	}
	if serious {
		return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
	}
	return nil
}

func (o *LintOptions) print(findings []Finding) error {
	if o.JSON {
		return printJSON(o.Factory.IO.Out, findings)
	}
	table := tabwriter.NewWriter(o.Factory.IO.Out, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		_, _ = fmt.Fprintf(table, "%s:%d:%d\t%s\t%s\t%s\n", f.File, f.Line, f.Column, f.Severity, f.Rule, f.Message)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing findings: %w", err)
	}
	return nil
}
