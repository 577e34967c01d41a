package guard

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Selectors say which callers are a workload. The zero value takes everybody who has the workload's
// token.
type Selectors struct {
	// UIDs are users, any of which will do.
	UIDs []uint32
	// Cgroups are paths of control groups below the cgroup2 root, any of which will do: the group
	// itself and all below it. "*" stands for any one name, or part of one.
	Cgroups []string
}

// IsZero reports that nothing is selected by.
func (s Selectors) IsZero() bool { return len(s.UIDs) == 0 && len(s.Cgroups) == 0 }

// Validate reports patterns that can never match.
func (s Selectors) Validate() error {
	for _, g := range s.Cgroups {
		if !strings.HasPrefix(g, "/") || path.Clean(g) != g {
			return fmt.Errorf("cgroup %q: want a clean path from the root of the hierarchy, such as /system.slice/web.service", g)
		}
		if _, err := path.Match(g, ""); err != nil {
			return fmt.Errorf("cgroup %q: %w", g, err)
		}
	}
	return nil
}

// Match reports whether c's caller is selected: its user is among the users, if any are named, and its
// control group among the groups, if any are named. A caller that could not be identified matches
// only the zero value.
func (s Selectors) Match(c *Conn) bool {
	if s.IsZero() {
		return true
	}
	if !c.Peer.Known || len(s.UIDs) > 0 && !slices.Contains(s.UIDs, c.Peer.UID) {
		return false
	}
	return len(s.Cgroups) == 0 || matchCgroup(s.Cgroups, c.Cgroup())
}

func matchCgroup(patterns []string, group string) bool {
	if group == "" {
		return false
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool { return below(pattern, group) })
}

// below reports whether group is what pattern names, or lies below it.
func below(pattern, group string) bool {
	if pattern == "/" {
		return true
	}
	want, have := strings.Split(pattern, "/"), strings.Split(group, "/")
	if len(have) < len(want) {
		return false
	}
	for i, w := range want {
		if ok, err := path.Match(w, have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
