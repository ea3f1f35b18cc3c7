package replicated

import (
	"sync"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// proposal is one command of this member on its way through the log.
type proposal struct {
	seq    uint64
	since  uint64 // tick
	locals []any  // for mvcc.Entry.Local
	result mvcc.Result
	// done holds one token once result is set. Whoever took the proposal out of
	// the table sets result and puts the token, or is the proposer itself and
	// gives up.
	done chan struct{}
}

// finish answers the proposer.
func (p *proposal) finish(r mvcc.Result) {
	p.result = r
	p.done <- struct{}{}
}

// pending is the table of a member's own proposals that have no fate yet. A
// proposal is answered by exactly one of those who take it out.
type pending struct {
	pool sync.Pool

	mu    sync.Mutex
	table map[uint64]*proposal
	next  uint64 // seq of the next proposal
	ticks uint64 // of time: a process that was paused gives up nothing too early
}

func newPending(first uint64) *pending {
	return &pending{
		pool:  sync.Pool{New: func() any { return &proposal{done: make(chan struct{}, 1)} }},
		table: make(map[uint64]*proposal),
		next:  first,
	}
}

// add returns a new proposal that is in the table.
func (t *pending) add(locals []any) *proposal {
	p := t.pool.Get().(*proposal)
	p.locals = locals
	t.mu.Lock()
	defer t.mu.Unlock()
	p.seq, p.since = t.next, t.ticks
	t.next++
	t.table[p.seq] = p
	return p
}

// recycle gives back a proposal that nobody else knows of any more.
func (t *pending) recycle(p *proposal) {
	p.locals, p.result = nil, mvcc.Result{}
	t.pool.Put(p)
}

// remove takes p out unless somebody else has, and reports which.
func (t *pending) remove(p *proposal) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.table[p.seq] != p {
		return false
	}
	delete(t.table, p.seq)
	return true
}

// claim takes the proposals of member out that are in entries, one lookup under
// one lock each. The places of others stay nil.
func (t *pending) claim(member uint64, entries []mvcc.Entry, claimed []*proposal) []*proposal {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range entries {
		var p *proposal
		if id, ok := mvcc.PeekID(entries[i].Data); ok && id.Member == member {
			p = t.table[id.Seq]
		}
		if p != nil {
			delete(t.table, p.seq)
			entries[i].Local = p.locals
		}
		claimed = append(claimed, p)
	}
	return claimed
}

// tick counts one tick of time and gives up proposals that are older than
// patience ticks.
func (t *pending) tick(patience uint64) {
	t.mu.Lock()
	t.ticks++
	var late []*proposal
	for _, p := range t.table {
		if t.ticks-p.since > patience {
			delete(t.table, p.seq)
			late = append(late, p)
		}
	}
	t.mu.Unlock()
	for _, p := range late {
		p.finish(mvcc.Result{Err: storage.ErrUnknownOutcome})
	}
}

func (t *pending) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.table)
}
