// Package whoami is `rolecall whoami`: which identity a command would use here, and where it came from.
package whoami

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory  *cmdutil.Factory
	Chain    cmdutil.ChainFlags
	JSON     bool
	NoVerify bool
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Show which identity a command would use here, and where it came from",
		Long: `Resolves credentials as an SDK would, asks STS who they are, and shows the whole
trail: file and line, variable or URL of every hop. It prints no secret.

With --no-verify nothing is asked of STS about the result; the account is then
decoded from the access key id. Getting the credentials may still need a call.`,
		Example: `  rolecall whoami
  rolecall whoami --profile prod
  rolecall whoami --role-arn arn:aws:iam::111122223333:role/deploy
  rolecall whoami --no-verify --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.Chain.Register(cmd)
	cmdutil.CompleteProfiles(cmd, f)
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&o.NoVerify, "no-verify", false, "do not ask STS who the credentials are")
	return cmd
}

// Identity is the JSON answer.
type Identity struct {
	ARN           string `json:"arn,omitempty"`
	UserID        string `json:"userId,omitempty"`
	Account       string `json:"account,omitempty"`
	AccessKeyID   string `json:"accessKeyId"`
	Temporary     bool   `json:"temporary"`
	Expires       string `json:"expires,omitempty"`
	Region        string `json:"region,omitempty"`
	RegionFrom    string `json:"regionFrom,omitempty"`
	Profile       string `json:"profile,omitempty"`
	Verified      bool   `json:"verified"`
	VerifyFailure string `json:"verifyFailure,omitempty"`
	Origin        []Hop  `json:"origin"`
}

// Hop is one step of the trail, latest first.
type Hop struct {
	Source   string `json:"source"`
	Location string `json:"location,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// Run resolves, verifies and prints. A verification that fails is told after what is known.
func Run(ctx context.Context, o *Options) error {
	c, creds, err := o.Factory.Resolve(ctx, o.Chain)
	if err != nil {
		return err
	}
	id := describe(c, creds)
	var verifyErr error
	if !o.NoVerify {
		verifyErr = verify(ctx, c, creds, &id)
	}
	if o.JSON {
		enc := json.NewEncoder(o.Factory.IO.Out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(id)
	} else {
		err = print(o, id, creds)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing: %w", err), verifyErr)
	}
	return verifyErr
}

func verify(ctx context.Context, c *chain.Chain, creds rolecall.Credentials, id *Identity) error {
	client := c.STS()
	if client.Region == "" && client.Endpoint == "" {
		client.Region = "aws-global"
	}
	who, err := client.GetCallerIdentity(ctx, creds)
	if err != nil {
		id.VerifyFailure = err.Error()
		return fmt.Errorf("verifying: %w", err)
	}
	id.ARN, id.UserID, id.Account, id.Verified = who.ARN, who.UserID, who.Account, true
	return nil
}

func describe(c *chain.Chain, creds rolecall.Credentials) Identity {
	id := Identity{
		AccessKeyID: creds.AccessKeyID, Account: creds.AccountID, Profile: c.Profile(),
		Temporary: !creds.SessionToken.IsZero(),
	}
	if creds.CanExpire() {
		id.Expires = creds.Expires.UTC().Format(time.RFC3339)
	}
	id.Region, id.RegionFrom = c.Region()
	for _, hop := range creds.Origin.Trail() {
		id.Origin = append(id.Origin, Hop{hop.Source, hop.Location, hop.Detail})
	}
	return id
}

func print(o *Options, id Identity, creds rolecall.Credentials) error {
	io := o.Factory.IO
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, value)
		}
	}
	switch {
	case id.Verified:
		row("identity", io.Bold(id.ARN))
	case o.NoVerify:
		row("identity", io.Faint("not asked (--no-verify)"))
	default:
		row("identity", io.Red("unknown: STS did not confirm it"))
	}
	row("account", id.Account)
	kind := "long-lived"
	if id.Temporary {
		kind = "temporary"
	}
	row("access key", id.AccessKeyID+" ("+kind+")")
	if creds.CanExpire() {
		row("expires", id.Expires+" (in "+left(creds.Expires.Sub(o.Factory.Now()))+")")
	}
	if id.Region != "" {
		row("region", id.Region+" (from "+id.RegionFrom+")")
	}
	for i, hop := range id.Origin {
		text := hop.Source
		if hop.Detail != "" {
			text += " " + hop.Detail
		}
		if hop.Location != "" {
			text += io.Faint(" (" + hop.Location + ")")
		}
		if i == 0 {
			row("from", text)
		} else {
			row("", "← "+text)
		}
	}
	_, err := fmt.Fprint(io.Out, b.String())
	return err
}

// left is a duration to the minute, as a person says it.
func left(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	d = d.Round(time.Minute)
	h, m := int(d.Hours()), int(d.Minutes())%60
	switch {
	case h == 0:
		return fmt.Sprintf("%dm", m)
	case m == 0:
		return fmt.Sprintf("%dh", h)
	}
	return fmt.Sprintf("%dh%dm", h, m)
}
