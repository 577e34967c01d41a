package embedded

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

const (
	nonceSize = 12
	tagSize   = 16
	chunkSize = 64 << 10
)

// errTampered says that something on disk does not open: altered, moved, or of another store.
var errTampered = errors.New("stored data does not open: damaged or tampered with")

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// sealer does the store's encryption.
type sealer struct {
	ring     KeyRing
	metadata cipher.AEAD
	cache    *keyCache
}

// place is the additional data of a sealed thing: what it is and where it belongs. Fields are
// prefixed by their length, so that no two places read the same.
type place struct{ buf []byte }

func newPlace(kind byte, ns []byte, key string, extra []byte) place {
	b := make([]byte, 0, 32+len(ns)+len(key)+len(extra))
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(len(ns)))
	b = append(b, ns...)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	b = binary.AppendUvarint(b, uint64(len(extra)))
	return place{append(b, extra...)}
}

// The kinds of sealed things.
const (
	kindMeta   = 'm' // metadata of an object version
	kindTable  = 't' // its list of blobs
	kindBody   = 'b' // a chunk of its content
	kindUpload = 'u' // an upload
	kindPart   = 'p' // the record of a part
)

// as returns the place of another kind of thing of the same version.
func (p place) as(kind byte) []byte {
	b := append(make([]byte, 0, len(p.buf)+8), p.buf...)
	b[0] = kind
	return b
}

// sealMeta appends nonce and sealed plain to dst.
func (s *sealer) sealMeta(dst, plain, aad []byte) []byte {
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:]) // never fails
	dst = append(dst, nonce[:]...)
	return s.metadata.Seal(dst, nonce[:], plain, aad)
}

func (s *sealer) openMeta(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < nonceSize+tagSize {
		return nil, errTampered
	}
	plain, err := s.metadata.Open(make([]byte, 0, len(sealed)), sealed[:nonceSize], sealed[nonceSize:], aad)
	if err != nil {
		return nil, errTampered
	}
	return plain, nil
}

// newKey makes a data key and wraps it for aad.
func (s *sealer) newKey(aad []byte) (cipher.AEAD, []byte, error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	wrapped, err := s.ring.Wrap(key[:], aad)
	if err != nil {
		return nil, nil, fmt.Errorf("wrapping a data key: %w", err)
	}
	aead, err := newAEAD(key[:])
	return aead, wrapped, err
}

// dataKey unwraps, or finds what it unwrapped before. What a data key opens is bound to its place by
// its own additional data, so a cached key serves nothing that the ring would refuse.
func (s *sealer) dataKey(wrapped, aad []byte) (cipher.AEAD, error) {
	if a := s.cache.get(wrapped); a != nil {
		return a, nil
	}
	key, err := s.ring.Unwrap(wrapped, aad)
	if err != nil {
		return nil, fmt.Errorf("unwrapping a data key: %w", err)
	}
	a, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	s.cache.put(wrapped, a)
	return a, nil
}

// keyCache is a bounded set of unwrapped keys; when it is full, arbitrary ones make room.
type keyCache struct {
	mu   sync.RWMutex
	max  int
	keys map[string]cipher.AEAD
}

func newKeyCache(n int) *keyCache { return &keyCache{max: n, keys: map[string]cipher.AEAD{}} }

func (c *keyCache) get(wrapped []byte) cipher.AEAD {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.keys[string(wrapped)]
}

func (c *keyCache) put(wrapped []byte, a cipher.AEAD) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keys) >= c.max {
		drop := max(1, c.max/16)
		for k := range c.keys {
			delete(c.keys, k)
			if drop--; drop == 0 {
				break
			}
		}
	}
	c.keys[string(wrapped)] = a
}

// chunkNonce and chunkAAD bind a chunk to its number; each data key seals one body only, so the
// number is unique under it.
func chunkNonce(n uint64) (nonce [nonceSize]byte) {
	binary.BigEndian.PutUint64(nonce[4:], n)
	return nonce
}

func chunkAAD(scratch, body []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(scratch[:0], body...), n)
}
