package s3req

import "strings"

// Op is one operation of the S3 API.
type Op uint8

// The operations that the front serves.
const (
	Unknown Op = iota
	GetObject
	HeadObject
	PutObject
	CopyObject
	DeleteObject
	GetObjectTagging
	PutObjectTagging
	DeleteObjectTagging
	GetObjectACL
	PutObjectACL
	GetObjectAttributes
	CreateMultipartUpload
	UploadPart
	UploadPartCopy
	CompleteMultipartUpload
	AbortMultipartUpload
	ListParts
	ListObjects
	ListObjectsV2
	ListObjectVersions
	ListMultipartUploads
	DeleteObjects
	ListBuckets
	CreateBucket
	DeleteBucket
	HeadBucket
	GetBucketLocation
	GetBucketPolicy
	PutBucketPolicy
	DeleteBucketPolicy
	GetBucketPolicyStatus
	GetBucketEncryption
	PutBucketEncryption
	DeleteBucketEncryption
	GetBucketVersioning
	PutBucketVersioning
	GetBucketTagging
	PutBucketTagging
	DeleteBucketTagging
	GetPublicAccessBlock
	PutPublicAccessBlock
	DeletePublicAccessBlock
	GetBucketOwnershipControls
	PutBucketOwnershipControls
	DeleteBucketOwnershipControls
	GetBucketACL
	PutBucketACL
	GetBucketCORS
	GetBucketLifecycle
	GetBucketWebsite
	GetBucketLogging
	GetBucketNotification
	GetBucketReplication
	GetBucketRequestPayment
	GetBucketAccelerate
	GetObjectLockConfiguration
	opCount
)

// level is what an operation is about.
type level uint8

const (
	service level = iota
	bucket
	object
)

// def says how an operation looks on the wire and what it needs in IAM.
type def struct {
	op       Op
	name     string // as in CloudTrail
	method   string
	level    level
	selector string // the query parameter that selects it, "" for none
	params   string // further query parameters, space-separated
	action   string // IAM action
	version  string // IAM action when a version is named, "" if it is the same
	readOnly bool
}

const (
	listParams     = "prefix delimiter max-keys encoding-type"
	responseParams = "response-content-type response-content-language response-expires response-cache-control response-content-disposition response-content-encoding"
)

// defs is in the order in which a request is compared; the busiest are first. Nothing writes to it.
var defs = [...]def{
	{GetObject, "GetObject", "GET", object, "", "versionId partNumber " + responseParams, "s3:GetObject", "s3:GetObjectVersion", true},
	{HeadObject, "HeadObject", "HEAD", object, "", "versionId partNumber " + responseParams, "s3:GetObject", "s3:GetObjectVersion", true},
	{PutObject, "PutObject", "PUT", object, "", "", "s3:PutObject", "", false},
	{DeleteObject, "DeleteObject", "DELETE", object, "", "versionId", "s3:DeleteObject", "s3:DeleteObjectVersion", false},
	{ListObjects, "ListObjects", "GET", bucket, "", listParams + " marker list-type continuation-token start-after fetch-owner", "s3:ListBucket", "", true},
	{UploadPart, "UploadPart", "PUT", object, "uploadId", "partNumber", "s3:PutObject", "", false},
	{CreateMultipartUpload, "CreateMultipartUpload", "POST", object, "uploads", "", "s3:PutObject", "", false},
	{CompleteMultipartUpload, "CompleteMultipartUpload", "POST", object, "uploadId", "", "s3:PutObject", "", false},
	{AbortMultipartUpload, "AbortMultipartUpload", "DELETE", object, "uploadId", "", "s3:AbortMultipartUpload", "", false},
	{ListParts, "ListParts", "GET", object, "uploadId", "max-parts part-number-marker encoding-type", "s3:ListMultipartUploadParts", "", true},
	{GetObjectTagging, "GetObjectTagging", "GET", object, "tagging", "versionId", "s3:GetObjectTagging", "s3:GetObjectVersionTagging", true},
	{PutObjectTagging, "PutObjectTagging", "PUT", object, "tagging", "versionId", "s3:PutObjectTagging", "s3:PutObjectVersionTagging", false},
	{DeleteObjectTagging, "DeleteObjectTagging", "DELETE", object, "tagging", "versionId", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", false},
	{GetObjectACL, "GetObjectAcl", "GET", object, "acl", "versionId", "s3:GetObjectAcl", "s3:GetObjectVersionAcl", true},
	{PutObjectACL, "PutObjectAcl", "PUT", object, "acl", "versionId", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", false},
	{GetObjectAttributes, "GetObjectAttributes", "GET", object, "attributes", "versionId", "s3:GetObject", "s3:GetObjectVersion", true},
	{ListBuckets, "ListBuckets", "GET", service, "", "max-buckets continuation-token prefix bucket-region", "s3:ListAllMyBuckets", "", true},
	{CreateBucket, "CreateBucket", "PUT", bucket, "", "", "s3:CreateBucket", "", false},
	{DeleteBucket, "DeleteBucket", "DELETE", bucket, "", "", "s3:DeleteBucket", "", false},
	{HeadBucket, "HeadBucket", "HEAD", bucket, "", "", "s3:ListBucket", "", true},
	{ListObjectVersions, "ListObjectVersions", "GET", bucket, "versions", listParams + " key-marker version-id-marker", "s3:ListBucketVersions", "", true},
	{ListMultipartUploads, "ListMultipartUploads", "GET", bucket, "uploads", "prefix delimiter max-uploads encoding-type key-marker upload-id-marker", "s3:ListBucketMultipartUploads", "", true},
	{DeleteObjects, "DeleteObjects", "POST", bucket, "delete", "", "s3:DeleteObject", "", false},
	{GetBucketLocation, "GetBucketLocation", "GET", bucket, "location", "", "s3:GetBucketLocation", "", true},
	{GetBucketPolicy, "GetBucketPolicy", "GET", bucket, "policy", "", "s3:GetBucketPolicy", "", true},
	{PutBucketPolicy, "PutBucketPolicy", "PUT", bucket, "policy", "", "s3:PutBucketPolicy", "", false},
	{DeleteBucketPolicy, "DeleteBucketPolicy", "DELETE", bucket, "policy", "", "s3:DeleteBucketPolicy", "", false},
	{GetBucketPolicyStatus, "GetBucketPolicyStatus", "GET", bucket, "policyStatus", "", "s3:GetBucketPolicyStatus", "", true},
	{GetBucketEncryption, "GetBucketEncryption", "GET", bucket, "encryption", "", "s3:GetEncryptionConfiguration", "", true},
	{PutBucketEncryption, "PutBucketEncryption", "PUT", bucket, "encryption", "", "s3:PutEncryptionConfiguration", "", false},
	{DeleteBucketEncryption, "DeleteBucketEncryption", "DELETE", bucket, "encryption", "", "s3:PutEncryptionConfiguration", "", false},
	{GetBucketVersioning, "GetBucketVersioning", "GET", bucket, "versioning", "", "s3:GetBucketVersioning", "", true},
	{PutBucketVersioning, "PutBucketVersioning", "PUT", bucket, "versioning", "", "s3:PutBucketVersioning", "", false},
	{GetBucketTagging, "GetBucketTagging", "GET", bucket, "tagging", "", "s3:GetBucketTagging", "", true},
	{PutBucketTagging, "PutBucketTagging", "PUT", bucket, "tagging", "", "s3:PutBucketTagging", "", false},
	{DeleteBucketTagging, "DeleteBucketTagging", "DELETE", bucket, "tagging", "", "s3:PutBucketTagging", "", false},
	{GetPublicAccessBlock, "GetBucketPublicAccessBlock", "GET", bucket, "publicAccessBlock", "", "s3:GetBucketPublicAccessBlock", "", true},
	{PutPublicAccessBlock, "PutBucketPublicAccessBlock", "PUT", bucket, "publicAccessBlock", "", "s3:PutBucketPublicAccessBlock", "", false},
	{DeletePublicAccessBlock, "DeleteBucketPublicAccessBlock", "DELETE", bucket, "publicAccessBlock", "", "s3:PutBucketPublicAccessBlock", "", false},
	{GetBucketOwnershipControls, "GetBucketOwnershipControls", "GET", bucket, "ownershipControls", "", "s3:GetBucketOwnershipControls", "", true},
	{PutBucketOwnershipControls, "PutBucketOwnershipControls", "PUT", bucket, "ownershipControls", "", "s3:PutBucketOwnershipControls", "", false},
	{DeleteBucketOwnershipControls, "DeleteBucketOwnershipControls", "DELETE", bucket, "ownershipControls", "", "s3:PutBucketOwnershipControls", "", false},
	{GetBucketACL, "GetBucketAcl", "GET", bucket, "acl", "", "s3:GetBucketAcl", "", true},
	{PutBucketACL, "PutBucketAcl", "PUT", bucket, "acl", "", "s3:PutBucketAcl", "", false},
	{GetBucketCORS, "GetBucketCors", "GET", bucket, "cors", "", "s3:GetBucketCORS", "", true},
	{GetBucketLifecycle, "GetBucketLifecycle", "GET", bucket, "lifecycle", "", "s3:GetLifecycleConfiguration", "", true},
	{GetBucketWebsite, "GetBucketWebsite", "GET", bucket, "website", "", "s3:GetBucketWebsite", "", true},
	{GetBucketLogging, "GetBucketLogging", "GET", bucket, "logging", "", "s3:GetBucketLogging", "", true},
	{GetBucketNotification, "GetBucketNotification", "GET", bucket, "notification", "", "s3:GetBucketNotification", "", true},
	{GetBucketReplication, "GetBucketReplication", "GET", bucket, "replication", "", "s3:GetReplicationConfiguration", "", true},
	{GetBucketRequestPayment, "GetBucketRequestPayment", "GET", bucket, "requestPayment", "", "s3:GetBucketRequestPayment", "", true},
	{GetBucketAccelerate, "GetAccelerateConfiguration", "GET", bucket, "accelerate", "", "s3:GetAccelerateConfiguration", "", true},
	{GetObjectLockConfiguration, "GetObjectLockConfiguration", "GET", bucket, "object-lock", "", "s3:GetBucketObjectLockConfiguration", "", true},
	// Those that the parser makes of the ones above.
	{CopyObject, "CopyObject", "", object, "", "", "s3:PutObject", "", false},
	{UploadPartCopy, "UploadPartCopy", "", object, "", "", "s3:PutObject", "", false},
	{ListObjectsV2, "ListObjectsV2", "", bucket, "", "", "s3:ListBucket", "", true},
}

func (o Op) def() *def {
	for i := range defs {
		if defs[i].op == o {
			return &defs[i]
		}
	}
	return nil
}

// String is the operation's name as CloudTrail spells it, "" for [Unknown].
func (o Op) String() string {
	if d := o.def(); d != nil {
		return d.name
	}
	return ""
}

// Action is the IAM action that o needs; versioned says that the request names a version.
func (o Op) Action(versioned bool) string {
	d := o.def()
	switch {
	case d == nil:
		return ""
	case versioned && d.version != "":
		return d.version
	default:
		return d.action
	}
}

// ReadOnly reports whether o changes nothing.
func (o Op) ReadOnly() bool { d := o.def(); return d != nil && d.readOnly }

// find returns the definition of what method and selector mean at a level.
func find(method string, at level, selector string) *def {
	for i := range defs {
		d := &defs[i]
		if d.level == at && d.method == method && d.selector == selector {
			return d
		}
	}
	return nil
}

// takes reports whether d knows the query parameter name.
func (d *def) takes(name string) bool {
	if name == d.selector {
		return true
	}
	rest := d.params
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, " ")
		if one == name {
			return true
		}
	}
	return false
}

// selects reports whether a query parameter of that name chooses another operation at this level. It
// lists what S3 has, served or not, so that a request for something that is not served gets
// NotImplemented and never the plain operation.
func selects(at level, name string) bool {
	switch name {
	case "acl", "tagging", "uploads":
		return at != service
	case "uploadId", "attributes", "legal-hold", "retention", "restore", "select", "torrent", "renameObject", "annotation", "updateEncryption":
		return at == object
	case "encryption":
		return at != service
	case "accelerate", "abac", "analytics", "cors", "delete", "intelligent-tiering", "inventory", "lifecycle", "location", "logging",
		"metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics", "notification", "object-lock",
		"ownershipControls", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment",
		"session", "versioning", "versions", "website":
		return at == bucket
	default:
		return false
	}
}
