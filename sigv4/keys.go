package sigv4

// KeyCache holds signing keys by access key id and scope. It is bounded, safe for concurrent use,
// and answers only for the secret that a key was derived from: an access key id whose secret
// changed, or two temporary keys that share an id, never get one another's key.
type KeyCache struct {
	cache
}

// NewKeyCache returns a cache of at most size keys; sizes under 16 count as 16.
func NewKeyCache(size int) *KeyCache { return newKeyCache(size) }

// Len is the number of keys held.
func (c *KeyCache) Len() int { return c.len() }
