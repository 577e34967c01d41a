package objects

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// exchange is one request and its answer.
type exchange struct {
	f      *Front
	w      http.ResponseWriter
	r      *http.Request
	h      http.Header // of the answer
	call   *awsapi.Call
	sig    *sigv4.Signature
	secret rolecall.Secret
	req    *s3req.Request
	bucket *identity.Bucket
	policy *policy.Policy // of the bucket

	values [16]string // what h holds
	used   int
}

// set sets a header, whose name is in canonical form.
func (x *exchange) set(name, value string) {
	if x.used == len(x.values) {
		x.h[name] = []string{value}
		return
	}
	x.values[x.used] = value
	x.h[name] = x.values[x.used : x.used+1 : x.used+1]
	x.used++
}

func (x *exchange) setNonEmpty(name, value string) {
	if value != "" {
		x.set(name, value)
	}
}

func (x *exchange) serve(ctx context.Context) error {
	q, err := x.f.parser.Parse(x.r)
	x.req = q
	x.call.Service, x.call.Operation = "s3", q.Op.String()
	if err == nil {
		if q.Op.ReadOnly() {
			x.call.ReadOnly()
		}
		err = x.locate()
	}
	x.audit()
	if err == nil {
		err = x.dispatch(ctx)
	}
	if err != nil && !errors.Is(err, errSent) {
		return x.fail(err)
	}
	return err
}

// errSent says that the head of the answer has gone out already.
var errSent = errors.New("answer broke off")

// locate finds the record of the bucket that is asked for.
func (x *exchange) locate() error {
	q := x.req
	if q.Bucket == "" || q.Op == s3req.CreateBucket {
		return nil
	}
	b, p, ok := x.f.directory.Bucket(q.Bucket)
	if !ok {
		return noSuchBucket()
	}
	x.bucket, x.policy = b, p
	return wantOwner(q.Header("X-Amz-Expected-Bucket-Owner"), b)
}

func wantOwner(want string, b *identity.Bucket) error {
	if want != "" && want != string(b.Account) {
		return accessDenied("Access Denied")
	}
	return nil
}

// store is how the store knows a bucket.
func storeBucket(b *identity.Bucket) objectstore.Bucket {
	return objectstore.Bucket{Name: b.Name, Incarnation: strconv.FormatInt(b.Created.UnixNano(), 36)}
}

func (x *exchange) ref() objectstore.Ref {
	return objectstore.Ref{Bucket: storeBucket(x.bucket), Key: x.req.Key, VersionID: x.req.VersionID}
}

func versioning(b *identity.Bucket) objectstore.Versioning {
	switch b.Versioning {
	case identity.VersioningEnabled:
		return objectstore.VersioningEnabled
	case identity.VersioningSuspended:
		return objectstore.VersioningSuspended
	case identity.VersioningOff:
	}
	return objectstore.Unversioned
}

// target is what a permission is asked for.
type target struct {
	bucket *identity.Bucket
	policy *policy.Policy
	key    string // "" for the bucket itself
}

func (t target) arn() string {
	if t.key == "" {
		return "arn:aws:s3:::" + t.bucket.Name
	}
	return "arn:aws:s3:::" + t.bucket.Name + "/" + t.key
}

func (x *exchange) here() target { return target{x.bucket, x.policy, x.req.Key} }

// keys gathers the condition keys that every check of this request has.
func (x *exchange) keys() *s3req.Keys {
	k := new(s3req.Keys)
	k.Authentication(x.req, x.sig, x.call.Time)
	return k
}

// allow asks for the operation's own action with the keys of its parameters and more.
func (x *exchange) allow(ctx context.Context, more ...func(*s3req.Keys)) error {
	k := x.keys()
	k.Operation(x.req)
	for _, f := range more {
		f(k)
	}
	return x.ask(ctx, x.req.Action(), x.here(), k)
}

// ask asks for one action.
func (x *exchange) ask(ctx context.Context, action string, t target, k *s3req.Keys) error {
	p := t.policy
	if b := t.bucket; b.PublicAccessBlock != nil && b.PublicAccessBlock.RestrictPublicBuckets && p != nil &&
		x.call.Principal.Account != b.Account && x.f.public.is(b) {
		// A public policy then serves the owner's own principals only.
		return accessDenied("Access Denied")
	}
	if x.call.Principal.Kind == identity.Root && x.call.Principal.Account == t.bucket.Account && isPolicyAction(action) {
		// The owner's root can always mend a policy that locks everybody out.
		p = nil
	}
	return x.f.authorizer.Authorize(ctx, x.call, authz.Check{
		Action: action, Resource: t.arn(), ResourceAccount: t.bucket.Account, ResourcePolicy: p, Keys: k.List(),
	})
}

func isPolicyAction(action string) bool {
	switch action {
	case "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy":
		return true
	default:
		return false
	}
}

// missing is the answer for an object that is not there, to somebody who may do what it asked: it
// tells so only to those who may list.
func (x *exchange) missing(ctx context.Context, t target, err error) error {
	k := x.keys()
	k.Set("s3:prefix", t.key)
	if denied := x.ask(ctx, "s3:ListBucket", target{t.bucket, t.policy, ""}, k); denied != nil {
		return accessDenied("Access Denied")
	}
	return err
}

// audit tells the record what is asked for.
func (x *exchange) audit() {
	a := x.call.Audit
	if a == nil {
		return
	}
	q := x.req
	b := append(make([]byte, 0, 64+len(q.Bucket)+len(q.Key)), '{')
	add := func(name, value string) {
		if value == "" {
			return
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `":`...)
		b = appendJSON(b, value)
	}
	add("bucketName", q.Bucket)
	add("key", q.Key)
	add("versionId", q.VersionID)
	add("uploadId", q.UploadID)
	if q.PartNumber > 0 {
		add("partNumber", strconv.Itoa(q.PartNumber))
	}
	add("prefix", q.Param("prefix"))
	if q.Source != nil {
		add("x-amz-copy-source", q.Source.Bucket+"/"+q.Source.Key)
	}
	a.RequestParameters = append(b, '}')
	if x.bucket == nil {
		return
	}
	if q.Key != "" {
		a.Resources = append(a.Resources, awsapi.AuditResource{ARN: x.here().arn(), Type: "AWS::S3::Object"})
	}
	a.Resources = append(a.Resources, awsapi.AuditResource{ARN: target{bucket: x.bucket}.arn(), Account: x.bucket.Account, Type: "AWS::S3::Bucket"})
}

// appendJSON appends s as a JSON string.
func appendJSON(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// dispatch authorizes and carries out. Every case does both, so that none can be added without.
func (x *exchange) dispatch(ctx context.Context) error {
	switch q := x.req; q.Op {
	case s3req.GetObject:
		return x.getObject(ctx, false)
	case s3req.HeadObject:
		return x.getObject(ctx, true)
	case s3req.PutObject:
		return x.putObject(ctx)
	case s3req.CopyObject:
		return x.copyObject(ctx)
	case s3req.DeleteObject:
		return x.deleteObject(ctx)
	case s3req.DeleteObjects:
		return x.deleteObjects(ctx)
	case s3req.GetObjectAttributes:
		return x.getObjectAttributes(ctx)
	case s3req.GetObjectTagging, s3req.PutObjectTagging, s3req.DeleteObjectTagging:
		return x.objectTagging(ctx)
	case s3req.CreateMultipartUpload:
		return x.createUpload(ctx)
	case s3req.UploadPart:
		return x.uploadPart(ctx)
	case s3req.UploadPartCopy:
		return x.uploadPartCopy(ctx)
	case s3req.CompleteMultipartUpload:
		return x.completeUpload(ctx)
	case s3req.AbortMultipartUpload:
		return x.abortUpload(ctx)
	case s3req.ListParts:
		return x.listParts(ctx)
	case s3req.ListObjects, s3req.ListObjectsV2:
		return x.listObjects(ctx)
	case s3req.ListObjectVersions:
		return x.listVersions(ctx)
	case s3req.ListMultipartUploads:
		return x.listUploads(ctx)
	case s3req.ListBuckets:
		return x.listBuckets(ctx)
	case s3req.CreateBucket:
		return x.createBucket(ctx)
	case s3req.DeleteBucket:
		return x.deleteBucket(ctx)
	default:
		return x.configuration(ctx)
	}
}

// empty answers without a body.
func (x *exchange) empty(status int) {
	x.stamp()
	x.w.WriteHeader(status)
}

// xml answers with a document.
func (x *exchange) xml(doc []byte) error {
	x.stamp()
	x.set("Content-Type", "application/xml")
	x.set("Content-Length", strconv.Itoa(len(doc)))
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write(doc) // who has gone does not hear it
	return nil
}

// stamp sets the ids. An ordinary GetObject has eight headers with them: one more and the map grows.
func (x *exchange) stamp() {
	x.set("X-Amz-Request-Id", x.call.RequestID)
	x.set("X-Amz-Id-2", x.call.RequestID)
}
