package token_test

import (
	"syscall"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/token"
)

func sessions() map[string]*identity.Session {
	return map[string]*identity.Session{"ordinary": ordinary(), "with policy": full()}
}

// cpu reports processor time, which a busy machine changes less than wall time.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkSeal(b *testing.B) {
	r := newRing(b)
	for name, s := range sessions() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				if _, _, err := r.Seal(accessKeyID, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	r := newRing(b)
	for name, s := range sessions() {
		text, _, err := r.Seal(accessKeyID, s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				if _, _, err := r.Open(accessKeyID, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPackedPercent(b *testing.B) {
	r, s := newRing(b), full()
	b.Run("ring", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = r.PackedPercent(s)
		}
	})
	b.Run("function", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = token.PackedPercent(s)
		}
	})
}
