//go:build unix

// Package peers asks rolecall's policy engine and two others the same question: of ten statements (two Denies, one
// variable, three conditions) the last allows.
package peers

import (
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	minio "github.com/minio/pkg/v3/policy"

	"github.com/rolecall-dev/rolecall/policy"
)

// iam keeps to what minio/pkg accepts: S3 actions, its condition keys, no IfExists.
const iam = `{"Version":"2012-10-17","Statement":[
{"Effect":"Deny","Action":["s3:*"],"Resource":["arn:aws:s3:::*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},
{"Effect":"Deny","Action":["s3:DeleteBucket","s3:DeleteObject"],"Resource":["arn:aws:s3:::prod-*"]},
{"Effect":"Allow","Action":["s3:ListAllMyBuckets"],"Resource":["arn:aws:s3:::*"]},
{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::home/${aws:username}/*"]},
{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::logs"],"Condition":{"StringLike":{"s3:prefix":["app/*"]}}},
{"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::queue/*"]},
{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::office/*"],"Condition":{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","198.51.100.0/24"]}}},
{"Effect":"Allow","Action":["s3:GetBucketLocation"],"Resource":["arn:aws:s3:::*"]},
{"Effect":"Allow","Action":["s3:GetObjectTagging"],"Resource":["arn:aws:s3:::data/*"]},
{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::data/*"]}]}`

// inCedar says the same, as far as Cedar's language goes.
const inCedar = `
forbid (principal, action, resource) when { !context.secure };
forbid (principal, action in [Action::"DeleteBucket", Action::"DeleteObject"], resource) when { resource.path like "prod-*" };
permit (principal, action == Action::"ListAllMyBuckets", resource);
permit (principal, action in [Action::"GetObject", Action::"PutObject"], resource) when { resource.path like "home/*" && resource.owner == principal };
permit (principal, action == Action::"ListBucket", resource) when { resource.path == "logs" && context.prefix like "app/*" };
permit (principal, action == Action::"PutObject", resource) when { resource.path like "queue/*" };
permit (principal, action == Action::"GetObject", resource) when { resource.path like "office/*" && (context.ip.isInRange(ip("192.0.2.0/24")) || context.ip.isInRange(ip("198.51.100.0/24"))) };
permit (principal, action == Action::"GetBucketLocation", resource);
permit (principal, action == Action::"GetObjectTagging", resource) when { resource.path like "data/*" };
permit (principal, action == Action::"GetObject", resource) when { resource.path like "data/*" };`

// measure reports the process's own time: a busy machine stretches the clock, not that.
func measure(b *testing.B, ask func() bool, want bool) {
	b.Helper()
	if ask() != want {
		b.Fatal("wrong answer")
	}
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		ask()
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

// questions are the key in the bucket data that is asked for, and the answer.
func questions() map[string]bool { return map[string]bool{"data": true, "other": false} }

func BenchmarkRolecall(b *testing.B) {
	doc, err := policy.Parse(policy.Identity, []byte(iam))
	if err != nil {
		b.Fatal(err)
	}
	ps := policy.Policies{Identity: []*policy.Policy{policy.Compile(doc, "p")}}
	for bucket, want := range questions() {
		b.Run(bucket, func(b *testing.B) {
			r := policy.Request{
				Action: "s3:GetObject", Resource: "arn:aws:s3:::" + bucket + "/reports/2026/january.csv",
				Principal: policy.Principal{
					Kind: policy.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/alice",
					EntityARN: "arn:aws:iam::123456789012:user/alice", UserID: "AIDAEXAMPLEALICE0001", UserName: "alice",
				},
				Call: policy.CallContext{Secure: policy.True, SourceIP: netip.MustParseAddr("10.1.2.3")},
			}
			measure(b, func() bool { return policy.Evaluate(&r, &ps).Allowed }, want)
		})
	}
}

func BenchmarkMinIO(b *testing.B) {
	p, err := minio.ParseConfig(strings.NewReader(iam))
	if err != nil {
		b.Fatal(err)
	}
	for bucket, want := range questions() {
		b.Run(bucket, func(b *testing.B) {
			args := minio.Args{
				AccountName: "alice", Action: "s3:GetObject", BucketName: bucket, ObjectName: "reports/2026/january.csv",
				ConditionValues: map[string][]string{"SecureTransport": {"true"}, "SourceIp": {"10.1.2.3"}, "username": {"alice"}},
			}
			measure(b, func() bool { return p.IsAllowed(args) }, want)
		})
	}
}

func BenchmarkCedar(b *testing.B) {
	ps, err := cedar.NewPolicySetFromBytes("p", []byte(inCedar))
	if err != nil {
		b.Fatal(err)
	}
	for bucket, want := range questions() {
		b.Run(bucket, func(b *testing.B) {
			alice, object := cedar.NewEntityUID("User", "alice"), cedar.NewEntityUID("Object", "o")
			ip, err := types.ParseIPAddr("10.1.2.3")
			if err != nil {
				b.Fatal(err)
			}
			entities := cedar.EntityMap{
				alice: {UID: alice},
				object: {UID: object, Attributes: cedar.NewRecord(cedar.RecordMap{
					"path": cedar.String(bucket + "/reports/2026/january.csv"), "owner": cedar.NewEntityUID("User", "bob"),
				})},
			}
			request := cedar.Request{
				Principal: alice, Action: cedar.NewEntityUID("Action", "GetObject"), Resource: object,
				Context: cedar.NewRecord(cedar.RecordMap{"secure": cedar.True, "ip": ip, "prefix": cedar.String("")}),
			}
			measure(b, func() bool {
				decision, _ := cedar.Authorize(ps, entities, request)
				return decision == cedar.Allow
			}, want)
		})
	}
}
