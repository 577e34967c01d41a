// Package identity holds the values that the plane is about: accounts, principals, ARNs and unique
// ids. Constructors only yield valid values. It does no I/O and knows no service.
package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
)

// AccountID is a twelve-digit AWS account number.
type AccountID string

// ParseAccountID accepts exactly twelve ASCII digits.
func ParseAccountID(s string) (AccountID, error) {
	if len(s) != 12 {
		return "", fmt.Errorf("account id %q: want 12 digits", s)
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return "", fmt.Errorf("account id %q: want 12 digits", s)
		}
	}
	return AccountID(s), nil
}

// Prefix is the four letters that say what a unique id names.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
type Prefix string

// The prefixes that this plane issues.
const (
	PrefixAccessKey       Prefix = "AKIA"
	PrefixTemporaryKey    Prefix = "ASIA"
	PrefixUser            Prefix = "AIDA"
	PrefixRole            Prefix = "AROA"
	PrefixGroup           Prefix = "AGPA"
	PrefixInstanceProfile Prefix = "AIPA"
	PrefixManagedPolicy   Prefix = "ANPA"
	PrefixCertificate     Prefix = "ASCA"
)

// NewID returns a fresh unique id: the prefix, then 17 base32 characters of which the first carry
// the account, as AWS's do, so that tools which decode the account from an id work.
// Random bits: 44.
func NewID(p Prefix, account AccountID) string {
	return idFrom(p, account, 17)
}

// NewAccessKeyID returns a fresh access key id (prefix AKIA or ASIA) of 20 characters with the
// account encoded; rolecall.AccountOfAccessKey is the inverse.
// Random bits: 39, so ids of temporary keys are not unique by themselves: the session token tells them apart.
func NewAccessKeyID(p Prefix, account AccountID) string {
	return idFrom(p, account, 16)
}

func idFrom(p Prefix, account AccountID, chars int) string {
	var number uint64
	for _, c := range []byte(account) {
		number = number*10 + uint64(c-'0')
	}
	var raw [12]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], 1<<47|number<<7|uint64(raw[5]&0x7f))
	copy(raw[:6], head[2:])
	return string(p) + base32.StdEncoding.EncodeToString(raw[:])[:chars]
}
