// Package profiles is `rolecall profiles`: the profiles of the shared files, and what each of them is.
package profiles

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory *cmdutil.Factory
	Profile string
	RoleARN string
	Source  string
	JSON    bool
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "profiles",
		Short: "List the profiles and what each of them is",
		Long: `Lists the profiles of the shared configuration and credentials files: the kind of
source, the role and account as far as the files tell, and the place. Nothing is
asked over the network. The profile in use is marked with a star, one that cannot
work says why.`,
		Example: `  rolecall profiles
  rolecall profiles --source sso
  rolecall profiles --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.Profile, "profile", "p", "", "this profile (`name`) only")
	cmd.Flags().StringVar(&o.RoleARN, "role-arn", "", "profiles of this role (`ARN`) only")
	cmd.Flags().StringVar(&o.Source, "source", "", "profiles of this `kind` only: assume-role, sso, profile (static keys), process, web-identity, login")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	cmdutil.CompleteProfiles(cmd, f)
	return cmd
}

// Row is one profile.
type Row struct {
	Name    string `json:"name"`
	Current bool   `json:"current"`
	// Source is the kind of the winning source, "" when the profile has no credentials.
	Source string `json:"source,omitempty"`
	// Detail is the role or command.
	Detail string `json:"detail,omitempty"`
	Region string `json:"region,omitempty"`
	// Via are the hops to the first source.
	Via []string `json:"via,omitempty"`
	// Location is where the source is configured.
	Location string `json:"location,omitempty"`
	// Problem says why the profile cannot work.
	Problem string `json:"problem,omitempty"`
}

// Run lists.
func Run(_ context.Context, o *Options) error {
	c, err := chain.New(o.Factory.ChainOptions(cmdutil.ChainFlags{}))
	if err != nil {
		return err
	}
	for _, l := range c.Links() {
		var parse *awsconfig.Error
		// Files that cannot be used have no profiles; a profile that cannot work is a row.
		if l.Source == chain.SourceProfile && l.State == chain.Broken && errors.As(l.Err, &parse) && len(c.Config().Profiles()) == 0 {
			return cmdutil.BrokenSource(l.Err)
		}
	}
	all := c.Config().Profiles()
	rows := make([]Row, 0, len(all))
	for _, p := range all {
		row := describe(c, p)
		if o.Profile != "" && row.Name != o.Profile || o.Source != "" && row.Source != o.Source || o.RoleARN != "" && p.Value("role_arn") != o.RoleARN {
			continue
		}
		rows = append(rows, row)
	}
	if o.JSON {
		enc := json.NewEncoder(o.Factory.IO.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(rows); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		return nil
	}
	if len(rows) == 0 {
		_, _ = fmt.Fprintln(o.Factory.IO.ErrOut, "no profiles")
		return nil
	}
	return print(o, rows)
}

func describe(c *chain.Chain, p *awsconfig.Profile) Row {
	l := c.ProfileLink(p.Name)
	row := Row{Name: p.Name, Current: p.Name == c.Profile(), Region: p.Value("region")}
	switch l.State {
	case chain.Present:
		row.Source, row.Detail, row.Location = l.Plan.Source, l.Plan.Detail, l.Plan.Location
		if l.AccessKeyID != "" {
			row.Detail = l.AccessKeyID
		}
		for hop := l.Plan.Via; hop != nil; hop = hop.Via {
			row.Via = append(row.Via, strings.TrimSpace(hop.Source+" "+hop.Detail))
		}
	case chain.Broken:
		row.Problem = l.Err.Error()
	case chain.Absent, chain.Excluded:
	}
	return row
}

func print(o *Options, rows []Row) error {
	io := o.Factory.IO
	name, kind := len("PROFILE"), len("SOURCE")
	for _, r := range rows {
		name, kind = max(name, utf8.RuneCountInString(r.Name)), max(kind, len(r.Source))
	}
	b := bufio.NewWriterSize(io.Out, 64<<10)
	write := func(parts ...string) {
		for _, p := range parts {
			_, _ = b.WriteString(p) // Flush tells of the first error
		}
	}
	pad := func(text string, width int) string {
		return strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0)+2)
	}
	write("  PROFILE", pad("PROFILE", name), "SOURCE", pad("SOURCE", kind), "DETAIL\n")
	for _, r := range rows {
		star := "  "
		if r.Current {
			star = "* "
		}
		write(star, r.Name, pad(r.Name, name), r.Source, pad(r.Source, kind))
		switch {
		case r.Problem != "":
			write(io.Red("broken: "), r.Problem)
		case r.Source == "":
			write(io.Faint("no credentials"))
		default:
			write(r.Detail)
			for _, via := range r.Via {
				write(" ← ", via)
			}
		}
		if r.Location != "" {
			write(io.Faint("  (" + r.Location + ")"))
		}
		write("\n")
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
