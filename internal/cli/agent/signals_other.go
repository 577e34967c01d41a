//go:build !unix

package agent

import "os"

// reloadSignals are none: the platform has no such signal.
func reloadSignals() []os.Signal { return nil }
