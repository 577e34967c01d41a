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
}

// Build compiles cmd/rolecall and cmd/rolecall-server of the module at root into dir, as a release is: static
// and stripped. Extra packages, relative to root, are built beside them under their last name.
func Build(ctx context.Context, root, dir string, extra ...string) (Programs, error) {
	for _, pkg := range append([]string{"./cmd/rolecall", "./cmd/rolecall-server"}, extra...) {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, filepath.Base(pkg)), pkg)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return Programs{}, fmt.Errorf("building %s: %w\n%s", pkg, err, out.Bytes())
		}
	}
	return Programs{
		Client: filepath.Join(dir, "rolecall"),
		Plane:  filepath.Join(dir, "rolecall-server"),
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
