package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// Get implements [objectstore.Store].
func (s *Store) Get(ctx context.Context, in objectstore.Get) (*objectstore.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ns := namespace(in.Bucket)
	for attempt := 0; ; attempt++ {
		out, err := s.get(ns, &in)
		// The version was replaced between the look at the index and the opening of its file.
		if errors.Is(err, os.ErrNotExist) && attempt < 3 {
			continue
		}
		return out, err
	}
}

func (s *Store) get(ns []byte, in *objectstore.Get) (*objectstore.Object, error) {
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, trouble(fmt.Errorf("reading the objects index: %w", err))
	}
	defer func() { _ = tx.Rollback() }() // ends a read
	r, ok, err := versionOf(tx.Bucket([]byte(tableObjects)).Bucket(ns), in.Key, in.VersionID)
	if err != nil {
		return nil, fmt.Errorf("reading the objects index: %w", err)
	}
	if !ok {
		if in.VersionID != "" {
			return nil, objectstore.ErrNoSuchVersion
		}
		return nil, objectstore.ErrNoSuchKey
	}
	o, err := s.open(ns, in.Key, &r)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	if r.flags&flagMarker != 0 {
		return nil, &objectstore.DeleteMarkerError{VersionID: r.versionID(), LastModified: o.modified, Named: in.VersionID != ""}
	}
	out := &objectstore.Object{Info: s.info(in.Key, &r, &o)}
	if err := in.Conditions.Check(out.ETag, out.LastModified); err != nil {
		return out, err
	}
	files, err := s.files(ns, in.Key, &r)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	if o.parts > 0 {
		out.PartSizes = make([]int64, len(files))
		for i := range files {
			out.PartSizes[i] = files[i].size
		}
	}
	if out.Offset, out.Length, err = objectstore.Stretch(in, &out.Info); err != nil {
		return out, err
	}
	if in.HeadOnly {
		return out, nil
	}
	out.Body, err = s.body(ns, in.Key, &r, &o, files, out.Offset, out.Length)
	return out, err
}

// body opens a stretch of a version's content. The transaction of r is still open, so the files that
// it names are not forgotten before they are pinned; they may be unlinked, which shows as
// os.ErrNotExist.
func (s *Store) body(ns []byte, key string, r *record, o *object, files []blobRef, offset, length int64) (bodyCloser, error) {
	if o.size == 0 || length == 0 {
		return &memory{}, nil
	}
	if r.flags&flagFiles == 0 {
		aad := bodyPlace(ns, key, r.salt)
		aead, err := s.seals.dataKey([]byte(o.wrapped), aad)
		if err != nil {
			return nil, err
		}
		nonce := chunkNonce(0)
		plain, err := aead.Open(make([]byte, 0, len(r.rest)), nonce[:], r.rest, chunkAAD(nil, aad, 0))
		if err != nil || int64(len(plain)) != o.size {
			return nil, errTampered
		}
		return &memory{plain[offset : offset+length]}, nil
	}
	b := &bodyReader{store: s, blobs: files, all: files, skip: offset, left: length}
	s.blobs.pin(files)
	// All files that will be read are there: a pinned one stays. Only the first can be told missing
	// cheaply, and a removal takes all of a version at once, first one first.
	if err := b.open(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

type bodyCloser interface {
	Read(p []byte) (int, error)
	Close() error
}

// Tags implements [objectstore.Tagger].
func (s *Store) Tags(ctx context.Context, ref objectstore.Ref) (string, []identity.Tag, error) {
	out, err := s.Get(ctx, objectstore.Get{Ref: ref, HeadOnly: true})
	if err != nil {
		return "", nil, err
	}
	return out.VersionID, out.Tags, nil
}

// SetTags implements [objectstore.Tagger].
func (s *Store) SetTags(ctx context.Context, ref objectstore.Ref, tags []identity.Tag) (string, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	ns := namespace(ref.Bucket)
	var id string
	err = s.commit(func(tx *bolt.Tx) error {
		nested := tx.Bucket([]byte(tableObjects)).Bucket(ns)
		r, ok, err := versionOf(nested, ref.Key, ref.VersionID)
		if err != nil {
			return err
		}
		if !ok {
			if ref.VersionID != "" {
				return objectstore.ErrNoSuchVersion
			}
			return objectstore.ErrNoSuchKey
		}
		o, err := s.open(ns, ref.Key, &r)
		if err != nil {
			return err
		}
		if id = r.versionID(); r.flags&flagMarker != 0 {
			return &objectstore.DeleteMarkerError{VersionID: id, LastModified: o.modified, Named: ref.VersionID != ""}
		}
		o.tags = tags
		meta := s.seals.sealMeta(nil, o.encode(), r.place(ns, ref.Key).buf)
		return poisonIf(nested.Put(versionKey(ref.Key, r.seq), encodeRecord(r.flags, r.salt, meta, r.rest)))
	})
	return id, err
}
