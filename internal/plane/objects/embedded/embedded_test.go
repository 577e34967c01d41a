package embedded_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/embedded"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/storetest"
)

// ring is a key ring of one fixed key.
type ring struct{ aead cipher.AEAD }

func newRing(t testing.TB) *ring {
	t.Helper()
	block, err := aes.NewCipher([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return &ring{a}
}

func (r *ring) Wrap(key, aad []byte) ([]byte, error) { return r.aead.Seal(nil, nil, key, aad), nil }

func (r *ring) Unwrap(wrapped, aad []byte) ([]byte, error) {
	return r.aead.Open(nil, nil, wrapped, aad)
}

func open(t testing.TB, dir string) *embedded.Store {
	t.Helper()
	s, err := embedded.Open(embedded.Options{Dir: dir, Keys: newRing(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Full { return open(t, t.TempDir()) }, storetest.Options{})
}

func TestContractWithoutInlineObjects(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Full {
		s, err := embedded.Open(embedded.Options{Dir: t.TempDir(), Keys: newRing(t), InlineLimit: -1, DataKeys: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}, storetest.Options{})
}

func files(t testing.TB, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // swept meanwhile
		}
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// swept waits until at most n body files are left.
func swept(t testing.TB, dir string, n int) {
	t.Helper()
	for range 500 {
		if files(t, dir) <= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d body files are left, want %d", files(t, dir), n)
}

func bucket() objectstore.Bucket { return objectstore.Bucket{Name: "bucket", Incarnation: "1"} }

func ref(key string) objectstore.Ref { return objectstore.Ref{Bucket: bucket(), Key: key} }

func put(t testing.TB, s *embedded.Store, key string, body []byte) {
	t.Helper()
	_, err := s.Put(t.Context(), objectstore.Put{Bucket: bucket(), Key: key, Body: storetest.Body(body), Size: int64(len(body))})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoFileOutlivesItsObject(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for range 3 {
		put(t, s, "k", storetest.Pattern(100_000))
	}
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files for one object", n)
	}
	o, err := s.Get(t.Context(), objectstore.Get{Ref: ref("k")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Delete(t.Context(), objectstore.Delete{Ref: ref("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, o.Body); err != nil {
		t.Errorf("a deleted object under a reader: %v", err)
	}
	if err := o.Body.Close(); err != nil {
		t.Error(err)
	}
	body := checksum.NewReader(bytes.NewReader(storetest.Pattern(100_000)), checksum.Declared{Size: 7})
	if _, err := s.Put(t.Context(), objectstore.Put{Bucket: bucket(), Key: "k", Body: body, Size: 7}); !errors.Is(err, checksum.ErrSize) {
		t.Error(err)
	}
	if n := files(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestNothingIsReadableOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	secret := []byte("a text that must not be found in any file of the store")
	put(t, s, "small", secret)
	put(t, s, "big", bytes.Repeat(secret, 5000))
	_, err := s.Put(t.Context(), objectstore.Put{Bucket: bucket(), Key: "meta", Body: storetest.Body(nil), Meta: []objectstore.Meta{{Name: "m", Value: string(secret)}}})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, secret[:20]) {
			t.Errorf("%s holds plain text", path)
		}
		if info, infoErr := d.Info(); infoErr != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), infoErr)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func blobPaths(t *testing.T, dir string) (paths []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "blobs", "*", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no body files: %v", err)
	}
	return paths
}

func TestDamageIsSeen(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"a bit flipped": func(b []byte) []byte { b[70_000] ^= 1; return b },
		"cut short":     func(b []byte) []byte { return b[:len(b)-1] },
		"chunks swapped": func(b []byte) []byte {
			const n = 64<<10 + 16
			return append(append(append([]byte(nil), b[n:2*n]...), b[:n]...), b[2*n:]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			put(t, s, "k", storetest.Pattern(200_000))
			path := blobPaths(t, dir)[0]
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			o, err := s.Get(t.Context(), objectstore.Get{Ref: ref("k")})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = o.Body.Close() }()
			n, err := io.Copy(io.Discard, o.Body)
			if err == nil || !strings.Contains(err.Error(), "tampered") {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
}

func TestFilesOfAnotherObjectDoNotOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "mine", storetest.Pattern(100_000))
	before := blobPaths(t, dir)[0]
	put(t, s, "theirs", storetest.Pattern(100_001))
	for _, p := range blobPaths(t, dir) {
		if p != before {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(before, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	o, err := s.Get(t.Context(), objectstore.Get{Ref: ref("mine")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Body.Close() }()
	if _, err := io.Copy(io.Discard, o.Body); err == nil {
		t.Error("another object's file was read")
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 50 {
		put(t, s, fmt.Sprintf("k%d", i), storetest.Pattern(i*1000))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(dir, "blobs", "ab", "ab"+strings.Repeat("0", 30))
	if err := os.MkdirAll(filepath.Dir(orphan), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(orphan, []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "blobs", "tmp", "half")
	if err := os.WriteFile(half, []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	for i := range 50 {
		o, err := s.Get(t.Context(), objectstore.Get{Ref: ref(fmt.Sprintf("k%d", i))})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(o.Body)
		_ = o.Body.Close()
		if err != nil || !bytes.Equal(got, storetest.Pattern(i*1000)) {
			t.Errorf("k%d: %d bytes, %v", i, len(got), err)
		}
	}
	swept(t, dir, 33) // those of more than 16 KiB
	for _, path := range []string{orphan, half} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was not swept: %v", path, err)
		}
	}
}

func TestOfAnotherRing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, _ := aes.NewCipher(key)
	a, _ := cipher.NewGCMWithRandomNonce(block)
	if _, err := embedded.Open(embedded.Options{Dir: dir, Keys: &ring{a}}); err == nil {
		t.Error("opened with another ring")
	}
}
