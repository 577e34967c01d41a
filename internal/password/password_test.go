package password_test

import (
	"strings"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/password"
)

func TestHash(t *testing.T) {
	a, b := password.Hash("correct horse"), password.Hash("correct horse")
	if a == b {
		t.Error("two hashes of one password are equal")
	}
	if !password.Verify(a, "correct horse") || password.Verify(a, "correct horsf") || password.Verify(a, "") {
		t.Error("verification")
	}
}

func TestVerifyRefusesDamage(t *testing.T) {
	good := password.Hash("x")
	for name, encoded := range map[string]string{
		"empty":       "",
		"other":       strings.Replace(good, "argon2id", "argon2i", 1),
		"version":     strings.Replace(good, "v=19", "v=18", 1),
		"memory":      strings.Replace(good, "m=19456", "m=99999999", 1),
		"no passes":   strings.Replace(good, "t=2", "t=0", 1),
		"salt":        strings.Replace(good, "p=1$", "p=1$!", 1),
		"short key":   good[:len(good)-30],
		"parts":       good + "$",
		"not numbers": strings.Replace(good, "t=2", "t=two", 1),
	} {
		if password.Verify(encoded, "x") {
			t.Errorf("%s: verified", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, encoded string) {
		if strings.Contains(encoded, "m=") && !strings.Contains(encoded, "m=8,t=1,p=1") {
			return // costs are bounded, but slow a fuzzer down
		}
		password.Verify(encoded, "x")
	})
}
