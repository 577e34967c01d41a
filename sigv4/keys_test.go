package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/rolecall-dev/rolecall"
)

func reference(secret string, s Scope, message []byte) [32]byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.Date, s.Region, s.Service, "aws4_request"} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return [32]byte(h.Sum(nil))
}

// Keys derived, cached or not, sign as crypto/hmac does, for secrets shorter and longer than a block.
func TestKeysAgreeWithHMAC(t *testing.T) {
	c := NewKeyCache(16)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 20, 200)
		secret := rapid.StringN(1, 100, 300).Draw(t, "secret")
		scope := Scope{text.Draw(t, "date"), text.Draw(t, "region"), text.Draw(t, "service")}
		message := []byte(rapid.StringN(0, 500, 2000).Draw(t, "message"))
		id := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id")
		if got := c.get(id, rolecall.NewSecret(secret), scope).mac(message); got != reference(secret, scope, message) {
			t.Fatal("not HMAC-SHA256")
		}
	})
}

// Two secrets under one access key id, taking turns, never get one another's key.
func TestCacheTellsSecretsApart(t *testing.T) {
	c := NewKeyCache(64)
	scope := Scope{"20260102", "r", "sts"}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			secret := fmt.Sprintf("secret %d", worker)
			want := reference(secret, scope, []byte("m"))
			for range 2000 {
				if c.get("ASIA", rolecall.NewSecret(secret), scope).mac([]byte("m")) != want {
					t.Error("another secret's key")
					return
				}
			}
		})
	}
	wg.Wait()
	if n := c.Len(); n != 1 {
		t.Errorf("%d keys", n)
	}
}

func TestCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	const size = 256
	c := NewKeyCache(size)
	secret, scope := rolecall.NewSecret("s"), Scope{"20260102", "r", "sts"}
	hot := c.get("hot", secret, scope)
	for i := range 100 * size {
		c.get(fmt.Sprint(i), secret, scope)
		if i%8 == 0 && c.get("hot", secret, scope) != hot {
			t.Fatalf("a key in use was dropped after %d others", i)
		}
	}
	if n := c.Len(); n > size {
		t.Errorf("holds %d keys, bound is %d", n, size)
	}
	for _, region := range []string{"r", "r2"} {
		if c.get("hot", secret, Scope{"20260102", region, "sts"}).mac(nil) != reference("s", Scope{"20260102", region, "sts"}, nil) {
			t.Error("another scope's key")
		}
	}
}
