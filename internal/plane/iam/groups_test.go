package iam_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestGroups(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	alice := p.userWith("alice", "")
	made := must[*sdk.CreateGroupOutput](t)(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("Devs"), Path: aws.String("/eng/")}))
	same(t, &types.Group{GroupName: aws.String("Devs"), GroupId: made.Group.GroupId, Path: aws.String("/eng/"), Arn: aws.String(arn + "group/eng/Devs"), CreateDate: aws.Time(now)}, made.Group)
	_, err := c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("devs")})
	fails(t, err, "EntityAlreadyExists", "Group with name devs already exists.")

	_, err = alice.ListGroups(ctx, &sdk.ListGroupsInput{})
	fails(t, err, "AccessDenied", "")
	for range 2 { // joining twice is no error
		must[*sdk.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("devs"), UserName: aws.String("alice")}))
	}
	must[*sdk.PutGroupPolicyOutput](t)(c.PutGroupPolicy(ctx, &sdk.PutGroupPolicyInput{GroupName: aws.String("devs"), PolicyName: aws.String("all"), PolicyDocument: aws.String(allowAll)}))
	// The right is in force with the answer.
	must[*sdk.ListGroupsOutput](t)(alice.ListGroups(ctx, &sdk.ListGroupsInput{}))

	got := must[*sdk.GetGroupOutput](t)(c.GetGroup(ctx, &sdk.GetGroupInput{GroupName: aws.String("devs")}))
	if len(got.Users) != 1 || *got.Users[0].UserName != "alice" {
		t.Errorf("%+v", got.Users)
	}
	list := must[*sdk.ListGroupsForUserOutput](t)(c.ListGroupsForUser(ctx, &sdk.ListGroupsForUserInput{UserName: aws.String("alice")}))
	if len(list.Groups) != 1 || *list.Groups[0].GroupName != "Devs" {
		t.Errorf("%+v", list.Groups)
	}
	_, err = c.DeleteGroup(ctx, &sdk.DeleteGroupInput{GroupName: aws.String("devs")})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
	_, err = c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("none"), UserName: aws.String("alice")})
	fails(t, err, "NoSuchEntity", "The group with name none cannot be found.")
	_, err = c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("devs"), UserName: aws.String("none")})
	fails(t, err, "NoSuchEntity", "The user with name none cannot be found.")
	for i := range 9 {
		name := aws.String(fmt.Sprint("g", i))
		must[*sdk.CreateGroupOutput](t)(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: name}))
		must[*sdk.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: name, UserName: aws.String("alice")}))
	}
	must[*sdk.CreateGroupOutput](t)(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("g9")}))
	_, err = c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("g9"), UserName: aws.String("alice")})
	fails(t, err, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")

	must[*sdk.UpdateGroupOutput](t)(c.UpdateGroup(ctx, &sdk.UpdateGroupInput{GroupName: aws.String("devs"), NewGroupName: aws.String("ops"), NewPath: aws.String("/")}))
	must[*sdk.RemoveUserFromGroupOutput](t)(c.RemoveUserFromGroup(ctx, &sdk.RemoveUserFromGroupInput{GroupName: aws.String("ops"), UserName: aws.String("alice")}))
	_, err = alice.ListGroups(ctx, &sdk.ListGroupsInput{})
	fails(t, err, "AccessDenied", "")
	_, err = c.DeleteGroup(ctx, &sdk.DeleteGroupInput{GroupName: aws.String("ops")})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	must[*sdk.DeleteGroupPolicyOutput](t)(c.DeleteGroupPolicy(ctx, &sdk.DeleteGroupPolicyInput{GroupName: aws.String("ops"), PolicyName: aws.String("all")}))
	must[*sdk.DeleteGroupOutput](t)(c.DeleteGroup(ctx, &sdk.DeleteGroupInput{GroupName: aws.String("ops")}))
}
