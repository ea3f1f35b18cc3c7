package vfs

import (
	"errors"
	"io"
)

// ErrLocked is returned by FS.Lock when another holder, in this process or
// another one, has the lock.
var ErrLocked = errors.New("locked by another process")

// FS is a file system. Names are paths as the operating system writes them.
// Absent files give errors that match fs.ErrNotExist. Methods may be called
// concurrently.
type FS interface {
	// MkdirAll makes dir and its missing parents, durably. An existing
	// directory is no error.
	MkdirAll(dir string) error
	// Create makes a new file for reading and writing; fs.ErrExist when the
	// name is taken.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// OpenRead opens an existing file for reading alone.
	OpenRead(name string) (File, error)
	// Rename moves a file, replacing what newname named before.
	Rename(oldname, newname string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names (not paths) in dir, sorted.
	List(dir string) ([]string, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on the file name, creating it if absent, and
	// does not wait: ErrLocked when it is taken. The lock ends with Close or
	// with the process.
	Lock(name string) (io.Closer, error)
}

// File is an open file. One goroutine writes it at a time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	// Preallocate asks for room up to size, so that later Syncs need not save a
	// new size. The new bytes read as zeros. It is a wish: without it, or when
	// it fails, writes work all the same.
	Preallocate(size int64) error
	// Sync makes the file's bytes and size durable.
	Sync() error
}
