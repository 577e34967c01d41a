package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/declare"
	"github.com/rolecall-dev/rolecall/internal/demo"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/server"
)

func newDemoCmd(f *cmdutil.Factory) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole of it on this machine: plane, agent and client together",
		Long: `Start a plane in a temporary directory, with a private encrypted bucket and a role that may
read one prefix of it; start an agent that delivers the role; and run a client that knows
nothing of either, finds its role by the standard chain, reads what it may and is refused
the rest. Then stay, with lines to paste for other clients, until interrupted.

Nothing outside of the temporary directory and of two ports on 127.0.0.1 is touched.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), f, once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the client has run")
	return cmd
}

// demoRun is a running demo.
type demoRun struct {
	f    *cmdutil.Factory
	self string // the program to start as agent and client
	dir  string
	url  string
}

func runDemo(ctx context.Context, f *cmdutil.Factory, once bool) (err error) {
	self, err := f.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "rolecall-demo-")
	if err != nil {
		return fmt.Errorf("making a temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demoRun{f: f, self: self, dir: dir}

	s, l, node, err := d.openPlane(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- s.Run(serving, l) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()

	agent, err := d.startAgent(ctx, node)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, agent.stop()) }()
	if err := d.show(ctx, agent); err != nil {
		return err
	}
	if once {
		return nil
	}
	d.paste(agent)
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(f.IO.Out)
		return nil
	case err := <-served:
		served <- nil
		return err
	case err := <-agent.done:
		agent.done <- nil
		return fmt.Errorf("the agent ended: %w", err)
	}
}

// openPlane makes the plane, declares what the demo needs, and gives the node a key.
func (d *demoRun) openPlane(ctx context.Context) (s *server.Server, l net.Listener, node rolecall.Credentials, err error) {
	secret := make([]byte, 20)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process instead
	root := &identity.AccessKey{
		ID: identity.NewAccessKeyID(identity.PrefixAccessKey, demo.Account), Account: demo.Account,
		Status: identity.StatusActive, Secret: rolecall.NewSecret(hex.EncodeToString(secret)), Created: d.f.Now(),
	}
	opened, err := server.Open(ctx, server.Config{
		StateDir: filepath.Join(d.dir, "plane"), Account: demo.Account, Region: demo.Region,
		RootKeys: []*identity.AccessKey{root},
		Logger:   slog.New(slog.NewTextHandler(d.f.IO.ErrOut, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, nil, node, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.Close())
		}
	}()
	file, err := declare.Parse("rolecall.yaml", demo.File)
	if err != nil {
		return nil, nil, node, err
	}
	if _, err := apply(ctx, file, demo.Region, opened); err != nil {
		return nil, nil, node, fmt.Errorf("declaring the demo's account: %w", err)
	}
	if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, nil, node, fmt.Errorf("listening: %w", err)
	}
	d.url = "http://" + l.Addr().String()
	node, err = demo.CreateAccessKey(ctx, handlerTransport{opened.Handler()}, demo.Node, rolecall.Credentials{AccessKeyID: root.ID, SecretAccessKey: root.Secret})
	if err != nil {
		return nil, nil, node, errors.Join(err, l.Close())
	}
	return opened, l, node, nil
}

// show runs the client and tells what happened.
func (d *demoRun) show(ctx context.Context, agent *demoAgent) error {
	out := d.f.IO.Out
	_, _ = fmt.Fprintf(out, `plane    %s, STS, IAM and S3 for account %s; state in %s
bucket   s3://%s, private, encrypted at rest
role     %s, may read %s/web-app/* and nothing else
agent    %s, delivers %s to its workload

A client that knows nothing of rolecall, run as "rolecall exec -- demo-client":

`, d.url, demo.Account, d.dir, demo.Bucket, identity.RoleARN(demo.Account, "/", demo.Role), demo.Bucket, agent.url, demo.Role)
	client := []string{"exec", "--", d.self, "demo-client"}
	if err := d.run(ctx, agent.workloadEnv(d.base()), client...); err != nil {
		return fmt.Errorf("running the client: %w", err)
	}
	return d.trail(ctx, agent)
}

// trail tells where the client's credentials came from, hop by hop, as each process resolves it.
func (d *demoRun) trail(ctx context.Context, agent *demoAgent) error {
	delivered, err := chain.Resolve(ctx, chain.Options{Environ: agent.workloadEnv(d.base()), Sessions: chain.NoSessions{}})
	if err != nil {
		return fmt.Errorf("asking the agent: %w", err)
	}
	node, err := chain.Resolve(ctx, chain.Options{Environ: agent.env, Sessions: chain.NoSessions{}})
	if err != nil {
		return fmt.Errorf("resolving the agent's own identity: %w", err)
	}
	role := identity.RoleARN(demo.Account, "/", demo.Role)
	_, _ = fmt.Fprintf(d.f.IO.Out, `
Where its credentials came from, hop by hop:

  demo-client      the endpoint that rolecall exec serves to it alone (above)
  rolecall exec    %s   %s
  rolecall agent   %s   %s
                   AssumeRole %s at %s
`, delivered.Credentials.AccessKeyID, delivered.Credentials.Origin, node.Credentials.AccessKeyID, node.Credentials.Origin, role, d.url)
	return nil
}

// paste prints what to type to see it with other clients.
func (d *demoRun) paste(agent *demoAgent) {
	var exports strings.Builder
	for _, kv := range agent.workload {
		name, value, _ := strings.Cut(kv, "=")
		exports.WriteString("  export " + name + "='" + value + "'\n")
	}
	_, _ = fmt.Fprintf(d.f.IO.Out, `
Try it with your own clients. In another terminal:

%s  export AWS_ENDPOINT_URL='%s' AWS_REGION=%s
  unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN

  aws sts get-caller-identity
  aws s3 cp s3://%[4]s/%[5]s -
  aws s3 cp s3://%[4]s/%[6]s -      # refused

  python3 -c "import boto3; print(boto3.client('s3').get_object(Bucket='%[4]s', Key='%[5]s')['Body'].read())"

  npm install @aws-sdk/client-s3
  node -e "const {S3} = require('@aws-sdk/client-s3'); new S3({forcePathStyle: true})
    .getObject({Bucket: '%[4]s', Key: '%[5]s'}).then(o => o.Body.transformToString()).then(console.log)"

Ctrl-C ends the demo.
`, exports.String(), d.url, demo.Region, demo.Bucket, demo.Allowed, demo.Forbidden)
}
