package embedded

import (
	"bytes"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// A record is what the index keeps of one object version:
//
//	format 1 | flags 1 | salt 8 | length of metadata 4 | sealed metadata | rest
//
// rest is the sealed content of a small object, or the sealed list of the body files.
const (
	recordFormat = 1
	recordHead   = 14

	flagMarker = 1 // a delete marker
	flagNull   = 2 // written without versioning
	flagFiles  = 4 // rest lists body files
)

type record struct {
	seq   uint64
	flags byte
	salt  [8]byte
	meta  []byte // sealed; valid while the transaction lasts
	rest  []byte
}

func parseRecord(tail, value []byte) (record, error) {
	var r record
	seq, ok := seqOf(tail)
	if !ok || len(value) < recordHead || value[0] != recordFormat {
		return r, errTampered
	}
	n := binary.BigEndian.Uint32(value[10:])
	if uint64(len(value)) < recordHead+uint64(n) {
		return r, errTampered
	}
	r.seq, r.flags = seq, value[1]
	copy(r.salt[:], value[2:])
	r.meta, r.rest = value[recordHead:recordHead+n], value[recordHead+n:]
	return r, nil
}

func encodeRecord(flags byte, salt [8]byte, meta, rest []byte) []byte {
	b := make([]byte, 0, recordHead+len(meta)+len(rest))
	b = append(b, recordFormat, flags)
	b = append(b, salt[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(meta))) //nolint:gosec // a few kB
	b = append(b, meta...)
	return append(b, rest...)
}

func (r *record) versionID() string {
	if r.flags&flagNull != 0 {
		return objectstore.NullVersion
	}
	return versionID(r.seq, r.salt)
}

func metaPlace(ns []byte, key string, seq uint64, flags byte, salt [8]byte) place {
	var extra [17]byte
	binary.BigEndian.PutUint64(extra[:], seq)
	extra[8] = flags
	copy(extra[9:], salt[:])
	return newPlace(kindMeta, ns, key, extra[:])
}

func (r *record) place(ns []byte, key string) place {
	return metaPlace(ns, key, r.seq, r.flags, r.salt)
}

func bodyPlace(ns []byte, key string, salt [8]byte) []byte {
	return newPlace(kindBody, ns, key, salt[:]).buf
}

// open decrypts the metadata of r.
func (s *Store) open(ns []byte, key string, r *record) (object, error) {
	var o object
	plain, err := s.seals.openMeta(r.meta, r.place(ns, key).buf)
	if err != nil {
		return o, err
	}
	return o, o.decode(plain)
}

// files returns the body files of r, none for inline content.
func (s *Store) files(ns []byte, key string, r *record) ([]blobRef, error) {
	if r.flags&flagFiles == 0 {
		return nil, nil
	}
	plain, err := s.seals.openMeta(r.rest, r.place(ns, key).as(kindTable))
	if err != nil {
		return nil, err
	}
	return decodeTable(plain)
}

// current returns the newest version of key, delete markers included; ok is false if there is none.
func current(nested *bolt.Bucket, key string) (r record, ok bool, err error) {
	if nested == nil {
		return r, false, nil
	}
	h := head(key)
	k, v := nested.Cursor().Seek(h)
	if !bytes.HasPrefix(k, h) {
		return r, false, nil
	}
	r, err = parseRecord(k[len(h):], v)
	return r, err == nil, err
}

// versionOf finds a version by its id; an empty id means the newest.
func versionOf(nested *bolt.Bucket, key, id string) (r record, ok bool, err error) {
	switch {
	case id == "":
		return current(nested, key)
	case nested == nil:
		return r, false, nil
	case id == objectstore.NullVersion:
		return nullVersion(nested, key)
	}
	seq, salt, ok := parseVersionID(id)
	if !ok {
		return r, false, nil
	}
	k := versionKey(key, seq)
	v := nested.Get(k)
	if v == nil {
		return r, false, nil
	}
	r, err = parseRecord(k[len(k)-8:], v)
	return r, err == nil && r.salt == salt && r.flags&flagNull == 0, err
}

// nullVersion finds the version written without versioning; there is at most one.
func nullVersion(nested *bolt.Bucket, key string) (r record, ok bool, err error) {
	if nested == nil {
		return r, false, nil
	}
	h := head(key)
	c := nested.Cursor()
	for k, v := c.Seek(h); bytes.HasPrefix(k, h); k, v = c.Next() {
		if r, err = parseRecord(k[len(h):], v); err != nil || r.flags&flagNull != 0 {
			return r, err == nil, err
		}
	}
	return r, false, nil
}

func (s *Store) info(key string, r *record, o *object) objectstore.Info {
	return objectstore.Info{
		Key: key, VersionID: r.versionID(), DeleteMarker: r.flags&flagMarker != 0,
		Size: o.size, ETag: o.etag(), LastModified: o.modified,
		Headers: o.headers, Meta: o.meta, Tags: o.tags, Checksum: o.checksum, Sealed: true,
	}
}
