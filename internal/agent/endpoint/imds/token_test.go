package imds

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

func testSealer() sealer { return sealer{bytes.Repeat([]byte{7}, 32)} }

func TestTokens(t *testing.T) {
	s := testSealer()
	now := time.Unix(1_800_000_000, 0)
	bound := []byte("g12345678")
	token := s.seal(bound, now.Add(time.Minute))
	if expires, ok := s.open(token, bound, now); !ok || !expires.Equal(now.Add(time.Minute)) {
		t.Errorf("own token: %v, %v", expires, ok)
	}
	if token == s.seal(bound, now.Add(time.Minute)) {
		t.Error("two tokens are the same")
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		damaged := bytes.Clone(raw)
		damaged[i] ^= 1
		if _, ok := s.open(base64.RawURLEncoding.EncodeToString(damaged), bound, now); ok {
			t.Errorf("accepted with byte %d changed", i)
		}
	}
	for name, opens := range map[string]func() bool{
		"another caller": func() bool { _, ok := s.open(token, []byte("g87654321"), now); return ok },
		"another key":    func() bool { _, ok := sealer{bytes.Repeat([]byte{8}, 32)}.open(token, bound, now); return ok },
		"its end":        func() bool { _, ok := s.open(token, bound, now.Add(time.Minute)); return ok },
		"padding":        func() bool { _, ok := s.open(token+"=", bound, now); return ok },
		"a newline":      func() bool { _, ok := s.open(token+"\n", bound, now); return ok },
		"nothing":        func() bool { _, ok := s.open("", bound, now); return ok },
	} {
		if opens() {
			t.Errorf("accepted: %s", name)
		}
	}
}

// Whatever is presented, only what was issued opens, in exactly its one spelling.
func FuzzOpenToken(f *testing.F) {
	s := testSealer()
	now := time.Unix(1_800_000_000, 0)
	bound := []byte("u\x00\x00\x03\xe8")
	issued := s.sealWith([nonceBytes]byte{1, 2, 3}, bound, now.Add(time.Hour)) // the same in every fuzzing process
	for _, seed := range []string{
		"", issued, issued[:43], issued + "A", strings.ToUpper(issued), strings.Repeat("A", 44), strings.Repeat("_", 44),
		issued[:len(issued)-1] + "=", "\x00" + issued[1:], strings.Repeat("é", 22),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		expires, ok := s.open(token, bound, now)
		if ok && (token != issued || expires.Before(now)) {
			t.Errorf("opened %q", token)
		}
	})
}

func BenchmarkOpenToken(b *testing.B) {
	s := testSealer()
	now := time.Now()
	bound := []byte("g12345678")
	token := s.seal(bound, now.Add(time.Hour))
	for b.Loop() {
		if _, ok := s.open(token, bound, now); !ok {
			b.Fatal("refused")
		}
	}
}
