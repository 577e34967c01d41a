package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
)

const (
	// maxChunkLine bounds a chunk's header; with a signature it has at most 16 + 17 + 64 bytes.
	maxChunkLine = 256
	// maxTrailer bounds the trailer section.
	maxTrailer = 4096
)

// chunked takes aws-chunked framing off:
//
//	hex-size[;chunk-signature=hex] CRLF data CRLF … 0[;chunk-signature=hex] CRLF [name:value CRLF …] CRLF
//
// Its Read returns io.EOF only after the last chunk, all signatures and the end of the body.
type chunked struct {
	from     *bufio.Reader
	left     int64             // of the current chunk
	budget   int64             // of X-Amz-Decoded-Content-Length; a chunk may not exceed it
	inChunk  bool              // a chunk's closing CRLF is outstanding
	trailers map[string]string // non-nil if trailers are allowed; by lower-case name
	signer   *chunkSigner      // nil if chunks are not signed
	claimed  string            // signature of the current chunk
	sum      hash.Hash         // of the current chunk, if signed
}

func newChunked(from io.Reader, decoded int64) *chunked {
	return &chunked{from: bufio.NewReaderSize(from, 4096), budget: decoded}
}

func (c *chunked) sign(s *chunkSigner) { c.signer, c.sum = s, sha256.New() }

// Read reads data of at most one chunk.
func (c *chunked) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.inChunk {
			if err := c.endChunk(); err != nil {
				return 0, err
			}
		}
		if err := c.startChunk(); err != nil {
			return 0, err
		}
		if c.left == 0 {
			return 0, c.end()
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.from.Read(p)
	c.left -= int64(n)
	if c.sum != nil {
		_, _ = c.sum.Write(p[:n])
	}
	return n, cut(err)
}

// cut turns an end of file, which is never expected here, into what it means.
func cut(err error) error {
	if err == nil || !errors.Is(err, io.EOF) {
		return err
	}
	return incomplete()
}

// line reads up to CRLF, of limit bytes at most.
func (c *chunked) line(limit int) (string, error) {
	raw, err := c.from.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull), err == nil && len(raw) > limit+2:
		return "", invalid("The chunked encoding of the body is malformed.")
	case err != nil:
		return "", cut(err)
	case len(raw) < 2 || raw[len(raw)-2] != '\r':
		return "", invalid("The chunked encoding of the body is malformed.")
	}
	return string(raw[:len(raw)-2]), nil
}

func (c *chunked) startChunk() error {
	line, err := c.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, extension, extended := strings.Cut(line, ";")
	if c.left, err = chunkSize(size); err != nil {
		return err
	}
	if c.left > c.budget {
		return incomplete()
	}
	c.budget -= c.left
	c.inChunk = c.left > 0
	if c.signer == nil {
		if extended {
			return invalid("The chunked encoding of the body is malformed.")
		}
		return nil
	}
	claimed, ok := strings.CutPrefix(extension, "chunk-signature=")
	if !ok || len(claimed) != 2*sha256.Size {
		return chunkMismatch()
	}
	c.claimed = claimed
	c.sum.Reset()
	return nil
}

// chunkSize reads at most 16 hexadecimal digits that make a non-negative int64.
func chunkSize(s string) (int64, error) {
	if s == "" || len(s) > 16 {
		return 0, invalid("The chunk size is invalid.")
	}
	var n int64
	for i := range len(s) {
		if !isHex(s[i]) || n >= 1<<59 {
			return 0, invalid("The chunk size is invalid.")
		}
		n = n<<4 | int64(unhex(s[i]))
	}
	return n, nil
}

func (c *chunked) endChunk() error {
	if c.signer != nil && !c.signer.chunk(c.sum, c.claimed) {
		return chunkMismatch()
	}
	c.inChunk = false
	line, err := c.line(0)
	if err == nil && line != "" {
		err = invalid("The chunked encoding of the body is malformed.")
	}
	return err
}

// end reads what follows the last chunk's header, to the end of the body.
func (c *chunked) end() error {
	if c.signer != nil && !c.signer.chunk(c.sum, c.claimed) {
		return chunkMismatch()
	}
	if err := c.readTrailers(); err != nil {
		return err
	}
	if _, err := c.from.ReadByte(); err == nil {
		return invalid("The body goes on after its last chunk.")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return io.EOF
}

func (c *chunked) readTrailers() error {
	var canonical bytes.Buffer
	claimed := ""
	for size := 0; ; {
		line, err := c.line(maxTrailer)
		if err != nil {
			return err
		}
		if line == "" {
			break
		}
		if size += len(line); size > maxTrailer || claimed != "" || c.trailers == nil {
			return malformedTrailer()
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(name), strings.TrimSpace(value)
		if _, twice := c.trailers[name]; !ok || twice || !lowerHeaderName(name) {
			return malformedTrailer()
		}
		if c.signer != nil && name == "x-amz-trailer-signature" {
			claimed = value
			continue
		}
		c.trailers[name] = value
		canonical.WriteString(name + ":" + value + "\n")
	}
	if c.signer == nil || c.trailers == nil {
		return nil
	}
	if !c.signer.trailer(canonical.Bytes(), claimed) {
		return chunkMismatch()
	}
	return nil
}

func chunkMismatch() *Error {
	s := Signature{Dialect: S3}
	return s.mismatch()
}

// chunkSigner computes the chain of signatures of an aws-chunked body: each covers the one before,
// the first that of the request.
type chunkSigner struct {
	key       *signingKey
	timestamp string
	scope     Scope
	previous  string
}

// next returns the signature over parts, which follow the previous one in the string to sign.
func (s *chunkSigner) next(algorithm string, parts ...string) string {
	b := make([]byte, 0, 384)
	b = append(append(b, algorithm...), '\n')
	b = append(append(b, s.timestamp...), '\n')
	b = append(appendScope(b, s.scope), '\n')
	b = append(b, s.previous...)
	for _, part := range parts {
		b = append(append(b, '\n'), part...)
	}
	sum := s.key.mac(b)
	s.previous = hex.EncodeToString(sum[:])
	return s.previous
}

func (s *chunkSigner) signChunk(sum hash.Hash) string {
	return s.next(Algorithm+"-PAYLOAD", EmptyPayload, hex.EncodeToString(sum.Sum(nil)))
}

func (s *chunkSigner) signTrailer(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return s.next(Algorithm+"-TRAILER", hex.EncodeToString(sum[:]))
}

// chunk reports whether claimed is the signature of the data that sum has seen.
func (s *chunkSigner) chunk(sum hash.Hash, claimed string) bool {
	return subtle.ConstantTimeCompare([]byte(s.signChunk(sum)), []byte(claimed)) == 1
}

func (s *chunkSigner) trailer(canonical []byte, claimed string) bool {
	return subtle.ConstantTimeCompare([]byte(s.signTrailer(canonical)), []byte(claimed)) == 1
}
