package consensus

import (
	"bytes"
	"encoding/binary"

	"go.etcd.io/raft/v3"
)

// readRounds turns many waiting reads into few rounds through raft. A round
// confirms that the leader still leads, and that takes messages to a quorum, so
// at most one is under way; all reads that come meanwhile share the next.
type readRounds struct {
	waiting []chan<- readResult // not in a round
	round   []chan<- readResult // of the round under way
	id      uint64              // of that round
	// life tells this process's rounds from those of an earlier one: answers to
	// them may still be under way, and they are too old.
	life    [8]byte
	since   uint64 // tick at which it began
	without uint64 // tick since which no leader has been known
	done    []readAnswer
}

// readResult is the answer to one read.
type readResult struct {
	index uint64
	err   error
}

// readAnswer is an answer on its way. The channel has room for it.
type readAnswer struct {
	to     chan<- readResult
	result readResult
}

// add queues a read. The channel is sent to once and must have room.
func (r *readRounds) add(c *core, to chan<- readResult) {
	if len(r.waiting) == 0 && c.leader == 0 {
		r.without = c.ticks
	}
	r.waiting = append(r.waiting, to)
}

// pending reports whether any read waits.
func (r *readRounds) pending() bool { return len(r.waiting)+len(r.round) > 0 }

// answerAlone answers everything without a round when none is needed.
func (r *readRounds) answerAlone(c *core) {
	if !r.pending() {
		return
	}
	if index, ok := c.authoritative(); ok {
		r.retry()
		r.answer(&r.waiting, readResult{index: index})
	}
}

// issue begins a round if reads wait and none is under way.
func (r *readRounds) issue(c *core) {
	if len(r.waiting) == 0 || len(r.round) > 0 || c.leader == 0 || c.alone {
		return
	}
	// Raft itself holds the round back until a new leader has committed an
	// entry of its term.
	r.id++
	r.round, r.waiting = r.waiting, nil
	r.since = c.ticks
	c.rn.ReadIndex(r.context())
}

// context names the round under way.
func (r *readRounds) context() []byte {
	return binary.LittleEndian.AppendUint64(r.life[:], r.id)
}

// confirmed ends a round.
func (r *readRounds) confirmed(state raft.ReadState) {
	if !bytes.Equal(state.RequestCtx, r.context()) {
		return // of a round that was given up
	}
	r.answer(&r.round, readResult{index: state.Index})
}

func (r *readRounds) answer(to *[]chan<- readResult, result readResult) {
	for _, w := range *to {
		r.done = append(r.done, readAnswer{w, result})
	}
	*to = nil
}

// retry gives the round up: its messages may be lost. The reads go into the
// next one.
func (r *readRounds) retry() {
	r.waiting = append(r.round, r.waiting...)
	r.round = nil
}

func (r *readRounds) leaderChanged(c *core) {
	r.retry()
	if c.leader == 0 {
		r.without = c.ticks
	}
}

// tick begins a round again when an answer is overdue, and gives up when there
// has been no leader for longer than an election should take.
func (r *readRounds) tick(c *core) {
	patience := uint64(c.cfg.ElectionTick)
	if len(r.round) > 0 && c.ticks-r.since >= patience {
		r.retry()
	}
	if c.leader == 0 && len(r.waiting) > 0 && c.ticks-r.without >= 3*patience {
		r.answer(&r.waiting, readResult{err: ErrNoLeader})
	}
}

// takeReads returns the answers that are due.
func (r *readRounds) takeReads() []readAnswer {
	done := r.done
	r.done = nil
	return done
}
