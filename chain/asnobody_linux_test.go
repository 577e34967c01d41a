package chain_test

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// asNobody takes root's right to open any file away from this goroutine, until the test ends it by what is returned.
func asNobody(t *testing.T) (end func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func() {}
	}
	const nobody = 65534
	runtime.LockOSThread()
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
			return // the thread stays locked, and ends with the goroutine
		}
		runtime.UnlockOSThread()
	}
}
