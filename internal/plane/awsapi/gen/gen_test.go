package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
)

// TestGeneratedCodeIsCurrent writes all packages anew and compares them with those in the tree.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "models"), os.DirFS("../models")); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, ""); err != nil {
		t.Fatal(err)
	}
	for _, s := range services() {
		if s.pkg == "" {
			continue
		}
		fresh, err := filepath.Glob(filepath.Join(dir, s.pkg, "*.go"))
		if err != nil || len(fresh) == 0 {
			t.Fatalf("%s: %d files, %v", s.pkg, len(fresh), err)
		}
		for _, path := range fresh {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join("..", s.pkg, filepath.Base(path)))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s/%s is not what the generator writes: go generate ./internal/plane/awsapi", s.pkg, filepath.Base(path))
			}
		}
	}
}

// TestTrimmedModelsStayTheSame trims the trimmed models once more.
func TestTrimmedModelsStayTheSame(t *testing.T) {
	for _, s := range services() {
		path := filepath.Join("..", "models", s.model+".json.gz")
		again := filepath.Join(t.TempDir(), "again")
		if err := trim(path, again); err != nil {
			t.Fatal(err)
		}
		a, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(again)
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s changes when trimmed again", s.model)
		}
	}
}

// TestPatterns compares the matchers of all patterns of all models with the regular expressions.
func TestPatterns(t *testing.T) {
	seen := map[string]bool{}
	classes := 0
	for _, s := range services() {
		m, err := load(filepath.Join("..", "models", s.model+".json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		for _, sh := range m.Shapes {
			if sh.Pattern == "" || seen[sh.Pattern] {
				continue
			}
			seen[sh.Pattern] = true
			p, err := goPattern(sh.Pattern)
			if err != nil {
				t.Error(err)
				continue
			}
			built, err := pattern(sh.Pattern)
			if err != nil {
				t.Error(err)
				continue
			}
			if built.Class != nil {
				classes++
			}
			compare(t, sh.Pattern, built, regexp.MustCompile("^(?:"+p+")$"))
		}
	}
	if len(seen) < 30 || classes < 20 {
		t.Errorf("%d patterns, %d of them classes", len(seen), classes)
	}
}

func compare(t *testing.T, source string, p *awsapi.Pattern, re *regexp.Regexp) {
	t.Helper()
	alphabet := []rune("az09AZ_+=,.@-/: \t\n\r'\"<>&*?{}[]()#!~\u007f\u0080\u0085é\u00ff\u0100߿ 中\ue000\ufffd😀")
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test wants the same every time
	for range 3000 {
		text := make([]rune, r.IntN(6))
		for i := range text {
			text[i] = alphabet[r.IntN(len(alphabet))]
		}
		if s := string(text); p.Match(s) != re.MatchString(s) {
			t.Fatalf("%s on %q: %v, the expression says %v", source, s, p.Match(s), re.MatchString(s))
		}
	}
}
