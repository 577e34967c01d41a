// Package password hashes the passwords of IAM users and checks them. It knows no policy of what a
// password must be like.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a hash: argon2id as OWASP's cheat sheet has it, 19 MiB, about 20 ms.
const (
	memory  = 19 << 10 // KiB
	passes  = 2
	lanes   = 1
	keySize = 32
)

// Hash returns the encoded hash of a password: "$argon2id$v=19$m=…,t=…,p=…$salt$key". It takes
// long on purpose: do not call it while holding a lock.
func Hash(text string) string {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails: crypto/rand ends the process instead
	key := argon2.IDKey([]byte(text), salt[:], passes, memory, lanes, keySize)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes,
		enc.EncodeToString(salt[:]), enc.EncodeToString(key))
}

// Verify reports whether text is the password that encoded was made of. What is not an encoded hash
// matches nothing.
func Verify(encoded, text string) bool {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false
	}
	var version, m, t, p uint32
	if _, err := fmt.Sscanf(parts[2]+"$"+parts[3], "v=%d$m=%d,t=%d,p=%d", &version, &m, &t, &p); err != nil {
		return false
	}
	// The bounds keep a damaged entry from taking the machine's memory.
	if version != argon2.Version || m < 8 || m > 1<<20 || t < 1 || t > 100 || p < 1 || p > 16 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 || len(want) > 64 {
		return false
	}
	got := argon2.IDKey([]byte(text), salt, t, m, uint8(p), uint32(len(want))) //nolint:gosec // both are bounded above
	return subtle.ConstantTimeCompare(got, want) == 1
}
