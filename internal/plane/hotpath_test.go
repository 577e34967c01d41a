package plane_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

// TestRequestsDoNotTouchTheStore holds the plane to its promise: who signed and what they may do come
// from memory, with long-lived and with temporary keys, and sessions are not stored.
func TestRequestsDoNotTouchTheStore(t *testing.T) {
	p := planetest.New(t)
	ctx := t.Context()
	admin := p.S3(p.Root(planetest.Account))
	if _, err := admin.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("hot")}); err != nil {
		t.Fatal(err)
	}
	object := strings.Repeat("x", 1024)
	if _, err := admin.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("hot"), Key: aws.String("k"), Body: strings.NewReader(object)}); err != nil {
		t.Fatal(err)
	}
	user := p.User(planetest.Account, "dev", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","s3:GetObject"],"Resource":"*"}}`)
	role := p.Role(planetest.Account, "reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+planetest.Account+`"},"Action":"sts:AssumeRole"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::hot/*"}}`)

	before := p.Store.Accesses()
	if before == 0 {
		t.Fatal("the counter does not count")
	}
	out, err := p.STS(user).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1")})
	if err != nil {
		t.Fatal(err)
	}
	session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	for _, c := range []aws.Credentials{user, session} {
		if _, err := p.STS(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
		got, err := p.S3(c).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("hot"), Key: aws.String("k")})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(body, []byte(object)) {
			t.Fatalf("object of %d bytes, %v", len(body), err)
		}
		if _, err := p.S3(c).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("hot"), Key: aws.String("k"), Body: strings.NewReader("y")}); err == nil {
			t.Fatal("PutObject was not refused")
		}
	}
	if n := p.Store.Accesses() - before; n != 0 {
		t.Errorf("%d accesses to the store", n)
	}
}
