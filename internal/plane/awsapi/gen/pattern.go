package main

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// translated are the patterns that Go's syntax cannot express, rewritten by hand to mean the same.
func translated(source string) (string, bool) {
	switch source {
	case `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`:
		// Hyphens one at a time between alphanumerics; the shape's own bounds say 3 to 63.
		return `[a-z0-9](?:-?[a-z0-9])*`, true
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

// patternLiteral is the Go source of the awsapi.Pattern for a model's pattern.
func patternLiteral(source string) (string, error) {
	p, err := goPattern(source)
	if err != nil {
		return "", err
	}
	re, err := syntax.Parse(strings.TrimSuffix(strings.TrimPrefix(p, "^"), "$"), syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("pattern %q: %w", source, err)
	}
	least, most, ok := 0, 0, true
	class := re
	switch re.Op {
	case syntax.OpStar:
		class = re.Sub[0]
	case syntax.OpPlus:
		least, class = 1, re.Sub[0]
	case syntax.OpRepeat:
		least, most, class = re.Min, re.Max, re.Sub[0]
		if most < 0 {
			most = 0
		}
	default:
		ok = false
	}
	if ok && class.Op == syntax.OpCharClass {
		return fmt.Sprintf("awsapi.Pattern{Source: %q, Least: %d, Most: %d, Class: &awsapi.Class{%s}}", source, least, most, classLiteral(source, class.Rune)), nil
	}
	return fmt.Sprintf("awsapi.Pattern{Source: %q, Go: %q}", source, "^(?:"+p+")$"), nil
}

func classLiteral(source string, runes []rune) string {
	var low, high uint64
	var ranges []string
	categories := strings.Contains(source, `\p{L}`) && strings.Contains(source, `\p{Z}`) && strings.Contains(source, `\p{N}`)
	for i := 0; i+1 < len(runes); i += 2 {
		for r := runes[i]; r <= runes[i+1] && r < 128; r++ {
			if r < 64 {
				low |= 1 << r
			} else {
				high |= 1 << (r - 64)
			}
		}
		if runes[i+1] >= 128 && !categories {
			ranges = append(ranges, fmt.Sprintf("%#x, %#x", max(runes[i], 128), runes[i+1]))
		}
	}
	text := fmt.Sprintf("Low: %#x, High: %#x", low, high)
	if len(ranges) > 0 {
		text += ", Ranges: []rune{" + strings.Join(ranges, ", ") + "}"
	}
	if categories {
		text += ", Letters: true, Separators: true, Numbers: true"
	}
	return text
}
