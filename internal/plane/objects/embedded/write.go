package embedded

import (
	"context"
	"errors"
	"io"

	bolt "go.etcd.io/bbolt"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// content is a body that was read to its end and sealed.
type content struct {
	sums    checksum.Sums
	wrapped []byte
	inline  []byte // sealed; nil if it is in a file
	blob    blobID // zero if it is inline or empty
	aad     []byte
}

// take reads body to its end: into memory if it is small, else into a file that is on disk when take
// returns.
func (s *Store) take(body objectstore.Payload, aad []byte, limit int) (*content, error) {
	c := &content{aad: aad}
	first := s.firstBytes()
	defer s.first.Put(first)
	buf := (*first)[:limit+1]
	n, err := io.ReadFull(body, buf)
	small := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !small {
		return nil, err
	}
	if small && n == 0 {
		c.sums = body.Sums()
		return c, nil
	}
	aead, wrapped, err := s.seals.newKey(aad)
	if err != nil {
		return nil, err
	}
	c.wrapped = wrapped
	if small && n <= limit {
		nonce := chunkNonce(0)
		c.inline = aead.Seal(nil, nonce[:], buf[:n], chunkAAD(nil, aad, 0))
		c.sums = body.Sums()
		return c, nil
	}
	id := newBlobID()
	if err := s.blobs.write(id, buf[:n], body, aead, aad); err != nil {
		return nil, err
	}
	c.blob, c.sums = id, body.Sums()
	return c, nil
}

func (s *Store) firstBytes() *[]byte {
	if b, ok := s.first.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, s.inline+1)
	return &b
}

// discard removes what take made and no index names.
func (s *Store) discard(c *content) {
	if c.blob != (blobID{}) {
		s.blobs.remove([]blobID{c.blob})
	}
}

func (c *content) files() []blobRef {
	if c.blob == (blobID{}) {
		return nil
	}
	return []blobRef{{id: c.blob, size: c.sums.Size, wrapped: string(c.wrapped), aad: string(c.aad)}}
}

// Put implements [objectstore.Store].
func (s *Store) Put(ctx context.Context, in objectstore.Put) (objectstore.Info, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return objectstore.Info{}, err
	}
	defer end()
	ns, salt := namespace(in.Bucket), newSalt()
	c, err := s.take(in.Body, bodyPlace(ns, in.Key, salt), s.inline)
	if err != nil {
		return objectstore.Info{}, err
	}
	o := object{
		size: c.sums.Size, md5: string(c.sums.MD5[:]), headers: in.Headers, meta: in.Meta, tags: in.Tags, checksum: c.sums.Checksum,
	}
	if c.inline != nil {
		o.wrapped = string(c.wrapped)
	}
	v := version{
		ns: ns, key: in.Key, salt: salt, versioning: in.Versioning, object: o, inline: c.inline, files: c.files(),
		ifMatch: in.IfMatch, ifNoneMatch: in.IfNoneMatch,
	}
	var done added
	err = s.commit(func(tx *bolt.Tx) error { done, err = s.add(tx, &v); return err })
	if err != nil {
		s.discard(c)
		return objectstore.Info{}, err
	}
	s.blobs.settle(c.blob)
	s.blobs.remove(done.gone)
	return done.info, nil
}

// version is one to be written.
type version struct {
	ns                   []byte
	key                  string
	salt                 [8]byte
	versioning           objectstore.Versioning
	marker               bool
	object               object
	inline               []byte
	files                []blobRef
	ifMatch, ifNoneMatch string
}

// added is what a write did.
type added struct {
	info objectstore.Info
	gone []blobID // files that the replaced version had
}

// add writes a version in a transaction. It checks everything before it changes anything.
func (s *Store) add(tx *bolt.Tx, v *version) (added, error) {
	var out added
	nested := tx.Bucket([]byte(tableObjects)).Bucket(v.ns)
	if v.ifMatch != "" || v.ifNoneMatch != "" {
		etag, err := s.currentETag(nested, v.ns, v.key)
		if err != nil {
			return out, err
		}
		if err := objectstore.CheckWrite(v.ifMatch, v.ifNoneMatch, etag); err != nil {
			return out, err
		}
	}
	var replaced record
	var replace bool
	var err error
	if v.versioning != objectstore.VersioningEnabled {
		if replaced, replace, err = nullVersion(nested, v.key); err != nil {
			return out, err
		}
		if replace {
			if out.gone, err = s.blobsOf(v.ns, v.key, &replaced); err != nil {
				return out, err
			}
		}
	}
	if nested, err = namespaceFor(tx, tableObjects, v.ns); err != nil {
		return out, err
	}
	if replace {
		if err := nested.Delete(versionKey(v.key, replaced.seq)); err != nil {
			return out, poison(err)
		}
		if err := forget(tx, out.gone); err != nil {
			return out, err
		}
	}
	out.info, err = s.insert(tx, nested, v)
	return out, err
}

func (s *Store) insert(tx *bolt.Tx, nested *bolt.Bucket, v *version) (objectstore.Info, error) {
	seq, err := nested.NextSequence()
	if err != nil {
		return objectstore.Info{}, poison(err)
	}
	r := record{seq: seq, salt: v.salt}
	if v.versioning != objectstore.VersioningEnabled {
		r.flags |= flagNull
	}
	if v.marker {
		r.flags |= flagMarker
	}
	rest := v.inline
	if len(v.files) > 0 {
		r.flags |= flagFiles
		rest = s.seals.sealMeta(nil, encodeTable(v.files), r.place(v.ns, v.key).as(kindTable))
	}
	v.object.modified = s.now().UTC()
	meta := s.seals.sealMeta(nil, v.object.encode(), r.place(v.ns, v.key).buf)
	if err := nested.Put(versionKey(v.key, seq), encodeRecord(r.flags, r.salt, meta, rest)); err != nil {
		return objectstore.Info{}, poison(err)
	}
	blobs := tx.Bucket([]byte(tableBlobs))
	for i := range v.files {
		if err := blobs.Put(v.files[i].id[:], []byte{}); err != nil {
			return objectstore.Info{}, poison(err)
		}
	}
	info := s.info(v.key, &r, &v.object)
	info.Latest = true
	return info, nil
}

// currentETag is "" if there is no object, or a delete marker.
func (s *Store) currentETag(nested *bolt.Bucket, ns []byte, key string) (string, error) {
	r, ok, err := current(nested, key)
	if err != nil || !ok || r.flags&flagMarker != 0 {
		return "", err
	}
	o, err := s.open(ns, key, &r)
	return o.etag(), err
}

func (s *Store) blobsOf(ns []byte, key string, r *record) ([]blobID, error) {
	files, err := s.files(ns, key, r)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	ids := make([]blobID, len(files))
	for i := range files {
		ids[i] = files[i].id
	}
	return ids, nil
}

// forget takes blobs off the list of those that must be there.
func forget(tx *bolt.Tx, ids []blobID) error {
	blobs := tx.Bucket([]byte(tableBlobs))
	for i := range ids {
		if err := blobs.Delete(ids[i][:]); err != nil {
			return poison(err)
		}
	}
	return nil
}

// Delete implements [objectstore.Store].
func (s *Store) Delete(ctx context.Context, in objectstore.Delete) (objectstore.Deleted, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return objectstore.Deleted{}, err
	}
	defer end()
	ns := namespace(in.Bucket)
	var out objectstore.Deleted
	var gone []blobID
	err = s.commit(func(tx *bolt.Tx) error {
		out, gone = objectstore.Deleted{}, nil
		nested := tx.Bucket([]byte(tableObjects)).Bucket(ns)
		if in.IfMatch != "" {
			etag, err := s.currentETag(nested, ns, in.Key)
			if err != nil {
				return err
			}
			if err := objectstore.CheckWrite(in.IfMatch, "", etag); err != nil {
				return err
			}
		}
		if in.VersionID == "" && in.Versioning != objectstore.Unversioned {
			done, err := s.add(tx, &version{ns: ns, key: in.Key, salt: newSalt(), versioning: in.Versioning, marker: true})
			out, gone = objectstore.Deleted{VersionID: done.info.VersionID, DeleteMarker: true}, done.gone
			return err
		}
		id := in.VersionID
		r, ok, err := versionOf(nested, in.Key, id)
		if err != nil {
			return err
		}
		if out.VersionID = id; !ok {
			return nil
		}
		out.DeleteMarker = r.flags&flagMarker != 0
		if gone, err = s.blobsOf(ns, in.Key, &r); err != nil {
			return err
		}
		if err := nested.Delete(versionKey(in.Key, r.seq)); err != nil {
			return poison(err)
		}
		return forget(tx, gone)
	})
	if err != nil {
		return objectstore.Deleted{}, err
	}
	s.blobs.remove(gone)
	return out, nil
}
