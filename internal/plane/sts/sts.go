// Package sts is the Security Token Service: it issues the temporary credentials that everything
// else runs on. It stores nothing per session; see package token.
package sts

import (
	"context"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi/stsapi"
)

// Authorizer decides whether the caller of an operation may do it.
type Authorizer interface {
	Authorize(ctx context.Context, c *awsapi.Call, k authz.Check) error
}

// Directory yields the identities in force.
type Directory interface {
	Snapshot() *directory.Snapshot
}

// Sealer makes session tokens.
type Sealer interface {
	Seal(accessKeyID string, s *identity.Session) (token string, secret rolecall.Secret, err error)
	// PackedPercent is how much of the room for session policies and tags s takes, in per cent.
	PackedPercent(s *identity.Session) int
}

// MFA checks one-time codes.
type MFA interface {
	// VerifyMFA reports whether code is the current, not yet used one of the device serial, and the
	// device is that of the principal. A wrong code or device is an *awsapi.Error.
	VerifyMFA(ctx context.Context, p *identity.Principal, serial, code string, now time.Time) error
}

// Messages opens encoded authorization messages.
type Messages interface {
	Decode(account identity.AccountID, encoded string) (string, error)
}

// Options of the service. All are required.
type Options struct {
	Authorizer Authorizer
	Directory  Directory
	Sealer     Sealer
	MFA        MFA
	Messages   Messages
}

type service struct{ Options }

// Register binds the operations to s. None of them serves anonymous callers: the server refuses them.
func Register(s *awsapi.Service, o Options) {
	v := &service{o}
	awsapi.Handle(s, stsapi.AssumeRole, v.assumeRole)
	awsapi.Handle(s, stsapi.GetSessionToken, v.getSessionToken)
	awsapi.Handle(s, stsapi.GetFederationToken, v.getFederationToken)
	awsapi.Handle(s, stsapi.GetCallerIdentity, v.getCallerIdentity)
	awsapi.Handle(s, stsapi.GetAccessKeyInfo, v.getAccessKeyInfo)
	awsapi.Handle(s, stsapi.DecodeAuthorizationMessage, v.decodeAuthorizationMessage)
}

// issue seals the session and words it as the API's Credentials.
func (v *service) issue(s *identity.Session) (*stsapi.Credentials, error) {
	id := identity.NewAccessKeyID(identity.PrefixTemporaryKey, s.Account)
	token, secret, err := v.Sealer.Seal(id, s)
	if err != nil {
		return nil, awsapi.Internal(err)
	}
	return &stsapi.Credentials{
		AccessKeyId:     id,
		SecretAccessKey: secret.Expose(),
		SessionToken:    token,
		Expiration:      s.Expires,
	}, nil
}

// seconds is an optional DurationSeconds, or def.
func seconds(requested *int, def time.Duration) time.Duration {
	if requested == nil {
		return def
	}
	return time.Duration(*requested) * time.Second
}
