package mfa

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"image/png"
	"net/url"
	"time"

	"github.com/pquerna/otp"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// NewSeed is a fresh secret for a device, in base32.
func NewSeed() string {
	var seed [40]byte
	_, _ = rand.Read(seed[:]) // never fails: crypto/rand ends the process instead
	return base32.StdEncoding.EncodeToString(seed[:])
}

// QRCode is a picture of the otpauth URL, which authenticator apps read, as PNG.
func QRCode(d *identity.MFADevice) ([]byte, error) {
	const issuer = "rolecall"
	label := url.PathEscape(fmt.Sprintf("%s:%s@%s", issuer, d.Name, d.Account))
	k, err := otp.NewKeyFromURL("otpauth://totp/" + label + "?" + url.Values{"secret": {d.Seed.Expose()}, "issuer": {issuer}}.Encode())
	if err != nil {
		return nil, fmt.Errorf("wording the otpauth URL: %w", err)
	}
	image, err := k.Image(260, 260)
	if err != nil {
		return nil, fmt.Errorf("drawing the QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image); err != nil {
		return nil, fmt.Errorf("encoding the QR code: %w", err)
	}
	return b.Bytes(), nil
}

// enrolment is how many steps, each way, a device's clock may be off when it is enabled or
// synchronized: ten minutes.
const enrolment = 20

// consecutive finds the step of the second of two codes that follow one another, and how far it is
// ahead of the plane's clock.
func consecutive(seed, first, second string, now time.Time) (step int64, drift int, ok bool) {
	current := now.Unix() / int64(Step/time.Second)
	for _, offset := range nearest(enrolment) {
		a, errA := Code(seed, current+offset-1)
		b, errB := Code(seed, current+offset)
		if errA == nil && errB == nil && a == first && b == second {
			return current + offset, int(offset), true
		}
	}
	return 0, 0, false
}

// nearest is 0, -1, 1, -2, 2, … up to n.
func nearest(n int64) []int64 {
	list := []int64{0}
	for i := int64(1); i <= n; i++ {
		list = append(list, -i, i)
	}
	return list
}

// Synchronize takes over what two consecutive codes tell of a device, and reports whether they are of it: not further
// off than ten minutes and, of one that is enabled, not used before.
func Synchronize(d *identity.MFADevice, first, second string, now time.Time) bool {
	step, drift, ok := consecutive(d.Seed.Expose(), first, second, now)
	if !ok || d.Assigned && step <= d.LastStep {
		return false
	}
	d.LastStep, d.Drift = step, drift
	if drift == 1 || drift == -1 {
		d.Drift = 0 // within what every code is allowed
	}
	return true
}
