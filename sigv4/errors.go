package sigv4

import (
	"errors"
	"net/http"
)

// ErrNoSignature says that the request is anonymous: it has neither an Authorization header nor
// any X-Amz-… signature parameter. Services that need a caller answer [MissingAuthentication].
var ErrNoSignature = errors.New("request carries no signature")

// Error is a refusal in AWS's terms. The code, message and status are those that the service of
// the request's [Dialect] answers.
type Error struct {
	// Code is AWS's error code, for example "SignatureDoesNotMatch".
	Code string
	// Message is AWS's text for people. It may be sent.
	Message string
	// Status is the HTTP status, 4xx.
	Status int
	// Detail holds the canonical request and the string to sign of a signature that did not match,
	// session tokens and customer keys taken out. For a debug log only; never send it.
	Detail string
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// MissingAuthentication is the answer of a service that does not serve anonymous requests.
func MissingAuthentication(d Dialect) *Error {
	if d == S3 {
		return fail("AccessDenied", http.StatusForbidden, "Access Denied")
	}
	return fail("MissingAuthenticationToken", http.StatusForbidden, "Request is missing Authentication Token")
}

func fail(code string, status int, message string) *Error {
	return &Error{Code: code, Message: message, Status: status}
}

// Dialect is a family of services that canonicalise and refuse alike.
type Dialect uint8

const (
	// Query stands for every service but S3: paths are normalised and encoded twice, the body's
	// hash is always signed, errors are those of STS and IAM.
	Query Dialect = iota
	// S3 stands for S3 and its relatives: paths are taken as they are, the payload is what
	// X-Amz-Content-Sha256 declares, errors are S3's.
	S3
)

// DialectOf returns the dialect of a credential scope's service.
func DialectOf(service string) Dialect {
	switch service {
	case "s3", "s3express", "s3-outposts", "s3-object-lambda":
		return S3
	default:
		return Query
	}
}
