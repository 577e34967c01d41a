package embedded

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// Keys of the index sort as S3 lists: by the bytes of the object key, then newest version first.
// A NUL of the key is written 00 FF; 00 01 ends it.

const (
	nulEscape  = 0xff
	terminator = 0x01
	pastAll    = 0x02 // sorts after every version of a key, before every longer key
)

func namespace(b objectstore.Bucket) []byte {
	ns := make([]byte, 0, len(b.Name)+1+len(b.Incarnation))
	ns = append(ns, b.Name...)
	ns = append(ns, 0)
	return append(ns, b.Incarnation...)
}

func appendEscaped(dst []byte, key string) []byte {
	for i := 0; i < len(key); i++ {
		dst = append(dst, key[i])
		if key[i] == 0 {
			dst = append(dst, nulEscape)
		}
	}
	return dst
}

// head is the part that all versions of key share.
func head(key string) []byte {
	return append(appendEscaped(make([]byte, 0, len(key)+10), key), 0, terminator)
}

func versionKey(key string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(head(key), ^seq)
}

// past sorts after all versions of key.
func past(key string) []byte {
	return append(appendEscaped(make([]byte, 0, len(key)+2), key), 0, pastAll)
}

// pastPrefix sorts after all keys that begin with prefix; nil if nothing does.
func pastPrefix(prefix string) []byte {
	b := appendEscaped(make([]byte, 0, len(prefix)+1), prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return nil
}

// splitKey takes an index key apart; tail is what follows the terminator.
func splitKey(raw []byte) (key string, tail []byte, ok bool) {
	i := bytes.IndexByte(raw, 0)
	if i < 0 || i+1 >= len(raw) {
		return "", nil, false
	}
	if raw[i+1] == terminator {
		return string(raw[:i]), raw[i+2:], true
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != 0 {
			out = append(out, raw[i])
			continue
		}
		if i+1 >= len(raw) {
			return "", nil, false
		}
		switch raw[i+1] {
		case nulEscape:
			out = append(out, 0)
			i++
		case terminator:
			return string(out), raw[i+2:], true
		default:
			return "", nil, false
		}
	}
	return "", nil, false
}

func seqOf(tail []byte) (uint64, bool) {
	if len(tail) != 8 {
		return 0, false
	}
	return ^binary.BigEndian.Uint64(tail), true
}

// versionID shows a version to clients: where it is, and random bytes so that nobody guesses others.
func versionID(seq uint64, salt [8]byte) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], seq)
	copy(raw[8:], salt[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

func parseVersionID(id string) (seq uint64, salt [8]byte, ok bool) {
	var raw [16]byte
	if len(id) != 22 {
		return 0, salt, false
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(id)); err != nil || n != 16 {
		return 0, salt, false
	}
	copy(salt[:], raw[8:])
	return binary.BigEndian.Uint64(raw[:8]), salt, true
}

func newSalt() (salt [8]byte) {
	_, _ = rand.Read(salt[:]) // never fails
	return salt
}
