package vfs

import (
	"io"
	"io/fs"
	"slices"
)

// memFile is an open file of a MemFS.
type memFile struct {
	fs       *MemFS
	node     *memNode
	name     string
	writable bool
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.crashed {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: ErrCrashed}
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.writable {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: fs.ErrPermission}
	}
	n := len(p)
	err := f.fs.op(OpWrite, f.name, len(p))
	if err != nil {
		n = f.fs.rng.IntN(len(p) + 1)
	}
	if n > 0 {
		f.node.write(fileOp{off: off, data: slices.Clone(p[:n])})
	}
	return n, err
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.writable {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: fs.ErrPermission}
	}
	if err := f.fs.op(OpTruncate, f.name, 0); err != nil {
		return err
	}
	f.node.write(fileOp{off: size})
	return nil
}

// Preallocate grows the file, as fallocate does; it is not counted as an
// operation because nothing may depend on it.
func (f *memFile) Preallocate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.crashed || size <= int64(len(f.node.data)) {
		return nil
	}
	f.node.write(fileOp{off: size})
	return nil
}

// write does op now and remembers that it is not durable.
func (n *memNode) write(op fileOp) {
	n.data = op.apply(n.data)
	n.pending = append(n.pending, op)
}

// Sync makes all writes durable. A Sync that is made to fail drops the unsynced
// writes with even odds: they can be read until a crash, and no later Sync
// saves them. Linux does that.
func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.op(OpSync, f.name, 0); err != nil {
		if !f.fs.crashed && f.fs.rng.IntN(2) == 0 {
			f.node.pending = nil
		}
		return err
	}
	for _, op := range f.node.pending {
		f.node.durable = op.apply(f.node.durable)
	}
	f.node.pending = nil
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.crashed {
		return 0, &fs.PathError{Op: "stat", Path: f.name, Err: ErrCrashed}
	}
	return int64(len(f.node.data)), nil
}

// Close keeps what was written; it makes nothing durable.
func (f *memFile) Close() error { return nil }
