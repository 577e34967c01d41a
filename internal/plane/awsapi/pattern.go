package awsapi

import (
	"regexp"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Pattern matches whole strings. Most patterns of the models are one repeated character class, for
// which the generator fills Class; the others are compiled when they are first needed.
type Pattern struct {
	// Source is the model's own text, for messages.
	Source string
	// Class, if set, decides: between Least and Most (0: no bound) characters of it.
	Class       *Class
	Least, Most int
	// Go is the pattern in Go's syntax, anchored; used if Class is nil.
	Go string

	once sync.Once
	re   *regexp.Regexp
}

// Class is a set of characters.
type Class struct {
	// Low, High are bit sets of U+0000–U+003F and U+0040–U+007F.
	Low, High uint64
	// Ranges are pairs of first and last character above U+007F.
	Ranges []rune
	// Letters, Separators, Numbers admit \p{L}, \p{Z}, \p{N} above U+007F.
	Letters, Separators, Numbers bool
}

// Match reports whether all of s matches.
func (p *Pattern) Match(s string) bool {
	if p.Class == nil {
		p.once.Do(func() { p.re = regexp.MustCompile(p.Go) })
		return p.re.MatchString(s)
	}
	n := 0
	for i := 0; i < len(s); n++ {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < 64 && p.Class.Low>>c&1 == 0 || c >= 64 && p.Class.High>>(c-64)&1 == 0 {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !p.Class.wide(r) {
			return false
		}
		i += size
	}
	return n >= p.Least && (p.Most == 0 || n <= p.Most)
}

func (c *Class) wide(r rune) bool {
	for i := 0; i+1 < len(c.Ranges); i += 2 {
		if c.Ranges[i] <= r && r <= c.Ranges[i+1] {
			return true
		}
	}
	return c.Letters && unicode.IsLetter(r) || c.Separators && unicode.Is(unicode.Z, r) || c.Numbers && unicode.IsNumber(r)
}
