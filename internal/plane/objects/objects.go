// Package objects is the authorizing S3 front: it reads a request once, asks whether the caller may
// do what it says, and hands it to an object store.
//
// What a request asks for comes from package s3req alone; what is kept, and how, is the store's
// (packages embedded and proxy); who signed is established before [Front.Serve]; what a caller may
// do is the [Authorizer]'s. The front knows the records of buckets (owner, policy, encryption rule,
// versioning, tags) through [Directory].
package objects

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
	"github.com/rolecall-dev/rolecall/policy"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// Authorizer says whether the caller may do what k asks: nil, or an *awsapi.Error.
type Authorizer interface {
	Authorize(ctx context.Context, c *awsapi.Call, k authz.Check) error
}

// Directory holds the records of buckets.
type Directory interface {
	// Bucket returns the bucket's record, which must not be changed, and its compiled policy (nil if
	// it has none); ok is false if there is no such bucket. It does no I/O.
	Bucket(name string) (b *identity.Bucket, p *policy.Policy, ok bool)
	// Buckets returns an account's buckets, sorted by name.
	Buckets(account identity.AccountID) []*identity.Bucket
	// Change runs f in one serialized transaction; an error of f aborts it and comes back as it is.
	Change(ctx context.Context, f func(tx DirectoryTx) error) error
}

// DirectoryTx changes records. Its reads see its own writes.
type DirectoryTx interface {
	// Bucket returns a copy that may be changed, nil if there is no such bucket.
	Bucket(name string) *identity.Bucket
	PutBucket(b *identity.Bucket) error
	DeleteBucket(b *identity.Bucket) error
}

// Bodies proves and unframes request bodies; *[sigv4.Verifier] does.
type Bodies interface {
	Body(r *http.Request, s *sigv4.Signature, secret rolecall.Secret) (*sigv4.Body, error)
}

// Options of a [Front].
type Options struct {
	Authorizer Authorizer
	Directory  Directory
	Store      objectstore.Store
	// Bodies may be nil: then a verifier of its own does it.
	Bodies Bodies
	// PolicyDocument returns a bucket's policy as GetBucketPolicy shows it, with unique ids in place of
	// principals that are gone; nil shows it as it was put.
	PolicyDocument func(*identity.Bucket) string
	// BaseDomains are the hosts under which buckets are subdomains (virtual-host style). Every other
	// host means path style.
	BaseDomains []string
	// Region is where buckets are, and what GetBucketLocation answers; default us-east-1.
	Region string
	// Logger gets internal causes with the request id; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Front serves the S3 API. It is safe for concurrent use.
type Front struct {
	authorizer Authorizer
	directory  Directory
	store      objectstore.Store
	bodies     Bodies
	parser     s3req.Parser
	region     string
	logger     *slog.Logger
	now        func() time.Time
	local      bool // looking at an object's tags first costs no round trip
	public     publicPolicies
	// policyDocument may be nil.
	policyDocument func(*identity.Bucket) string
}

// New returns a front.
func New(o Options) *Front {
	f := &Front{
		authorizer: o.Authorizer, directory: o.Directory, store: o.Store, bodies: o.Bodies,
		parser: s3req.Parser{BaseDomains: o.BaseDomains}, region: o.Region, logger: o.Logger, now: o.Now,
		policyDocument: o.PolicyDocument,
	}
	if f.region == "" {
		f.region = "us-east-1"
	}
	if f.logger == nil {
		f.logger = slog.New(slog.DiscardHandler)
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.bodies == nil {
		f.bodies = sigv4.NewVerifier(sigv4.VerifierOptions{Now: f.now})
	}
	_, f.local = o.Store.(objectstore.Local)
	return f
}

// Serve answers r. call carries who asks; Serve sets its Service and Operation and fills its Audit
// fields. sig is the verified signature and secret what it was proven with; nil and zero for an
// anonymous request. The answer is complete when Serve returns. The error is what was answered, nil
// for success; it is for the audit record, the caller has been told already.
func (f *Front) Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, call *awsapi.Call, sig *sigv4.Signature, secret rolecall.Secret) error {
	x := exchange{f: f, w: w, r: r, h: w.Header(), call: call, sig: sig, secret: secret}
	return x.serve(ctx)
}

// Fail answers r with err, in S3's shape: for failures before [Front.Serve], such as those of
// authentication. Anything that is neither an *[awsapi.Error] nor a *[sigv4.Error] is logged and
// hidden.
func (f *Front) Fail(w http.ResponseWriter, r *http.Request, call *awsapi.Call, err error) error {
	x := exchange{f: f, w: w, r: r, h: w.Header(), call: call}
	if q, _ := f.parser.Parse(r); q != nil {
		x.req = q
		call.Service, call.Operation = "s3", q.Op.String()
	}
	return x.fail(err)
}
