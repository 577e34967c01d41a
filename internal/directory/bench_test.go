package directory_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/rolecall-dev/rolecall/internal/directory"
	"github.com/rolecall-dev/rolecall/internal/identity"
)

// crowd fills a directory with users, each with a key and an inline policy, a tenth of them in one
// group.
func crowd(b *testing.B, dir string, users int) (d *directory.Directory, keys []string) {
	b.Helper()
	d = open(b, database(b, dir))
	group := must[identity.Group](b)(identity.NewGroup(account, "/", "devs", start()))
	p := newPolicy(b, "shared", allow("s3:*"))
	put(b, d, &identity.Account{ID: account}, group, p)
	update(b, d, func(tx *directory.Tx) error {
		for i := range users {
			u := newUser(b, fmt.Sprintf("user-%d", i))
			u.SetInline("own", allow("s3:GetObject"))
			u.Attach(p.ARN())
			if i%10 == 0 {
				u.GroupIDs = []string{group.ID}
			}
			k := must[identity.AccessKey](b)(identity.NewAccessKey(account, u.ID, start()))
			keys = append(keys, k.ID)
			if err := tx.Put(u); err != nil {
				return err
			}
			if err := tx.Put(k); err != nil {
				return err
			}
		}
		return nil
	})
	return d, keys
}

func sizes() []int { return []int{100, 20_000} }

func BenchmarkUpdate(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("%d users", n), func(b *testing.B) {
			d, _ := crowd(b, b.TempDir(), n)
			u := d.Snapshot().User(account, "user-7").Clone()
			i := 0
			for b.Loop() {
				i++
				u.Tags = []identity.Tag{{Key: "i", Value: fmt.Sprint(i)}}
				put(b, d, u)
			}
		})
	}
}

// BenchmarkApply is an update without the store: what it costs to change the snapshot.
func BenchmarkApply(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("%d users", n), func(b *testing.B) {
			d, _ := crowd(b, b.TempDir(), n)
			u := d.Snapshot().User(account, "user-7").Clone()
			stop := fmt.Errorf("enough")
			b.ReportAllocs()
			for b.Loop() {
				_ = d.Update(b.Context(), func(tx *directory.Tx) error {
					if err := tx.Put(u); err != nil {
						b.Fatal(err)
					}
					return stop
				})
			}
		})
	}
}

// BenchmarkRequest is what a request reads: key, user, compiled rights.
func BenchmarkRequest(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("%d users", n), func(b *testing.B) {
			d, keys := crowd(b, b.TempDir(), n)
			for _, id := range keys {
				d.Snapshot().IdentityPolicies(d.Snapshot().AccessKey(id).UserID)
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				s := d.Snapshot()
				k := s.AccessKey(keys[i*7919%len(keys)])
				u := s.UserByID(k.UserID)
				if r := s.IdentityPolicies(u.ID); len(r.Identity) == 0 {
					b.Fatal("no rights")
				}
				d.Touch(k.ID, "s3", "us-east-1")
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("%d users", n), func(b *testing.B) {
			dir := b.TempDir()
			_, _ = crowd(b, dir, n)
			for b.Loop() {
				d := open(b, database(b, dir))
				if d.Snapshot().User(account, "user-7") == nil {
					b.Fatal("not loaded")
				}
			}
			b.StopTimer()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			d := open(b, database(b, dir))
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "heap-B/user")
			runtime.KeepAlive(d)
		})
	}
}
