package kit

import "syscall"

// attr lets the kernel end the program when its parent dies, so that not even a killed test leaves it behind.
func attr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
