package plane_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// BenchmarkRequests runs whole requests through the plane's handler, without the network.
func BenchmarkRequests(b *testing.B) {
	p := planetest.New(b)
	user := p.User(planetest.Account, "dev", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","s3:GetObject"],"Resource":"*"}}`)
	role := p.Role(planetest.Account, "reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+planetest.Account+`"},"Action":"sts:AssumeRole"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::hot/*"}}`)
	out, err := p.STS(user).AssumeRole(b.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1")})
	if err != nil {
		b.Fatal(err)
	}
	admin := p.S3(p.Root(planetest.Account))
	if _, err := admin.CreateBucket(b.Context(), &s3.CreateBucketInput{Bucket: aws.String("hot")}); err != nil {
		b.Fatal(err)
	}
	if _, err := admin.PutObject(b.Context(), &s3.PutObjectInput{Bucket: aws.String("hot"), Key: aws.String("k"), Body: strings.NewReader(strings.Repeat("x", 1024))}); err != nil {
		b.Fatal(err)
	}
	permanent := rolecall.Credentials{AccessKeyID: user.AccessKeyID, SecretAccessKey: rolecall.NewSecret(user.SecretAccessKey)}
	temporary := rolecall.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: rolecall.NewSecret(*out.Credentials.SecretAccessKey),
		SessionToken: rolecall.NewSecret(*out.Credentials.SessionToken),
	}
	const whoami = "Action=GetCallerIdentity&Version=2011-06-15"
	assume := "Action=AssumeRole&Version=2011-06-15&RoleSessionName=s1&RoleArn=" + strings.ReplaceAll(role, ":", "%3A")
	for _, bb := range []struct {
		name, service, method, path, body string
		c                                 rolecall.Credentials
	}{
		{"GetCallerIdentity/permanent", "sts", "POST", "/", whoami, permanent},
		{"GetCallerIdentity/temporary", "sts", "POST", "/", whoami, temporary},
		{"AssumeRole", "sts", "POST", "/", assume, permanent},
		{"GetObject/permanent", "s3", "GET", "/hot/k", "", permanent},
		{"GetObject/temporary", "s3", "GET", "/hot/k", "", temporary},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r, err := http.NewRequestWithContext(b.Context(), bb.method, p.URL+bb.path, strings.NewReader(bb.body))
			if err != nil {
				b.Fatal(err)
			}
			r.RequestURI, r.RemoteAddr = bb.path, "127.0.0.1:1"
			o := sigv4.SignOptions{Service: bb.service, Region: planetest.Region, Time: time.Now()}
			if bb.service == "s3" {
				o.PayloadHash = sigv4.EmptyPayload
			} else {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if err := sigv4.Sign(r, bb.c, o); err != nil {
				b.Fatal(err)
			}
			handler := p.Server.Handler()
			b.ReportAllocs()
			for b.Loop() {
				w := &recorder{header: http.Header{}}
				r.Body = body{strings.NewReader(bb.body)}
				handler.ServeHTTP(w, r)
				if w.status != http.StatusOK {
					b.Fatalf("status %d", w.status)
				}
			}
		})
	}
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }
