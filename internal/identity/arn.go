package identity

import (
	"errors"
	"fmt"
	"strings"
)

// Partition is the only partition that this plane speaks for.
const Partition = "aws"

// AWSAccount stands in the account field of the ARNs of policies that AWS manages
// (arn:aws:iam::aws:policy/ReadOnlyAccess).
const AWSAccount AccountID = "aws"

// ErrARN marks text that is not an ARN of this plane.
var ErrARN = errors.New("not an ARN")

// ARN is a parsed Amazon resource name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
type ARN struct {
	Partition string
	Service   string
	Region    string
	// Account is twelve digits, "aws", or empty (S3).
	Account AccountID
	// Resource is all that follows the fifth colon: "role/app/web", "assumed-role/web/s1", "bucket/key".
	Resource string
}

// ParseARN splits s at its first five colons. Partition, service and resource must not be empty,
// and the account must be empty, "aws" or twelve digits. Errors match [ErrARN].
func ParseARN(s string) (ARN, error) {
	var parts [5]string
	rest := s
	for i := range parts {
		head, tail, found := strings.Cut(rest, ":")
		if !found {
			return ARN{}, fmt.Errorf("%w: %q has too few parts", ErrARN, s)
		}
		parts[i], rest = head, tail
	}
	a := ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: AccountID(parts[4]), Resource: rest}
	switch {
	case parts[0] != "arn":
		return ARN{}, fmt.Errorf("%w: %q does not start with the word arn", ErrARN, s)
	case a.Partition == "" || a.Service == "" || a.Resource == "":
		return ARN{}, fmt.Errorf("%w: %q has an empty part", ErrARN, s)
	}
	if a.Account != "" && a.Account != AWSAccount {
		if _, err := ParseAccountID(parts[4]); err != nil {
			return ARN{}, fmt.Errorf("%w: %q: the account is not 12 digits", ErrARN, s)
		}
	}
	return a, nil
}

// String puts the parts together again.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + string(a.Account) + ":" + a.Resource
}

// ResourceType returns what stands before the first slash of the resource ("role"), or the whole
// resource when there is no slash ("root").
func (a ARN) ResourceType() string {
	head, _, _ := strings.Cut(a.Resource, "/")
	return head
}

// PathAndName splits the rest of an IAM resource: "role/app/web" has path "/app/" and name "web".
func (a ARN) PathAndName() (path, name string) {
	_, rest, _ := strings.Cut(a.Resource, "/")
	i := strings.LastIndexByte(rest, '/')
	return "/" + rest[:i+1], rest[i+1:]
}

func iamARN(account AccountID, resource string) string {
	return "arn:" + Partition + ":iam::" + string(account) + ":" + resource
}

// RootARN names an account's root user, and in policies the whole account.
func RootARN(account AccountID) string { return iamARN(account, "root") }

// UserARN names a user; path begins and ends with a slash.
func UserARN(account AccountID, path, name string) string {
	return iamARN(account, "user"+path+name)
}

// GroupARN names a group.
func GroupARN(account AccountID, path, name string) string {
	return iamARN(account, "group"+path+name)
}

// RoleARN names a role.
func RoleARN(account AccountID, path, name string) string {
	return iamARN(account, "role"+path+name)
}

// PolicyARN names a managed policy; account may be [AWSAccount].
func PolicyARN(account AccountID, path, name string) string {
	return iamARN(account, "policy"+path+name)
}

// InstanceProfileARN names an instance profile.
func InstanceProfileARN(account AccountID, path, name string) string {
	return iamARN(account, "instance-profile"+path+name)
}

// MFADeviceARN is the serial number of a virtual MFA device.
func MFADeviceARN(account AccountID, path, name string) string {
	return iamARN(account, "mfa"+path+name)
}

// OIDCProviderARN names an OpenID Connect provider; host is the issuer's URL without its scheme.
func OIDCProviderARN(account AccountID, host string) string {
	return iamARN(account, "oidc-provider/"+host)
}

// SAMLProviderARN names a SAML provider.
func SAMLProviderARN(account AccountID, name string) string {
	return iamARN(account, "saml-provider/"+name)
}

// ServerCertificateARN names a server certificate.
func ServerCertificateARN(account AccountID, path, name string) string {
	return iamARN(account, "server-certificate"+path+name)
}

// AssumedRoleARN names a role session. The role's path is no part of it.
func AssumedRoleARN(account AccountID, role, session string) string {
	return "arn:" + Partition + ":sts::" + string(account) + ":assumed-role/" + role + "/" + session
}

// FederatedUserARN names the session of a federated user.
func FederatedUserARN(account AccountID, name string) string {
	return "arn:" + Partition + ":sts::" + string(account) + ":federated-user/" + name
}

// BucketARN names a bucket. It carries neither region nor account.
func BucketARN(bucket string) string { return "arn:" + Partition + ":s3:::" + bucket }

// ObjectARN names an object.
func ObjectARN(bucket, key string) string { return BucketARN(bucket) + "/" + key }
