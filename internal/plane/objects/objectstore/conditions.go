package objectstore

import (
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
)

// Check evaluates c against an object that is there, in the order of RFC 9110 §13.2.2 as S3 does.
// It returns nil, [ErrPrecondition] or [ErrNotModified].
func (c Conditions) Check(etag string, modified time.Time) error {
	modified = modified.Truncate(time.Second) // HTTP dates carry seconds
	switch {
	case c.IfMatch != "":
		if !MatchETag(c.IfMatch, etag) {
			return ErrPrecondition
		}
	case !c.IfUnmodifiedSince.IsZero() && modified.After(c.IfUnmodifiedSince):
		return ErrPrecondition
	}
	switch {
	case c.IfNoneMatch != "":
		if MatchETag(c.IfNoneMatch, etag) {
			return ErrNotModified
		}
	case !c.IfModifiedSince.IsZero() && !modified.After(c.IfModifiedSince):
		return ErrNotModified
	}
	return nil
}

// IsZero reports whether c asks for nothing.
func (c Conditions) IsZero() bool {
	return c.IfMatch == "" && c.IfNoneMatch == "" && c.IfModifiedSince.IsZero() && c.IfUnmodifiedSince.IsZero()
}

// MatchETag reports whether one of the entity tags in header, "*" included, is etag. Weak tags match
// like strong ones, as at S3.
func MatchETag(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" {
			return true
		}
		one = strings.TrimPrefix(one, "W/")
		if strings.Trim(one, `"`) == etag {
			return true
		}
	}
	return false
}

// CheckWrite evaluates the preconditions of a write against the current object; etag is "" if there
// is none. It returns nil, [ErrPrecondition] or, for If-Match on nothing, [ErrNoSuchKey].
func CheckWrite(ifMatch, ifNoneMatch, etag string) error {
	if ifMatch != "" {
		if etag == "" {
			return ErrNoSuchKey
		}
		if !MatchETag(ifMatch, etag) {
			return ErrPrecondition
		}
	}
	if ifNoneMatch != "" && etag != "" && MatchETag(ifNoneMatch, etag) {
		return ErrPrecondition
	}
	return nil
}

// Stretch resolves which bytes of an object in asks for: a part, a range, or all.
// It fails with [ErrInvalidRange] or [ErrPartNumber].
func Stretch(in *Get, info *Info) (offset, length int64, err error) {
	if in.Part == 0 {
		return in.Range.Resolve(info.Size)
	}
	if len(info.PartSizes) == 0 {
		if in.Part != 1 {
			return 0, 0, ErrPartNumber
		}
		return 0, info.Size, nil
	}
	if in.Part > len(info.PartSizes) {
		return 0, 0, ErrPartNumber
	}
	for _, n := range info.PartSizes[:in.Part-1] {
		offset += n
	}
	return offset, info.PartSizes[in.Part-1], nil
}

// Group returns the common prefix under which a listing shows key, if it does.
func Group(key, prefix, delimiter string) (string, bool) {
	if delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(prefix)+i+len(delimiter)], true
}

// OfParts returns the checksum of an object of parts, of either type; zero if a is None.
func OfParts(a checksum.Algorithm, kind checksum.Type, parts []checksum.Sized) (checksum.Value, error) {
	switch {
	case a == checksum.None:
		return checksum.Value{}, nil
	case kind == checksum.FullObject:
		return checksum.Whole(a, parts)
	}
	values := make([]string, len(parts))
	for i := range parts {
		values[i] = parts[i].Value
	}
	return checksum.OfParts(a, values)
}
