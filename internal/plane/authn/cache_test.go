package authn

import (
	"strconv"
	"sync"
	"testing"
)

func TestCacheIsBounded(t *testing.T) {
	c := newCache[int](100)
	for i := range 10_000 {
		c.put(strconv.Itoa(i), i)
		if got, ok := c.get(strconv.Itoa(i)); !ok || got != i {
			t.Fatalf("entry %d is %d, %v right after it was put", i, got, ok)
		}
		if len(c.m) > 100 {
			t.Fatalf("%d entries", len(c.m))
		}
	}
	c.put("9999", 7)
	if got, _ := c.get("9999"); got != 7 {
		t.Errorf("replaced entry is %d", got)
	}
}

func TestCacheConcurrently(t *testing.T) {
	c := newCache[string](16)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				key := strconv.Itoa(i % 40)
				c.put(key, key)
				if got, ok := c.get(key); ok && got != key {
					t.Errorf("entry of %s is %s", key, got)
				}
			}
		})
	}
	wg.Wait()
}
