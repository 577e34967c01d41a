// Package planetest runs a real plane for tests: a state directory of its own, every service mounted,
// a port on the loopback interface, and a clock that the test can move. Clients are AWS's own SDK.
package planetest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/server"
	"github.com/rolecall-dev/rolecall/internal/store"
)

// Account is the account that every test plane has, OtherAccount a second one.
const (
	Account      = "123456789012"
	OtherAccount = "210987654321"
)

// Plane is a running plane.
type Plane struct {
	URL    string
	Server *server.Server

	// Store counts the accesses to the plane's database.
	Store *store.Counted

	t      testing.TB
	offset atomic.Int64
	roots  map[string]aws.Credentials
}

// Region is the region of the plane's buckets and of the clients.
const Region = "us-east-1"

// New starts a plane that ends with the test.
func New(t testing.TB) *Plane { return At(t, filepath.Join(t.TempDir(), "state")) }

// At is New on a state directory that may have been used before.
func At(t testing.TB, dir string) *Plane {
	t.Helper()
	p := &Plane{t: t, roots: map[string]aws.Credentials{
		Account:      {AccessKeyID: "AKIAPLANETESTROOT001", SecretAccessKey: "planetest root secret, first account"},
		OtherAccount: {AccessKeyID: "AKIAPLANETESTROOT002", SecretAccessKey: "planetest root secret, other account"},
	}}
	config := server.Config{StateDir: dir, Account: Account, Region: Region, Now: p.Now, Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	// Outside identity providers of tests are on this machine.
	config.Federation.TrustedNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	config.WrapStore = func(b store.Backend) store.Backend {
		p.Store = store.Count(b)
		return p.Store
	}
	for account, k := range p.roots {
		config.RootKeys = append(config.RootKeys, &identity.AccessKey{
			ID: k.AccessKeyID, Account: identity.AccountID(account), Status: identity.StatusActive,
			Secret: rolecall.NewSecret(k.SecretAccessKey), Created: time.Now(),
		})
	}
	s, err := server.Open(t.Context(), config)
	if err != nil {
		t.Fatalf("opening the plane: %v", err)
	}
	if err := s.AddAccount(t.Context(), OtherAccount); err != nil {
		t.Fatalf("adding an account: %v", err)
	}
	web := httptest.NewServer(s.Handler())
	p.URL, p.Server = web.URL, s
	t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			t.Errorf("closing the plane: %v", err)
		}
	})
	return p
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(string(b))
	return len(b), nil
}

// Now is the plane's clock.
func (p *Plane) Now() time.Time { return time.Now().Add(time.Duration(p.offset.Load())) }

// Advance moves the plane's clock, not the clients'.
func (p *Plane) Advance(d time.Duration) { p.offset.Add(int64(d)) }

// Root is the key of an account's root.
func (p *Plane) Root(account string) aws.Credentials { return p.roots[account] }

// Config is an SDK configuration with the credentials.
func (p *Plane) Config(c aws.Credentials) aws.Config {
	return aws.Config{
		Region:           Region,
		BaseEndpoint:     aws.String(p.URL),
		Credentials:      credentials.StaticCredentialsProvider{Value: c},
		RetryMaxAttempts: 1,
	}
}

// IAM is a client with the credentials.
func (p *Plane) IAM(c aws.Credentials) *iam.Client { return iam.NewFromConfig(p.Config(c)) }

// STS is a client with the credentials.
func (p *Plane) STS(c aws.Credentials) *sts.Client { return sts.NewFromConfig(p.Config(c)) }

// S3 is a path-style client with the credentials.
func (p *Plane) S3(c aws.Credentials) *s3.Client {
	return s3.NewFromConfig(p.Config(c), func(o *s3.Options) { o.UsePathStyle = true })
}

// User makes a user with a key and, if document is not empty, an inline policy.
func (p *Plane) User(account, name, document string) aws.Credentials {
	p.t.Helper()
	ctx, client := context.Background(), p.IAM(p.Root(account))
	_, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})
	p.must(err)
	if document != "" {
		_, err = client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &document})
		p.must(err)
	}
	key, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	p.must(err)
	return aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey}
}

// Role makes a role, with an inline policy if document is not empty, and returns its ARN.
func (p *Plane) Role(account, name, trust, document string) string {
	p.t.Helper()
	ctx, client := context.Background(), p.IAM(p.Root(account))
	role, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	p.must(err)
	if document != "" {
		_, err = client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &document})
		p.must(err)
	}
	return *role.Role.Arn
}

func (p *Plane) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// Denial has c make a call that it must not, iam:ListGroups, and returns the encoded authorization
// message of the refusal.
func (p *Plane) Denial(c aws.Credentials) string {
	p.t.Helper()
	var header string
	_, err := p.IAM(c).ListGroups(context.Background(), &iam.ListGroupsInput{}, func(o *iam.Options) {
		o.APIOptions = append(o.APIOptions, captureHeader("X-Amzn-Encoded-Authorization-Message", &header))
	})
	if err == nil || header == "" {
		p.t.Fatalf("call was not refused with an encoded message: %v", err)
	}
	return header
}
