package sts

import (
	"context"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
)

// getCallerIdentity needs no permission, and no policy can deny it.
func (v *service) getCallerIdentity(_ context.Context, c *awsapi.Call, _ *stsapi.GetCallerIdentityInput) (*stsapi.GetCallerIdentityOutput, error) {
	c.ReadOnly()
	return &stsapi.GetCallerIdentityOutput{
		Account: ptr(string(c.Principal.Account)), Arn: ptr(c.Principal.ARN), UserId: ptr(c.Principal.UserID),
	}, nil
}

// getAccessKeyInfo decodes the id; whether the key exists is nobody's business.
func (v *service) getAccessKeyInfo(ctx context.Context, c *awsapi.Call, in *stsapi.GetAccessKeyInfoInput) (*stsapi.GetAccessKeyInfoOutput, error) {
	c.ReadOnly()
	if err := v.Authorizer.Authorize(ctx, c, authz.Check{Action: "sts:GetAccessKeyInfo", Resource: "*"}); err != nil {
		return nil, err
	}
	account, ok := rolecall.AccountOfAccessKey(in.AccessKeyId)
	if !ok {
		return nil, awsapi.ValidationError("Invalid Access Key ID: %s", in.AccessKeyId)
	}
	// Root keys of any well-formed id may be configured, so what the directory knows comes first.
	if key := v.Directory.Snapshot().AccessKey(in.AccessKeyId); key != nil {
		account = string(key.Account)
	}
	return &stsapi.GetAccessKeyInfoOutput{Account: ptr(account)}, nil
}

func (v *service) decodeAuthorizationMessage(ctx context.Context, c *awsapi.Call, in *stsapi.DecodeAuthorizationMessageInput) (*stsapi.DecodeAuthorizationMessageOutput, error) {
	c.ReadOnly()
	if err := v.Authorizer.Authorize(ctx, c, authz.Check{Action: "sts:DecodeAuthorizationMessage", Resource: "*"}); err != nil {
		return nil, err
	}
	decoded, err := v.Messages.Decode(c.Principal.Account, in.EncodedMessage)
	if err != nil {
		return nil, awsapi.Errorf(0, "InvalidAuthorizationMessageException", "Message is not valid")
	}
	return &stsapi.DecodeAuthorizationMessageOutput{DecodedMessage: ptr(decoded)}, nil
}

func ptr[T any](v T) *T { return &v }

// optional leaves out what is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
