package objects

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// createConfiguration is the body of CreateBucket.
type createConfiguration struct {
	XMLName  xml.Name  `xml:"CreateBucketConfiguration"`
	Location string    `xml:"LocationConstraint"`
	Others   []unknown `xml:",any"`
}

// unknown catches elements that are not served.
type unknown struct{ XMLName xml.Name }

func (x *exchange) createBucket(ctx context.Context) error {
	q, p := x.req, x.call.Principal
	if p.Kind == identity.Anonymous {
		return accessDenied("Access Denied")
	}
	doc, err := x.document(64 << 10)
	if err != nil {
		return err
	}
	var config createConfiguration
	if len(doc) > 0 {
		if err := decodeXML(doc, &config); err != nil {
			return err
		}
	}
	b := &identity.Bucket{
		Name: q.Bucket, Account: p.Account, Region: x.f.region, Ownership: identity.BucketOwnerEnforced,
		// As at AWS since April 2023: nothing becomes public by oversight.
		PublicAccessBlock: &identity.PublicAccessBlock{BlockPublicACLs: true, IgnorePublicACLs: true, BlockPublicPolicy: true, RestrictPublicBuckets: true},
	}
	k := x.keys()
	k.Operation(q)
	k.Add("s3:LocationConstraint", config.Location)
	if err := x.ask(ctx, "s3:CreateBucket", target{bucket: b}, k); err != nil {
		return err
	}
	if err := x.checkCreation(&config); err != nil {
		return err
	}
	if keeper, ok := x.f.store.(objectstore.BucketKeeper); ok {
		// The store first: a bucket that only the store has is harmless, and mended by trying again.
		if have, _, there := x.f.directory.Bucket(b.Name); !there || have.Account == b.Account {
			if err := keeper.CreateBucket(ctx, storeBucket(b)); err != nil {
				return err
			}
		}
	}
	err = x.f.directory.Change(ctx, func(tx DirectoryTx) error {
		if have := tx.Bucket(b.Name); have != nil {
			if have.Account != b.Account {
				return awsapi.Errorf(http.StatusConflict, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")
			}
			return errOwned
		}
		b.Created = x.f.now().UTC()
		return tx.PutBucket(b)
	})
	if errors.Is(err, errOwned) && x.f.region != "us-east-1" {
		return awsapi.Errorf(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	if err != nil && !errors.Is(err, errOwned) { // us-east-1 takes it as done, for old times' sake
		return err
	}
	x.set("Location", "/"+b.Name)
	x.set("Content-Length", "0")
	x.empty(http.StatusOK)
	return nil
}

var errOwned = errors.New("bucket is the caller's already")

func (x *exchange) checkCreation(config *createConfiguration) error {
	q := x.req
	if len(config.Others) > 0 {
		return notImplemented("CreateBucketConfiguration element " + config.Others[0].XMLName.Local)
	}
	if l := config.Location; l != "" && l != x.f.region || l == "" && x.f.region != "us-east-1" {
		if l == "" {
			l = "unspecified"
		}
		return awsapi.Errorf(http.StatusBadRequest, "IllegalLocationConstraintException",
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", l)
	}
	if q.Header("X-Amz-Bucket-Object-Lock-Enabled") == "true" {
		return notImplemented("x-amz-bucket-object-lock-enabled")
	}
	if v := q.Header("X-Amz-Object-Ownership"); v != "" && v != string(identity.BucketOwnerEnforced) {
		return notImplemented("x-amz-object-ownership: " + v)
	}
	return refuseACL(q)
}

func (x *exchange) deleteBucket(ctx context.Context) error {
	if err := x.allow(ctx); err != nil {
		return err
	}
	b := x.bucket
	if keeper, ok := x.f.store.(objectstore.BucketKeeper); ok {
		if err := keeper.DeleteBucket(ctx, storeBucket(b)); err != nil && !errors.Is(err, objectstore.ErrNoSuchBucket) {
			return err
		}
	}
	err := x.f.directory.Change(ctx, func(tx DirectoryTx) error {
		have := tx.Bucket(b.Name)
		if have == nil || !have.Created.Equal(b.Created) {
			return noSuchBucket()
		}
		return tx.DeleteBucket(have)
	})
	if err != nil {
		return err
	}
	x.empty(http.StatusNoContent)
	return nil
}

// change writes the bucket's record.
func (x *exchange) change(ctx context.Context, f func(b *identity.Bucket) error) error {
	return x.f.directory.Change(ctx, func(tx DirectoryTx) error {
		b := tx.Bucket(x.bucket.Name)
		if b == nil || !b.Created.Equal(x.bucket.Created) {
			return noSuchBucket() // deleted since it was looked up
		}
		if err := f(b); err != nil {
			return err
		}
		return tx.PutBucket(b)
	})
}
