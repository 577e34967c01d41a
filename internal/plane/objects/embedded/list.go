package embedded

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// maxScan bounds the keys that one page of a listing looks at, for buckets full of delete markers:
// the page then ends early and the next one goes on.
const maxScan = 100_000

// List implements [objectstore.Store].
func (s *Store) List(ctx context.Context, in objectstore.List) (objectstore.Listing, error) {
	var out objectstore.Listing
	if in.Max <= 0 {
		return out, nil
	}
	ns := namespace(in.Bucket)
	err := s.db.View(func(tx *bolt.Tx) error {
		nested := tx.Bucket([]byte(tableObjects)).Bucket(ns)
		if nested == nil {
			return nil
		}
		return s.list(ctx, nested.Cursor(), ns, &in, &out)
	})
	if err != nil {
		return objectstore.Listing{}, trouble(fmt.Errorf("listing objects: %w", err))
	}
	return out, nil
}

func (s *Store) list(ctx context.Context, c *bolt.Cursor, ns []byte, in *objectstore.List, out *objectstore.Listing) error {
	prefix := appendEscaped(nil, in.Prefix)
	k, v := seekAfter(c, prefix, in)
	last := in.After
	for scanned := 0; k != nil && bytes.HasPrefix(k, prefix); scanned++ {
		if scanned >= maxScan {
			out.Next = last
			return nil
		}
		if scanned%1024 == 1023 && ctx.Err() != nil {
			return ctx.Err()
		}
		key, tail, ok := splitKey(k)
		if !ok {
			return errTampered
		}
		r, err := parseRecord(tail, v)
		if err != nil {
			return err
		}
		if r.flags&flagMarker != 0 {
			last = key
			k, v = c.Seek(past(key))
			continue
		}
		group, grouped := objectstore.Group(key, in.Prefix, in.Delimiter)
		if grouped && group <= in.After {
			k, v = seekPast(c, group)
			continue
		}
		if len(out.Objects)+len(out.Prefixes) >= in.Max {
			out.Next = last
			return nil
		}
		if grouped {
			out.Prefixes = append(out.Prefixes, group)
			last = group
			k, v = seekPast(c, group)
			continue
		}
		o, err := s.open(ns, key, &r)
		if err != nil {
			return err
		}
		out.Objects = append(out.Objects, s.info(key, &r, &o))
		last = key
		if k, v = c.Next(); k != nil && bytes.HasPrefix(k, head(key)) {
			k, v = c.Seek(past(key))
		}
	}
	return nil
}

func seekAfter(c *bolt.Cursor, prefix []byte, in *objectstore.List) ([]byte, []byte) {
	if in.After == "" || in.After < in.Prefix && !strings.HasPrefix(in.After, in.Prefix) {
		return c.Seek(prefix)
	}
	return c.Seek(past(in.After))
}

func seekPast(c *bolt.Cursor, prefix string) ([]byte, []byte) {
	next := pastPrefix(prefix)
	if next == nil {
		return nil, nil
	}
	return c.Seek(next)
}

// ListVersions implements [objectstore.Versioner].
func (s *Store) ListVersions(ctx context.Context, in objectstore.ListVersions) (objectstore.VersionListing, error) {
	var out objectstore.VersionListing
	if in.Max <= 0 {
		return out, nil
	}
	ns := namespace(in.Bucket)
	err := s.db.View(func(tx *bolt.Tx) error {
		nested := tx.Bucket([]byte(tableObjects)).Bucket(ns)
		if nested == nil {
			return nil
		}
		return s.listVersions(ctx, nested, ns, &in, &out)
	})
	if err != nil {
		return objectstore.VersionListing{}, trouble(fmt.Errorf("listing versions: %w", err))
	}
	return out, nil
}

func (s *Store) listVersions(ctx context.Context, nested *bolt.Bucket, ns []byte, in *objectstore.ListVersions, out *objectstore.VersionListing) error {
	c := nested.Cursor()
	prefix := appendEscaped(nil, in.Prefix)
	k, v, previous, err := s.seekVersion(nested, c, prefix, in)
	if err != nil {
		return err
	}
	for k != nil && bytes.HasPrefix(k, prefix) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		key, tail, ok := splitKey(k)
		if !ok {
			return errTampered
		}
		group, grouped := objectstore.Group(key, in.Prefix, in.Delimiter)
		if grouped && in.KeyMarker != "" && group <= in.KeyMarker {
			k, v = seekPast(c, group)
			continue
		}
		if len(out.Versions)+len(out.Prefixes) >= in.Max {
			out.Truncated = true
			return nil
		}
		if grouped {
			out.Prefixes = append(out.Prefixes, group)
			out.NextKey, out.NextVersionMark = group, ""
			k, v = seekPast(c, group)
			continue
		}
		r, err := parseRecord(tail, v)
		if err != nil {
			return err
		}
		o, err := s.open(ns, key, &r)
		if err != nil {
			return err
		}
		info := s.info(key, &r, &o)
		info.Latest = key != previous
		previous = key
		out.Versions = append(out.Versions, info)
		out.NextKey, out.NextVersionMark = key, info.VersionID
		k, v = c.Next()
	}
	out.NextKey, out.NextVersionMark = "", ""
	return nil
}

// seekVersion finds where a page begins; previous is the key whose newest version an earlier page had.
func (s *Store) seekVersion(nested *bolt.Bucket, c *bolt.Cursor, prefix []byte, in *objectstore.ListVersions) (k, v []byte, previous string, err error) {
	if in.KeyMarker == "" || in.KeyMarker < in.Prefix {
		k, v = c.Seek(prefix)
		return k, v, "", nil
	}
	if in.VersionMarker == "" {
		k, v = c.Seek(past(in.KeyMarker))
		return k, v, "", nil
	}
	r, ok, err := versionOf(nested, in.KeyMarker, in.VersionMarker)
	if err != nil {
		return nil, nil, "", err
	}
	if !ok { // gone since: go on after where it was
		seq, _, valid := parseVersionID(in.VersionMarker)
		if !valid {
			k, v = c.Seek(past(in.KeyMarker))
			return k, v, in.KeyMarker, nil
		}
		r.seq = seq
	}
	at := versionKey(in.KeyMarker, r.seq)
	if k, v = c.Seek(at); bytes.Equal(k, at) {
		k, v = c.Next()
	}
	return k, v, in.KeyMarker, nil
}
