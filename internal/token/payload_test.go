package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rolecall-dev/rolecall/internal/identity"
)

// FuzzPayload gives the decoder what only a holder of the ring's keys could: it must not panic, nor
// use memory without end, and what it takes must survive another round.
func FuzzPayload(f *testing.F) {
	p := new(packer)
	long := &identity.Session{Account: "123456789012", Tags: []identity.Tag{{Key: "a", Value: string(make([]byte, 1000))}}, TransitiveTagKeys: []string{"a"}, PolicyARNs: []string{"x"}, MFAAt: time.Unix(1, 0),
		FederatedKeys: []identity.ConditionKey{{Name: "a", Values: []string{"b", "c"}}, {Name: "d"}}}
	for _, s := range []*identity.Session{{Account: "000000000000"}, {Account: "123456789012", Policy: "{}", Name: "n"}, long} {
		b, err := p.appendPayload(nil, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("\x01\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := p.parsePayload(text)
		if err != nil {
			return
		}
		b, err := p.appendPayload(nil, s)
		if err != nil {
			return // doubled tags can make a transitive key's first spelling another
		}
		again, err := p.parsePayload(string(b))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("-first +second:\n%s", diff)
		}
	})
}

func TestInflateIsBounded(t *testing.T) {
	p := new(packer)
	bomb := p.deflate(make([]byte, 10<<20))
	if _, err := p.inflate(string(bomb)); err == nil {
		t.Error("inflated 10 MB")
	}
}

func TestMACIsHMAC(t *testing.T) {
	material := make([]byte, materialSize)
	random(material)
	k, err := makeKey(identity.RingKey{ID: "01020304"}, material)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 32, 63, 64, 65, 140, 256} {
		message := make([]byte, n)
		random(message)
		h := hmac.New(sha256.New, material[32:])
		h.Write(message)
		if got := k.mac(message); !hmac.Equal(got[:], h.Sum(nil)) {
			t.Errorf("MAC of %d bytes", n)
		}
	}
}
