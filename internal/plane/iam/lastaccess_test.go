package iam_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

// TestLastAccess runs a whole plane, since the reports are of its audit log.
func TestLastAccess(t *testing.T) {
	ctx, state := t.Context(), filepath.Join(t.TempDir(), "state")
	var first, ann string
	t.Run("calls", func(t *testing.T) {
		p := planetest.At(t, state)
		root := p.IAM(p.Root(planetest.Account))
		key := p.User(planetest.Account, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:List*","iam:GetUser","sqs:*"],"Resource":"*"}]}`)
		p.User(planetest.Account, "bob", "")
		ann = "arn:aws:iam::" + planetest.Account + ":user/ann"
		must[*sdk.ListUsersOutput](t)(p.IAM(key).ListUsers(ctx, &sdk.ListUsersInput{}))
		_, err := p.IAM(key).ListGroups(ctx, &sdk.ListGroupsInput{})
		if err != nil {
			t.Fatal(err)
		}
		// An attempt counts, though it is refused.
		_, err = p.IAM(key).CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("x")})
		fails(t, err, "AccessDenied", "")
		job := must[*sdk.GenerateServiceLastAccessedDetailsOutput](t)(root.GenerateServiceLastAccessedDetails(ctx, &sdk.GenerateServiceLastAccessedDetailsInput{Arn: &ann}))
		got := must[*sdk.GetServiceLastAccessedDetailsOutput](t)(root.GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job.JobId}))
		first = brief(got.ServicesLastAccessed)
		if got.JobStatus != types.JobStatusTypeCompleted || got.JobType != types.AccessAdvisorUsageGranularityTypeServiceLevel || got.IsTruncated || got.JobCompletionDate == nil {
			t.Errorf("%+v", got)
		}
		if want := "iam (AWS Identity and Access Management) 1 ann us-east-1; sqs (Amazon SQS) 0 - -"; first != want {
			t.Errorf("got  %s\nwant %s", first, want)
		}
		if age := time.Since(*got.ServicesLastAccessed[0].LastAuthenticated); age < 0 || age > time.Minute {
			t.Errorf("last authenticated %v ago", age)
		}
		page := must[*sdk.GetServiceLastAccessedDetailsOutput](t)(root.GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job.JobId, MaxItems: aws.Int32(1)}))
		rest := must[*sdk.GetServiceLastAccessedDetailsOutput](t)(root.GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job.JobId, Marker: page.Marker}))
		if both := brief(append(page.ServicesLastAccessed, rest.ServicesLastAccessed...)); !page.IsTruncated || rest.IsTruncated || both != first {
			t.Errorf("pages: %s", both)
		}
		_, err = p.IAM(p.Root(planetest.OtherAccount)).GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job.JobId})
		fails(t, err, "NoSuchEntity", "Job with id "+*job.JobId+" cannot be found.")
		_, err = root.GenerateServiceLastAccessedDetails(ctx, &sdk.GenerateServiceLastAccessedDetailsInput{Arn: aws.String(ann + "a")})
		fails(t, err, "NoSuchEntity", "")
		_, err = root.GenerateServiceLastAccessedDetails(ctx, &sdk.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:s3:::a-bucket-name")})
		fails(t, err, "InvalidInput", "")
	})
	t.Run("after a restart", func(t *testing.T) {
		p := planetest.At(t, state)
		root := p.IAM(p.Root(planetest.Account))
		made := must[*sdk.CreatePolicyOutput](t)(root.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: aws.String("all"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":["sts:*","iam:C*","iam:D*","iam:S*","iam:T*","iam:U*","iam:P*","iam:R*","iam:A*","iam:E*","iam:Get*","iam:Gen*"],"Resource":"*"}}`)}))
		must[*sdk.CreateGroupOutput](t)(root.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("team")}))
		for _, name := range []string{"bob", "ann"} {
			must[*sdk.AddUserToGroupOutput](t)(root.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("team"), UserName: &name}))
		}
		must[*sdk.AttachGroupPolicyOutput](t)(root.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{GroupName: aws.String("team"), PolicyArn: made.Policy.Arn}))
		role := p.Role(planetest.Account, "web", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+planetest.Account+`"},"Action":"sts:AssumeRole"}}`, "")
		must[*sdk.AttachRolePolicyOutput](t)(root.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: aws.String("web"), PolicyArn: made.Policy.Arn}))
		for _, about := range []string{*made.Policy.Arn, "arn:aws:iam::" + planetest.Account + ":group/team"} {
			job := must[*sdk.GenerateServiceLastAccessedDetailsOutput](t)(root.GenerateServiceLastAccessedDetails(ctx, &sdk.GenerateServiceLastAccessedDetailsInput{
				Arn: &about, Granularity: types.AccessAdvisorUsageGranularityTypeActionLevel}))
			got := must[*sdk.GetServiceLastAccessedDetailsOutput](t)(root.GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job.JobId}))
			if brief(got.ServicesLastAccessed) != "iam (AWS Identity and Access Management) 1 ann us-east-1; s3 (Amazon S3) 0 - -" || got.JobType != types.AccessAdvisorUsageGranularityTypeActionLevel {
				t.Errorf("%s: %s", about, brief(got.ServicesLastAccessed))
			}
			used := ""
			for _, a := range got.ServicesLastAccessed[0].TrackedActionsLastAccessed {
				if !strings.HasPrefix(*a.ActionName, "List") {
					t.Errorf("%s tracks %s", about, *a.ActionName)
				}
				if a.LastAccessedEntity != nil {
					used += *a.ActionName + " " + *a.LastAccessedEntity + "; "
				}
			}
			if want := "ListGroups " + ann + "; ListUsers " + ann + "; "; used != want {
				t.Errorf("%s: %s; want %s", about, used, want)
			}
			if n := len(got.ServicesLastAccessed[0].TrackedActionsLastAccessed); n < 20 {
				t.Errorf("%s: %d tracked actions", about, n)
			}
			want := "ann USER true; bob USER false"
			if strings.Contains(about, "policy") {
				want += "; web ROLE false"
			}
			with := must[*sdk.GetServiceLastAccessedDetailsWithEntitiesOutput](t)(root.GetServiceLastAccessedDetailsWithEntities(ctx, &sdk.GetServiceLastAccessedDetailsWithEntitiesInput{
				JobId: job.JobId, ServiceNamespace: aws.String("iam")}))
			if list := entities(with.EntityDetailsList); list != want {
				t.Errorf("%s: %s", about, list)
			}
			with = must[*sdk.GetServiceLastAccessedDetailsWithEntitiesOutput](t)(root.GetServiceLastAccessedDetailsWithEntities(ctx, &sdk.GetServiceLastAccessedDetailsWithEntitiesInput{
				JobId: job.JobId, ServiceNamespace: aws.String("ec2")}))
			if len(with.EntityDetailsList) != 0 || with.JobStatus != types.JobStatusTypeCompleted {
				t.Errorf("%+v", with)
			}
		}
		// A session's calls are its role's.
		out := must[*sts.AssumeRoleOutput](t)(p.STS(p.User(planetest.Account, "carl", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`)).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("session")}))
		session := aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
		must[*sdk.ListRolesOutput](t)(p.IAM(session).ListRoles(ctx, &sdk.ListRolesInput{}))
		job := must[*sdk.GenerateServiceLastAccessedDetailsOutput](t)(root.GenerateServiceLastAccessedDetails(ctx, &sdk.GenerateServiceLastAccessedDetailsInput{Arn: &role}))
		got := must[*sdk.GetServiceLastAccessedDetailsOutput](t)(root.GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job.JobId}))
		if brief(got.ServicesLastAccessed) != "iam (AWS Identity and Access Management) 1 web us-east-1; s3 (Amazon S3) 0 - -" {
			t.Errorf("role: %s", brief(got.ServicesLastAccessed))
		}
	})
}

func brief(list []types.ServiceLastAccessed) string {
	var out []string
	for _, s := range list {
		who, region := "-", "-"
		if s.LastAuthenticatedEntity != nil {
			who, region = (*s.LastAuthenticatedEntity)[strings.LastIndexByte(*s.LastAuthenticatedEntity, '/')+1:], *s.LastAuthenticatedRegion
		}
		out = append(out, *s.ServiceNamespace+" ("+*s.ServiceName+") "+string('0'+rune(*s.TotalAuthenticatedEntities))+" "+who+" "+region)
	}
	return strings.Join(out, "; ")
}

func entities(list []types.EntityDetails) string {
	var out []string
	for _, e := range list {
		seen := "false"
		if e.LastAuthenticated != nil {
			seen = "true"
		}
		out = append(out, *e.EntityInfo.Name+" "+string(e.EntityInfo.Type)+" "+seen)
	}
	return strings.Join(out, "; ")
}
