package server

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/server"
	"github.com/rolecall-dev/rolecall/internal/state"
)

func newRootSessionCmd(f *cmdutil.Factory) *cobra.Command {
	var stateDir, account string
	life := server.MaxRootSession
	cmd := &cobra.Command{
		Use:   "root-session",
		Short: "Print credentials of an account's root, for an hour at most",
		Long: `Print temporary credentials of an account's root in the format of credential_process.

The session is sealed with the state directory's master key; whoever may read that key may
do this, with the plane running or not. Nothing is stored, so there is no key to leak later.`,
		Example: `  aws configure set credential_process \
      "rolecall-server root-session --state /var/lib/rolecall --account 123456789012" --profile rolecall-root`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return rootSession(f, stateDir, account, life)
		},
	}
	cmd.Flags().StringVar(&stateDir, "state", "", "state directory of the plane (default as for serve) [ROLECALL_STATE]")
	cmd.Flags().StringVar(&account, "account", string(server.DefaultAccount), "account whose root it is [ROLECALL_ACCOUNT]")
	cmd.Flags().DurationVar(&life, "duration", life, "life of the session, at most 1h")
	return cmd
}

func rootSession(f *cmdutil.Factory, stateDir, account string, life time.Duration) error {
	if v := f.Getenv("ROLECALL_ACCOUNT"); v != "" && account == string(server.DefaultAccount) {
		account = v
	}
	id, err := identity.ParseAccountID(account)
	if err != nil {
		return cmdutil.FlagErrorf("--account: %w", err)
	}
	if stateDir == "" {
		stateDir = f.Getenv("ROLECALL_STATE")
	}
	if stateDir == "" {
		if stateDir, err = defaultStateDir(f); err != nil {
			return err
		}
	}
	master, err := state.ReadMasterKey(stateDir)
	if err != nil {
		return hinted(err)
	}
	c, err := server.NewRootSessions(master).New(id, f.Now(), life)
	if err != nil {
		return err
	}
	// The one place of this program that prints a secret: it is what the command is for.
	out, err := json.MarshalIndent(struct { //nolint:gosec // the secret is what is asked for
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
		AccountID       string `json:"AccountId"`
	}{1, c.AccessKeyID, c.SecretAccessKey.Expose(), c.SessionToken.Expose(), c.Expires.Format(time.RFC3339), c.AccountID}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the credentials: %w", err)
	}
	_, err = fmt.Fprintln(f.IO.Out, string(out))
	return err
}
