package consensus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/wal"
)

// Node is a running raft member: a core, the goroutines that carry out what it
// asks for, and the log on disk.
//
// Lock order: mu, then proposals.mu. No lock is held while the log is written,
// the state machine is called or anything outside this package is.
type Node struct {
	cfg Config

	// Of the append goroutine while it runs, then of Run.
	wal     *wal.Log
	unsaved wal.HardState // a commit index that waits for the next write; or zero

	proposals proposalQueue
	// commit is the commit index while it is authoritative (see
	// core.authoritative), otherwise 0. It is set before what it covers can be
	// applied, and so before it can be acknowledged.
	commit atomic.Uint64
	// droppable is the index from which on a mark frees a segment.
	droppable atomic.Uint64
	failed    atomic.Uint64 // proposals that raft dropped
	walBytes  atomic.Uint64
	walSyncs  atomic.Uint64

	ready   chan struct{} // closed once settled
	done    chan struct{} // closed when nothing is answered any more
	halt    chan struct{} // closed on the first failure
	started atomic.Bool

	appendWake chan struct{} // has room for one
	applyWake  chan struct{} // has room for one

	mu         sync.Mutex
	core       *core
	err        error     // the first failure
	stopping   bool      // finish what is there and end
	ended      bool      // nothing is answered any more
	appendDone bool      // the append goroutine has ended
	held       bool      // proposals wait for something to be applied or forgotten
	markDue    *wal.Mark // to be written to the log
	known      uint64    // leader, as last told to the proposal queue
	isReady    bool
}

// Open reads the log in cfg.Dir, or makes a new one, and returns a member that
// has not been started. It holds the log's lock until Run or Close has
// returned. Errors: those of Config.Validate and of package wal; ErrForeign,
// ErrMismatch; vfs.ErrLocked.
func Open(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.defaults()
	n := &Node{
		cfg:        cfg,
		proposals:  proposalQueue{maxCount: cfg.MaxQueued, maxBytes: cfg.MaxQueuedBytes},
		ready:      make(chan struct{}),
		done:       make(chan struct{}),
		halt:       make(chan struct{}),
		appendWake: make(chan struct{}, 1),
		applyWake:  make(chan struct{}, 1),
	}
	state, err := n.openLog()
	if err != nil {
		return nil, err
	}
	applied := cfg.StateMachine.AppliedIndex()
	if err = n.fits(state, applied); err == nil {
		n.core, err = newCore(&n.cfg, state, applied)
	}
	if err != nil {
		return nil, errors.Join(err, n.wal.Close())
	}
	n.publishDroppable()
	return n, nil
}

// openLog opens or makes the log on disk.
func (n *Node) openLog() (*wal.State, error) {
	index, term := n.cfg.StateMachine.DurableIndex()
	opts := wal.Options{FS: n.cfg.FS, Dir: n.cfg.Dir, SegmentSize: n.cfg.SegmentSize, OnSync: n.synced}
	found, err := wal.Exists(n.cfg.FS, n.cfg.Dir)
	if err != nil {
		return nil, err
	}
	if !found {
		if index > 0 && !n.cfg.NewLog {
			return nil, fmt.Errorf("%w: the state machine has applied entry %d, and there is no log in %s",
				ErrMismatch, index, n.cfg.Dir)
		}
		mark := wal.Mark{Index: index, Term: term, Conf: &raftpb.ConfState{Voters: n.cfg.Voters}}
		created, err := wal.Create(opts, n.cfg.ClusterID, n.cfg.ID, mark)
		if err != nil {
			return nil, err
		}
		if err := created.Close(); err != nil { // and read back, as ever after
			return nil, err
		}
	}
	log, state, err := wal.Open(opts, index+1)
	if err != nil {
		return nil, err
	}
	if n.hasPeers(state) { // they may ask for entries that this member no longer needs
		if err := log.Close(); err != nil {
			return nil, err
		}
		from := index + 1 - min(index, uint64(n.cfg.TailEntries))
		if log, state, err = wal.Open(opts, from); err != nil {
			return nil, err
		}
	}
	n.wal = log
	return state, nil
}

// hasPeers reports whether the log knows or has known other members.
func (n *Node) hasPeers(state *wal.State) bool {
	cs := state.Mark.Conf
	return len(state.ConfChanges) > 0 || len(cs.Voters) != 1 || cs.Voters[0] != n.cfg.ID ||
		len(cs.Learners)+len(cs.VotersOutgoing)+len(cs.LearnersNext) > 0
}

// fits checks that log and state machine belong to this member and together.
func (n *Node) fits(state *wal.State, applied uint64) error {
	if state.ClusterID != n.cfg.ClusterID || state.MemberID != n.cfg.ID {
		return fmt.Errorf("%w: it is of member %x of cluster %x, this is member %x of cluster %x",
			ErrForeign, state.MemberID, state.ClusterID, n.cfg.ID, n.cfg.ClusterID)
	}
	index, term := n.cfg.StateMachine.DurableIndex()
	switch {
	case applied < index:
		return fmt.Errorf("%w: the state machine says that entry %d is durable and entry %d the last applied",
			ErrMismatch, index, applied)
	case applied > state.LastIndex():
		return fmt.Errorf("%w: the state machine has applied entry %d, the log ends at %d",
			ErrMismatch, applied, state.LastIndex())
	case index < state.Mark.Index || index < state.BaseIndex:
		return fmt.Errorf("%w: the state machine has entries up to %d, the log only those above %d",
			ErrMismatch, index, max(state.Mark.Index, state.BaseIndex))
	}
	have := state.BaseTerm
	if index > state.BaseIndex {
		have = state.Entries[index-state.BaseIndex-1].GetTerm()
	}
	if have != term {
		return fmt.Errorf("%w: entry %d has term %d in the state machine and term %d in the log",
			ErrMismatch, index, term, have)
	}
	return nil
}

// Close releases a member that Run was never called on. After Run it does
// nothing.
func (n *Node) Close() error {
	if n.started.Swap(true) {
		return nil
	}
	n.mu.Lock()
	n.ended = true
	n.mu.Unlock()
	n.proposals.close()
	close(n.done)
	return n.wal.Close()
}

// Propose asks for data to be committed. It returns nil when the proposal is on
// its way: whether it is committed shows when the state machine is given it,
// and if the leader changes it may be lost. With an error nothing was proposed:
// ErrNoLeader, ErrStopped, ErrTooLarge, ErrEmpty, or ctx's while the queue is
// full. The member owns data from now on.
func (n *Node) Propose(ctx context.Context, data []byte) error {
	switch {
	case len(data) > n.cfg.MaxEntrySize:
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(data), n.cfg.MaxEntrySize)
	case len(data) == 0:
		return ErrEmpty
	}
	first, err := n.proposals.add(ctx, data)
	if err != nil {
		return err
	}
	if first {
		wake(n.appendWake)
	}
	return nil
}

// ReadIndex returns an index at least as high as that of every entry that was
// acknowledged, on any member, before the call. A read of the state machine is
// linearizable once that index has been applied. It blocks while the leader is
// being asked or elected. ErrNoLeader when that takes too long, ErrStopped,
// ctx's error.
func (n *Node) ReadIndex(ctx context.Context) (uint64, error) {
	if index := n.commit.Load(); index != 0 {
		return index, nil
	}
	answer := make(chan readResult, 1)
	n.turn(func(c *core) {
		if n.err != nil || n.ended {
			answer <- readResult{err: ErrStopped}
		} else {
			c.reads.add(c, answer)
		}
	})
	select {
	case r := <-answer:
		return r.index, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-n.done:
		return 0, ErrStopped
	}
}

// Step takes messages that other members sent. It does not block for long.
// ErrMessage when a message is of a kind that no peer may send; those before it
// were taken.
func (n *Node) Step(messages []*raftpb.Message) error {
	var err error
	n.turn(func(c *core) {
		for _, m := range messages {
			if err = n.acceptable(m); err != nil {
				return
			}
			c.step(m)
		}
	})
	return err
}

func (n *Node) acceptable(m *raftpb.Message) error {
	switch {
	case raft.IsLocalMsg(m.GetType()), raft.IsLocalMsgTarget(m.GetFrom()), m.GetFrom() == 0, m.GetTo() != n.cfg.ID:
		return fmt.Errorf("%w: %v from %x to %x", ErrMessage, m.GetType(), m.GetFrom(), m.GetTo())
	case m.GetType() == raftpb.MsgSnap:
		return fmt.Errorf("%w: snapshots are not taken by this version", ErrMessage)
	}
	for _, e := range m.GetEntries() {
		if m.GetType() == raftpb.MsgProp && len(e.GetData()) > n.cfg.MaxEntrySize {
			return fmt.Errorf("%w: a proposal of %d bytes", ErrMessage, len(e.GetData()))
		}
	}
	return nil
}

// Ready is closed once a leader is known and an entry of its term is applied:
// from then on the member serves.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// turn gives the core an input and sees to what follows from it.
func (n *Node) turn(input func(*core)) {
	n.mu.Lock()
	input(n.core)
	n.core.advance()
	out := n.settle()
	n.mu.Unlock()
	n.deliver(out)
}

// outputs are what is to be done outside the lock.
type outputs struct {
	messages      []*raftpb.Message
	reads         []readAnswer
	leader        uint64
	leaderChanged bool
	append, apply bool // there is work for the goroutine
}

// settle publishes the state of the core and takes its outputs. The caller
// holds n.mu.
func (n *Node) settle() outputs {
	c := n.core
	if c.failure != nil {
		n.failLocked(c.failure)
	}
	index, ok := c.authoritative()
	if !ok || n.err != nil || n.ended {
		index = 0
	}
	n.commit.Store(index)
	out := outputs{
		messages: c.takeOutbox(),
		reads:    c.reads.takeReads(),
		append:   c.appendsPressing() || n.held || n.markDue != nil,
		apply:    len(c.applies) > 0,
	}
	n.held = false
	if c.leader != n.known {
		n.known = c.leader
		n.proposals.setLeader(c.leader != 0)
		out.leader, out.leaderChanged = c.leader, true
	}
	if !n.isReady && c.settled() {
		n.isReady = true
		close(n.ready)
	}
	return out
}

func (n *Node) deliver(out outputs) {
	if out.append {
		wake(n.appendWake)
	}
	if out.apply {
		wake(n.applyWake)
	}
	if len(out.messages) > 0 && n.cfg.Transport != nil {
		n.cfg.Transport.Send(out.messages)
	}
	for _, r := range out.reads {
		r.to <- r.result
	}
	if out.leaderChanged {
		n.cfg.Logger.Info("leader changed", "member", n.cfg.ID, "leader", out.leader)
		if n.cfg.Observer != nil {
			n.cfg.Observer.LeaderChanged(out.leader)
		}
	}
}

// wake puts a token into a channel that has room for one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fail ends the member: nothing is acknowledged from now on.
func (n *Node) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failLocked(err)
}

func (n *Node) failLocked(err error) {
	if n.err != nil {
		return
	}
	n.err = err
	n.commit.Store(0)
	n.proposals.close()
	close(n.halt)
}

func (n *Node) publishDroppable() {
	if index, ok := n.wal.Oldest(); ok {
		n.droppable.Store(index)
	} else {
		n.droppable.Store(math.MaxUint64)
	}
}
