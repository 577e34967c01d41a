package cmdutil_test

import (
	"testing"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

func TestSimilar(t *testing.T) {
	t.Parallel()
	all := []string{"default", "production", "prod-eu", "staging"}
	for name, want := range map[string]string{
		"prodution": "production", "Production": "production", "prodeu": "prod-eu", "stagign": "staging",
		"x": "", "": "", "development": "", "prod": "", "defualt": "default",
	} {
		if got := cmdutil.Similar(name, all); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
