// Package agent is the command `rolecall agent`: it serves credentials to the workloads of this machine.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/agent"
	"github.com/rolecall-dev/rolecall/internal/agent/config"
	"github.com/rolecall-dev/rolecall/internal/agent/upstream"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are what the command was asked for.
type Options struct {
	Factory *cmdutil.Factory
	// ConfigFile is --config, "" when it was not given.
	ConfigFile string
	// Flags are the settings that were given as flags; IMDS is --imds.
	Flags map[string]string
	IMDS  []string
}

const long = `Serves short-lived AWS credentials to the workloads of this machine, on the
endpoints that every AWS SDK asks by itself:

  - the container endpoint on 127.0.0.1, with a token per workload;
  - the container endpoint on 169.254.170.2, with a secret path per workload
    (--ecs-address 169.254.170.2:80; adding the address takes CAP_NET_ADMIN);
  - the EC2 instance metadata service, version 2 (--imds 169.254.169.254:80, or
    any other address).

Workloads and their roles are in the file rolecall.yaml:

  agent:
    state: /var/lib/rolecall/agent
  workloads:
    - name: web-app
      role_arn: arn:aws:iam::123456789012:role/web-app
      duration: 1h
      selectors: {uid: [1000], cgroup: [/system.slice/web.service]}

The agent itself uses what the AWS SDKs would find on this machine, or --profile.
Sessions are renewed before anybody waits for them; with a state directory they
also outlive a restart. "rolecall agent env WORKLOAD" prints the variables that a
workload needs. When it answers, the agent prints one line, "ready URL".

Every setting can also be given as a variable: ROLECALL_AGENT_LISTEN for --listen,
and so on. SIGHUP reads the workloads anew.`

// NewCmd returns the command. run replaces [Run] in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Serve credentials to the workloads of this machine",
		Long:  long,
		Example: `  rolecall agent --config rolecall.yaml
  rolecall agent --listen 127.0.0.1:9911 --imds 127.0.0.1:9912 --state /var/lib/rolecall/agent`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.collect(cmd)
			return run(cmd.Context(), o)
		},
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.ConfigFile, "config", "", "configuration (default rolecall.yaml, if it exists)")
	flags.String("listen", "", "address of the container endpoint with tokens (default "+config.DefaultListen+")")
	flags.String("ecs-address", "", "address of the container endpoint with secret paths")
	flags.StringArray("imds", nil, "address of an instance metadata endpoint; may be repeated")
	flags.String("state", "", "directory for keys and sessions; without it they are kept in memory")
	flags.String("tokens", "", "directory for token and environment files (default: in the state directory)")
	flags.String("audit", "", "file for the record of deliveries (default: in the state directory; none: no record)")
	flags.String("region", "", "region of STS and of the workloads")
	flags.String("profile", "", "profile that the agent itself uses")
	flags.String("sts-endpoint", "", "URL of STS or of a rolecall plane")
	flags.String("rate", "", "requests per second of one caller, or none (default 2000)")
	cmd.AddCommand(newEnvCmd(o))
	return cmd
}

// collect takes the flags that were given.
func (o *Options) collect(cmd *cobra.Command) {
	o.Flags = map[string]string{}
	for _, name := range []string{"listen", "ecs-address", "state", "tokens", "audit", "region", "profile", "sts-endpoint", "rate"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
			o.Flags[name] = flag.Value.String()
		}
	}
	o.IMDS, _ = cmd.Flags().GetStringArray("imds") // it is defined above
}

// defaultConfig is read if it exists and no other file is named.
const defaultConfig = "rolecall.yaml"

// load reads the configuration.
func (o *Options) load() (*config.Config, error) {
	f := o.Factory
	name, given := o.ConfigFile, true
	if name == "" {
		if name, given = f.LookupEnv("ROLECALL_CONFIG"); !given {
			name = defaultConfig
		}
	}
	data, err := os.ReadFile(name) //nolint:gosec // the user names the file
	if errors.Is(err, fs.ErrNotExist) && !given {
		name, err = "", nil
	}
	if err != nil {
		return nil, cmdutil.WithHint(fmt.Errorf("reading the configuration: %w", err), "name the file with --config")
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	host, _, _ = strings.Cut(host, ".")
	c, err := config.Load(config.Source{
		File: name, Data: data, LookupEnv: f.LookupEnv, Flags: o.Flags, IMDSFlags: o.IMDS, Host: host,
	})
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be used:\n%w", err)
	}
	return c, nil
}

// The agent lives long and is asked to stay small: what starting took is given back once, and the
// limit makes the collector work harder instead of growing.
const (
	settled     = 500 * time.Millisecond
	memoryLimit = 64 << 20
)

// Run serves until ctx ends.
func Run(ctx context.Context, o *Options) error {
	debug.SetMemoryLimit(memoryLimit)
	c, err := o.load()
	if err != nil {
		return err
	}
	if len(c.Workloads) == 0 {
		return cmdutil.WithHint(errors.New("there are no workloads to serve"), "list them under workloads: in rolecall.yaml; `rolecall agent --help` shows how")
	}
	reload := make(chan os.Signal, 1)
	if s := reloadSignals(); len(s) > 0 { // before anybody knows that we run
		signal.Notify(reload, s...)
		defer signal.Stop(reload)
	}
	logger := o.Factory.Logger()
	source, err := o.identity(c)
	if err != nil {
		return err
	}
	defer source.cache.Close()
	a, err := agent.Start(agent.Options{Config: c, Upstream: source.upstream(), Logger: logger})
	if err != nil {
		return fmt.Errorf("starting the agent: %w", err)
	}
	if _, err := fmt.Fprintln(o.Factory.IO.Out, "ready", readyURL(a)); err != nil {
		return errors.Join(err, a.Close(ctx))
	}
	trim := time.AfterFunc(settled, debug.FreeOSMemory)
	defer trim.Stop()
	err = o.serve(ctx, a, source, reload)
	return errors.Join(err, a.Close(context.WithoutCancel(ctx)))
}

func readyURL(a *agent.Agent) string {
	if u := a.URL(); u != "" {
		return u
	}
	return strings.Join(a.IMDSURLs(), " ")
}

// serve waits for the end, and reads the workloads anew when asked to.
func (o *Options) serve(ctx context.Context, a *agent.Agent, source *identity, reload <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-a.Failed():
			return err
		case <-reload:
			c, err := o.load()
			if err == nil {
				source.regions(c)
				err = a.Reload(c)
			}
			if err != nil {
				o.Factory.Logger().Error("the configuration was not reloaded", "error", err)
			} else {
				o.Factory.Logger().Info("the configuration was reloaded", "workloads", len(c.Workloads))
			}
		}
	}
}

// identity is the node's own.
type identity struct {
	chain    *chain.Chain
	cache    *rolecall.Cache
	endpoint string
	location string
}

// identity makes the chain that the agent itself uses, and fills in the region that it tells.
func (o *Options) identity(c *config.Config) (*identity, error) {
	f := o.Factory
	ch, err := chain.New(chain.Options{
		Environ: f.Environ(), Profile: c.Profile.Value, Region: c.Region.Value,
		HTTPClient: f.HTTPClient(), Logger: f.Logger(), Sessions: chain.NoSessions{},
	})
	if err != nil {
		return nil, err
	}
	i := &identity{
		chain: ch, endpoint: c.STSEndpoint.Value, location: c.File,
		cache: rolecall.NewCache(ch, rolecall.CacheOptions{Logger: f.Logger(), Timeout: 10 * time.Second}),
	}
	i.regions(c)
	return i, nil
}

// regions gives workloads without a region the one that the chain tells.
func (i *identity) regions(c *config.Config) {
	region, origin := i.chain.Region()
	if c.Region.Value == "" {
		c.Region = config.Setting{Value: region, Origin: origin}
	}
	for n := range c.Workloads {
		if c.Workloads[n].Region == "" {
			c.Workloads[n].Region = c.Region.Value
		}
	}
}

func (i *identity) upstream() *upstream.Upstream {
	return upstream.New(upstream.Options{
		Source: i.cache, Location: i.location,
		Client: func(region string) upstream.STS {
			client := *i.chain.STS()
			if region != "" {
				client.Region = region
			}
			if i.endpoint != "" {
				client.Endpoint = i.endpoint
			}
			return &client
		},
	})
}
