package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allowedVars are package variables that may change or that others could change, each with its reason.
// The key is package.Name; a name of * stands for every variable of the package.
var allowedVars = map[string]string{}

// allowedInits are packages that may have an init function.
var allowedInits = map[string]string{}

// environmentReaders may ask the process's environment.
var environmentReaders = []string{"chain", "internal/cli", "cmd", "test", "bench", "tools", "internal/demo"}

// source is a parsed file of this module that is compiled into a program.
type source struct {
	pkg       *pkg
	name      string
	fset      *token.FileSet
	file      *ast.File
	generated bool
}

func (s *source) at(n ast.Node) string {
	return path.Join(s.pkg.rel(), s.name) + ":" + s.fset.Position(n.Pos()).String()[strings.LastIndex(s.fset.Position(n.Pos()).Filename, "/")+len(s.name)+2:]
}

func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	for _, p := range mustLoad(t).ours() {
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
			fset := token.NewFileSet()
			//nolint:staticcheck // object resolution is what tells a local from a package variable without type-checking
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Errorf("parsing %s/%s: %v", p.rel(), name, err)
				continue
			}
			all = append(all, &source{pkg: p, name: name, fset: fset, file: file, generated: ast.IsGenerated(file)})
		}
	}
	if len(all) == 0 {
		t.Fatal("no source files found")
	}
	return all
}

// program reports whether the rules on state bind the package: what users run or import.
func program(p *pkg) bool { return !under(p.rel(), "test", "bench", "tools") }

func TestNoInitFunctions(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if !program(s.pkg) {
			continue
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || f.Name.Name != "init" {
				continue
			}
			if _, ok := allowedInits[s.pkg.rel()]; ok {
				used[s.pkg.rel()] = true
				continue
			}
			t.Errorf("%s: init function: start-up time is everybody's, and hidden wiring is nobody's", s.at(f))
		}
	}
	for name := range allowedInits {
		if !used[name] {
			t.Errorf("allowedInits names %s, which has none", name)
		}
	}
}

// packageVars collects the package-level variables of each package that are not sentinels of errors or
// interface checks.
type packageVar struct {
	source *source
	ident  *ast.Ident
	spec   *ast.ValueSpec
	value  ast.Expr
}

func packageVars(all []*source) map[string]map[string]packageVar {
	vars := map[string]map[string]packageVar{}
	for _, s := range all {
		if !program(s.pkg) {
			continue
		}
		for _, decl := range s.file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for i, name := range v.Names {
					if name.Name == "_" {
						continue
					}
					var value ast.Expr
					if i < len(v.Values) {
						value = v.Values[i]
					}
					if vars[s.pkg.rel()] == nil {
						vars[s.pkg.rel()] = map[string]packageVar{}
					}
					vars[s.pkg.rel()][name.Name] = packageVar{source: s, ident: name, spec: v, value: value}
				}
			}
		}
	}
	return vars
}

func TestNoMutablePackageVariables(t *testing.T) {
	all := sources(t)
	vars := packageVars(all)
	used := map[string]bool{}
	allowed := func(v packageVar) bool {
		for _, key := range []string{v.source.pkg.rel() + "." + v.ident.Name, v.source.pkg.rel() + ".*"} {
			if _, ok := allowedVars[key]; ok {
				used[key] = true
				return true
			}
		}
		return false
	}
	for _, ofPackage := range vars {
		for _, v := range ofPackage {
			if reason := mutableByType(v); reason != "" && !allowed(v) {
				t.Errorf("%s: package variable %s %s", v.source.at(v.ident), v.ident.Name, reason)
			}
		}
	}
	for _, s := range all {
		if !program(s.pkg) {
			continue
		}
		writes(s, func(n ast.Node, id *ast.Ident, how string) {
			v, ok := vars[s.pkg.rel()][id.Name]
			if ok && isPackageLevel(id, v.spec) && !allowed(v) {
				t.Errorf("%s: package variable %s %s", s.at(n), id.Name, how)
			}
		})
	}
	for key := range allowedVars {
		if !used[key] {
			t.Errorf("allowedVars names %s, which needs no exception", key)
		}
	}
}

// mutableByType tells why a variable counts as mutable though nobody in its package writes it.
func mutableByType(v packageVar) string {
	name := v.ident.Name
	if v.value == nil && embedded(v) {
		return ""
	}
	if v.value == nil {
		return "has no value: it can only be there to be changed"
	}
	if t := typeName(v.spec.Type, v.value); strings.HasPrefix(t, "sync.") || strings.HasPrefix(t, "atomic.") {
		return "is a " + t + ": state that every caller shares"
	}
	if ast.IsExported(name) && !strings.HasPrefix(name, "Err") && !v.source.generated {
		return "is exported: anybody may assign to it (make it a constant or a function)"
	}
	return ""
}

func embedded(v packageVar) bool {
	for _, group := range v.source.file.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:embed") && group.End() < v.spec.Pos() && int(v.spec.Pos()-group.End()) <= len("\nvar ") {
				return true
			}
		}
	}
	return false
}

func typeName(declared, value ast.Expr) string {
	if declared == nil {
		switch e := value.(type) {
		case *ast.CompositeLit:
			declared = e.Type
		case *ast.UnaryExpr:
			if c, ok := e.X.(*ast.CompositeLit); ok {
				declared = c.Type
			}
		case *ast.CallExpr:
			// sync.OnceValue and its like give functions: computed once, never changed.
			return ""
		}
	}
	switch e := declared.(type) {
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
	case *ast.IndexExpr:
		return typeName(e.X, nil)
	}
	return ""
}

// isPackageLevel tells a use of the package variable from a local one of the same name: the parser resolves
// identifiers inside a file and leaves those of other files unresolved.
func isPackageLevel(id *ast.Ident, spec *ast.ValueSpec) bool {
	if id.Obj == nil {
		return true
	}
	decl, ok := id.Obj.Decl.(*ast.ValueSpec)
	return ok && decl == spec
}

// writes finds assignments to identifiers, or to what they hold.
func writes(s *source, report func(n ast.Node, id *ast.Ident, how string)) {
	for _, decl := range s.file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok == token.DEFINE {
					return true
				}
				for _, left := range n.Lhs {
					if id := root(left); id != nil {
						report(n, id, "is assigned to")
					}
				}
			case *ast.IncDecStmt:
				if id := root(n.X); id != nil {
					report(n, id, "is counted up or down")
				}
			case *ast.CallExpr:
				if fun, ok := n.Fun.(*ast.Ident); ok && (fun.Name == "delete" || fun.Name == "clear") && len(n.Args) > 0 {
					if id := root(n.Args[0]); id != nil {
						report(n, id, "loses entries")
					}
				}
			}
			return true
		})
	}
}

func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func TestEnvironmentIsReadWhereConfigurationIs(t *testing.T) {
	readers := []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}
	for _, s := range sources(t) {
		if under(s.pkg.rel(), environmentReaders...) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil && (x.Name == "os" || x.Name == "syscall") && slices.Contains(readers, sel.Sel.Name) {
				t.Errorf("%s: %s.%s: only %s read the environment, so that one place can say where a value came from",
					s.at(n), x.Name, sel.Sel.Name, strings.Join(environmentReaders, ", "))
			}
			return true
		})
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		documented[s.pkg.rel()] = documented[s.pkg.rel()] || s.file.Doc != nil
	}
	for name, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment that says what it is for", name)
		}
	}
}
