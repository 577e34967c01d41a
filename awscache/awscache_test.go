package awscache_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/awscache"
)

// The wanted names were made with botocore 1.43's own code.
func TestNamesAreTheCLIs(t *testing.T) {
	arn := "arn:aws:iam::111122223333:role/A"
	for _, tc := range []struct {
		got, want string
	}{
		{awscache.RoleKey{RoleARN: arn}.ID(), "4860a7fa4ae31231be33dbc4bf069ab2605c3034"},
		{awscache.RoleKey{RoleARN: arn, SessionName: "s", ExternalID: "ü/\"\\\n<&>", SerialNumber: "x", Duration: time.Hour}.ID(), "0387a0d90f13b0c47435366b74be4655174169ab"},
		{awscache.RoleKey{RoleARN: arn, ExternalID: "😀"}.ID(), "fd2616b2df5c5fdd04c297825d01360cb2e5c804"},
		{awscache.SSOKey{AccountID: "111122223333", RoleName: "R", SessionName: "s", StartURL: "u"}.ID(), "fa0e99e78f487f91147f8b6091b0eeb516045415"},
		{awscache.SSOKey{AccountID: "111122223333", RoleName: "R", StartURL: "https://x.awsapps.com/start"}.ID(), "0db60e3628fff6afc778d566014defa7aa91518b"},
		{awscache.SSOTokenID("https://x.awsapps.com/start"), "3947de8b16688092197fa616c34e01335f21d256"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %s, want %s", tc.got, tc.want)
		}
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"2020-01-02T03:04:05Z", "2020-01-02T03:04:05UTC", "2020-01-02T04:04:05+01:00"} {
		if got, err := awscache.ParseTime(s); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "soon", "2020-01-02"} {
		if _, err := awscache.ParseTime(s); err == nil {
			t.Errorf("%q is a time", s)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "x.json")
	if _, err := awscache.Read(path); !awscache.IsMissing(err) {
		t.Error(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := awscache.Write(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := awscache.Read(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
	if _, err := awscache.Read(dir); err == nil || awscache.IsMissing(err) {
		t.Error("a folder was read")
	}
}

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	var wg sync.WaitGroup
	var inside, rounds atomic.Int32
	for range 20 {
		wg.Go(func() {
			unlock, err := awscache.Lock(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d hold the lock", n)
			}
			time.Sleep(time.Millisecond)
			rounds.Add(1)
			inside.Add(-1)
			unlock()
		})
	}
	wg.Wait()
	if rounds.Load() != 20 {
		t.Error(rounds.Load())
	}
	unlock, err := awscache.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := awscache.Lock(ctx, path); err == nil {
		t.Error("locked twice")
	}
}

// FuzzParseTime: a time that is read is the time that was written.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00UTC", "2026-01-01T00:00:00.5+02:00", "2026-13-01T00:00:00Z", "UTC"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := awscache.ParseTime(s)
		if err != nil {
			return
		}
		if again, err := awscache.ParseTime(at.Format(time.RFC3339Nano)); err != nil || !again.Equal(at) {
			t.Errorf("%q is %s, read again %s, %v", s, at, again, err)
		}
	})
}
