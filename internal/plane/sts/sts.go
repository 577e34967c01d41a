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
	"github.com/rolecall-dev/rolecall/internal/plane/federation/oidc"
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
	// SealAtLeast makes a token of at least size characters.
	SealAtLeast(accessKeyID string, s *identity.Session, size int) (token string, secret rolecall.Secret, err error)
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

// WebIdentities proves the ID tokens of OpenID Connect providers.
type WebIdentities interface {
	// Verify proves a token; lookup finds the account's provider by its URL. Errors are *federation.Error.
	Verify(ctx context.Context, token string, lookup func(url string) *oidc.Provider) (*oidc.Claims, error)
}

// Options of the service. All are required.
type Options struct {
	Authorizer Authorizer
	Directory  Directory
	Sealer     Sealer
	MFA        MFA
	Messages   Messages
	OIDC       WebIdentities
}

type service struct {
	Options
	metadata metadata
}

// Anonymous are the operations that nobody needs to sign, since what they bring is the proof.
func Anonymous() []string {
	return []string{stsapi.AssumeRoleWithWebIdentity.Name, stsapi.AssumeRoleWithSAML.Name}
}

// Register binds the operations to s. Those of [Anonymous] serve anonymous callers; the server refuses such
// callers of all others.
func Register(s *awsapi.Service, o Options) {
	v := &service{Options: o, metadata: metadata{m: map[string]parsedMetadata{}}}
	awsapi.Handle(s, stsapi.AssumeRole, v.assumeRole)
	awsapi.Handle(s, stsapi.AssumeRoleWithWebIdentity, v.assumeRoleWithWebIdentity)
	awsapi.Handle(s, stsapi.AssumeRoleWithSAML, v.assumeRoleWithSAML)
	awsapi.Handle(s, stsapi.GetSessionToken, v.getSessionToken)
	awsapi.Handle(s, stsapi.GetFederationToken, v.getFederationToken)
	awsapi.Handle(s, stsapi.GetCallerIdentity, v.getCallerIdentity)
	awsapi.Handle(s, stsapi.GetAccessKeyInfo, v.getAccessKeyInfo)
	awsapi.Handle(s, stsapi.DecodeAuthorizationMessage, v.decodeAuthorizationMessage)
}

// maxSessionToken is what SessionTokenUtilization is a percentage of. No session that STS issues has a longer token.
const maxSessionToken = 8192

// sizes are SessionTokenSize and SessionTokenUtilization.
type sizes struct{ token, utilization int }

// issue seals the session and words it as the API's Credentials. The token is made at least as long as asked.
func (v *service) issue(s *identity.Session, minimumSize *int) (*stsapi.Credentials, sizes, error) {
	id := identity.NewAccessKeyID(identity.PrefixTemporaryKey, s.Account)
	size := 0
	if minimumSize != nil {
		size = *minimumSize
	}
	token, secret, err := v.Sealer.SealAtLeast(id, s, size)
	if err != nil {
		return nil, sizes{}, awsapi.Internal(err)
	}
	return &stsapi.Credentials{
		AccessKeyId:     id,
		SecretAccessKey: secret.Expose(),
		SessionToken:    token,
		Expiration:      s.Expires,
	}, sizes{len(token), (len(token)*100 + maxSessionToken - 1) / maxSessionToken}, nil
}

// seconds is an optional DurationSeconds, or def.
func seconds(requested *int, def time.Duration) time.Duration {
	if requested == nil {
		return def
	}
	return time.Duration(*requested) * time.Second
}
