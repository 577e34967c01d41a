// Package wire is what the credential endpoints say: the JSON of credentials and of errors, as the
// container and the instance metadata endpoints of AWS write them and as the SDKs insist on reading
// them. It holds no state and serves nothing.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rolecall-dev/rolecall"
)

// TimeFormat is how both endpoints write times. botocore parses exactly this on the instance
// metadata path: no fractions, no offset.
const TimeFormat = "2006-01-02T15:04:05Z"

// ContentTypeJSON must be compared equal, not parsed: aws-sdk-go-v2 drops the code of an error whose
// Content-Type has a parameter.
const ContentTypeJSON = "application/json"

type container struct {
	RoleARN         string `json:"RoleArn,omitempty"`
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"` //nolint:gosec // this is the one place that writes it for the caller
	Token           string `json:"Token"`
	Expiration      string `json:"Expiration"`
	AccountID       string `json:"AccountId,omitempty"`
}

type instance struct {
	Code            string `json:"Code"`
	LastUpdated     string `json:"LastUpdated"`
	Type            string `json:"Type"`
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"` //nolint:gosec // this is the one place that writes it for the caller
	Token           string `json:"Token"`
	Expiration      string `json:"Expiration"`
	AccountID       string `json:"AccountId,omitempty"`
}

// ErrIncomplete means that credentials lack a part that every SDK needs on these endpoints.
var ErrIncomplete = errors.New("incomplete credentials")

// Deliverable reports why c may not go out at now: a part is missing, they carry no session token or
// no expiry (the endpoints know temporary credentials only), or they are expired. Errors match
// [ErrIncomplete] except for expiry.
func Deliverable(c rolecall.Credentials, now time.Time) error {
	switch {
	case !c.Complete():
		return fmt.Errorf("%w: no key pair", ErrIncomplete)
	case c.SessionToken.IsZero():
		return fmt.Errorf("%w: no session token", ErrIncomplete)
	case !c.CanExpire():
		return fmt.Errorf("%w: no expiry", ErrIncomplete)
	case c.ExpiredAt(now):
		return fmt.Errorf("credentials expired at %s", c.Expires.UTC().Format(TimeFormat))
	}
	return nil
}

// Container encodes c as the container endpoint answers; c must be [Deliverable].
func Container(roleARN string, c rolecall.Credentials) []byte {
	return encode(container{
		RoleARN: roleARN, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey.Expose(),
		Token: c.SessionToken.Expose(), Expiration: c.Expires.UTC().Format(TimeFormat), AccountID: c.AccountID,
	})
}

// Instance encodes c as iam/security-credentials/ROLE answers; c must be [Deliverable].
func Instance(c rolecall.Credentials, updated time.Time) []byte {
	return encode(instance{
		Code: "Success", LastUpdated: updated.UTC().Format(TimeFormat), Type: "AWS-HMAC",
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey.Expose(),
		Token: c.SessionToken.Expose(), Expiration: c.Expires.UTC().Format(TimeFormat), AccountID: c.AccountID,
	})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // structs of strings always encode
		panic(err)
	}
	return b
}
