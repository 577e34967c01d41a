package objects_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // ETags
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/storetest"
)

func read(t testing.TB, body io.ReadCloser) string {
	t.Helper()
	b, err := io.ReadAll(body)
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBuckets(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("first")
	p.bucket("second.one")
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("first")})
	p.want("creating again in us-east-1", err, "", 0)
	_, err = p.as("AKIAROOTEXAMPLE00002").CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("first")})
	p.want("creating somebody's", err, "BucketAlreadyExists", 409)
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("third"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
	p.want("another region", err, "IllegalLocationConstraintException", 400)
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("third"), ObjectLockEnabledForBucket: aws.Bool(true)})
	p.want("object lock", err, "NotImplemented", 501)
	_, err = c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("Third_")})
	p.want("a bad name", err, "InvalidBucketName", 400)

	list, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil || len(list.Buckets) != 2 || *list.Buckets[0].Name != "first" || list.Buckets[0].CreationDate.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	page, err := c.ListBuckets(ctx, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1)})
	if err != nil || len(page.Buckets) != 1 || page.ContinuationToken == nil {
		t.Fatalf("%+v, %v", page, err)
	}
	page, err = c.ListBuckets(ctx, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1), ContinuationToken: page.ContinuationToken})
	if err != nil || len(page.Buckets) != 1 || *page.Buckets[0].Name != "second.one" {
		t.Fatalf("%+v, %v", page, err)
	}
	head, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("first")})
	if err != nil || aws.ToString(head.BucketRegion) != "us-east-1" {
		t.Errorf("%+v, %v", head, err)
	}
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("nope")})
	p.want("head of nothing", err, "NotFound", 404)
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("first"), ExpectedBucketOwner: aws.String(string(other))})
	p.want("another owner", err, "Forbidden", 403)
	loc, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String("first")})
	if err != nil || loc.LocationConstraint != "" {
		t.Errorf("%+v, %v", loc, err)
	}
	p.put("first", "k", "v")
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("first")})
	p.want("deleting a full bucket", err, "BucketNotEmpty", 409)
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("first"), Key: aws.String("k")})
	p.want("deleting", err, "", 0)
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("first")})
	p.want("deleting the bucket", err, "", 0)
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("first")})
	p.want("listing nothing", err, "NoSuchBucket", 404)
	_, err = p.anonymous().ListBuckets(ctx, &s3.ListBucketsInput{})
	p.want("anonymous", err, "AccessDenied", 403)
	_, err = p.as("AKIANOSUCHEXAMPLE001").ListBuckets(ctx, &s3.ListBucketsInput{})
	p.want("unknown key", err, "InvalidAccessKeyId", 403)
}

func TestObjects(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("bucket")
	body := storetest.Pattern(100_000)
	sum := md5.Sum(body) //nolint:gosec // ETag
	for name, alg := range map[string]types.ChecksumAlgorithm{
		"default": "", "crc32": types.ChecksumAlgorithmCrc32, "crc32c": types.ChecksumAlgorithmCrc32c,
		"sha1": types.ChecksumAlgorithmSha1, "sha256": types.ChecksumAlgorithmSha256, "crc64": types.ChecksumAlgorithmCrc64nvme,
	} {
		put, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k/" + name), Body: bytes.NewReader(body),
			ChecksumAlgorithm: alg, ContentType: aws.String("text/plain"), CacheControl: aws.String("no-cache"),
			Metadata: map[string]string{"Owner": "me", "two": "zwei"}, ContentDisposition: aws.String("attachment"),
			ServerSideEncryption: types.ServerSideEncryptionAes256, Tagging: aws.String("a=b&c=d%20e")})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want := `"` + hex.EncodeToString(sum[:]) + `"`; *put.ETag != want || put.ServerSideEncryption != types.ServerSideEncryptionAes256 {
			t.Errorf("%s: %+v", name, put)
		}
		got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k/" + name), ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if text := read(t, got.Body); text != string(body) {
			t.Errorf("%s: %d bytes", name, len(text))
		}
		if *got.ContentType != "text/plain" || *got.CacheControl != "no-cache" || got.Metadata["owner"] != "me" || got.Metadata["two"] != "zwei" ||
			*got.ContentDisposition != "attachment" || *got.ContentLength != 100_000 || got.ChecksumType != types.ChecksumTypeFullObject ||
			aws.ToInt32(got.TagCount) != 2 || time.Since(*got.LastModified) > time.Minute || got.VersionId != nil {
			t.Errorf("%s: %+v", name, got)
		}
		sums := aws.ToString(got.ChecksumCRC32) + aws.ToString(got.ChecksumCRC32C) + aws.ToString(got.ChecksumCRC64NVME) + aws.ToString(got.ChecksumSHA1) + aws.ToString(got.ChecksumSHA256)
		if sums == "" {
			t.Errorf("%s: no checksum", name)
		}
	}
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("bad"), Body: bytes.NewReader(body), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(make([]byte, 32)))})
	p.want("wrong sha256", err, "BadDigest", 400)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("bad"), Body: bytes.NewReader(body), ContentMD5: aws.String(base64.StdEncoding.EncodeToString(make([]byte, 16)))})
	p.want("wrong md5", err, "BadDigest", 400)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("bad"), Body: bytes.NewReader(body), ServerSideEncryption: types.ServerSideEncryptionAwsKms})
	p.want("kms", err, "NotImplemented", 501)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("bad"), Body: bytes.NewReader(body), StorageClass: types.StorageClassGlacier})
	p.want("glacier", err, "InvalidStorageClass", 400)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("bad"), Body: bytes.NewReader(body), ACL: types.ObjectCannedACLPublicRead})
	p.want("acl", err, "AccessControlListNotSupported", 400)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("bad"), Body: bytes.NewReader(body), Metadata: map[string]string{"big": strings.Repeat("x", 3000)}})
	p.want("metadata", err, "MetadataTooLarge", 400)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String(strings.Repeat("k", 1025)), Body: bytes.NewReader(body)})
	p.want("long key", err, "KeyTooLongError", 400)
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("bad")})
	p.want("what was refused", err, "NoSuchKey", 404)
}

func TestReads(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("bucket")
	p.put("bucket", "k", "0123456789")
	get := func(change func(*s3.GetObjectInput)) (*s3.GetObjectOutput, error) {
		in := &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k")}
		change(in)
		return c.GetObject(ctx, in)
	}
	for rg, want := range map[string]string{"bytes=2-4": "234", "bytes=-3": "789", "bytes=8-": "89", "bytes=5-500": "56789"} {
		o, err := get(func(in *s3.GetObjectInput) { in.Range = aws.String(rg) })
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, o.Body); got != want || !strings.HasSuffix(*o.ContentRange, "/10") {
			t.Errorf("%s: %q, %s", rg, got, *o.ContentRange)
		}
	}
	for _, rg := range []string{"bytes=1-2,4-5", "bytes=5-2", "lines=1-2", "bytes=x-"} { // as if it were not there
		o, err := get(func(in *s3.GetObjectInput) { in.Range = aws.String(rg) })
		if err != nil || read(t, o.Body) != "0123456789" {
			t.Errorf("%s: %v", rg, err)
		}
	}
	_, err := get(func(in *s3.GetObjectInput) { in.Range = aws.String("bytes=10-") })
	p.want("range", err, "InvalidRange", 416)
	o, err := get(func(*s3.GetObjectInput) {})
	if err != nil {
		t.Fatal(err)
	}
	etag := *o.ETag
	_ = o.Body.Close()
	_, err = get(func(in *s3.GetObjectInput) { in.IfNoneMatch = &etag })
	p.want("none match", err, "NotModified", 304)
	_, err = get(func(in *s3.GetObjectInput) { in.IfMatch = aws.String(`"00"`) })
	p.want("match", err, "PreconditionFailed", 412)
	_, err = get(func(in *s3.GetObjectInput) { in.IfModifiedSince = aws.Time(time.Now().Add(time.Hour)) })
	p.want("modified since", err, "NotModified", 304)
	_, err = get(func(in *s3.GetObjectInput) { in.IfUnmodifiedSince = aws.Time(time.Now().Add(-time.Hour)) })
	p.want("unmodified since", err, "PreconditionFailed", 412)
	o, err = get(func(in *s3.GetObjectInput) {
		in.ResponseContentType, in.ResponseCacheControl = aws.String("text/html"), aws.String("max-age=1")
		in.ResponseContentDisposition = aws.String("attachment; filename=\"a\r\nX-Evil: 1\"")
	})
	if err != nil || *o.ContentType != "text/html" || *o.CacheControl != "max-age=1" || strings.Contains(*o.ContentDisposition, "\n") {
		t.Errorf("%+v, %v", o, err)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	if err != nil || *head.ContentLength != 10 || *head.ETag != etag || *head.ContentType != "application/octet-stream" {
		t.Errorf("%+v, %v", head, err)
	}
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("nope")})
	p.want("head", err, "NotFound", 404)
	attributes, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: aws.String("bucket"), Key: aws.String("k"),
		ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesEtag, types.ObjectAttributesObjectSize, types.ObjectAttributesChecksum}})
	if err != nil || *attributes.ObjectSize != 10 || *attributes.ETag != strings.Trim(etag, `"`) || attributes.Checksum == nil {
		t.Errorf("%+v, %v", attributes, err)
	}
	url, err := s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), ResponseContentType: aws.String("x/y")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(url.URL)
	if err != nil || r.StatusCode != 200 || r.Header.Get("Content-Type") != "x/y" || read(t, r.Body) != "0123456789" {
		t.Errorf("presigned: %+v, %v", r, err)
	}
}

func TestConditionalWrites(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("bucket")
	put := func(change func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
		in := &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("lock"), Body: strings.NewReader("x")}
		change(in)
		return c.PutObject(ctx, in)
	}
	first, err := put(func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })
	p.want("first", err, "", 0)
	_, err = put(func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })
	p.want("second", err, "PreconditionFailed", 412)
	_, err = put(func(in *s3.PutObjectInput) { in.IfMatch = aws.String(`"no"`) })
	p.want("other etag", err, "PreconditionFailed", 412)
	_, err = put(func(in *s3.PutObjectInput) { in.IfMatch = first.ETag })
	p.want("etag", err, "", 0)
	_, err = put(func(in *s3.PutObjectInput) { in.Key, in.IfMatch = aws.String("new"), first.ETag })
	p.want("match on nothing", err, "NoSuchKey", 404)
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("bucket"), Key: aws.String("lock"), IfMatch: aws.String(`"no"`)})
	p.want("delete other etag", err, "PreconditionFailed", 412)
}

func TestListing(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("bucket")
	for _, k := range []string{"a", "b/1", "b/2", "c d+é&<>", "e"} {
		p.put("bucket", k, "v")
	}
	var keys []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("bucket"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
			if o.Owner != nil || *o.Size != 1 || o.StorageClass != types.ObjectStorageClassStandard {
				t.Errorf("%+v", o)
			}
		}
		for _, o := range page.CommonPrefixes {
			keys = append(keys, *o.Prefix)
		}
	}
	if got := strings.Join(keys, "|"); got != "a|b/|c d+é&<>|e" {
		t.Errorf("v2: %q", got)
	}
	one, err := c.ListObjects(ctx, &s3.ListObjectsInput{Bucket: aws.String("bucket"), MaxKeys: aws.Int32(2), EncodingType: types.EncodingTypeUrl})
	if err != nil || len(one.Contents) != 2 || !*one.IsTruncated || *one.NextMarker != "b/1" || one.Contents[0].Owner == nil {
		t.Errorf("%+v, %v", one, err)
	}
	one, err = c.ListObjects(ctx, &s3.ListObjectsInput{Bucket: aws.String("bucket"), Marker: aws.String("b/2"), EncodingType: types.EncodingTypeUrl})
	if err != nil || len(one.Contents) != 2 || *one.Contents[0].Key != "c%20d%2B%C3%A9%26%3C%3E" {
		t.Errorf("%+v, %v", one, err)
	}
	after, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket"), StartAfter: aws.String("b/1"), FetchOwner: aws.Bool(true), Prefix: aws.String("b/")})
	if err != nil || len(after.Contents) != 1 || after.Contents[0].Owner == nil || *after.KeyCount != 1 {
		t.Errorf("%+v, %v", after, err)
	}
	none, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket"), MaxKeys: aws.Int32(0)})
	if err != nil || len(none.Contents) != 0 || *none.IsTruncated {
		t.Errorf("%+v, %v", none, err)
	}
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket"), ContinuationToken: aws.String("!!")})
	p.want("token", err, "InvalidArgument", 400)
}

func TestDeleteObjects(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	ctx := t.Context()
	p.bucket("bucket")
	var in []types.ObjectIdentifier
	for i := range 40 {
		key := fmt.Sprintf("k%d", i)
		p.put("bucket", key, "v")
		in = append(in, types.ObjectIdentifier{Key: aws.String(key)})
	}
	p.authz.grant(t, "arn:aws:iam::123456789012:user/ann", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::bucket/*"},
		{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::bucket/k7"}]}`)
	out, err := p.ann().DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String("bucket"), Delete: &types.Delete{Objects: in}})
	if err != nil || len(out.Deleted) != 39 || len(out.Errors) != 1 || *out.Errors[0].Key != "k7" || *out.Errors[0].Code != "AccessDenied" {
		t.Fatalf("%+v, %v", out, err)
	}
	out, err = p.root().DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String("bucket"), Delete: &types.Delete{Objects: in, Quiet: aws.Bool(true)}})
	if err != nil || len(out.Deleted) != 0 || len(out.Errors) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	list, err := p.root().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket")})
	if err != nil || len(list.Contents) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestMultipart(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("bucket")
	body := storetest.Pattern(12<<20 + 5)
	up := manager.NewUploader(c, func(u *manager.Uploader) { u.PartSize = 5 << 20 }) //nolint:staticcheck // what programs in the field use
	//nolint:staticcheck // as above
	out, err := up.Upload(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("big"), Body: bytes.NewReader(body), ContentType: aws.String("a/b")})
	if err != nil || !strings.HasSuffix(*out.ETag, `-3"`) {
		t.Fatalf("%+v, %v", out, err)
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("big"), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil || *got.ContentType != "a/b" || !bytes.Equal([]byte(read(t, got.Body)), body) {
		t.Fatalf("%+v, %v", got, err)
	}
	buf := manager.NewWriteAtBuffer(nil)
	//nolint:staticcheck // as above
	if _, err := manager.NewDownloader(c).Download(ctx, buf, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("big")}); err != nil || !bytes.Equal(buf.Bytes(), body) {
		t.Errorf("download: %d bytes, %v", len(buf.Bytes()), err)
	}
	part, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("big"), PartNumber: aws.Int32(2)})
	if err != nil || *part.PartsCount != 3 || *part.ContentLength != 5<<20 {
		t.Fatalf("%+v, %v", part, err)
	}
	_ = part.Body.Close()

	for _, kind := range []types.ChecksumType{types.ChecksumTypeComposite, types.ChecksumTypeFullObject} {
		in := &s3.CreateMultipartUploadInput{Bucket: aws.String("bucket"), Key: aws.String("m"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: kind}
		mp, err := c.CreateMultipartUpload(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		one, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: in.Bucket, Key: in.Key, UploadId: mp.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(body[:5<<20]), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c})
		if err != nil {
			t.Fatal(err)
		}
		two, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: in.Bucket, Key: in.Key, UploadId: mp.UploadId, PartNumber: aws.Int32(2),
			CopySource: aws.String("bucket/big"), CopySourceRange: aws.String("bytes=5242880-5242899")})
		if err != nil {
			t.Fatal(err)
		}
		parts, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: in.Bucket, Key: in.Key, UploadId: mp.UploadId})
		if err != nil || len(parts.Parts) != 2 || parts.ChecksumType != kind || *parts.Parts[1].Size != 20 {
			t.Errorf("%+v, %v", parts, err)
		}
		uploads, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: in.Bucket})
		if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].Key != "m" {
			t.Errorf("%+v, %v", uploads, err)
		}
		done, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: mp.UploadId, ChecksumType: kind,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{
				{PartNumber: aws.Int32(1), ETag: one.ETag, ChecksumCRC32C: one.ChecksumCRC32C},
				{PartNumber: aws.Int32(2), ETag: two.CopyPartResult.ETag, ChecksumCRC32C: two.CopyPartResult.ChecksumCRC32C}}}})
		if err != nil || done.ChecksumType != kind || (kind == types.ChecksumTypeComposite) != strings.HasSuffix(*done.ChecksumCRC32C, "-2") {
			t.Fatalf("%+v, %v", done, err)
		}
		got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil || read(t, got.Body) != string(body[:5<<20+20]) {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: mp.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: one.ETag}}}})
		p.want("completing again", err, "NoSuchUpload", 404)
	}
	mp, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String("bucket"), Key: aws.String("m")})
	if err != nil {
		t.Fatal(err)
	}
	small, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("bucket"), Key: aws.String("m"), UploadId: mp.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	complete := func(parts []types.CompletedPart, noneMatch *string) error {
		_, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String("bucket"), Key: aws.String("m"), UploadId: mp.UploadId,
			IfNoneMatch: noneMatch, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	p.want("no parts", complete(nil, nil), "MalformedXML", 400)
	p.want("unknown part", complete([]types.CompletedPart{{PartNumber: aws.Int32(2), ETag: small.ETag}}, nil), "InvalidPart", 400)
	p.want("taken", complete([]types.CompletedPart{{PartNumber: aws.Int32(1), ETag: small.ETag}}, aws.String("*")), "PreconditionFailed", 412)
	_, err = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String("bucket"), Key: aws.String("m"), UploadId: mp.UploadId})
	p.want("abort", err, "", 0)
	_, err = c.UploadPart(ctx, &s3.UploadPartInput{Bucket: aws.String("bucket"), Key: aws.String("m"), UploadId: mp.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
	p.want("part of nothing", err, "NoSuchUpload", 404)
}

func TestCopy(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("bucket")
	p.bucket("target")
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("a b/é+?"), Body: strings.NewReader("text"), ContentType: aws.String("x/y"),
		Metadata: map[string]string{"m": "1"}, Tagging: aws.String("t=1")})
	if err != nil {
		t.Fatal(err)
	}
	const source = "bucket/a%20b/%C3%A9%2B%3F"
	out, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("copy"), CopySource: aws.String(source)})
	if err != nil || *out.CopyObjectResult.ETag != `"1cb251ec0d568de6a929b520c4aed8d1"` {
		t.Fatalf("%+v, %v", out, err)
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("target"), Key: aws.String("copy")})
	if err != nil || read(t, got.Body) != "text" || *got.ContentType != "x/y" || got.Metadata["m"] != "1" || aws.ToInt32(got.TagCount) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("copy"), CopySource: aws.String("target/copy")})
	p.want("onto itself", err, "InvalidRequest", 400)
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("copy"), CopySource: aws.String("target/copy"),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"m": "2"}, TaggingDirective: types.TaggingDirectiveReplace})
	p.want("replacing", err, "", 0)
	got, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("target"), Key: aws.String("copy")})
	if err != nil || read(t, got.Body) != "text" || got.Metadata["m"] != "2" || got.TagCount != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("x"), CopySource: aws.String(source), CopySourceIfMatch: aws.String("no")})
	p.want("source condition", err, "PreconditionFailed", 412)
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("x"), CopySource: aws.String("bucket/none")})
	p.want("no source", err, "NoSuchKey", 404)
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("x"), CopySource: aws.String("nosuchbucket/none")})
	p.want("no source bucket", err, "NoSuchBucket", 404)

	p.authz.grant(t, "arn:aws:iam::123456789012:user/ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::target/*"}}`)
	_, err = p.ann().CopyObject(ctx, &s3.CopyObjectInput{Bucket: aws.String("target"), Key: aws.String("stolen"), CopySource: aws.String(source)})
	p.want("a source that one may not read", err, "AccessDenied", 403)
}

func TestVersions(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	c, ctx := p.root(), t.Context()
	p.bucket("bucket")
	state, err := c.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String("bucket")})
	if err != nil || state.Status != "" {
		t.Errorf("%+v, %v", state, err)
	}
	_, err = c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: aws.String("bucket"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	p.want("enabling", err, "", 0)
	var ids []string
	for _, text := range []string{"one", "two"} {
		out, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Body: strings.NewReader(text)})
		if err != nil || out.VersionId == nil {
			t.Fatalf("%+v, %v", out, err)
		}
		ids = append(ids, *out.VersionId)
	}
	old, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), VersionId: &ids[0]})
	if err != nil || read(t, old.Body) != "one" || *old.VersionId != ids[0] {
		t.Errorf("%+v, %v", old, err)
	}
	gone, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	if err != nil || !*gone.DeleteMarker {
		t.Fatalf("%+v, %v", gone, err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	p.want("behind the marker", err, "NoSuchKey", 404)
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), VersionId: gone.VersionId})
	p.want("the marker", err, "MethodNotAllowed", 405)
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), VersionId: aws.String("nope")})
	p.want("no version", err, "NoSuchVersion", 404)
	list, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: aws.String("bucket")})
	if err != nil || len(list.Versions) != 2 || len(list.DeleteMarkers) != 1 || !*list.DeleteMarkers[0].IsLatest || *list.Versions[0].VersionId != ids[1] {
		t.Errorf("%+v, %v", list, err)
	}
	var all []types.ObjectIdentifier
	for _, v := range list.Versions {
		all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	all = append(all, types.ObjectIdentifier{Key: aws.String("k"), VersionId: list.DeleteMarkers[0].VersionId})
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: aws.String("bucket"), Delete: &types.Delete{Objects: all}})
	if err != nil || len(out.Deleted) != 3 {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("bucket")})
	p.want("deleting the bucket", err, "", 0)
}
