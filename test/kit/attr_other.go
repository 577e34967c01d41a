//go:build !linux

package kit

import "syscall"

func attr() *syscall.SysProcAttr { return nil }
