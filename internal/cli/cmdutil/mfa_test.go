package cmdutil_test

import (
	"context"
	"errors"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/cli/cmdutil"
)

func TestChooseDevice(t *testing.T) {
	t.Parallel()
	none := errors.New("no terminal")
	for name, tc := range map[string]struct {
		answers []string
		want    string
		fails   bool
	}{
		"the usual one":     {[]string{""}, "phone", false},
		"by number":         {[]string{"2"}, "token", false},
		"by name":           {[]string{"token"}, "token", false},
		"after a slip":      {[]string{"3", "x", "1"}, "phone", false},
		"never right":       {[]string{"0", "-1", "3"}, "", true},
		"no one is there":   {nil, "", true},
		"gone after a slip": {[]string{"9"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked string
			choose := cmdutil.ChooseDevice(func(_ context.Context, question string, secret bool) (string, error) {
				asked = question
				if len(tc.answers) == 0 || secret {
					return "", none
				}
				answer := tc.answers[0]
				tc.answers = tc.answers[1:]
				return answer, nil
			})
			got, err := choose(t.Context(), []string{"phone", "token"})
			if got != tc.want || (err != nil) != tc.fails || asked != "MFA device: 1 phone, 2 token [1]: " {
				t.Errorf("got %q, %v, asked %q", got, err, asked)
			}
		})
	}
}
