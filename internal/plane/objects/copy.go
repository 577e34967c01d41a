package objects

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
)

// openSource opens what a copy reads, if the caller may read it.
func (x *exchange) openSource(ctx context.Context, rg objectstore.Range) (*objectstore.Object, target, error) {
	src := x.req.Source
	b, p, ok := x.f.directory.Bucket(src.Bucket)
	if !ok {
		return nil, target{}, noSuchBucket()
	}
	t := target{b, p, src.Key}
	if err := wantOwner(x.req.Header("X-Amz-Source-Expected-Bucket-Owner"), b); err != nil {
		return nil, t, err
	}
	if err := refuseCustomerKeys(x.req, "Copy-Source-"); err != nil {
		return nil, t, err
	}
	k := x.keys()
	k.Add("s3:VersionId", src.VersionID)
	in := objectstore.Get{
		Ref:        objectstore.Ref{Bucket: storeBucket(b), Key: src.Key, VersionID: src.VersionID},
		Conditions: x.req.Conditions("X-Amz-Copy-Source-"), Range: rg,
	}
	o, err := x.open(ctx, in, s3req.GetObject.Action(src.VersionID != ""), t, k)
	var marker *objectstore.DeleteMarkerError
	switch {
	case errors.Is(err, objectstore.ErrNotModified): // of a copy it is a failure
		err = objectstore.ErrPrecondition
	case errors.As(err, &marker) && marker.Named:
		err = invalidRequest("The source of a copy request may not specifically refer to a delete marker by version id.")
	case errors.As(err, &marker): // the headers of a delete marker are for reads
		err = objectstore.ErrNoSuchKey
	}
	return o, t, err
}

func (x *exchange) copyObject(ctx context.Context) error {
	q := x.req
	tagging := strings.ToUpper(q.Header("X-Amz-Tagging-Directive"))
	directive := strings.ToUpper(q.Header("X-Amz-Metadata-Directive"))
	for _, v := range []string{tagging, directive} {
		if v != "" && v != "COPY" && v != "REPLACE" {
			return invalidArgument("Unknown metadata or tagging directive.")
		}
	}
	var given []identity.Tag
	if tagging == "REPLACE" {
		var err error
		if given, err = s3req.ParseTagging(q.Header("X-Amz-Tagging")); err != nil {
			return err
		}
	}
	if err := x.allowWrite(ctx, given); err != nil {
		return err
	}
	src, t, err := x.openSource(ctx, objectstore.Range{})
	if err != nil {
		return err
	}
	defer func() { _ = src.Body.Close() }()
	if src.Size > objectstore.MaxPutBytes {
		return invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	d, err := x.describe()
	if err != nil {
		return err
	}
	if directive != "REPLACE" {
		redirect := d.headers.WebsiteRedirect
		d.headers, d.meta = src.Headers, src.Meta
		d.headers.WebsiteRedirect = redirect
	}
	if err := x.copyTags(ctx, t, src, tagging, given, &d); err != nil {
		return err
	}
	if err := x.refuseSelfCopy(directive, tagging); err != nil {
		return err
	}
	return x.finishCopy(ctx, src, d)
}

// copyTags carries the source's tags over, for which the caller needs to be allowed both to read and
// to write tags.
func (x *exchange) copyTags(ctx context.Context, t target, src *objectstore.Object, directive string, given []identity.Tag, d *description) error {
	if directive == "REPLACE" {
		d.tags = given
		return nil
	}
	tags := src.Tags
	if !x.f.local {
		var err error
		ref := objectstore.Ref{Bucket: storeBucket(t.bucket), Key: t.key, VersionID: src.VersionID}
		if tags, err = x.tags(ctx, ref); err != nil {
			return err
		}
	}
	if d.tags = tags; len(tags) == 0 {
		return nil
	}
	k := x.keys()
	k.Tags("s3:ExistingObjectTag/", tags)
	if err := x.ask(ctx, s3req.GetObjectTagging.Action(x.req.Source.VersionID != ""), t, k); err != nil {
		return err
	}
	k = x.keys()
	k.Tags("s3:RequestObjectTag/", tags)
	return x.ask(ctx, "s3:PutObjectTagging", x.here(), k)
}

func (x *exchange) refuseSelfCopy(directive, tagging string) error {
	q := x.req
	if q.Source.Bucket == q.Bucket && q.Source.Key == q.Key && q.Source.VersionID == "" && directive != "REPLACE" && tagging != "REPLACE" &&
		q.Header("X-Amz-Server-Side-Encryption") == "" && q.Header("X-Amz-Storage-Class") == "" && q.Header("X-Amz-Website-Redirect-Location") == "" {
		return invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	return nil
}

func (x *exchange) finishCopy(ctx context.Context, src *objectstore.Object, d description) error {
	algorithm := checksum.CRC64NVME
	if src.Checksum.Algorithm != checksum.None {
		algorithm = src.Checksum.Algorithm
	}
	if v := x.req.Header("X-Amz-Checksum-Algorithm"); v != "" {
		a, ok := checksum.Parse(v)
		if !ok {
			return invalidRequest("Checksum algorithm provided is unsupported.")
		}
		algorithm = a
	}
	in := objectstore.Put{
		Bucket: storeBucket(x.bucket), Key: x.req.Key, Versioning: versioning(x.bucket), Headers: d.headers, Meta: d.meta, Tags: d.tags,
		Body: checksum.NewReader(src.Body, checksum.Declared{Algorithm: algorithm, Size: src.Length}), Size: src.Length,
	}
	var err error
	if in.IfMatch, in.IfNoneMatch, err = x.writeConditions(); err != nil {
		return err
	}
	info, err := x.f.store.Put(ctx, in)
	if err != nil {
		return err
	}
	x.setSourceVersion(src.VersionID)
	x.setVersion(info.VersionID)
	if info.Sealed {
		x.set("X-Amz-Server-Side-Encryption", "AES256")
	}
	doc := newXML("CopyObjectResult", true)
	doc.time("LastModified", info.LastModified)
	doc.etag(info.ETag)
	writeChecksum(doc, info.Checksum)
	return x.xml(doc.end("CopyObjectResult"))
}

func (x *exchange) setSourceVersion(id string) {
	if b, _, ok := x.f.directory.Bucket(x.req.Source.Bucket); ok && b.Versioning != identity.VersioningOff {
		x.setNonEmpty("X-Amz-Copy-Source-Version-Id", id)
	}
}

// writeChecksum writes an object's or part's checksum into a result.
func writeChecksum(d *xmlDoc, v checksum.Value) {
	if v.IsZero() {
		return
	}
	d.text("Checksum"+string(v.Algorithm), v.Value)
	d.text("ChecksumType", string(v.Type))
}

func (x *exchange) uploadPartCopy(ctx context.Context) error {
	m, ok := x.f.store.(objectstore.Multiparter)
	if !ok {
		return objectstore.ErrUnsupported
	}
	rg, err := s3req.ParseCopyRange(x.req.Header("X-Amz-Copy-Source-Range"))
	if err != nil {
		return err
	}
	if err := x.allowWrite(ctx, nil); err != nil {
		return err
	}
	if err := x.checkEncryption(); err != nil {
		return err
	}
	algorithm, err := x.uploadAlgorithm(ctx)
	if err != nil {
		return err
	}
	src, _, err := x.openSource(ctx, rg)
	if err != nil {
		return err
	}
	defer func() { _ = src.Body.Close() }()
	if rg.Set && rg.Last >= src.Size {
		return awsapi.Errorf(http.StatusBadRequest, "InvalidArgument", "Range specified is not valid for source object of size: %d", src.Size)
	}
	if src.Length > objectstore.MaxPutBytes {
		return invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	p, err := m.PutPart(ctx, objectstore.PutPart{
		UploadRef: x.uploadRef(), Number: x.req.PartNumber,
		Body: checksum.NewReader(src.Body, checksum.Declared{Algorithm: algorithm, Size: src.Length}), Size: src.Length,
	})
	if err != nil {
		return err
	}
	x.setSourceVersion(src.VersionID)
	doc := newXML("CopyPartResult", true)
	doc.time("LastModified", p.LastModified)
	doc.etag(p.ETag)
	if !p.Checksum.IsZero() {
		doc.text("Checksum"+string(p.Checksum.Algorithm), p.Checksum.Value)
	}
	return x.xml(doc.end("CopyPartResult"))
}
