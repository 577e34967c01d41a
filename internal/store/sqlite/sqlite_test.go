package sqlite_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall"
	"github.com/rolecall-dev/rolecall/internal/identity"
	"github.com/rolecall-dev/rolecall/internal/store"
	"github.com/rolecall-dev/rolecall/internal/store/sqlite"
	"github.com/rolecall-dev/rolecall/internal/store/storetest"
)

func open(t testing.TB, place string, sealer store.Sealer) store.Backend {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(place, "plane.db"), sealer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, place string, sealer store.Sealer) store.Backend {
		t.Helper()
		// Whatever a test put, no secret of it may be readable in the files, at any time.
		t.Cleanup(func() { noCanary(t, place) })
		return open(t, place, sealer)
	})
}

func noCanary(t *testing.T, place string) {
	t.Helper()
	files, err := filepath.Glob(place + "/*")
	if err != nil || len(files) == 0 {
		t.Errorf("found no database files: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file) //nolint:gosec // a test's own file
		if err != nil {
			t.Error(err)
		}
		if bytes.Contains(data, []byte(storetest.Canary)) {
			t.Errorf("%s holds a secret in clear", file)
		}
	}
}

func user(n int) *identity.UserEntity {
	return &identity.UserEntity{ID: fmt.Sprintf("AIDA%08d", n), Account: "123456789012", Path: "/", Name: fmt.Sprintf("user-%d", n)}
}

func TestFilesArePrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := t.TempDir()
	s := open(t, dir, storetest.Sealer(1))
	defer func() { _ = s.Close() }()
	for _, name := range []string{"plane.db", "plane.db-wal", "plane.db-shm"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %s is %o", name, info.Mode().Perm())
		}
	}
}

func TestPragmas(t *testing.T) {
	dir := t.TempDir() + "/a b%20?c#d"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, storetest.Sealer(1))
	defer func() { _ = s.Close() }()
	if _, err := os.Stat(filepath.Join(dir, "plane.db-wal")); err != nil {
		t.Errorf("no write-ahead log at the path that was asked for: %v", err)
	}
}

func TestDamagedDatabase(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"not a database": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("nonsense "), 1000), 0o600) },
		"truncated":      func(path string) error { return os.Truncate(path, 5000) },
		"overwritten pages": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // a test's own file
			if err != nil {
				return err
			}
			for page := int64(1); page < 60; page++ {
				if _, err := f.WriteAt(bytes.Repeat([]byte{0x5a}, 4096), page*4096); err != nil {
					return err
				}
			}
			return f.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "plane.db")
			s := open(t, dir, storetest.Sealer(1))
			_, err := s.Update(t.Context(), 0, func(tx *store.Tx) error {
				for n := range 200 {
					if err := tx.Users.Put(t.Context(), user(n)); err != nil {
						return err
					}
				}
				return nil
			})
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			b, err := sqlite.Open(t.Context(), path, storetest.Sealer(1))
			if err == nil {
				defer func() { _ = b.Close() }()
				err = b.View(t.Context(), func(tx *store.Tx) error {
					return tx.Users.All(t.Context(), func(*identity.UserEntity) error { return nil })
				})
			}
			if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir, storetest.Sealer(1)).Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, dir, "PRAGMA user_version = 1000")
	_, err := sqlite.Open(t.Context(), filepath.Join(dir, "plane.db"), storetest.Sealer(1))
	if !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "1000") {
		t.Errorf("error %v", err)
	}
}

func raw(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "plane.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// A file system of 2 MB fills up in the middle of updates: the one that does not fit fails, those
// before it stay, and after there is room again it goes on.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mounting a small file system: %v", err)
		}
		t.Skipf("cannot mount a small file system here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 600<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, storetest.Sealer(1))
	var at store.Revision
	var err error
	for n := 0; err == nil; n++ {
		if n > 100_000 {
			t.Fatal("the disk does not fill")
		}
		u := user(n)
		u.Path = "/" + strings.Repeat("x", 500) + "/"
		var next store.Revision
		if next, err = s.Update(t.Context(), at, func(tx *store.Tx) error { return tx.Users.Put(t.Context(), u) }); err == nil {
			at = next
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, storetest.Sealer(1))
	if got := count(t, s); got != int(at) {
		t.Errorf("%d users, %d were acknowledged", got, at)
	}
	_, err = s.Update(t.Context(), at, func(tx *store.Tx) error { return tx.Users.Put(t.Context(), user(1<<20)) })
	if err := errors.Join(err, s.Close()); err != nil {
		t.Error(err)
	}
}

func count(t *testing.T, s store.Store) int {
	t.Helper()
	n := 0
	err := s.View(t.Context(), func(tx *store.Tx) error {
		return tx.Users.All(t.Context(), func(*identity.UserEntity) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestHelperUpdates is no test: it is the process that is killed in the next one. It prints each
// revision once it was acknowledged.
func TestHelperUpdates(t *testing.T) {
	dir := os.Getenv("ROLECALL_TEST_UPDATES")
	if dir == "" {
		return
	}
	s := open(t, dir, storetest.Sealer(1))
	var at store.Revision
	if err := s.View(t.Context(), func(tx *store.Tx) error { at = tx.Revision; return nil }); err != nil {
		t.Fatal(err)
	}
	for {
		next, err := s.Update(t.Context(), at, func(tx *store.Tx) error {
			key := &identity.AccessKey{ID: fmt.Sprintf("AKIA%08d", at), Account: "123456789012", Secret: rolecall.NewSecret("s")}
			return errors.Join(tx.Users.Put(t.Context(), user(int(at))), tx.AccessKeys.Put(t.Context(), key))
		})
		if err != nil {
			t.Fatal(err)
		}
		at = next
		fmt.Printf("acknowledged %d\n", at)
	}
}

func TestKillInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	for round := range 6 {
		child := exec.Command(os.Args[0], "-test.run=^TestHelperUpdates$") //nolint:gosec // this test binary
		child.Env = append(os.Environ(), "ROLECALL_TEST_UPDATES="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := make(chan int)
		go func() { // ends when the child's output does; the receive below waits for it
			last := 0
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "acknowledged ")); err == nil {
					last = n
				}
			}
			acknowledged <- last
		}()
		time.Sleep(time.Duration(60+37*round) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		last := <-acknowledged
		_ = child.Wait()

		s := open(t, dir, storetest.Sealer(1))
		var at store.Revision
		users, keys := 0, 0
		err = s.View(t.Context(), func(tx *store.Tx) error {
			at = tx.Revision
			return errors.Join(
				tx.Users.All(t.Context(), func(*identity.UserEntity) error { users++; return nil }),
				tx.AccessKeys.All(t.Context(), func(*identity.AccessKey) error { keys++; return nil }))
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		if int(at) < last || users != int(at) || keys != int(at) {
			t.Errorf("round %d: acknowledged %d, revision %d, %d users, %d keys", round, last, at, users, keys)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, c := range []string{"empty directory", "existing"} {
		b.Run(c, func(b *testing.B) {
			dir := b.TempDir()
			if err := open(b, dir, storetest.Sealer(1)).Close(); err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				place := dir
				if c != "existing" {
					place = filepath.Join(dir, strconv.Itoa(i))
					if err := os.Mkdir(place, 0o700); err != nil {
						b.Fatal(err)
					}
				}
				if err := open(b, place, storetest.Sealer(1)).Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := open(b, b.TempDir(), storetest.Sealer(1))
	defer func() { _ = s.Close() }()
	var at store.Revision
	for n := 0; b.Loop(); n++ {
		var err error
		if at, err = s.Update(b.Context(), at, func(tx *store.Tx) error { return tx.Users.Put(b.Context(), user(n)) }); err != nil {
			b.Fatal(err)
		}
	}
}
