package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// The chain: each line ends with its sequence number and the SHA-256 of the line before it, without
// the line's end. The first line has the hash of nothing: 64 zeros.
//
// Who can write the files can also compute a whole new chain, or cut off its end. Against that
// stands the head: a file beside the log that holds sequence and hash of the last record known to
// be on disk, under a MAC of a key that is derived from the master key. Who can read the master
// key, or who puts back log and head of an earlier day together, is only found by somebody who has
// kept a later sequence and hash elsewhere.

const (
	chainOpen = `,"sequence":`
	chainPrev = `,"prevHash":"`
	headName  = "head"
)

// link is the place of a record in the chain.
type link struct {
	sequence uint64
	hash     [sha256.Size]byte // of the record itself
}

// appendChain closes a record: it returns the line without its end, and its link.
func appendChain(b []byte, start int, before link) ([]byte, link) {
	next := link{sequence: before.sequence + 1}
	b = append(b, chainOpen...)
	b = strconv.AppendUint(b, next.sequence, 10)
	b = append(b, chainPrev...)
	b = hex.AppendEncode(b, before.hash[:])
	b = append(b, `"}`...)
	next.hash = sha256.Sum256(b[start:])
	return b, next
}

// readChain returns a line's own sequence number and the hash of the line before it.
func readChain(line []byte) (sequence uint64, before [sha256.Size]byte, err error) {
	const tail = len(chainPrev) + 2*sha256.Size + len(`"}`)
	i := bytes.LastIndex(line, []byte(chainOpen))
	if i < 0 || len(line) < tail {
		return 0, before, errors.New("it has no place in the chain")
	}
	rest := line[i+len(chainOpen):]
	digits := len(rest) - tail
	if digits < 1 || !bytes.HasPrefix(rest[digits:], []byte(chainPrev)) || !bytes.HasSuffix(rest, []byte(`"}`)) {
		return 0, before, errors.New("its place in the chain is not readable")
	}
	if sequence, err = strconv.ParseUint(string(rest[:digits]), 10, 64); err != nil {
		return 0, before, errors.New("its sequence number is not readable")
	}
	hash := rest[digits+len(chainPrev):]
	if _, err = hex.Decode(before[:], hash[:2*sha256.Size]); err != nil {
		return 0, before, errors.New("the hash of the record before it is not readable")
	}
	if !json.Valid(line) {
		return 0, before, errors.New("it is not JSON")
	}
	return sequence, before, nil
}

// files returns the log's files, oldest first: their names carry the sequence number of their first
// record.
func files(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

func fileName(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("audit-%016d.jsonl", first))
}

// Head is the anchor of the chain's end.
type Head struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"` // hexadecimal SHA-256 of the record with that number
	MAC      string `json:"mac"`  // hexadecimal HMAC-SHA256 of number and hash
}

func newHead(l link, key []byte) Head {
	h := Head{Sequence: l.sequence, Hash: hex.EncodeToString(l.hash[:])}
	h.MAC = hex.EncodeToString(h.mac(key))
	return h
}

func (h Head) mac(key []byte) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(m, "rolecall audit head %d %s", h.Sequence, h.Hash) // a hash takes everything
	return m.Sum(nil)
}

// genuine reports whether the head was written by a holder of key.
func (h Head) genuine(key []byte) bool {
	mac, err := hex.DecodeString(h.MAC)
	return err == nil && hmac.Equal(mac, h.mac(key))
}

// ReadHead returns the head of the log in a directory. Without a file of that name the error
// matches fs.ErrNotExist.
func ReadHead(dir string) (Head, error) {
	text, err := os.ReadFile(filepath.Join(dir, headName))
	if err != nil {
		return Head{}, fmt.Errorf("reading the head of the audit log: %w", err)
	}
	var h Head
	// Behind the JSON stand spaces up to a fixed size.
	if err := json.Unmarshal(bytes.TrimSpace(text), &h); err != nil {
		return Head{}, fmt.Errorf("reading the head of the audit log: %w", err)
	}
	return h, nil
}

// headSize makes each head overwrite all of the last one in one write.
const headSize = 256

func writeHead(f io.WriterAt, h Head) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	text = append(text, bytes.Repeat([]byte{' '}, headSize-1-len(text))...)
	_, err = f.WriteAt(append(text, '\n'), 0)
	return err
}

func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
