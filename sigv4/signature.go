package sigv4

import (
	"time"

	"github.com/rolecall-dev/rolecall"
)

// Algorithm is the only signing algorithm that this package knows.
const Algorithm = "AWS4-HMAC-SHA256"

// Values of X-Amz-Content-Sha256 beside a hexadecimal SHA-256.
const (
	// EmptyPayload is the SHA-256 of no bytes.
	EmptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// UnsignedPayload leaves the body out of the signature.
	UnsignedPayload = "UNSIGNED-PAYLOAD"
	// StreamingPayload is an aws-chunked body with a signature on each chunk.
	StreamingPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	// StreamingPayloadTrailer adds signed trailers to StreamingPayload.
	StreamingPayloadTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	// StreamingUnsignedTrailer is an aws-chunked body without signatures and with trailers; it is
	// what current SDKs send to S3 over TLS.
	StreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// MaxSkew is how far a signature's time may be from the verifier's, either way. Presigned S3
// requests count from X-Amz-Date to X-Amz-Expires instead.
const MaxSkew = 15 * time.Minute

// MaxExpires is the longest life of a presigned S3 request.
const MaxExpires = 7 * 24 * time.Hour

// Scope is the credential scope without its constant end.
type Scope struct {
	// Date is the day as 20060102.
	Date    string
	Region  string
	Service string
}

// String returns date/region/service/aws4_request.
func (s Scope) String() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/aws4_request"
}

// Signature is what a request claims about its signature. Until [Verifier.Verify] has accepted it,
// nothing in it is proven.
type Signature struct {
	AccessKeyID string
	Scope       Scope
	// Dialect decides canonicalisation and error codes.
	Dialect Dialect
	// SignedHeaders are the names as sent: lower case, sorted.
	SignedHeaders []string
	// Time is that of X-Amz-Date, or of Date; second precision, UTC.
	Time time.Time
	// Presigned says that the signature came in the query string.
	Presigned bool
	// Expires is X-Amz-Expires of a presigned request, 0 if absent. Only S3 heeds it.
	Expires time.Duration
	// SessionToken is X-Amz-Security-Token, zero if absent.
	SessionToken rolecall.Secret
	// PayloadHash is the declared payload: X-Amz-Content-Sha256, or UNSIGNED-PAYLOAD for presigned
	// S3 requests without one; "" if a Query-dialect request does not declare any.
	PayloadHash string

	timestamp     string // as signed, 20060102T150405Z
	signedHeaders string
	signature     string
	path, query   string // of the request target, undecoded
}
