package embedded_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/checksum"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
)

// zeros yields n bytes and, now and then, looks at the heap.
type zeros struct {
	n    int64
	peak uint64
}

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	if z.n%(8<<20) == 0 {
		z.look()
	}
	n := min(z.n, int64(len(p)))
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func (z *zeros) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	z.peak = max(z.peak, m.HeapInuse)
}

func (z *zeros) Write(p []byte) (int, error) {
	if z.n += int64(len(p)); z.n%(8<<20) == 0 {
		z.look()
	}
	return len(p), nil
}

func TestLargeObjectsTakeNoMemory(t *testing.T) {
	const size, allowed = 128 << 20, 8 << 20
	s := open(t, t.TempDir())
	runtime.GC()
	var before zeros
	before.look()
	body := &zeros{n: size}
	_, err := s.Put(t.Context(), objectstore.Put{Bucket: bucket(), Key: "k", Size: size,
		Body: checksum.NewReader(body, checksum.Declared{Size: size, Algorithm: checksum.CRC32C})})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Get(t.Context(), objectstore.Get{Ref: ref("k")})
	if err != nil {
		t.Fatal(err)
	}
	var sink zeros
	if _, err := io.Copy(&sink, o.Body); err != nil || sink.n != size {
		t.Fatalf("%d bytes, %v", sink.n, err)
	}
	if err := o.Body.Close(); err != nil {
		t.Error(err)
	}
	for what, peak := range map[string]uint64{"writing": body.peak, "reading": sink.peak} {
		if peak > before.peak+allowed {
			t.Errorf("%s %d MiB took %d kB of heap", what, size>>20, (peak-before.peak)>>10)
		}
	}
}
