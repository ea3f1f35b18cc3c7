package mvcc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// MemoryDisk is where memory backends keep what they committed: the lossy twin
// of a directory with a bbolt file, for tests of crashes. A crash kills the
// backend that is open; a later Open sees what was committed before.
type MemoryDisk struct {
	// mu guards all fields.
	mu      sync.Mutex
	data    memoryData
	life    int // counts crashes; a backend of an earlier life is dead
	commits int
	fault   func(commit int) Fault
}

// Fault is what becomes of one commit.
type Fault uint8

const (
	NoFault   Fault = iota
	LoseIt          // the process dies before the commit is durable
	CrashLate       // the process dies after it, before it is answered
	FailIt          // the commit fails and the process lives on
	FailLate        // the commit takes effect and yet fails
)

// ErrInjected is returned by a MemoryDisk's backend for an injected fault, and
// after a crash.
var ErrInjected = errors.New("injected fault")

// NewMemoryDisk returns an empty disk.
func NewMemoryDisk() *MemoryDisk { return &MemoryDisk{data: memoryData{}} }

// SetFault installs fn, which decides the fate of each commit, counted from 1
// over the life of the disk. It must not call the disk.
func (d *MemoryDisk) SetFault(fn func(commit int) Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fn
}

// Crash kills every open backend.
func (d *MemoryDisk) Crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life++
}

// Commits returns the number of commits tried.
func (d *MemoryDisk) Commits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.commits
}

// Open returns a backend on what the disk has.
func (d *MemoryDisk) Open() Backend {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &memoryBackend{disk: d, life: d.life}
}

type memoryBackend struct {
	disk *MemoryDisk
	life int
}

// memoryData is immutable once on a disk: a commit replaces the buckets it
// changes, so a view needs no lock.
type memoryData map[string]memoryBucket

type memoryBucket []memoryPair

type memoryPair struct{ key, value []byte }

func (b *memoryBackend) load() (memoryData, error) {
	b.disk.mu.Lock()
	defer b.disk.mu.Unlock()
	if b.life != b.disk.life {
		return nil, ErrInjected
	}
	return b.disk.data, nil
}

func (b *memoryBackend) View(fn func(Reader) error) error {
	data, err := b.load()
	if err != nil {
		return err
	}
	return fn(data)
}

func (b *memoryBackend) Commit(batch *Batch) error {
	d := b.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if b.life != d.life {
		return ErrInjected
	}
	d.commits++
	fault := NoFault
	if d.fault != nil {
		fault = d.fault(d.commits)
	}
	if fault == LoseIt || fault == CrashLate {
		d.life++
	}
	if fault != LoseIt && fault != FailIt {
		d.data = d.data.with(batch)
	}
	if fault != NoFault {
		return ErrInjected
	}
	return nil
}

func (m memoryBucket) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(m, key, func(p memoryPair, key []byte) int { return bytes.Compare(p.key, key) })
}

// with returns a copy of m with batch applied.
func (m memoryData) with(batch *Batch) memoryData {
	next := maps.Clone(m)
	touched := map[string]bool{}
	for i := range batch.Ops {
		op := &batch.Ops[i]
		name := string(op.Bucket)
		bucket := next[name]
		if !touched[name] {
			touched[name] = true
			bucket = slices.Clone(bucket)
		}
		at, found := bucket.find(op.Key)
		switch pair := (memoryPair{bytes.Clone(op.Key), bytes.Clone(op.Value)}); {
		case op.Delete && found:
			bucket = slices.Delete(bucket, at, at+1)
		case op.Delete:
		case found:
			bucket[at] = pair
		default:
			bucket = slices.Insert(bucket, at, pair)
		}
		next[name] = bucket
	}
	return next
}

func (m memoryData) Get(bucket, key []byte) []byte {
	b := m[string(bucket)]
	at, found := b.find(key)
	if !found {
		return nil
	}
	if b[at].value == nil {
		return []byte{}
	}
	return b[at].value
}

func (m memoryData) Scan(bucket, from, to []byte, fn func(k, v []byte) bool) {
	b := m[string(bucket)]
	at, _ := b.find(from)
	for ; at < len(b) && (to == nil || bytes.Compare(b[at].key, to) < 0); at++ {
		if !fn(b[at].key, b[at].value) {
			return
		}
	}
}

func (b *memoryBackend) Copy(w io.Writer, look func(Reader) error) (int64, error) {
	data, err := b.load()
	if err != nil {
		return 0, err
	}
	if err := look(data); err != nil {
		return 0, err
	}
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(data)) {
		for _, p := range data[name] {
			out = appendString(out, name)
			out = appendString(out, p.key)
			out = appendString(out, p.value)
		}
	}
	n, err := w.Write(out)
	return int64(n), err
}

func (b *memoryBackend) Size() (total, inUse int64) {
	data, err := b.load()
	if err != nil {
		return 0, 0
	}
	for _, bucket := range data {
		for _, p := range bucket {
			total += int64(len(p.key) + len(p.value))
		}
	}
	return total, total
}

func (b *memoryBackend) Close() error { return nil }

func (b *memoryBackend) Stage(r io.Reader) (Staged, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	batch := &Batch{}
	for len(raw) > 0 {
		var fields [3][]byte
		for i := range fields {
			n, size := binary.Uvarint(raw)
			if size <= 0 || n > uint64(len(raw)-size) {
				return nil, fmt.Errorf("%w: bad copy", ErrNotADatabase)
			}
			fields[i], raw = raw[size:size+int(n)], raw[size+int(n):]
		}
		batch.put(fields[0], fields[1], fields[2])
	}
	data := memoryData{}.with(batch)
	if err := checkOwnFormat(data); err != nil {
		return nil, err
	}
	return &memoryStaged{b: b, data: data}, nil
}

type memoryStaged struct {
	b    *memoryBackend
	data memoryData
}

func (s *memoryStaged) View(fn func(Reader) error) error { return fn(s.data) }
func (s *memoryStaged) Discard() error                   { return nil }

func (s *memoryStaged) Install() (Backend, error) {
	d := s.b.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.b.life != d.life {
		return nil, ErrInjected
	}
	d.data = s.data
	return &memoryBackend{disk: d, life: d.life}, nil
}
