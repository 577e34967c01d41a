package sigv4

import (
	"io"
	"net/http"

	"github.com/rolecall-dev/rolecall"
)

// Checksum is a content checksum that a request carries.
type Checksum struct {
	// Algorithm is "crc32", "crc32c", "crc64nvme", "sha1", "sha256" or "md5".
	Algorithm string
	// Value is the checksum in base64, as in the header or trailer.
	Value string
}

// Body is the payload of an S3 request: aws-chunked framing taken off, and held to what the request
// declared about it.
//
// Bytes come out as they arrive. They are proven only when Read has returned io.EOF: a reader that
// stores them must not commit before that. Every other error is an *[Error] for the client, or the
// connection's own error.
type Body struct {
	chunked
}

var _ io.ReadCloser = (*Body)(nil)

// Body returns the payload of r, whose signature s [Verifier.Verify] has accepted with the same
// secret. For an anonymous request s is nil, and only what needs no key can be checked.
//
// It checks, while the bytes stream through: the declared SHA-256 (XAmzContentSHA256Mismatch); each
// chunk's signature (SignatureDoesNotMatch); X-Amz-Decoded-Content-Length or Content-Length
// (IncompleteBody); trailers, their signature and the checksums in them (BadDigest,
// MalformedTrailerError). Checksums in headers are not checked by themselves, because what they
// describe depends on the operation: see [Body.Expect].
func (v *Verifier) Body(r *http.Request, s *Signature, secret rolecall.Secret) (*Body, error) {
	return v.body(r, s, secret)
}

// Length is the number of bytes that the payload will have, or -1 if the request does not tell.
func (b *Body) Length() int64 { return b.length }

// Expect holds the payload to a checksum, beside those in trailers: Read answers BadDigest instead
// of io.EOF if it does not match. Call it before the first Read. It returns an *[Error] for an
// algorithm that is not known (InvalidRequest) or a value that is no checksum of it (InvalidRequest;
// InvalidDigest for md5).
func (b *Body) Expect(c Checksum) error { return b.expect(c) }

// Trailers returns the checksums that came as trailers and matched. It is complete after io.EOF.
func (b *Body) Trailers() []Checksum { return b.received }

// AnnouncedTrailers returns the algorithms of the checksums that will come as trailers.
func (b *Body) AnnouncedTrailers() []string { return b.announced() }

// HeaderChecksum returns the x-amz-checksum-ALGORITHM header of h, if there is one. More than one,
// or one of an unknown algorithm, is an *[Error] (InvalidRequest).
func HeaderChecksum(h http.Header) (c Checksum, ok bool, err error) { return headerChecksum(h) }
