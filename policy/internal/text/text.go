// Package text compares texts as policies do, fast: without regard to case, by prefix, by hash.
package text

import "math/bits"

// Hash is a hash of an action that ignores case, eight bytes at a time. Its keys come from policies,
// which their authors pay for themselves.
func Hash(s string) uint32 {
	// Setting bit 5 makes upper case lower, and takes some other characters for one another, which costs
	// a comparison at worst.
	const fold = 0x2020202020202020
	const mix = 0x9E3779B97F4A7C15
	h := uint64(len(s))
	if len(s) < 8 {
		for i := range len(s) {
			h = (h ^ uint64(s[i]|0x20)) * mix
		}
		return uint32(h >> 32)
	}
	for i := 0; i < len(s)-8; i += 8 {
		h = bits.RotateLeft64((h^(load64(s[i:])|fold))*mix, 29)
	}
	h = (h ^ (load64(s[len(s)-8:]) | fold)) * mix
	return uint32(h >> 32)
}

// load64 returns the first eight bytes of s, which must have them, in one load.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// HasPrefix is strings.HasPrefix with a look at the last bytes first: ARNs of one service all start alike.
func HasPrefix(s, prefix string) bool {
	n := len(prefix)
	if n > len(s) || n >= 8 && load64(s[n-8:]) != load64(prefix[n-8:]) {
		return false
	}
	return s[:n] == prefix
}

// EqualFold compares ASCII without regard to case.
func EqualFold(a, b string) bool {
	return a == b || len(a) == len(b) && equalFolded(a, b)
}

func equalFolded(a, b string) bool {
	for i := range len(a) {
		if a[i] != b[i] && LowerByte(a[i]) != LowerByte(b[i]) {
			return false
		}
	}
	return true
}

// LowerByte is c, in lower case if it is an ASCII letter.
func LowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Lower is s with its ASCII letters in lower case.
func Lower(s string) string {
	for i := range len(s) {
		if LowerByte(s[i]) != s[i] {
			b := []byte(s)
			for j := range b {
				b[j] = LowerByte(b[j])
			}
			return string(b)
		}
	}
	return s
}

// MatchAction matches an action against a pattern, ignoring case. Both are ASCII in all that matters.
func MatchAction(pattern, s string) bool {
	pi, si := 0, 0
	starP, starS := -1, 0
	for si < len(s) {
		switch {
		case pi < len(pattern) && pattern[pi] == '*':
			if pi++; pi == len(pattern) {
				return true
			}
			starP, starS = pi, si
		case pi < len(pattern) && (pattern[pi] == s[si] || pattern[pi] == '?' || LowerByte(pattern[pi]) == LowerByte(s[si])):
			pi++
			si++
		case starP >= 0:
			starS++
			pi, si = starP, starS
		default:
			return false
		}
	}
	for pi < len(pattern) && pattern[pi] == '*' {
		pi++
	}
	return pi == len(pattern)
}
