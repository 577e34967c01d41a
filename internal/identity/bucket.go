package identity

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Versioning is the state of a bucket's versioning.
type Versioning string

// The states. A bucket that never had versioning is in the first.
const (
	VersioningOff       Versioning = ""
	VersioningEnabled   Versioning = "Enabled"
	VersioningSuspended Versioning = "Suspended"
)

// Ownership is a bucket's object-ownership rule.
type Ownership string

// The rules. The first is the default, and the only one without ACLs.
const (
	BucketOwnerEnforced  Ownership = "BucketOwnerEnforced"
	BucketOwnerPreferred Ownership = "BucketOwnerPreferred"
	ObjectWriter         Ownership = "ObjectWriter"
)

// Bucket is an S3 bucket's record; its objects are elsewhere.
type Bucket struct {
	Name    string    `json:"name"` // unique in the plane
	Account AccountID `json:"account"`
	Region  string    `json:"region"`
	Created time.Time `json:"created"`
	// Policy is the bucket policy's document as it was put, "" if none.
	Policy string `json:"policy,omitempty"`
	// PolicyIDs is to Policy what TrustIDs is to a role's trust policy.
	PolicyIDs map[string]string `json:"policyIds,omitempty"`
	// Encryption is the default rule; nil means what AWS does for every bucket: AES256.
	Encryption        *EncryptionRule    `json:"encryption,omitempty"`
	Versioning        Versioning         `json:"versioning,omitempty"`
	PublicAccessBlock *PublicAccessBlock `json:"publicAccessBlock,omitempty"`
	Ownership         Ownership          `json:"ownership,omitempty"`
	ObjectLock        bool               `json:"objectLock,omitempty"`
	Tags              []Tag              `json:"tags,omitempty"`
}

// EncryptionRule is the default encryption of a bucket.
type EncryptionRule struct {
	Algorithm        string `json:"algorithm"` // AES256, aws:kms, aws:kms:dsse
	KMSKeyID         string `json:"kmsKeyId,omitempty"`
	BucketKeyEnabled bool   `json:"bucketKeyEnabled,omitempty"`
	// Blocked lists the encryption types that writers may not ask for ("SSE-C").
	Blocked []string `json:"blocked,omitempty"`
}

// PublicAccessBlock is the four switches of S3 Block Public Access.
type PublicAccessBlock struct {
	BlockPublicACLs       bool `json:"blockPublicAcls"`
	IgnorePublicACLs      bool `json:"ignorePublicAcls"`
	BlockPublicPolicy     bool `json:"blockPublicPolicy"`
	RestrictPublicBuckets bool `json:"restrictPublicBuckets"`
}

// CheckBucketName applies the rules for general purpose buckets.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func CheckBucketName(name string) error {
	if len(name) < 3 || len(name) > 63 {
		return fmt.Errorf("bucket name %q: want 3 to 63 characters", name)
	}
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		edge := i == 0 || i == len(name)-1
		if !letter && (edge || c != '-' && c != '.') {
			return fmt.Errorf("bucket name %q: want lower-case letters, digits, hyphens and dots, the first and last a letter or digit", name)
		}
	}
	if strings.Contains(name, "..") {
		return fmt.Errorf("bucket name %q: two dots in a row", name)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return fmt.Errorf("bucket name %q: is an IP address", name)
	}
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, prefix) {
			return fmt.Errorf("bucket name %q: the prefix %s is reserved", name, prefix)
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return fmt.Errorf("bucket name %q: the suffix %s is reserved", name, suffix)
		}
	}
	return nil
}
