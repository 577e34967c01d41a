package iam_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestRoles(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	name := aws.String("web")
	made := must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{
		RoleName: name, Path: aws.String("/app/"), AssumeRolePolicyDocument: aws.String(trustEC2), Description: aws.String("serves"),
		MaxSessionDuration: aws.Int32(7200), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}))
	want := &types.Role{
		RoleName: name, RoleId: made.Role.RoleId, Path: aws.String("/app/"), Arn: aws.String(arn + "role/app/web"), CreateDate: aws.Time(now),
		AssumeRolePolicyDocument: made.Role.AssumeRolePolicyDocument,
		Tags:                     []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}
	same(t, want, made.Role)
	if text, _ := url.QueryUnescape(*made.Role.AssumeRolePolicyDocument); text != trustEC2 {
		t.Error(text)
	}
	want.Description, want.MaxSessionDuration = aws.String("serves"), aws.Int32(7200) // not told by CreateRole
	p.dir.Touch(*made.Role.RoleId, "sts", "eu-west-1")
	want.RoleLastUsed = &types.RoleLastUsed{LastUsedDate: aws.Time(now), Region: aws.String("eu-west-1")}
	same(t, want, must[*sdk.GetRoleOutput](t)(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: aws.String("WEB")})).Role)

	create := func(name, trust string) error {
		_, err := c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
		return err
	}
	fails(t, create("Web", trustEC2), "EntityAlreadyExists", "Role with name Web already exists.")
	fails(t, create("x", `{"Version":"2012-10-17","Statement":[]}`), "MalformedPolicyDocument", "")
	fails(t, create("x", allowAll), "MalformedPolicyDocument", "Missing required field Principal")
	none := arn + "user/none"
	fails(t, create("x", strings.Replace(trustEC2, `"Service":"ec2.amazonaws.com"`, `"AWS":"`+none+`"`, 1)), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+none+`"`)
	_, err := c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: aws.String(trustEC2), MaxSessionDuration: aws.Int32(60)})
	fails(t, err, "ValidationError", "1 validation error detected: Value at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600")

	must[*sdk.UpdateRoleOutput](t)(c.UpdateRole(ctx, &sdk.UpdateRoleInput{RoleName: name, Description: aws.String("new"), MaxSessionDuration: aws.Int32(3600)}))
	must[*sdk.UpdateRoleOutput](t)(c.UpdateRole(ctx, &sdk.UpdateRoleInput{RoleName: name}))
	kept := must[*sdk.GetRoleOutput](t)(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name})).Role
	if *kept.Description != "new" || *kept.MaxSessionDuration != 3600 {
		t.Errorf("an update of nothing changed the role to %s %d", *kept.Description, *kept.MaxSessionDuration)
	}
	must[*sdk.UpdateRoleDescriptionOutput](t)(c.UpdateRoleDescription(ctx, &sdk.UpdateRoleDescriptionInput{RoleName: name, Description: aws.String("newer")}))
	newTrust := strings.Replace(trustEC2, "ec2", "lambda", 1)
	must[*sdk.UpdateAssumeRolePolicyOutput](t)(c.UpdateAssumeRolePolicy(ctx, &sdk.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: &newTrust}))
	got := must[*sdk.GetRoleOutput](t)(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name})).Role
	if text, _ := url.QueryUnescape(*got.AssumeRolePolicyDocument); text != newTrust || *got.Description != "newer" || *got.MaxSessionDuration != 3600 {
		t.Errorf("%s %s %d", text, *got.Description, *got.MaxSessionDuration)
	}
	must[*sdk.DeleteRoleOutput](t)(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: name}))
	_, err = c.GetRole(ctx, &sdk.GetRoleInput{RoleName: name})
	fails(t, err, "NoSuchEntity", "The role with name web cannot be found.")
}

func TestInstanceProfilesAndPassRole(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	must[*sdk.CreateRoleOutput](t)(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("web"), AssumeRolePolicyDocument: aws.String(trustEC2)}))
	must[*sdk.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: aws.String("prof")}))
	add := &sdk.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("prof"), RoleName: aws.String("web")}
	alice := p.userWith("alice", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"}]}`)
	_, err := alice.AddRoleToInstanceProfile(ctx, add)
	fails(t, err, "AccessDenied", "User: "+arn+"user/alice is not authorized to perform: iam:PassRole on resource: "+arn+"role/web because no identity-based policy allows the iam:PassRole action")
	bob := p.userWith("bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`)
	must[*sdk.AddRoleToInstanceProfileOutput](t)(bob.AddRoleToInstanceProfile(ctx, add))
	_, err = c.AddRoleToInstanceProfile(ctx, add)
	fails(t, err, "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	got := must[*sdk.GetInstanceProfileOutput](t)(c.GetInstanceProfile(ctx, &sdk.GetInstanceProfileInput{InstanceProfileName: aws.String("prof")}))
	if len(got.InstanceProfile.Roles) != 1 || *got.InstanceProfile.Roles[0].RoleName != "web" {
		t.Errorf("%+v", got.InstanceProfile)
	}
	list := must[*sdk.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(ctx, &sdk.ListInstanceProfilesForRoleInput{RoleName: aws.String("web")}))
	if len(list.InstanceProfiles) != 1 {
		t.Errorf("%d profiles", len(list.InstanceProfiles))
	}
	_, err = c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: aws.String("web")})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	_, err = c.DeleteInstanceProfile(ctx, &sdk.DeleteInstanceProfileInput{InstanceProfileName: aws.String("prof")})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	must[*sdk.RemoveRoleFromInstanceProfileOutput](t)(c.RemoveRoleFromInstanceProfile(ctx, &sdk.RemoveRoleFromInstanceProfileInput{InstanceProfileName: aws.String("prof"), RoleName: aws.String("web")}))
	must[*sdk.DeleteInstanceProfileOutput](t)(c.DeleteInstanceProfile(ctx, &sdk.DeleteInstanceProfileInput{InstanceProfileName: aws.String("prof")}))
	_, err = c.GetInstanceProfile(ctx, &sdk.GetInstanceProfileInput{InstanceProfileName: aws.String("prof")})
	fails(t, err, "NoSuchEntity", "Instance Profile prof cannot be found.")
}

func TestServiceLinkedRoles(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	made := must[*sdk.CreateServiceLinkedRoleOutput](t)(c.CreateServiceLinkedRole(ctx, &sdk.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com")}))
	if *made.Role.Arn != arn+"role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS" {
		t.Error(*made.Role.Arn)
	}
	_, err := c.CreateServiceLinkedRole(ctx, &sdk.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("ecs.amazonaws.com")})
	fails(t, err, "InvalidInput", "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix.")
	_, err = c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: made.Role.RoleName})
	fails(t, err, "UnmodifiableEntity", "Cannot perform the operation on the protected role 'AWSServiceRoleForECS' - this role is only modifiable by AWS")
	gone := must[*sdk.DeleteServiceLinkedRoleOutput](t)(c.DeleteServiceLinkedRole(ctx, &sdk.DeleteServiceLinkedRoleInput{RoleName: made.Role.RoleName}))
	status := must[*sdk.GetServiceLinkedRoleDeletionStatusOutput](t)(c.GetServiceLinkedRoleDeletionStatus(ctx, &sdk.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: gone.DeletionTaskId}))
	if status.Status != types.DeletionTaskStatusTypeSucceeded {
		t.Error(status.Status)
	}
	_, err = c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: aws.String("x"), Path: aws.String("/aws-service-role/x/"), AssumeRolePolicyDocument: aws.String(trustEC2)})
	fails(t, err, "InvalidInput", "")
}

func TestBoundaries(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	must[*sdk.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("b"), PolicyDocument: aws.String(allowRead)}))
	b := arn + "policy/b"
	// Whoever may create users only with that boundary cannot create others, nor take it away.
	admin := p.userWith("admin", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:CreateUser","iam:PutUserPolicy","iam:AttachUserPolicy"],"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+b+`"}}},
		{"Effect":"Allow","Action":"iam:DeleteUserPermissionsBoundary","Resource":"*"},
		{"Effect":"Deny","Action":"iam:DeleteUserPermissionsBoundary","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+b+`"}}}]}`)
	_, err := admin.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("free")})
	fails(t, err, "AccessDenied", "")
	made := must[*sdk.CreateUserOutput](t)(admin.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("bound"), PermissionsBoundary: &b}))
	same(t, &types.AttachedPermissionsBoundary{PermissionsBoundaryArn: &b, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy}, made.User.PermissionsBoundary)
	must[*sdk.PutUserPolicyOutput](t)(admin.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: aws.String("bound"), PolicyName: aws.String("all"), PolicyDocument: aws.String(allowAll)}))
	_, err = admin.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: aws.String("admin"), PolicyName: aws.String("all"), PolicyDocument: aws.String(allowAll)})
	fails(t, err, "AccessDenied", "")
	_, err = admin.DeleteUserPermissionsBoundary(ctx, &sdk.DeleteUserPermissionsBoundaryInput{UserName: aws.String("bound")})
	fails(t, err, "AccessDenied", "User: "+arn+"user/admin is not authorized to perform: iam:DeleteUserPermissionsBoundary on resource: user bound with an explicit deny in an identity-based policy")

	key := must[*sdk.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: aws.String("bound")})).AccessKey
	_, err = p.client(*key.AccessKeyId).ListUsers(ctx, &sdk.ListUsersInput{})
	fails(t, err, "AccessDenied", "User: "+arn+"user/bound is not authorized to perform: iam:ListUsers on resource: "+arn+"user/ because no permissions boundary allows the iam:ListUsers action")
	_, err = c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: &b})
	fails(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
	must[*sdk.DeleteUserPermissionsBoundaryOutput](t)(c.DeleteUserPermissionsBoundary(ctx, &sdk.DeleteUserPermissionsBoundaryInput{UserName: aws.String("bound")}))
	must[*sdk.ListUsersOutput](t)(p.client(*key.AccessKeyId).ListUsers(ctx, &sdk.ListUsersInput{}))
}
