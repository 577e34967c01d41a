package objects

import (
	"context"
	"net/http"
	"sort"
	"strings"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// description is what a write says of the object that it makes.
type description struct {
	headers objectstore.Headers
	meta    []objectstore.Meta
	tags    []identity.Tag
}

// describe reads the headers that are kept with an object, and refuses what is not served.
func (x *exchange) describe() (description, error) {
	q, h := x.req, x.r.Header
	d := description{headers: objectstore.Headers{
		ContentType: h.Get("Content-Type"), CacheControl: h.Get("Cache-Control"), ContentDisposition: h.Get("Content-Disposition"),
		ContentEncoding: storedEncoding(h.Get("Content-Encoding")), ContentLanguage: h.Get("Content-Language"), Expires: h.Get("Expires"),
		WebsiteRedirect: q.Header("X-Amz-Website-Redirect-Location"),
	}}
	var err error
	if d.meta, err = metadata(h); err != nil {
		return d, err
	}
	if d.tags, err = s3req.ParseTagging(q.Header("X-Amz-Tagging")); err != nil {
		return d, err
	}
	if err := checkTags(d.tags, objectstore.MaxObjectTags, "Object"); err != nil {
		return d, err
	}
	return d, x.refuseUnserved()
}

// storedEncoding is Content-Encoding without aws-chunked, which is of the transfer.
func storedEncoding(v string) string {
	if !strings.Contains(v, "aws-chunked") {
		return v
	}
	var keep []string
	for one := range strings.SplitSeq(v, ",") {
		if one = strings.TrimSpace(one); one != "" && one != "aws-chunked" {
			keep = append(keep, one)
		}
	}
	return strings.Join(keep, ",")
}

const metaPrefix = "X-Amz-Meta-"

func metadata(h http.Header) ([]objectstore.Meta, error) {
	var list []objectstore.Meta
	size := 0
	for name, values := range h {
		short, ok := strings.CutPrefix(name, metaPrefix)
		if !ok || short == "" {
			continue
		}
		m := objectstore.Meta{Name: strings.ToLower(short), Value: strings.Join(values, ",")}
		size += len(m.Name) + len(m.Value)
		list = append(list, m)
	}
	if size > objectstore.MaxMetaBytes {
		return nil, awsapi.Errorf(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// refuseUnserved refuses what a write asks for and would not get.
func (x *exchange) refuseUnserved() error {
	q := x.req
	if err := x.checkEncryption(); err != nil {
		return err
	}
	if c := q.Header("X-Amz-Storage-Class"); c != "" && c != "STANDARD" {
		return awsapi.Errorf(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid")
	}
	for _, name := range []string{"X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date", "X-Amz-Object-Lock-Legal-Hold"} {
		if q.Header(name) != "" {
			return invalidRequest("Bucket is missing Object Lock Configuration")
		}
	}
	if q.Header("X-Amz-Write-Offset-Bytes") != "" {
		return notImplemented("x-amz-write-offset-bytes")
	}
	return refuseACL(q)
}

// refuseACL refuses what has no meaning where the bucket's owner owns all and ACLs are off.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
func refuseACL(q *s3req.Request) error {
	switch q.Header("X-Amz-Acl") {
	case "", "private", "bucket-owner-full-control":
	default:
		return aclsDisabled()
	}
	for _, name := range []string{"X-Amz-Grant-Full-Control", "X-Amz-Grant-Read", "X-Amz-Grant-Read-Acp", "X-Amz-Grant-Write", "X-Amz-Grant-Write-Acp"} {
		if q.Header(name) != "" {
			return aclsDisabled()
		}
	}
	return nil
}

// checkEncryption holds what the request asks for against what the bucket's rule allows.
func (x *exchange) checkEncryption() error {
	q, rule := x.req, x.bucket.Encryption
	if q.Header("X-Amz-Server-Side-Encryption-Customer-Algorithm") != "" && rule != nil {
		for _, b := range rule.Blocked {
			if b == "SSE-C" {
				return accessDenied("The bucket's encryption configuration does not allow SSE-C.")
			}
		}
	}
	if err := refuseCustomerKeys(q, ""); err != nil {
		return err
	}
	switch v := q.Header("X-Amz-Server-Side-Encryption"); v {
	case "AES256":
		return nil
	case "":
	case "aws:kms", "aws:kms:dsse":
		return notImplemented("x-amz-server-side-encryption: " + v + " (this endpoint encrypts with AES256)")
	default:
		return invalidArgument("The encryption method specified is not supported")
	}
	if rule != nil && rule.Algorithm != "" && rule.Algorithm != "AES256" {
		// Storing it under another key than the rule asks for would break a promise.
		return accessDenied("The bucket's default encryption is " + rule.Algorithm + ", which this endpoint cannot do.")
	}
	return nil
}

func refuseCustomerKeys(q *s3req.Request, prefix string) error {
	if q.Header("X-Amz-"+prefix+"Server-Side-Encryption-Customer-Algorithm") != "" || q.Header("X-Amz-"+prefix+"Server-Side-Encryption-Customer-Key") != "" {
		return notImplemented("server-side encryption with customer-provided keys")
	}
	return nil
}

// allowWrite asks for s3:PutObject, and for s3:PutObjectTagging if the write brings tags. existing is
// what the object that is replaced has; AWS does not offer its tags to conditions of a write.
func (x *exchange) allowWrite(ctx context.Context, tags []identity.Tag) error {
	k := x.keys()
	k.Operation(x.req)
	k.Tags("s3:RequestObjectTag/", tags)
	if len(tags) > 0 {
		k.Values("s3:RequestObjectTagKeys", tagKeys(tags))
	}
	if err := x.ask(ctx, x.req.Action(), x.here(), k); err != nil {
		return err
	}
	if x.req.Header("X-Amz-Acl") != "" && x.req.Header("X-Amz-Acl") != "private" {
		if err := x.ask(ctx, "s3:PutObjectAcl", x.here(), k); err != nil {
			return err
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return x.ask(ctx, "s3:PutObjectTagging", x.here(), k)
}

func tagKeys(tags []identity.Tag) []string {
	keys := make([]string, len(tags))
	for i, t := range tags {
		keys[i] = t.Key
	}
	return keys
}

func (x *exchange) putObject(ctx context.Context) error {
	tags, err := s3req.ParseTagging(x.req.Header("X-Amz-Tagging"))
	if err != nil {
		return err
	}
	if err := x.allowWrite(ctx, tags); err != nil {
		return err
	}
	d, err := x.describe()
	if err != nil {
		return err
	}
	body, size, err := x.payload(checksum.CRC64NVME)
	if err != nil {
		return err
	}
	in := objectstore.Put{
		Bucket: storeBucket(x.bucket), Key: x.req.Key, Versioning: versioning(x.bucket), Headers: d.headers, Meta: d.meta, Tags: d.tags,
		Body: body, Size: size,
	}
	if in.IfMatch, in.IfNoneMatch, err = x.writeConditions(); err != nil {
		return err
	}
	info, err := x.f.store.Put(ctx, in)
	if err != nil {
		return err
	}
	x.written(&info)
	x.set("Etag", `"`+info.ETag+`"`)
	x.set("Content-Length", "0")
	x.empty(http.StatusOK)
	return nil
}

// writeConditions reads the preconditions that S3 knows for writes.
func (x *exchange) writeConditions() (ifMatch, ifNoneMatch string, err error) {
	ifMatch, ifNoneMatch = x.r.Header.Get("If-Match"), x.r.Header.Get("If-None-Match")
	if ifNoneMatch != "" && ifNoneMatch != "*" {
		return "", "", awsapi.Errorf(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented: If-None-Match other than *")
	}
	if ifMatch != "" && ifNoneMatch != "" {
		return "", "", awsapi.Errorf(http.StatusNotImplemented, "NotImplemented", "Both If-Match and If-None-Match are not implemented")
	}
	return ifMatch, ifNoneMatch, nil
}

// written sets the headers that every finished write answers with.
func (x *exchange) written(info *objectstore.Info) {
	x.setVersion(info.VersionID)
	if info.Sealed {
		x.set("X-Amz-Server-Side-Encryption", "AES256")
	}
	if !info.Checksum.IsZero() {
		x.set(info.Checksum.Algorithm.Header(), info.Checksum.Value)
		x.set("X-Amz-Checksum-Type", string(info.Checksum.Type))
	}
}

// payload is the request's body, which yields its MD5 and one checksum: the client's if it declared one,
// else of algorithm byDefault.
func (x *exchange) payload(byDefault checksum.Algorithm) (objectstore.Payload, int64, error) {
	body, err := x.body()
	if err != nil {
		return nil, 0, err
	}
	size := body.Length()
	if size < 0 {
		return nil, 0, awsapi.Errorf(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if size > objectstore.MaxPutBytes {
		return nil, 0, awsapi.Errorf(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
	}
	d := checksum.Declared{Size: size, Algorithm: byDefault}
	declared, err := x.declaredChecksum()
	if err != nil {
		return nil, 0, err
	}
	if declared.Value != "" {
		d = proven(d, declared.Algorithm, func() checksum.Value { return declared })
	}
	if a, ok := announced(x.r.Header.Get("X-Amz-Trailer")); ok {
		d = proven(d, a, func() checksum.Value { return trailer(body, a) })
	}
	return checksum.NewReader(body, d), size, nil
}

// proven takes the client's checksum, which sigv4 holds the body to, for the object's own, unless the
// upload wants another algorithm.
func proven(d checksum.Declared, a checksum.Algorithm, value func() checksum.Value) checksum.Declared {
	if d.Algorithm == a || d.Algorithm == checksum.CRC64NVME {
		d.Algorithm, d.Proven = checksum.None, value
	}
	return d
}

// announced reads which checksum will come as a trailer; sigv4 has refused more than one.
func announced(header string) (checksum.Algorithm, bool) {
	name, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(header)), "x-amz-checksum-")
	if !ok {
		return checksum.None, false
	}
	return checksum.Parse(name)
}

// trailer returns the checksum that came after the body and was found right.
func trailer(body *sigv4.Body, a checksum.Algorithm) checksum.Value {
	for _, t := range body.Checksums() {
		if got, ok := checksum.Parse(t.Algorithm); ok && got == a {
			return checksum.Value{Algorithm: a, Type: checksum.FullObject, Value: t.Value}
		}
	}
	return checksum.Value{}
}

// declaredChecksum is the checksum in the request's headers (or presigned query), zero if there is none.
func (x *exchange) declaredChecksum() (checksum.Value, error) {
	var v checksum.Value
	for _, a := range checksum.All() {
		s := x.req.Header(a.Header())
		if s == "" {
			continue
		}
		if v.Value != "" {
			return v, invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		v = checksum.Value{Algorithm: a, Type: checksum.FullObject, Value: s}
	}
	return v, nil
}

func lower(a checksum.Algorithm) string { return strings.ToLower(string(a)) }

// checkTags applies the rules for tags; what is "Object" or "Bucket".
func checkTags(tags []identity.Tag, limit int, what string) error {
	if len(tags) > limit {
		return awsapi.Errorf(http.StatusBadRequest, "BadRequest", "%s tags cannot be greater than %d", what, limit)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "" || len([]rune(t.Key)) > objectstore.MaxTagKeyRunes || !tagText(t.Key):
			return awsapi.Errorf(http.StatusBadRequest, "InvalidTag", "The TagKey you have provided is invalid")
		case len([]rune(t.Value)) > objectstore.MaxTagValueRune || !tagText(t.Value):
			return awsapi.Errorf(http.StatusBadRequest, "InvalidTag", "The TagValue you have provided is invalid")
		case strings.HasPrefix(t.Key, "aws:"):
			return awsapi.Errorf(http.StatusBadRequest, "InvalidTag", "System tags cannot be added/updated by requester")
		case seen[t.Key]:
			return awsapi.Errorf(http.StatusBadRequest, "InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
	}
	return nil
}

// tagText reports whether s has only what S3 allows in tags: letters, digits, spaces and + - = . _ : / @
func tagText(s string) bool {
	for _, r := range s {
		switch {
		case r >= 0x80:
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
		case strings.ContainsRune(" +-=._:/@", r):
		default:
			return false
		}
	}
	return true
}
