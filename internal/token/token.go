package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

// Errors of [Ring.Open] and [Ring.Unwrap].
var (
	// ErrMalformed: the text is no token of this format.
	ErrMalformed = errors.New("malformed session token")
	// ErrUnknownKey: sealed by a key that this ring does not hold (too old, or another plane's).
	ErrUnknownKey = errors.New("session token sealed by an unknown key")
	// ErrForged: the seal does not open: altered, or used with another access key id.
	ErrForged = errors.New("session token does not open")
)

const (
	tokenVersion = 1
	headSize     = 1 + keyIDSize + nonceSize
	// maxToken is longer than any token that Seal makes; what is longer is not looked at.
	maxToken = 16 << 10
	// maxAccessKeyID is IAM's limit.
	maxAccessKeyID = 128
	secretLength   = 40
)

// Seal returns the session token and the secret access key of a new session. Times are kept to the
// second. It is for tokens of less than 12 kB; what passes [PackedPercent] is shorter.
func (r *Ring) Seal(accessKeyID string, s *identity.Session) (string, rolecall.Secret, error) {
	return r.SealAtLeast(accessKeyID, s, 0)
}

// SealAtLeast is [Ring.Seal] for a token of at least size characters, which is at most 4,096.
func (r *Ring) SealAtLeast(accessKeyID string, s *identity.Session, size int) (string, rolecall.Secret, error) {
	k := r.keys.Load().session
	if len(accessKeyID) > maxAccessKeyID {
		return "", rolecall.Secret{}, errors.New("sealing a session: access key id is too long")
	}
	// One buffer: additional data, then the token, sealed in place.
	prefix := 1 + len(accessKeyID)
	b := make([]byte, 0, 512)
	b = append(append(b, tokenVersion), accessKeyID...)
	b = append(append(b, tokenVersion), k.id[:]...)
	b = b[:len(b)+nonceSize]
	nonce := b[len(b)-nonceSize:]
	random(nonce)
	body := len(b)
	b, err := r.pack.appendPayload(b, s)
	if err != nil {
		return "", rolecall.Secret{}, err
	}
	for (len(b)-prefix+tagSize)%3 != 0 || base64.StdEncoding.EncodedLen(len(b)-prefix+tagSize) < size {
		b = append(b, 0)
	}
	if base64.StdEncoding.EncodedLen(len(b)-prefix+tagSize) > maxToken {
		return "", rolecall.Secret{}, errors.New("sealing a session: it is too large for a token")
	}
	b = k.aead.Seal(b[:body], b[prefix+headSize-nonceSize:prefix+headSize], b[body:], b[:prefix])
	nonce = b[prefix+headSize-nonceSize : prefix+headSize] // b may have moved
	return base64.StdEncoding.EncodeToString(b[prefix:]), k.secret(accessKeyID, nonce), nil
}

// secret derives the secret access key of a session: 240 bits of HMAC, in base64.
func (k *key) secret(accessKeyID string, nonce []byte) rolecall.Secret {
	var message [maxAccessKeyID + nonceSize]byte
	n := copy(message[:], accessKeyID)
	n += copy(message[n:], nonce)
	sum := k.mac(message[:n])
	var text [44]byte
	base64.StdEncoding.Encode(text[:], sum[:])
	return rolecall.NewSecret(string(text[:secretLength]))
}

// Open returns the session in token and its secret access key. Expired sessions open too.
// Errors match [ErrMalformed], [ErrUnknownKey] or [ErrForged].
func (r *Ring) Open(accessKeyID, token string) (*identity.Session, rolecall.Secret, error) {
	b, prefix, err := decode(accessKeyID, token)
	if err != nil {
		return nil, rolecall.Secret{}, err
	}
	head, body := b[prefix:prefix+headSize], b[prefix+headSize:]
	k := r.keys.Load().byID[keyID(head[1:1+keyIDSize])]
	if k == nil || k.record.Use != useSession {
		return nil, rolecall.Secret{}, ErrUnknownKey
	}
	nonce := head[1+keyIDSize:]
	plain, err := k.aead.Open(body[:0], nonce, body, b[:prefix])
	if err != nil {
		return nil, rolecall.Secret{}, ErrForged
	}
	s, err := r.pack.parsePayload(string(plain))
	if err != nil {
		return nil, rolecall.Secret{}, fmt.Errorf("%w: it was sealed by another version", ErrMalformed)
	}
	return s, k.secret(accessKeyID, nonce), nil
}

// decode returns the additional data (version and access key id, prefix bytes) and behind it the
// token's bytes.
func decode(accessKeyID, token string) (b []byte, prefix int, err error) {
	const shortest = (headSize + tagSize) / 3 * 4
	if len(token) < shortest || len(token) > maxToken || len(token)%4 != 0 || len(accessKeyID) > maxAccessKeyID {
		return nil, 0, ErrMalformed
	}
	// The decoder would pass over line ends, and one token would have many spellings.
	if strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return nil, 0, ErrMalformed
	}
	prefix = 1 + len(accessKeyID)
	b = make([]byte, prefix+base64.StdEncoding.DecodedLen(len(token)))
	b[0] = tokenVersion
	copy(b[1:], accessKeyID)
	n, err := base64.StdEncoding.Decode(b[prefix:], []byte(token))
	if err != nil || n < headSize+tagSize || n%3 != 0 || b[prefix] != tokenVersion {
		return nil, 0, ErrMalformed
	}
	return b[:prefix+n], prefix, nil
}

// ID returns what names a session in a deny list: access key ids alone are not unique.
// It does not say whether the token is genuine. The error matches [ErrMalformed].
func ID(accessKeyID, token string) (string, error) {
	b, prefix, err := decode(accessKeyID, token)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b[:prefix+headSize])
	return hex.EncodeToString(sum[:16]), nil
}

// maxDataKey is the longest data key that Wrap takes.
const maxDataKey = 256

// Wrap seals a data key of at most 256 bytes. Keys that wrap are kept for ever.
func (r *Ring) Wrap(dataKey, aad []byte) ([]byte, error) {
	if len(dataKey) == 0 || len(dataKey) > maxDataKey {
		return nil, fmt.Errorf("wrapping a data key: it has %d bytes, want 1 to %d", len(dataKey), maxDataKey)
	}
	k := r.keys.Load().data
	b := make([]byte, headSize, headSize+len(dataKey)+tagSize)
	b[0] = tokenVersion
	copy(b[1:], k.id[:])
	nonce := b[1+keyIDSize : headSize]
	random(nonce)
	return k.aead.Seal(b, nonce, dataKey, aad), nil
}

// Unwrap is the inverse of [Ring.Wrap]; aad must be the same. Errors match those of [Ring.Open].
func (r *Ring) Unwrap(wrapped, aad []byte) ([]byte, error) {
	if len(wrapped) < headSize+tagSize+1 || len(wrapped) > headSize+tagSize+maxDataKey || wrapped[0] != tokenVersion {
		return nil, fmt.Errorf("unwrapping a data key: %w", ErrMalformed)
	}
	k := r.keys.Load().byID[keyID(wrapped[1:1+keyIDSize])]
	if k == nil || k.record.Use != useData {
		return nil, fmt.Errorf("unwrapping a data key: %w", ErrUnknownKey)
	}
	dataKey, err := k.aead.Open(nil, wrapped[1+keyIDSize:headSize], wrapped[headSize:], aad)
	if err != nil {
		return nil, fmt.Errorf("unwrapping a data key: %w", ErrForged)
	}
	return dataKey, nil
}
