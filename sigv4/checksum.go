package sigv4

import (
	"crypto/md5"  //nolint:gosec // Content-MD5 is part of the protocol, as an integrity check only
	"crypto/sha1" //nolint:gosec // x-amz-checksum-sha1 is part of the protocol, as an integrity check only
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"strings"
)

// Checksum is a content checksum that a request carries.
type Checksum struct {
	// Algorithm is "crc32", "crc32c", "crc64nvme", "sha1", "sha256" or "md5".
	Algorithm string
	// Value is the checksum in base64, as in the header or trailer.
	Value string
}

// NewChecksum returns the hash of an algorithm named as in [Checksum], or nil if there is none.
// CRCs come out big-endian, as S3 wants them.
func NewChecksum(algorithm string) hash.Hash {
	switch algorithm {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "crc64nvme":
		// The reversed polynomial of the NVM Express specification, "64b CRC"; initial value and final
		// XOR are those that hash/crc64 uses.
		return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
	case "sha1":
		return sha1.New() //nolint:gosec // see the import
	case "sha256":
		return sha256.New()
	case "md5":
		return md5.New() //nolint:gosec // see the import
	default:
		return nil
	}
}

const checksumPrefix = "x-amz-checksum-"

// HeaderChecksum returns the x-amz-checksum-ALGORITHM header of h, if there is one. More than one,
// or one of an unknown algorithm, is an *[Error] (InvalidRequest).
func HeaderChecksum(h http.Header) (c Checksum, ok bool, err error) {
	for name, values := range h {
		name = strings.ToLower(name)
		algorithm, is := strings.CutPrefix(name, checksumPrefix)
		if !is || algorithm == "mode" || algorithm == "algorithm" || algorithm == "type" {
			continue
		}
		if ok || len(values) != 1 {
			return Checksum{}, false, invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		if algorithm == "md5" || NewChecksum(algorithm) == nil {
			return Checksum{}, false, invalid("The algorithm type you specified in x-amz-checksum- header is invalid.")
		}
		c, ok = Checksum{Algorithm: algorithm, Value: strings.TrimSpace(values[0])}, true
	}
	return c, ok, nil
}

// expectation is a checksum under way.
type expectation struct {
	algorithm string
	hash      hash.Hash
	want      string // base64; "" until the trailer has come
	trailer   bool
}

func newExpectation(c Checksum) (*expectation, error) {
	h := NewChecksum(c.Algorithm)
	if h == nil {
		return nil, invalid("The checksum algorithm is not supported.")
	}
	e := &expectation{algorithm: c.Algorithm, hash: h}
	if c.Value != "" {
		if err := e.set(c.Value); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *expectation) set(value string) error {
	raw, err := base64.StdEncoding.DecodeString(value)
	if err == nil && len(raw) == e.hash.Size() {
		e.want = value
		return nil
	}
	if e.algorithm == "md5" {
		return fail("InvalidDigest", http.StatusBadRequest, "The Content-MD5 you specified was invalid.")
	}
	return invalid("Value for " + checksumPrefix + e.algorithm + " header is invalid.")
}

func (e *expectation) check() error {
	if base64.StdEncoding.EncodeToString(e.hash.Sum(nil)) == e.want {
		return nil
	}
	if e.algorithm == "md5" {
		return fail("BadDigest", http.StatusBadRequest, "The Content-MD5 you specified did not match what we received.")
	}
	return fail("BadDigest", http.StatusBadRequest,
		"The "+strings.ToUpper(e.algorithm)+" you specified did not match the calculated checksum.")
}

func invalid(message string) *Error { return fail("InvalidRequest", http.StatusBadRequest, message) }
