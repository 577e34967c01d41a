package embedded_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rolecall-dev/rolecall/internal/plane/objects/embedded"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/objectstore"
	"github.com/rolecall-dev/rolecall/internal/plane/objects/storetest"
)

const crashDir = "EMBEDDED_CRASH_DIR"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeForEver(dir)
		return
	}
	os.Exit(m.Run())
}

// writeForEver puts, replaces and deletes objects and prints what was acknowledged.
func writeForEver(dir string) {
	s, err := embedded.Open(embedded.Options{Dir: dir, Keys: newRing(fatal{})})
	if err != nil {
		panic(err)
	}
	var out sync.Mutex
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), uint64(time.Now().UnixNano()))) //nolint:gosec // test data
			for i := 0; ; i++ {
				key := fmt.Sprintf("w%d/k%d", w, rnd.IntN(5))
				body := make([]byte, []int{10, 5000, 20_000, 200_000}[rnd.IntN(4)])
				for j := range body {
					body[j] = byte(rnd.Uint32())
				}
				sum := sha256.Sum256(body)
				line := key + " " + hex.EncodeToString(sum[:])
				out.Lock() // what is tried counts too: it may be there or not
				fmt.Println("try " + line)
				out.Unlock()
				if rnd.IntN(5) == 0 {
					_, err = s.Delete(context.Background(), objectstore.Delete{Ref: ref(key)})
					line = key + " gone"
				} else {
					_, err = s.Put(context.Background(), objectstore.Put{Bucket: bucket(), Key: key, Body: storetest.Body(body), Size: int64(len(body))})
				}
				if err != nil {
					panic(err)
				}
				out.Lock()
				fmt.Println("ack " + line)
				out.Unlock()
			}
		})
	}
	group.Wait()
}

// fatal lets newRing be used outside of a test.
type fatal struct{ testing.TB }

func (fatal) Helper() {}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	// key → what may be there: the last acknowledged, and what was tried after it
	last, tried := map[string]string{}, map[string][]string{}
	for round := range 6 {
		cmd := exec.Command(os.Args[0]) //nolint:gosec // this very binary
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		stderr := &bytes.Buffer{}
		cmd.Stderr = stderr
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(300+rand.IntN(500))*time.Millisecond, func() { _ = cmd.Process.Kill() }) //nolint:gosec // test
		acks := 0
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			f := strings.Fields(lines.Text())
			if len(f) != 3 {
				continue // cut off by the kill
			}
			if f[0] == "try" {
				tried[f[1]] = append(tried[f[1]], f[2])
				continue
			}
			acks++
			last[f[1]], tried[f[1]] = f[2], nil
		}
		_ = cmd.Wait()
		timer.Stop()
		if acks == 0 {
			t.Fatalf("round %d: nothing was written: %s", round, stderr)
		}
		check(t, dir, last, tried)
	}
}

func check(t *testing.T, dir string, last map[string]string, tried map[string][]string) {
	t.Helper()
	s, err := embedded.Open(embedded.Options{Dir: dir, Keys: newRing(t)})
	if err != nil {
		t.Fatal(err)
	}
	inFiles := 0
	for key, want := range last {
		got := "gone"
		o, err := s.Get(t.Context(), objectstore.Get{Ref: ref(key)})
		if err == nil {
			h := sha256.New()
			if _, err := io.Copy(h, o.Body); err != nil {
				t.Errorf("%s: %v", key, err)
			}
			_ = o.Body.Close()
			got = hex.EncodeToString(h.Sum(nil))
			if o.Size > 16<<10 {
				inFiles++
			}
		}
		ok := got == want || len(tried[key]) > 0 && got == "gone"
		for _, v := range tried[key] {
			ok = ok || got == v
		}
		if !ok {
			t.Errorf("%s: acknowledged %s, have %s (%d tries after it)", key, want, got, len(tried[key]))
		}
		last[key], tried[key] = got, nil
	}
	others := 0 // keys that were tried for the first time when the process died
	for key := range tried {
		if _, ok := last[key]; !ok {
			others++
		}
	}
	swept(t, dir, inFiles+others)
	if n := files(t, dir); n < inFiles {
		t.Errorf("%d files for %d objects", n, inFiles)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "blobs", "tmp")); err != nil || len(entries) != 0 {
		t.Errorf("half-written files: %v, %v", entries, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
