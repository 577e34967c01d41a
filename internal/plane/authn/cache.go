package authn

import "sync"

// cache is a bounded map. When full it forgets an eighth of its entries, whichever the map yields
// first: what is in use comes back at the price of one look-up, and no reader ever takes a write lock.
type cache[V any] struct {
	mu    sync.RWMutex
	m     map[string]V
	limit int
}

func newCache[V any](limit int) *cache[V] {
	return &cache[V]{m: map[string]V{}, limit: limit}
}

func (c *cache[V]) get(key string) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.m[key]
	return v, ok
}

func (c *cache[V]) put(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[key]; !ok && len(c.m) >= c.limit {
		drop := c.limit/8 + 1
		for k := range c.m {
			delete(c.m, k)
			if drop--; drop == 0 {
				break
			}
		}
	}
	c.m[key] = v
}
