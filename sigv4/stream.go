package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/rolecall-dev/rolecall"
)

// StreamOptions say how [SignStreaming] cuts a body into chunks.
type StreamOptions struct {
	// Length is the number of bytes of the body, which S3 wants to know beforehand.
	Length int64
	// ChunkSize is the size of all chunks but the last; 0 is 64 KiB, the least is 8 KiB (S3's rule).
	ChunkSize int
	// Checksum is the algorithm of a checksum trailer, named as in [Checksum]; "" for none.
	// StreamingPayload cannot have one, StreamingPayloadTrailer must.
	Checksum string
}

// SignStreaming signs r for S3 with an aws-chunked body: o.PayloadHash is one of the STREAMING-…
// constants. It replaces r.Body by one that encodes, and signs, what it reads from the former, and
// sets ContentLength and the headers that describe the encoding. The result can be sent once.
func SignStreaming(r *http.Request, c rolecall.Credentials, o SignOptions, so StreamOptions) error {
	if so.ChunkSize == 0 {
		so.ChunkSize = 64 << 10
	}
	signed, trailers := o.PayloadHash != StreamingUnsignedTrailer, o.PayloadHash != StreamingPayload
	switch {
	case !strings.HasPrefix(o.PayloadHash, "STREAMING-"):
		return errors.New("signing a stream: the payload hash is not a streaming one")
	case r.Body == nil || so.Length < 0 || so.ChunkSize < 8<<10:
		return errors.New("signing a stream: needs a body, its length and chunks of at least 8 KiB")
	case so.Checksum != "" && (!trailers || NewChecksum(so.Checksum) == nil):
		return fmt.Errorf("signing a stream: no %q checksum with payload %s", so.Checksum, o.PayloadHash)
	case so.Checksum == "" && o.PayloadHash == StreamingPayloadTrailer:
		return errors.New("signing a stream: signed trailers need a checksum")
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	encoding := "aws-chunked"
	if was := r.Header.Get("Content-Encoding"); was != "" {
		encoding += "," + was
	}
	r.Header.Set("Content-Encoding", encoding)
	r.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(so.Length, 10))
	e := &encoder{from: r.Body, left: so.Length, chunk: make([]byte, so.ChunkSize)}
	if so.Checksum != "" {
		e.trailer, e.checksum = checksumPrefix+so.Checksum, NewChecksum(so.Checksum)
		r.Header.Set("X-Amz-Trailer", e.trailer)
	}
	r.GetBody = nil
	r.ContentLength = e.encodedLength(signed)
	if err := Sign(r, c, o); err != nil {
		return err
	}
	if signed {
		s, err := ParseDialect(clientView(r), S3)
		if err != nil {
			return fmt.Errorf("signing a stream: %w", err)
		}
		e.signer = &chunkSigner{
			key:       o.Keys.get(c.AccessKeyID, c.SecretAccessKey, s.Scope),
			timestamp: s.timestamp, scope: s.Scope, previous: s.signature,
		}
		e.signTrailers = trailers
	}
	r.Body = e
	return nil
}

// clientView is r as its receiver will parse it.
func clientView(r *http.Request) *http.Request {
	outgoing := *r
	outgoing.RequestURI = ""
	return &outgoing
}

// encoder is an aws-chunked body in the making.
type encoder struct {
	from         io.ReadCloser
	left         int64
	chunk        []byte
	pending      []byte // encoded, not yet read
	ended        bool
	signer       *chunkSigner
	signTrailers bool
	trailer      string
	checksum     hash.Hash
}

const (
	signatureExtension = len(";chunk-signature=") + 2*sha256.Size
	trailerSignature   = "x-amz-trailer-signature"
)

func (e *encoder) encodedLength(signed bool) int64 {
	extension := int64(0)
	if signed {
		extension = int64(signatureExtension)
	}
	framed := func(n int64) int64 { return int64(len(strconv.FormatInt(n, 16))) + extension + 2 + n + 2 }
	size := int64(len(e.chunk))
	total := e.left / size * framed(size)
	if rest := e.left % size; rest > 0 {
		total += framed(rest)
	}
	total += framed(0)
	if e.trailer != "" {
		total += int64(len(e.trailer) + 1 + base64.StdEncoding.EncodedLen(e.checksum.Size()) + 2)
	}
	if signed && e.trailer != "" {
		total += int64(len(trailerSignature) + 1 + 2*sha256.Size + 2)
	}
	return total
}

// Read yields the encoded body.
func (e *encoder) Read(p []byte) (int, error) {
	for len(e.pending) == 0 {
		if e.ended {
			return 0, io.EOF
		}
		if err := e.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, e.pending)
	e.pending = e.pending[n:]
	return n, nil
}

// Close closes the body that is being encoded.
func (e *encoder) Close() error { return e.from.Close() }

// next encodes one chunk into pending.
func (e *encoder) next() error {
	n := int(min(e.left, int64(len(e.chunk))))
	data := e.chunk[:n]
	if _, err := io.ReadFull(e.from, data); err != nil {
		return fmt.Errorf("reading the body to sign: %w", err)
	}
	e.left -= int64(n)
	if e.checksum != nil {
		_, _ = e.checksum.Write(data)
	}
	b := strconv.AppendInt(nil, int64(n), 16)
	if e.signer != nil {
		sum := sha256.New()
		_, _ = sum.Write(data)
		b = append(append(b, ";chunk-signature="...), e.signer.signChunk(sum)...)
	}
	b = append(b, "\r\n"...)
	if n == 0 {
		b = e.appendTrailers(b)
		e.ended = true
	}
	e.pending = append(append(b, data...), "\r\n"...)
	return nil
}

func (e *encoder) appendTrailers(b []byte) []byte {
	if e.trailer == "" {
		return b
	}
	value := base64.StdEncoding.EncodeToString(e.checksum.Sum(nil))
	b = append(b, e.trailer+":"+value+"\r\n"...)
	if e.signTrailers {
		b = append(b, trailerSignature+":"+e.signer.signTrailer([]byte(e.trailer+":"+value+"\n"))+"\r\n"...)
	}
	return b
}
