package rolecall

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
)

// AccountOfAccessKey decodes the account that an access key id carries: the id's characters after
// the four-letter prefix are base32, and bits 1 to 40 of their first six bytes are the account.
//
// It reports false for ids that are too short or not base32, and for ids from before AWS encoded
// the account (those decode to numbers that are no account; only a length check can be made here).
func AccountOfAccessKey(id string) (account string, ok bool) {
	if len(id) < 16 {
		return "", false
	}
	var raw [16]byte
	end := 4 + (len(id)-4)/8*8
	if end > 20 {
		end = 20
	}
	n, err := base32.StdEncoding.Decode(raw[:], []byte(id[4:end]))
	if err != nil || n < 6 {
		return "", false
	}
	var six [8]byte
	copy(six[2:], raw[:6])
	number := binary.BigEndian.Uint64(six[:]) & 0x7fffffffff80 >> 7
	if number > 999999999999 {
		return "", false
	}
	return fmt.Sprintf("%012d", number), true
}
