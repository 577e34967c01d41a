package token_test

import (
	"testing"

	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/token"
)

func sessions() map[string]*identity.Session {
	return map[string]*identity.Session{"ordinary": ordinary(), "with policy": full()}
}

func BenchmarkSeal(b *testing.B) {
	r := newRing(b)
	for name, s := range sessions() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
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
