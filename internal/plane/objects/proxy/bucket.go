package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// CreateBucket implements [objectstore.BucketKeeper].
func (s *Store) CreateBucket(ctx context.Context, b objectstore.Bucket) error {
	c := call{method: http.MethodPut, bucket: b}
	if s.region != "us-east-1" {
		var err error
		if c, err = c.with(struct {
			XMLName  struct{} `xml:"CreateBucketConfiguration"`
			Location string   `xml:"LocationConstraint"`
		}{Location: s.region}); err != nil {
			return err
		}
	}
	_, err := s.simple(ctx, c)
	var refused *storeError
	if errors.As(err, &refused) && refused.Code == "BucketAlreadyOwnedByYou" {
		return nil
	}
	return err
}

// DeleteBucket implements [objectstore.BucketKeeper].
func (s *Store) DeleteBucket(ctx context.Context, b objectstore.Bucket) error {
	_, err := s.simple(ctx, call{method: http.MethodDelete, bucket: b})
	return err
}

// SetVersioning implements [objectstore.BucketKeeper].
func (s *Store) SetVersioning(ctx context.Context, b objectstore.Bucket, v objectstore.Versioning) error {
	doc := struct {
		XMLName struct{} `xml:"VersioningConfiguration"`
		Status  string   `xml:"Status,omitempty"`
	}{}
	switch v {
	case objectstore.VersioningEnabled:
		doc.Status = "Enabled"
	case objectstore.VersioningSuspended:
		doc.Status = "Suspended"
	case objectstore.Unversioned:
		return nil // there is no way back
	}
	c, err := call{method: http.MethodPut, bucket: b, query: url.Values{"versioning": {""}}}.with(doc)
	if err != nil {
		return err
	}
	_, err = s.simple(ctx, c)
	return err
}

// entry is an object, version, delete marker or upload in a listing.
type entry struct {
	Key          string    `xml:"Key"`
	VersionID    string    `xml:"VersionId"`
	IsLatest     bool      `xml:"IsLatest"`
	LastModified time.Time `xml:"LastModified"`
	ETag         string    `xml:"ETag"`
	Size         int64     `xml:"Size"`
	UploadID     string    `xml:"UploadId"`
	Initiated    time.Time `xml:"Initiated"`
}

type prefix struct {
	Prefix string `xml:"Prefix"`
}

// listing is a page of any of the four listings.
type listing struct {
	EncodingType   string   `xml:"EncodingType"`
	IsTruncated    bool     `xml:"IsTruncated"`
	NextMarker     string   `xml:"NextMarker"`
	NextKeyMarker  string   `xml:"NextKeyMarker"`
	NextVersion    string   `xml:"NextVersionIdMarker"`
	NextUpload     string   `xml:"NextUploadIdMarker"`
	Contents       []entry  `xml:"Contents"`
	Versions       []entry  `xml:"Version"`
	Markers        []entry  `xml:"DeleteMarker"`
	Uploads        []entry  `xml:"Upload"`
	CommonPrefixes []prefix `xml:"CommonPrefixes"`
}

// plain undoes encoding-type=url where the store has done it.
func (l *listing) plain(s string) string {
	if l.EncodingType != "url" {
		return s
	}
	if v, err := url.QueryUnescape(s); err == nil {
		return v
	}
	return s
}

func (l *listing) prefixes() (list []string) {
	for _, p := range l.CommonPrefixes {
		list = append(list, l.plain(p.Prefix))
	}
	return list
}

func (l *listing) object(e *entry) objectstore.Info {
	return objectstore.Info{
		Key: l.plain(e.Key), VersionID: e.VersionID, Latest: e.IsLatest, Size: e.Size, ETag: strings.Trim(e.ETag, `"`), LastModified: e.LastModified,
	}
}

func (s *Store) page(ctx context.Context, b objectstore.Bucket, q url.Values) (*listing, error) {
	for name, v := range q {
		if v[0] == "" && name != "versions" && name != "uploads" && name != "prefix" {
			q.Del(name)
		}
	}
	q.Set("encoding-type", "url")
	var l listing
	_, err := s.document(ctx, call{method: http.MethodGet, bucket: b, query: q}, &l)
	return &l, err
}

// List implements [objectstore.Store]. It asks in the old way, whose markers may be any key or prefix.
func (s *Store) List(ctx context.Context, in objectstore.List) (objectstore.Listing, error) {
	var out objectstore.Listing
	if in.Max <= 0 {
		return out, nil
	}
	l, err := s.page(ctx, in.Bucket, url.Values{
		"prefix": {in.Prefix}, "delimiter": {in.Delimiter}, "marker": {in.After}, "max-keys": {strconv.Itoa(in.Max)},
	})
	if err != nil {
		return out, err
	}
	last := ""
	for i := range l.Contents {
		o := l.object(&l.Contents[i])
		out.Objects = append(out.Objects, o)
		last = max(last, o.Key)
	}
	for _, p := range l.prefixes() {
		if p <= in.After {
			continue // some stores show the marker's own prefix again
		}
		out.Prefixes = append(out.Prefixes, p)
		last = max(last, p)
	}
	if l.IsTruncated {
		// NextMarker comes only with a delimiter, and not from every store.
		if out.Next = l.plain(l.NextMarker); out.Next == "" {
			out.Next = last
		}
	}
	return out, nil
}

// ListVersions implements [objectstore.Versioner].
func (s *Store) ListVersions(ctx context.Context, in objectstore.ListVersions) (objectstore.VersionListing, error) {
	var out objectstore.VersionListing
	if in.Max <= 0 {
		return out, nil
	}
	l, err := s.page(ctx, in.Bucket, url.Values{
		"versions": {""}, "prefix": {in.Prefix}, "delimiter": {in.Delimiter}, "key-marker": {in.KeyMarker},
		"version-id-marker": {in.VersionMarker}, "max-keys": {strconv.Itoa(in.Max)},
	})
	if err != nil {
		return out, err
	}
	out.Truncated, out.NextKey, out.NextVersionMark = l.IsTruncated, l.plain(l.NextKeyMarker), l.NextVersion
	out.Prefixes = l.prefixes()
	for i := range l.Versions {
		out.Versions = append(out.Versions, l.object(&l.Versions[i]))
	}
	for i := range l.Markers {
		m := l.object(&l.Markers[i])
		m.DeleteMarker = true
		out.Versions = insert(out.Versions, m)
	}
	return out, nil
}

// insert puts a delete marker where it belongs: by key, newest first.
func insert(list []objectstore.Info, m objectstore.Info) []objectstore.Info {
	at := len(list)
	for i := range list {
		if list[i].Key > m.Key || list[i].Key == m.Key && (m.Latest || !list[i].Latest && list[i].LastModified.Before(m.LastModified)) {
			at = i
			break
		}
	}
	list = append(list, objectstore.Info{})
	copy(list[at+1:], list[at:])
	list[at] = m
	return list
}

// ListUploads implements [objectstore.UploadLister].
func (s *Store) ListUploads(ctx context.Context, in objectstore.ListUploads) (objectstore.UploadListing, error) {
	var out objectstore.UploadListing
	if in.Max <= 0 {
		return out, nil
	}
	l, err := s.page(ctx, in.Bucket, url.Values{
		"uploads": {""}, "prefix": {in.Prefix}, "delimiter": {in.Delimiter}, "key-marker": {in.KeyMarker},
		"upload-id-marker": {in.UploadMarker}, "max-uploads": {strconv.Itoa(in.Max)},
	})
	if err != nil {
		return out, err
	}
	out.Truncated, out.NextKey, out.NextUpload, out.Prefixes = l.IsTruncated, l.plain(l.NextKeyMarker), l.NextUpload, l.prefixes()
	for _, u := range l.Uploads {
		out.Uploads = append(out.Uploads, objectstore.Upload{Key: l.plain(u.Key), UploadID: u.UploadID, Initiated: u.Initiated})
	}
	return out, nil
}

// CreateUpload implements [objectstore.Multiparter]. The checksum of the whole is left to the store:
// the front has held each part to what its client declared.
func (s *Store) CreateUpload(ctx context.Context, in objectstore.CreateUpload) (string, error) {
	c := call{method: http.MethodPost, bucket: in.Bucket, key: in.Key, query: url.Values{"uploads": {""}}, header: http.Header{}}
	describe(c.header, &in.Headers, in.Meta, in.Tags)
	var out struct {
		UploadID string `xml:"UploadId"`
	}
	if _, err := s.document(ctx, c, &out); err != nil {
		return "", err
	}
	return out.UploadID, nil
}

func uploadQuery(ref objectstore.UploadRef) url.Values { return url.Values{"uploadId": {ref.UploadID}} }

// PutPart implements [objectstore.Multiparter].
func (s *Store) PutPart(ctx context.Context, in objectstore.PutPart) (objectstore.Part, error) {
	q := uploadQuery(in.UploadRef)
	q.Set("partNumber", strconv.Itoa(in.Number))
	c := call{method: http.MethodPut, bucket: in.Bucket, key: in.Key, query: q}
	if err := c.load(in.Body, in.Size); err != nil {
		return objectstore.Part{}, err
	}
	h, err := s.simple(ctx, c)
	if err != nil {
		return objectstore.Part{}, noSuchUpload(err)
	}
	sums := in.Body.Sums()
	return objectstore.Part{
		Number: in.Number, Size: sums.Size, ETag: strings.Trim(h.Get("Etag"), `"`), LastModified: time.Now().UTC(), Checksum: sums.Checksum,
	}, nil
}

// noSuchUpload: what a store says of an upload that is gone, whatever word it uses.
func noSuchUpload(err error) error {
	if errors.Is(err, objectstore.ErrNoSuchKey) {
		return objectstore.ErrNoSuchUpload
	}
	return err
}

// CompleteUpload implements [objectstore.Multiparter].
func (s *Store) CompleteUpload(ctx context.Context, in objectstore.CompleteUpload) (objectstore.Info, error) {
	if in.Checksum.Value != "" {
		return objectstore.Info{}, objectstore.ErrUnsupported // nothing here could hold the object to it
	}
	type part struct {
		Number int    `xml:"PartNumber"`
		ETag   string `xml:"ETag"`
	}
	doc := struct {
		XMLName struct{} `xml:"CompleteMultipartUpload"`
		Parts   []part   `xml:"Part"`
	}{}
	for i, p := range in.Parts {
		if i > 0 && p.Number <= in.Parts[i-1].Number {
			return objectstore.Info{}, objectstore.ErrPartOrder
		}
		doc.Parts = append(doc.Parts, part{p.Number, `"` + p.ETag + `"`})
	}
	c, err := call{method: http.MethodPost, bucket: in.Bucket, key: in.Key, query: uploadQuery(in.UploadRef), header: http.Header{}}.with(doc)
	if err != nil {
		return objectstore.Info{}, err
	}
	if in.IfMatch != "" {
		c.header.Set("If-Match", in.IfMatch)
	}
	if in.IfNoneMatch != "" {
		c.header.Set("If-None-Match", in.IfNoneMatch)
	}
	if in.Size >= 0 {
		c.header.Set("X-Amz-Mp-Object-Size", strconv.FormatInt(in.Size, 10))
	}
	var out struct {
		ETag string `xml:"ETag"`
		Code string `xml:"Code"` // S3 may fail after it has sent 200
	}
	h, err := s.document(ctx, c, &out)
	if err != nil {
		return objectstore.Info{}, noSuchUpload(err)
	}
	if out.Code != "" {
		if known := byCode(out.Code); known != nil {
			return objectstore.Info{}, known
		}
		return objectstore.Info{}, &storeError{Code: out.Code, status: http.StatusOK}
	}
	o := info(in.Key, h)
	o.ETag, o.LastModified, o.Latest = strings.Trim(out.ETag, `"`), time.Now().UTC(), true
	return o, nil
}

// AbortUpload implements [objectstore.Multiparter].
func (s *Store) AbortUpload(ctx context.Context, ref objectstore.UploadRef) error {
	_, err := s.simple(ctx, call{method: http.MethodDelete, bucket: ref.Bucket, key: ref.Key, query: uploadQuery(ref)})
	return noSuchUpload(err)
}

// ListParts implements [objectstore.UploadLister].
func (s *Store) ListParts(ctx context.Context, ref objectstore.UploadRef, after, limit int) (objectstore.PartListing, error) {
	q := uploadQuery(ref)
	q.Set("max-parts", strconv.Itoa(limit))
	if after > 0 {
		q.Set("part-number-marker", strconv.Itoa(after))
	}
	var doc struct {
		IsTruncated bool `xml:"IsTruncated"`
		Parts       []struct {
			Number       int       `xml:"PartNumber"`
			LastModified time.Time `xml:"LastModified"`
			ETag         string    `xml:"ETag"`
			Size         int64     `xml:"Size"`
		} `xml:"Part"`
	}
	_, err := s.document(ctx, call{method: http.MethodGet, bucket: ref.Bucket, key: ref.Key, query: q}, &doc)
	if err != nil {
		return objectstore.PartListing{}, noSuchUpload(err)
	}
	out := objectstore.PartListing{Truncated: doc.IsTruncated, Upload: objectstore.Upload{Key: ref.Key, UploadID: ref.UploadID, Algorithm: checksum.None}}
	for _, p := range doc.Parts {
		out.Parts = append(out.Parts, objectstore.Part{Number: p.Number, Size: p.Size, ETag: strings.Trim(p.ETag, `"`), LastModified: p.LastModified})
	}
	return out, nil
}
