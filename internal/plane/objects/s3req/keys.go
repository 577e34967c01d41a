package s3req

import (
	"strconv"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// Keys gathers the condition keys of one request without a map; the zero Keys is empty.
type Keys struct {
	list   []policy.Key
	buf    [8]policy.Key
	values [8]string
	used   int
}

// List returns what was gathered.
func (k *Keys) List() []policy.Key { return k.list }

// Add adds a key; an empty value means that the request lacks it.
func (k *Keys) Add(name, value string) {
	if value != "" {
		k.Set(name, value)
	}
}

// Set adds a key, an empty value included.
func (k *Keys) Set(name, value string) {
	if k.list == nil {
		k.list = k.buf[:0]
	}
	if k.used == len(k.values) {
		k.list = append(k.list, policy.Key{Name: name, Values: []string{value}})
		return
	}
	k.values[k.used] = value
	k.list = append(k.list, policy.Key{Name: name, Values: k.values[k.used : k.used+1 : k.used+1]})
	k.used++
}

// Values adds a key with many values.
func (k *Keys) Values(name string, values []string) {
	if k.list == nil {
		k.list = k.buf[:0]
	}
	k.list = append(k.list, policy.Key{Name: name, Values: values})
}

// Tags adds prefix/KEY = VALUE for each tag.
func (k *Keys) Tags(prefix string, tags []identity.Tag) {
	for _, t := range tags {
		k.Set(prefix+t.Key, t.Value)
	}
}

// Authentication adds the keys that tell how the request was signed; sig is nil for anonymous ones.
// https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
func (k *Keys) Authentication(q *Request, sig *sigv4.Signature, now time.Time) {
	if sig == nil {
		return
	}
	if sig.Presigned {
		k.Set("s3:authType", "REST-QUERY-STRING")
	} else {
		k.Set("s3:authType", "REST-HEADER")
	}
	k.Set("s3:signatureversion", sigv4.Algorithm)
	k.Set("s3:signatureAge", strconv.FormatInt(max(0, now.Sub(sig.Time).Milliseconds()), 10))
	k.Add("s3:x-amz-content-sha256", q.Header("X-Amz-Content-Sha256"))
}

// Operation adds the keys that the request's parameters give for its own operation.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
func (k *Keys) Operation(q *Request) {
	k.Add("s3:VersionId", q.VersionID)
	switch q.Op {
	case ListObjects, ListObjectsV2, ListObjectVersions:
		// A request without prefix lists everything: the key is there and empty, as at AWS, so that
		// StringEquals "" can allow just that.
		k.Set("s3:prefix", q.Param("prefix"))
		k.Set("s3:delimiter", q.Param("delimiter"))
		k.Set("s3:max-keys", maxKeysText(q))
	case PutObject, CopyObject, CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload:
		k.write(q)
	case CreateBucket, PutBucketACL, PutObjectACL:
		k.acl(q)
		k.Add("s3:x-amz-object-ownership", q.Header("X-Amz-Object-Ownership"))
	default:
	}
}

func maxKeysText(q *Request) string {
	n, err := q.MaxKeys("max-keys")
	if err != nil {
		return q.Param("max-keys")
	}
	if v := q.Param("max-keys"); v != "" {
		return v
	}
	return strconv.Itoa(n)
}

func (k *Keys) acl(q *Request) {
	k.Add("s3:x-amz-acl", q.Header("X-Amz-Acl"))
	k.Add("s3:x-amz-grant-full-control", q.Header("X-Amz-Grant-Full-Control"))
	k.Add("s3:x-amz-grant-read", q.Header("X-Amz-Grant-Read"))
	k.Add("s3:x-amz-grant-read-acp", q.Header("X-Amz-Grant-Read-Acp"))
	k.Add("s3:x-amz-grant-write", q.Header("X-Amz-Grant-Write"))
	k.Add("s3:x-amz-grant-write-acp", q.Header("X-Amz-Grant-Write-Acp"))
}

func (k *Keys) write(q *Request) {
	k.acl(q)
	k.Add("s3:x-amz-server-side-encryption", q.Header("X-Amz-Server-Side-Encryption"))
	k.Add("s3:x-amz-server-side-encryption-aws-kms-key-id", q.Header("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
	k.Add("s3:x-amz-server-side-encryption-customer-algorithm", q.Header("X-Amz-Server-Side-Encryption-Customer-Algorithm"))
	k.Add("s3:x-amz-storage-class", q.Header("X-Amz-Storage-Class"))
	k.Add("s3:x-amz-website-redirect-location", q.Header("X-Amz-Website-Redirect-Location"))
	k.Add("s3:if-match", q.Header("If-Match"))
	k.Add("s3:if-none-match", q.Header("If-None-Match"))
	if q.Source != nil {
		source := q.Source.Bucket + "/" + q.Source.Key
		if q.Source.VersionID != "" {
			source += "?versionId=" + q.Source.VersionID
		}
		k.Add("s3:x-amz-copy-source", source)
		k.Add("s3:x-amz-metadata-directive", q.Header("X-Amz-Metadata-Directive"))
	}
	// AWS sets it for the two calls that make an object whole.
	switch q.Op {
	case PutObject, CopyObject, CompleteMultipartUpload:
		k.Set("s3:ObjectCreationOperation", "true")
	default:
		k.Set("s3:ObjectCreationOperation", "false")
	}
}
