package objects

import (
	"context"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

func (x *exchange) uploadRef() objectstore.UploadRef {
	return objectstore.UploadRef{Bucket: storeBucket(x.bucket), Key: x.req.Key, UploadID: x.req.UploadID}
}

func (x *exchange) multiparter() (objectstore.Multiparter, error) {
	m, ok := x.f.store.(objectstore.Multiparter)
	if !ok {
		return nil, objectstore.ErrUnsupported
	}
	return m, nil
}

// checksumOfUpload reads which checksum an upload will have.
func (x *exchange) checksumOfUpload() (checksum.Algorithm, checksum.Type, error) {
	name, kind := x.req.Header("X-Amz-Checksum-Algorithm"), checksum.Type(strings.ToUpper(x.req.Header("X-Amz-Checksum-Type")))
	if name == "" {
		if kind != "" {
			return "", "", invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return checksum.CRC64NVME, checksum.FullObject, nil
	}
	a, ok := checksum.Parse(name)
	if !ok {
		return "", "", invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	switch {
	case kind == "" && a == checksum.CRC64NVME:
		kind = checksum.FullObject
	case kind == "":
		kind = checksum.Composite
	case kind != checksum.FullObject && kind != checksum.Composite:
		return "", "", invalidRequest("Value for x-amz-checksum-type header is invalid.")
	case kind == checksum.FullObject && !a.FullObject(), kind == checksum.Composite && a == checksum.CRC64NVME:
		return "", "", invalidRequest("The " + string(kind) + " checksum type cannot be used with the " + strings.ToLower(string(a)) + " checksum algorithm.")
	}
	return a, kind, nil
}

func (x *exchange) createUpload(ctx context.Context) error {
	m, err := x.multiparter()
	if err != nil {
		return err
	}
	d, err := x.describe()
	if denied := x.allowWrite(ctx, d.tags); denied != nil {
		return denied
	}
	if err != nil {
		return err
	}
	a, kind, err := x.checksumOfUpload()
	if err != nil {
		return err
	}
	id, err := m.CreateUpload(ctx, objectstore.CreateUpload{
		Bucket: storeBucket(x.bucket), Key: x.req.Key, Headers: d.headers, Meta: d.meta, Tags: d.tags,
		Algorithm: a, Type: kind, Initiator: x.call.Principal.ARN,
	})
	if err != nil {
		return err
	}
	x.set("X-Amz-Server-Side-Encryption", "AES256")
	if x.req.Header("X-Amz-Checksum-Algorithm") != "" {
		x.set("X-Amz-Checksum-Algorithm", string(a))
		x.set("X-Amz-Checksum-Type", string(kind))
	}
	const root = "InitiateMultipartUploadResult"
	doc := newXML(root, true)
	doc.text("Bucket", x.bucket.Name)
	doc.text("Key", x.req.Key)
	doc.text("UploadId", id)
	return x.xml(doc.end(root))
}

// uploadAlgorithm is the algorithm of the upload's checksum; [checksum.None] if only the store knows.
func (x *exchange) uploadAlgorithm(ctx context.Context) (checksum.Algorithm, error) {
	l, ok := x.f.store.(objectstore.UploadLister)
	if !ok || !x.f.local {
		return checksum.None, nil
	}
	u, err := l.ListParts(ctx, x.uploadRef(), 0, 0)
	return u.Upload.Algorithm, err
}

func (x *exchange) uploadPart(ctx context.Context) error {
	m, err := x.multiparter()
	if err != nil {
		return err
	}
	if err := x.allowWrite(ctx, nil); err != nil {
		return err
	}
	if err := x.checkEncryption(); err != nil {
		return err
	}
	a, err := x.uploadAlgorithm(ctx)
	if err != nil {
		return err
	}
	body, size, err := x.payload(a)
	if err != nil {
		return err
	}
	p, err := m.PutPart(ctx, objectstore.PutPart{UploadRef: x.uploadRef(), Number: x.req.PartNumber, Body: body, Size: size})
	if err != nil {
		return err
	}
	x.set("Etag", `"`+p.ETag+`"`)
	x.set("X-Amz-Server-Side-Encryption", "AES256")
	if !p.Checksum.IsZero() {
		x.set(p.Checksum.Algorithm.Header(), p.Checksum.Value)
	}
	x.set("Content-Length", "0")
	x.empty(http.StatusOK)
	return nil
}

// completion is the body of CompleteMultipartUpload.
type completion struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Parts   []struct {
		Number    int    `xml:"PartNumber"`
		ETag      string `xml:"ETag"`
		CRC32     string `xml:"ChecksumCRC32"`
		CRC32C    string `xml:"ChecksumCRC32C"`
		CRC64NVME string `xml:"ChecksumCRC64NVME"`
		SHA1      string `xml:"ChecksumSHA1"`
		SHA256    string `xml:"ChecksumSHA256"`
	} `xml:"Part"`
}

func (c *completion) parts() ([]objectstore.CompletePart, error) {
	if len(c.Parts) == 0 || len(c.Parts) > objectstore.MaxParts {
		return nil, malformedXML()
	}
	list := make([]objectstore.CompletePart, 0, len(c.Parts))
	for _, p := range c.Parts {
		if p.Number < 1 || p.Number > objectstore.MaxParts || p.ETag == "" {
			return nil, malformedXML()
		}
		one := objectstore.CompletePart{Number: p.Number, ETag: strings.Trim(p.ETag, `"`)}
		for a, v := range map[checksum.Algorithm]string{
			checksum.CRC32: p.CRC32, checksum.CRC32C: p.CRC32C, checksum.CRC64NVME: p.CRC64NVME, checksum.SHA1: p.SHA1, checksum.SHA256: p.SHA256,
		} {
			if v != "" {
				one.Checksum = checksum.Value{Algorithm: a, Type: checksum.FullObject, Value: v}
			}
		}
		list = append(list, one)
	}
	return list, nil
}

func (x *exchange) completeUpload(ctx context.Context) error {
	m, err := x.multiparter()
	if err != nil {
		return err
	}
	if err := x.allowWrite(ctx, nil); err != nil {
		return err
	}
	in := objectstore.CompleteUpload{UploadRef: x.uploadRef(), Versioning: versioning(x.bucket), Size: -1}
	if in.IfMatch, in.IfNoneMatch, err = x.writeConditions(); err != nil {
		return err
	}
	// Here a checksum header is of the object, not of the body.
	if in.Checksum, err = x.declaredChecksum(); err != nil {
		return err
	}
	if v := x.req.Header("X-Amz-Mp-Object-Size"); v != "" {
		if in.Size, err = strconv.ParseInt(v, 10, 64); err != nil || in.Size < 0 {
			return invalidRequest("Value for x-amz-mp-object-size header is invalid.")
		}
	}
	if in.Parts, err = x.readCompletion(); err != nil {
		return err
	}
	info, err := m.CompleteUpload(ctx, in)
	if err != nil {
		return err
	}
	x.setVersion(info.VersionID)
	if info.Sealed {
		x.set("X-Amz-Server-Side-Encryption", "AES256")
	}
	const root = "CompleteMultipartUploadResult"
	doc := newXML(root, true)
	doc.text("Location", x.location())
	doc.text("Bucket", x.bucket.Name)
	doc.text("Key", x.req.Key)
	doc.etag(info.ETag)
	writeChecksum(doc, info.Checksum)
	return x.xml(doc.end(root))
}

func (x *exchange) readCompletion() ([]objectstore.CompletePart, error) {
	body, err := x.f.bodies.Body(x.r, x.sig, x.secret)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	doc, err := readAll(body, maxDocument)
	if err != nil {
		return nil, err
	}
	var c completion
	if err := decodeXML(doc, &c); err != nil {
		return nil, err
	}
	return c.parts()
}

func (x *exchange) location() string {
	scheme := "http://"
	if x.call.Secure {
		scheme = "https://"
	}
	if strings.HasPrefix(x.r.Host, x.bucket.Name+".") {
		return scheme + x.r.Host + "/" + urlEncode(x.req.Key)
	}
	return scheme + x.r.Host + "/" + x.bucket.Name + "/" + urlEncode(x.req.Key)
}

func (x *exchange) abortUpload(ctx context.Context) error {
	m, err := x.multiparter()
	if err != nil {
		return err
	}
	if err := x.allow(ctx); err != nil {
		return err
	}
	if err := m.AbortUpload(ctx, x.uploadRef()); err != nil {
		return err
	}
	x.empty(http.StatusNoContent)
	return nil
}

func (x *exchange) listParts(ctx context.Context) error {
	l, ok := x.f.store.(objectstore.UploadLister)
	if !ok {
		return objectstore.ErrUnsupported
	}
	if err := x.allow(ctx); err != nil {
		return err
	}
	limit, err := x.req.MaxKeys("max-parts")
	if err != nil {
		return err
	}
	after := 0
	if v := x.req.Param("part-number-marker"); v != "" {
		if after, err = strconv.Atoi(v); err != nil || after < 0 {
			return invalidArgument("Provided part-number-marker not an integer or within integer range")
		}
	}
	encode, err := x.encoder()
	if err != nil {
		return err
	}
	out, err := l.ListParts(ctx, x.uploadRef(), after, limit)
	if err != nil {
		return err
	}
	const root = "ListPartsResult"
	doc := newXML(root, true)
	doc.text("Bucket", x.bucket.Name)
	doc.text("Key", encode(x.req.Key))
	doc.text("UploadId", x.req.UploadID)
	x.initiator(doc, out.Upload.Initiator)
	doc.owner("Owner", x.bucket.Account)
	doc.text("StorageClass", "STANDARD")
	doc.number("PartNumberMarker", int64(after))
	last := after
	if n := len(out.Parts); n > 0 {
		last = out.Parts[n-1].Number
	}
	doc.number("NextPartNumberMarker", int64(last))
	doc.number("MaxParts", int64(limit))
	doc.bool("IsTruncated", out.Truncated)
	if out.Upload.Algorithm != checksum.None {
		doc.text("ChecksumAlgorithm", string(out.Upload.Algorithm))
		doc.text("ChecksumType", string(out.Upload.Type))
	}
	for i := range out.Parts {
		p := &out.Parts[i]
		doc.open("Part")
		doc.number("PartNumber", int64(p.Number))
		doc.time("LastModified", p.LastModified)
		doc.etag(p.ETag)
		doc.number("Size", p.Size)
		if !p.Checksum.IsZero() {
			doc.text("Checksum"+string(p.Checksum.Algorithm), p.Checksum.Value)
		}
		doc.close("Part")
	}
	return x.xml(doc.end(root))
}

func (x *exchange) initiator(doc *xmlDoc, arn string) {
	doc.open("Initiator")
	doc.text("ID", arn)
	doc.close("Initiator")
}

func (x *exchange) listUploads(ctx context.Context) error {
	l, ok := x.f.store.(objectstore.UploadLister)
	if !ok {
		return objectstore.ErrUnsupported
	}
	if err := x.allow(ctx); err != nil {
		return err
	}
	q := x.req
	limit, err := q.MaxKeys("max-uploads")
	if err != nil {
		return err
	}
	encode, err := x.encoder()
	if err != nil {
		return err
	}
	if q.Param("upload-id-marker") != "" && q.Param("key-marker") == "" {
		return awsapi.Errorf(http.StatusBadRequest, "InvalidArgument", "A upload-id marker cannot be specified without a key marker.")
	}
	out, err := l.ListUploads(ctx, objectstore.ListUploads{
		Bucket: storeBucket(x.bucket), Prefix: q.Param("prefix"), Delimiter: q.Param("delimiter"),
		KeyMarker: q.Param("key-marker"), UploadMarker: q.Param("upload-id-marker"), Max: limit,
	})
	if err != nil {
		return err
	}
	const root = "ListMultipartUploadsResult"
	doc := newXML(root, true)
	doc.text("Bucket", x.bucket.Name)
	doc.text("KeyMarker", encode(q.Param("key-marker")))
	doc.text("UploadIdMarker", q.Param("upload-id-marker"))
	doc.nonEmpty("NextKeyMarker", encode(out.NextKey))
	doc.nonEmpty("NextUploadIdMarker", out.NextUpload)
	doc.text("Prefix", encode(q.Param("prefix")))
	doc.nonEmpty("Delimiter", encode(q.Param("delimiter")))
	doc.number("MaxUploads", int64(limit))
	doc.nonEmpty("EncodingType", q.Param("encoding-type"))
	doc.bool("IsTruncated", out.Truncated)
	for i := range out.Uploads {
		u := &out.Uploads[i]
		doc.open("Upload")
		doc.text("Key", encode(u.Key))
		doc.text("UploadId", u.UploadID)
		x.initiator(doc, u.Initiator)
		doc.owner("Owner", x.bucket.Account)
		doc.text("StorageClass", "STANDARD")
		doc.time("Initiated", u.Initiated)
		if u.Algorithm != checksum.None {
			doc.text("ChecksumAlgorithm", string(u.Algorithm))
			doc.text("ChecksumType", string(u.Type))
		}
		doc.close("Upload")
	}
	writePrefixes(doc, out.Prefixes, encode)
	return x.xml(doc.end(root))
}
