//go:build !windows

package iostreams

const ttyPath = "/dev/tty"
