//go:build !linux

package vfs

import "os"

func syncData(f *os.File) error { return f.Sync() }

func (f osFile) Preallocate(int64) error { return nil }
