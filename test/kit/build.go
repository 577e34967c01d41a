package kit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Programs are the paths of the built commands.
type Programs struct {
	Client string // rolecall
	Plane  string // rolecall-server
	Dir    string // of what else was built
}

// Build compiles cmd/rolecall and cmd/rolecall-server of the module at root into dir, as a release is: static
// and stripped. Extra packages, relative to root, are built beside them under their last name. Where the variable
// ROLECALL_PROGRAMS names a directory, the two commands are taken from there instead.
func Build(ctx context.Context, root, dir string, extra ...string) (Programs, error) {
	from := os.Getenv("ROLECALL_PROGRAMS")
	packages := extra
	if from == "" {
		packages, from = append([]string{"./cmd/rolecall", "./cmd/rolecall-server"}, extra...), dir
	}
	for _, pkg := range packages {
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, filepath.Base(pkg)), pkg)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return Programs{}, fmt.Errorf("building %s: %w\n%s", pkg, err, out.Bytes())
		}
	}
	return Programs{
		Client: filepath.Join(from, "rolecall"),
		Plane:  filepath.Join(from, "rolecall-server"),
		Dir:    dir,
	}, nil
}

// Root finds the module's root above the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = parent
	}
}
