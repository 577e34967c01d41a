package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/sigv4"
)

func version(id string) url.Values {
	if id == "" {
		return url.Values{}
	}
	return url.Values{"versionId": {id}}
}

// Get implements [objectstore.Store].
func (s *Store) Get(ctx context.Context, in objectstore.Get) (*objectstore.Object, error) {
	c := call{method: http.MethodGet, bucket: in.Bucket, key: in.Key, query: version(in.VersionID), header: http.Header{}}
	if in.HeadOnly {
		c.method = http.MethodHead
	}
	c.header.Set("X-Amz-Checksum-Mode", "ENABLED")
	c.header.Set("Accept-Encoding", "identity")
	conditions(c.header, in.Conditions)
	if in.Part > 0 {
		c.query.Set("partNumber", strconv.Itoa(in.Part))
	}
	if in.Range.Set {
		c.header.Set("Range", rangeHeader(in.Range))
	}
	res, err := s.do(ctx, c)
	if err != nil {
		if res != nil && errors.Is(err, objectstore.ErrNotModified) {
			return &objectstore.Object{Info: info(in.Key, res.Header)}, err
		}
		if res != nil && errors.Is(err, objectstore.ErrInvalidRange) && in.Part > 0 {
			err = objectstore.ErrPartNumber
		}
		return nil, err
	}
	o := &objectstore.Object{Info: info(in.Key, res.Header)}
	o.Length = res.ContentLength
	o.Size = o.Length
	if from, total, ok := contentRange(res.Header.Get("Content-Range")); ok {
		o.Offset, o.Size = from, total
	}
	if n, err := strconv.Atoi(res.Header.Get("X-Amz-Mp-Parts-Count")); err == nil && n > 0 && n <= objectstore.MaxParts {
		o.PartSizes = make([]int64, n) // their number is all that a store tells
	}
	if o.Length < 0 {
		drain(res)
		return nil, fmt.Errorf("%w: answer of the object store without a length", objectstore.ErrUnavailable)
	}
	if in.HeadOnly {
		drain(res)
		return o, nil
	}
	o.Body = res.Body
	return o, nil
}

func conditions(h http.Header, c objectstore.Conditions) {
	for name, v := range map[string]string{"If-Match": c.IfMatch, "If-None-Match": c.IfNoneMatch} {
		if v != "" {
			h.Set(name, v)
		}
	}
	for name, t := range map[string]time.Time{"If-Modified-Since": c.IfModifiedSince, "If-Unmodified-Since": c.IfUnmodifiedSince} {
		if !t.IsZero() {
			h.Set(name, t.UTC().Format(http.TimeFormat))
		}
	}
}

func rangeHeader(rg objectstore.Range) string {
	b := []byte("bytes=")
	if !rg.Suffix {
		b = strconv.AppendInt(b, rg.First, 10)
	}
	b = append(b, '-')
	if rg.Last >= 0 {
		b = strconv.AppendInt(b, rg.Last, 10)
	}
	return string(b)
}

// contentRange reads "bytes FROM-TO/TOTAL".
func contentRange(h string) (from, total int64, ok bool) {
	rest, ok := strings.CutPrefix(h, "bytes ")
	if !ok {
		return 0, 0, false
	}
	span, size, ok1 := strings.Cut(rest, "/")
	first, _, ok2 := strings.Cut(span, "-")
	if !ok1 || !ok2 {
		return 0, 0, false
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	total, err2 := strconv.ParseInt(size, 10, 64)
	return from, total, err1 == nil && err2 == nil
}

// info reads what the headers of an answer tell of an object.
func info(key string, h http.Header) objectstore.Info {
	o := objectstore.Info{
		Key: key, VersionID: h.Get("X-Amz-Version-Id"), ETag: strings.Trim(h.Get("Etag"), `"`),
		Sealed: h.Get("X-Amz-Server-Side-Encryption") == "AES256",
		Headers: objectstore.Headers{
			ContentType: h.Get("Content-Type"), CacheControl: h.Get("Cache-Control"), ContentDisposition: h.Get("Content-Disposition"),
			ContentEncoding: ownEncoding(h.Get("Content-Encoding")), ContentLanguage: h.Get("Content-Language"), Expires: h.Get("Expires"),
			WebsiteRedirect: h.Get("X-Amz-Website-Redirect-Location"),
		},
	}
	o.LastModified, _ = http.ParseTime(h.Get("Last-Modified"))
	for name, values := range h {
		if short, ok := strings.CutPrefix(name, "X-Amz-Meta-"); ok && len(values) > 0 {
			o.Meta = append(o.Meta, objectstore.Meta{Name: strings.ToLower(short), Value: values[0]})
		}
	}
	sort.Slice(o.Meta, func(i, j int) bool { return o.Meta[i].Name < o.Meta[j].Name })
	for _, a := range checksum.All() {
		if v := h.Get(a.Header()); v != "" {
			o.Checksum = checksum.Value{Algorithm: a, Type: checksum.Type(h.Get("X-Amz-Checksum-Type")), Value: v}
			if o.Checksum.Type == "" {
				o.Checksum.Type = checksum.FullObject
			}
		}
	}
	return o
}

// ownEncoding is the object's: some stores keep that of the upload's framing with it.
func ownEncoding(v string) string {
	v, _ = strings.CutPrefix(v, "aws-chunked")
	return strings.TrimLeft(v, ", ")
}

// describe writes what is kept with an object.
func describe(h http.Header, d *objectstore.Headers, meta []objectstore.Meta, tags []identity.Tag) {
	for name, v := range map[string]string{
		"Content-Type": d.ContentType, "Cache-Control": d.CacheControl, "Content-Disposition": d.ContentDisposition,
		"Content-Encoding": d.ContentEncoding, "Content-Language": d.ContentLanguage, "Expires": d.Expires,
		"X-Amz-Website-Redirect-Location": d.WebsiteRedirect,
	} {
		if v != "" {
			h.Set(name, v)
		}
	}
	for _, m := range meta {
		h.Set("X-Amz-Meta-"+m.Name, m.Value)
	}
	if len(tags) > 0 {
		q := url.Values{}
		for _, t := range tags {
			q.Set(t.Key, t.Value)
		}
		h.Set("X-Amz-Tagging", strings.ReplaceAll(q.Encode(), "+", "%20"))
	}
}

// buffered is the size up to which a body is read whole before it is sent: it is proven then, and its
// hash is signed. Larger ones go as a stream of signed chunks.
const buffered = 128 << 10

// load puts a payload into c.
func (c *call) load(body objectstore.Payload, size int64) error {
	if size > buffered {
		c.body, c.size, c.hash = newHeld(body), size, sigv4.StreamingPayload
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(body, buffered+1))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	c.body, c.size, c.hash = bytes.NewReader(b), int64(len(b)), hex.EncodeToString(sum[:])
	if len(b) == 0 {
		c.body = http.NoBody
	}
	return nil
}

// Put implements [objectstore.Store].
func (s *Store) Put(ctx context.Context, in objectstore.Put) (objectstore.Info, error) {
	c := call{method: http.MethodPut, bucket: in.Bucket, key: in.Key, header: http.Header{}}
	describe(c.header, &in.Headers, in.Meta, in.Tags)
	if in.IfMatch != "" {
		c.header.Set("If-Match", in.IfMatch)
	}
	if in.IfNoneMatch != "" {
		c.header.Set("If-None-Match", in.IfNoneMatch)
	}
	if err := c.load(in.Body, in.Size); err != nil {
		return objectstore.Info{}, err
	}
	h, err := s.simple(ctx, c)
	if err != nil {
		return objectstore.Info{}, err
	}
	o := info(in.Key, h)
	if o.VersionID == "" && in.Versioning == objectstore.VersioningSuspended {
		o.VersionID = objectstore.NullVersion // not every store says so
	}
	o.Headers, o.Meta, o.Tags, o.Latest = in.Headers, in.Meta, in.Tags, true
	o.Size, o.LastModified = in.Body.Sums().Size, time.Now().UTC()
	return o, nil
}

// Delete implements [objectstore.Store].
func (s *Store) Delete(ctx context.Context, in objectstore.Delete) (objectstore.Deleted, error) {
	c := call{method: http.MethodDelete, bucket: in.Bucket, key: in.Key, query: version(in.VersionID), header: http.Header{}}
	if in.IfMatch != "" {
		c.header.Set("If-Match", in.IfMatch)
	}
	h, err := s.simple(ctx, c)
	if in.IfMatch == "" && (errors.Is(err, objectstore.ErrNoSuchKey) || errors.Is(err, objectstore.ErrNoSuchVersion)) {
		return objectstore.Deleted{VersionID: in.VersionID}, nil
	}
	if err != nil {
		return objectstore.Deleted{}, err
	}
	return objectstore.Deleted{VersionID: h.Get("X-Amz-Version-Id"), DeleteMarker: h.Get("X-Amz-Delete-Marker") == "true"}, nil
}

// tagging is the document of object tags.
type tagging struct {
	XMLName struct{} `xml:"Tagging"`
	Tags    []tag    `xml:"TagSet>Tag"`
}

type tag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

// Tags implements [objectstore.Tagger].
func (s *Store) Tags(ctx context.Context, ref objectstore.Ref) (string, []identity.Tag, error) {
	q := version(ref.VersionID)
	q.Set("tagging", "")
	var doc tagging
	h, err := s.document(ctx, call{method: http.MethodGet, bucket: ref.Bucket, key: ref.Key, query: q}, &doc)
	var refused *storeError
	if errors.As(err, &refused) && refused.Code == "NoSuchTagSet" {
		return ref.VersionID, nil, nil // as some stores say of an object without tags
	}
	if err != nil {
		return "", nil, err
	}
	var tags []identity.Tag
	for _, t := range doc.Tags {
		tags = append(tags, identity.Tag{Key: t.Key, Value: t.Value})
	}
	id := h.Get("X-Amz-Version-Id")
	if id == "" {
		id = ref.VersionID
	}
	return id, tags, nil
}

// SetTags implements [objectstore.Tagger].
func (s *Store) SetTags(ctx context.Context, ref objectstore.Ref, tags []identity.Tag) (string, error) {
	q := version(ref.VersionID)
	q.Set("tagging", "")
	c := call{method: http.MethodDelete, bucket: ref.Bucket, key: ref.Key, query: q}
	if len(tags) > 0 {
		var doc tagging
		for _, t := range tags {
			doc.Tags = append(doc.Tags, tag{t.Key, t.Value})
		}
		var err error
		c.method = http.MethodPut
		if c, err = c.with(doc); err != nil {
			return "", err
		}
	}
	h, err := s.simple(ctx, c)
	if err != nil {
		return "", err
	}
	if id := h.Get("X-Amz-Version-Id"); id != "" {
		return id, nil
	}
	return ref.VersionID, nil
}
