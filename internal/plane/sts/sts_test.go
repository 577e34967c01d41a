package sts_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/rolecall-dev/rolecall/internal/plane/mfa"
	"github.com/rolecall-dev/rolecall/internal/plane/planetest"
)

const (
	assumeAny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}]}`
	listUsers = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:ListUsers","iam:ListRoles"],"Resource":"*"}]}`
)

// trust is a trust policy for the principal, with an optional condition.
func trust(principal, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]%s}]}`, principal, condition)
}

func userARN(name string) string { return "arn:aws:iam::" + planetest.Account + ":user/" + name }

func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// wantError checks code and, if it is not empty, a part of the message.
func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		t.Fatalf("error = %v, want %s", err, code)
	}
	if answer.ErrorCode() != code || !strings.Contains(answer.ErrorMessage(), message) {
		t.Fatalf("error = %s: %q, want %s: …%q…", answer.ErrorCode(), answer.ErrorMessage(), code, message)
	}
}

func assume(t *testing.T, p *planetest.Plane, c aws.Credentials, in *sts.AssumeRoleInput) aws.Credentials {
	t.Helper()
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("s1")
	}
	out, err := p.STS(c).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatalf("AssumeRole: %v", err)
	}
	return credentialsOf(out.Credentials)
}

func credentialsOf(c *types.Credentials) aws.Credentials {
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
}

// packed is the size that older clients know; its successor is not in the models that the plane has.
func packed(out *sts.AssumeRoleOutput) *int32 { return out.PackedPolicySize } //nolint:staticcheck // deprecated, and still answered

func whoami(t *testing.T, p *planetest.Plane, c aws.Credentials) string {
	t.Helper()
	out, err := p.STS(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatalf("GetCallerIdentity: %v", err)
	}
	return *out.Arn
}

func TestAssumeRoleGivesTheRoleAndNothingElse(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", "")
	role := p.Role(planetest.Account, "lister", trust(userARN("dev"), ""), listUsers)

	out, err := p.STS(dev).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("build@7")})
	if err != nil {
		t.Fatal(err)
	}
	c := credentialsOf(out.Credentials)
	if got, want := whoami(t, p, c), "arn:aws:sts::"+planetest.Account+":assumed-role/lister/build@7"; got != want {
		t.Errorf("identity %s, want %s", got, want)
	}
	if !strings.HasPrefix(c.AccessKeyID, "ASIA") || len(c.AccessKeyID) != 20 {
		t.Errorf("access key id %q", c.AccessKeyID)
	}
	if n := len(c.SessionToken); n > 1024 {
		t.Errorf("session token has %d characters", n)
	}
	if strings.Contains(c.SessionToken, "lister") || strings.Contains(c.SessionToken, c.SecretAccessKey) {
		t.Error("the session token can be read")
	}
	if left := time.Until(*out.Credentials.Expiration); left < 59*time.Minute || left > time.Hour {
		t.Errorf("expires in %s, want an hour", left)
	}
	if size := packed(out); size != nil {
		t.Errorf("PackedPolicySize %d without policies", *size)
	}
	if _, err := p.IAM(c).ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Errorf("what the role allows: %v", err)
	}
	_, err = p.IAM(c).ListGroups(t.Context(), &iam.ListGroupsInput{})
	wantError(t, err, "AccessDenied", "is not authorized to perform: iam:ListGroups")
	_, err = p.IAM(c).ListGroups(t.Context(), &iam.ListGroupsInput{})
	wantError(t, err, "AccessDenied", "because no identity-based policy allows the iam:ListGroups action")
	_, err = p.IAM(dev).ListUsers(t.Context(), &iam.ListUsersInput{})
	wantError(t, err, "AccessDenied", "")
}

func TestWhoMayAssume(t *testing.T) {
	p := planetest.New(t)
	named := p.User(planetest.Account, "named", "")
	granted := p.User(planetest.Account, "granted", assumeAny)
	foreign := p.User(planetest.OtherAccount, "foreign", assumeAny)
	foreignBare := p.User(planetest.OtherAccount, "foreign-bare", "")
	byName := p.Role(planetest.Account, "by-name", trust(userARN("named"), ""), "")
	byAccount := p.Role(planetest.Account, "by-account", trust(rootARN(planetest.Account), ""), "")
	byOther := p.Role(planetest.Account, "by-other", trust(rootARN(planetest.OtherAccount), ""), "")

	for _, tt := range []struct {
		name string
		c    aws.Credentials
		role string
		ok   bool
	}{
		{"named by the trust policy, no policy of its own", named, byName, true},
		{"not named", granted, byName, false},
		{"account trusted, own policy allows", granted, byAccount, true},
		{"account trusted, own policy silent", named, byAccount, false},
		{"other account trusted, own policy allows", foreign, byOther, true},
		{"other account trusted, own policy silent", foreignBare, byOther, false},
		{"other account, not trusted", foreign, byAccount, false},
		{"same account, other trusted", granted, byOther, false},
		{"no such role", granted, "arn:aws:iam::" + planetest.Account + ":role/nobody", false},
		{"wrong path", granted, "arn:aws:iam::" + planetest.Account + ":role/x/by-account", false},
		{"root", p.Root(planetest.Account), byAccount, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := p.STS(tt.c).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &tt.role, RoleSessionName: aws.String("s1")})
			if tt.ok && err != nil {
				t.Fatal(err)
			}
			if !tt.ok {
				wantError(t, err, "AccessDenied", "")
			}
		})
	}
}

func TestTrustConditions(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", "")
	external := p.Role(planetest.Account, "external", trust(userARN("dev"), `{"StringEquals":{"sts:ExternalId":"x-17"}}`), "")
	ctx := t.Context()

	_, err := p.STS(dev).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &external, RoleSessionName: aws.String("s1")})
	wantError(t, err, "AccessDenied", "sts:AssumeRole")
	_, err = p.STS(dev).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &external, RoleSessionName: aws.String("s1"), ExternalId: aws.String("x-18")})
	wantError(t, err, "AccessDenied", "")
	assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &external, ExternalId: aws.String("x-17")})

	session := p.Role(planetest.Account, "session-name", trust(userARN("dev"), `{"StringLike":{"sts:RoleSessionName":"${aws:username}-*"}}`), "")
	assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &session, RoleSessionName: aws.String("dev-1")})
	_, err = p.STS(dev).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &session, RoleSessionName: aws.String("eve-1")})
	wantError(t, err, "AccessDenied", "")
}

func TestDurations(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", assumeAny)
	first := p.Role(planetest.Account, "first", trust(userARN("dev"), ""), assumeAny)
	second := p.Role(planetest.Account, "second", trust(first, ""), "")
	ctx := t.Context()
	if _, err := p.IAM(p.Root(planetest.Account)).UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: aws.String("second"), MaxSessionDuration: aws.Int32(43200)}); err != nil {
		t.Fatal(err)
	}
	for seconds, message := range map[int32]string{
		899:   "Member must have value greater than or equal to 900",
		43201: "Member must have value less than or equal to 43200",
		3601:  "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
	} {
		_, err := p.STS(dev).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &first, RoleSessionName: aws.String("s1"), DurationSeconds: &seconds})
		wantError(t, err, "ValidationError", message)
	}
	chained := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &first, DurationSeconds: aws.Int32(900)})
	_, err := p.STS(chained).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &second, RoleSessionName: aws.String("s2"), DurationSeconds: aws.Int32(3601)})
	wantError(t, err, "ValidationError", "1 hour session limit for roles assumed by role chaining")
	assume(t, p, chained, &sts.AssumeRoleInput{RoleArn: &second, DurationSeconds: aws.Int32(3600)})

	p.Advance(16 * time.Minute)
	_, err = p.STS(chained).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	// The client's clock is now a quarter of an hour behind, so either refusal would do on its own;
	// the session's end must not be hidden by the other.
	var answer smithy.APIError
	if !errors.As(err, &answer) || (answer.ErrorCode() != "ExpiredToken" && answer.ErrorCode() != "SignatureDoesNotMatch") {
		t.Errorf("after its end: %v", err)
	}
}

func TestTagsAndSourceIdentity(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", assumeAny)
	tagged := p.Role(planetest.Account, "tagged", trust(userARN("dev"), ""),
		`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}},
			{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Resource":"*"}]}`)
	next := p.Role(planetest.Account, "next", trust(tagged, ""), strings.ReplaceAll(listUsers, `"Resource":"*"`, `"Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"Alice"}}`))
	untagging := p.Role(planetest.Account, "untagging", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+tagged+`"},"Action":"sts:AssumeRole"}}`, "")
	ctx := t.Context()
	tags := []types.Tag{{Key: aws.String("Team"), Value: aws.String("blue")}, {Key: aws.String("job"), Value: aws.String("7")}}

	plain := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &tagged})
	_, err := p.IAM(plain).ListUsers(ctx, &iam.ListUsersInput{})
	wantError(t, err, "AccessDenied", "")
	c := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &tagged, Tags: tags, TransitiveTagKeys: []string{"Team"}, SourceIdentity: aws.String("Alice")})
	if _, err := p.IAM(c).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
		t.Errorf("with the tag: %v", err)
	}
	d := assume(t, p, c, &sts.AssumeRoleInput{RoleArn: &next})
	if _, err := p.IAM(d).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
		t.Errorf("with the transitive tag and the source identity: %v", err)
	}
	_, err = p.STS(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &next, RoleSessionName: aws.String("s2"), Tags: tags[:1]})
	wantError(t, err, "InvalidParameterValue", "conflicts with a transitive tag key")
	_, err = p.STS(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &next, RoleSessionName: aws.String("s2"), SourceIdentity: aws.String("Mallory")})
	wantError(t, err, "ValidationError", "The source identity is already set for this assume role session")
	_, err = p.STS(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &untagging, RoleSessionName: aws.String("s2")})
	wantError(t, err, "AccessDenied", "sts:TagSession")
	_, err = p.STS(dev).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &tagged, RoleSessionName: aws.String("s1"), Tags: tags, TransitiveTagKeys: []string{"other"}})
	wantError(t, err, "InvalidParameterValue", "must be included in the requested tags")
	twice := append(tags, types.Tag{Key: aws.String("TEAM"), Value: aws.String("red")})
	_, err = p.STS(dev).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &tagged, RoleSessionName: aws.String("s1"), Tags: twice})
	wantError(t, err, "InvalidParameterValue", "Duplicate tag keys")
}

func TestSessionPolicies(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", "")
	role := p.Role(planetest.Account, "lister", trust(userARN("dev"), ""), listUsers)
	ctx := t.Context()
	made, err := p.IAM(p.Root(planetest.Account)).CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("roles-only"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	inline := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}`
	for _, tt := range []struct {
		name         string
		in           sts.AssumeRoleInput
		users, roles bool
	}{
		{"none", sts.AssumeRoleInput{}, true, true},
		{"inline", sts.AssumeRoleInput{Policy: &inline}, true, false},
		{"managed", sts.AssumeRoleInput{PolicyArns: []types.PolicyDescriptorType{{Arn: made.Policy.Arn}}}, false, true},
		{"both are a union", sts.AssumeRoleInput{Policy: &inline, PolicyArns: []types.PolicyDescriptorType{{Arn: made.Policy.Arn}}}, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.RoleArn = &role
			c := assume(t, p, dev, &tt.in)
			_, err := p.IAM(c).ListUsers(ctx, &iam.ListUsersInput{})
			if tt.users != (err == nil) {
				t.Errorf("ListUsers: %v, want allowed %v", err, tt.users)
			}
			_, err = p.IAM(c).ListRoles(ctx, &iam.ListRolesInput{})
			if tt.roles != (err == nil) {
				t.Errorf("ListRoles: %v, want allowed %v", err, tt.roles)
			}
			if !tt.roles {
				wantError(t, err, "AccessDenied", "because no session policy allows the iam:ListRoles action")
			}
		})
	}
	for name, in := range map[string]sts.AssumeRoleInput{
		"MalformedPolicyDocument": {Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Perhaps","Action":"*","Resource":"*"}}`)},
		"ValidationError":         {PolicyArns: []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::" + planetest.Account + ":policy/none")}}},
	} {
		in.RoleArn, in.RoleSessionName = &role, aws.String("s1")
		_, err := p.STS(dev).AssumeRole(ctx, &in)
		wantError(t, err, name, "")
	}
}

func TestRevocation(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", "")
	role := p.Role(planetest.Account, "lister", trust(userARN("dev"), ""), listUsers)
	admin, ctx := p.IAM(p.Root(planetest.Account)), t.Context()
	old := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &role})
	time.Sleep(1100 * time.Millisecond)
	revoke := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":%q}}}}`,
		time.Now().UTC().Format(time.RFC3339))
	if _, err := admin.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("lister"), PolicyName: aws.String("AWSRevokeOlderSessions"), PolicyDocument: &revoke}); err != nil {
		t.Fatal(err)
	}
	_, err := p.IAM(old).ListUsers(ctx, &iam.ListUsersInput{})
	wantError(t, err, "AccessDenied", "with an explicit deny in an identity-based policy")
	time.Sleep(1100 * time.Millisecond)
	fresh := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &role})
	if _, err := p.IAM(fresh).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
		t.Errorf("a newer session: %v", err)
	}
	// A role that is deleted and made anew does not inherit the sessions of its namesake.
	for _, name := range []string{"p", "AWSRevokeOlderSessions"} {
		if _, err := admin.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("lister"), PolicyName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := admin.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("lister")}); err != nil {
		t.Fatal(err)
	}
	p.Role(planetest.Account, "lister", trust(userARN("dev"), ""), listUsers)
	_, err = p.STS(fresh).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	wantError(t, err, "InvalidClientTokenId", "")
}

func TestRefusedSignatures(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", "")
	role := p.Role(planetest.Account, "r", trust(userARN("dev"), ""), "")
	good := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &role})
	other := assume(t, p, dev, &sts.AssumeRoleInput{RoleArn: &role})
	change := func(c aws.Credentials, f func(*aws.Credentials)) aws.Credentials { f(&c); return c }
	for _, tt := range []struct {
		name, code string
		c          aws.Credentials
	}{
		{"wrong secret", "SignatureDoesNotMatch", change(dev, func(c *aws.Credentials) { c.SecretAccessKey += "x" })},
		{"unknown key", "InvalidClientTokenId", change(dev, func(c *aws.Credentials) { c.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" })},
		{"temporary key without its token", "InvalidClientTokenId", change(good, func(c *aws.Credentials) { c.SessionToken = "" })},
		{"another session's token", "InvalidClientTokenId", change(good, func(c *aws.Credentials) { c.SessionToken = other.SessionToken })},
		{"another session's secret", "SignatureDoesNotMatch", change(good, func(c *aws.Credentials) { c.SecretAccessKey = other.SecretAccessKey })},
		{"truncated token", "InvalidClientTokenId", change(good, func(c *aws.Credentials) { c.SessionToken = c.SessionToken[:40] })},
		{"garbage token", "InvalidClientTokenId", change(good, func(c *aws.Credentials) { c.SessionToken = "garbage" })},
		{"user's key with a session's token", "InvalidClientTokenId", change(dev, func(c *aws.Credentials) { c.SessionToken = good.SessionToken })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := p.STS(tt.c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			wantError(t, err, tt.code, "")
		})
	}
	if got := whoami(t, p, good); !strings.Contains(got, ":assumed-role/r/") {
		t.Errorf("the untouched session is %s", got)
	}
}

func TestGetSessionToken(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", listUsers)
	ctx := t.Context()
	out, err := p.STS(dev).GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.Credentials.Expiration); left < 12*time.Hour-time.Minute || left > 12*time.Hour {
		t.Errorf("expires in %s, want 12 h", left)
	}
	c := credentialsOf(out.Credentials)
	if got := whoami(t, p, c); got != userARN("dev") {
		t.Errorf("identity %s", got)
	}
	_, err = p.IAM(c).ListUsers(ctx, &iam.ListUsersInput{})
	wantError(t, err, "InvalidClientTokenId", "")
	_, err = p.STS(c).GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	wantError(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	_, err = p.STS(c).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
	wantError(t, err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
	_, err = p.STS(c).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &dev.AccessKeyID})
	wantError(t, err, "AccessDenied", "Cannot call GetAccessKeyInfo with session credentials")
	_, err = p.STS(c).DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: aws.String("x")})
	wantError(t, err, "AccessDenied", "Cannot call DecodeAuthorizationMessage with session credentials")
	root, err := p.STS(p.Root(planetest.Account)).GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(7200)})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*root.Credentials.Expiration); left > time.Hour {
		t.Errorf("root's session lives for %s", left)
	}
}

func TestMFA(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`)
	admin, ctx := p.IAM(p.Root(planetest.Account)), t.Context()
	device, err := admin.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("dev")})
	if err != nil {
		t.Fatal(err)
	}
	serial, seed := device.VirtualMFADevice.SerialNumber, string(device.VirtualMFADevice.Base32StringSeed)
	step := p.Now().Unix() / 30
	code := func(step int64) *string {
		c, err := mfa.Code(seed, step)
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	if _, err := admin.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: aws.String("dev"), SerialNumber: serial, AuthenticationCode1: code(step - 1), AuthenticationCode2: code(step)}); err != nil {
		t.Fatal(err)
	}
	role := p.Role(planetest.Account, "careful", trust(userARN("dev"), `{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`), "")
	_, err = p.STS(dev).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1")})
	wantError(t, err, "AccessDenied", "")
	_, err = p.STS(dev).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: aws.String("000000")})
	wantError(t, err, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
	_, err = p.STS(dev).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: serial})
	wantError(t, err, "AccessDenied", "must provide both MFA serial number and one time pass code.")
	_, err = p.STS(dev).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: aws.String(*serial + "x"), TokenCode: code(step)})
	wantError(t, err, "AccessDenied", "unable to validate MFA code")
	out, err := p.STS(dev).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: code(step + 1)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.STS(dev).GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: code(step + 1)})
	wantError(t, err, "AccessDenied", "invalid MFA one time pass code")
	c := credentialsOf(out.Credentials)
	if _, err := p.IAM(c).ListUsers(ctx, &iam.ListUsersInput{}); err != nil {
		t.Errorf("IAM with MFA: %v", err)
	}
	assume(t, p, c, &sts.AssumeRoleInput{RoleArn: &role})
}

func TestGetFederationToken(t *testing.T) {
	p := planetest.New(t)
	broker := p.User(planetest.Account, "broker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"},{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`)
	ctx := t.Context()
	grant := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	out, err := p.STS(broker).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: &grant})
	if err != nil {
		t.Fatal(err)
	}
	c := credentialsOf(out.Credentials)
	if got, want := whoami(t, p, c), "arn:aws:sts::"+planetest.Account+":federated-user/bob"; got != want || *out.FederatedUser.Arn != want {
		t.Errorf("identity %s and %s, want %s", got, *out.FederatedUser.Arn, want)
	}
	if _, err := p.S3(c).ListBuckets(ctx, nil); err != nil {
		t.Errorf("what user and session policy both allow: %v", err)
	}
	_, err = p.IAM(c).ListUsers(ctx, &iam.ListUsersInput{})
	wantError(t, err, "InvalidClientTokenId", "")
	bare, err := p.STS(broker).GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.S3(credentialsOf(bare.Credentials)).ListBuckets(ctx, nil)
	wantError(t, err, "AccessDenied", "")
}

func TestFederationByRootGrantsWhatTheSessionPolicySays(t *testing.T) {
	p := planetest.New(t)
	ctx, root := t.Context(), p.STS(p.Root(planetest.Account))
	grant := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}}`
	out, err := root.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: &grant, DurationSeconds: aws.Int32(7200)})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.Credentials.Expiration); left > time.Hour {
		t.Errorf("lives for %s, want an hour at most", left)
	}
	c := credentialsOf(out.Credentials)
	if _, err := p.S3(c).ListBuckets(ctx, nil); err != nil {
		t.Errorf("what the session policy allows: %v", err)
	}
	_, err = p.STS(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + planetest.Account + ":role/any"), RoleSessionName: aws.String("s1")})
	wantError(t, err, "AccessDenied", "")
	bare, err := root.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.S3(credentialsOf(bare.Credentials)).ListBuckets(ctx, nil)
	wantError(t, err, "AccessDenied", "")
}

// TestPackedSizeIsBounded holds the limit on session tags and policies, which the shapes do not have.
func TestPackedSizeIsBounded(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", "")
	role := p.Role(planetest.Account, "r", trust(userARN("dev"), ""), "")
	var tags []types.Tag
	for i := range 50 {
		random := make([]byte, 96)
		_, _ = rand.Read(random)
		tags = append(tags, types.Tag{Key: aws.String(fmt.Sprintf("k%02d-%x", i, random[:30])), Value: aws.String(fmt.Sprintf("%x", random))})
	}
	_, err := p.STS(dev).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1"), Tags: tags})
	wantError(t, err, "PackedPolicyTooLarge", "Packed size of session tags consumes")
	out, err := p.STS(dev).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("s1"), Tags: tags[:1]})
	if err != nil {
		t.Fatal(err)
	}
	if size := packed(out); size == nil || *size < 1 || *size > 100 {
		t.Errorf("PackedPolicySize %v", size)
	}
}

func TestGetAccessKeyInfo(t *testing.T) {
	p := planetest.New(t)
	foreign := p.User(planetest.OtherAccount, "foreign", "")
	out, err := p.STS(p.Root(planetest.Account)).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &foreign.AccessKeyID})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != planetest.OtherAccount {
		t.Errorf("account %s", *out.Account)
	}
	_, err = p.STS(foreign).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &foreign.AccessKeyID})
	wantError(t, err, "AccessDenied", "sts:GetAccessKeyInfo")
}

func TestDecodeAuthorizationMessage(t *testing.T) {
	p := planetest.New(t)
	dev := p.User(planetest.Account, "dev", listUsers)
	encoded := p.Denial(dev)
	out, err := p.STS(p.Root(planetest.Account)).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	if err != nil {
		t.Fatal(err)
	}
	var detail struct {
		Allowed bool
		Context struct {
			Action    string
			Principal struct{ ARN string }
		}
	}
	if err := json.Unmarshal([]byte(*out.DecodedMessage), &detail); err != nil {
		t.Fatal(err)
	}
	if detail.Allowed || detail.Context.Action != "iam:ListGroups" || detail.Context.Principal.ARN != userARN("dev") {
		t.Errorf("decoded %+v", detail)
	}
	_, err = p.STS(p.Root(planetest.OtherAccount)).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	wantError(t, err, "InvalidAuthorizationMessageException", "")
}
