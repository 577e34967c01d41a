package sigv4

import (
	"crypto/sha256"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/rolecall-dev/rolecall"
)

const (
	cacheShards = 8
	blockSize   = sha256.BlockSize
)

// KeyCache holds signing keys by access key id and scope. It is bounded, safe for concurrent use,
// and answers only for the secret that a key was derived from: an access key id whose secret
// changed, or two temporary keys that share an id, never get one another's key.
type KeyCache struct {
	seed   maphash.Seed
	half   int
	shards [cacheShards]keyShard
}

// keyShard keeps two generations: a full young one becomes the old one, whose unused keys are
// thereby dropped. That bounds the cache without bookkeeping on each hit.
type keyShard struct {
	mu         sync.RWMutex
	young, old map[keyID]*signingKey
}

type keyID struct {
	accessKeyID string
	scope       Scope
}

// NewKeyCache returns a cache of at most size keys; sizes under 16 count as 16.
func NewKeyCache(size int) *KeyCache {
	c := &KeyCache{seed: maphash.MakeSeed(), half: max(size, 2*cacheShards) / (2 * cacheShards)}
	for i := range c.shards {
		c.shards[i].young = make(map[keyID]*signingKey)
	}
	return c
}

// Len is the number of keys held.
func (c *KeyCache) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return n
}

// get returns the signing key of secret in scope, deriving it if need be. A nil cache derives.
func (c *KeyCache) get(accessKeyID string, secret rolecall.Secret, scope Scope) *signingKey {
	if c == nil {
		return deriveKey(secret, scope)
	}
	id := keyID{accessKeyID, scope}
	shard := &c.shards[maphash.String(c.seed, accessKeyID)%cacheShards]
	shard.mu.RLock()
	key, young := shard.young[id]
	if !young {
		key = shard.old[id]
	}
	shard.mu.RUnlock()
	if key != nil && key.madeOf(secret) {
		if !young {
			shard.put(id, key, c.half)
		}
		return key
	}
	key = deriveKey(secret, scope)
	// The strings are parts of a request's header, which they must not keep alive.
	id.accessKeyID = strings.Clone(id.accessKeyID)
	id.scope = Scope{strings.Clone(scope.Date), strings.Clone(scope.Region), strings.Clone(scope.Service)}
	shard.put(id, key, c.half)
	return key
}

func (s *keyShard) put(id keyID, key *signingKey, half int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.young[id]; !ok && len(s.young) >= half {
		s.old, s.young = s.young, make(map[keyID]*signingKey, half)
	}
	delete(s.old, id)
	s.young[id] = key
}

// signingKey is a derived key, prepared for HMAC: the two blocks that RFC 2104 puts before the
// inner and the outer message. With them a signature is two one-shot hashes over buffers on the
// stack, half the time of crypto/hmac and no allocation.
type signingKey struct {
	secret       rolecall.Secret
	inner, outer [blockSize]byte
}

// madeOf reports whether k was derived from secret, in constant time for equal lengths. It compares
// in place, because Secret.Equal copies both texts.
func (k *signingKey) madeOf(secret rolecall.Secret) bool {
	return k.secret == secret || equalStrings(k.secret.Expose(), secret.Expose())
}

func equalStrings(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	var diff byte
	for i := range len(a) {
		diff |= a[i] ^ b[i]
	}
	return diff == 0
}

func deriveKey(secret rolecall.Secret, scope Scope) *signingKey {
	text := secret.Expose()
	start := make([]byte, 0, 64)
	start = append(append(start, "AWS4"...), text...)
	var k signingKey
	k.prepare(start)
	for _, part := range [...]string{scope.Date, scope.Region, scope.Service, "aws4_request"} {
		sum := k.mac([]byte(part))
		k.prepare(sum[:])
	}
	k.secret = secret
	return &k
}

func (k *signingKey) prepare(key []byte) {
	if len(key) > blockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	var padded [blockSize]byte
	copy(padded[:], key)
	for i, b := range padded {
		k.inner[i] = b ^ 0x36
		k.outer[i] = b ^ 0x5c
	}
}

// mac returns HMAC-SHA256 of message.
func (k *signingKey) mac(message []byte) [sha256.Size]byte {
	var room [blockSize + 320]byte
	inner := sha256.Sum256(append(append(room[:0], k.inner[:]...), message...))
	var outer [blockSize + sha256.Size]byte
	copy(outer[:], k.outer[:])
	copy(outer[blockSize:], inner[:])
	return sha256.Sum256(outer[:])
}
