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

func (f osFile) Preallocate(size int64) error {
	old, err := f.Size()
	if err != nil || old >= size {
		return err
	}
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, old, size-old)
		if err != syscall.EINTR {
			return err
		}
	}
}
