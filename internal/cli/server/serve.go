package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/server"
	"github.com/rolecall-dev/rolecall/internal/state"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	listen      string
	stateDir    string
	account     string
	rootKeyFile string
	configFile  string
	region      string
	baseDomains []string
	dataEvents  bool
	objects     objectStoreOptions
	federation  federationOptions
	logLevel    string
	logFormat   string
}

func newServeCmd(f *cmdutil.Factory, run func(context.Context, *serveOptions) error) *cobra.Command {
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the plane's API (the default)",
		Long: `Serve STS, IAM and S3 on one HTTP port. All state is in one directory, which is made
on the first start and belongs to one process at a time.

When the plane answers, one line "ready http://ADDRESS" goes to standard output.
SIGTERM and SIGINT end it in order: requests in flight finish, nothing is lost.

Nobody has a long-lived administrator key. On the machine itself, whoever may read
the state directory can sign in as root for an hour with "rolecall-server root-session".`,
		Example: `  rolecall-server --state ./state
  rolecall-server --listen 127.0.0.1:4580 --state ./state --account 123456789012 \
      --root-access-key-file root.json
  rolecall-server --state ./state --config rolecall.yaml
  rolecall-server --state ./state --object-store https://s3.example.com --object-store-profile plane`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.fromEnvironment(f, cmd); err != nil {
				return err
			}
			if run != nil {
				return run(cmd.Context(), o)
			}
			return serve(cmd.Context(), f, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:4580", "address and port to serve on; port 0 picks a free one [ROLECALL_LISTEN]")
	flags.StringVar(&o.stateDir, "state", "", "state directory (default $XDG_STATE_HOME/rolecall, ~/.local/state/rolecall) [ROLECALL_STATE]")
	flags.StringVar(&o.account, "account", "", "account to make if it does not exist, 12 digits (default, on a first start, 000000000000) [ROLECALL_ACCOUNT]")
	flags.StringVar(&o.rootKeyFile, "root-access-key-file", "", "file with a key that acts as the account's root while the server runs:\n"+
		`{"AccessKeyId": "…", "SecretAccessKey": "…"}, mode 0600 [ROLECALL_ROOT_ACCESS_KEY_FILE]`)
	flags.StringVar(&o.configFile, "config", "", "rolecall.yaml to apply at the start [ROLECALL_CONFIG]")
	flags.StringVar(&o.region, "region", "us-east-1", "region of the buckets [ROLECALL_REGION]")
	flags.StringSliceVar(&o.baseDomains, "base-domain", nil, "host under which buckets are subdomains; may be repeated")
	o.objects.register(flags)
	o.federation.register(flags)
	flags.BoolVar(&o.dataEvents, "audit-data-events", false, "record reads and writes of objects in the audit log, too")
	flags.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error; debug shows canonical requests of refused signatures")
	flags.StringVar(&o.logFormat, "log-format", "text", "text or json")
	return cmd
}

// fromEnvironment fills flags that were not given from ROLECALL_… variables.
func (o *serveOptions) fromEnvironment(f *cmdutil.Factory, cmd *cobra.Command) error {
	for flag, variable := range map[string]string{
		"listen": "ROLECALL_LISTEN", "state": "ROLECALL_STATE", "account": "ROLECALL_ACCOUNT",
		"root-access-key-file": "ROLECALL_ROOT_ACCESS_KEY_FILE", "config": "ROLECALL_CONFIG", "region": "ROLECALL_REGION",
		"object-store": "ROLECALL_OBJECT_STORE", "oidc-trusted-network": "ROLECALL_OIDC_TRUSTED_NETWORK", "oidc-ca-file": "ROLECALL_OIDC_CA_FILE",
	} {
		if value := f.Getenv(variable); value != "" && !cmd.Flags().Changed(flag) {
			if err := cmd.Flags().Set(flag, value); err != nil {
				return cmdutil.FlagErrorf("%s: %w", variable, err)
			}
		}
	}
	if o.stateDir == "" {
		dir, err := defaultStateDir(f)
		if err != nil {
			return err
		}
		o.stateDir = dir
	}
	return nil
}

// defaultStateDir follows the XDG base directory specification.
func defaultStateDir(f *cmdutil.Factory) (string, error) {
	if dir := f.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "rolecall"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", cmdutil.WithHint(fmt.Errorf("finding the state directory: %w", err), "name one with --state DIR")
	}
	return filepath.Join(home, ".local", "state", "rolecall"), nil
}

// config checks the flags and reads the files that they name, all but rolecall.yaml.
func (o *serveOptions) config(logger *slog.Logger) (server.Config, error) {
	c := server.Config{
		StateDir: o.stateDir, Region: o.region, BaseDomains: o.baseDomains, DataEvents: o.dataEvents, Logger: logger,
	}
	if o.account != "" {
		account, err := identity.ParseAccountID(o.account)
		if err != nil {
			return c, cmdutil.FlagErrorf("--account: %w", err)
		}
		c.Account = account
	}
	var err error
	if c.Federation, err = o.federation.config(); err != nil {
		return c, err
	}
	if o.rootKeyFile != "" {
		account := c.Account
		if account == "" {
			account = server.DefaultAccount
			c.Account = account
		}
		key, err := server.ReadRootKey(o.rootKeyFile, account)
		if err != nil {
			return c, hinted(err)
		}
		c.RootKeys = append(c.RootKeys, key)
	}
	return c, nil
}

// hinted takes over the hint that an error brings along.
func hinted(err error) error {
	var h interface{ Hint() string }
	switch {
	case errors.As(err, &h):
		return cmdutil.WithHint(err, "%s", h.Hint())
	case errors.Is(err, state.ErrLocked):
		return cmdutil.WithHint(err, "end that plane first, or give this one a directory of its own with --state")
	default:
		return err
	}
}

func serve(ctx context.Context, f *cmdutil.Factory, o *serveOptions) (err error) {
	logger, err := newLogger(f, o.logLevel, o.logFormat)
	if err != nil {
		return err
	}
	c, err := o.config(logger)
	if err != nil {
		return err
	}
	store, release, err := o.objects.open(f, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if store != nil {
		c.Objects = store
	}
	s, err := server.Open(ctx, c)
	if err != nil {
		return hinted(err)
	}
	if err := serveOpen(ctx, f, o, s); err != nil {
		return errors.Join(err, s.Close())
	}
	return s.Close()
}

func serveOpen(ctx context.Context, f *cmdutil.Factory, o *serveOptions, s *server.Server) error {
	if o.configFile != "" {
		if err := applyAtStart(ctx, f, o.configFile, o.region, s); err != nil {
			return err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return cmdutil.WithHint(fmt.Errorf("listening on %s: %w", o.listen, err), "choose another address with --listen; port 0 picks a free one")
	}
	url := "http://" + l.Addr().String()
	if s.FirstStart() && o.rootKeyFile == "" {
		greet(f, o, s, url)
	}
	_, _ = fmt.Fprintf(f.IO.Out, "ready %s\n", url)
	return s.Run(ctx, l)
}

// greet tells once, on the first start, how to get in.
func greet(f *cmdutil.Factory, o *serveOptions, s *server.Server, url string) {
	_, _ = fmt.Fprintf(f.IO.ErrOut, `A new plane for account %s, in %s.
Sign in as its root (one hour at a time; whoever may read that directory can):

    aws configure set credential_process "rolecall-server root-session --account %s --state %s" --profile rolecall-root
    aws configure set endpoint_url %s --profile rolecall-root
    aws configure set region %s --profile rolecall-root
    aws sts get-caller-identity --profile rolecall-root

`, s.Account(), o.stateDir, s.Account(), absolute(o.stateDir), url, o.region)
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
