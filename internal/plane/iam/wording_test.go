package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// TestWording has errors as AWS was seen to word them, where its API reference gives the code only.
func TestWording(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", "")
	for _, name := range []string{"web", "idle"} {
		must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trustEC2)}))
	}
	must[*sdk.CreateGroupOutput](t)(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("ops")}))
	must[*sdk.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: aws.String("prof")}))
	must[*sdk.CreateVirtualMFADeviceOutput](t)(c.CreateVirtualMFADevice(ctx, &sdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")}))
	must[*sdk.CreateAccountAliasOutput](t)(c.CreateAccountAlias(ctx, &sdk.CreateAccountAliasInput{AccountAlias: aws.String("acme")}))
	p.principals["AKIASESSION"] = &identity.Principal{
		Kind: identity.AssumedRole, Account: acct, ARN: "arn:aws:sts::" + acct + ":assumed-role/web/s1", UserID: "AROA:s1", EntityID: "AROA", EntityName: "web", Session: &identity.Session{},
	}
	none, notPolicy := arn+"policy/none", arn+"group/none"
	hex := strings.Repeat("0", 40)
	for _, test := range []struct {
		name          string
		call          func() error
		code, message string
	}{
		{"attach what is no ARN", func() error {
			_, err := c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: aws.String("longpolicynamebutnoarn")})
			return err
		}, "ValidationError", "ARN longpolicynamebutnoarn is not valid."},
		{"a boundary that is no policy", func() error {
			_, err := c.PutRolePermissionsBoundary(ctx, &sdk.PutRolePermissionsBoundaryInput{RoleName: aws.String("web"), PermissionsBoundary: &notPolicy})
			return err
		}, "InvalidInput", "ARN " + notPolicy + " is not valid."},
		{"a boundary that does not exist", func() error {
			_, err := c.PutRolePermissionsBoundary(ctx, &sdk.PutRolePermissionsBoundaryInput{RoleName: aws.String("web"), PermissionsBoundary: &none})
			return err
		}, "NoSuchEntity", "Scope ARN: " + none + " does not exist or is not attachable."},
		{"attach what does not exist", func() error {
			_, err := c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: &none})
			return err
		}, "NoSuchEntity", "Policy " + none + " does not exist or is not attachable."},
		{"detach what is not attached", func() error {
			_, err := c.DetachRolePolicy(ctx, &sdk.DetachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: &none})
			return err
		}, "NoSuchEntity", "Policy " + none + " was not found."},
		{"a version of no policy", func() error {
			_, err := c.GetPolicyVersion(ctx, &sdk.GetPolicyVersionInput{PolicyArn: &none, VersionId: aws.String("v1")})
			return err
		}, "NoSuchEntity", "Policy " + none + " version v1 does not exist or is not attachable."},
		{"the default of no policy", func() error {
			_, err := c.SetDefaultPolicyVersion(ctx, &sdk.SetDefaultPolicyVersionInput{PolicyArn: &none, VersionId: aws.String("v1")})
			return err
		}, "NoSuchEntity", "Policy " + none + " version v1 does not exist or is not attachable."},
		{"a policy that does not exist", func() error {
			_, err := c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: &none})
			return err
		}, "NoSuchEntity", "Policy " + none + " was not found."},
		{"neither user nor group", func() error {
			_, err := c.RemoveUserFromGroup(ctx, &sdk.RemoveUserFromGroupInput{GroupName: aws.String("none"), UserName: aws.String("nobody")})
			return err
		}, "NoSuchEntity", "The user with name nobody cannot be found."},
		{"no group", func() error {
			_, err := c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("none"), UserName: aws.String("alice")})
			return err
		}, "NoSuchEntity", "The group with name none cannot be found."},
		{"use of an unknown key", func() error {
			_, err := c.GetAccessKeyLastUsed(ctx, &sdk.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
			return err
		}, "AccessDenied", "User: " + arn + "root is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key AKIAIOSFODNN7EXAMPLE"},
		{"an alias that is taken, by oneself", func() error {
			_, err := c.CreateAccountAlias(ctx, &sdk.CreateAccountAliasInput{AccountAlias: aws.String("acme")})
			return err
		}, "EntityAlreadyExists", "The account alias acme already exists."},
		{"a device twice", func() error {
			_, err := c.CreateVirtualMFADevice(ctx, &sdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})
			return err
		}, "EntityAlreadyExists", "MFA device already exists."},
		{"a device that does not exist", func() error {
			_, err := c.DeactivateMFADevice(ctx, &sdk.DeactivateMFADeviceInput{UserName: aws.String("alice"), SerialNumber: aws.String(arn + "mfa/none")})
			return err
		}, "NoSuchEntity", "MFA Device with serial number " + arn + "mfa/none does not exist."},
		{"a role that is not in the profile", func() error {
			_, err := c.RemoveRoleFromInstanceProfile(ctx, &sdk.RemoveRoleFromInstanceProfileInput{InstanceProfileName: aws.String("prof"), RoleName: aws.String("idle")})
			return err
		}, "NoSuchEntity", "Role idle in Instance Profile prof cannot be found."},
		{"six thumbprints", func() error {
			_, err := c.CreateOpenIDConnectProvider(ctx, &sdk.CreateOpenIDConnectProviderInput{Url: aws.String("https://idp.example"), ThumbprintList: []string{hex, hex, hex, hex, hex, hex}})
			return err
		}, "InvalidInput", "Thumbprint list must contain fewer than 5 entries."},
		{"delete a provider that does not exist", func() error {
			_, err := c.DeleteOpenIDConnectProvider(ctx, &sdk.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn + "oidc-provider/idp.example")})
			return err
		}, "NoSuchEntity", "OpenId connect Provider " + arn + "oidc-provider/idp.example cannot be found."},
		{"a certificate that is none", func() error {
			_, err := c.UploadSigningCertificate(ctx, &sdk.UploadSigningCertificateInput{UserName: aws.String("alice"), CertificateBody: aws.String("nonsense")})
			return err
		}, "MalformedCertificate", "Certificate nonsense is malformed."},
		{"delete no password policy", func() error {
			_, err := c.DeleteAccountPasswordPolicy(ctx, &sdk.DeleteAccountPasswordPolicyInput{})
			return err
		}, "NoSuchEntity", "The account policy with name PasswordPolicy cannot be found."},
	} {
		t.Run(test.name, func(t *testing.T) { fails(t, test.call(), test.code, test.message) })
	}
}

// TestTagKeyCase: keys of users' and roles' tags are equal without regard to case, those of all else are not.
func TestTagKeyCase(t *testing.T) {
	c := newPlane(t).root()
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	made := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{
		PolicyName: aws.String("p"), PolicyDocument: aws.String(allowRead), Description: aws.String("d"), Tags: []types.Tag{tag("a", "1"), tag("A", "2")},
	})).Policy
	same(t, []types.Tag{tag("a", "1"), tag("A", "2")}, made.Tags)
	got := must[*sdk.GetPolicyOutput](t)(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: made.Arn})).Policy
	same(t, []types.Tag{tag("A", "2"), tag("a", "1")}, got.Tags)
	must[*sdk.UntagPolicyOutput](t)(c.UntagPolicy(ctx, &sdk.UntagPolicyInput{PolicyArn: made.Arn, TagKeys: []string{"a"}}))
	same(t, []types.Tag{tag("A", "2")}, must[*sdk.ListPolicyTagsOutput](t)(c.ListPolicyTags(ctx, &sdk.ListPolicyTagsInput{PolicyArn: made.Arn})).Tags)
	_, err := c.TagPolicy(ctx, &sdk.TagPolicyInput{PolicyArn: made.Arn, Tags: []types.Tag{tag("k", "1"), tag("k", "2")}})
	fails(t, err, "InvalidInput", "Duplicate tag keys found.")
	must[*sdk.UntagPolicyOutput](t)(c.UntagPolicy(ctx, &sdk.UntagPolicyInput{PolicyArn: made.Arn, TagKeys: []string{"A"}}))
	if got := must[*sdk.GetPolicyOutput](t)(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: made.Arn})).Policy.Tags; got == nil || len(got) != 0 {
		t.Errorf("no tags are answered as %v", got)
	}
}
