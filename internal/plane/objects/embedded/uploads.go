package embedded

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// ListUploads implements [objectstore.UploadLister].
func (s *Store) ListUploads(ctx context.Context, in objectstore.ListUploads) (objectstore.UploadListing, error) {
	var out objectstore.UploadListing
	if in.Max <= 0 {
		return out, ctx.Err()
	}
	ns := namespace(in.Bucket)
	err := s.db.View(func(tx *bolt.Tx) error {
		nested := tx.Bucket([]byte(tableUploads)).Bucket(ns)
		if nested == nil {
			return nil
		}
		return s.listUploads(nested.Cursor(), ns, &in, &out)
	})
	if err != nil {
		return objectstore.UploadListing{}, trouble(fmt.Errorf("listing uploads: %w", err))
	}
	return out, nil
}

func (s *Store) listUploads(c *bolt.Cursor, ns []byte, in *objectstore.ListUploads, out *objectstore.UploadListing) error {
	prefix := appendEscaped(nil, in.Prefix)
	k, v := c.Seek(prefix)
	if in.KeyMarker != "" && in.KeyMarker >= in.Prefix {
		k, v = c.Seek(past(in.KeyMarker))
		if id, ok := parseUploadID(in.UploadMarker); ok {
			at := uploadKey(in.KeyMarker, id)
			if k, v = c.Seek(at); bytes.Equal(k, at) {
				k, v = c.Next()
			}
		}
	}
	for k != nil && bytes.HasPrefix(k, prefix) {
		key, tail, ok := splitKey(k)
		if !ok || len(tail) != len(uploadID{}) {
			return errTampered
		}
		group, grouped := objectstore.Group(key, in.Prefix, in.Delimiter)
		if grouped && in.KeyMarker != "" && group <= in.KeyMarker {
			k, v = seekPast(c, group)
			continue
		}
		if len(out.Uploads)+len(out.Prefixes) >= in.Max {
			out.Truncated = true
			return nil
		}
		if grouped {
			out.Prefixes = append(out.Prefixes, group)
			out.NextKey, out.NextUpload = group, ""
			k, v = seekPast(c, group)
			continue
		}
		u, err := s.openUpload(ns, k, v)
		if err != nil {
			return err
		}
		copy(u.id[:], tail)
		out.Uploads = append(out.Uploads, u.public(key))
		out.NextKey, out.NextUpload = key, u.id.String()
		k, v = c.Next()
	}
	out.NextKey, out.NextUpload = "", ""
	return nil
}

// ListParts implements [objectstore.UploadLister].
func (s *Store) ListParts(ctx context.Context, ref objectstore.UploadRef, after, limit int) (objectstore.PartListing, error) {
	var out objectstore.PartListing
	if err := ctx.Err(); err != nil {
		return out, err
	}
	ns := namespace(ref.Bucket)
	err := s.db.View(func(tx *bolt.Tx) error {
		u, err := s.findUpload(tx, ns, ref)
		if err != nil {
			return err
		}
		out.Upload = u.public(ref.Key)
		if limit <= 0 {
			return nil
		}
		return s.eachPart(tx, ns, u.id, func(n int, p *part) error {
			switch {
			case n <= after:
			case len(out.Parts) == limit:
				out.Truncated = true
			default:
				out.Parts = append(out.Parts, p.public(n))
			}
			return nil
		})
	})
	return out, err
}
