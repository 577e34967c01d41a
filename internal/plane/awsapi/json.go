package awsapi

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// JSONEncoder appends JSON; commas are its own affair.
type JSONEncoder struct {
	buf   []byte
	comma bool
}

func (e *JSONEncoder) open(c byte) {
	e.separate()
	e.buf = append(e.buf, c)
	e.comma = false
}

func (e *JSONEncoder) close(c byte) {
	e.buf = append(e.buf, c)
	e.comma = true
}

func (e *JSONEncoder) separate() {
	if e.comma {
		e.buf = append(e.buf, ',')
	}
	e.comma = true
}

// Name starts an object's member; a value must follow.
func (e *JSONEncoder) Name(name string) {
	e.separate()
	e.buf = appendJSONString(e.buf, name)
	e.buf = append(e.buf, ':')
	e.comma = false
}

// Object writes an object whose members body writes.
func (e *JSONEncoder) Object(body func()) {
	e.open('{')
	body()
	e.close('}')
}

// OpenObject starts an object and CloseObject ends it.
func (e *JSONEncoder) OpenObject() { e.open('{') }

// CloseObject ends an object.
func (e *JSONEncoder) CloseObject() { e.close('}') }

// Bytes returns what was written; the encoder is not to be used afterwards.
func (e *JSONEncoder) Bytes() []byte { return e.buf }

// OpenArray starts an array and CloseArray ends it.
func (e *JSONEncoder) OpenArray() { e.open('[') }

// CloseArray ends an array.
func (e *JSONEncoder) CloseArray() { e.close(']') }

// String writes a string value.
func (e *JSONEncoder) String(value string) {
	e.separate()
	e.buf = appendJSONString(e.buf, value)
}

// Int writes a number.
func (e *JSONEncoder) Int(value int) {
	e.separate()
	e.buf = strconv.AppendInt(e.buf, int64(value), 10)
}

// Bool writes true or false.
func (e *JSONEncoder) Bool(value bool) {
	e.separate()
	e.buf = strconv.AppendBool(e.buf, value)
}

// Blob writes base64.
func (e *JSONEncoder) Blob(value []byte) {
	e.separate()
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, value)
	e.buf = append(e.buf, '"')
}

// Epoch writes a time as seconds since 1970, with milliseconds if there are any.
func (e *JSONEncoder) Epoch(value time.Time) {
	e.separate()
	ms := value.UnixMilli()
	if ms%1000 == 0 {
		e.buf = strconv.AppendInt(e.buf, ms/1000, 10)
		return
	}
	e.buf = strconv.AppendFloat(e.buf, math.Round(float64(ms))/1000, 'f', -1, 64)
}

// Time writes a time as ISO 8601 in UTC to the second.
func (e *JSONEncoder) Time(value time.Time) {
	e.separate()
	e.buf = append(e.buf, '"')
	e.buf = appendTime(e.buf, value)
	e.buf = append(e.buf, '"')
}

// Hidden writes what stands for a sensitive value in audit records, as CloudTrail does.
func (e *JSONEncoder) Hidden() { e.String("HIDDEN_DUE_TO_SECURITY_REASONS") }

const hexDigits = "0123456789abcdef"

func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
