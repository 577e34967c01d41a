package canary

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// holders is the state of a search for types that hold secrets.
type holders struct {
	// uses maps "import/path.Type" to the types that its fields are made of, spelled alike.
	uses map[string][]string
	// aliases are other names of types; they count as uses and are no types of their own.
	aliases map[string]bool
}

// FindHolders reads the Go sources of the module in root, tests left out, and returns the exported
// struct types that hold a [rolecall.Secret], directly or through other types of the module, as
// "import/path.Type", sorted. It works on syntax, so that it also sees what does not build here.
func FindHolders(root string) ([]string, error) {
	h := holders{uses: make(map[string][]string), aliases: make(map[string]bool)}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || hasModule(file)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		return h.read(root, file)
	})
	if err != nil {
		return nil, fmt.Errorf("looking for secrets in %s: %w", root, err)
	}
	return h.found(), nil
}

func hasModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func (h *holders) read(root, file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		return err
	}
	self := path.Join(module, filepath.ToSlash(dir))
	imports := map[string]string{}
	for _, spec := range parsed.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		name := path.Base(target)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = target
	}
	for _, decl := range parsed.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			named, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			key := self + "." + named.Name.Name
			h.aliases[key] = named.Assign.IsValid()
			h.uses[key] = append(h.uses[key], parts(named.Type, self, imports)...)
		}
	}
	return nil
}

// parts lists the named types that values of a type expression contain.
func parts(expression ast.Expr, self string, imports map[string]string) []string {
	switch e := expression.(type) {
	case *ast.Ident:
		return []string{self + "." + e.Name}
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return []string{imports[x.Name] + "." + e.Sel.Name}
		}
	case *ast.StarExpr:
		return parts(e.X, self, imports)
	case *ast.ParenExpr:
		return parts(e.X, self, imports)
	case *ast.ArrayType:
		return parts(e.Elt, self, imports)
	case *ast.MapType:
		return append(parts(e.Key, self, imports), parts(e.Value, self, imports)...)
	case *ast.StructType:
		var all []string
		for _, field := range e.Fields.List {
			all = append(all, parts(field.Type, self, imports)...)
		}
		return all
	}
	return nil
}

// found spreads from Secret to all that contain it.
func (h *holders) found() []string {
	holds := map[string]bool{module + ".Secret": true}
	for changed := true; changed; {
		changed = false
		for name, uses := range h.uses {
			if !holds[name] && slices.ContainsFunc(uses, func(use string) bool { return holds[use] }) {
				holds[name], changed = true, true
			}
		}
	}
	var names []string
	for name := range holds {
		if ast.IsExported(name[strings.LastIndex(name, ".")+1:]) && !h.aliases[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
