//go:build compat && linux

package compat

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rolecall-dev/rolecall/chain/sdk"
)

// shrink removes from the situation what the difference does not need, and says how they differ in the end.
func (s *stand) shrink(situation *sdk.Situation, w *worker) (*sdk.Situation, string) {
	m := s.models[w.id]
	still := func(t *sdk.Situation) string {
		answers, err := s.ask(t, w)
		if err != nil {
			return ""
		}
		return differs(m, t, answers[0])
	}
	how := still(situation)
	for again := how != ""; again; {
		again = false
		for _, smaller := range reductions(situation) {
			if text := still(smaller); text != "" {
				situation, how, again = smaller, text, true
				break
			}
		}
	}
	if how == "" {
		how = "only at the first try"
	}
	return situation, how
}

// reductions are the situations that have one thing less, the largest things first.
func reductions(s *sdk.Situation) []*sdk.Situation {
	var out []*sdk.Situation
	less := func(change func(*sdk.Situation)) {
		c := *s
		c.Env, c.Files = maps.Clone(s.Env), maps.Clone(s.Files)
		change(&c)
		out = append(out, &c)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if strings.HasPrefix(name, "p-") {
			continue // what a command prints, which the situation says elsewhere
		}
		less(func(c *sdk.Situation) { delete(c.Files, name) })
	}
	if s.Profile != "" {
		less(func(c *sdk.Situation) { c.Profile = "" })
	}
	if s.IMDS != nil {
		less(func(c *sdk.Situation) { c.IMDS = nil })
		if *s.IMDS != (sdk.IMDS{}) {
			less(func(c *sdk.Situation) { c.IMDS = &sdk.IMDS{} })
		}
	}
	if s.Container != nil {
		less(func(c *sdk.Situation) { c.Container = nil })
		if s.Container.Status != 0 || len(s.Container.Omit) > 0 {
			less(func(c *sdk.Situation) { c.Container = &sdk.Container{} })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if name != "HOME" && name != "PATH" && !strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			less(func(c *sdk.Situation) { delete(c.Env, name) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		lines := strings.SplitAfter(s.Files[name], "\n")
		if !strings.HasSuffix(name, "config") && !strings.HasSuffix(name, "credentials") {
			continue
		}
		for i := range lines {
			if lines[i] != "" {
				less(func(c *sdk.Situation) { c.Files[name] = strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "") })
			}
		}
	}
	return out
}

// reproduction is the situation as a person types it.
func reproduction(s *sdk.Situation, home, url string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if name != "HOME" && name != "PATH" && !strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			fmt.Fprintf(&b, "export %s=%q\n", name, s.Env[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		text := s.Files[name]
		if !strings.HasPrefix(text, "{") || len(text) < 200 {
			fmt.Fprintf(&b, "cat > ~/%s <<\"X\"\n%s\nX\n", name, strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\r", "^M"))
		} else {
			fmt.Fprintf(&b, "# ~/%s\n", name)
		}
	}
	if s.IMDS != nil {
		fmt.Fprintf(&b, "# metadata service: %+v\n", *s.IMDS)
	}
	if s.Container != nil {
		fmt.Fprintf(&b, "# container endpoint: %+v\n", *s.Container)
	}
	if s.Profile != "" {
		fmt.Fprintf(&b, "# profile %s is chosen in code\n", s.Profile)
	}
	return strings.NewReplacer(home, "$HOME", url, "http://127.0.0.1:PORT").Replace(b.String())
}
