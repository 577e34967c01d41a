//go:build unix

package login_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rolecall-dev/rolecall/provider/login"
	"github.com/rolecall-dev/rolecall/test/kit/signin"
)

func TestThingsThatAreNoFiles(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		make func(path string) error
		want string
	}{
		"a folder":         {func(p string) error { return os.Mkdir(p, 0o700) }, "is no regular file"},
		"a dangling link":  {func(p string) error { return os.Symlink(p+"-nowhere", p) }, "nobody is signed in"},
		"a link to itself": {func(p string) error { return os.Symlink(filepath.Base(p), p) }, "too many levels"},
		"a FIFO":           {func(p string) error { return syscall.Mkfifo(p, 0o600) }, "is no regular file"},
		"a device":         {func(p string) error { return os.Symlink("/dev/zero", p) }, "is no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := login.Options{Session: session, CacheDir: t.TempDir(), Location: "config:1"}
			if err := tc.make(signin.Path(o.CacheDir, session)); err != nil {
				t.Fatal(err)
			}
			checkFault(t, o, tc.want)
		})
	}
}
