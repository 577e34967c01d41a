package policy

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

type operatorKind uint8

const (
	opString operatorKind = iota
	opStringFold
	opStringLike
	opNumeric
	opDate
	opBool
	opBinary
	opIP
	opARN
	opNull
)

// relation of Numeric and Date operators: how the request's value stands to the policy's.
type relation uint8

const (
	relEqual relation = iota
	relLess
	relLessEqual
	relGreater
	relGreaterEqual
)

// quantifier says how several values of the request count.
type quantifier uint8

const (
	quantNone quantifier = iota
	quantAll
	quantAny
)

// operator is a parsed condition operator.
type operator struct {
	kind     operatorKind
	rel      relation
	negate   bool
	ifExists bool
	quant    quantifier
}

// parseOperator reads an operator as policies write it. Case matters, and Null has no IfExists.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func parseOperator(s string) (operator, bool) {
	var o operator
	if rest, ok := strings.CutPrefix(s, "ForAllValues:"); ok {
		o.quant, s = quantAll, rest
	} else if rest, ok := strings.CutPrefix(s, "ForAnyValue:"); ok {
		o.quant, s = quantAny, rest
	}
	s, o.ifExists = strings.CutSuffix(s, "IfExists")
	switch s {
	case "StringEquals":
		o.kind = opString
	case "StringNotEquals":
		o.kind, o.negate = opString, true
	case "StringEqualsIgnoreCase":
		o.kind = opStringFold
	case "StringNotEqualsIgnoreCase":
		o.kind, o.negate = opStringFold, true
	case "StringLike":
		o.kind = opStringLike
	case "StringNotLike":
		o.kind, o.negate = opStringLike, true
	case "Bool":
		o.kind = opBool
	case "BinaryEquals":
		o.kind = opBinary
	case "IpAddress":
		o.kind = opIP
	case "NotIpAddress":
		o.kind, o.negate = opIP, true
	case "ArnEquals", "ArnLike":
		o.kind = opARN
	case "ArnNotEquals", "ArnNotLike":
		o.kind, o.negate = opARN, true
	case "Null":
		o.kind = opNull
		return o, !o.ifExists
	default:
		return o.parseOrdered(s)
	}
	return o, true
}

func (o operator) parseOrdered(s string) (operator, bool) {
	rest, ok := strings.CutPrefix(s, "Numeric")
	o.kind = opNumeric
	if !ok {
		if rest, ok = strings.CutPrefix(s, "Date"); !ok {
			return operator{}, false
		}
		o.kind = opDate
	}
	switch rest {
	case "Equals":
	case "NotEquals":
		o.negate = true
	case "LessThan":
		o.rel = relLess
	case "LessThanEquals":
		o.rel = relLessEqual
	case "GreaterThan":
		o.rel = relGreater
	case "GreaterThanEquals":
		o.rel = relGreaterEqual
	default:
		return operator{}, false
	}
	return o, true
}

// variables tells whether values of the operator may hold policy variables.
func (o operator) variables() bool {
	switch o.kind {
	case opString, opStringFold, opStringLike, opARN, opBool:
		return true
	case opNumeric, opDate, opBinary, opIP, opNull:
	}
	return false
}

// badValue says why a value cannot be compared, "" if it can.
func (o operator) badValue(value string, vars bool) string {
	ok := true
	switch o.kind {
	case opString, opStringFold, opStringLike, opARN, opBool:
		if ok = readable(value, vars); !ok {
			return "malformed variable in " + quote(value)
		}
	case opNumeric:
		_, ok = parseNumber(value)
	case opDate:
		_, ok = parseDate(value)
	case opBinary:
		_, err := base64.StdEncoding.DecodeString(value)
		ok = err == nil
	case opIP:
		_, ok = parsePrefix(value)
	case opNull:
		ok = equalFold(value, "true") || equalFold(value, "false")
	}
	if !ok {
		return quote(value) + " is not a value of this operator"
	}
	return ""
}

// number is a decimal: whole if it has no fraction and fits.
type number struct {
	whole bool
	i     int64
	f     float64
}

func parseNumber(s string) (number, bool) {
	if i, ok := parseInt(s); ok {
		return number{whole: true, i: i, f: float64(i)}, true
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", rune(c)) {
			return number{}, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return number{f: f}, err == nil
}

// parseInt is strconv.ParseInt without its error, which would be allocated for each value that is no number.
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

func (n number) compare(m number) int {
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

func (r relation) holds(c int) bool {
	switch r {
	case relEqual:
		return c == 0
	case relLess:
		return c < 0
	case relLessEqual:
		return c <= 0
	case relGreater:
		return c > 0
	case relGreaterEqual:
		return c >= 0
	}
	return false
}

// instant is a time as dates in policies have it: its range is wider than that of time.Duration arithmetic.
type instant struct {
	sec  int64
	nsec int
}

func instantOf(t time.Time) instant { return instant{t.Unix(), t.Nanosecond()} }

func (a instant) compare(b instant) int {
	if c := cmp(a.sec, b.sec); c != 0 {
		return c
	}
	return cmp(a.nsec, b.nsec)
}

// parseDate reads the W3C forms of ISO 8601 (year, month, day, and time with a zone or none, which means
// UTC), and whole seconds since 1970.
// https://www.w3.org/TR/NOTE-datetime
func parseDate(s string) (instant, bool) {
	if !strings.ContainsAny(s, "-tT") {
		if len(s) == 19 && s <= "9223372036854775807" && strings.Trim(s, "0123456789") == "" {
			n, err := strconv.ParseInt(s, 10, 64)
			return instant{sec: n}, err == nil
		}
		n, ok := parseInt(s)
		return instant{sec: n}, ok && n >= 0
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
		return instant{}, false
	}
	if hasMonth == cutMore {
		var more cutResult
		if month, rest, more = cutInt(rest, '-', 1, 12); more == cutBad {
			return instant{}, false
		} else if more == cutMore {
			if day, _, more = cutInt(rest, '-', 1, 31); more != cutEnd {
				return instant{}, false
			}
		}
	}
	if negative {
		year = -year
	}
	hour, minute, sec, nsec, offset, ok := parseClock(clock)
	if !ok {
		return instant{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, sec, nsec, time.UTC)
	return instant{t.Unix() - int64(offset), nsec}, true
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

// parsePrefix reads an address or a range of addresses, version 4 or 6.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, ok := parseAddr(s)
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

// parseAddr looks before it parses, since netip allocates its errors.
func parseAddr(s string) (netip.Addr, bool) {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (lower(c) < 'a' || lower(c) > 'f') && c != '.' && c != ':' {
			return netip.Addr{}, false
		}
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap(), err == nil
}
