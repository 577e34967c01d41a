package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall"
)

// Body is the payload of an S3 request: aws-chunked framing taken off, and held to what the request
// declared about it.
//
// Bytes come out as they arrive. They are proven only when Read has returned io.EOF: a reader that
// stores them must not commit before that. Every other error is an *[Error] for the client, or the
// connection's own error. Body is not safe for concurrent use.
type Body struct {
	from   io.Reader // payload without framing; io.EOF after its framing was found good
	closer io.Closer
	length int64 // -1 if not declared
	read   int64
	sha    hash.Hash // of a declared SHA-256
	want   string
	expect []*expectation
	frames *chunked // nil if the payload is not aws-chunked
	result error    // set when reading has ended
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
	declared := r.Header.Get("X-Amz-Content-Sha256")
	if s != nil {
		declared = s.PayloadHash
	}
	b := &Body{from: r.Body, closer: r.Body, length: r.ContentLength}
	if r.Body == nil {
		b.from, b.closer, b.length = http.NoBody, http.NoBody, 0
	}
	switch declared {
	case "", UnsignedPayload:
		return b, nil
	case StreamingPayload, StreamingPayloadTrailer, StreamingUnsignedTrailer:
		if s == nil && declared != StreamingUnsignedTrailer {
			return nil, fail("AccessDenied", http.StatusForbidden, "Access Denied")
		}
		return b, v.chunks(b, r, s, secret, declared)
	default:
		if !isHash(declared) {
			return nil, invalid("x-amz-content-sha256 must be a valid sha256 value.")
		}
		b.sha, b.want = sha256.New(), strings.ToLower(declared)
		return b, nil
	}
}

// chunks puts an aws-chunked decoder before b.
func (v *Verifier) chunks(b *Body, r *http.Request, s *Signature, secret rolecall.Secret, declared string) error {
	length := r.Header.Values("X-Amz-Decoded-Content-Length")
	if len(length) != 1 {
		return fail("MissingContentLength", http.StatusLengthRequired, "You must provide the x-amz-decoded-content-length HTTP header.")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(length[0]), 10, 64)
	if err != nil || n < 0 {
		return fail("InvalidArgument", http.StatusBadRequest, "The x-amz-decoded-content-length header is invalid.")
	}
	b.length = n
	b.frames = newChunked(b.from, n)
	if declared != StreamingUnsignedTrailer {
		b.frames.sign(&chunkSigner{
			key: v.keys.get(s.AccessKeyID, secret, s.Scope), timestamp: s.timestamp, scope: s.Scope, previous: s.signature,
		})
	}
	if declared != StreamingPayload {
		if err := b.announce(r.Header.Values("X-Amz-Trailer")); err != nil {
			return err
		}
		b.frames.trailers = make(map[string]string)
	}
	b.from = b.frames
	return nil
}

// announce prepares for the trailers that X-Amz-Trailer names: checksums, of which S3 takes one.
func (b *Body) announce(headers []string) error {
	for _, header := range headers {
		for name := range strings.SplitSeq(header, ",") {
			algorithm, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(name)), checksumPrefix)
			if !ok || algorithm == "md5" || NewChecksum(algorithm) == nil {
				return invalid("The value specified in the x-amz-trailer header is not supported")
			}
			if len(b.expect) > 0 {
				return invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
			}
			e, err := newExpectation(Checksum{Algorithm: algorithm})
			if err != nil {
				return err
			}
			e.trailer = true
			b.expect = append(b.expect, e)
		}
	}
	return nil
}

// Length is the number of bytes that the payload will have, or -1 if the request does not tell.
func (b *Body) Length() int64 { return b.length }

// Expect holds the payload to a checksum, beside that of a trailer: Read answers BadDigest instead
// of io.EOF if it does not match. Call it before the first Read. It returns an *[Error]
// (InvalidRequest; InvalidDigest for md5) for an algorithm that is not known or a value that cannot
// be its checksum.
func (b *Body) Expect(c Checksum) error {
	if c.Value == "" {
		return invalid("Value for " + checksumPrefix + c.Algorithm + " header is invalid.")
	}
	e, err := newExpectation(c)
	if err != nil {
		return err
	}
	b.expect = append(b.expect, e)
	return nil
}

// Checksums returns those that were expected and found right, from trailers as well as by
// [Body.Expect]. It is nil until Read has returned io.EOF.
func (b *Body) Checksums() []Checksum { return b.matched(func(*expectation) bool { return true }) }

// Trailers returns the checksums that came as trailers and matched. It is nil until Read has
// returned io.EOF.
func (b *Body) Trailers() []Checksum {
	return b.matched(func(e *expectation) bool { return e.trailer })
}

func (b *Body) matched(which func(*expectation) bool) []Checksum {
	if b.result != io.EOF { //nolint:errorlint // the sentinel itself is stored
		return nil
	}
	var sums []Checksum
	for _, e := range b.expect {
		if which(e) {
			sums = append(sums, Checksum{Algorithm: e.algorithm, Value: e.want})
		}
	}
	return sums
}

// AnnouncedTrailers returns the algorithms of the checksums that will come as trailers; S3 takes one.
func (b *Body) AnnouncedTrailers() []string {
	var algorithms []string
	for _, e := range b.expect {
		if e.trailer {
			algorithms = append(algorithms, e.algorithm)
		}
	}
	return algorithms
}

// Close closes the request's body.
func (b *Body) Close() error { return b.closer.Close() }

// Read reads payload. See [Body] for what its errors mean.
func (b *Body) Read(p []byte) (int, error) {
	if b.result != nil {
		return 0, b.result
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.from.Read(p)
	b.read += int64(n)
	if b.sha != nil {
		_, _ = b.sha.Write(p[:n])
	}
	for _, e := range b.expect {
		_, _ = e.hash.Write(p[:n])
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF: //nolint:errorlint // io.Reader's contract is the sentinel itself
		b.result = b.finish()
	case err == io.ErrUnexpectedEOF: //nolint:errorlint // what net/http says of a body that was cut
		b.result = incomplete()
	default:
		b.result = err
	}
	return n, b.result
}

// finish does the checks that need the whole payload.
func (b *Body) finish() error {
	if b.length >= 0 && b.read != b.length {
		return incomplete()
	}
	if b.sha != nil && hex.EncodeToString(b.sha.Sum(nil)) != b.want {
		return fail("XAmzContentSHA256Mismatch", http.StatusBadRequest, "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	if b.frames != nil && b.frames.trailers != nil {
		if err := b.takeTrailers(b.frames.trailers); err != nil {
			return err
		}
	}
	for _, e := range b.expect {
		if err := e.check(); err != nil {
			return err
		}
	}
	return io.EOF
}

// takeTrailers wants exactly the trailers that were announced.
func (b *Body) takeTrailers(trailers map[string]string) error {
	taken := 0
	for _, e := range b.expect {
		if !e.trailer {
			continue
		}
		value, ok := trailers[checksumPrefix+e.algorithm]
		if !ok {
			return malformedTrailer()
		}
		if err := e.set(value); err != nil {
			return err
		}
		taken++
	}
	if taken != len(trailers) {
		return malformedTrailer()
	}
	return nil
}

func incomplete() *Error {
	return fail("IncompleteBody", http.StatusBadRequest, "The request body terminated unexpectedly")
}

func malformedTrailer() *Error {
	return fail("MalformedTrailerError", http.StatusBadRequest,
		"The request contained trailing data that was not well-formed or did not conform to our published schema.")
}
