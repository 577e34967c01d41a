package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/rolecall-dev/rolecall"

// pkg is what `go list -json` tells of a package that the rules need.
type pkg struct {
	Dir          string
	ImportPath   string
	GoFiles      []string
	CgoFiles     []string
	Imports      []string
	Deps         []string
	TestImports  []string
	XTestImports []string
	Standard     bool
	ForTest      string
	Error        *struct{ Err string }
}

// rel is the import path inside the module: "." for the root, "internal/token" for a package of it;
// "" for packages of others.
func (p *pkg) rel() string { return relative(p.ImportPath) }

func relative(importPath string) string {
	if importPath == module {
		return "."
	}
	if rest, ok := strings.CutPrefix(importPath, module+"/"); ok {
		return rest
	}
	return ""
}

// graph is every package of this module and all that they link, by import path.
type graph map[string]*pkg

var load = sync.OnceValues(func() (graph, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-e", "-deps", "-json=Dir,ImportPath,GoFiles,CgoFiles,Imports,Deps,TestImports,XTestImports,Standard,ForTest,Error", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New("go list: " + stderr.String())
	}
	g := graph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, err
		}
		g[p.ImportPath] = p
	}
})

func mustLoad(t *testing.T) graph {
	t.Helper()
	g, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ours are the packages of this module.
func (g graph) ours() []*pkg {
	var all []*pkg
	for _, p := range g {
		if p.rel() != "" {
			all = append(all, p)
		}
	}
	return all
}

// under reports whether the package path is one of the roots or below it. A root "x/*" means
// the children of x and what is below them, but not x itself.
func under(path string, roots ...string) bool {
	for _, root := range roots {
		if parent, ok := strings.CutSuffix(root, "/*"); ok {
			if strings.HasPrefix(path, parent+"/") {
				return true
			}
			continue
		}
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}
