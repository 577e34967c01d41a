package objectstore

import (
	"strings"
	"time"
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
