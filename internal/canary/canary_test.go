package canary_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/canary"
)

func TestNoExportedTypeLeaks(t *testing.T) {
	for _, typ := range registered() {
		t.Run(typ.String(), func(t *testing.T) {
			value, n := canary.Fill(typ)
			if n == 0 {
				t.Fatal("has no secret that could be planted; take it off the list")
			}
			if leaks := canary.Leaks(canary.Text, value); len(leaks) > 0 {
				t.Errorf("the secret shows in: %s", strings.Join(leaks, ", "))
			}
		})
	}
}

// A type that holds a secret and is not in the list of registered types would go untested.
func TestEveryHolderIsRegistered(t *testing.T) {
	found, err := canary.FindHolders("../..")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, typ := range registered() {
		listed = append(listed, typ.PkgPath()+"."+typ.Name())
	}
	for name := range exempt() {
		listed = append(listed, name)
	}
	slices.Sort(listed)
	if len(found) < 2 {
		t.Fatal("found no types: the search is broken")
	}
	if diff := cmp.Diff(found, listed); diff != "" {
		t.Errorf("types that hold a rolecall.Secret (-found +listed); list them in types_test.go:\n%s", diff)
	}
}

type leaky struct{ Key, hidden string }

// The test kit itself finds what it is there to find.
func TestLeaksAreFound(t *testing.T) {
	for name, v := range map[string]any{
		"text":  canary.Text,
		"bytes": []byte(canary.Text),
		"field": leaky{Key: canary.Text},
		"deep":  map[string][]leaky{"a": {{hidden: canary.Text}}},
	} {
		if leaks := canary.Leaks(canary.Text, v); len(leaks) < 10 {
			t.Errorf("%s: only found in %v", name, leaks)
		}
	}
	if leaks := canary.Leaks(canary.Text, "nothing to see"); len(leaks) > 0 {
		t.Errorf("found in %v", leaks)
	}
}
