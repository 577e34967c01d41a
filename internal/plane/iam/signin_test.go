package iam_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/mfa"
)

func TestLoginProfiles(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	alice := p.userWith("alice", "")
	name := aws.String("alice")
	create := func(password string) error {
		_, err := c.CreateLoginProfile(ctx, &sdk.CreateLoginProfileInput{UserName: name, Password: &password, PasswordResetRequired: true})
		return err
	}
	_, err := c.GetLoginProfile(ctx, &sdk.GetLoginProfileInput{UserName: name})
	fails(t, err, "NoSuchEntity", "Login Profile for User alice cannot be found.")
	fails(t, create("Sh0rt!"), "PasswordPolicyViolation", "Password should have a minimum length of 8")
	fails(t, create("onlylowercase"), "PasswordPolicyViolation", "")
	if err := create("Correct-horse-1"); err != nil {
		t.Fatal(err)
	}
	fails(t, create("Correct-horse-2"), "EntityAlreadyExists", "Login Profile for user alice already exists.")
	got := must[*sdk.GetLoginProfileOutput](t)(c.GetLoginProfile(ctx, &sdk.GetLoginProfileInput{UserName: name}))
	same(t, &types.LoginProfile{UserName: name, CreateDate: aws.Time(now), PasswordResetRequired: true}, got.LoginProfile)

	change := func(from, to string) error {
		_, err := alice.ChangePassword(ctx, &sdk.ChangePasswordInput{OldPassword: &from, NewPassword: &to})
		return err
	}
	fails(t, change("Correct-horse-1", "Correct-horse-3"), "AccessDenied", "")
	must[*sdk.UpdateAccountPasswordPolicyOutput](t)(c.UpdateAccountPasswordPolicy(ctx, &sdk.UpdateAccountPasswordPolicyInput{
		AllowUsersToChangePassword: true, MinimumPasswordLength: aws.Int32(12), RequireSymbols: true, PasswordReusePrevention: aws.Int32(2), MaxPasswordAge: aws.Int32(90),
	}))
	policy := must[*sdk.GetAccountPasswordPolicyOutput](t)(c.GetAccountPasswordPolicy(ctx, &sdk.GetAccountPasswordPolicyInput{}))
	same(t, &types.PasswordPolicy{
		AllowUsersToChangePassword: true, MinimumPasswordLength: aws.Int32(12), RequireSymbols: true, PasswordReusePrevention: aws.Int32(2),
		MaxPasswordAge: aws.Int32(90), ExpirePasswords: true,
	}, policy.PasswordPolicy)
	fails(t, change("wrong", "Correct-horse-3"), "AccessDenied", "The old password is not correct.")
	fails(t, change("Correct-horse-1", "short-1"), "PasswordPolicyViolation", "Password should have a minimum length of 12")
	fails(t, change("Correct-horse-1", "withoutasymbol"), "PasswordPolicyViolation", "Password should have at least one symbol")
	fails(t, change("Correct-horse-1", "Correct-horse-1"), "PasswordPolicyViolation", "")
	if err := change("Correct-horse-1", "Correct-horse-3"); err != nil {
		t.Fatal(err)
	}
	fails(t, change("Correct-horse-3", "Correct-horse-1"), "PasswordPolicyViolation", "")
	if err := change("Correct-horse-3", "Correct-horse-4"); err != nil {
		t.Fatal(err)
	}
	_, err = c.ChangePassword(ctx, &sdk.ChangePasswordInput{OldPassword: aws.String("a"), NewPassword: aws.String("b")})
	fails(t, err, "InvalidUserType", "")
	_, err = c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: name})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must delete login profile first.")
	must[*sdk.DeleteLoginProfileOutput](t)(c.DeleteLoginProfile(ctx, &sdk.DeleteLoginProfileInput{UserName: name}))
	must[*sdk.DeleteAccountPasswordPolicyOutput](t)(c.DeleteAccountPasswordPolicy(ctx, &sdk.DeleteAccountPasswordPolicyInput{}))
	_, err = c.GetAccountPasswordPolicy(ctx, &sdk.GetAccountPasswordPolicyInput{})
	fails(t, err, "NoSuchEntity", "The Password Policy with domain name 123456789012 cannot be found.")
	for _, a := range p.audit {
		if strings.Contains(string(a.RequestParameters), "orrect-horse") {
			t.Errorf("password in the audit record: %s", a.RequestParameters)
		}
	}
}

func TestVirtualMFADevices(t *testing.T) {
	p := newPlane(t)
	c := p.root()
	p.userWith("alice", "")
	made := must[*sdk.CreateVirtualMFADeviceOutput](t)(c.CreateVirtualMFADevice(ctx, &sdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})).VirtualMFADevice
	if *made.SerialNumber != arn+"mfa/phone" || len(made.Base32StringSeed) != 64 || !strings.HasPrefix(string(made.QRCodePNG), "\x89PNG") {
		t.Fatalf("%s, %d, %q", *made.SerialNumber, len(made.Base32StringSeed), made.QRCodePNG[:4])
	}
	code := func(offset int64) *string {
		text, err := mfa.Code(string(made.Base32StringSeed), p.now.Unix()/30+offset)
		if err != nil {
			t.Fatal(err)
		}
		return &text
	}
	enable := func(a, b *string) error {
		_, err := c.EnableMFADevice(ctx, &sdk.EnableMFADeviceInput{UserName: aws.String("alice"), SerialNumber: made.SerialNumber, AuthenticationCode1: a, AuthenticationCode2: b})
		return err
	}
	fails(t, enable(code(0), code(0)), "InvalidAuthenticationCode", "Authentication code for device is not valid.")
	fails(t, enable(code(0), code(-1)), "InvalidAuthenticationCode", "")
	if err := enable(code(-1), code(0)); err != nil {
		t.Fatal(err)
	}
	fails(t, enable(code(-1), code(0)), "EntityAlreadyExists", "MFA Device is already in use.")
	list := must[*sdk.ListMFADevicesOutput](t)(c.ListMFADevices(ctx, &sdk.ListMFADevicesInput{UserName: aws.String("alice")}))
	same(t, []types.MFADevice{{UserName: aws.String("alice"), SerialNumber: made.SerialNumber, EnableDate: aws.Time(now)}}, list.MFADevices)
	virtual := must[*sdk.ListVirtualMFADevicesOutput](t)(c.ListVirtualMFADevices(ctx, &sdk.ListVirtualMFADevicesInput{AssignmentStatus: types.AssignmentStatusTypeAssigned}))
	if len(virtual.VirtualMFADevices) != 1 || *virtual.VirtualMFADevices[0].User.UserName != "alice" || virtual.VirtualMFADevices[0].Base32StringSeed != nil {
		t.Errorf("%+v", virtual.VirtualMFADevices)
	}

	// The device's clock runs five minutes ahead: after a resync its codes are good.
	p.now = p.now.Add(time.Hour)
	user := p.dir.Snapshot().User(acct, "alice")
	verifier := mfa.NewVerifier(p.dir)
	principal := &identity.Principal{Kind: identity.User, Account: acct, EntityID: user.ID}
	if err := verifier.VerifyMFA(ctx, principal, *made.SerialNumber, *code(10), p.now); err == nil {
		t.Error("a code of a clock that is off was accepted")
	}
	_, err := c.ResyncMFADevice(ctx, &sdk.ResyncMFADeviceInput{UserName: aws.String("alice"), SerialNumber: made.SerialNumber, AuthenticationCode1: code(9), AuthenticationCode2: code(10)})
	if err != nil {
		t.Fatal(err)
	}
	p.now = p.now.Add(time.Minute)
	if err := verifier.VerifyMFA(ctx, principal, *made.SerialNumber, *code(10), p.now); err != nil {
		t.Errorf("after the resync: %v", err)
	}
	_, err = c.ResyncMFADevice(ctx, &sdk.ResyncMFADeviceInput{UserName: aws.String("alice"), SerialNumber: made.SerialNumber, AuthenticationCode1: code(9), AuthenticationCode2: code(10)})
	fails(t, err, "InvalidAuthenticationCode", "") // used codes

	_, err = c.DeleteVirtualMFADevice(ctx, &sdk.DeleteVirtualMFADeviceInput{SerialNumber: made.SerialNumber})
	fails(t, err, "DeleteConflict", "Cannot delete entity, must deactivate MFA device first.")
	must[*sdk.DeactivateMFADeviceOutput](t)(c.DeactivateMFADevice(ctx, &sdk.DeactivateMFADeviceInput{UserName: aws.String("alice"), SerialNumber: made.SerialNumber}))
	must[*sdk.DeleteVirtualMFADeviceOutput](t)(c.DeleteVirtualMFADevice(ctx, &sdk.DeleteVirtualMFADeviceInput{SerialNumber: made.SerialNumber}))
	_, err = c.DeleteVirtualMFADevice(ctx, &sdk.DeleteVirtualMFADeviceInput{SerialNumber: made.SerialNumber})
	fails(t, err, "NoSuchEntity", "MFA Device with serial number "+*made.SerialNumber+" does not exist.")
	for _, a := range p.audit {
		if strings.Contains(string(a.RequestParameters)+string(a.ResponseElements), string(made.Base32StringSeed)) || strings.Contains(string(a.RequestParameters), *code(10)) {
			t.Errorf("seed or code in the audit record: %s %s", a.RequestParameters, a.ResponseElements)
		}
	}
}
