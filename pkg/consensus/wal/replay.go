package wal

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
)

// State is what a log says.
type State struct {
	ClusterID uint64
	MemberID  uint64
	HardState HardState
	// Mark is the newest mark: nothing at or below its index is needed.
	Mark Mark
	// BaseIndex and BaseTerm name the entry before Entries.
	BaseIndex uint64
	BaseTerm  uint64
	// Entries are consecutive, from BaseIndex+1 to the end of the log. The
	// caller owns them.
	Entries []*raftpb.Entry
	// ConfChanges are the configuration changes above Mark.Index, in order,
	// those below BaseIndex too.
	ConfChanges []*raftpb.Entry
}

// LastIndex is the index of the last entry.
func (s *State) LastIndex() uint64 { return s.BaseIndex + uint64(len(s.Entries)) }

// replay builds a State from the frames of a log. It is a visitor.
type replay struct {
	from  uint64 // entries below are checked and not kept
	state State

	started   bool
	first     uint64 // index of the first entry that the segments can hold
	last      uint64
	lastTerm  uint64 // 0: not known
	maxIndex  uint64 // of any entry in the segment that is being read
	baseKnown bool   // state.BaseTerm is the term at state.BaseIndex
}

// begin starts a segment.
func (r *replay) begin(h *header) error {
	if !r.started {
		r.started = true
		r.state.ClusterID, r.state.MemberID = h.cluster, h.member
		r.first = h.first
		r.last = h.first - 1
		r.state.BaseIndex = r.last
		r.baseKnown = r.last == 0
	}
	if h.cluster != r.state.ClusterID || h.member != r.state.MemberID {
		return fmt.Errorf("it belongs to member %x of cluster %x, those before to member %x of cluster %x",
			h.member, h.cluster, r.state.MemberID, r.state.ClusterID)
	}
	if h.first == 0 || h.first != r.last+1 {
		return fmt.Errorf("its first index is %d, the log before ends at %d", h.first, r.last)
	}
	r.maxIndex = 0
	return nil
}

func (r *replay) entry(e *entry) error {
	switch {
	case e.index == 0 || e.term == 0:
		return fmt.Errorf("an entry has index %d and term %d", e.index, e.term)
	case e.index > r.last+1:
		return fmt.Errorf("entry %d follows entry %d", e.index, r.last)
	case e.index <= r.last:
		if err := r.replace(e); err != nil {
			return err
		}
	case e.term < r.lastTerm:
		return fmt.Errorf("entry %d has term %d, the one before has term %d", e.index, e.term, r.lastTerm)
	}
	r.last, r.lastTerm = e.index, e.term
	r.maxIndex = max(r.maxIndex, e.index)
	if e.index < r.from {
		r.state.BaseIndex, r.state.BaseTerm, r.baseKnown = e.index, e.term, true
		if e.typ != raftpb.EntryNormal {
			r.state.ConfChanges = append(r.state.ConfChanges, e.proto())
		}
		return nil
	}
	kept := e.proto()
	r.state.Entries = append(r.state.Entries, kept)
	if e.typ != raftpb.EntryNormal {
		r.state.ConfChanges = append(r.state.ConfChanges, kept)
	}
	return nil
}

// replace drops the entries from e's index on, as a new leader asks for. It
// never asks for that of an entry that is committed.
func (r *replay) replace(e *entry) error {
	if e.index <= r.state.HardState.Commit || e.index <= r.state.Mark.Index {
		return fmt.Errorf("entry %d is replaced, but the log is committed up to %d",
			e.index, max(r.state.HardState.Commit, r.state.Mark.Index))
	}
	if e.index <= r.state.BaseIndex {
		r.state.Entries = nil
		r.state.BaseIndex = e.index - 1
		r.baseKnown = false
	} else {
		r.state.Entries = r.state.Entries[:e.index-r.state.BaseIndex-1]
	}
	for n := len(r.state.ConfChanges); n > 0 && r.state.ConfChanges[n-1].GetIndex() >= e.index; n-- {
		r.state.ConfChanges = r.state.ConfChanges[:n-1]
	}
	return nil
}

func (r *replay) hardState(hs HardState) error {
	old := r.state.HardState
	if hs.Term < old.Term || hs.Commit < old.Commit {
		return fmt.Errorf("the hard state goes back from term %d, commit %d to term %d, commit %d",
			old.Term, old.Commit, hs.Term, hs.Commit)
	}
	r.state.HardState = hs
	return nil
}

func (r *replay) mark(m Mark) error {
	old := r.state.Mark
	if m.Index < old.Index || m.Term < old.Term {
		return fmt.Errorf("the mark goes back from index %d, term %d to index %d, term %d",
			old.Index, old.Term, m.Index, m.Term)
	}
	r.state.Mark = m
	for len(r.state.ConfChanges) > 0 && r.state.ConfChanges[0].GetIndex() <= m.Index {
		r.state.ConfChanges = r.state.ConfChanges[1:]
	}
	// The log is new, or replaced as a whole by a snapshot of the state machine.
	if m.Index > r.last || (m.Index == r.last && r.lastTerm == 0) {
		r.state.Entries = nil
		r.state.BaseIndex, r.state.BaseTerm, r.baseKnown = m.Index, m.Term, true
		r.last, r.lastTerm = m.Index, m.Term
	}
	return nil
}

// finish checks the whole and settles where the entries begin.
func (r *replay) finish() error {
	s := &r.state
	switch {
	case s.Mark.Index+1 < r.first:
		return fmt.Errorf("entries %d to %d are needed and missing", s.Mark.Index+1, r.first-1)
	case s.Mark.Index > r.last:
		return fmt.Errorf("the log is needed above %d but ends at %d", s.Mark.Index, r.last)
	case s.HardState.Commit > r.last:
		return fmt.Errorf("the log is committed up to %d but ends at %d", s.HardState.Commit, r.last)
	case r.lastTerm > s.HardState.Term:
		return fmt.Errorf("the last entry has term %d, the hard state has term %d", r.lastTerm, s.HardState.Term)
	}
	if r.baseKnown {
		return nil
	}
	if s.BaseIndex == s.Mark.Index {
		s.BaseTerm = s.Mark.Term
		return nil
	}
	// The term before the first entry went with an older segment. That entry is
	// below the mark, so it can serve as the base itself.
	if len(s.Entries) == 0 || s.Entries[0].GetIndex() > s.Mark.Index {
		return fmt.Errorf("the term of entry %d is missing", s.BaseIndex)
	}
	s.BaseIndex, s.BaseTerm = s.Entries[0].GetIndex(), s.Entries[0].GetTerm()
	s.Entries = s.Entries[1:]
	return nil
}
