package embedded

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// writer encodes metadata: lengths and numbers as varints, strings as they are.
type writer struct{ b []byte }

func (w *writer) uint(n uint64)    { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) text(s string)    { w.uint(uint64(len(s))); w.b = append(w.b, s...) }
func (w *writer) bytes(p []byte)   { w.uint(uint64(len(p))); w.b = append(w.b, p...) }
func (w *writer) time(t time.Time) { w.uint(uint64(t.UnixNano())) } //nolint:gosec // times after 1970

func (w *writer) size(n int64) { w.uint(uint64(n)) } //nolint:gosec // sizes are not negative

func (w *writer) headers(h *objectstore.Headers) {
	for _, s := range []string{h.ContentType, h.CacheControl, h.ContentDisposition, h.ContentEncoding, h.ContentLanguage, h.Expires, h.WebsiteRedirect} {
		w.text(s)
	}
}

func (w *writer) meta(list []objectstore.Meta) {
	w.uint(uint64(len(list)))
	for _, m := range list {
		w.text(m.Name)
		w.text(m.Value)
	}
}

func (w *writer) tags(list []identity.Tag) {
	w.uint(uint64(len(list)))
	for _, t := range list {
		w.text(t.Key)
		w.text(t.Value)
	}
}

func (w *writer) checksum(v checksum.Value) {
	w.text(string(v.Algorithm))
	w.text(string(v.Type))
	w.text(v.Value)
}

// reader decodes what writer wrote. Strings share one copy of the input. The first failure sticks.
type reader struct {
	b   string
	bad bool
}

func (r *reader) uint() uint64 {
	var n uint64
	for i := 0; i < len(r.b) && i < 10; i++ {
		c := r.b[i]
		n |= uint64(c&0x7f) << (7 * uint(i))
		if c < 0x80 {
			r.b = r.b[i+1:]
			return n
		}
	}
	r.bad = true
	return 0
}

// count reads a length of things of at least one byte each.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n) //nolint:gosec // bounded by the input
}

func (r *reader) text() string {
	n := r.count()
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) size() int64 { return int64(r.uint() & (1<<63 - 1)) } //nolint:gosec // masked

func (r *reader) time() time.Time { return time.Unix(0, r.size()).UTC() }

func (r *reader) headers(h *objectstore.Headers) {
	for _, s := range []*string{&h.ContentType, &h.CacheControl, &h.ContentDisposition, &h.ContentEncoding, &h.ContentLanguage, &h.Expires, &h.WebsiteRedirect} {
		*s = r.text()
	}
}

func (r *reader) meta() []objectstore.Meta {
	n := r.count()
	if n == 0 || r.bad {
		return nil
	}
	list := make([]objectstore.Meta, 0, n)
	for range n {
		list = append(list, objectstore.Meta{Name: r.text(), Value: r.text()})
	}
	return list
}

func (r *reader) tags() []identity.Tag {
	n := r.count()
	if n == 0 || r.bad {
		return nil
	}
	list := make([]identity.Tag, 0, n)
	for range n {
		list = append(list, identity.Tag{Key: r.text(), Value: r.text()})
	}
	return list
}

func (r *reader) checksum() checksum.Value {
	return checksum.Value{Algorithm: checksum.Algorithm(r.text()), Type: checksum.Type(r.text()), Value: r.text()}
}

// object is the sealed metadata of a version.
type object struct {
	size     int64
	md5      string // 16 bytes, of the content or of the parts' sums
	parts    int    // 0 for an object that came in one piece
	modified time.Time
	headers  objectstore.Headers
	meta     []objectstore.Meta
	tags     []identity.Tag
	checksum checksum.Value
	wrapped  string // data key of inline content
}

func (o *object) encode() []byte {
	w := writer{make([]byte, 0, 256)}
	w.size(o.size)
	w.text(o.md5)
	w.uint(uint64(o.parts)) //nolint:gosec // not negative
	w.time(o.modified)
	w.text(o.wrapped)
	w.headers(&o.headers)
	w.meta(o.meta)
	w.checksum(o.checksum)
	w.tags(o.tags)
	return w.b
}

func (o *object) decode(plain []byte) error {
	r := reader{b: string(plain)}
	o.size = r.size()
	o.md5 = r.text()
	o.parts = int(r.uint() & 0xffff) //nolint:gosec // masked
	o.modified = r.time()
	o.wrapped = r.text()
	r.headers(&o.headers)
	o.meta = r.meta()
	o.checksum = r.checksum()
	o.tags = r.tags()
	if r.bad {
		return errTampered
	}
	return nil
}

func (o *object) etag() string {
	var buf [48]byte
	b := hex.AppendEncode(buf[:0], []byte(o.md5))
	if o.parts > 0 {
		b = strconv.AppendInt(append(b, '-'), int64(o.parts), 10)
	}
	return string(b)
}

// blobRef is one body file of a version: its key is bound to aad.
type blobRef struct {
	id      blobID
	size    int64
	wrapped string
	aad     string // place of its chunks
}

func encodeTable(list []blobRef) []byte {
	w := writer{make([]byte, 0, 256*len(list))}
	w.uint(uint64(len(list)))
	for _, b := range list {
		w.bytes(b.id[:])
		w.size(b.size)
		w.text(b.wrapped)
		w.text(b.aad)
	}
	return w.b
}

func decodeTable(plain []byte) ([]blobRef, error) {
	r := reader{b: string(plain)}
	n := r.count()
	list := make([]blobRef, 0, min(n, objectstore.MaxParts))
	for range n {
		var b blobRef
		if id := r.text(); copy(b.id[:], id) != len(b.id) || len(id) != len(b.id) {
			return nil, errTampered
		}
		b.size, b.wrapped, b.aad = r.size(), r.text(), r.text()
		list = append(list, b)
	}
	if r.bad {
		return nil, errTampered
	}
	return list, nil
}
