package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/chain"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/demo"
)

// newDemoClientCmd is the program that the demo runs under exec. All that it knows is in the AWS_…
// variables that every SDK reads.
func newDemoClientCmd(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:    "demo-client",
		Short:  "The program that the demo runs under exec",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return demoClient(cmd.Context(), f) },
	}
}

func demoClient(ctx context.Context, f *cmdutil.Factory) error {
	found, err := chain.Resolve(ctx, chain.Options{Environ: f.Environ(), Now: f.Now})
	if err != nil {
		return err
	}
	c := found.Credentials
	_, _ = fmt.Fprintf(f.IO.Out, "  found     %s, good for %s\n            %s\n", c.AccessKeyID, left(c, f.Now()), c.Origin)
	endpoint := f.Getenv("AWS_ENDPOINT_URL")
	for _, try := range []struct {
		key  string
		want int
	}{{demo.Allowed, http.StatusOK}, {demo.Forbidden, http.StatusForbidden}} {
		read, err := demo.Get(ctx, endpoint, found.Region, try.key, c)
		if err != nil {
			return err
		}
		word := map[bool]string{true: "read    ", false: "refused "}[read.Status == http.StatusOK]
		_, _ = fmt.Fprintf(f.IO.Out, "  %s  s3://%s/%s\n            %s\n", word, demo.Bucket, try.key, read.Body)
		if read.Status != try.want {
			return fmt.Errorf("reading %s was answered with status %d, want %d", try.key, read.Status, try.want)
		}
	}
	return nil
}

func left(c rolecall.Credentials, now time.Time) string {
	if !c.CanExpire() {
		return "ever"
	}
	return c.Expires.Sub(now).Round(time.Minute).String()
}
