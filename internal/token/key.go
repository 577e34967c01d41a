package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

const (
	keyIDSize    = 4
	nonceSize    = 12
	tagSize      = 16
	materialSize = 64 // 32 bytes for AES-256, 32 for the HMAC of secret keys
)

type keyID [keyIDSize]byte

// key is one key of the ring, ready to use.
type key struct {
	id     keyID
	record identity.RingKey
	aead   cipher.AEAD
	// inner and outer are the first blocks of HMAC-SHA256 (RFC 2104).
	inner, outer *[sha256.BlockSize]byte
}

func newKey(node, use, state string, now time.Time, master Sealer) (*key, error) {
	material := make([]byte, materialSize)
	random(material)
	var id keyID
	random(id[:])
	record := identity.RingKey{ID: hex.EncodeToString(id[:]), Node: node, Use: use, State: state, Since: now}
	var err error
	if record.Sealed, err = master.Seal(material, keyAAD(record)); err != nil {
		return nil, err
	}
	return makeKey(record, material)
}

func openKey(record identity.RingKey, master Sealer) (*key, error) {
	material, err := master.Open(record.Sealed, keyAAD(record))
	if err != nil {
		return nil, err
	}
	return makeKey(record, material)
}

// keyAAD ties a sealed key to its id, node and use; its state changes.
func keyAAD(r identity.RingKey) []byte {
	return []byte("ring key " + r.ID + " " + r.Node + " " + r.Use)
}

func makeKey(record identity.RingKey, material []byte) (*key, error) {
	k := &key{record: record, inner: new([sha256.BlockSize]byte), outer: new([sha256.BlockSize]byte)}
	if n, err := hex.Decode(k.id[:], []byte(record.ID)); err != nil || n != keyIDSize || len(record.ID) != 2*keyIDSize {
		return nil, fmt.Errorf("key id %q", record.ID)
	}
	if len(material) != materialSize {
		return nil, fmt.Errorf("key %s has %d bytes", record.ID, len(material))
	}
	block, err := aes.NewCipher(material[:32])
	if err != nil {
		return nil, err
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	copy(k.inner[:], material[32:])
	copy(k.outer[:], material[32:])
	for i := range k.inner {
		k.inner[i] ^= 0x36
		k.outer[i] ^= 0x5c
	}
	return k, nil
}

// in returns the key in another state.
func (k *key) in(state string, since time.Time) *key {
	moved := *k
	moved.record.State, moved.record.Since = state, since
	return &moved
}

// mac is HMAC-SHA256 without the allocations of crypto/hmac: it runs for each session that is
// issued or opened. A message over maxMAC is not among the callers'.
func (k *key) mac(message []byte) [sha256.Size]byte {
	const maxMAC = 256
	var first [sha256.BlockSize + maxMAC]byte
	copy(first[:], k.inner[:])
	n := copy(first[sha256.BlockSize:], message)
	inside := sha256.Sum256(first[:sha256.BlockSize+n])
	var second [sha256.BlockSize + sha256.Size]byte
	copy(second[:], k.outer[:])
	copy(second[sha256.BlockSize:], inside[:])
	return sha256.Sum256(second[:])
}
