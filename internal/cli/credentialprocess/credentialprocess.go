// Package credentialprocess is `rolecall credential-process`: credentials in the format that the AWS
// SDKs expect of the command in a credential_process setting.
package credentialprocess

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory *cmdutil.Factory
	Chain   cmdutil.ChainFlags
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "credential-process",
		Short: "Print credentials for an SDK's credential_process setting",
		Long: `Prints credentials as the JSON that every AWS SDK reads from the command of a
credential_process setting, and nothing else. On a failure nothing is printed on
standard output.

Sessions are shared with the AWS CLI (~/.aws/cli/cache): many processes that ask
at once make one call.`,
		Example: `  # in ~/.aws/config
  [profile app]
  credential_process = rolecall credential-process --profile app-source

  # with another role on top
  credential_process = rolecall credential-process --profile base --role-arn arn:aws:iam::111122223333:role/deploy`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.Chain.Register(cmd)
	cmdutil.CompleteProfiles(cmd, f)
	return cmd
}

// ParseFast reads a command line of this command without the machinery of the whole program, which an SDK that
// starts the command for every request would pay for. It reports false for anything but the
// plain flags, and the ordinary way takes over.
func ParseFast(args []string, f *cmdutil.Factory) (*Options, bool) {
	o := &Options{Factory: f}
	for len(args) > 0 {
		name, value, joined := strings.Cut(args[0], "=")
		args = args[1:]
		if !joined {
			if len(args) == 0 {
				return nil, false
			}
			value, args = args[0], args[1:]
		}
		if value == "" || strings.HasPrefix(value, "-") {
			return nil, false
		}
		switch name {
		case "--profile":
			o.Chain.Profile = value
		case "--role-arn":
			o.Chain.RoleARN = value
		case "--source":
			o.Chain.Source = value
		case "--region":
			o.Chain.Region = value
		default:
			return nil, false
		}
	}
	return o, true
}

// answer is version 1 of the format.
type answer struct {
	Version         int
	AccessKeyId     string //nolint:revive // the format's spelling
	SecretAccessKey string
	SessionToken    string `json:",omitempty"`
	Expiration      string `json:",omitempty"`
	AccountId       string `json:",omitempty"` //nolint:revive // the format's spelling
}

// Run resolves and prints.
func Run(ctx context.Context, o *Options) error {
	_, creds, err := o.Factory.Resolve(ctx, o.Chain)
	if err != nil {
		return err
	}
	a := answer{
		Version: 1, AccessKeyId: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey.Expose(),
		SessionToken: creds.SessionToken.Expose(), AccountId: creds.AccountID,
	}
	if creds.CanExpire() {
		a.Expiration = creds.Expires.UTC().Format(time.RFC3339)
	}
	text, err := json.Marshal(a) //nolint:gosec // to print the secret is the command's work
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	if _, err := o.Factory.IO.Out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
