// Package checksum computes the checksums of S3 objects: of one body, of a list of parts
// (composite), and of a whole from its parts (full object).
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
package checksum

import (
	"crypto/md5"  //nolint:gosec // ETags are MD5 by S3's definition
	"crypto/sha1" //nolint:gosec // one of the algorithms that a client may choose
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"strconv"
	"strings"
)

// Algorithm is an algorithm as S3 names it.
type Algorithm string

// The algorithms.
const (
	None      Algorithm = ""
	CRC32     Algorithm = "CRC32"
	CRC32C    Algorithm = "CRC32C"
	CRC64NVME Algorithm = "CRC64NVME"
	SHA1      Algorithm = "SHA1"
	SHA256    Algorithm = "SHA256"
)

// All returns the algorithms in the order in which S3 documents them.
func All() []Algorithm { return []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256} }

// Parse accepts the names of algorithms in any case.
func Parse(s string) (Algorithm, bool) {
	for _, a := range All() {
		if strings.EqualFold(s, string(a)) {
			return a, true
		}
	}
	return None, false
}

// Header is the canonical header that carries a's value.
func (a Algorithm) Header() string {
	switch a {
	case CRC32:
		return "X-Amz-Checksum-Crc32"
	case CRC32C:
		return "X-Amz-Checksum-Crc32c"
	case CRC64NVME:
		return "X-Amz-Checksum-Crc64nvme"
	case SHA1:
		return "X-Amz-Checksum-Sha1"
	case SHA256:
		return "X-Amz-Checksum-Sha256"
	default:
		return ""
	}
}

// Size is the number of bytes of a sum.
func (a Algorithm) Size() int {
	switch a {
	case CRC32, CRC32C:
		return 4
	case CRC64NVME:
		return 8
	case SHA1:
		return sha1.Size
	case SHA256:
		return sha256.Size
	default:
		return 0
	}
}

// FullObject reports whether a's sum of a whole can be had from those of its parts.
func (a Algorithm) FullObject() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// nvme is the reflected polynomial of CRC-64/NVME.
const nvme = 0x9a6c9329ac4bc9b5

// The tables are built once by the standard library's own caches; ours is kept here since building
// takes 2 kB of work.
var nvmeTable = crc64.MakeTable(nvme)

// New returns a hash of algorithm a, nil for [None].
func (a Algorithm) New() hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case CRC64NVME:
		return crc64.New(nvmeTable)
	case SHA1:
		return sha1.New() //nolint:gosec // the client's choice
	case SHA256:
		return sha256.New()
	default:
		return nil
	}
}

// Type says what a checksum of a multipart object covers.
type Type string

// The types.
const (
	// FullObject is of all bytes.
	FullObject Type = "FULL_OBJECT"
	// Composite is of the sums of the parts; its value ends in "-" and their number.
	Composite Type = "COMPOSITE"
)

// Value is one checksum, in base64 as on the wire.
type Value struct {
	Algorithm Algorithm
	Type      Type
	Value     string
}

// IsZero reports whether v says nothing.
func (v Value) IsZero() bool { return v.Value == "" }

// Valid reports whether s is a well-formed value of a.
func (a Algorithm) Valid(s string) bool {
	raw, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(raw) == a.Size()
}

// Sums are the sums of a body.
type Sums struct {
	Size int64
	MD5  [md5.Size]byte
	// Checksum is empty if none was asked for.
	Checksum Value
}

// Declared is what a client says of its body.
type Declared struct {
	// MD5, if not nil, are the 16 bytes of Content-MD5.
	MD5 []byte
	// Algorithm is what to compute; None for no checksum.
	Algorithm Algorithm
	// Value in base64, if it is known beforehand.
	Value string
	// Trailer, if not nil, yields the value once the body was read ("" if it was missing).
	Trailer func() string
	// Proven, if not nil, yields the checksum that another reader has proven by then; nothing is
	// computed for it.
	Proven func() Value
	// Size is the expected number of bytes, -1 if unknown.
	Size int64
}

// The ways in which a body is not what was declared.
var (
	ErrMD5      = errors.New("the Content-MD5 you specified did not match what we received")
	ErrChecksum = errors.New("checksum mismatch")
	ErrTrailer  = errors.New("malformed or missing checksum trailer")
	ErrSize     = errors.New("incomplete body")
)

// Reader hashes what it reads and checks it at the end.
type Reader struct {
	src      io.Reader
	declared Declared
	md5      hash.Hash
	sum      hash.Hash
	sums     Sums
	err      error
}

// NewReader returns a reader of src that fails where its end should be, unless src is as declared.
func NewReader(src io.Reader, d Declared) *Reader {
	return &Reader{src: src, declared: d, md5: md5.New(), sum: d.Algorithm.New()} //nolint:gosec // ETag
}

// Read reads from the source. At its end it compares and returns io.EOF or what is wrong.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.src.Read(p)
	if n > 0 {
		_, _ = r.md5.Write(p[:n])
		if r.sum != nil {
			_, _ = r.sum.Write(p[:n])
		}
		r.sums.Size += int64(n)
		if r.declared.Size >= 0 && r.sums.Size > r.declared.Size {
			r.err = ErrSize
			return 0, r.err
		}
	}
	if err == nil {
		return n, nil
	}
	if err == io.EOF { //nolint:errorlint // io.Reader's contract is identity
		err = r.finish()
	}
	r.err = err
	return n, err
}

func (r *Reader) finish() error {
	if r.declared.Size >= 0 && r.sums.Size != r.declared.Size {
		return ErrSize
	}
	r.md5.Sum(r.sums.MD5[:0])
	if r.declared.MD5 != nil && string(r.declared.MD5) != string(r.sums.MD5[:]) {
		return ErrMD5
	}
	if r.declared.Proven != nil {
		r.sums.Checksum = r.declared.Proven()
	}
	if r.sum == nil {
		return io.EOF
	}
	a := r.declared.Algorithm
	got := base64.StdEncoding.EncodeToString(r.sum.Sum(nil))
	want := r.declared.Value
	if r.declared.Trailer != nil {
		want = r.declared.Trailer()
		if !a.Valid(want) {
			return ErrTrailer
		}
	}
	if want != "" && want != got {
		return fmt.Errorf("%w: %s", ErrChecksum, a)
	}
	r.sums.Checksum = Value{Algorithm: a, Type: FullObject, Value: got}
	return io.EOF
}

// Sums are valid after io.EOF.
func (r *Reader) Sums() Sums { return r.sums }

// OfParts returns the composite checksum of parts whose values are in base64.
func OfParts(a Algorithm, parts []string) (Value, error) {
	h := a.New()
	for _, p := range parts {
		raw, err := base64.StdEncoding.DecodeString(p)
		if err != nil || len(raw) != a.Size() {
			return Value{}, fmt.Errorf("part checksum %q is not one of %s", p, a)
		}
		_, _ = h.Write(raw)
	}
	v := base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(parts))
	return Value{Algorithm: a, Type: Composite, Value: v}, nil
}
