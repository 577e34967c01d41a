// Package profile yields the static keys of a profile in the shared files.
package profile

import (
	"context"
	"fmt"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Source is the Origin.Source of what this package yields.
const Source = "profile"

// Keys are a profile's static keys as the file has them.
type Keys struct {
	// Profile is its name.
	Profile string
	// AccessKeyID, SecretAccessKey and SessionToken are the settings of one file.
	AccessKeyID                   string
	SecretAccessKey, SessionToken rolecall.Secret
	// AccountID is the profile's aws_account_id, if any.
	AccountID string
	// Location is "file:line" of the access key id.
	Location string
}

// Provider yields one profile's keys.
type Provider struct {
	keys Keys
	now  func() time.Time
}

var _ rolecall.Provider = (*Provider)(nil)

// New returns a provider of those keys; now may be nil.
func New(k Keys, now func() time.Time) *Provider {
	if now == nil {
		now = time.Now
	}
	return &Provider{keys: k, now: now}
}

// Retrieve returns the keys; half a pair is a fault, and neither half an absence.
func (p *Provider) Retrieve(context.Context) (rolecall.Credentials, error) {
	k := p.keys
	switch {
	case k.AccessKeyID == "" && k.SecretAccessKey.IsZero():
		return rolecall.Credentials{}, rolecall.NotHere(fmt.Sprintf("profile %q has no access key", k.Profile))
	case k.SecretAccessKey.IsZero():
		return rolecall.Credentials{}, fmt.Errorf("%s: profile %q has aws_access_key_id without aws_secret_access_key in the same file", k.Location, k.Profile)
	case k.AccessKeyID == "":
		return rolecall.Credentials{}, fmt.Errorf("%s: profile %q has aws_secret_access_key without aws_access_key_id in the same file", k.Location, k.Profile)
	}
	return rolecall.Credentials{
		AccessKeyID: k.AccessKeyID, SecretAccessKey: k.SecretAccessKey, SessionToken: k.SessionToken, AccountID: k.AccountID,
		Origin: rolecall.Origin{Source: Source, Location: k.Location, Detail: k.Profile, At: p.now()},
	}, nil
}
