package consensus

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/wal"
)

// memoryLog is the durable part of the log, in memory, for raft to read. It is
// guarded by whoever guards the core.
//
// Invariant: everything in it is in the log on disk.
type memoryLog struct {
	hardState wal.HardState     // of the start, for raft
	confState *raftpb.ConfState // of the start, for raft

	baseIndex uint64 // the entry before entries
	baseTerm  uint64
	entries   []*raftpb.Entry // entries[i] has index baseIndex+1+i
	bytes     int             // of their data
	pinned    int             // forgotten entries that the array may still hold
}

var _ raft.Storage = (*memoryLog)(nil)

func newMemoryLog(state *wal.State) *memoryLog {
	l := &memoryLog{hardState: state.HardState, baseIndex: state.BaseIndex, baseTerm: state.BaseTerm}
	l.append(state.Entries)
	return l
}

func (l *memoryLog) lastIndex() uint64 { return l.baseIndex + uint64(len(l.entries)) }

// append adds entries, which are consecutive and durable, in the place of those
// that are there from their first index on.
func (l *memoryLog) append(entries []*raftpb.Entry) {
	if len(entries) == 0 {
		return
	}
	at := entries[0].GetIndex() - l.baseIndex - 1
	if at > uint64(len(l.entries)) || entries[0].GetIndex() <= l.baseIndex {
		panic("consensus: entries are appended beyond the log's end or below its base")
	}
	for _, old := range l.entries[at:] {
		l.bytes -= len(old.GetData())
	}
	if at < uint64(len(l.entries)) {
		// raft may hold a slice of what is replaced.
		l.entries = append([]*raftpb.Entry(nil), l.entries[:at]...)
	}
	l.entries = append(l.entries, entries...)
	for _, e := range entries {
		l.bytes += len(e.GetData())
	}
}

// compact forgets the entries up to index.
func (l *memoryLog) compact(index uint64) {
	if index <= l.baseIndex {
		return
	}
	n := index - l.baseIndex
	l.baseTerm = l.entries[n-1].GetTerm()
	for _, e := range l.entries[:n] {
		l.bytes -= len(e.GetData())
	}
	rest := l.entries[n:]
	// The array cannot be cleared, raft may be reading slices of it, so it is
	// left for a new one before it holds more of the dead than of the living.
	if l.pinned += int(n); l.pinned >= len(rest) {
		rest = append(make([]*raftpb.Entry, 0, len(rest)+len(rest)/2), rest...)
		l.pinned = 0
	}
	l.entries = rest
	l.baseIndex = index
}

// tailStart is the index above which there are at most count entries and bytes
// bytes.
func (l *memoryLog) tailStart(count, bytes int) uint64 {
	kept := 0
	for kept < min(count, len(l.entries)) {
		bytes -= len(l.entries[len(l.entries)-1-kept].GetData())
		if bytes < 0 {
			break
		}
		kept++
	}
	return l.lastIndex() - uint64(kept)
}

// InitialState is part of raft.Storage, as are all methods below.
func (l *memoryLog) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	hs := l.hardState
	return &raftpb.HardState{Term: &hs.Term, Vote: &hs.Vote, Commit: &hs.Commit}, l.confState, nil
}

func (l *memoryLog) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	if lo <= l.baseIndex {
		return nil, raft.ErrCompacted
	}
	if hi > l.lastIndex()+1 {
		return nil, raft.ErrUnavailable
	}
	found := l.entries[lo-l.baseIndex-1 : hi-l.baseIndex-1]
	return limit(found, maxSize), nil
}

// limit cuts entries where their size exceeds maxSize, after at least one. The
// capacity is cut too: the caller may append.
func limit(entries []*raftpb.Entry, maxSize uint64) []*raftpb.Entry {
	// Of an entry on the wire beside its data, at most.
	const overhead = 32
	size := uint64(0)
	for i, e := range entries {
		size += uint64(len(e.GetData())) + overhead
		if size > maxSize && i > 0 {
			return entries[:i:i]
		}
	}
	return entries[:len(entries):len(entries)]
}

func (l *memoryLog) Term(i uint64) (uint64, error) {
	switch {
	case i < l.baseIndex:
		return 0, raft.ErrCompacted
	case i == l.baseIndex:
		return l.baseTerm, nil
	case i > l.lastIndex():
		return 0, raft.ErrUnavailable
	}
	return l.entries[i-l.baseIndex-1].GetTerm(), nil
}

func (l *memoryLog) LastIndex() (uint64, error)  { return l.lastIndex(), nil }
func (l *memoryLog) FirstIndex() (uint64, error) { return l.baseIndex + 1, nil }

// Snapshot says that there is none yet: members that lag behind the tail wait.
func (l *memoryLog) Snapshot() (*raftpb.Snapshot, error) {
	return nil, raft.ErrSnapshotTemporarilyUnavailable
}
