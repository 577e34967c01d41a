package iam_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

var ctx = context.Background()

func TestUsers(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	made := must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("Alice"), Path: aws.String("/eng/"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("a")}}}))
	want := &types.User{
		UserName: aws.String("Alice"), Path: aws.String("/eng/"), Arn: aws.String(arn + "user/eng/Alice"), CreateDate: aws.Time(now),
		UserId: made.User.UserId, Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("a")}},
	}
	same(t, want, made.User)
	if !strings.HasPrefix(*made.User.UserId, "AIDA") {
		t.Errorf("user id %s", *made.User.UserId)
	}
	got := must[*sdk.GetUserOutput](t)(c.GetUser(ctx, &sdk.GetUserInput{UserName: aws.String("alice")}))
	same(t, want, got.User)

	_, err := c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("ALICE")})
	fails(t, err, "EntityAlreadyExists", "User with name ALICE already exists.")
	_, err = c.GetUser(ctx, &sdk.GetUserInput{UserName: aws.String("bob")})
	fails(t, err, "NoSuchEntity", "The user with name bob cannot be found.")
	_, err = c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("a b")})
	fails(t, err, "ValidationError", "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
	_, err = c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("bob"), PermissionsBoundary: aws.String(arn + "policy/none")})
	fails(t, err, "NoSuchEntity", "Scope ARN: "+arn+"policy/none does not exist or is not attachable.")
	_, err = c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("bob"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("1")}, {Key: aws.String("K"), Value: aws.String("2")}}})
	fails(t, err, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")

	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("bob")}))
	_, err = c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: aws.String("alice"), NewUserName: aws.String("BOB")})
	fails(t, err, "EntityAlreadyExists", "User with name BOB already exists.")
	must[*sdk.UpdateUserOutput](t)(c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: aws.String("alice"), NewUserName: aws.String("alicia"), NewPath: aws.String("/")}))
	got = must[*sdk.GetUserOutput](t)(c.GetUser(ctx, &sdk.GetUserInput{UserName: aws.String("alicia")}))
	if *got.User.Arn != arn+"user/alicia" || *got.User.UserId != *made.User.UserId {
		t.Errorf("renamed to %s %s", *got.User.Arn, *got.User.UserId)
	}
	must[*sdk.DeleteUserOutput](t)(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("bob")}))
	_, err = c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("bob")})
	fails(t, err, "NoSuchEntity", "The user with name bob cannot be found.")
}

func TestUserTags(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("alice")}))
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	must[*sdk.TagUserOutput](t)(c.TagUser(ctx, &sdk.TagUserInput{UserName: aws.String("alice"), Tags: []types.Tag{tag("a", "1"), tag("b", "2"), tag("c", "")}}))
	must[*sdk.TagUserOutput](t)(c.TagUser(ctx, &sdk.TagUserInput{UserName: aws.String("alice"), Tags: []types.Tag{tag("B", "3")}}))
	must[*sdk.UntagUserOutput](t)(c.UntagUser(ctx, &sdk.UntagUserInput{UserName: aws.String("alice"), TagKeys: []string{"A", "nope"}}))
	got := must[*sdk.ListUserTagsOutput](t)(c.ListUserTags(ctx, &sdk.ListUserTagsInput{UserName: aws.String("alice"), MaxItems: aws.Int32(1)}))
	same(t, []types.Tag{tag("B", "3")}, got.Tags)
	if !got.IsTruncated {
		t.Error("not truncated")
	}
	got = must[*sdk.ListUserTagsOutput](t)(c.ListUserTags(ctx, &sdk.ListUserTagsInput{UserName: aws.String("alice"), Marker: got.Marker}))
	same(t, []types.Tag{tag("c", "")}, got.Tags)
	_, err := c.TagUser(ctx, &sdk.TagUserInput{UserName: aws.String("alice"), Tags: []types.Tag{tag("aws:x", "1")}})
	fails(t, err, "InvalidInput", "aws: prefixed tag key names are not allowed for external use.")
	var many []types.Tag
	for i := range 49 {
		many = append(many, tag(fmt.Sprint("k", i), ""))
	}
	_, err = c.TagUser(ctx, &sdk.TagUserInput{UserName: aws.String("alice"), Tags: many})
	fails(t, err, "LimitExceeded", "The number of tags has reached the maximum limit.")
}

func TestListUsersPages(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	for i := range 7 {
		path := "/a/"
		if i%2 == 1 {
			path = "/b/"
		}
		must[*sdk.CreateUserOutput](t)(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String(fmt.Sprintf("u%d", i)), Path: &path}))
	}
	var names []string
	pages := sdk.NewListUsersPaginator(c, &sdk.ListUsersInput{PathPrefix: aws.String("/a"), MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		page := must[*sdk.ListUsersOutput](t)(pages.NextPage(ctx))
		for _, u := range page.Users {
			names = append(names, *u.UserName)
		}
		names = append(names, "|")
	}
	if got := strings.Join(names, " "); got != "u0 u2 u4 | u6 |" {
		t.Error(got)
	}
	_, err := c.ListUsers(ctx, &sdk.ListUsersInput{Marker: aws.String("nonsense")})
	fails(t, err, "ValidationError", "Invalid Marker.")
}

func TestOwnUser(t *testing.T) {
	p := newPlane(t)
	alice := p.userWith("alice", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"`+arn+`user/${aws:username}"}}`)
	got := must[*sdk.GetUserOutput](t)(alice.GetUser(ctx, &sdk.GetUserInput{}))
	if *got.User.UserName != "alice" {
		t.Error(*got.User.UserName)
	}
	must[*sdk.GetUserOutput](t)(p.root().GetUser(ctx, &sdk.GetUserInput{}))
	_, err := alice.GetUser(ctx, &sdk.GetUserInput{UserName: aws.String("bob")})
	fails(t, err, "AccessDenied", "User: "+arn+"user/alice is not authorized to perform: iam:GetUser on resource: user bob because no identity-based policy allows the iam:GetUser action")

	key := must[*sdk.CreateAccessKeyOutput](t)(alice.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{})).AccessKey
	if *key.UserName != "alice" || len(*key.SecretAccessKey) != 40 {
		t.Errorf("key of %s", *key.UserName)
	}
	_, err = alice.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{})
	fails(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	must[*sdk.UpdateAccessKeyOutput](t)(alice.UpdateAccessKey(ctx, &sdk.UpdateAccessKeyInput{AccessKeyId: key.AccessKeyId, Status: types.StatusTypeInactive}))
	list := must[*sdk.ListAccessKeysOutput](t)(alice.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{}))
	if len(list.AccessKeyMetadata) != 2 {
		t.Errorf("%d keys", len(list.AccessKeyMetadata))
	}
	p.dir.Touch(*key.AccessKeyId, "s3", "eu-west-1")
	used := must[*sdk.GetAccessKeyLastUsedOutput](t)(alice.GetAccessKeyLastUsed(ctx, &sdk.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId}))
	same(t, &types.AccessKeyLastUsed{LastUsedDate: aws.Time(now), ServiceName: aws.String("s3"), Region: aws.String("eu-west-1")}, used.AccessKeyLastUsed)
	must[*sdk.DeleteAccessKeyOutput](t)(alice.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId}))
	_, err = alice.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId})
	fails(t, err, "NoSuchEntity", "The Access Key with id "+*key.AccessKeyId+" cannot be found.")
	for _, a := range p.audit {
		if strings.Contains(string(a.ResponseElements)+string(a.RequestParameters), *key.SecretAccessKey) {
			t.Errorf("secret in the audit record: %s", a.ResponseElements)
		}
	}
}
