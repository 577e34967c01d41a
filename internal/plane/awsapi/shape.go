package awsapi

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Shape is the constraints of one shape of a model; which of them count depends on its kind. A nil
// Shape allows everything.
type Shape struct {
	// Min, Max bound a string's length in UTF-16 code units, as Java counts, and the elements of a
	// list or map; Max 0 means no bound. They bound an integer if HasMin, HasMax.
	Min, Max       int
	HasMin, HasMax bool
	// Long integers have 64 bits, others 32.
	Long bool
	// Pattern must match the whole string; nil allows all.
	Pattern *Pattern
	// Enum lists the only values; nil allows all.
	Enum []string
	// Complaint words what breaks the pattern where AWS has words of its own for it: "It must …".
	Complaint string
	// Sensitive values are not repeated in violations.
	Sensitive bool
	// NotNull elements of lists list that constraint, too, when another is violated.
	NotNull bool
	// Of names the shape of a list's elements, if that has constraints.
	Of string
}

func (r *Shape) okString(s string) bool {
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

func (r *Shape) checkString(p *Problems, name, s string) {
	if r == nil || r.okString(s) {
		return
	}
	for _, c := range r.violated(s) {
		value := ""
		if !r.Sensitive {
			value = "'" + clipValue(s) + "' "
		}
		p.add(value, name, c)
	}
	if r.Complaint != "" && !r.Pattern.Match(s) {
		p.complain(name, r.Complaint)
	}
}

// violated lists the constraints that s violates.
func (r *Shape) violated(s string) []string {
	var list []string
	n := units(s)
	if r.Max > 0 && n > r.Max {
		list = append(list, r.tooLong())
	}
	if n < r.Min {
		list = append(list, r.tooShort())
	}
	if r.Pattern != nil && r.Complaint == "" && !r.Pattern.Match(s) {
		list = append(list, r.notMatching())
	}
	if r.Enum != nil && !contains(r.Enum, s) {
		list = append(list, r.notListed())
	}
	return list
}

// all lists every constraint of a string: AWS answers them together when an element of a list fails.
func (r *Shape) all() string {
	var list []string
	if r.Max > 0 {
		list = append(list, r.tooLong())
	}
	if r.Min > 0 {
		list = append(list, r.tooShort())
	}
	if r.Pattern != nil {
		list = append(list, r.notMatching())
	}
	if r.Enum != nil {
		list = append(list, r.notListed())
	}
	if r.NotNull {
		list = append(list, "Member must not be null")
	}
	return strings.Join(list, ", ")
}

func (r *Shape) tooLong() string {
	return "Member must have length less than or equal to " + strconv.Itoa(r.Max)
}

func (r *Shape) tooShort() string {
	return "Member must have length greater than or equal to " + strconv.Itoa(r.Min)
}

func (r *Shape) notMatching() string {
	return "Member must satisfy regular expression pattern: " + r.Pattern.Source
}

func (r *Shape) notListed() string {
	return "Member must satisfy enum value set: [" + strings.Join(r.Enum, ", ") + "]"
}

// checkStrings checks a list of strings: its size by size, each element by r.
func (r *Shape) checkStrings(p *Problems, name string, size *Shape, list []string) {
	if !size.allows(len(list)) {
		size.addSize(p, name, len(list), "["+joinClipped(list)+"]")
	}
	if r == nil {
		return
	}
	for _, s := range list {
		if !r.okString(s) {
			value := ""
			if !r.Sensitive {
				value = "'[" + joinClipped(list) + "]' "
			}
			p.add(value, name, "Member must satisfy constraint: ["+r.all()+"]")
			return
		}
	}
}

func (r *Shape) allows(n int) bool {
	return r == nil || n >= r.Min && (r.Max == 0 || n <= r.Max)
}

func (r *Shape) checkSize(p *Problems, name string, n int) {
	if !r.allows(n) {
		r.addSize(p, name, n, "["+strconv.Itoa(n)+" elements]")
	}
}

func (r *Shape) addSize(p *Problems, name string, n int, value string) {
	constraint := r.tooLong
	if n < r.Min {
		constraint = r.tooShort
	}
	p.add("'"+value+"' ", name, constraint())
}

// bits is the width of an integer.
func (r *Shape) bits() int {
	if r != nil && r.Long {
		return 64
	}
	return 32
}

func (r *Shape) checkInt(p *Problems, name string, n int) {
	switch {
	case r == nil:
	case r.HasMin && n < r.Min:
		p.add("'"+strconv.Itoa(n)+"' ", name, "Member must have value greater than or equal to "+strconv.Itoa(r.Min))
	case r.HasMax && n > r.Max:
		p.add("'"+strconv.Itoa(n)+"' ", name, "Member must have value less than or equal to "+strconv.Itoa(r.Max))
	}
}

func joinClipped(list []string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s)
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
