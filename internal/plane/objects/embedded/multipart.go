package embedded

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // ETags are MD5 by S3's definition
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// uploadID sorts by the time at which the upload began, as listings do.
type uploadID [16]byte

func newUploadID(now time.Time) (id uploadID) {
	_, _ = rand.Read(id[:])                                   // never fails
	binary.BigEndian.PutUint64(id[:], uint64(now.UnixNano())) //nolint:gosec // after 1970
	return id
}

func (id uploadID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func parseUploadID(s string) (id uploadID, ok bool) {
	if len(s) != 22 {
		return id, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(s))
	return id, err == nil && n == len(id)
}

// upload is the sealed record of an open upload.
type upload struct {
	id        uploadID
	initiated time.Time
	initiator string
	algorithm checksum.Algorithm
	kind      checksum.Type
	headers   objectstore.Headers
	meta      []objectstore.Meta
	tags      []identity.Tag
}

func (u *upload) encode() []byte {
	var w writer
	w.time(u.initiated)
	w.text(u.initiator)
	w.text(string(u.algorithm))
	w.text(string(u.kind))
	w.headers(&u.headers)
	w.meta(u.meta)
	w.tags(u.tags)
	return w.b
}

func (u *upload) decode(plain []byte) error {
	r := reader{b: string(plain)}
	u.initiated, u.initiator = r.time(), r.text()
	u.algorithm, u.kind = checksum.Algorithm(r.text()), checksum.Type(r.text())
	r.headers(&u.headers)
	u.meta, u.tags = r.meta(), r.tags()
	if r.bad {
		return errTampered
	}
	return nil
}

func (u *upload) public(key string) objectstore.Upload {
	return objectstore.Upload{
		Key: key, UploadID: u.id.String(), Initiated: u.initiated, Initiator: u.initiator, Algorithm: u.algorithm, Type: u.kind,
	}
}

// part is the sealed record of an uploaded part.
type part struct {
	md5      string
	modified time.Time
	checksum checksum.Value
	blob     blobRef
}

func (p *part) public(number int) objectstore.Part {
	return objectstore.Part{
		Number: number, Size: p.blob.size, ETag: hex.EncodeToString([]byte(p.md5)), LastModified: p.modified, Checksum: p.checksum,
	}
}

func uploadKey(key string, id uploadID) []byte { return append(head(key), id[:]...) }

func partKey(id uploadID, number int) []byte {
	return binary.BigEndian.AppendUint16(id[:len(id):len(id)], uint16(number)) //nolint:gosec // at most 10,000
}

func (s *Store) sealPart(ns, k []byte, p *part) []byte {
	var w writer
	w.text(p.md5)
	w.time(p.modified)
	w.checksum(p.checksum)
	w.bytes(encodeTable([]blobRef{p.blob}))
	return s.seals.sealMeta(nil, w.b, newPlace(kindPart, ns, string(k), nil).buf)
}

func (s *Store) openPart(ns, k, sealed []byte) (part, error) {
	var p part
	plain, err := s.seals.openMeta(sealed, newPlace(kindPart, ns, string(k), nil).buf)
	if err != nil {
		return p, err
	}
	r := reader{b: string(plain)}
	p.md5, p.modified, p.checksum = r.text(), r.time(), r.checksum()
	table, err := decodeTable([]byte(r.text()))
	if err != nil || r.bad || len(table) != 1 {
		return p, errTampered
	}
	p.blob = table[0]
	return p, nil
}

// findUpload returns [objectstore.ErrNoSuchUpload] if ref names none.
func (s *Store) findUpload(tx *bolt.Tx, ns []byte, ref objectstore.UploadRef) (upload, error) {
	var u upload
	id, ok := parseUploadID(ref.UploadID)
	nested := tx.Bucket([]byte(tableUploads)).Bucket(ns)
	if !ok || nested == nil {
		return u, objectstore.ErrNoSuchUpload
	}
	k := uploadKey(ref.Key, id)
	sealed := nested.Get(k)
	if sealed == nil {
		return u, objectstore.ErrNoSuchUpload
	}
	u, err := s.openUpload(ns, k, sealed)
	u.id = id
	return u, err
}

func (s *Store) openUpload(ns, k, sealed []byte) (upload, error) {
	var u upload
	plain, err := s.seals.openMeta(sealed, newPlace(kindUpload, ns, string(k), nil).buf)
	if err != nil {
		return u, err
	}
	return u, u.decode(plain)
}

// CreateUpload implements [objectstore.Multiparter].
func (s *Store) CreateUpload(ctx context.Context, in objectstore.CreateUpload) (string, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	now := s.now().UTC()
	u := upload{
		id: newUploadID(now), initiated: now, initiator: in.Initiator, algorithm: in.Algorithm, kind: in.Type,
		headers: in.Headers, meta: in.Meta, tags: in.Tags,
	}
	ns, k := namespace(in.Bucket), uploadKey(in.Key, u.id)
	sealed := s.seals.sealMeta(nil, u.encode(), newPlace(kindUpload, ns, string(k), nil).buf)
	err = s.commit(func(tx *bolt.Tx) error {
		nested, err := namespaceFor(tx, tableUploads, ns)
		if err != nil {
			return err
		}
		return poisonIf(nested.Put(k, sealed))
	})
	if err != nil {
		return "", err
	}
	return u.id.String(), nil
}

// PutPart implements [objectstore.Multiparter].
func (s *Store) PutPart(ctx context.Context, in objectstore.PutPart) (objectstore.Part, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return objectstore.Part{}, err
	}
	defer end()
	ns := namespace(in.Bucket)
	id, _ := parseUploadID(in.UploadID)
	err = s.db.View(func(tx *bolt.Tx) error { _, err := s.findUpload(tx, ns, in.UploadRef); return err })
	if err != nil {
		return objectstore.Part{}, err
	}
	salt := newSalt()
	k := partKey(id, in.Number)
	c, err := s.take(in.Body, newPlace(kindBody, ns, in.Key, append(bytes.Clone(k), salt[:]...)).buf, -1)
	if err != nil {
		return objectstore.Part{}, err
	}
	p := part{md5: string(c.sums.MD5[:]), modified: s.now().UTC(), checksum: c.sums.Checksum, blob: c.files()[0]}
	var gone []blobID
	err = s.commit(func(tx *bolt.Tx) error {
		gone = nil
		if _, err := s.findUpload(tx, ns, in.UploadRef); err != nil {
			return err
		}
		if nested := tx.Bucket([]byte(tableParts)).Bucket(ns); nested != nil {
			if old := nested.Get(k); old != nil {
				was, err := s.openPart(ns, k, old)
				if err != nil {
					return err
				}
				gone = []blobID{was.blob.id}
			}
		}
		nested, err := namespaceFor(tx, tableParts, ns)
		if err != nil {
			return err
		}
		if err := nested.Put(k, s.sealPart(ns, k, &p)); err != nil {
			return poison(err)
		}
		if err := tx.Bucket([]byte(tableBlobs)).Put(c.blob[:], []byte{}); err != nil {
			return poison(err)
		}
		return forget(tx, gone)
	})
	if err != nil {
		s.discard(c)
		return objectstore.Part{}, err
	}
	s.blobs.settle(c.blob)
	s.blobs.remove(gone)
	return p.public(in.Number), nil
}

// eachPart calls f for the parts of an upload by number.
func (s *Store) eachPart(tx *bolt.Tx, ns []byte, id uploadID, f func(number int, p *part) error) error {
	nested := tx.Bucket([]byte(tableParts)).Bucket(ns)
	if nested == nil {
		return nil
	}
	c := nested.Cursor()
	for k, v := c.Seek(id[:]); bytes.HasPrefix(k, id[:]); k, v = c.Next() {
		p, err := s.openPart(ns, k, v)
		if err != nil {
			return err
		}
		if err := f(int(binary.BigEndian.Uint16(k[len(id):])), &p); err != nil {
			return err
		}
	}
	return nil
}

// drop removes an upload and its parts from the index.
func (s *Store) drop(tx *bolt.Tx, ns []byte, key string, id uploadID) error {
	if err := tx.Bucket([]byte(tableUploads)).Bucket(ns).Delete(uploadKey(key, id)); err != nil {
		return poison(err)
	}
	nested := tx.Bucket([]byte(tableParts)).Bucket(ns)
	if nested == nil {
		return nil
	}
	var keys [][]byte
	c := nested.Cursor()
	for k, _ := c.Seek(id[:]); bytes.HasPrefix(k, id[:]); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k)) // deleting would move the cursor
	}
	for _, k := range keys {
		if err := nested.Delete(k); err != nil {
			return poison(err)
		}
	}
	return nil
}

// AbortUpload implements [objectstore.Multiparter].
func (s *Store) AbortUpload(ctx context.Context, ref objectstore.UploadRef) error {
	end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ns := namespace(ref.Bucket)
	var gone []blobID
	err = s.commit(func(tx *bolt.Tx) error {
		gone = nil
		u, err := s.findUpload(tx, ns, ref)
		if err != nil {
			return err
		}
		err = s.eachPart(tx, ns, u.id, func(_ int, p *part) error { gone = append(gone, p.blob.id); return nil })
		if err != nil {
			return err
		}
		if err := s.drop(tx, ns, ref.Key, u.id); err != nil {
			return err
		}
		return forget(tx, gone)
	})
	if err != nil {
		return err
	}
	s.blobs.remove(gone)
	return nil
}

// CompleteUpload implements [objectstore.Multiparter].
func (s *Store) CompleteUpload(ctx context.Context, in objectstore.CompleteUpload) (objectstore.Info, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return objectstore.Info{}, err
	}
	defer end()
	ns := namespace(in.Bucket)
	var done added
	err = s.commit(func(tx *bolt.Tx) error {
		done = added{}
		u, err := s.findUpload(tx, ns, in.UploadRef)
		if err != nil {
			return err
		}
		v, unused, err := s.assemble(tx, ns, &u, &in)
		if err != nil {
			return err
		}
		if done, err = s.add(tx, v); err != nil {
			return err
		}
		done.gone = append(done.gone, unused...)
		if err := s.drop(tx, ns, in.Key, u.id); err != nil {
			return err
		}
		return forget(tx, unused)
	})
	if err != nil {
		return objectstore.Info{}, err
	}
	s.blobs.remove(done.gone)
	return done.info, nil
}

// assemble holds the parts that the client lists against those that are there, and makes a version of
// them; unused are the files of parts that it did not list.
func (s *Store) assemble(tx *bolt.Tx, ns []byte, u *upload, in *objectstore.CompleteUpload) (v *version, unused []blobID, err error) {
	have := map[int]*part{}
	err = s.eachPart(tx, ns, u.id, func(n int, p *part) error { have[n] = p; return nil })
	if err != nil {
		return nil, nil, err
	}
	v = &version{
		ns: ns, key: in.Key, salt: newSalt(), versioning: in.Versioning, ifMatch: in.IfMatch, ifNoneMatch: in.IfNoneMatch,
		object: object{headers: u.headers, meta: u.meta, tags: u.tags, parts: len(in.Parts)},
		files:  make([]blobRef, 0, len(in.Parts)),
	}
	sums := md5.New() //nolint:gosec // ETag
	sized := make([]checksum.Sized, 0, len(in.Parts))
	last, small := 0, 0
	for i, want := range in.Parts {
		if want.Number <= last {
			return nil, nil, objectstore.ErrPartOrder
		}
		last = want.Number
		p := have[want.Number]
		if p == nil || strings.Trim(want.ETag, `"`) != hex.EncodeToString([]byte(p.md5)) ||
			want.Checksum.Value != "" && (want.Checksum.Algorithm != p.checksum.Algorithm || want.Checksum.Value != p.checksum.Value) {
			return nil, nil, fmt.Errorf("part %d: %w", want.Number, objectstore.ErrInvalidPart)
		}
		if small == 0 && i < len(in.Parts)-1 && p.blob.size < objectstore.MinPartBytes {
			small = want.Number
		}
		_, _ = sums.Write([]byte(p.md5))
		v.files = append(v.files, p.blob)
		v.object.size += p.blob.size
		if p.checksum.Algorithm == u.algorithm {
			sized = append(sized, checksum.Sized{Value: p.checksum.Value, Size: p.blob.size})
		}
		delete(have, want.Number)
	}
	if small != 0 {
		return nil, nil, fmt.Errorf("part %d: %w", small, objectstore.ErrPartTooSmall)
	}
	for _, p := range have {
		unused = append(unused, p.blob.id)
	}
	v.object.md5 = string(sums.Sum(nil))
	if in.Size >= 0 && in.Size != v.object.size {
		return nil, nil, objectstore.ErrSizeMismatch
	}
	if len(sized) == len(in.Parts) {
		if v.object.checksum, err = objectstore.OfParts(u.algorithm, u.kind, sized); err != nil {
			return nil, nil, err
		}
	}
	if in.Checksum.Value != "" && in.Checksum.Value != v.object.checksum.Value {
		return nil, nil, objectstore.ErrBadDigest
	}
	return v, unused, nil
}
