package s3req

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Method, r.RequestURI = method, target
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func TestParse(t *testing.T) {
	type asked struct {
		Op                           Op
		Bucket, Key, Version, Upload string
		Part                         int
		Source                       *Source
		Error                        string
	}
	p := Parser{BaseDomains: []string{"s3.test"}}
	for _, c := range []struct {
		method, target string
		headers        []string
		want           asked
	}{
		{"GET", "/", nil, asked{Op: ListBuckets}},
		{"GET", "/bkt", nil, asked{Op: ListObjects, Bucket: "bkt"}},
		{"GET", "/bkt/", nil, asked{Op: ListObjects, Bucket: "bkt"}},
		{"GET", "/bkt?list-type=2&prefix=a%2Fb", nil, asked{Op: ListObjectsV2, Bucket: "bkt"}},
		{"GET", "/bkt/k", nil, asked{Op: GetObject, Bucket: "bkt", Key: "k"}},
		{"GET", "/bkt/a/../b", nil, asked{Op: GetObject, Bucket: "bkt", Key: "a/../b"}},
		{"GET", "/bkt/../b", nil, asked{Op: GetObject, Bucket: "bkt", Key: "../b"}},
		{"GET", "/bkt//b", nil, asked{Op: GetObject, Bucket: "bkt", Key: "/b"}},
		{"GET", "/bkt/%2e%2e/b", nil, asked{Op: GetObject, Bucket: "bkt", Key: "../b"}},
		{"GET", "/bkt/%252e", nil, asked{Op: GetObject, Bucket: "bkt", Key: "%2e"}},
		{"GET", "/bkt/a+b%20c", nil, asked{Op: GetObject, Bucket: "bkt", Key: "a+b c"}},
		{"GET", "/bkt/a%00b", nil, asked{Op: GetObject, Bucket: "bkt", Key: "a\x00b"}},
		{"GET", "/bkt/a%3Facl", nil, asked{Op: GetObject, Bucket: "bkt", Key: "a?acl"}},
		{"GET", "http://elsewhere/bkt/k?x-id=GetObject", nil, asked{Op: GetObject, Bucket: "bkt", Key: "k"}},
		{"GET", "/k/l", []string{"Host", "bkt.s3.test"}, asked{Op: GetObject, Bucket: "bkt", Key: "k/l"}},
		{"GET", "/", []string{"Host", "a.b.s3.test:443"}, asked{Op: ListObjects, Bucket: "a.b"}},
		{"GET", "//k", []string{"Host", "bkt.s3.test"}, asked{Op: GetObject, Bucket: "bkt", Key: "/k"}},
		{"GET", "/k", []string{"Host", "bad_name.s3.test"}, asked{Error: "InvalidBucketName"}},
		{"GET", "/bkt/k?versionId=v1", nil, asked{Op: GetObject, Bucket: "bkt", Key: "k", Version: "v1"}},
		{"GET", "/bkt/k?versionId=", nil, asked{Error: "InvalidArgument"}},
		{"GET", "/bkt/k?versionId=a&versionId=b", nil, asked{Error: "InvalidArgument"}},
		{"GET", "/bkt/k?versionId=a&VERSIONID=b", nil, asked{Error: "InvalidArgument"}},
		{"GET", "/bkt/k?versionId=a&version%49d=b", nil, asked{Error: "InvalidArgument"}},
		{"GET", "/bkt/k?ac%6C", nil, asked{Op: GetObjectACL, Bucket: "bkt", Key: "k"}},
		{"PUT", "/bkt/k?partNumber=3&uploadId=u", nil, asked{Op: UploadPart, Bucket: "bkt", Key: "k", Upload: "u", Part: 3}},
		{"PUT", "/bkt/k?partNumber=0&uploadId=u", nil, asked{Error: "InvalidArgument"}},
		{"PUT", "/bkt/k?partNumber=10001&uploadId=u", nil, asked{Error: "InvalidArgument"}},
		{"PUT", "/bkt/k?uploadId=u", nil, asked{Error: "InvalidArgument"}},
		{"PUT", "/bkt/k?partNumber=3", nil, asked{Error: "NotImplemented"}},
		{"PUT", "/bkt/k", []string{"X-Amz-Copy-Source", "/src/a%2Fb%2520?versionId=v"}, asked{Op: CopyObject, Bucket: "bkt", Key: "k", Source: &Source{"src", "a/b%20", "v"}}},
		{"PUT", "/bkt/k", []string{"X-Amz-Copy-Source", "src%2Fa%2Fb"}, asked{Op: CopyObject, Bucket: "bkt", Key: "k", Source: &Source{"src", "a/b", ""}}},
		{"PUT", "/bkt/k?x-amz-copy-source=src%2Fk", nil, asked{Op: CopyObject, Bucket: "bkt", Key: "k", Source: &Source{"src", "k", ""}}},
		{"PUT", "/bkt/k", []string{"X-Amz-Copy-Source", "src"}, asked{Error: "InvalidArgument"}},
		{"PUT", "/bkt/k", []string{"X-Amz-Copy-Source", "src/k?acl"}, asked{Error: "InvalidArgument"}},
		{"PUT", "/bkt/k?partNumber=1&uploadId=u", []string{"X-Amz-Copy-Source", "src/k"}, asked{Op: UploadPartCopy, Bucket: "bkt", Key: "k", Upload: "u", Part: 1, Source: &Source{"src", "k", ""}}},
		{"GET", "/bkt/k?AWSAccessKeyId=a&Signature=b&Expires=1", nil, asked{Error: "InvalidRequest"}},
		{"POST", "/bkt?delete", nil, asked{Op: DeleteObjects, Bucket: "bkt"}},
		{"POST", "/bkt/k?delete", nil, asked{Error: "MethodNotAllowed"}},
		{"GET", "/bkt/k?policy", nil, asked{Error: "NotImplemented"}},
		{"GET", "/?acl", nil, asked{Error: "NotImplemented"}},
		{"GET", "//k", nil, asked{Error: "InvalidBucketName"}},
		{"GET", "/Bkt/k", nil, asked{Error: "InvalidBucketName"}},
		{"GET", "/b%6bt/k", nil, asked{Error: "InvalidBucketName"}},
		{"GET", "/../k", nil, asked{Error: "InvalidBucketName"}},
		{"GET", "/bkt/%zz", nil, asked{Error: "InvalidURI"}},
		{"GET", "/bkt/%f", nil, asked{Error: "InvalidURI"}},
		{"GET", "/bkt/%ff", nil, asked{Error: "InvalidURI"}},
		{"GET", "/bkt/k?versionId=%ff", nil, asked{Error: "InvalidURI"}},
		{"GET", "/bkt/" + strings.Repeat("k", 1024), nil, asked{Op: GetObject, Bucket: "bkt", Key: strings.Repeat("k", 1024)}},
		{"GET", "/bkt/" + strings.Repeat("k", 1025), nil, asked{Error: "KeyTooLongError"}},
	} {
		r := request(c.method, c.target, c.headers...)
		if h := r.Header.Get("Host"); h != "" {
			r.Host = h
		}
		q, err := p.Parse(r)
		got := asked{Op: q.Op, Bucket: q.Bucket, Key: q.Key, Version: q.VersionID, Upload: q.UploadID, Part: q.PartNumber, Source: q.Source}
		if err != nil {
			var e *awsapi.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s %s: %v", c.method, c.target, err)
			}
			got = asked{Error: e.Code}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s: -want +got:\n%s", c.method, c.target, diff)
		}
	}
}

func TestEveryOperationHasADefinition(t *testing.T) {
	for op := Unknown + 1; op < opCount; op++ {
		if op.String() == "" || !strings.HasPrefix(op.Action(false), "s3:") {
			t.Errorf("operation %d: %q, %q", op, op.String(), op.Action(false))
		}
	}
	for i := range defs {
		if s := defs[i].selector; s != "" && !selects(defs[i].level, s) {
			t.Errorf("%s: its selector %s does not select", defs[i].name, s)
		}
	}
}

func TestTagHeader(t *testing.T) {
	for in, want := range map[string][]identity.Tag{
		"": nil, "a=1": {{Key: "a", Value: "1"}}, "b=x%20y&a=%26": {{Key: "b", Value: "x y"}, {Key: "a", Value: "&"}}, "a": {{Key: "a"}},
	} {
		got, err := ParseTagging(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v, -want +got:\n%s", in, err, diff)
		}
	}
	for _, in := range []string{"a=1&a=2", "a=%zz", "a=1;b=2"} {
		if got, err := ParseTagging(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"/", "/b", "/bkt/k?versionId=v", "/bkt/a/../%2e%2e//b", "http://h/bkt?list-type=2", "/bkt/k?uploadId=u&partNumber=1", "/bkt?%41cl&acl=&+", "//", "/bkt/%00"} {
		f.Add("GET", s, "bkt.s3.test", "src/k?versionId=v")
		f.Add("PUT", s, "host", "/src%2Fk")
	}
	p := Parser{BaseDomains: []string{"s3.test"}}
	f.Fuzz(func(t *testing.T, method, target, host, source string) {
		r := request(method, target, "X-Amz-Copy-Source", source)
		r.Host = host
		q, err := p.Parse(r)
		if err != nil {
			var e *awsapi.Error
			if !errors.As(err, &e) || e.HTTPStatus() < 400 {
				t.Fatalf("%v", err)
			}
			return
		}
		if q.Op == Unknown || q.Action() == "" {
			t.Fatalf("no operation: %+v", q)
		}
		if d := q.Op.def(); (d.level == object) != (q.Key != "") || (d.level == service) != (q.Bucket == "") {
			t.Fatalf("%s on bucket %q, key %q", q.Op, q.Bucket, q.Key)
		}
		if q.Bucket != "" && identity.CheckBucketName(q.Bucket) != nil || len(q.Key) > objectstore.MaxKeyBytes || !utf8.ValidString(q.Key) {
			t.Fatalf("bucket %q, key %q", q.Bucket, q.Key)
		}
		if (q.Source != nil) != (q.Op == CopyObject || q.Op == UploadPartCopy) {
			t.Fatalf("%s with source %v", q.Op, q.Source)
		}
		var k Keys
		k.Operation(q)
	})
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=3-", "bytes=1-2,3-4", "bytes=99999999999999999999-", "bytes=--1"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			size = -(size + 1)
		}
		offset, length, err := ParseRange(header).Resolve(size)
		if err == nil && (offset < 0 || length < 0 || offset+length > size || offset+length < offset) {
			t.Fatalf("%q of %d: %d+%d", header, size, offset, length)
		}
	})
}
