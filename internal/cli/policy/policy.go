// Package policy is `rolecall policy`: questions about policy documents, answered from files, or by IAM of a plane or AWS.
package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/policy"
)

// Runs replace the work of the subcommands in tests; a nil field means the real one.
type Runs struct {
	Simulate func(context.Context, *SimulateOptions) error
	Explain  func(context.Context, *SimulateOptions) error
	Lint     func(context.Context, *LintOptions) error
	Diff     func(context.Context, *DiffOptions) error
}

// NewCmd returns the command with its subcommands.
func NewCmd(f *cmdutil.Factory, runs *Runs) *cobra.Command {
	if runs == nil {
		runs = &Runs{}
	}
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Ask what policies allow, and what is wrong with them",
		Long: `Answers questions about IAM policy documents from files, with the engine that the
plane decides with. Nothing is sent anywhere, unless simulate or explain are told to ask
a plane or AWS.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSimulate(f, runs.Simulate), newExplain(f, runs.Explain), newLint(f, runs.Lint), newDiff(f, runs.Diff))
	return cmd
}

// read reads a file, or standard input for "-".
func read(f *cmdutil.Factory, name string) ([]byte, error) {
	if name == "-" {
		text, err := io.ReadAll(f.IO.In)
		if err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(name) //nolint:gosec // the user names the file
	if err != nil {
		// Said outright: an error number of the system would count as one of the network.
		return nil, &cmdutil.ExitError{Code: cmdutil.ExitFailure, Err: fmt.Errorf("reading policy: %w", err)}
	}
	return text, nil
}

// load reads and parses a document.
func load(f *cmdutil.Factory, kind policy.Kind, name string) (*policy.Document, error) {
	text, err := read(f, name)
	if err != nil {
		return nil, err
	}
	return parse(kind, name, text)
}

func parse(kind policy.Kind, name string, text []byte) (*policy.Document, error) {
	d, err := policy.Parse(kind, text)
	var refused *policy.Error
	if errors.As(err, &refused) {
		at := name
		if refused.Pos.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d", name, refused.Pos.Line, refused.Pos.Column)
		}
		if refused.Detail != "" {
			return nil, fmt.Errorf("%s: %w (%s)", at, err, refused.Detail)
		}
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return d, err
}

// kindOf guesses what a document is attached to from its first statement: principals make it a
// resource policy, and without resources a trust policy.
func kindOf(text []byte) policy.Kind {
	var d struct{ Statement json.RawMessage }
	if json.Unmarshal(text, &d) != nil {
		return policy.Identity
	}
	var list []map[string]json.RawMessage
	if json.Unmarshal(d.Statement, &list) != nil {
		var one map[string]json.RawMessage
		if json.Unmarshal(d.Statement, &one) != nil {
			return policy.Identity
		}
		list = append(list, one)
	}
	for _, s := range list {
		_, principal := s["Principal"]
		_, notPrincipal := s["NotPrincipal"]
		_, resource := s["Resource"]
		_, notResource := s["NotResource"]
		switch {
		case (principal || notPrincipal) && (resource || notResource):
			return policy.Resource
		case principal || notPrincipal:
			return policy.Trust
		}
	}
	return policy.Identity
}

// parseKind reads the --kind flag; "" asks the document.
func parseKind(flag string, text []byte) (policy.Kind, error) {
	if flag == "" {
		return kindOf(text), nil
	}
	for _, k := range kinds() {
		if k.String() == flag {
			return k, nil
		}
	}
	return 0, cmdutil.FlagErrorf("--kind %q is none of %s", flag, kindNames())
}

func kinds() []policy.Kind {
	return []policy.Kind{
		policy.Identity, policy.Managed, policy.Boundary, policy.Session, policy.Resource, policy.Trust,
		policy.KeyPolicy, policy.SCP, policy.RCP,
	}
}

func kindNames() string {
	names := ""
	for i, k := range kinds() {
		if i > 0 {
			names += ", "
		}
		names += k.String()
	}
	return names
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

func completeKinds(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("kind", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names := make([]string, 0, len(kinds()))
		for _, k := range kinds() {
			names = append(names, k.String())
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}
