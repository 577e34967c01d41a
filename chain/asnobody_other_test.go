//go:build unix && !linux

package chain_test

import (
	"os"
	"testing"
)

// asNobody does nothing: only Linux can take root's rights away from one thread.
func asNobody(t *testing.T) (end func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Fatal("run this test as somebody whom file modes bind")
	}
	return func() {}
}
