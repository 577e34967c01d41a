// Package linkaddr puts the addresses that the SDKs ask (169.254.170.2, 169.254.169.254) on this
// machine, and takes away those that it has put there.
package linkaddr

// Address is an address on this machine.
type Address struct {
	release func() error
}

// Release takes the address away if this program put it there.
func (a *Address) Release() error {
	if a == nil || a.release == nil {
		return nil
	}
	release := a.release
	a.release = nil
	return release()
}
