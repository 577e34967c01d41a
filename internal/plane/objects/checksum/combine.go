package checksum

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Sized is the checksum of a stretch of size bytes, in base64.
type Sized struct {
	Value string
	Size  int64
}

// Whole returns the full-object checksum from those of consecutive parts. Only CRCs can do that.
func Whole(a Algorithm, parts []Sized) (Value, error) {
	if !a.FullObject() {
		return Value{}, fmt.Errorf("%s has no full object checksum", a)
	}
	width, poly := uint(32), uint64(crc32.IEEE)
	switch a {
	case CRC32C:
		poly = crc32.Castagnoli
	case CRC64NVME:
		width, poly = 64, nvme
	case CRC32, SHA1, SHA256, None:
	}
	var crc uint64
	for _, p := range parts {
		raw, err := base64.StdEncoding.DecodeString(p.Value)
		if err != nil || len(raw) != a.Size() {
			return Value{}, fmt.Errorf("part checksum %q is not one of %s", p.Value, a)
		}
		var next uint64
		for _, b := range raw {
			next = next<<8 | uint64(b)
		}
		crc = combine(crc, next, p.Size, poly, width)
	}
	var out [8]byte
	binary.BigEndian.PutUint64(out[:], crc)
	return Value{Algorithm: a, Type: FullObject, Value: base64.StdEncoding.EncodeToString(out[8-width/8:])}, nil
}

// combine yields the CRC of A‖B from those of A and of B, B being n bytes long: A's register is
// moved over n zero bytes, which is a linear map over GF(2), and B's is added. The map for n bytes
// comes by squaring the one for a single bit.
func combine(a, b uint64, n int64, poly uint64, width uint) uint64 {
	if n <= 0 {
		return a
	}
	var m matrix
	m[0] = poly // a set low bit falls out and brings the polynomial in
	for i := uint(1); i < width; i++ {
		m[i] = 1 << (i - 1)
	}
	for range 3 { // one bit → one byte
		m = m.square(width)
	}
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			a = m.times(a)
		}
		m = m.square(width)
	}
	return a ^ b
}

// matrix holds, for each bit of the register, where it goes.
type matrix [64]uint64

func (m *matrix) times(v uint64) uint64 {
	var sum uint64
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 1 {
			sum ^= m[i]
		}
	}
	return sum
}

func (m *matrix) square(width uint) matrix {
	var out matrix
	for i := uint(0); i < width; i++ {
		out[i] = m.times(m[i])
	}
	return out
}
