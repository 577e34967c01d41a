package iam_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

// TestManagedVersions: inline policies may be of the old version of the language, managed ones not.
func TestManagedVersions(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", "")
	made := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allowRead)}))
	for name, document := range map[string]*string{
		"2008":    aws.String(strings.Replace(allowRead, "2012-10-17", "2008-10-17", 1)),
		"missing": aws.String(strings.Replace(allowRead, `"Version":"2012-10-17",`, "", 1)),
	} {
		const old = "Policy document must be version 2012-10-17 or greater."
		_, err := c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: &name, PolicyDocument: document})
		fails(t, err, "MalformedPolicyDocument", old)
		_, err = c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: made.Policy.Arn, PolicyDocument: document})
		fails(t, err, "MalformedPolicyDocument", old)
		must[*sdk.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: &name, PolicyDocument: document}))
	}
}

// TestBoundaryInUse: a policy that bounds somebody cannot be deleted.
func TestBoundaryInUse(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", "")
	made := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("limit"), PolicyDocument: aws.String(allowRead)}))
	remove := &sdk.DeletePolicyInput{PolicyArn: made.Policy.Arn}
	must[*sdk.PutUserPermissionsBoundaryOutput](t)(c.PutUserPermissionsBoundary(ctx, &sdk.PutUserPermissionsBoundaryInput{UserName: aws.String("alice"), PermissionsBoundary: made.Policy.Arn}))
	_, err := c.DeletePolicy(ctx, remove)
	fails(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
	must[*sdk.DeleteUserPermissionsBoundaryOutput](t)(c.DeleteUserPermissionsBoundary(ctx, &sdk.DeleteUserPermissionsBoundaryInput{UserName: aws.String("alice")}))
	must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trustEC2), PermissionsBoundary: made.Policy.Arn}))
	_, err = c.DeletePolicy(ctx, remove)
	fails(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
	must[*sdk.DeleteRoleOutput](t)(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: aws.String("web")}))
	must[*sdk.DeletePolicyOutput](t)(c.DeletePolicy(ctx, remove))
}

// TestDeletedPrincipals: a trust or bucket policy shows the unique id of a principal that is gone.
func TestDeletedPrincipals(t *testing.T) {
	p, ctx := planetest.New(t), t.Context()
	root, bucket := p.Root(planetest.Account), "a-bucket"
	c, objects := p.IAM(root), p.S3(root)
	p.User(planetest.Account, "stays", "")
	ann := must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("ann")})).User
	both := `{"AWS":["` + *ann.Arn + `","arn:aws:iam::` + planetest.Account + `:user/stays"]}`
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + both + `,"Action":"sts:AssumeRole"}}`
	shared := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":` + both + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::a-bucket/*"}}`
	p.Role(planetest.Account, "web", trust, "")
	must[*s3.CreateBucketOutput](t)(objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}))
	must[*s3.PutBucketPolicyOutput](t)(objects.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &shared}))
	check := func(when string, trust, shared string) {
		t.Helper()
		name := aws.String("web")
		for from, document := range map[string]*string{
			"GetRole":                        must[*sdk.GetRoleOutput](t)(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name})).Role.AssumeRolePolicyDocument,
			"ListRoles":                      must[*sdk.ListRolesOutput](t)(c.ListRoles(ctx, &sdk.ListRolesInput{})).Roles[0].AssumeRolePolicyDocument,
			"GetAccountAuthorizationDetails": must[*sdk.GetAccountAuthorizationDetailsOutput](t)(c.GetAccountAuthorizationDetails(ctx, &sdk.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}})).RoleDetailList[0].AssumeRolePolicyDocument,
		} {
			if got, err := url.QueryUnescape(*document); err != nil || got != trust {
				t.Errorf("%s: %s: %s, %v; want %s", when, from, got, err, trust)
			}
		}
		got := must[*s3.GetBucketPolicyOutput](t)(objects.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: &bucket}))
		if *got.Policy != shared {
			t.Errorf("%s: bucket policy %s; want %s", when, *got.Policy, shared)
		}
	}
	check("before", trust, shared)
	must[*sdk.DeleteUserOutput](t)(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("ann")}))
	gone := func(s string) string { return strings.Replace(s, *ann.Arn, *ann.UserId, 1) }
	check("deleted", gone(trust), gone(shared))
	// One of the same name is another one, and the documents cannot be put for nobody.
	_, err := c.UpdateAssumeRolePolicy(ctx, &sdk.UpdateAssumeRolePolicyInput{RoleName: aws.String("web"), PolicyDocument: &trust})
	fails(t, err, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+*ann.Arn+`"`)
	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("ann")}))
	check("made anew", gone(trust), gone(shared))
	must[*sdk.TagRoleOutput](t)(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: aws.String("web"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}))
	check("tagged", gone(trust), gone(shared))
	must[*sdk.UpdateAssumeRolePolicyOutput](t)(c.UpdateAssumeRolePolicy(ctx, &sdk.UpdateAssumeRolePolicyInput{RoleName: aws.String("web"), PolicyDocument: &trust}))
	check("put again", trust, gone(shared))
	must[*s3.PutBucketPolicyOutput](t)(objects.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &shared}))
	check("both put again", trust, shared)
}
