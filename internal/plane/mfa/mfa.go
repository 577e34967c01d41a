// Package mfa checks the one-time codes of virtual MFA devices (TOTP, RFC 6238: SHA-1, six digits,
// steps of 30 seconds, as AWS has them). A code is accepted once: the step is stored with the device
// before the answer.
package mfa

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
)

// Step is the length of a time step.
const Step = 30 * time.Second

// window is how many steps a device's clock may be off, either way, beyond its learnt drift.
const window = 1

// Match reports whether code is the seed's at now, give or take a step, for a device whose clock is
// drift steps ahead, and which step it is of. seed is base32.
func Match(seed, code string, now time.Time, drift int) (step int64, ok bool) {
	if len(code) != 6 {
		return 0, false
	}
	current := now.Unix()/int64(Step/time.Second) + int64(drift)
	for offset := int64(-window); offset <= window; offset++ {
		if want, err := Code(seed, current+offset); err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = current+offset, true
		}
	}
	return step, ok
}

// Code is the code of a step.
func Code(seed string, step int64) (string, error) {
	return hotp.GenerateCodeCustom(seed, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // steps are positive
}

// Directory holds the devices.
type Directory interface {
	Snapshot() *directory.Snapshot
	Update(ctx context.Context, f func(*directory.Tx) error) error
}

// Verifier checks codes against the devices of a directory.
type Verifier struct{ directory Directory }

// NewVerifier returns a verifier.
func NewVerifier(d Directory) *Verifier { return &Verifier{directory: d} }

var errUsed = errors.New("code was used already")

// VerifyMFA reports whether code is the current, not yet used one of the device serial, and the device
// is the principal's own. Errors are STS's answers.
func (v *Verifier) VerifyMFA(ctx context.Context, p *identity.Principal, serial, code string, now time.Time) error {
	d := v.directory.Snapshot().MFADevice(serial)
	owns := d != nil && d.Assigned && d.Account == p.Account && d.UserID == p.EntityID &&
		(p.Kind == identity.User || p.Kind == identity.Root)
	if !owns {
		return awsapi.Errorf(http.StatusForbidden, "AccessDenied",
			"MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	}
	step, ok := Match(d.Seed.Expose(), code, now, d.Drift)
	if !ok {
		return wrongCode()
	}
	err := v.directory.Update(ctx, func(tx *directory.Tx) error {
		latest := tx.MFADevice(serial)
		if latest == nil || latest.LastStep >= step {
			return errUsed
		}
		used := latest.Clone()
		used.LastStep = step
		return tx.Put(used)
	})
	switch {
	case errors.Is(err, errUsed):
		return wrongCode()
	case err != nil:
		return awsapi.Internal(err)
	default:
		return nil
	}
}

func wrongCode() error {
	return awsapi.Errorf(http.StatusForbidden, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
}
