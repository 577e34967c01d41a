package iam_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	allowRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`
	trustEC2  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

func TestManagedPolicies(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	made := must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{
		PolicyName: aws.String("Reader"), Path: aws.String("/app/"), PolicyDocument: aws.String(allowRead), Description: aws.String("reads"),
	}))
	id := arn + "policy/app/Reader"
	same(t, &types.Policy{
		PolicyName: aws.String("Reader"), PolicyId: made.Policy.PolicyId, Arn: &id, Path: aws.String("/app/"), DefaultVersionId: aws.String("v1"),
		AttachmentCount: aws.Int32(0), PermissionsBoundaryUsageCount: aws.Int32(0), IsAttachable: true, CreateDate: aws.Time(now), UpdateDate: aws.Time(now),
	}, made.Policy)

	_, err := c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("reader"), PolicyDocument: aws.String(allowRead)})
	fails(t, err, "EntityAlreadyExists", "A policy called reader already exists. Duplicate names are not allowed.")
	_, err = c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("bad"), PolicyDocument: aws.String(`{"Version":"2012-10-17"}`)})
	fails(t, err, "MalformedPolicyDocument", "")
	long := strings.Replace(allowRead, "s3:Get*", strings.Repeat("x", 6200), 1)
	_, err = c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("long"), PolicyDocument: aws.String(strings.Replace(long, "xxx", "s3:", 1))})
	fails(t, err, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
	_, err = c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: aws.String(arn + "policy/reader")})
	fails(t, err, "NoSuchEntity", "Policy "+arn+"policy/reader was not found.")
	_, err = c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: aws.String("arn:aws:s3:::not-a-policy")})
	fails(t, err, "InvalidInput", "ARN arn:aws:s3:::not-a-policy is not valid.")

	for i := range 4 {
		v := must[*sdk.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: &id, PolicyDocument: aws.String(allowAll), SetAsDefault: i == 3}))
		if want := fmt.Sprintf("v%d", i+2); *v.PolicyVersion.VersionId != want || v.PolicyVersion.IsDefaultVersion != (i == 3) {
			t.Errorf("version %s, want %s", *v.PolicyVersion.VersionId, want)
		}
	}
	_, err = c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: &id, PolicyDocument: aws.String(allowAll)})
	fails(t, err, "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
	_, err = c.DeletePolicyVersion(ctx, &sdk.DeletePolicyVersionInput{PolicyArn: &id, VersionId: aws.String("v5")})
	fails(t, err, "DeleteConflict", "Cannot delete the default version of a policy.")
	must[*sdk.SetDefaultPolicyVersionOutput](t)(c.SetDefaultPolicyVersion(ctx, &sdk.SetDefaultPolicyVersionInput{PolicyArn: &id, VersionId: aws.String("v1")}))
	must[*sdk.DeletePolicyVersionOutput](t)(c.DeletePolicyVersion(ctx, &sdk.DeletePolicyVersionInput{PolicyArn: &id, VersionId: aws.String("v5")}))
	v := must[*sdk.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: &id, PolicyDocument: aws.String(allowAll)}))
	if *v.PolicyVersion.VersionId != "v6" {
		t.Errorf("a version id was used again: %s", *v.PolicyVersion.VersionId)
	}
	got := must[*sdk.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx, &sdk.GetPolicyVersionInput{PolicyArn: &id, VersionId: aws.String("v1")}))
	if text, _ := url.QueryUnescape(*got.PolicyVersion.Document); text != allowRead {
		t.Errorf("document %s", text)
	}
	versions := must[*sdk.ListPolicyVersionsOutput](t)(c.ListPolicyVersions(ctx, &sdk.ListPolicyVersionsInput{PolicyArn: &id}))
	var ids []string
	for _, v := range versions.Versions {
		ids = append(ids, *v.VersionId)
	}
	if fmt.Sprint(ids) != "[v6 v4 v3 v2 v1]" {
		t.Error(ids)
	}
	_, err = c.GetPolicyVersion(ctx, &sdk.GetPolicyVersionInput{PolicyArn: &id, VersionId: aws.String("v9")})
	fails(t, err, "NoSuchEntity", "Policy "+id+" version v9 does not exist or is not attachable.")
	_, err = c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: &id})
	fails(t, err, "DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
}

func TestAttachment(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", "")
	must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trustEC2)}))
	must[*sdk.CreateGroupOutput](t)(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("devs")}))
	must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allowRead)}))
	id := aws.String(arn + "policy/p")
	admin := aws.String("arn:aws:iam::aws:policy/AdministratorAccess")
	for range 2 { // attaching twice is no error
		must[*sdk.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: id}))
		must[*sdk.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: id}))
		must[*sdk.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{GroupName: aws.String("devs"), PolicyArn: id}))
		must[*sdk.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: admin}))
	}
	got := must[*sdk.ListAttachedRolePoliciesOutput](t)(c.ListAttachedRolePolicies(ctx, &sdk.ListAttachedRolePoliciesInput{RoleName: aws.String("web")}))
	same(t, []types.AttachedPolicy{{PolicyName: aws.String("p"), PolicyArn: id}, {PolicyName: aws.String("AdministratorAccess"), PolicyArn: admin}}, got.AttachedPolicies)
	entities := must[*sdk.ListEntitiesForPolicyOutput](t)(c.ListEntitiesForPolicy(ctx, &sdk.ListEntitiesForPolicyInput{PolicyArn: id}))
	if len(entities.PolicyGroups) != 1 || len(entities.PolicyRoles) != 1 || len(entities.PolicyUsers) != 1 || *entities.PolicyUsers[0].UserName != "alice" {
		t.Errorf("%+v", entities)
	}
	if n := *must[*sdk.GetPolicyOutput](t)(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: id})).Policy.AttachmentCount; n != 3 {
		t.Errorf("attachment count %d", n)
	}
	_, err := c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: id})
	fails(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
	_, err = c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: aws.String("web")})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	_, err = c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: aws.String("arn:aws:iam::aws:policy/NoSuchThing")})
	fails(t, err, "NoSuchEntity", "Policy arn:aws:iam::aws:policy/NoSuchThing does not exist or is not attachable.")
	must[*sdk.DetachRolePolicyOutput](t)(c.DetachRolePolicy(ctx, &sdk.DetachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: id}))
	_, err = c.DetachRolePolicy(ctx, &sdk.DetachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: id})
	fails(t, err, "NoSuchEntity", "Policy "+*id+" was not found.")
	for i := range 9 {
		name := aws.String(fmt.Sprint("q", i))
		must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: name, PolicyDocument: aws.String(allowRead)}))
		must[*sdk.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: aws.String(arn + "policy/" + *name)}))
	}
	_, err = c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: admin})
	fails(t, err, "LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10")

	lists := map[types.PolicyScopeType]int{types.PolicyScopeTypeLocal: 10, types.PolicyScopeTypeAws: 86, types.PolicyScopeTypeAll: 96}
	for scope, want := range lists {
		n := 0
		pages := sdk.NewListPoliciesPaginator(c, &sdk.ListPoliciesInput{Scope: scope, MaxItems: aws.Int32(7)})
		for pages.HasMorePages() {
			n += len(must[*sdk.ListPoliciesOutput](t)(pages.NextPage(ctx)).Policies)
		}
		if n != want {
			t.Errorf("%s: %d policies, want %d", scope, n, want)
		}
	}
	attached := must[*sdk.ListPoliciesOutput](t)(c.ListPolicies(ctx, &sdk.ListPoliciesInput{OnlyAttached: true, Scope: types.PolicyScopeTypeAws}))
	if len(attached.Policies) != 1 || *attached.Policies[0].Arn != *admin {
		t.Errorf("attached of AWS: %d", len(attached.Policies))
	}
}

func TestInlinePolicies(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", "")
	put := func(name, document string) error {
		_, err := c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: &name, PolicyDocument: &document})
		return err
	}
	if err := put("b", allowRead); err != nil {
		t.Fatal(err)
	}
	if err := put("a", allowAll); err != nil {
		t.Fatal(err)
	}
	if err := put("B", allowAll); err != nil { // replaces, without regard to case
		t.Fatal(err)
	}
	list := must[*sdk.ListUserPoliciesOutput](t)(c.ListUserPolicies(ctx, &sdk.ListUserPoliciesInput{UserName: aws.String("alice")}))
	if fmt.Sprint(list.PolicyNames) != "[B a]" {
		t.Error(list.PolicyNames)
	}
	got := must[*sdk.GetUserPolicyOutput](t)(c.GetUserPolicy(ctx, &sdk.GetUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("b")}))
	if want := "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D"; *got.PolicyDocument != want {
		t.Error(*got.PolicyDocument)
	}
	fails(t, put("big", strings.Replace(allowRead, "s3:Get*", "s3:"+strings.Repeat("x", 1900), 1)), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user alice")
	fails(t, put("bad", "{"), "MalformedPolicyDocument", "")
	_, err := c.GetUserPolicy(ctx, &sdk.GetUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("z")})
	fails(t, err, "NoSuchEntity", "The user policy with name z cannot be found.")
	_, err = c.DeleteUserPolicy(ctx, &sdk.DeleteUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("z")})
	fails(t, err, "NoSuchEntity", "The user policy with name z cannot be found.")
	_, err = c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("alice")})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must delete access keys first.")
}

func TestListPoliciesGrantingServiceAccess(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","sts:Get*"],"Resource":"*"},{"Effect":"Deny","Action":"ec2:*","Resource":"*"}]}`)
	admin := aws.String("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
	must[*sdk.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: admin}))
	out := must[*sdk.ListPoliciesGrantingServiceAccessOutput](t)(c.ListPoliciesGrantingServiceAccess(ctx, &sdk.ListPoliciesGrantingServiceAccessInput{
		Arn: aws.String(arn + "user/alice"), ServiceNamespaces: []string{"s3", "iam", "sts"},
	}))
	var got []string
	for _, e := range out.PoliciesGrantingServiceAccess {
		names := []string{}
		for _, p := range e.Policies {
			names = append(names, string(p.PolicyType)+" "+*p.PolicyName)
		}
		got = append(got, fmt.Sprint(*e.ServiceNamespace, names))
	}
	same(t, []string{"s3[INLINE test MANAGED AmazonS3ReadOnlyAccess]", "iam[]", "sts[INLINE test]"}, got)
}
