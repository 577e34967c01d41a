package awsapi

import (
	"encoding/base64"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// XMLEncoder appends XML elements; element names come from generated code and are not checked.
type XMLEncoder struct{ buf []byte }

// Open starts an element.
func (e *XMLEncoder) Open(name string) {
	e.buf = append(e.buf, '<')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '>')
}

// Close ends an element.
func (e *XMLEncoder) Close(name string) {
	e.buf = append(e.buf, '<', '/')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '>')
}

// Empty writes an element without content.
func (e *XMLEncoder) Empty(name string) {
	e.buf = append(e.buf, '<')
	e.buf = append(e.buf, name...)
	e.buf = append(e.buf, '/', '>')
}

// String writes an element with text.
func (e *XMLEncoder) String(name, value string) {
	e.Open(name)
	e.buf = appendText(e.buf, value)
	e.Close(name)
}

// Int writes an element with a number.
func (e *XMLEncoder) Int(name string, value int) {
	e.Open(name)
	e.buf = strconv.AppendInt(e.buf, int64(value), 10)
	e.Close(name)
}

// Bool writes an element with true or false.
func (e *XMLEncoder) Bool(name string, value bool) {
	e.Open(name)
	e.buf = strconv.AppendBool(e.buf, value)
	e.Close(name)
}

// Time writes an element with a time in UTC to the second, as IAM and STS answer.
func (e *XMLEncoder) Time(name string, value time.Time) {
	e.Open(name)
	e.buf = appendTime(e.buf, value)
	e.Close(name)
}

// Blob writes an element with base64.
func (e *XMLEncoder) Blob(name string, value []byte) {
	e.Open(name)
	e.buf = base64.StdEncoding.AppendEncode(e.buf, value)
	e.Close(name)
}

// appendTime is what AppendFormat makes of the layout 2006-01-02T15:04:05Z, several times as fast.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1000 || year > 9999 {
		return t.AppendFormat(b, "2006-01-02T15:04:05Z")
	}
	hour, minute, second := t.Clock()
	const digits = "0123456789"
	two := func(n int, after byte) { b = append(b, digits[n/10], digits[n%10], after) }
	b = append(b, digits[year/1000], digits[year/100%10])
	two(year%100, '-')
	two(int(month), '-')
	two(day, 'T')
	two(hour, ':')
	two(minute, ':')
	two(second, 'Z')
	return b
}

func (e *XMLEncoder) startResponse(namespace, operation, wrapper string) {
	e.buf = append(e.buf, '<')
	e.buf = append(e.buf, operation...)
	e.buf = append(e.buf, `Response xmlns="`...)
	e.buf = append(e.buf, namespace...)
	e.buf = append(e.buf, `">`...)
	if wrapper != "" {
		e.Open(wrapper)
	}
}

func (e *XMLEncoder) endResponse(operation, wrapper, requestID string) {
	if wrapper != "" {
		e.Close(wrapper)
	}
	e.Open("ResponseMetadata")
	e.String("RequestId", requestID)
	e.Close("ResponseMetadata")
	e.buf = append(e.buf, '<', '/')
	e.buf = append(e.buf, operation...)
	e.buf = append(e.buf, "Response>"...)
}

// plainText says which bytes stand for themselves in XML text.
var plainText = func() (t [256]bool) {
	for i := ' '; i < utf8.RuneSelf; i++ {
		t[i] = true
	}
	t['\t'], t['\n'] = true, true
	t['&'], t['<'], t['>'], t['"'] = false, false, false, false
	return t
}()

// appendText escapes what XML text may not hold; characters that XML 1.0 cannot express at all
// become U+FFFD.
func appendText(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainText[c] {
			i++
			continue
		}
		escape, size := "\uFFFD", 1
		switch {
		case c == '&':
			escape = "&amp;"
		case c == '<':
			escape = "&lt;"
		case c == '>':
			escape = "&gt;"
		case c == '"':
			escape = "&quot;"
		case c == '\r':
			escape = "&#xD;"
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if !(r == utf8.RuneError && size == 1) && r != 0xFFFE && r != 0xFFFF {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = append(b, escape...)
		i += size
		start = i
	}
	return append(b, s[start:]...)
}

// SortedKeys returns the keys of a map in order, so that answers do not vary.
func SortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
