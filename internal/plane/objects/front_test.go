package objects_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/embedded"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/sigv4"
)

const (
	home  = identity.AccountID("123456789012")
	other = identity.AccountID("210987654321")
)

// memoryDirectory is an objects.Directory.
type memoryDirectory struct {
	mu       sync.Mutex
	buckets  map[string]*identity.Bucket
	policies map[string]*policy.Policy
}

func newMemoryDirectory() *memoryDirectory {
	return &memoryDirectory{buckets: map[string]*identity.Bucket{}, policies: map[string]*policy.Policy{}}
}

func (d *memoryDirectory) Bucket(name string) (*identity.Bucket, *policy.Policy, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.buckets[name]
	return b, d.policies[name], ok
}

func (d *memoryDirectory) Buckets(account identity.AccountID) (list []*identity.Bucket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range d.buckets {
		if b.Account == account {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b *identity.Bucket) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (d *memoryDirectory) Change(_ context.Context, f func(objects.DirectoryTx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return f(memoryTx{d})
}

type memoryTx struct{ d *memoryDirectory }

func (t memoryTx) Bucket(name string) *identity.Bucket {
	if b := t.d.buckets[name]; b != nil {
		return b.Clone()
	}
	return nil
}

func (t memoryTx) PutBucket(b *identity.Bucket) error {
	delete(t.d.policies, b.Name)
	if b.Policy != "" {
		doc, err := policy.Parse(policy.Resource, []byte(b.Policy))
		if err != nil {
			return err
		}
		t.d.policies[b.Name] = policy.Compile(doc, b.Name)
	}
	t.d.buckets[b.Name] = b
	return nil
}

func (t memoryTx) DeleteBucket(b *identity.Bucket) error {
	delete(t.d.buckets, b.Name)
	delete(t.d.policies, b.Name)
	return nil
}

// policyAuthorizer decides by identity policies of principals' ARNs and what the check brings.
type policyAuthorizer struct {
	mu     sync.Mutex
	grants map[string]*policy.Policy
	checks []authz.Check
}

func (a *policyAuthorizer) grant(t testing.TB, arn, document string) {
	t.Helper()
	doc, err := policy.Parse(policy.Identity, []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grants[arn] = policy.Compile(doc, arn)
}

func (a *policyAuthorizer) Authorize(_ context.Context, c *awsapi.Call, k authz.Check) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checks = append(a.checks, k)
	p := c.Principal
	r := policy.Request{
		Action: k.Action, Resource: k.Resource, Owner: policy.ResourceContext{Account: string(k.ResourceAccount)},
		Principal: policy.Principal{Account: string(p.Account), ARN: p.ARN, UserID: p.UserID, UserName: p.EntityName, EntityARN: p.ARN, EntityID: p.EntityID},
		Call:      policy.CallContext{Time: c.Time}, Keys: k.Keys,
	}
	all := policy.Policies{Resource: k.ResourcePolicy}
	switch p.Kind {
	case identity.Root:
		r.Principal.Kind = policy.Root
	case identity.Anonymous:
	default:
		r.Principal.Kind = policy.User
		all.Identity = []*policy.Policy{a.grants[p.ARN]}
	}
	if d := policy.Evaluate(&r, &all); !d.Allowed {
		return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "no: %s", k.Action)
	}
	return nil
}

// plane is a front behind the authentication of a few fixed keys.
type plane struct {
	*testing.T
	url       string
	directory *memoryDirectory
	authz     *policyAuthorizer
	front     *objects.Front
	store     objectstore.Store
}

type testRing struct{ aead cipher.AEAD }

func (r testRing) Wrap(key, aad []byte) ([]byte, error) { return r.aead.Seal(nil, nil, key, aad), nil }

func (r testRing) Unwrap(wrapped, aad []byte) ([]byte, error) {
	return r.aead.Open(nil, nil, wrapped, aad)
}

func embeddedStore(t testing.TB) *embedded.Store {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Open(embedded.Options{Dir: t.TempDir(), Keys: testRing{aead}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func principals() map[string]*identity.Principal {
	return map[string]*identity.Principal{
		"AKIAROOTEXAMPLE00001": {Kind: identity.Root, Account: home, ARN: "arn:aws:iam::123456789012:root", UserID: string(home)},
		"AKIAROOTEXAMPLE00002": {Kind: identity.Root, Account: other, ARN: "arn:aws:iam::210987654321:root", UserID: string(other)},
		"AKIAUSEREXAMPLE00001": {Kind: identity.User, Account: home, ARN: "arn:aws:iam::123456789012:user/ann", UserID: "AIDAANN", EntityID: "AIDAANN", EntityName: "ann"},
		"AKIAUSEREXAMPLE00002": {Kind: identity.User, Account: other, ARN: "arn:aws:iam::210987654321:user/bob", UserID: "AIDABOB", EntityID: "AIDABOB", EntityName: "bob"},
	}
}

const secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

func newPlane(t *testing.T, store objectstore.Store, change ...func(*objects.Options)) *plane {
	t.Helper()
	p := &plane{T: t, directory: newMemoryDirectory(), authz: &policyAuthorizer{grants: map[string]*policy.Policy{}}, store: store}
	o := objects.Options{Authorizer: p.authz, Directory: p.directory, Store: store, BaseDomains: []string{"s3.test"}}
	for _, f := range change {
		f(&o)
	}
	p.front = objects.New(o)
	server := httptest.NewServer(handler(p.front))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// handler does what the plane's server does before the front.
func handler(front *objects.Front) http.HandlerFunc {
	verifier, known := sigv4.NewVerifier(sigv4.VerifierOptions{}), principals()
	return func(w http.ResponseWriter, r *http.Request) {
		call := &awsapi.Call{RequestID: awsapi.NewRequestID(), Time: time.Now(), Principal: &identity.Principal{}}
		sig, err := sigv4.ParseDialect(r, sigv4.S3)
		if errors.Is(err, sigv4.ErrNoSignature) {
			_ = front.Serve(r.Context(), w, r, call, nil, rolecall.Secret{})
			return
		}
		secret := rolecall.NewSecret(secretKey)
		if err == nil {
			if call.Principal = known[sig.AccessKeyID]; call.Principal == nil {
				call.Principal = &identity.Principal{}
				err = awsapi.Errorf(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
			} else {
				err = verifier.Verify(r, sig, secret, "")
			}
		}
		if err != nil {
			_ = front.Fail(w, r, call, err)
			return
		}
		_ = front.Serve(r.Context(), w, r, call, sig, secret)
	}
}

func (p *plane) as(key string, change ...func(*s3.Options)) *s3.Client {
	o := s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(p.url), UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secretKey, ""),
	}
	for _, f := range change {
		f(&o)
	}
	return s3.New(o)
}

func (p *plane) root() *s3.Client { return p.as("AKIAROOTEXAMPLE00001") }

func (p *plane) ann() *s3.Client { return p.as("AKIAUSEREXAMPLE00001") }

func (p *plane) bob() *s3.Client { return p.as("AKIAUSEREXAMPLE00002") }

func (p *plane) anonymous() *s3.Client {
	return p.as("", func(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} })
}

func (p *plane) bucket(name string) {
	p.Helper()
	if _, err := p.root().CreateBucket(p.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		p.Fatal(err)
	}
}

func (p *plane) put(bucket, key, body string) {
	p.Helper()
	_, err := p.root().PutObject(p.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		p.Fatal(err)
	}
}

// want checks the code and status of an error; code "" means success.
func (p *plane) want(what string, err error, code string, status int) {
	p.Helper()
	if code == "" {
		if err != nil {
			p.Errorf("%s: %v", what, err)
		}
		return
	}
	var api smithy.APIError
	var re *smithyhttp.ResponseError
	switch {
	case err == nil:
		p.Errorf("%s: worked, want %s", what, code)
	case !errors.As(err, &api) || api.ErrorCode() != code:
		p.Errorf("%s: %v, want %s", what, err, code)
	case errors.As(err, &re) && re.HTTPStatusCode() != status:
		p.Errorf("%s: status %d, want %d", what, re.HTTPStatusCode(), status)
	}
}

// sign signs a request without a body as the root.
func sign(t testing.TB, r *http.Request) {
	t.Helper()
	err := sigv4.Sign(r, rolecall.Credentials{AccessKeyID: "AKIAROOTEXAMPLE00001", SecretAccessKey: rolecall.NewSecret(secretKey)},
		sigv4.SignOptions{Service: "s3", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
}

// behind changes the only bucket of a directory behind the front's back.
func behind(f func(b *identity.Bucket)) func(objects.DirectoryTx) error {
	return func(tx objects.DirectoryTx) error {
		b := tx.Bucket("bucket")
		f(b)
		return tx.PutBucket(b)
	}
}
