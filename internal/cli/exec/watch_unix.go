//go:build unix && !linux

package exec

import "context"

func watchProcess(pid int) (func(context.Context), error) { return pollProcess(pid), nil }
