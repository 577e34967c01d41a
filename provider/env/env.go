// Package env reads credentials from environment variables.
package env

import (
	"context"
	"errors"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Source is the Origin.Source of what this package yields.
const Source = "environment"

// Variables.
const (
	AccessKeyID     = "AWS_ACCESS_KEY_ID"
	SecretAccessKey = "AWS_SECRET_ACCESS_KEY" //nolint:gosec // a variable's name
	SessionToken    = "AWS_SESSION_TOKEN"     //nolint:gosec // a variable's name
	Expiration      = "AWS_CREDENTIAL_EXPIRATION"
	AccountID       = "AWS_ACCOUNT_ID"
)

// Provider reads the variables at every call.
type Provider struct {
	lookup func(string) string
	now    func() time.Time
}

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider over getenv, which returns "" for what is not set; now may be nil.
func New(getenv func(string) string, now func() time.Time) *Provider {
	if now == nil {
		now = time.Now
	}
	return &Provider{lookup: getenv, now: now}
}

// Retrieve returns the keys that the variables hold. A blank variable is one that is not set, and half a pair is
// no pair: of the current SDKs only botocore stops at it. An expiry that has passed, or that is no time, is a fault.
func (p *Provider) Retrieve(context.Context) (rolecall.Credentials, error) {
	var none rolecall.Credentials
	id, secret := p.lookup(AccessKeyID), p.lookup(SecretAccessKey)
	switch {
	case id == "" && secret == "":
		return none, rolecall.NotHere(AccessKeyID + " is not set")
	case secret == "":
		return none, rolecall.NotHere(AccessKeyID + " is set without " + SecretAccessKey + ", and therefore passed over")
	case id == "":
		return none, rolecall.NotHere(SecretAccessKey + " is set without " + AccessKeyID + ", and therefore passed over")
	}
	creds := rolecall.Credentials{
		AccessKeyID:     id,
		SecretAccessKey: rolecall.NewSecret(secret),
		SessionToken:    rolecall.NewSecret(p.lookup(SessionToken)),
		AccountID:       p.lookup(AccountID),
		Origin:          rolecall.Origin{Source: Source, Location: AccessKeyID, At: p.now()},
	}
	if text := p.lookup(Expiration); text != "" {
		expires, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return none, errors.New(Expiration + " is no time (RFC 3339)")
		}
		if !p.now().Before(expires) {
			return none, errors.New("the credentials in the environment are expired since " + expires.UTC().Format(time.RFC3339) + " (" + Expiration + ")")
		}
		creds.Expires = expires
	}
	return creds, nil
}
