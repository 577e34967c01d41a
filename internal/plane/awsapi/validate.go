package awsapi

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Problems collects the constraints that an input violates, in AWS's wording. The zero value is
// ready.
type Problems struct {
	list []string
	bad  *Error // a value that cannot be read at all: answered instead of the list
	path []step
	json bool // JSON services call the same violations otherwise
}

// maxProblems bounds what one answer lists; the input may be large, the answer should not be.
const maxProblems = 100

// Err returns nil, or the answer that lists the violations.
func (p *Problems) Err() error {
	switch {
	case p.bad != nil:
		return p.bad
	case len(p.list) == 0:
		return nil
	}
	code, text := "ValidationError", "1 validation error detected: "
	if p.json {
		code = "ValidationException"
	}
	if len(p.list) > 1 {
		text = strconv.Itoa(len(p.list)) + " validation errors detected: "
	}
	return &Error{Code: code, Message: text + strings.Join(p.list, "; "), Status: http.StatusBadRequest}
}

func (p *Problems) reset() {
	p.list, p.bad, p.path, p.json = p.list[:0], nil, p.path[:0], false
}

func (p *Problems) push(name string) { p.path = append(p.path, step{name: name}) }
func (p *Problems) pop()             { p.path = p.path[:len(p.path)-1] }

// pushIndex enters an element of a list, counted from 1.
func (p *Problems) pushIndex(name string, i int) { p.path = append(p.path, step{name, i}) }

// step is one structure member on the way to a value; index is that of a list's element, or 0.
type step struct {
	name  string
	index int
}

func (p *Problems) at(name string) string {
	var b strings.Builder
	for _, s := range p.path {
		b.WriteString(s.name)
		if s.index > 0 {
			b.WriteString("." + strconv.Itoa(s.index) + ".member")
		}
		b.WriteByte('.')
	}
	b.WriteString(name)
	return b.String()
}

func (p *Problems) add(value, name, constraint string) {
	if len(p.list) < maxProblems {
		p.list = append(p.list, "Value "+value+"at '"+p.at(name)+"' failed to satisfy constraint: "+constraint)
	}
}

func (p *Problems) missing(name string) { p.add("null ", name, "Member must not be null") }

func (p *Problems) malformed(format string, args ...any) {
	if p.bad != nil {
		return
	}
	code := "MalformedInput"
	if p.json {
		code = "SerializationException"
	}
	p.bad = Errorf(http.StatusBadRequest, code, format, args...)
}

// StringRule is the constraints of a string. The zero value allows everything.
type StringRule struct {
	// Min, Max bound the length in UTF-16 code units, as Java counts; Max 0 means no bound.
	Min, Max int
	// Pattern must match the whole string; nil allows all.
	Pattern *Pattern
	// Enum lists the only values; nil allows all.
	Enum []string
	// Sensitive values are not repeated in violations.
	Sensitive bool
}

func (r *StringRule) ok(s string) bool {
	n := len(s)
	if n > r.Max && r.Max > 0 || n < 3*r.Min || !isASCII(s) {
		n = units(s)
	}
	if n < r.Min || r.Max > 0 && n > r.Max {
		return false
	}
	if r.Pattern != nil && !r.Pattern.Match(s) {
		return false
	}
	return r.Enum == nil || contains(r.Enum, s)
}

func (r *StringRule) check(p *Problems, name, s string) {
	if r == nil || r.ok(s) {
		return
	}
	for _, c := range r.violated(s) {
		value := ""
		if !r.Sensitive {
			value = "'" + clipValue(s) + "' "
		}
		p.add(value, name, c)
	}
}

// violated lists the constraints that s violates.
func (r *StringRule) violated(s string) []string {
	var list []string
	n := units(s)
	if r.Max > 0 && n > r.Max {
		list = append(list, "Member must have length less than or equal to "+strconv.Itoa(r.Max))
	}
	if n < r.Min {
		list = append(list, "Member must have length greater than or equal to "+strconv.Itoa(r.Min))
	}
	if r.Pattern != nil && !r.Pattern.Match(s) {
		list = append(list, "Member must satisfy regular expression pattern: "+r.Pattern.Source)
	}
	if r.Enum != nil && !contains(r.Enum, s) {
		list = append(list, "Member must satisfy enum value set: ["+strings.Join(r.Enum, ", ")+"]")
	}
	return list
}

// all lists every constraint: AWS answers them together when an element of a list fails.
func (r *StringRule) all() string {
	var list []string
	if r.Max > 0 {
		list = append(list, "Member must have length less than or equal to "+strconv.Itoa(r.Max))
	}
	if r.Min > 0 {
		list = append(list, "Member must have length greater than or equal to "+strconv.Itoa(r.Min))
	}
	if r.Pattern != nil {
		list = append(list, "Member must satisfy regular expression pattern: "+r.Pattern.Source)
	}
	if r.Enum != nil {
		list = append(list, "Member must satisfy enum value set: ["+strings.Join(r.Enum, ", ")+"]")
	}
	return strings.Join(list, ", ")
}

func checkStrings[S ~string](p *Problems, name string, size *SizeRule, rule *StringRule, list []S) {
	if !size.allows(len(list)) {
		size.add(p, name, len(list), "["+joinClipped(list)+"]")
	}
	if rule == nil {
		return
	}
	for _, s := range list {
		if !rule.ok(string(s)) {
			value := ""
			if !rule.Sensitive {
				value = "'[" + joinClipped(list) + "]' "
			}
			p.add(value, name, "Member must satisfy constraint: ["+rule.all()+"]")
			return
		}
	}
}

func joinClipped[S ~string](list []S) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(s))
		if b.Len() > maxEcho {
			break
		}
	}
	return clipValue(b.String())
}

// maxEcho bounds how much of a rejected value an answer repeats.
const maxEcho = 4096

func clipValue(s string) string {
	if len(s) > maxEcho {
		return strings.ToValidUTF8(s[:maxEcho], "") + "…"
	}
	return s
}

// SizeRule bounds the elements of a list or map; Max 0 means no bound. A nil rule allows all.
type SizeRule struct{ Min, Max int }

func (r *SizeRule) allows(n int) bool {
	return r == nil || n >= r.Min && (r.Max == 0 || n <= r.Max)
}

func (r *SizeRule) check(p *Problems, name string, n int) {
	if !r.allows(n) {
		r.add(p, name, n, "["+strconv.Itoa(n)+" elements]")
	}
}

func (r *SizeRule) add(p *Problems, name string, n int, value string) {
	if n < r.Min {
		p.add("'"+value+"' ", name, "Member must have length greater than or equal to "+strconv.Itoa(r.Min))
		return
	}
	p.add("'"+value+"' ", name, "Member must have length less than or equal to "+strconv.Itoa(r.Max))
}

// IntRule bounds an integer.
type IntRule struct {
	Min, Max       int
	HasMin, HasMax bool
	// Long allows 64 bits; otherwise 32.
	Long bool
}

func (r *IntRule) bits() int {
	if r != nil && r.Long {
		return 64
	}
	return 32
}

func (r *IntRule) check(p *Problems, name string, n int) {
	switch {
	case r == nil:
	case r.HasMin && n < r.Min:
		p.add("'"+strconv.Itoa(n)+"' ", name, "Member must have value greater than or equal to "+strconv.Itoa(r.Min))
	case r.HasMax && n > r.Max:
		p.add("'"+strconv.Itoa(n)+"' ", name, "Member must have value less than or equal to "+strconv.Itoa(r.Max))
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// units counts UTF-16 code units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
