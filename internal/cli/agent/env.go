package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/agent"
	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

func newEnvCmd(o *Options) *cobra.Command {
	var relative, export bool
	cmd := &cobra.Command{
		Use:   "env WORKLOAD",
		Short: "Print the variables that lead a workload to the running agent",
		Long: `Prints the environment variables with which a workload's SDK finds the running
agent, one on a line. It takes the agent's configuration, to find its state (or
token) directory.`,
		Example: `  rolecall agent env web-app --config rolecall.yaml
  eval "$(rolecall agent env web-app --export)"
  docker run --env-file <(rolecall agent env web-app --relative) image`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.collect(cmd)
			return printEnv(o, args[0], relative, export)
		},
	}
	cmd.Flags().BoolVar(&relative, "relative", false, "for containers that reach the agent on 169.254.170.2")
	cmd.Flags().BoolVar(&export, "export", false, "as commands of a POSIX shell")
	return cmd
}

func printEnv(o *Options, workload string, relative, export bool) error {
	c, err := o.load()
	if err != nil {
		return err
	}
	dir := agent.TokenDir(c)
	if dir == "" {
		return cmdutil.WithHint(errors.New("the agent keeps no files"), "give it a directory: --state, or --tokens")
	}
	known := false
	for _, w := range c.Workloads {
		known = known || w.Name == workload
	}
	if !known {
		return fmt.Errorf("there is no workload %q in %s", workload, c.File)
	}
	name := agent.EnvFile(dir, workload, relative)
	text, err := os.ReadFile(name) //nolint:gosec // the agent's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return cmdutil.WithHint(fmt.Errorf("there is no %s", name), "start the agent first; --relative takes an agent with --ecs-address, and otherwise one with --listen")
	}
	if err != nil {
		return fmt.Errorf("reading the agent's files: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if export {
			line = exported(strings.TrimSuffix(line, "\n"))
		}
		if _, err := fmt.Fprint(o.Factory.IO.Out, line); err != nil {
			return err
		}
	}
	return nil
}

// exported quotes a variable for a POSIX shell.
func exported(line string) string {
	name, value, _ := strings.Cut(line, "=")
	return "export " + name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n"
}
