// Package export is `rolecall export`: credentials as variables, in the language of a shell.
package export

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory *cmdutil.Factory
	Chain   cmdutil.ChainFlags
	Format  string
	Unset   bool
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print credentials as variables for a shell, a dotenv file or JSON",
		Long: `Prints the variables that give a process the credentials, and removes those that
would shadow or mix with them. The credentials are fixed: they end when the
session ends. "rolecall exec" gives a command credentials that renew themselves.`,
		Example: `  eval "$(rolecall export --profile app)"               # sh, bash, zsh
  rolecall export --profile app --format fish | source
  rolecall export --profile app --format powershell | Out-String | Invoke-Expression
  rolecall export --profile app --format dotenv > .env
  eval "$(rolecall export --unset)"                     # take them away again`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Format == "" {
				o.Format = shellOf(f.Getenv("SHELL"))
			}
			if _, ok := dialectOf(o.Format); !ok {
				return cmdutil.FlagErrorf("there is no format %q: choose one of %s", o.Format, strings.Join(formats(), ", "))
			}
			return run(cmd.Context(), o)
		},
	}
	o.Chain.Register(cmd)
	cmdutil.CompleteProfiles(cmd, f)
	cmd.Flags().StringVar(&o.Format, "format", "", "`format`: "+strings.Join(formats(), ", ")+" (default by SHELL)")
	cmd.Flags().BoolVar(&o.Unset, "unset", false, "print what removes the variables instead")
	_ = cmd.RegisterFlagCompletionFunc("format", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return formats(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func shellOf(path string) string {
	switch strings.TrimSuffix(filepath.Base(path), ".exe") {
	case "fish":
		return "fish"
	case "pwsh", "powershell":
		return "powershell"
	}
	return "sh"
}

// variable is one line; unset ones have no value.
type variable struct {
	name, value string
	set         bool
}

// Run resolves and prints.
func Run(ctx context.Context, o *Options) error {
	dialect, _ := dialectOf(o.Format)
	var vars []variable
	if o.Unset {
		vars = unsetAll()
	} else {
		c, creds, err := o.Factory.Resolve(ctx, o.Chain)
		if err != nil {
			return err
		}
		region, _ := c.Region()
		expires := ""
		if creds.CanExpire() {
			expires = creds.Expires.UTC().Format(time.RFC3339)
		}
		vars = setAll(creds.AccessKeyID, creds.SecretAccessKey.Expose(), creds.SessionToken.Expose(), expires, region)
	}
	for _, v := range vars {
		if strings.ContainsFunc(v.value, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			return fmt.Errorf("%s has a control character and is not printed", v.name)
		}
	}
	if _, err := fmt.Fprint(o.Factory.IO.Out, dialect(vars)); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// shadowing are the variables that could change what the credentials mean: the JavaScript SDK prefers
// AWS_PROFILE to keys, botocore an old AWS_SECURITY_TOKEN to the session token.
func shadowing() []string {
	return []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN"}
}

func setAll(id, secret, token, expires, region string) []variable {
	vars := []variable{{"AWS_ACCESS_KEY_ID", id, true}, {"AWS_SECRET_ACCESS_KEY", secret, true}}
	optional := []variable{{"AWS_SESSION_TOKEN", token, token != ""}, {"AWS_CREDENTIAL_EXPIRATION", expires, expires != ""}}
	vars = append(vars, optional...)
	if region != "" {
		// The profile that had the region is out of use now; botocore reads the second one only.
		vars = append(vars, variable{"AWS_REGION", region, true}, variable{"AWS_DEFAULT_REGION", region, true})
	}
	for _, name := range shadowing() {
		vars = append(vars, variable{name: name})
	}
	return vars
}

func unsetAll() []variable {
	var vars []variable
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_SECURITY_TOKEN"} {
		vars = append(vars, variable{name: name})
	}
	return vars
}
