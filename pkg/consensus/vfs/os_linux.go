package vfs

import (
	"os"
	"syscall"
)

// syncData is fdatasync: it leaves out the times, and so often a journal
// commit, but not the size.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return err
		}
	}
}
