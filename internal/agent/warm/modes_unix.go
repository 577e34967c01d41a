//go:build !windows

package warm

const enforceModes = true
