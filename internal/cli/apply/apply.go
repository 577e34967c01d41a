// Package apply is `rolecall apply`: make accounts look as a rolecall.yaml says.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/declare"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory  *cmdutil.Factory
	Chain    cmdutil.ChainFlags
	File     string
	Endpoint string
	PlanOnly bool
	Yes      bool
	Prune    bool
	JSON     bool
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	if run == nil {
		run = Run
	}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make accounts look as a rolecall.yaml says",
		Long: `Reads the section accounts of rolecall.yaml, compares it with what is there, shows
the difference, asks, and applies it: users, groups, roles, managed policies, instance
profiles and buckets. It speaks AWS's IAM and S3 APIs, to a plane or to AWS.

What the file names is made as the file says, with everything in it: policies, tags and
group memberships that the file does not mention are taken away. What it does not name is
left alone, unless --prune is given: then what carries the tag "rolecall:managed", which
apply sets, and is no longer in the file is deleted. Groups have no tags and buckets must
be empty, so the former are never deleted and the latter only then.

An account other than the caller's own needs a "profile:" in the file whose credentials
administer it. After an error or a crash, run it again: it goes on from there.

Keys of the file, all but id, name, document, trust and key optional:

  accounts:
    - id: "123456789012"
      alias: my-account
      profile: NAME            # whose credentials administer it, if not the caller's
      policies:                # managed policies
        - {name: N, path: /, description: D, document: POLICY, tags: {K: V}}
      groups:
        - {name: N, path: /, inline_policies: {N: POLICY}, attached_policies: [ARN or name]}
      users:
        - {name: N, path: /, groups: [N], permissions_boundary: ARN or name, tags: {K: V}}
      roles:
        - {name: N, path: /, description: D, max_session_duration: 2h, trust: POLICY}
      instance_profiles:
        - {name: N, path: /, role: N, tags: {K: V}}
      buckets:
        - {name: N, policy: POLICY, encryption: AES256, versioning: enabled, tags: {K: V},
           objects: [{key: K, file: PATH, content_type: T, overwrite: true}]}

Users and roles take inline_policies and attached_policies as groups do, roles also
permissions_boundary and tags. A POLICY is a mapping, a JSON string or file:PATH. An object
has a file or a content; one that exists is left alone unless overwrite is true. The
sections agent and workloads are the agent's.`,
		Example: `  rolecall apply --plan
  rolecall apply -f accounts.yaml --yes
  rolecall apply --endpoint-url http://127.0.0.1:4580 --profile root --plan --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	o.Chain.Register(cmd)
	cmdutil.CompleteProfiles(cmd, f)
	flags := cmd.Flags()
	flags.StringVarP(&o.File, "file", "f", "rolecall.yaml", "the `file` to apply")
	flags.StringVar(&o.Endpoint, "endpoint-url", "", "`URL` of the plane; wins over AWS_ENDPOINT_URL and the profile's")
	flags.BoolVar(&o.PlanOnly, "plan", false, "show what would change, and change nothing")
	flags.BoolVarP(&o.Yes, "yes", "y", false, "do not ask before changing anything")
	flags.BoolVar(&o.Prune, "prune", false, "also delete what rolecall manages and the file does not name")
	flags.BoolVar(&o.JSON, "json", false, "print the plan as JSON")
	cmd.MarkFlagsMutuallyExclusive("plan", "yes")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml")
	return cmd
}

// Run plans, shows, asks and applies.
func Run(ctx context.Context, o *Options) error {
	if o.JSON && !o.PlanOnly && !o.Yes {
		return cmdutil.FlagErrorf("--json needs --plan or --yes: a question would not be JSON")
	}
	file, err := declare.Load(o.File)
	if err != nil {
		return fileError(err, o.File)
	}
	target, done, err := o.target(ctx)
	if err != nil {
		return err
	}
	defer done()
	plan, err := declare.NewPlan(ctx, file, target, declare.Options{Prune: o.Prune})
	if err != nil {
		return refusal(err)
	}
	if err := o.show(plan); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if o.PlanOnly || plan.Empty() {
		return nil
	}
	if err := o.confirm(ctx, plan); err != nil {
		return err
	}
	return o.apply(ctx, plan)
}

func (o *Options) show(plan *declare.Plan) error {
	if o.JSON {
		return plan.WriteJSON(o.Factory.IO.Out)
	}
	return plan.WriteText(o.Factory.IO.Out)
}

func (o *Options) confirm(ctx context.Context, plan *declare.Plan) error {
	if o.Yes {
		return nil
	}
	created, updated, deleted := plan.Count()
	answer, err := o.Factory.Prompt(ctx, fmt.Sprintf("Apply %d changes? [y/N] ", created+updated+deleted), false)
	if err != nil {
		return cmdutil.WithHint(err, "give --yes to apply without being asked, or --plan to only look")
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailure, Err: errors.New("nothing was changed")}
	}
}

func (o *Options) apply(ctx context.Context, plan *declare.Plan) error {
	n := 0
	err := plan.Apply(ctx, func(c declare.Change) {
		n++
		if !o.JSON {
			_, _ = fmt.Fprintf(o.Factory.IO.Out, "%s: %sd %s %s\n", c.Account, c.Op, c.Kind, c.Name)
		}
	})
	if err != nil {
		return cmdutil.WithHint(refusal(fmt.Errorf("after %d of %d changes: %w", n, len(plan.Changes), err)),
			"run the command again when that is mended: what was done stays, and it goes on from there")
	}
	if !o.JSON {
		_, err = fmt.Fprintf(o.Factory.IO.Out, "applied %d changes\n", n)
	}
	return err
}

// target resolves the caller's chain, and those of other profiles as accounts need them. done ends
// their caches.
func (o *Options) target(ctx context.Context) (declare.Target, func(), error) {
	own, _, err := o.Factory.Resolve(ctx, o.Chain)
	if err != nil {
		return declare.Target{}, nil, err
	}
	region, _ := own.Region()
	t := declare.Target{Endpoint: o.Endpoint, Region: region, HTTPClient: o.Factory.HTTPClient(), Now: o.Factory.Now}
	if o.Endpoint == "" {
		t.Endpoints = map[string]string{}
		for _, service := range []string{"iam", "sts", "s3"} {
			t.Endpoints[service], _ = own.Endpoint(service)
		}
	}
	var caches []*rolecall.Cache
	t.Credentials = func(_ context.Context, _, profile string) (rolecall.Provider, error) {
		c := own
		if profile != "" {
			if c, err = chain.New(o.Factory.ChainOptions(cmdutil.ChainFlags{Profile: profile, Region: o.Chain.Region})); err != nil {
				return nil, err
			}
		}
		cache := rolecall.NewCache(c, rolecall.CacheOptions{Logger: o.Factory.Logger()})
		caches = append(caches, cache)
		return cache, nil
	}
	return t, func() {
		for _, cache := range caches {
			cache.Close()
		}
	}, nil
}

func fileError(err error, path string) error {
	var problems declare.Problems
	switch {
	case errors.As(err, &problems):
		return &cmdutil.ExitError{Code: cmdutil.ExitFailure, Err: fmt.Errorf("%s is not right:\n%w", path, err), Hint: "nothing was changed; `rolecall apply --help` lists the keys"}
	case errors.Is(err, fs.ErrNotExist):
		return &cmdutil.ExitError{Code: cmdutil.ExitFailure, Err: err, Hint: "name the file with -f"}
	default:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailure, Err: err}
	}
}

// refusal gives a service's no its exit code.
func refusal(err error) error {
	var (
		refused *declare.Error
		account *declare.AccountError
	)
	if errors.As(err, &refused) || errors.As(err, &account) {
		return &cmdutil.ExitError{Code: cmdutil.ExitRefused, Err: err}
	}
	return err
}
