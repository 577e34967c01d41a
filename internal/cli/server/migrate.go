package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
	"github.com/rolecall-dev/rolecall/internal/state"
	"github.com/rolecall-dev/rolecall/internal/store/sqlite"
)

func newMigrateCmd(f *cmdutil.Factory) *cobra.Command {
	var stateDir string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the state directory to this version's schema, without serving",
		Long: `Bring the database in the state directory to the schema of this version. Serving does
the same at its start; this command does it at a time of your choosing. A database of a newer
version is refused. Make a copy of the directory first: there is no way back.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stateDir == "" {
				stateDir = f.Getenv("ROLECALL_STATE")
			}
			if stateDir == "" {
				var err error
				if stateDir, err = defaultStateDir(f); err != nil {
					return err
				}
			}
			return migrate(cmd.Context(), f, stateDir)
		},
	}
	cmd.Flags().StringVar(&stateDir, "state", "", "state directory (default as for serve) [ROLECALL_STATE]")
	return cmd
}

func migrate(ctx context.Context, f *cmdutil.Factory, stateDir string) (err error) {
	dir, err := state.Open(stateDir, state.Options{})
	if err != nil {
		return hinted(err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	db, err := sqlite.Open(ctx, dir.Path("plane.db"), dir.Master().Sealer("store"))
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	_, err = fmt.Fprintf(f.IO.Out, "%s is at this version's schema\n", dir.Path("plane.db"))
	return err
}
