package cmdutil

import "strings"

// Similar returns the name that was perhaps meant by one that does not exist: the one that takes the fewest letters to
// change, if those are few, whatever their case. It is "" when there is none.
func Similar(name string, all []string) string {
	best, found := len(name)/3+1, ""
	for _, n := range all {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < best {
			best, found = d, n
		}
	}
	return found
}

// distance is how many letters must be added, removed or replaced to make one of the other.
func distance(a, b string) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		before := last[0]
		last[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = last[j+1]
			last[j+1] = min(cost, last[j]+1, last[j+1]+1)
		}
	}
	return last[len(b)]
}
