package objects

import (
	"context"
	"encoding/xml"
	"net/http"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/s3req"
	"github.com/rolecall-dev/rolecall/policy"
)

// configuration serves what is about a bucket's record.
func (x *exchange) configuration(ctx context.Context) error {
	if err := x.allow(ctx); err != nil {
		return err
	}
	if x.req.Op.ReadOnly() {
		return x.readConfiguration(ctx)
	}
	var status int
	var err error
	switch x.req.Op {
	case s3req.PutBucketPolicy:
		status, err = http.StatusNoContent, x.putPolicy(ctx)
	case s3req.DeleteBucketPolicy:
		status, err = http.StatusNoContent, x.change(ctx, func(b *identity.Bucket) error { b.Policy = ""; return nil })
	case s3req.PutBucketEncryption:
		status, err = http.StatusOK, x.putEncryption(ctx)
	case s3req.DeleteBucketEncryption:
		status, err = http.StatusNoContent, x.change(ctx, func(b *identity.Bucket) error { b.Encryption = nil; return nil })
	case s3req.PutBucketVersioning:
		status, err = http.StatusOK, x.putVersioning(ctx)
	case s3req.PutBucketTagging:
		status, err = http.StatusNoContent, x.putBucketTags(ctx)
	case s3req.DeleteBucketTagging:
		status, err = http.StatusNoContent, x.change(ctx, func(b *identity.Bucket) error { b.Tags = nil; return nil })
	case s3req.PutPublicAccessBlock:
		status, err = http.StatusOK, x.putPublicAccessBlock(ctx)
	case s3req.DeletePublicAccessBlock:
		status, err = http.StatusNoContent, x.change(ctx, func(b *identity.Bucket) error { b.PublicAccessBlock = nil; return nil })
	case s3req.PutBucketOwnershipControls:
		status, err = http.StatusOK, x.putOwnership(ctx)
	case s3req.DeleteBucketOwnershipControls:
		err = notImplemented("ownership other than BucketOwnerEnforced")
	case s3req.PutBucketACL, s3req.PutObjectACL:
		err = aclsDisabled()
	default:
		err = notImplemented(x.req.Op.String())
	}
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		x.set("Content-Length", "0")
	}
	x.empty(status)
	return nil
}

// absent are the answers for configurations that a bucket here never has. Nothing writes to it.
var absent = [...]struct {
	op            s3req.Op
	code, message string
}{
	{s3req.GetBucketCORS, "NoSuchCORSConfiguration", "The CORS configuration does not exist"},
	{s3req.GetBucketLifecycle, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"},
	{s3req.GetBucketWebsite, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"},
	{s3req.GetBucketReplication, "ReplicationConfigurationNotFoundError", "The replication configuration was not found"},
	{s3req.GetObjectLockConfiguration, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"},
}

func notFound(code, message string) error {
	return awsapi.Errorf(http.StatusNotFound, code, "%s", message)
}

func (x *exchange) readConfiguration(ctx context.Context) error {
	b := x.bucket
	for _, a := range absent {
		if a.op == x.req.Op {
			return notFound(a.code, a.message)
		}
	}
	switch x.req.Op {
	case s3req.HeadBucket:
		x.set("X-Amz-Bucket-Region", b.Region)
		x.set("Content-Type", "application/xml")
		x.empty(http.StatusOK)
		return nil
	case s3req.GetBucketPolicy:
		return x.getPolicy()
	case s3req.GetBucketTagging:
		if len(b.Tags) == 0 {
			return notFound("NoSuchTagSet", "The TagSet does not exist")
		}
		return x.writeTags(b.Tags)
	case s3req.GetPublicAccessBlock:
		if b.PublicAccessBlock == nil {
			return notFound("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
		}
	case s3req.GetObjectACL:
		o, err := x.f.store.Get(ctx, objectstore.Get{Ref: x.ref(), HeadOnly: true})
		if isMissing(err) {
			return x.missing(ctx, x.here(), err)
		}
		if err != nil {
			return err
		}
		x.setVersion(o.VersionID)
	default:
	}
	return x.xml(describeBucket(x.req.Op, b, x.f.public.is(b)))
}

// describeBucket writes the documents that need nothing but the record.
func describeBucket(op s3req.Op, b *identity.Bucket, public bool) []byte {
	var root string
	var doc *xmlDoc
	start := func(name string) { root, doc = name, newXML(name, true) }
	switch op {
	case s3req.GetBucketLocation:
		start("LocationConstraint")
		if b.Region != "us-east-1" {
			doc.b = appendXML(doc.b, b.Region)
		}
	case s3req.GetBucketVersioning:
		start("VersioningConfiguration")
		doc.nonEmpty("Status", string(b.Versioning))
	case s3req.GetBucketEncryption:
		start("ServerSideEncryptionConfiguration")
		writeEncryption(doc, b.Encryption)
	case s3req.GetPublicAccessBlock:
		start("PublicAccessBlockConfiguration")
		p := b.PublicAccessBlock
		doc.bool("BlockPublicAcls", p.BlockPublicACLs)
		doc.bool("IgnorePublicAcls", p.IgnorePublicACLs)
		doc.bool("BlockPublicPolicy", p.BlockPublicPolicy)
		doc.bool("RestrictPublicBuckets", p.RestrictPublicBuckets)
	case s3req.GetBucketOwnershipControls:
		start("OwnershipControls")
		doc.open("Rule")
		doc.text("ObjectOwnership", string(identity.BucketOwnerEnforced))
		doc.close("Rule")
	case s3req.GetBucketPolicyStatus:
		start("PolicyStatus")
		doc.bool("IsPublic", public)
	case s3req.GetBucketACL, s3req.GetObjectACL:
		start("AccessControlPolicy")
		writeACL(doc, b)
	case s3req.GetBucketRequestPayment:
		start("RequestPaymentConfiguration")
		doc.text("Payer", "BucketOwner")
	case s3req.GetBucketLogging:
		start("BucketLoggingStatus")
	case s3req.GetBucketNotification:
		start("NotificationConfiguration")
	default: // GetBucketAccelerate: empty as well
		start("AccelerateConfiguration")
	}
	return doc.end(root)
}

func writeEncryption(doc *xmlDoc, rule *identity.EncryptionRule) {
	algorithm, key, bucketKey := "AES256", "", false
	if rule != nil && rule.Algorithm != "" {
		algorithm, key, bucketKey = rule.Algorithm, rule.KMSKeyID, rule.BucketKeyEnabled
	}
	doc.open("Rule")
	doc.open("ApplyServerSideEncryptionByDefault")
	doc.text("SSEAlgorithm", algorithm)
	doc.nonEmpty("KMSMasterKeyID", key)
	doc.close("ApplyServerSideEncryptionByDefault")
	doc.bool("BucketKeyEnabled", bucketKey)
	if rule != nil && len(rule.Blocked) > 0 {
		doc.open("BlockedEncryptionTypes")
		for _, t := range rule.Blocked {
			doc.text("EncryptionType", t)
		}
		doc.close("BlockedEncryptionTypes")
	}
	doc.close("Rule")
}

// writeACL writes the one ACL that there is: the bucket's owner may do all.
func writeACL(doc *xmlDoc, b *identity.Bucket) {
	doc.owner("Owner", b.Account)
	doc.open("AccessControlList")
	doc.open("Grant")
	doc.b = append(doc.b, `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">`...)
	doc.text("ID", canonicalID(b.Account))
	doc.close("Grantee")
	doc.text("Permission", "FULL_CONTROL")
	doc.close("Grant")
	doc.close("AccessControlList")
}

func (x *exchange) getPolicy() error {
	if x.bucket.Policy == "" {
		return notFound("NoSuchBucketPolicy", "The bucket policy does not exist")
	}
	document := x.bucket.Policy
	if x.f.policyDocument != nil {
		document = x.f.policyDocument(x.bucket)
	}
	x.stamp()
	x.set("Content-Type", "application/json")
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write([]byte(document)) // who has gone does not hear it
	return nil
}

// maxPolicy is S3's limit of a bucket policy, in bytes.
const maxPolicy = 20 << 10

func (x *exchange) putPolicy(ctx context.Context) error {
	text, err := x.document(maxPolicy)
	if err != nil {
		return err
	}
	d, err := policy.Parse(policy.Resource, text)
	if err != nil {
		return err
	}
	if err := checkResources(d, x.bucket.Name); err != nil {
		return err
	}
	public := isPublic(d)
	return x.change(ctx, func(b *identity.Bucket) error {
		if public && b.PublicAccessBlock != nil && b.PublicAccessBlock.BlockPublicPolicy {
			return accessDenied("User: " + x.call.Principal.ARN + ` is not authorized to perform: s3:PutBucketPolicy on resource: "` +
				target{bucket: b}.arn() + `" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`)
		}
		b.Policy, b.PolicyIDs = string(text), nil // who it names is found anew, also in the same text
		return nil
	})
}

// encryptionConfiguration is the body of PutBucketEncryption.
type encryptionConfiguration struct {
	XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
	Rules   []struct {
		Default *struct {
			Algorithm string `xml:"SSEAlgorithm"`
			Key       string `xml:"KMSMasterKeyID"`
		} `xml:"ApplyServerSideEncryptionByDefault"`
		BucketKey bool      `xml:"BucketKeyEnabled"`
		Blocked   []string  `xml:"BlockedEncryptionTypes>EncryptionType"`
		Others    []unknown `xml:",any"`
	} `xml:"Rule"`
}

func (x *exchange) putEncryption(ctx context.Context) error {
	var in encryptionConfiguration
	if err := x.readXML(&in); err != nil {
		return err
	}
	if len(in.Rules) != 1 || len(in.Rules[0].Others) > 0 {
		return malformedXML()
	}
	r := in.Rules[0]
	rule := &identity.EncryptionRule{Algorithm: "AES256", BucketKeyEnabled: r.BucketKey}
	if r.Default != nil {
		switch r.Default.Algorithm {
		case "AES256":
		case "aws:kms", "aws:kms:dsse":
			return notImplemented("default encryption with " + r.Default.Algorithm + " (this endpoint encrypts with AES256)")
		default:
			return malformedXML()
		}
		if r.Default.Key != "" {
			return invalidArgument("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	}
	for _, t := range r.Blocked {
		if t != "SSE-C" && t != "NONE" {
			return malformedXML()
		}
		if t == "SSE-C" {
			rule.Blocked = append(rule.Blocked, t)
		}
	}
	return x.change(ctx, func(b *identity.Bucket) error { b.Encryption = rule; return nil })
}

// versioningConfiguration is the body of PutBucketVersioning.
type versioningConfiguration struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Status    string   `xml:"Status"`
	MFADelete string   `xml:"MfaDelete"`
}

func (x *exchange) putVersioning(ctx context.Context) error {
	var in versioningConfiguration
	if err := x.readXML(&in); err != nil {
		return err
	}
	if in.MFADelete == "Enabled" {
		return notImplemented("MfaDelete")
	}
	if _, ok := x.f.store.(objectstore.Versioner); !ok {
		return objectstore.ErrUnsupported
	}
	status, state := identity.VersioningEnabled, objectstore.VersioningEnabled
	switch in.Status {
	case string(identity.VersioningEnabled):
	case string(identity.VersioningSuspended):
		status, state = identity.VersioningSuspended, objectstore.VersioningSuspended
	default:
		return awsapi.Errorf(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	if keeper, ok := x.f.store.(objectstore.BucketKeeper); ok {
		if err := keeper.SetVersioning(ctx, storeBucket(x.bucket), state); err != nil {
			return err
		}
	}
	return x.change(ctx, func(b *identity.Bucket) error { b.Versioning = status; return nil })
}

func (x *exchange) putBucketTags(ctx context.Context) error {
	tags, err := x.readTags(50, "Bucket")
	if err != nil {
		return err
	}
	return x.change(ctx, func(b *identity.Bucket) error { b.Tags = tags; return nil })
}

// publicAccessBlock is the body of PutPublicAccessBlock.
type publicAccessBlock struct {
	XMLName               xml.Name `xml:"PublicAccessBlockConfiguration"`
	BlockPublicACLs       bool     `xml:"BlockPublicAcls"`
	IgnorePublicACLs      bool     `xml:"IgnorePublicAcls"`
	BlockPublicPolicy     bool     `xml:"BlockPublicPolicy"`
	RestrictPublicBuckets bool     `xml:"RestrictPublicBuckets"`
}

func (x *exchange) putPublicAccessBlock(ctx context.Context) error {
	var in publicAccessBlock
	if err := x.readXML(&in); err != nil {
		return err
	}
	return x.change(ctx, func(b *identity.Bucket) error {
		b.PublicAccessBlock = &identity.PublicAccessBlock{
			BlockPublicACLs: in.BlockPublicACLs, IgnorePublicACLs: in.IgnorePublicACLs,
			BlockPublicPolicy: in.BlockPublicPolicy, RestrictPublicBuckets: in.RestrictPublicBuckets,
		}
		return nil
	})
}

// ownershipControls is the body of PutBucketOwnershipControls.
type ownershipControls struct {
	XMLName xml.Name `xml:"OwnershipControls"`
	Rules   []string `xml:"Rule>ObjectOwnership"`
}

func (x *exchange) putOwnership(ctx context.Context) error {
	var in ownershipControls
	if err := x.readXML(&in); err != nil {
		return err
	}
	if len(in.Rules) != 1 {
		return malformedXML()
	}
	if in.Rules[0] != string(identity.BucketOwnerEnforced) {
		return notImplemented("object ownership " + in.Rules[0] + " (ACLs are not served)")
	}
	return x.change(ctx, func(b *identity.Bucket) error { b.Ownership = identity.BucketOwnerEnforced; return nil })
}

func (x *exchange) readXML(v any) error {
	doc, err := x.document(64 << 10)
	if err != nil {
		return err
	}
	return decodeXML(doc, v)
}
