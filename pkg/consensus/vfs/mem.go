package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// ErrCrashed is returned by every operation of a MemFS that has crashed, on
// files that were open too.
var ErrCrashed = errors.New("file system has crashed")

// OpKind names an operation that changes the disk.
type OpKind string

const (
	OpCreate   OpKind = "create"
	OpMkdir    OpKind = "mkdir"
	OpRename   OpKind = "rename"
	OpRemove   OpKind = "remove"
	OpWrite    OpKind = "write"
	OpTruncate OpKind = "truncate"
	OpSync     OpKind = "sync"
	OpSyncDir  OpKind = "syncdir"
)

// Op is one operation that is about to change a MemFS.
type Op struct {
	N    int // 0 for the first of this MemFS
	Kind OpKind
	Name string
	Size int // bytes of a write
}

// MemFS is a file system in memory that keeps apart what was written and what
// is durable. [MemFS.Crash] gives the disk that a machine would find after a
// power cut: every unsynced write and name may be there, not there, or there in
// part. All chance comes from the seed.
type MemFS struct {
	mu      sync.Mutex
	rng     *rand.Rand
	root    *memNode
	locks   map[string]bool
	ops     int
	inject  func(Op) error
	crashed bool
}

var _ FS = (*MemFS)(nil)

// memNode is a file or a directory. What it holds beyond the durable fields is
// lost in a crash, or not.
type memNode struct {
	dir bool

	// Of a file.
	data    []byte
	durable []byte
	pending []fileOp // since the last Sync, in order

	// Of a directory.
	names        map[string]*memNode
	durableNames map[string]*memNode
	pendingNames []nameOp // since the last SyncDir, in order
}

// fileOp is a write of data at off, or with data nil a truncation to off.
type fileOp struct {
	off  int64
	data []byte
}

// nameOp sets names to nodes, nil for a removal, all at once.
type nameOp map[string]*memNode

// NewMem returns an empty MemFS.
func NewMem(seed uint64) *MemFS {
	return &MemFS{
		rng:   rand.New(rand.NewPCG(seed, 0x62696e6e61636c65)),
		root:  newMemDir(),
		locks: map[string]bool{},
	}
}

func newMemDir() *memNode {
	return &memNode{dir: true, names: map[string]*memNode{}, durableNames: map[string]*memNode{}}
}

// Inject has f called before every operation that changes the disk. When it
// returns an error the operation fails with it, a write perhaps after a part of
// its bytes. ErrCrashed stops the file system for good. f must not use m.
func (m *MemFS) Inject(f func(Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inject = f
}

// FailAt makes operation n (see Op.N) and all later ones fail with err.
func (m *MemFS) FailAt(n int, err error) {
	m.Inject(func(op Op) error {
		if op.N >= n {
			return err
		}
		return nil
	})
}

// CrashAt stops the file system at operation n, which may be done in part.
func (m *MemFS) CrashAt(n int) { m.FailAt(n, ErrCrashed) }

// Ops returns how many operations have changed the disk.
func (m *MemFS) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// op counts an operation and returns the error that it is to fail with. The
// caller holds m.mu.
func (m *MemFS) op(kind OpKind, name string, size int) error {
	if m.crashed {
		return &fs.PathError{Op: string(kind), Path: name, Err: ErrCrashed}
	}
	op := Op{N: m.ops, Kind: kind, Name: name, Size: size}
	m.ops++
	if m.inject == nil {
		return nil
	}
	err := m.inject(op)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrCrashed) {
		m.crashed = true
	}
	return &fs.PathError{Op: string(kind), Path: name, Err: err}
}

func split(name string) []string {
	name = strings.Trim(filepath.ToSlash(filepath.Clean(name)), "/")
	if name == "" || name == "." {
		return nil
	}
	return strings.Split(name, "/")
}

// find returns the node of name. The caller holds m.mu.
func (m *MemFS) find(name string) (*memNode, error) {
	if m.crashed {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrCrashed}
	}
	node := m.root
	for _, part := range split(name) {
		next := node.names[part]
		if next == nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		node = next
	}
	return node, nil
}

// parent returns the directory that holds name, and the last part of name.
func (m *MemFS) parent(name string) (*memNode, string, error) {
	dir, err := m.find(filepath.Dir(name))
	if err != nil {
		return nil, "", err
	}
	if !dir.dir {
		return nil, "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return dir, filepath.Base(name), nil
}

// change does op now and remembers that it is not durable.
func (d *memNode) change(op nameOp) {
	op.apply(d.names)
	d.pendingNames = append(d.pendingNames, op)
}

func (op nameOp) apply(names map[string]*memNode) {
	for name, node := range op {
		if node == nil {
			delete(names, name)
		} else {
			names[name] = node
		}
	}
}

func (op fileOp) apply(data []byte) []byte {
	end := op.off + int64(len(op.data))
	if op.data == nil {
		if op.off < int64(len(data)) {
			return data[:op.off]
		}
	}
	if grow := end - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[op.off:], op.data)
	return data
}

func (m *MemFS) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.root
	for _, part := range split(dir) {
		next := node.names[part]
		if next == nil {
			if err := m.op(OpMkdir, dir, 0); err != nil {
				return err
			}
			next = newMemDir()
			node.change(nameOp{part: next})
			if err := m.syncDir(node, dir); err != nil {
				return err
			}
		}
		if !next.dir {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrExist}
		}
		node = next
	}
	return nil
}

func (m *MemFS) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, err
	}
	if dir.names[base] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	if err := m.op(OpCreate, name, 0); err != nil {
		return nil, err
	}
	node := &memNode{}
	dir.change(nameOp{base: node})
	return &memFile{fs: m, node: node, name: name, writable: true}, nil
}

func (m *MemFS) Open(name string) (File, error)     { return m.open(name, true) }
func (m *MemFS) OpenRead(name string) (File, error) { return m.open(name, false) }

func (m *MemFS) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.find(name)
	if err != nil {
		return nil, err
	}
	if node.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return &memFile{fs: m, node: node, name: name, writable: writable}, nil
}

// Rename moves within one directory or between two. Between two the halves may
// survive a crash apart, as on a disk without a journal.
func (m *MemFS) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldbase, err := m.parent(oldname)
	if err != nil {
		return err
	}
	to, newbase, err := m.parent(newname)
	if err != nil {
		return err
	}
	node := from.names[oldbase]
	if node == nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	if err := m.op(OpRename, newname, 0); err != nil {
		return err
	}
	if from == to {
		from.change(nameOp{oldbase: nil, newbase: node})
		return nil
	}
	to.change(nameOp{newbase: node})
	from.change(nameOp{oldbase: nil})
	return nil
}

func (m *MemFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return err
	}
	if dir.names[base] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if err := m.op(OpRemove, name, 0); err != nil {
		return err
	}
	dir.change(nameOp{base: nil})
	return nil
}

func (m *MemFS) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.find(dir)
	if err != nil {
		return nil, err
	}
	if !node.dir {
		return nil, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrInvalid}
	}
	return slices.Sorted(maps.Keys(node.names)), nil
}

func (m *MemFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.find(dir)
	if err != nil {
		return err
	}
	return m.syncDir(node, dir)
}

func (m *MemFS) syncDir(node *memNode, name string) error {
	if err := m.op(OpSyncDir, name, 0); err != nil {
		return err
	}
	node.durableNames = maps.Clone(node.names)
	node.pendingNames = nil
	return nil
}

func (m *MemFS) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, err
	}
	if dir.names[base] == nil {
		dir.change(nameOp{base: &memNode{}})
	}
	if m.locks[name] {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	m.locks[name] = true
	return &memLock{fs: m, name: name}, nil
}

type memLock struct {
	fs   *MemFS
	name string
	once sync.Once
}

func (l *memLock) Close() error {
	l.once.Do(func() {
		l.fs.mu.Lock()
		defer l.fs.mu.Unlock()
		delete(l.fs.locks, l.name)
	})
	return nil
}
