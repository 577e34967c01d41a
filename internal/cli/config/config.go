// Package config is `rolecall config`: looking at the AWS shared files, and editing them without damage.
package config

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the commands.
type Options struct {
	Factory *cmdutil.Factory
	JSON    bool
	// Of set and unset.
	Profile, SSOSession string
	Credentials, DryRun bool
	Key, Value          string
	Unset               bool
	// Of rename: Key is the old name and Value the new one, of a profile or of an sso-session.
	Session bool
}

// NewCmd returns the command with its subcommands; run replaces the work of each in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the AWS shared files, and edit them without damage",
		Long: `Works on the AWS shared configuration and credentials files. Edits change the line
in question and nothing else: comments, order, blank lines, links and permissions stay.
The text before the last edit is kept beside the file; "rolecall config undo" puts it back.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	sub := func(use, short, example string, args cobra.PositionalArgs, real func(context.Context, *Options) error) (*cobra.Command, *Options) {
		o := &Options{Factory: f}
		work := real
		if run != nil {
			work = run
		}
		c := &cobra.Command{Use: use, Short: short, Example: example, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Key = args[0]
			}
			if len(args) > 1 {
				o.Value = args[1]
			}
			return work(cmd.Context(), o)
		}}
		cmd.AddCommand(c)
		return c, o
	}
	paths, po := sub("paths", "Print which files are read", "", cobra.NoArgs, RunPaths)
	paths.Flags().BoolVar(&po.JSON, "json", false, "print JSON")
	dump, do := sub("dump", "Print the merged view of the files", "  rolecall config dump --json | jq .profiles", cobra.NoArgs, RunDump)
	dump.Long = "Prints what the files say together. With --json that is everything, secrets included;\nwithout it secrets are left out."
	dump.Flags().BoolVar(&do.JSON, "json", false, "print JSON, secrets included")
	sub("check", "Report everything that is wrong with the files", "", cobra.NoArgs, RunCheck)
	set, so := sub("set KEY VALUE", "Set a setting", "  rolecall config set region eu-west-1 --profile app\n  rolecall config set s3.addressing_style path", cobra.ExactArgs(2), RunEdit)
	unset, uo := sub("unset KEY", "Remove a setting", "  rolecall config unset region --profile app", cobra.ExactArgs(1), RunEdit)
	uo.Unset = true
	rename, ro := sub("rename OLD NEW", "Rename a profile, and what refers to it", "  rolecall config rename prod production\n  rolecall config rename --session corp company", cobra.ExactArgs(2), RunRename)
	rename.Long = "Renames a profile in both files, with every source_profile that names it. The variables that\nname it, such as AWS_PROFILE, are yours to change."
	rename.Flags().BoolVar(&ro.Session, "session", false, "rename an sso-session instead of a profile")
	undo, no := sub("undo", "Take the last edit back", "  rolecall config undo --dry-run", cobra.NoArgs, RunUndo)
	undo.Long = `Puts the text before rolecall's last edit back. A second undo takes the first one back.
It is refused when something else has written the file since.`
	undo.Flags().BoolVar(&no.Credentials, "credentials", false, "undo the last edit of the credentials file instead of the config file")
	for c, o := range map[*cobra.Command]*Options{rename: ro, undo: no} {
		c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show the change and make none")
	}
	editFlags(set, so)
	editFlags(unset, uo)
	return cmd
}

func editFlags(cmd *cobra.Command, o *Options) {
	cmd.Flags().StringVarP(&o.Profile, "profile", "p", "", "`name` of the profile (default: AWS_PROFILE, else default)")
	cmd.Flags().StringVar(&o.SSOSession, "sso-session", "", "edit this sso-session (`name`) instead of a profile")
	cmd.Flags().BoolVar(&o.Credentials, "credentials", false, "edit the credentials file instead of the config file")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "show the change and make none")
	cmdutil.CompleteProfiles(cmd, o.Factory)
}

func open(o *Options) (*chain.Chain, error) {
	return chain.New(o.Factory.ChainOptions(cmdutil.ChainFlags{}))
}

// RunPaths prints the files' places.
func RunPaths(_ context.Context, o *Options) error {
	c, err := open(o)
	if err != nil {
		return err
	}
	p := c.Paths()
	if o.JSON {
		return writeJSON(o, map[string]string{"config": p.Config, "credentials": p.Credentials})
	}
	return write(o, fmt.Sprintf("config       %s%s\ncredentials  %s%s\n", p.Config, by(p.ConfigFrom), p.Credentials, by(p.CredentialsBy)))
}

func by(variable string) string {
	if variable == "" {
		return ""
	}
	return " (from " + variable + ")"
}

// RunDump prints the merged view.
func RunDump(_ context.Context, o *Options) error {
	c, err := open(o)
	if err != nil {
		return err
	}
	p := c.Paths()
	files, err := awsconfig.Load(p.Config, p.Credentials)
	if err != nil {
		return cmdutil.BrokenSource(err)
	}
	if o.JSON {
		return writeJSON(o, view(files))
	}
	var b strings.Builder
	for _, p := range files.Profiles() {
		fmt.Fprintf(&b, "[%s]\n", p.Name)
		for _, key := range p.Keys() {
			s, _ := p.Get(key)
			text := strings.ReplaceAll(s.Value, "\n", " ⏎ ")
			if secretKey(key) {
				text = "(secret)"
			}
			fmt.Fprintf(&b, "%s = %s%s\n", key, text, o.Factory.IO.Faint("  # "+s.Where()))
			for _, sub := range s.Sub {
				fmt.Fprintf(&b, "  %s = %s%s\n", sub.Key, sub.Value, o.Factory.IO.Faint("  # "+sub.Where()))
			}
		}
		b.WriteByte('\n')
	}
	return write(o, b.String())
}

func secretKey(key string) bool {
	switch key {
	case "aws_secret_access_key", "aws_session_token", "aws_security_token":
		return true
	}
	return false
}

// view is the JSON of the files: settings by name, nested blocks as objects.
func view(c *awsconfig.Config) map[string]any {
	profiles := map[string]any{}
	for _, p := range c.Profiles() {
		profiles[p.Name] = settings(p.Keys(), p.Get)
	}
	sessions := map[string]any{}
	for _, name := range c.SSOSessions() {
		g := c.SSOSession(name)
		sessions[name] = settings(g.Keys(), g.Get)
	}
	services := map[string]any{}
	for _, name := range c.ServiceGroups() {
		g := c.Services(name)
		services[name] = settings(g.Keys(), g.Get)
	}
	return map[string]any{"profiles": profiles, "sso_sessions": sessions, "services": services}
}

func settings(keys []string, get func(string) (awsconfig.Setting, bool)) map[string]any {
	out := make(map[string]any, len(keys))
	for _, key := range keys {
		s, _ := get(key)
		if len(s.Sub) == 0 {
			out[key] = s.Value
			continue
		}
		nested := map[string]string{}
		for _, sub := range s.Sub {
			nested[sub.Key] = sub.Value
		}
		out[key] = nested
	}
	return out
}

func writeJSON(o *Options, v any) error {
	enc := json.NewEncoder(o.Factory.IO.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

func write(o *Options, text string) error {
	if _, err := fmt.Fprint(o.Factory.IO.Out, text); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
