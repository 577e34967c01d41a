package arch

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"testing"
)

// Lengths that deserve a second look. They are no gate: short files do not make good code.
const (
	longFile     = 500
	longFunction = 80
	bigPackage   = 2000
	bigInterface = 5
	bigStruct    = 15
)

func TestShapeReport(t *testing.T) {
	var report []string
	lines := map[string]int{}
	warn := func(format string, args ...any) { report = append(report, fmt.Sprintf(format, args...)) }
	for _, s := range sources(t) {
		if s.generated {
			continue
		}
		n := s.fset.Position(s.file.FileEnd).Line
		lines[s.pkg.rel()] += n
		if n > longFile {
			warn("file      %5d lines  %s", n, path.Join(s.pkg.rel(), s.name))
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if n := s.fset.Position(node.End()).Line - s.fset.Position(node.Pos()).Line + 1; n > longFunction {
					warn("function  %5d lines  %s %s", n, s.at(node), node.Name.Name)
				}
			case *ast.TypeSpec:
				switch typ := node.Type.(type) {
				case *ast.InterfaceType:
					if n := typ.Methods.NumFields(); n > bigInterface {
						warn("interface %5d methods %s %s", n, s.at(node), node.Name.Name)
					}
				case *ast.StructType:
					if n := typ.Fields.NumFields(); n > bigStruct {
						warn("struct    %5d fields %s %s", n, s.at(node), node.Name.Name)
					}
				}
			}
			return true
		})
	}
	for name, n := range lines {
		if n > bigPackage {
			warn("package   %5d lines  %s", n, name)
		}
	}
	slices.Sort(report)
	for _, line := range report {
		t.Log("warning: " + line)
	}
	t.Logf("%d warnings", len(report))
}
