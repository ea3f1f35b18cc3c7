package wal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

const (
	// DefaultSegmentSize is where a segment ends when Options do not say.
	DefaultSegmentSize = 16 << 20
	// MaxEntrySize bounds the data of one entry.
	MaxEntrySize = 64 << 20
	// chunkSize is about how much of a large batch goes into one frame.
	chunkSize = 4 << 20
	// allocateAhead is how much room is asked for at a time.
	allocateAhead = 2 << 20
	// keepBuffer bounds the memory that is kept between batches.
	keepBuffer = 1 << 20
)

// Options say where a log is and how it behaves.
type Options struct {
	FS  vfs.FS // nil: the operating system's
	Dir string
	// SegmentSize is the size at which a new segment is begun; 0 means
	// DefaultSegmentSize.
	SegmentSize int64
	// OnSync is told how long each write and sync took and how many bytes it
	// wrote. It may be nil.
	OnSync func(took time.Duration, bytes int)
}

func (o *Options) defaults() {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	o.SegmentSize = min(o.SegmentSize, maxSegment/4)
}

// Batch is what becomes durable together.
type Batch struct {
	// Entries are consecutive and begin at or before the end of the log: they
	// replace what is there.
	Entries []*raftpb.Entry
	// HardState is written unless it is zero.
	HardState HardState
	// Mark is written unless it is nil; segments with entries at or below its
	// index alone are removed.
	Mark *Mark
}

func (b *Batch) empty() bool {
	return len(b.Entries) == 0 && b.HardState == HardState{} && b.Mark == nil
}

// Log is an open log. It is for one goroutine.
type Log struct {
	opts Options
	lock io.Closer
	err  error // the first failure; nothing is written after it

	file      vfs.File
	header    header // of the file
	size      int64  // where the next frame goes
	allocated int64  // size of the file
	frame     uint64 // number of the next frame
	prev      uint32 // CRC of the last one
	segments  []segment

	cluster, member uint64
	hardState       HardState
	latest          Mark
	last            uint64 // index of the last entry

	buf   []byte
	items uint32
}

// Exists reports whether dir holds a log.
func Exists(fsys vfs.FS, dir string) (bool, error) {
	_, err := list(fsys, dir)
	if errors.Is(err, ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Create makes a new log that begins above mark, and opens it. It makes the
// directory too. ErrExists when there is one, vfs.ErrLocked when another
// process is there. A Create that a crash interrupts leaves no log.
func Create(opts Options, clusterID, memberID uint64, mark Mark) (*Log, error) {
	opts.defaults()
	if err := opts.FS.MkdirAll(opts.Dir); err != nil {
		return nil, err
	}
	return locked(opts, func(l *Log) error {
		found, err := list(opts.FS, opts.Dir)
		if err == nil {
			return fmt.Errorf("%w in %s", ErrExists, opts.Dir)
		}
		if !errors.Is(err, ErrNotExist) {
			return err
		}
		if err := l.removeAll(found.temporary); err != nil {
			return err
		}
		l.cluster, l.member = clusterID, memberID
		l.frame = 1
		l.last = mark.Index
		l.latest = mark
		l.hardState = HardState{Term: mark.Term, Commit: mark.Index}
		return l.beginSegment(1)
	})
}

// Open reads a log and opens it for appending. Entries below from are checked
// and not returned, unless they are needed. Errors: ErrNotExist, ErrCorrupt,
// ErrVersion, vfs.ErrLocked.
func Open(opts Options, from uint64) (*Log, *State, error) {
	opts.defaults()
	if _, err := list(opts.FS, opts.Dir); err != nil {
		return nil, nil, err // before LOCK is made in a directory that is not ours
	}
	var state *State
	l, err := locked(opts, func(l *Log) error {
		var err error
		state, err = l.open(from)
		return err
	})
	return l, state, err
}

// locked makes a Log that holds the directory's lock, and gives the lock back
// when open fails.
func locked(opts Options, open func(*Log) error) (*Log, error) {
	lock, err := opts.FS.Lock(filepath.Join(opts.Dir, lockName))
	if err != nil {
		return nil, err
	}
	l := &Log{opts: opts, lock: lock}
	if err := open(l); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Log) open(from uint64) (*State, error) {
	found, err := list(l.opts.FS, l.opts.Dir)
	if err != nil {
		return nil, err
	}
	r, err := read(l.opts.FS, l.opts.Dir, found.segments, from)
	if err != nil {
		return nil, err
	}
	l.header, l.size, l.allocated = r.header, r.end, r.size
	l.frame, l.prev, l.segments = r.frame, r.prev, r.segments
	l.cluster, l.member = r.state.ClusterID, r.state.MemberID
	l.hardState, l.latest, l.last = r.state.HardState, r.state.Mark, r.state.LastIndex()
	l.file, err = l.opts.FS.Open(l.path(r.segments[len(r.segments)-1].name))
	if err != nil {
		return nil, err
	}
	if err := l.settle(r); err != nil {
		return nil, err
	}
	// The log was readable without them.
	if err := l.removeAll(append(found.leftovers, found.temporary...)); err != nil {
		return nil, err
	}
	return &r.state, nil
}

// settle makes durable what was read. The last frame is written again: if the
// sync of it failed in a process before, the kernel may show bytes that it has
// given up writing. What a torn write left is cut off, so that it can never be
// taken for a part of what is written next.
func (l *Log) settle(r *reading) error {
	if _, err := l.file.WriteAt(r.newest, l.size-int64(len(r.newest))); err != nil {
		return err
	}
	if r.torn > 0 {
		if err := l.file.Truncate(l.size); err != nil {
			return err
		}
		l.allocated = l.size
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	return l.opts.FS.SyncDir(l.opts.Dir)
}

func (l *Log) path(name string) string { return filepath.Join(l.opts.Dir, name) }

func (l *Log) removeAll(names []string) error {
	for _, name := range names {
		if err := l.opts.FS.Remove(l.path(name)); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	return l.opts.FS.SyncDir(l.opts.Dir)
}

// Append makes b durable. It does not keep the entries. Once it has failed the
// log must be opened again: ErrFailed.
func (l *Log) Append(b Batch) error {
	if l.err != nil {
		return l.err
	}
	if b.empty() {
		return nil
	}
	if err := l.check(&b); err != nil {
		return err
	}
	if err := l.append(&b); err != nil {
		l.err = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return l.err
}

// check refuses what could not be read back.
func (l *Log) check(b *Batch) error {
	for i, e := range b.Entries {
		if len(e.GetData()) > MaxEntrySize {
			return fmt.Errorf("wal: entry %d has %d bytes", e.GetIndex(), len(e.GetData()))
		}
		if i > 0 && e.GetIndex() != b.Entries[i-1].GetIndex()+1 {
			return fmt.Errorf("wal: entry %d follows entry %d", e.GetIndex(), b.Entries[i-1].GetIndex())
		}
	}
	if len(b.Entries) > 0 && b.Entries[0].GetIndex() > l.last+1 {
		return fmt.Errorf("wal: entry %d is appended to a log that ends at %d", b.Entries[0].GetIndex(), l.last)
	}
	return nil
}

func (l *Log) append(b *Batch) error {
	if l.size >= l.opts.SegmentSize {
		if err := l.beginSegment(l.header.number + 1); err != nil {
			return err
		}
	}
	rest := b.Entries
	for {
		n := chunk(rest)
		l.begin()
		if n < len(rest) && (b.HardState != HardState{}) {
			// The term goes ahead of its entries; the commit index must wait
			// for the last of them.
			l.addHardState(HardState{Term: b.HardState.Term, Vote: b.HardState.Vote, Commit: l.hardState.Commit})
		}
		for _, e := range rest[:n] {
			l.addEntry(e)
		}
		rest = rest[n:]
		if len(rest) == 0 {
			break
		}
		if err := l.flush(); err != nil {
			return err
		}
	}
	if b.HardState != (HardState{}) {
		l.addHardState(b.HardState)
	}
	if b.Mark != nil {
		l.addMark(b.Mark)
	}
	if err := l.flush(); err != nil {
		return err
	}
	if b.Mark == nil {
		return nil
	}
	return l.drop()
}

// chunk is how many of entries go into one frame: at least one.
func chunk(entries []*raftpb.Entry) int {
	size := 0
	for i, e := range entries {
		if size += len(e.GetData()) + 32; size > chunkSize && i > 0 {
			return i
		}
	}
	return len(entries)
}

// begin begins a frame in the buffer.
func (l *Log) begin() {
	if cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	l.buf = beginFrame(l.buf[:0])
	l.items = 0
}

func (l *Log) addEntry(e *raftpb.Entry) {
	l.buf = appendEntry(l.buf, e)
	l.items++
	l.last = e.GetIndex()
	s := &l.segments[len(l.segments)-1]
	s.maxIndex = max(s.maxIndex, l.last)
}

func (l *Log) addHardState(hs HardState) {
	l.buf = appendHardState(l.buf, hs)
	l.items++
	l.hardState = hs
}

func (l *Log) addMark(m *Mark) {
	l.buf = appendMark(l.buf, m)
	l.items++
	l.latest = *m
	l.last = max(l.last, m.Index)
}

// flush ends the frame, writes it and makes it durable.
func (l *Log) flush() error {
	buf, crc := endFrame(l.buf, 0, l.header.crc, l.frame, l.prev, l.items)
	l.buf = buf
	start := time.Now()
	end := l.size + int64(len(buf))
	l.allocate(end)
	if _, err := l.file.WriteAt(buf, l.size); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	if l.opts.OnSync != nil {
		l.opts.OnSync(time.Since(start), len(buf))
	}
	l.size = end
	l.segments[len(l.segments)-1].size = end
	l.frame++
	l.prev = crc
	return nil
}

// allocate asks for room up to end and some more, so that most syncs need not
// save a new size.
func (l *Log) allocate(end int64) {
	if end <= l.allocated {
		return
	}
	ahead := (end + allocateAhead - 1) / allocateAhead * allocateAhead
	ahead = max(end, min(ahead, l.opts.SegmentSize))
	if l.file.Preallocate(ahead) == nil {
		l.allocated = ahead
	} else {
		l.allocated = end
	}
}

// beginSegment makes the segment of the given number the one that is written.
// It becomes visible whole.
func (l *Log) beginSegment(number uint64) error {
	h := header{number: number, first: l.last + 1, frame: l.frame, cluster: l.cluster, member: l.member, prev: l.prev}
	name := segmentName(h.number, h.first)
	l.buf = h.encode(l.buf[:0])
	l.buf = beginFrame(l.buf)
	l.buf = appendHardState(l.buf, l.hardState)
	l.buf = appendMark(l.buf, &l.latest)
	buf, crc := endFrame(l.buf, headerSize, h.crc, h.frame, h.prev, 2)
	file, err := l.publish(name, buf)
	if err != nil {
		return err
	}
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	l.file, l.header = file, h
	l.size, l.allocated = int64(len(buf)), int64(len(buf))
	l.frame, l.prev = h.frame+1, crc
	l.segments = append(l.segments, segment{name: name, number: number, size: l.size})
	return nil
}

// publish makes a file that has data from the moment it has its name.
func (l *Log) publish(name string, data []byte) (_ vfs.File, err error) {
	tmp := l.path(name + tmpSuffix)
	file, err := l.opts.FS.Create(tmp)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if _, err := file.WriteAt(data, 0); err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	if err := l.opts.FS.Rename(tmp, l.path(name)); err != nil {
		return nil, err
	}
	if err := l.opts.FS.SyncDir(l.opts.Dir); err != nil {
		return nil, err
	}
	return file, nil
}

// Oldest returns the index at which, or above, a mark lets the oldest segment
// go; ok is false when there is only one.
func (l *Log) Oldest() (index uint64, ok bool) {
	return l.segments[0].maxIndex, len(l.segments) > 1
}

// drop removes the segments that the mark makes needless, oldest first.
func (l *Log) drop() error {
	var names []string
	for {
		index, ok := l.Oldest()
		if !ok || index > l.latest.Index {
			break
		}
		names = append(names, l.segments[0].name)
		l.segments = l.segments[1:]
	}
	return l.removeAll(names)
}

// Size is the number of bytes in all segments, without what is allocated ahead.
func (l *Log) Size() int64 {
	var size int64
	for i := range l.segments {
		size += l.segments[i].size
	}
	return size
}

// Segments is the number of segments.
func (l *Log) Segments() int { return len(l.segments) }

// LastIndex is the index of the last entry.
func (l *Log) LastIndex() uint64 { return l.last }

// Close releases the log. What Append made durable stays; it writes nothing.
func (l *Log) Close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
		l.file = nil
	}
	if l.lock != nil {
		err = errors.Join(err, l.lock.Close())
		l.lock = nil
	}
	if l.err == nil {
		l.err = fmt.Errorf("%w: it is closed", ErrFailed)
	}
	return err
}

// NoEntries as Open's from returns no entry that is not needed.
const NoEntries = uint64(math.MaxUint64)
