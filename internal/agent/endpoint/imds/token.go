package imds

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/rolecall-dev/rolecall/internal/agent/guard"
)

// Session tokens of version 2: nothing is stored for them. A token is
//
//	version (1) | expiry, Unix seconds (8) | nonce (8) | HMAC-SHA256 over these and the binding, first 16 bytes
//
// in unpadded base64url. The binding is the caller that it was issued to, so that a token that leaks
// is of no use to another control group, or to another host.
const (
	tokenVersion = 1
	nonceBytes   = 8
	macBytes     = 16
	headBytes    = 1 + 8 + nonceBytes
	tokenBytes   = headBytes + macBytes
	// MaxTTL is the longest life of a token, in seconds, as AWS documents it; the least is 1.
	MaxTTL = 21600
)

// sealer makes and opens tokens under one key.
type sealer struct{ key []byte }

// seal issues a token for the caller of that binding.
func (s sealer) seal(binding []byte, expires time.Time) string {
	var nonce [nonceBytes]byte
	_, _ = rand.Read(nonce[:]) // never fails: crypto/rand ends the process instead
	return s.sealWith(nonce, binding, expires)
}

func (s sealer) sealWith(nonce [nonceBytes]byte, binding []byte, expires time.Time) string {
	var b [tokenBytes]byte
	b[0] = tokenVersion
	binary.BigEndian.PutUint64(b[1:], uint64(expires.Unix())) //nolint:gosec // times after 1970
	copy(b[9:headBytes], nonce[:])
	copy(b[headBytes:], s.mac(b[:headBytes], binding))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// open returns when the token ends; false for one that was not issued here, or to another caller, or
// has expired at now.
func (s sealer) open(token string, binding []byte, now time.Time) (expires time.Time, ok bool) {
	var b [tokenBytes]byte
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return time.Time{}, false
	}
	// Strict, so that no two texts are the same token.
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(token)); err != nil || n != tokenBytes || b[0] != tokenVersion {
		return time.Time{}, false
	}
	if subtle.ConstantTimeCompare(b[headBytes:], s.mac(b[:headBytes], binding)) != 1 {
		return time.Time{}, false
	}
	expires = time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0) //nolint:gosec // it was put in by seal
	return expires, now.Before(expires)
}

func (s sealer) mac(head, binding []byte) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write(head)
	m.Write(binding)
	return m.Sum(nil)[:macBytes]
}

// binding is what a token of this caller is tied to: its control group, or its user where the kernel
// does not tell groups, or its address where the caller is in another network namespace.
func binding(c *guard.Conn) []byte {
	p := c.Peer
	b := make([]byte, 0, 24)
	switch {
	case p.Known && p.CgroupID != 0:
		return binary.BigEndian.AppendUint64(append(b, 'g'), p.CgroupID)
	case p.Known:
		return binary.BigEndian.AppendUint32(append(b, 'u'), p.UID)
	}
	return append(append(b, 'a'), p.Addr.Addr().AsSlice()...)
}
