// Package federation holds what the plane's trust in outside identity providers has in common; the
// protocols are packages oidc and saml below it. They prove what a provider says of somebody, and
// nothing more: which role that opens is the role's trust policy's to say, in package sts.
package federation

// Reason says why what a provider vouched for is not accepted, in the terms of STS's errors.
type Reason uint8

// The reasons.
const (
	// Invalid: not a token or assertion of a provider that the account trusts, for this plane.
	Invalid Reason = iota + 1
	// Expired: it once was good.
	Expired
	// Unreachable: the provider's keys cannot be had at the moment; the same token may be good later.
	Unreachable
	// Rejected: the provider itself says that the sign-in failed.
	Rejected
)

// Error is a token or assertion that is not accepted.
type Error struct {
	Reason Reason
	// Message is for the caller, in AWS's words where they are known.
	Message string
	// Cause is for the log: it may name hosts, addresses and certificates. nil if there is none.
	Cause error
}

// Error returns the message, and the cause for logs.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
