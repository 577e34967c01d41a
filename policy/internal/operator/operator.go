// Package operator knows the condition operators of policies, and numbers, dates and addresses as they compare them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
package operator

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/policy/internal/text"
)

// Kind says what an operator compares.
type Kind uint8

// The kinds of operators.
const (
	String Kind = iota
	StringFold
	StringLike
	Numeric
	Date
	Bool
	Binary
	IP
	ARN
	Null
)

// Relation of Numeric and Date operators: how the request's value stands to the policy's.
type Relation uint8

// The relations. Equal is also that of all other kinds.
const (
	Equal Relation = iota
	Less
	LessEqual
	Greater
	GreaterEqual
)

// Quantifier says how several values of the request count.
type Quantifier uint8

// The quantifiers.
const (
	// None: one value of the request must match one of the policy.
	None   Quantifier = iota
	ForAll            // ForAllValues
	ForAny            // ForAnyValue
)

// Operator is a parsed condition operator.
type Operator struct {
	Kind     Kind
	Rel      Relation
	Quant    Quantifier
	Negate   bool
	IfExists bool
}

// IfMissing is the answer of a condition when the request lacks its key, but for [Null].
func (o Operator) IfMissing() bool {
	switch {
	case o.IfExists || o.Quant == ForAll:
		return true
	case o.Quant == ForAny:
		return false
	}
	return o.Negate
}

// Parse reads an operator as policies write it. Case matters, and Null has no IfExists.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func Parse(s string) (Operator, bool) {
	var o Operator
	if rest, ok := strings.CutPrefix(s, "ForAllValues:"); ok {
		o.Quant, s = ForAll, rest
	} else if rest, ok := strings.CutPrefix(s, "ForAnyValue:"); ok {
		o.Quant, s = ForAny, rest
	}
	s, o.IfExists = strings.CutSuffix(s, "IfExists")
	switch s {
	case "StringEquals":
		o.Kind = String
	case "StringNotEquals":
		o.Kind, o.Negate = String, true
	case "StringEqualsIgnoreCase":
		o.Kind = StringFold
	case "StringNotEqualsIgnoreCase":
		o.Kind, o.Negate = StringFold, true
	case "StringLike":
		o.Kind = StringLike
	case "StringNotLike":
		o.Kind, o.Negate = StringLike, true
	case "Bool":
		o.Kind = Bool
	case "BinaryEquals":
		o.Kind = Binary
	case "IpAddress":
		o.Kind = IP
	case "NotIpAddress":
		o.Kind, o.Negate = IP, true
	case "ArnEquals", "ArnLike":
		o.Kind = ARN
	case "ArnNotEquals", "ArnNotLike":
		o.Kind, o.Negate = ARN, true
	case "Null":
		o.Kind = Null
		return o, !o.IfExists
	default:
		return o.parseOrdered(s)
	}
	return o, true
}

func (o Operator) parseOrdered(s string) (Operator, bool) {
	rest, ok := strings.CutPrefix(s, "Numeric")
	o.Kind = Numeric
	if !ok {
		if rest, ok = strings.CutPrefix(s, "Date"); !ok {
			return Operator{}, false
		}
		o.Kind = Date
	}
	switch rest {
	case "Equals":
	case "NotEquals":
		o.Negate = true
	case "LessThan":
		o.Rel = Less
	case "LessThanEquals":
		o.Rel = LessEqual
	case "GreaterThan":
		o.Rel = Greater
	case "GreaterThanEquals":
		o.Rel = GreaterEqual
	default:
		return Operator{}, false
	}
	return o, true
}

// Variables tells whether values of the operator may hold policy Variables.
func (o Operator) Variables() bool {
	switch o.Kind {
	case String, StringFold, StringLike, ARN, Bool:
		return true
	case Numeric, Date, Binary, IP, Null:
	}
	return false
}

// Comparable tells whether a value of a policy can be compared. Every text can.
func (o Operator) Comparable(value string) bool {
	ok := true
	switch o.Kind {
	case String, StringFold, StringLike, ARN, Bool:
	case Numeric:
		_, ok = ParseNumber(value)
	case Date:
		_, ok = ParseDate(value)
	case Binary:
		_, err := base64.StdEncoding.DecodeString(value)
		ok = err == nil
	case IP:
		_, ok = ParsePrefix(value)
	case Null:
		ok = text.EqualFold(value, "true") || text.EqualFold(value, "false")
	}
	return ok
}

// Number is a decimal: whole if it has no fraction and fits.
type Number struct {
	whole bool
	i     int64
	f     float64
}

// Int returns a whole number.
func Int(n int64) Number { return Number{whole: true, i: n, f: float64(n)} }

// ParseNumber reads a decimal.
func ParseNumber(s string) (Number, bool) {
	if i, ok := parseInt(s); ok {
		return Number{whole: true, i: i, f: float64(i)}, true
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", rune(c)) {
			return Number{}, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return Number{f: f}, err == nil
}

// parseInt is strconv.ParseInt without its error, which would be allocated for each value that is no Number.
func parseInt(s string) (int64, bool) {
	digits, negative := s, false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		digits, negative = s[1:], s[0] == '-'
	}
	if digits == "" || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// Compare returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n Number) Compare(m Number) int {
	if n.whole && m.whole {
		return cmp(n.i, m.i)
	}
	return cmp(n.f, m.f)
}

func cmp[T int | int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Holds tells whether a comparison that gave c satisfies the relation.
func (r Relation) Holds(c int) bool {
	switch r {
	case Equal:
		return c == 0
	case Less:
		return c < 0
	case LessEqual:
		return c <= 0
	case Greater:
		return c > 0
	case GreaterEqual:
		return c >= 0
	}
	return false
}

// Instant is a time as dates in policies have it: its range is wider than that of time.Duration arithmetic.
type Instant struct {
	sec  int64
	nsec int
}

// Epoch returns the instant of a number of seconds since 1970.
func Epoch(sec int64) Instant { return Instant{sec: sec} }

// InstantOf returns the instant of a time.
func InstantOf(t time.Time) Instant { return Instant{t.Unix(), t.Nanosecond()} }

// Compare returns -1, 0 or 1 as a is before, at or after b.
func (a Instant) Compare(b Instant) int {
	if c := cmp(a.sec, b.sec); c != 0 {
		return c
	}
	return cmp(a.nsec, b.nsec)
}

// ParseDate reads the W3C forms of ISO 8601 (year, month, day, and time with a zone or none, which means
// UTC), and whole seconds since 1970.
// https://www.w3.org/TR/NOTE-datetime
func ParseDate(s string) (Instant, bool) {
	if !strings.ContainsAny(s, "-tT") {
		if len(s) == 19 && s <= "9223372036854775807" && strings.Trim(s, "0123456789") == "" {
			n, err := strconv.ParseInt(s, 10, 64)
			return Instant{sec: n}, err == nil
		}
		n, ok := parseInt(s)
		return Instant{sec: n}, ok && n >= 0
	}
	date, clock := s, ""
	if i := strings.IndexAny(s, "tT"); i >= 0 {
		date, clock = s[:i], s[i+1:]
	}
	negative := strings.HasPrefix(date, "-")
	if negative {
		date = date[1:]
	}
	year, rest, hasMonth := cutInt(date, '-', 0, 292278993)
	month, day := 1, 1
	if hasMonth == cutBad {
		return Instant{}, false
	}
	if hasMonth == cutMore {
		var more cutResult
		if month, rest, more = cutInt(rest, '-', 1, 12); more == cutBad {
			return Instant{}, false
		} else if more == cutMore {
			if day, _, more = cutInt(rest, '-', 1, 31); more != cutEnd {
				return Instant{}, false
			}
		}
	}
	if negative {
		year = -year
	}
	hour, minute, sec, nsec, offset, ok := parseClock(clock)
	if !ok {
		return Instant{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, sec, nsec, time.UTC)
	return Instant{t.Unix() - int64(offset), nsec}, true
}

type cutResult uint8

const (
	cutBad cutResult = iota
	cutEnd
	cutMore
)

// cutInt reads digits up to a separator or the end.
func cutInt(s string, sep byte, least, most int) (n int, rest string, r cutResult) {
	head, rest, found := strings.Cut(s, string(rune(sep)))
	if head == "" || len(head) > 9 {
		return 0, "", cutBad
	}
	for _, c := range []byte(head) {
		if c < '0' || c > '9' {
			return 0, "", cutBad
		}
		n = n*10 + int(c-'0')
	}
	switch {
	case n < least || n > most:
		return 0, "", cutBad
	case found:
		return n, rest, cutMore
	}
	return n, "", cutEnd
}

// parseClock reads hh[:mm[:ss[.fraction]]] and a zone.
func parseClock(s string) (hour, minute, sec, nsec, offset int, ok bool) {
	if s == "" {
		return 0, 0, 0, 0, 0, true
	}
	clock := s
	if last := s[len(s)-1]; last == 'z' || last == 'Z' {
		clock = s[:len(s)-1]
	} else if i := strings.LastIndexAny(s, "+-"); i >= 0 {
		clock = s[:i]
		if offset, ok = parseZone(s[i+1:]); !ok {
			return 0, 0, 0, 0, 0, false
		}
		if s[i] == '-' {
			offset = -offset
		}
	}
	clock, fraction, hasFraction := strings.Cut(clock, ".")
	hour, rest, r := cutInt(clock, ':', 0, 23)
	if r == cutMore {
		if minute, rest, r = cutInt(rest, ':', 0, 59); r == cutMore {
			if sec, _, r = cutInt(rest, ':', 0, 59); r == cutMore {
				r = cutBad
			}
		}
	}
	if r == cutBad || hasFraction && (len(fraction) == 0 || len(fraction) > 9) {
		return 0, 0, 0, 0, 0, false
	}
	if hasFraction {
		if nsec, _, r = cutInt(fraction, ':', 0, 999999999); r != cutEnd {
			return 0, 0, 0, 0, 0, false
		}
		for range 9 - len(fraction) {
			nsec *= 10
		}
	}
	return hour, minute, sec, nsec, offset, true
}

// parseZone reads hh, hhmm or hh:mm as seconds.
func parseZone(s string) (int, bool) {
	if len(s) == 4 {
		s = s[:2] + ":" + s[2:]
	}
	if len(s) != 2 && len(s) != 5 {
		return 0, false
	}
	hours, rest, r := cutInt(s, ':', 0, 23)
	minutes := 0
	if r == cutMore {
		if len(rest) != 2 {
			return 0, false
		}
		minutes, _, r = cutInt(rest, ':', 0, 59)
	}
	return (hours*60 + minutes) * 60, r == cutEnd
}

// ParsePrefix reads an address or a range of addresses, version 4 or 6.
func ParsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, ok := ParseAddr(s)
		if !ok {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p.Masked(), true
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// ParseAddr looks before it parses, since netip allocates its errors.
func ParseAddr(s string) (netip.Addr, bool) {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') && c != '.' && c != ':' {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}
