package objects_test

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/plane/authz"
	"github.com/rolecall-dev/rolecall/internal/plane/awsapi"
	"github.com/rolecall-dev/rolecall/internal/plane/objects"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/storetest"
	"github.com/rolecall-dev/rolecall/sigv4"
)

// sink is a ResponseWriter that keeps the head only.
type sink struct {
	header http.Header
	status int
	n      int
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(p []byte) (int, error) { s.n += len(p); return len(p), nil }

// yes allows everything: the decision is benchmarked where it is made.
type yes struct{}

func (yes) Authorize(context.Context, *awsapi.Call, authz.Check) error { return nil }

func benchFront(b *testing.B, sizes ...int) *objects.Front {
	b.Helper()
	d := newMemoryDirectory()
	d.buckets["bucket"] = &identity.Bucket{Name: "bucket", Account: home, Region: "us-east-1", Created: time.Now()}
	store := embeddedStore(b)
	f := objects.New(objects.Options{Authorizer: yes{}, Directory: d, Store: store})
	for _, n := range sizes {
		r := httptest.NewRequest(http.MethodPut, "/bucket/k"+strings.Repeat("0", n%7), strings.NewReader(string(storetest.Pattern(n))))
		w := &sink{header: http.Header{}}
		if err := f.Serve(b.Context(), w, r, call(), nil, rolecall.Secret{}); err != nil {
			b.Fatal(err)
		}
	}
	return f
}

func call() *awsapi.Call {
	return &awsapi.Call{RequestID: "00000000-0000-0000-0000-000000000000", Time: time.Now(), Principal: principals()["AKIAROOTEXAMPLE00001"]}
}

func BenchmarkGet1kB(b *testing.B) {
	f := benchFront(b, 1<<10)
	r := httptest.NewRequest(http.MethodGet, "/bucket/k"+strings.Repeat("0", (1<<10)%7), nil)
	c := call()
	b.ReportAllocs()
	defer cpuTime(b)()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		if err := f.Serve(b.Context(), w, r, c, &sigv4.Signature{}, rolecall.Secret{}); err != nil || w.n != 1<<10 {
			b.Fatal(err, w.n)
		}
	}
}

func BenchmarkGet1MB(b *testing.B) {
	f := benchFront(b, 1<<20)
	r := httptest.NewRequest(http.MethodGet, "/bucket/k"+strings.Repeat("0", (1<<20)%7), nil)
	c := call()
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	defer cpuTime(b)()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		if err := f.Serve(b.Context(), w, r, c, &sigv4.Signature{}, rolecall.Secret{}); err != nil || w.n != 1<<20 {
			b.Fatal(err, w.n)
		}
	}
}

func benchPut(b *testing.B, size, writers int) {
	f := benchFront(b)
	body := string(storetest.Pattern(size))
	b.SetBytes(int64(size))
	b.SetParallelism(writers)
	b.ResetTimer()
	defer cpuTime(b)()
	b.RunParallel(func(pb *testing.PB) {
		c := call()
		for pb.Next() {
			r := httptest.NewRequest(http.MethodPut, "/bucket/k", strings.NewReader(body))
			if err := f.Serve(b.Context(), &sink{header: http.Header{}}, r, c, nil, rolecall.Secret{}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkPut1kB(b *testing.B) { benchPut(b, 1<<10, 1) }

// Sixty-four writers share commits.
func BenchmarkPut1kBParallel(b *testing.B) { benchPut(b, 1<<10, 64) }

func BenchmarkPut1MB(b *testing.B) { benchPut(b, 1<<20, 1) }

func BenchmarkStoreGet1kB(b *testing.B) {
	store := embeddedStore(b)
	bucket := objectstore.Bucket{Name: "bucket", Incarnation: "1"}
	_, err := store.Put(b.Context(), objectstore.Put{Bucket: bucket, Key: "k", Body: storetest.Body(storetest.Pattern(1 << 10)), Size: 1 << 10})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	defer cpuTime(b)()
	for b.Loop() {
		o, err := store.Get(b.Context(), objectstore.Get{Ref: objectstore.Ref{Bucket: bucket, Key: "k"}})
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, o.Body)
		_ = o.Body.Close()
	}
}

// cpuTime reports the processor time of the process for each operation: on a busy machine the wall says
// little.
func cpuTime(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkSHA256 is a yardstick of the machine: about 600 ns where the figures in the documentation
// were taken.
func BenchmarkSHA256(b *testing.B) {
	data := storetest.Pattern(1 << 10)
	defer cpuTime(b)()
	for b.Loop() {
		sha256.Sum256(data)
	}
}
