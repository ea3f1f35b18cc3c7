package replicated

import (
	"fmt"
	"sync/atomic"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// Entry is a committed log entry. Empty Data only moves the applied index.
type Entry struct {
	Index, Term uint64
	Data        []byte
}

// Machine is the side of a Store that the log's member applies to: it hands
// entries to the mvcc store with what the proposer attached, answers the
// proposals found in them, and publishes the applied index. It exists before
// the log does, and the Store after.
type Machine struct {
	member  uint64
	store   *mvcc.Store
	pending *pending
	applied progress
	// granted hears of every lease granted, from the applying goroutine.
	granted atomic.Pointer[func(storage.Lease)]

	// The applying goroutine's own.
	entries []mvcc.Entry
	claimed []*proposal
}

// NewMachine returns the machine of a member over its mvcc store. The random
// number is where the ids of its proposals start; entries of an earlier process
// of the member are told from its own by it.
func NewMachine(member uint64, store *mvcc.Store, random uint64) *Machine {
	m := &Machine{member: member, store: store, pending: newPending(random)}
	m.applied.advance(store.AppliedIndex())
	return m
}

// Apply is Machine.Apply for a log's own type of entry:
//
//	func (a adapter) Apply(entries []consensus.Entry) error {
//		return replicated.Apply(a.Machine, entries)
//	}
func Apply[E ~struct {
	Index, Term uint64
	Data        []byte
}](m *Machine, entries []E) error {
	for _, e := range entries {
		m.add(Entry(e))
	}
	return m.apply()
}

// Apply applies committed entries in index order. One goroutine calls it. It
// does not keep entries. An error means that the machine cannot go on: the
// member must end.
func (m *Machine) Apply(entries []Entry) error { return Apply(m, entries) }

// AppliedIndex returns the index of the last entry applied, in memory.
func (m *Machine) AppliedIndex() uint64 { return m.applied.applied.Load() }

// DurableIndex returns the position of the last entry whose effects are
// durable: after a restart the log must replay what follows.
func (m *Machine) DurableIndex() (index, term uint64) { return m.store.DurableIndex() }

func (m *Machine) add(e Entry) {
	m.entries = append(m.entries, mvcc.Entry{Index: e.Index, Term: e.Term, Data: e.Data})
}

// apply applies what was added.
func (m *Machine) apply() error {
	if len(m.entries) == 0 {
		return nil
	}
	m.claimed = m.pending.claim(m.member, m.entries, m.claimed)
	results, err := m.store.Apply(m.entries)
	if len(results) > 0 {
		m.applied.advance(m.entries[len(results)-1].Index)
	}
	for i, p := range m.claimed {
		if i < len(results) {
			m.answer(p, results[i])
		} else if p != nil {
			p.finish(mvcc.Result{Err: storage.ErrUnknownOutcome})
		}
	}
	clear(m.entries)
	clear(m.claimed)
	m.entries, m.claimed = m.entries[:0], m.claimed[:0]
	if err != nil {
		return fmt.Errorf("replicated: %w", err)
	}
	return nil
}

func (m *Machine) answer(p *proposal, r mvcc.Result) {
	if r.Lease.ID != 0 && !r.Skipped {
		if fn := m.granted.Load(); fn != nil {
			(*fn)(r.Lease)
		}
	}
	if p != nil {
		p.finish(r)
	}
}
