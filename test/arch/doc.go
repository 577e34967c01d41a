// Package arch holds the rules of the code's shape and the tests that keep them: who may import
// whom, no init functions, no package variables that change, no environment reads outside the
// packages whose job that is, and what tracked files may not name.
//
// Length is reported and not enforced: run `go test ./test/arch -run Shape -v`.
package arch
