// Package version is `rolecall version`.
package version

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

// Options are the flags and dependencies of the command.
type Options struct {
	Factory *cmdutil.Factory
	JSON    bool
}

// NewCmd returns the command; run replaces its work in tests.
func NewCmd(f *cmdutil.Factory, run func(context.Context, *Options) error) *cobra.Command {
	o := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if run != nil {
				return run(cmd.Context(), o)
			}
			return Run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	return cmd
}

// Run prints the release, the revision it was built from, and the Go version.
func Run(_ context.Context, o *Options) error {
	release, revision := "dev", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		// The Go command stamps the version from the tag that it builds.
		if v := info.Main.Version; v != "" && v != "(devel)" {
			release = v
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	out := o.Factory.IO.Out
	if o.JSON {
		err := json.NewEncoder(out).Encode(struct {
			Version  string `json:"version"`
			Revision string `json:"revision,omitempty"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
		}{release, revision, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		return nil
	}
	line := "rolecall " + release
	if revision != "" {
		line += " (" + revision[:min(12, len(revision))] + ")"
	}
	_, err := fmt.Fprintf(out, "%s %s %s/%s\n", line, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
