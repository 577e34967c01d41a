package objects

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
)

// encoder returns what encoding-type makes of keys in the answer.
func (x *exchange) encoder() (func(string) string, error) {
	switch v, _ := x.req.Lookup("encoding-type"); v {
	case "":
		return func(s string) string { return s }, nil
	case "url":
		return urlEncode, nil
	default:
		return nil, invalidArgument("Invalid Encoding Method specified in Request")
	}
}

// continuation tokens say after which key or common prefix to go on. They are no secret and prove
// nothing: whoever presents one has to be allowed to list.
const tokenPrefix = "1"

func encodeToken(after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + after))
}

func decodeToken(token string) (string, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	after, ok := strings.CutPrefix(string(raw), tokenPrefix)
	if err != nil || !ok || !utf8.ValidString(after) || len(after) > 2*objectstore.MaxKeyBytes {
		return "", invalidArgument("The continuation token provided is incorrect")
	}
	return after, nil
}

func (x *exchange) listObjects(ctx context.Context) error {
	if err := x.allow(ctx); err != nil {
		return err
	}
	q := x.req
	limit, err := q.MaxKeys("max-keys")
	if err != nil {
		return err
	}
	encode, err := x.encoder()
	if err != nil {
		return err
	}
	in := objectstore.List{Bucket: storeBucket(x.bucket), Prefix: q.Param("prefix"), Delimiter: q.Param("delimiter"), Max: limit}
	two := q.Op == s3req.ListObjectsV2
	if !two {
		in.After = q.Param("marker")
	} else if token, ok := q.Lookup("continuation-token"); ok {
		if in.After, err = decodeToken(token); err != nil {
			return err
		}
	} else {
		in.After = q.Param("start-after")
	}
	out, err := x.f.store.List(ctx, in)
	if err != nil {
		return err
	}
	const root = "ListBucketResult"
	doc := newXML(root, true)
	doc.text("Name", x.bucket.Name)
	doc.text("Prefix", encode(in.Prefix))
	doc.nonEmpty("Delimiter", encode(in.Delimiter))
	doc.number("MaxKeys", int64(limit))
	doc.nonEmpty("EncodingType", q.Param("encoding-type"))
	doc.bool("IsTruncated", out.Next != "")
	if two {
		doc.number("KeyCount", int64(len(out.Objects)+len(out.Prefixes)))
		doc.nonEmpty("ContinuationToken", q.Param("continuation-token"))
		doc.nonEmpty("StartAfter", encode(q.Param("start-after")))
		if out.Next != "" {
			doc.text("NextContinuationToken", encodeToken(out.Next))
		}
	} else {
		doc.text("Marker", encode(in.After))
		// S3 tells it only with a delimiter; always is what clients that look for it need.
		doc.nonEmpty("NextMarker", encode(out.Next))
	}
	owner := !two || q.Param("fetch-owner") == "true"
	for i := range out.Objects {
		x.writeObject(doc, "Contents", &out.Objects[i], encode, owner, false)
	}
	writePrefixes(doc, out.Prefixes, encode)
	return x.xml(doc.end(root))
}

func (x *exchange) writeObject(doc *xmlDoc, element string, o *objectstore.Info, encode func(string) string, owner, version bool) {
	doc.open(element)
	doc.text("Key", encode(o.Key))
	if version {
		doc.text("VersionId", o.VersionID)
		doc.bool("IsLatest", o.Latest)
	}
	doc.time("LastModified", o.LastModified)
	if !o.DeleteMarker {
		doc.etag(o.ETag)
		if o.Checksum.Algorithm != checksum.None {
			doc.text("ChecksumAlgorithm", string(o.Checksum.Algorithm))
			doc.text("ChecksumType", string(o.Checksum.Type))
		}
		doc.number("Size", o.Size)
	}
	if owner {
		doc.owner("Owner", x.bucket.Account)
	}
	if !o.DeleteMarker {
		doc.text("StorageClass", "STANDARD")
	}
	doc.close(element)
}

func writePrefixes(doc *xmlDoc, prefixes []string, encode func(string) string) {
	for _, p := range prefixes {
		doc.open("CommonPrefixes")
		doc.text("Prefix", encode(p))
		doc.close("CommonPrefixes")
	}
}

func (x *exchange) listVersions(ctx context.Context) error {
	s, ok := x.f.store.(objectstore.Versioner)
	if !ok {
		return objectstore.ErrUnsupported
	}
	if err := x.allow(ctx); err != nil {
		return err
	}
	q := x.req
	limit, err := q.MaxKeys("max-keys")
	if err != nil {
		return err
	}
	encode, err := x.encoder()
	if err != nil {
		return err
	}
	in := objectstore.ListVersions{
		Bucket: storeBucket(x.bucket), Prefix: q.Param("prefix"), Delimiter: q.Param("delimiter"),
		KeyMarker: q.Param("key-marker"), VersionMarker: q.Param("version-id-marker"), Max: limit,
	}
	if in.VersionMarker != "" && in.KeyMarker == "" {
		return invalidArgument("A version-id marker cannot be specified without a key marker.")
	}
	out, err := s.ListVersions(ctx, in)
	if err != nil {
		return err
	}
	const root = "ListVersionsResult"
	doc := newXML(root, true)
	doc.text("Name", x.bucket.Name)
	doc.text("Prefix", encode(in.Prefix))
	doc.text("KeyMarker", encode(in.KeyMarker))
	doc.text("VersionIdMarker", in.VersionMarker)
	doc.nonEmpty("NextKeyMarker", encode(out.NextKey))
	doc.nonEmpty("NextVersionIdMarker", out.NextVersionMark)
	doc.nonEmpty("Delimiter", encode(in.Delimiter))
	doc.number("MaxKeys", int64(limit))
	doc.nonEmpty("EncodingType", q.Param("encoding-type"))
	doc.bool("IsTruncated", out.Truncated)
	for i := range out.Versions {
		element := "Version"
		if out.Versions[i].DeleteMarker {
			element = "DeleteMarker"
		}
		x.writeObject(doc, element, &out.Versions[i], encode, true, true)
	}
	writePrefixes(doc, out.Prefixes, encode)
	return x.xml(doc.end(root))
}

func (x *exchange) listBuckets(ctx context.Context) error {
	p := x.call.Principal
	if p.Kind == identity.Anonymous {
		return accessDenied("Access Denied")
	}
	k := x.keys()
	if err := x.ask(ctx, "s3:ListAllMyBuckets", target{bucket: &identity.Bucket{Name: "*", Account: p.Account}}, k); err != nil {
		return err
	}
	q := x.req
	limit := 10_000
	if v, ok := q.Lookup("max-buckets"); ok {
		n, good := s3req.Digits(v)
		if !good || n < 1 || n > 10_000 {
			return invalidArgument("Argument max-buckets must be an integer between 1 and 10000")
		}
		limit = int(n)
	}
	after := ""
	if token, ok := q.Lookup("continuation-token"); ok {
		var err error
		if after, err = decodeToken(token); err != nil {
			return err
		}
	}
	const root = "ListAllMyBucketsResult"
	doc := newXML(root, true)
	doc.owner("Owner", p.Account)
	doc.open("Buckets")
	next, count := "", 0
	for _, b := range x.f.directory.Buckets(p.Account) {
		if b.Name <= after || !strings.HasPrefix(b.Name, q.Param("prefix")) || q.Param("bucket-region") != "" && q.Param("bucket-region") != b.Region {
			continue
		}
		if count == limit {
			next = after
			break
		}
		count, after = count+1, b.Name
		doc.open("Bucket")
		doc.text("Name", b.Name)
		doc.time("CreationDate", b.Created)
		if len(q.Param("max-buckets")) > 0 || q.Param("bucket-region") != "" {
			doc.text("BucketRegion", b.Region)
		}
		doc.close("Bucket")
	}
	doc.close("Buckets")
	if next != "" {
		doc.text("ContinuationToken", encodeToken(next))
	}
	doc.nonEmpty("Prefix", q.Param("prefix"))
	return x.xml(doc.end(root))
}
