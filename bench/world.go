package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall/test/kit"
)

const (
	bucket  = "private"
	object  = "web-app/credentials.json"
	roleARN = "arn:aws:iam::" + kit.Account + ":role/web-app"
)

// world is a plane with what the measurements need in it, made through its own APIs by AWS's SDK.
type world struct {
	plane *kit.Plane
	user  aws.Credentials // long-lived key of a user that may assume the role and read the object
	role  aws.Credentials // session of the role
}

func (b *bench) newWorld(ctx context.Context, name string) (*world, error) {
	plane, err := kit.StartPlane(ctx, b.programs, filepath.Join(b.dir, name), "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &world{plane: plane}
	if err := w.provision(ctx); err != nil {
		plane.Kill()
		return nil, fmt.Errorf("provisioning: %w\n%s", err, plane.Output())
	}
	return w, nil
}

func (w *world) config(c aws.Credentials) aws.Config {
	return aws.Config{
		Region:       kit.Region,
		BaseEndpoint: aws.String(w.plane.Endpoint),
		Credentials:  credentials.StaticCredentialsProvider{Value: c},
	}
}

func rootCredentials() aws.Credentials {
	id, secret := kit.RootKey()
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
}

func (w *world) provision(ctx context.Context) error {
	id := iam.NewFromConfig(w.config(rootCredentials()))
	read := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/web-app/*"}%s]}`
	user := "node"
	out, err := id.CreateUser(ctx, &iam.CreateUserInput{UserName: &user})
	if err != nil {
		return err
	}
	assume := `,{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + roleARN + `"}`
	if _, err := id.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &user, PolicyName: aws.String("node"), PolicyDocument: aws.String(fmt.Sprintf(read, assume))}); err != nil {
		return err
	}
	key, err := id.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		return err
	}
	w.user = aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + *out.User.Arn + `"},"Action":"sts:AssumeRole"}]}`
	if _, err := id.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("web-app"), AssumeRolePolicyDocument: &trust}); err != nil {
		return err
	}
	if _, err := id.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("web-app"), PolicyName: aws.String("read"), PolicyDocument: aws.String(fmt.Sprintf(read, ""))}); err != nil {
		return err
	}
	if err := w.putObject(ctx); err != nil {
		return err
	}
	session, err := sts.NewFromConfig(w.config(w.user)).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("bench")})
	if err != nil {
		return err
	}
	w.role = aws.Credentials{AccessKeyID: *session.Credentials.AccessKeyId, SecretAccessKey: *session.Credentials.SecretAccessKey, SessionToken: *session.Credentials.SessionToken}
	return nil
}

func (w *world) putObject(ctx context.Context) error {
	client := s3.NewFromConfig(w.config(rootCredentials()), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		return err
	}
	_, err := client.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
		Bucket: aws.String(bucket),
		ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAes256},
		}}},
	})
	if err != nil {
		return err
	}
	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(object), Body: strings.NewReader(strings.Repeat("0123456789abcdef", 64))})
	return err
}

// call is a signed request as it goes over the wire. It can be sent again until its signature is 15 minutes old.
func call(ctx context.Context, endpoint, service, method, path, form string, c aws.Credentials) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, endpoint+path, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	sum := sha256.Sum256([]byte(form))
	hash := hex.EncodeToString(sum[:])
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" })
	if err := signer.SignHTTP(ctx, c, r, hash, service, kit.Region, time.Now()); err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "rolecall-bench")
	var wire bytes.Buffer
	err = r.Write(&wire)
	return wire.Bytes(), err
}

func (w *world) identity(ctx context.Context, c aws.Credentials) ([]byte, error) {
	return call(ctx, w.plane.Endpoint, "sts", http.MethodPost, "/", "Action=GetCallerIdentity&Version=2011-06-15", c)
}

func (w *world) assume(ctx context.Context) ([]byte, error) {
	return call(ctx, w.plane.Endpoint, "sts", http.MethodPost, "/",
		"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"+kit.Account+"%3Arole%2Fweb-app&RoleSessionName=bench", w.user)
}

func (w *world) get(ctx context.Context, c aws.Credentials) ([]byte, error) {
	return call(ctx, w.plane.Endpoint, "s3", http.MethodGet, "/"+bucket+"/"+object, "", c)
}
