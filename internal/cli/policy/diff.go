package policy

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/policy/diff"
)

// DiffOptions are the flags and dependencies of diff.
type DiffOptions struct {
	Factory  *cmdutil.Factory
	Old, New string
	Kind     string
	Exit     bool
	JSON     bool
}

func newDiff(f *cmdutil.Factory, run func(context.Context, *DiffOptions) error) *cobra.Command {
	o := &DiffOptions{Factory: f}
	if run == nil {
		run = Diff
	}
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what a change of a policy grants and removes",
		Long: `Compares what two versions of a policy say, not how they say it: order, lists and
what another statement covers anyway make no difference. + gives rights, - takes them.

Patterns are compared as patterns; which actions a service has is not looked at.`,
		Example: `  rolecall policy diff old.json new.json
  git show HEAD:web.json | rolecall policy diff - web.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Old, o.New = args[0], args[1]
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Kind, "kind", "", "what the policies are attached to (`kind`): "+kindNames()+"; default: as they look")
	cmd.Flags().BoolVar(&o.Exit, "exit-code", false, "exit with 7 if the new policy gives rights that the old one did not")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	completeKinds(cmd)
	return cmd
}

// Change is the JSON form of a change.
type Change struct {
	Widens   bool   `json:"widens"`
	Sentence string `json:"sentence"`
}

// Diff reads two files and prints the changes.
func Diff(_ context.Context, o *DiffOptions) error {
	if o.Old == "-" && o.New == "-" {
		return cmdutil.FlagErrorf("only one of the policies can come from standard input")
	}
	newText, err := read(o.Factory, o.New)
	if err != nil {
		return err
	}
	kind, err := parseKind(o.Kind, newText)
	if err != nil {
		return err
	}
	newDoc, err := parse(kind, o.New, newText)
	if err != nil {
		return err
	}
	oldDoc, err := load(o.Factory, kind, o.Old)
	if err != nil {
		return err
	}
	changes := []Change{}
	widens := false
	for _, c := range diff.Documents(oldDoc, newDoc) {
		changes = append(changes, Change(c))
		widens = widens || c.Widens
	}
	if o.JSON {
		if err := printJSON(o.Factory.IO.Out, changes); err != nil {
			return err
		}
	} else {
		o.print(changes)
	}
	if widens && o.Exit {
		return &cmdutil.ExitError{Code: cmdutil.ExitFindings}
	}
	return nil
}

func (o *DiffOptions) print(changes []Change) {
	for _, c := range changes {
		sign := "-"
		if c.Widens {
			sign = "+"
		}
		_, _ = fmt.Fprintf(o.Factory.IO.Out, "%s %s\n", sign, c.Sentence)
	}
	if len(changes) == 0 {
		_, _ = fmt.Fprintln(o.Factory.IO.Out, "the policies say the same")
	}
}
