package s3req

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// ParseRange reads a Range header. Like S3 (and RFC 9110) it ignores one that is malformed or not in
// bytes; more than one range is ignored by S3 as well and gives the whole object.
func ParseRange(h string) objectstore.Range {
	spec, ok := strings.CutPrefix(h, "bytes=")
	if !ok || strings.IndexByte(spec, ',') >= 0 {
		return objectstore.Range{}
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return objectstore.Range{}
	}
	first, last = strings.TrimSpace(first), strings.TrimSpace(last)
	if first == "" {
		n, ok := Digits(last)
		if !ok {
			return objectstore.Range{}
		}
		return objectstore.Range{Set: true, Suffix: true, Last: n}
	}
	from, ok := Digits(first)
	if !ok {
		return objectstore.Range{}
	}
	if last == "" {
		return objectstore.Range{Set: true, First: from, Last: -1}
	}
	to, ok := Digits(last)
	if !ok || to < from {
		return objectstore.Range{}
	}
	return objectstore.Range{Set: true, First: from, Last: to}
}

// Digits reads a decimal number; one that is too large is as good as the largest.
func Digits(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// ParseCopyRange reads X-Amz-Copy-Source-Range, which must be bytes=FIRST-LAST.
func ParseCopyRange(h string) (objectstore.Range, error) {
	if h == "" {
		return objectstore.Range{}, nil
	}
	rg := ParseRange(h)
	if !rg.Set || rg.Suffix || rg.Last < 0 {
		return rg, badArgument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	return rg, nil
}

// Conditions reads the preconditions of a read, or, with prefix "X-Amz-Copy-Source-", of a copy's
// source. Dates that are malformed are ignored, as RFC 9110 has it.
func (q *Request) Conditions(prefix string) objectstore.Conditions {
	h := q.http.Header
	date := func(name string) time.Time {
		v := h.Get(prefix + name)
		if v == "" {
			return time.Time{}
		}
		t, err := http.ParseTime(v)
		if err != nil {
			return time.Time{}
		}
		return t
	}
	return objectstore.Conditions{
		IfMatch:           h.Get(prefix + "If-Match"),
		IfNoneMatch:       h.Get(prefix + "If-None-Match"),
		IfModifiedSince:   date("If-Modified-Since"),
		IfUnmodifiedSince: date("If-Unmodified-Since"),
	}
}

// ParseTagging reads the X-Amz-Tagging header: tags as a URL query.
func ParseTagging(h string) ([]identity.Tag, error) {
	if h == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(h)
	if err != nil {
		return nil, badArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	var tags []identity.Tag
	for one := range strings.SplitSeq(h, "&") { // in the order in which they were sent
		name, _, _ := strings.Cut(one, "=")
		if name, err = url.QueryUnescape(name); err != nil || name == "" {
			continue
		}
		if len(values[name]) != 1 {
			return nil, badArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		tags = append(tags, identity.Tag{Key: name, Value: values[name][0]})
	}
	return tags, nil
}

// MaxKeys reads max-keys and its relatives: absent means 1000, more than 1000 means 1000.
func (q *Request) MaxKeys(name string) (int, error) {
	v, ok := q.Lookup(name)
	if !ok || v == "" {
		return objectstore.MaxListKeys, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, badArgument("Provided " + name + " not an integer or within integer range")
	}
	if n < 0 {
		return 0, badArgument("Argument " + name + " must be an integer between 0 and 2147483647")
	}
	return int(min(n, objectstore.MaxListKeys)), nil
}
