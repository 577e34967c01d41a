package guard

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/internal/peer"
)

func TestBucket(t *testing.T) {
	var b bucket
	b.limit(10, 5)
	now := time.Unix(1_800_000_000, 0).UnixNano()
	took := 0
	for range 100 {
		if b.take(now) {
			took++
		}
	}
	if took != 5 || !b.empty(now) {
		t.Errorf("took %d at once; want the burst of 5", took)
	}
	if later := now + int64(100*time.Millisecond); b.empty(later) || !b.take(later) || b.take(later) {
		t.Error("a tenth of a second gives back exactly one")
	}
	var none bucket
	none.limit(-1, 0)
	for range 1000 {
		if !none.take(now) {
			t.Fatal("no limit, and yet refused")
		}
	}
}

func TestBucketUnderContention(t *testing.T) {
	var b bucket
	b.limit(1, 1000)
	now := time.Now().UnixNano()
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := 0
	for range 8 {
		wg.Go(func() {
			n := 0
			for range 500 {
				if b.take(now) {
					n++
				}
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wg.Wait()
	if total != 1000 {
		t.Errorf("took %d; want 1000", total)
	}
}

func TestCgroupPatterns(t *testing.T) {
	for _, row := range []struct {
		pattern, group string
		want           bool
	}{
		{"/system.slice/web.service", "/system.slice/web.service", true},
		{"/system.slice/web.service", "/system.slice/web.service/worker", true},
		{"/system.slice/web.service", "/system.slice/web.service2", false},
		{"/system.slice/web.service", "/system.slice", false},
		{"/system.slice/web.service", "/x/system.slice/web.service", false},
		{"/system.slice/docker-*.scope", "/system.slice/docker-abc.scope", true},
		{"/system.slice/docker-*.scope", "/system.slice/docker-abc/x.scope", false},
		{"/user.slice/*/app.slice", "/user.slice/user-1000.slice/app.slice/x", true},
		{"/user.slice/*/app.slice", "/user.slice/app.slice", false},
		{"/", "/anything", true},
		{"/", "/", true},
		{"/web", "", false},
	} {
		if got := matchCgroup([]string{row.pattern}, row.group); got != row.want {
			t.Errorf("%q for %q: %v", row.pattern, row.group, got)
		}
	}
	for _, bad := range []string{"", "web", "/a/", "/a/../b", "/a[", "//a"} {
		if (Selectors{Cgroups: []string{bad}}).Validate() == nil {
			t.Errorf("pattern %q is taken", bad)
		}
	}
}

// Selectors with something in them take nobody who could not be identified.
func TestUnknownCallersMatchNothing(t *testing.T) {
	unknown := &Conn{Peer: peer.Caller{UID: 0}}
	for _, s := range []Selectors{{UIDs: []uint32{0}}, {Cgroups: []string{"/"}}} {
		if s.Match(unknown) {
			t.Errorf("%+v takes an unknown caller", s)
		}
	}
	if !(Selectors{}).Match(unknown) {
		t.Error("no selectors take everybody")
	}
}

// A multitude of callers does not fill the memory.
func TestCallersAreForgotten(t *testing.T) {
	d := &Door{o: Options{Limits: Limits{}.withDefaults(), AllowFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, callers: map[callerKey]*caller{}}
	for i := range 3 * maxCallers {
		addr := netip.MustParseAddr(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		who := d.admit(peer.Caller{Addr: netip.AddrPortFrom(addr, 1)}, netip.MustParseAddr("169.254.170.2"))
		if who == nil {
			t.Fatal("turned away")
		}
		d.leave(who)
		who.left = time.Now().Add(-time.Hour)
	}
	if len(d.callers) > maxCallers {
		t.Errorf("%d callers are remembered", len(d.callers))
	}
}
