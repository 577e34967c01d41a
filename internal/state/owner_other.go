//go:build !unix

package state

import "io/fs"

// owner is not known here: access is governed by the directory's access control list.
func owner(fs.FileInfo) (uid int, ok bool) { return 0, false }

// syncDir does nothing: directories cannot be synced here.
func syncDir(string) error { return nil }
