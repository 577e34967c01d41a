package objects_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

const annARN, bobARN = "arn:aws:iam::123456789012:user/ann", "arn:aws:iam::210987654321:user/bob"

func getObject(bucket, key string) *s3.GetObjectInput {
	return &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
}

func TestDeniedOrMissing(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	ctx := t.Context()
	p.bucket("bucket")
	p.put("bucket", "in/k", "v")
	p.put("bucket", "out/k", "v")
	_, err := p.ann().GetObject(ctx, getObject("bucket", "in/k"))
	p.want("nothing granted", err, "AccessDenied", 403)
	_, err = p.ann().GetObject(ctx, getObject("bucket", "in/none"))
	p.want("nothing granted, missing", err, "AccessDenied", 403)
	p.authz.grant(t, annARN, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/in/*"}}`)
	o, err := p.ann().GetObject(ctx, getObject("bucket", "in/k"))
	if err != nil || read(t, o.Body) != "v" {
		t.Fatal(err)
	}
	_, err = p.ann().GetObject(ctx, getObject("bucket", "out/k"))
	p.want("another prefix", err, "AccessDenied", 403)
	_, err = p.ann().GetObject(ctx, getObject("bucket", "in/none"))
	p.want("missing, may not list", err, "AccessDenied", 403)
	_, err = p.ann().HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("bucket"), Key: aws.String("in/none")})
	p.want("head of it", err, "Forbidden", 403)
	for _, key := range []string{"in/../out/k", "in/%2e%2e/out/k", "in//../out/k", "in/./k", "/in/k"} {
		_, err = p.ann().GetObject(ctx, getObject("bucket", key))
		p.want("the key "+key+", which is not there", err, "AccessDenied", 403)
	}
	p.authz.grant(t, annARN, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/in/*"},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket","Condition":{"StringLike":{"s3:prefix":"in/*"}}}]}`)
	_, err = p.ann().GetObject(ctx, getObject("bucket", "in/none"))
	p.want("missing, may list", err, "NoSuchKey", 404)
	for prefix, code := range map[string]string{"in/": "", "in/x": "", "": "AccessDenied", "out/": "AccessDenied", "in": "AccessDenied"} {
		_, err = p.ann().ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("bucket"), Prefix: aws.String(prefix)})
		p.want("listing "+prefix, err, code, 403)
		_, err = p.ann().ListObjects(ctx, &s3.ListObjectsInput{Bucket: aws.String("bucket"), Prefix: aws.String(prefix)})
		p.want("listing the old way "+prefix, err, code, 403)
	}
}

func (p *plane) policy(bucket, document string) error {
	_, err := p.root().PutBucketPolicy(p.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &document})
	return err
}

func TestBucketPolicies(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	ctx, c := t.Context(), p.root()
	p.bucket("bucket")
	p.put("bucket", "shared/k", "v")
	_, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("bucket")})
	p.want("no policy", err, "NoSuchBucketPolicy", 404)
	for name, document := range map[string]string{
		"not json":         `{`,
		"another bucket":   `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}}`,
		"another service":  `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"iam:GetUser","Resource":"arn:aws:s3:::bucket/*"}}`,
		"without the rest": `{"Version":"2012-10-17","Statement":{"Effect":"Allow"}}`,
	} {
		p.want(name, p.policy("bucket", document), "MalformedPolicy", 400)
	}
	const cross = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/shared/*"}}`
	p.want("cross-account policy", p.policy("bucket", cross), "", 0)
	got, err := c.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String("bucket")})
	if err != nil || *got.Policy != cross {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = p.bob().GetObject(ctx, getObject("bucket", "shared/k"))
	p.want("the other account must allow as well", err, "AccessDenied", 403)
	p.authz.grant(t, bobARN, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	o, err := p.bob().GetObject(ctx, getObject("bucket", "shared/k"))
	if err != nil || read(t, o.Body) != "v" {
		t.Errorf("cross-account: %v", err)
	}
	_, err = p.bob().GetObject(ctx, getObject("bucket", "else"))
	p.want("cross-account, elsewhere", err, "AccessDenied", 403)
	_, err = p.anonymous().GetObject(ctx, getObject("bucket", "shared/k"))
	p.want("anonymous", err, "AccessDenied", 403)

	p.want("a policy against everybody", p.policy("bucket", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}}`), "", 0)
	_, err = c.GetObject(ctx, getObject("bucket", "shared/k"))
	p.want("root under a deny", err, "AccessDenied", 403)
	_, err = p.as("AKIAROOTEXAMPLE00002").DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: aws.String("bucket")})
	p.want("another account's root", err, "AccessDenied", 403)
	_, err = c.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: aws.String("bucket")})
	p.want("the owner's root mends it", err, "", 0)
}

func TestPublicAccess(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	ctx, c := t.Context(), p.root()
	p.bucket("bucket")
	p.put("bucket", "k", "v")
	const public = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}}`
	p.want("public while it is blocked", p.policy("bucket", public), "AccessDenied", 403)
	block := func(v bool) {
		_, err := c.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: aws.String("bucket"),
			PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{RestrictPublicBuckets: &v}})
		p.want("public access block", err, "", 0)
	}
	_, err := c.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: aws.String("bucket")})
	p.want("unblocking", err, "", 0)
	_, err = c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: aws.String("bucket")})
	p.want("no block", err, "NoSuchPublicAccessBlockConfiguration", 404)
	p.want("public", p.policy("bucket", public), "", 0)
	status, err := c.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: aws.String("bucket")})
	if err != nil || !*status.PolicyStatus.IsPublic {
		t.Errorf("%+v, %v", status, err)
	}
	o, err := p.anonymous().GetObject(ctx, getObject("bucket", "k"))
	if err != nil || read(t, o.Body) != "v" {
		t.Errorf("anonymous: %v", err)
	}
	_, err = p.anonymous().GetObject(ctx, getObject("bucket", "none"))
	p.want("anonymous, missing", err, "AccessDenied", 403)
	in := getObject("bucket", "k")
	in.ResponseContentType = aws.String("text/html")
	_, err = p.anonymous().GetObject(ctx, in)
	p.want("anonymous override", err, "InvalidRequest", 400)
	_, err = p.anonymous().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Body: strings.NewReader("x")})
	p.want("anonymous write", err, "AccessDenied", 403)
	block(true)
	_, err = p.anonymous().GetObject(ctx, getObject("bucket", "k"))
	p.want("anonymous, restricted", err, "AccessDenied", 403)
	_, err = p.bob().GetObject(ctx, getObject("bucket", "k"))
	p.want("cross-account, restricted", err, "AccessDenied", 403)
	o, err = p.ann().GetObject(ctx, getObject("bucket", "k"))
	if err != nil || read(t, o.Body) != "v" {
		t.Errorf("the owner's user: %v", err)
	}
}

func TestPublicPolicies(t *testing.T) {
	for _, c := range []struct {
		principal, condition string
		public               bool
	}{
		{`"*"`, ``, true},
		{`{"AWS":"*"}`, ``, true},
		{`{"AWS":"210987654321"}`, ``, false},
		{`"*"`, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, false},
		{`"*"`, `,"Condition":{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`, true},
		{`"*"`, `,"Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`, true},
		{`"*"`, `,"Condition":{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}`, true},
		{`"*"`, `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, false},
		{`"*"`, `,"Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`, true},
		{`"*"`, `,"Condition":{"StringEquals":{"aws:UserAgent":"secret"}}`, true},
		{`"*"`, `,"Condition":{"Bool":{"aws:SecureTransport":"true"}}`, true},
	} {
		p := newPlane(t, embeddedStore(t))
		p.bucket("bucket")
		err := p.policy("bucket", fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":%s,"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"%s}}`, c.principal, c.condition))
		code := ""
		if c.public {
			code = "AccessDenied"
		}
		p.want(c.principal+c.condition, err, code, 403)
	}
}

func TestEncryption(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	ctx, c := t.Context(), p.root()
	p.bucket("bucket")
	rule := func(a types.ServerSideEncryption) error {
		_, err := c.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: aws.String("bucket"), ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: a}}}}})
		return err
	}
	p.want("aws:kms", rule(types.ServerSideEncryptionAwsKms), "NotImplemented", 501)
	p.want("AES256", rule(types.ServerSideEncryptionAes256), "", 0)
	got, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: aws.String("bucket")})
	if err != nil || got.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != types.ServerSideEncryptionAes256 {
		t.Errorf("%+v, %v", got, err)
	}
	put := func(change func(*s3.PutObjectInput)) error {
		in := &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Body: strings.NewReader("v")}
		change(in)
		_, err := c.PutObject(ctx, in)
		return err
	}
	p.want("header demanded", p.policy("bucket", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/*",
		"Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"AES256"}}}}`), "", 0)
	p.want("without the header", put(func(*s3.PutObjectInput) {}), "AccessDenied", 403)
	p.want("with it", put(func(in *s3.PutObjectInput) { in.ServerSideEncryption = types.ServerSideEncryptionAes256 }), "", 0)
	// A rule that this plane cannot keep (from a file, say) lets nothing be written under another.
	if err := p.directory.Change(ctx, behind(func(b *identity.Bucket) { b.Policy, b.Encryption = "", &identity.EncryptionRule{Algorithm: "aws:kms"} })); err != nil {
		t.Fatal(err)
	}
	p.want("under a kms rule", put(func(*s3.PutObjectInput) {}), "AccessDenied", 403)
	_, err = c.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: aws.String("bucket")})
	p.want("back to the default", err, "", 0)
	p.want("plain", put(func(*s3.PutObjectInput) {}), "", 0)
}

func TestConditionKeysOfObjects(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	ctx := t.Context()
	p.bucket("bucket")
	_, err := p.root().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("secret"), Body: strings.NewReader("v"), Tagging: aws.String("class=secret")})
	p.want("put", err, "", 0)
	p.put("bucket", "plain", "v")
	p.authz.grant(t, annARN, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject*","s3:GetObjectTagging"],"Resource":"*"},
		{"Effect":"Deny","Action":"s3:GetObject*","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/class":"secret"}}},
		{"Effect":"Deny","Action":"s3:PutObject*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"s3:RequestObjectTag/class":"plain"}}},
		{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"NumericGreaterThan":{"s3:signatureAge":"3600000"}}}]}`)
	_, err = p.ann().GetObject(ctx, getObject("bucket", "secret"))
	p.want("tagged secret", err, "AccessDenied", 403)
	_, err = p.ann().GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: aws.String("bucket"), Key: aws.String("secret")})
	p.want("its tags", err, "AccessDenied", 403)
	_, err = p.ann().GetObject(ctx, getObject("bucket", "plain"))
	p.want("untagged", err, "", 0)
	put := func(tagging string) error {
		_, err := p.ann().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("new"), Body: strings.NewReader("v"), Tagging: aws.String(tagging)})
		return err
	}
	p.want("another tag", put("class=secret"), "AccessDenied", 403)
	p.want("the right tag", put("class=plain"), "", 0)
	tag := func(value string) error {
		_, err := p.ann().PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("bucket"), Key: aws.String("new"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("class"), Value: &value}}}})
		return err
	}
	p.want("retagging", tag("secret"), "AccessDenied", 403)
	p.want("retagging rightly", tag("plain"), "", 0)
	found := map[string]string{}
	for _, check := range p.authz.checks {
		for _, k := range check.Keys {
			found[k.Name] = strings.Join(k.Values, ",")
		}
	}
	if found["s3:authType"] != "REST-HEADER" || found["s3:signatureversion"] != "AWS4-HMAC-SHA256" || found["s3:RequestObjectTagKeys"] != "class" || found["s3:x-amz-content-sha256"] == "" {
		t.Errorf("keys %v", found)
	}
}

func TestTagging(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	ctx, c := t.Context(), p.root()
	p.bucket("bucket")
	p.put("bucket", "k", "v")
	set := []types.Tag{{Key: aws.String("a"), Value: aws.String("1 +")}, {Key: aws.String("b"), Value: aws.String("")}}
	_, err := c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Tagging: &types.Tagging{TagSet: set}})
	p.want("put", err, "", 0)
	got, err := c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	if err != nil || len(got.TagSet) != 2 || *got.TagSet[0].Value != "1 +" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = c.DeleteObjectTagging(ctx, &s3.DeleteObjectTaggingInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	p.want("delete", err, "", 0)
	_, err = c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("bucket"), Key: aws.String("k"), Tagging: &types.Tagging{TagSet: append(set, set[0])}})
	p.want("twice", err, "InvalidTag", 400)
	_, err = c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: aws.String("bucket"), Key: aws.String("none"), Tagging: &types.Tagging{TagSet: set}})
	p.want("of nothing", err, "NoSuchKey", 404)
	_, err = c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: aws.String("bucket")})
	p.want("no bucket tags", err, "NoSuchTagSet", 404)
	_, err = c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: aws.String("bucket"), Tagging: &types.Tagging{TagSet: set}})
	p.want("bucket tags", err, "", 0)
	tags, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: aws.String("bucket")})
	if err != nil || len(tags.TagSet) != 2 {
		t.Errorf("%+v, %v", tags, err)
	}
	_, err = c.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: aws.String("bucket")})
	p.want("no bucket tags again", err, "", 0)
}

func TestConfigurationsThatAreNot(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	p.bucket("bucket")
	p.put("bucket", "k", "v")
	for query, want := range map[string]string{
		"cors": "NoSuchCORSConfiguration", "lifecycle": "NoSuchLifecycleConfiguration", "website": "NoSuchWebsiteConfiguration",
		"replication": "ReplicationConfigurationNotFoundError", "object-lock": "ObjectLockConfigurationNotFoundError",
		"accelerate": "AccelerateConfiguration", "logging": "BucketLoggingStatus", "notification": "NotificationConfiguration",
		"requestPayment": "<Payer>BucketOwner", "acl": "FULL_CONTROL", "ownershipControls": "BucketOwnerEnforced", "location": "LocationConstraint",
		"intelligent-tiering": "NotImplemented", "inventory": "NotImplemented", "nonsense": "NotImplemented", "policy&acl": "InvalidArgument",
		"prefix=a&prefix=b": "InvalidArgument", "list-type=3": "InvalidArgument", "versioning": "VersioningConfiguration",
		"publicAccessBlock": "<BlockPublicAcls>true", "encryption": "AES256", "policyStatus": "<IsPublic>false",
	} {
		if body := p.raw(http.MethodGet, "/bucket?"+query); !strings.Contains(body, want) {
			t.Errorf("?%s: %s, want %s", query, body, want)
		}
	}
	for _, one := range []string{"GET /bucket/k?torrent", "GET /bucket/k?retention", "GET /bucket/k?legal-hold", "POST /bucket/k?restore", "POST /bucket/k?select",
		"PUT /bucket/k?newthing", "PUT /bucket?cors", "PUT /bucket?lifecycle", "DELETE /bucket?website", "POST /bucket", "GET /bucket/k?prefix=x", "DELETE /bucket/k?tagging&x=y", "PUT /bucket/k?versionId=x"} {
		method, path, _ := strings.Cut(one, " ")
		if body := p.raw(method, path); !strings.Contains(body, "<Code>NotImplemented</Code>") {
			t.Errorf("%s: %s", one, body)
		}
	}
	for _, one := range []string{"PATCH /bucket/k", "OPTIONS /bucket/k", "POST /", "PUT /", "POST /bucket/k"} {
		method, path, _ := strings.Cut(one, " ")
		if body := p.raw(method, path); !strings.Contains(body, "<Code>MethodNotAllowed</Code>") {
			t.Errorf("%s: %s", one, body)
		}
	}
	o, err := p.root().GetObject(t.Context(), getObject("bucket", "k"))
	if err != nil || read(t, o.Body) != "v" {
		t.Errorf("something of it fell through: %v", err)
	}
	_, err = p.root().PutObjectAcl(t.Context(), &s3.PutObjectAclInput{Bucket: aws.String("bucket"), Key: aws.String("k"), ACL: types.ObjectCannedACLPublicRead})
	p.want("an acl", err, "AccessControlListNotSupported", 400)
	acl, err := p.root().GetObjectAcl(t.Context(), &s3.GetObjectAclInput{Bucket: aws.String("bucket"), Key: aws.String("k")})
	if err != nil || len(acl.Grants) != 1 || acl.Grants[0].Permission != types.PermissionFullControl {
		t.Errorf("%+v, %v", acl, err)
	}
}

// raw sends a request with the root's signature and returns the body of the answer.
func (p *plane) raw(method, target string) string {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), method, p.url+target, nil)
	if err != nil {
		p.Fatal(err)
	}
	sign(p.T, r)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(b))
}

func TestVirtualHosts(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	p.bucket("my.bucket")
	p.put("my.bucket", "a/b", "v")
	for host, target := range map[string]string{"my.bucket.s3.test": "/a/b", "MY.BUCKET.S3.TEST:80": "/a/b", "s3.test": "/my.bucket/a/b", "elsewhere": "/my.bucket/a/b"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		sign(t, r)
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != 200 {
			t.Errorf("%s%s: %+v, %v", host, target, res, err)
			continue
		}
		if got := read(t, res.Body); got != "v" {
			t.Errorf("%s%s: %q", host, target, got)
		}
	}
}

func TestErrorsAreWellFormed(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/nobucket/k%3Cb", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body := read(t, res.Body)
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><BucketName>nobucket</BucketName><Resource>/nobucket/k%3Cb</Resource><RequestId>` +
		res.Header.Get("X-Amz-Request-Id") + `</RequestId><HostId>`
	if !strings.HasPrefix(body, want) || res.Header.Get("Content-Type") != "application/xml" || res.StatusCode != 404 {
		t.Errorf("%d %s\nwant %s", res.StatusCode, body, want)
	}
}

func TestPresignedPut(t *testing.T) {
	p := newPlane(t, embeddedStore(t))
	p.bucket("bucket")
	url, err := s3.NewPresignClient(p.root()).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), ContentType: aws.String("a/b")}, s3.WithPresignExpires(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url.URL, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "a/b")
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%+v %v", res, err)
	}
	o, err := p.root().GetObject(t.Context(), getObject("bucket", "k"))
	if err != nil || read(t, o.Body) != "body" {
		t.Error(err)
	}
}
