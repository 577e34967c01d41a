package checksum

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func sum(a Algorithm, b []byte) string {
	h := a.New()
	_, _ = h.Write(b)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestKnownValues(t *testing.T) {
	// The check values of the CRC catalogue for "123456789".
	for a, want := range map[Algorithm]string{
		CRC32: "y/Q5Jg==", CRC32C: "4waSgw==", CRC64NVME: "rosUhgp5mIg=",
		SHA1: "98O8HYCOBHMqzsNeaKr2eVPOl4c9", SHA256: "FeKwxQ/uAUBgqy1xQsnTgyUHWbTzYvtqk/0Y4PqQ5o8=",
	} {
		got := sum(a, []byte("123456789"))
		if a == SHA1 || a == SHA256 {
			if !a.Valid(got) {
				t.Errorf("%s: %q is not valid", a, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%s = %s, want %s", a, got, want)
		}
	}
}

func TestWholeIsSumOfConcatenation(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // test data
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		for _, cuts := range [][]int{{0}, {1}, {5000, 5001, 70000}, {0, 0, 99_999}} {
			var parts []Sized
			last := 0
			for _, c := range append(cuts, len(data)) {
				parts = append(parts, Sized{sum(a, data[last:c]), int64(c - last)})
				last = c
			}
			got, err := Whole(a, parts)
			want := Value{a, FullObject, sum(a, data)}
			if err != nil || got != want {
				t.Errorf("%s %v: %v, %v; want %v", a, cuts, got, err, want)
			}
		}
	}
	if _, err := Whole(SHA256, nil); err == nil {
		t.Error("SHA256 has no full object checksum")
	}
}

func TestReader(t *testing.T) {
	const body = "hello"
	md := func(s string) []byte { b, _ := base64.StdEncoding.DecodeString(s); return b }
	for name, c := range map[string]struct {
		d    Declared
		want error
	}{
		"nothing declared": {Declared{Size: -1}, nil},
		"all right":        {Declared{Size: 5, MD5: md("XUFAKrxLKna5cZ2REBfFkg=="), Algorithm: CRC32, Value: sum(CRC32, []byte(body))}, nil},
		"md5":              {Declared{Size: 5, MD5: md("XUFAKrxLKna5cZ2REBfFkQ==")}, ErrMD5},
		"crc":              {Declared{Size: 5, Algorithm: CRC32, Value: "AAAAAA=="}, ErrChecksum},
		"short":            {Declared{Size: 6}, ErrSize},
		"long":             {Declared{Size: 4}, ErrSize},
		"trailer":          {Declared{Size: 5, Algorithm: SHA1, Trailer: func() string { return sum(SHA1, []byte(body)) }}, nil},
		"trailer missing":  {Declared{Size: 5, Algorithm: SHA1, Trailer: func() string { return "" }}, ErrTrailer},
		"trailer differs":  {Declared{Size: 5, Algorithm: CRC32C, Trailer: func() string { return "AAAAAA==" }}, ErrChecksum},
	} {
		r := NewReader(strings.NewReader(body), c.d)
		_, err := io.Copy(io.Discard, r)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, again := r.Read(make([]byte, 1)); c.want != nil && !errors.Is(again, c.want) {
			t.Errorf("%s: a second read gives %v", name, again)
		}
	}
}

func TestComposite(t *testing.T) {
	got, err := OfParts(CRC32, []string{sum(CRC32, []byte("a")), sum(CRC32, []byte("b"))})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := base64.StdEncoding.DecodeString(sum(CRC32, []byte("a")))
	b, _ := base64.StdEncoding.DecodeString(sum(CRC32, []byte("b")))
	want := Value{CRC32, Composite, sum(CRC32, bytes.Join([][]byte{a, b}, nil)) + "-2"}
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := OfParts(CRC32, []string{"?"}); err == nil {
		t.Error("a malformed part checksum is accepted")
	}
}
