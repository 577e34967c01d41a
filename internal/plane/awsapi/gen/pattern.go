package main

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
)

// translated are the patterns that Go's syntax cannot express, rewritten by hand to mean the same.
func translated(source string) (string, bool) {
	switch source {
	case `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`:
		// Hyphens one at a time between alphanumerics; the shape's own bounds say 3 to 63.
		return `[a-z0-9](?:-?[a-z0-9])*`, true
	case `(?!.*//)([A-Za-z]([A-Za-z0-9_/-]*[A-Za-z0-9_-])?)?`:
		// Slashes one at a time, neither first nor last.
		return `(?:[A-Za-z](?:/?[A-Za-z0-9_-])*)?`, true
	default:
		return "", false
	}
}

// goPattern turns a Java pattern that must match the whole value into Go's syntax, unanchored.
func goPattern(source string) (string, error) {
	p, done := translated(source)
	if !done {
		p = source
		// Java means the literal characters by 5-digit sequences only with braces; the models
		// write supplementary ranges without.
		p = strings.ReplaceAll(p, `\u10000-\u10FFFF`, `\x{10000}-\x{10FFFF}`)
		// Lone surrogates do not occur in UTF-8 text.
		p = strings.ReplaceAll(p, `\uD7FF`, `\x{D7FF}`)
		p = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`).ReplaceAllString(p, `\x{$1}`)
	}
	if _, err := regexp.Compile(p); err != nil {
		return "", fmt.Errorf("pattern %q: %w", source, err)
	}
	return p, nil
}

// pattern is the matcher for a model's pattern: a class if it is one repeated, else the expression.
func pattern(source string) (*awsapi.Pattern, error) {
	p, err := goPattern(source)
	if err != nil {
		return nil, err
	}
	re, err := syntax.Parse(strings.TrimSuffix(strings.TrimPrefix(p, "^"), "$"), syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", source, err)
	}
	out := &awsapi.Pattern{Source: source}
	class := re
	switch re.Op {
	case syntax.OpStar:
		class = re.Sub[0]
	case syntax.OpPlus:
		out.Least, class = 1, re.Sub[0]
	case syntax.OpRepeat:
		out.Least, out.Most, class = re.Min, max(re.Max, 0), re.Sub[0]
	default:
		return &awsapi.Pattern{Source: source, Go: "^(?:" + p + ")$"}, nil
	}
	if class.Op != syntax.OpCharClass {
		return &awsapi.Pattern{Source: source, Go: "^(?:" + p + ")$"}, nil
	}
	out.Class = newClass(source, class.Rune)
	return out, nil
}

func newClass(source string, runes []rune) *awsapi.Class {
	c := &awsapi.Class{}
	categories := strings.Contains(source, `\p{L}`) && strings.Contains(source, `\p{Z}`) && strings.Contains(source, `\p{N}`)
	c.Letters, c.Separators, c.Numbers = categories, categories, categories
	for i := 0; i+1 < len(runes); i += 2 {
		for r := runes[i]; r <= runes[i+1] && r < 128; r++ {
			if r < 64 {
				c.Low |= 1 << r
			} else {
				c.High |= 1 << (r - 64)
			}
		}
		if runes[i+1] >= 128 && !categories {
			c.Ranges = append(c.Ranges, max(runes[i], 128), runes[i+1])
		}
	}
	return c
}

// patternLiteral is the Go source of the matcher for a model's pattern.
func patternLiteral(source string) (string, error) {
	p, err := pattern(source)
	if err != nil {
		return "", err
	}
	if p.Class == nil {
		return fmt.Sprintf("awsapi.Pattern{Source: %q, Go: %q}", source, p.Go), nil
	}
	c := fmt.Sprintf("Low: %#x, High: %#x", p.Class.Low, p.Class.High)
	if len(p.Class.Ranges) > 0 {
		hex := make([]string, len(p.Class.Ranges))
		for i, r := range p.Class.Ranges {
			hex[i] = fmt.Sprintf("%#x", r)
		}
		c += ", Ranges: []rune{" + strings.Join(hex, ", ") + "}"
	}
	if p.Class.Letters {
		c += ", Letters: true, Separators: true, Numbers: true"
	}
	return fmt.Sprintf("awsapi.Pattern{Source: %q, Least: %d, Most: %d, Class: &awsapi.Class{%s}}", source, p.Least, p.Most, c), nil
}
