package cmdutil

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/awsconfig"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/sealedcache"
	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/provider/sso"
)

// ChainFlags are the flags by which a command says whose credentials it means.
type ChainFlags struct {
	Profile string
	RoleARN string
	Source  string
	Region  string
}

// Register adds --profile, --role-arn, --source and --region.
func (c *ChainFlags) Register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&c.Profile, "profile", "p", "", "`name` of the profile; wins over AWS_PROFILE and over keys in the environment")
	f.StringVar(&c.RoleARN, "role-arn", "", "take on this role (`ARN`) with what was found")
	f.StringVar(&c.Source, "source", "", "ask this `source` only: environment, web-identity, profile, container, imds")
	f.StringVar(&c.Region, "region", "", "AWS `region`; wins over AWS_REGION and the profile's")
	_ = cmd.RegisterFlagCompletionFunc("source", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return chain.Sources(), cobra.ShellCompDirectiveNoFileComp
	})
}

// CompleteProfiles makes --profile complete to the profiles of f's environment.
func CompleteProfiles(cmd *cobra.Command, f *Factory) {
	_ = cmd.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := chain.New(f.ChainOptions(ChainFlags{}))
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, p := range c.Config().Profiles() {
			names = append(names, p.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

// ChainOptions returns the options of a chain that asks the person at the terminal for codes, shares
// sessions with the AWS CLI, and keeps all others in rolecall's own cache.
func (f *Factory) ChainOptions(flags ChainFlags) chain.Options {
	return chain.Options{
		Environ: f.Environ(), Profile: flags.Profile, RoleARN: flags.RoleARN, Source: flags.Source, Region: flags.Region,
		HTTPClient: f.HTTPClient(), Logger: f.Logger(), Now: f.Now, Stderr: f.IO.ErrOut, Stdin: f.IO.In,
		Sessions: f.Sessions(),
		TokenCode: func(ctx context.Context, serial string) (string, error) {
			return f.Prompt(ctx, "MFA code for "+serial+": ", true)
		},
		Device: ChooseDevice(f.Prompt),
	}
}

// Sessions returns the store of sessions of this user.
func (f *Factory) Sessions() chain.SessionStore {
	return &chain.FileSessions{
		Dir: filepath.Join(f.home(), ".aws", "cli", "cache"), Now: f.Now,
		Other: sealedcache.New(sealedcache.Options{
			Dir: f.CacheDir(), Keychain: sealedcache.SystemKeychain(f.Getenv), Now: f.Now,
			Warn: func(message string) { f.Logger().Warn(message) },
		}),
	}
}

// CacheDir is the folder of rolecall's own cache: ROLECALL_CACHE_DIR, else below XDG_CACHE_HOME or ~/.cache.
func (f *Factory) CacheDir() string {
	if dir := f.Getenv("ROLECALL_CACHE_DIR"); dir != "" {
		return dir
	}
	if dir := f.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "rolecall")
	}
	return filepath.Join(f.home(), ".cache", "rolecall")
}

func (f *Factory) home() string { return chain.Home(f.Getenv) }

// Resolve makes the chain that the flags ask for and gets its credentials. Its errors carry the exit
// code and the hint of what is wrong with the source.
func (f *Factory) Resolve(ctx context.Context, flags ChainFlags) (*chain.Chain, rolecall.Credentials, error) {
	c, err := chain.New(f.ChainOptions(flags))
	if err != nil {
		return nil, rolecall.Credentials{}, &FlagError{Err: err}
	}
	creds, err := c.Retrieve(ctx)
	if err != nil {
		return c, rolecall.Credentials{}, SourceError(err)
	}
	return c, creds, nil
}

// SourceError adds to an error of the chain what a person needs to mend it.
func SourceError(err error) error {
	var (
		signIn  *sso.SignInError
		logIn   *login.SignInError
		missing *chain.ProfileError
		parse   *awsconfig.Error
	)
	switch {
	case errors.As(err, &signIn):
		return BrokenSource(WithHint(err, "sign in with `%s`", signIn.Command()))
	case errors.As(err, &logIn):
		return BrokenSource(WithHint(err, "sign in with `%s`", logIn.Command()))
	case errors.As(err, &missing):
		return BrokenSource(WithHint(err, "run `rolecall profiles` to see which there are"))
	case errors.As(err, &parse):
		return BrokenSource(err)
	case errors.Is(err, rolecall.ErrNotHere):
		return err
	}
	return BrokenSource(err)
}
