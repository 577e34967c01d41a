// Package token is `rolecall token`: the bearer token of an SSO sign-in.
package token

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory *cmdutil.Factory
	Profile string
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print the bearer token of a profile's SSO sign-in",
		Long: `Prints the token that a sign-in to IAM Identity Center left in ~/.aws/sso/cache, as
{"token": …, "expiration": …}. A token with less than five minutes left is refreshed
first, if its sso-session and client registration allow that, and written back for the
AWS CLI and the SDKs. If that fails, a token that still lives is printed all the same.`,
		Example: `  rolecall token --profile app`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.Profile, "profile", "p", "", "`name` of the profile")
	cmdutil.CompleteProfiles(cmd, f)
	return cmd
}

// Run prints the token.
func Run(ctx context.Context, o *Options) error {
	c, err := chain.New(o.Factory.ChainOptions(cmdutil.ChainFlags{Profile: o.Profile}))
	if err != nil {
		return err
	}
	// What is wrong with a file is said before what it seems to lack.
	if _, err := awsconfig.Load(c.Paths().Config, c.Paths().Credentials); err != nil {
		return cmdutil.BrokenSource(err)
	}
	token, expires, err := c.SSOToken(ctx)
	if err != nil {
		return cmdutil.SourceError(err)
	}
	enc := json.NewEncoder(o.Factory.IO.Out)
	enc.SetEscapeHTML(false)
	err = enc.Encode(map[string]string{"token": token.Expose(), "expiration": expires.UTC().Format(time.RFC3339)})
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
