package consensus

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/wal"
)

// Run runs the member until ctx ends or it fails, and returns when its
// goroutines have ended, what was committed is applied, and the log is closed.
// It returns nil after a clean end. A failed write or sync of the log is such a
// failure: the process must not go on with it. ErrRunning when called twice.
func (n *Node) Run(ctx context.Context) error {
	if n.started.Swap(true) {
		return ErrRunning
	}
	n.turn((*core).start)
	ticking, stopTicks := context.WithCancel(context.Background())
	var work, ticks sync.WaitGroup
	ticks.Go(func() { n.tickLoop(ticking) })
	work.Go(n.appendLoop)
	work.Go(n.applyLoop)
	select {
	case <-ctx.Done():
	case <-n.halt:
	}
	n.stop()
	work.Wait() // ticks go on meanwhile: other members may be needed
	stopTicks()
	ticks.Wait()
	return n.end()
}

// stop asks the goroutines to finish.
func (n *Node) stop() {
	n.proposals.close()
	n.mu.Lock()
	n.stopping = true
	n.mu.Unlock()
	wake(n.appendWake)
	wake(n.applyWake)
}

// end closes the log, after writing what was not worth a write of its own: how
// far the log is committed.
func (n *Node) end() error {
	n.mu.Lock()
	n.ended = true
	n.commit.Store(0)
	err := n.err
	for _, w := range n.core.appends {
		if w.sync {
			break // it was never written, and what follows builds on it
		}
		if w.hardState != (wal.HardState{}) {
			n.unsaved = w.hardState
		}
	}
	n.mu.Unlock()
	close(n.done)
	if err == nil {
		err = n.wal.Append(wal.Batch{HardState: n.unsaved})
	}
	if closeErr := n.wal.Close(); err == nil {
		err = closeErr
	}
	return err
}

// tickLoop drives raft's clock, and what is done now and then.
func (n *Node) tickLoop(ctx context.Context) {
	ticker := time.NewTicker(n.cfg.TickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			durable, _ := n.cfg.StateMachine.DurableIndex()
			n.turn(func(c *core) {
				c.tick()
				n.truncate(durable)
			})
			if n.proposals.len() > 0 {
				wake(n.appendWake)
			}
		case <-ctx.Done():
			return
		}
	}
}

// truncate forgets what is durable, and has segments removed if that frees any.
// The caller holds n.mu.
func (n *Node) truncate(durable uint64) {
	mark := n.core.truncate(durable)
	if mark.Index >= n.droppable.Load() && n.markDue == nil {
		n.markDue = &mark
	}
	n.core.conf.forget(mark.Index)
}

// appendLoop writes the log. It also is who takes proposals to raft: those that
// come during a write wait for its end, and the next write covers all of them.
func (n *Node) appendLoop() {
	defer n.appendEnded()
	var finished []appendWork
	for {
		work, mark, ok := n.nextAppends(finished)
		if !ok {
			return
		}
		finished = nil
		if len(work) == 0 && mark == nil {
			select {
			case <-n.appendWake:
			case <-n.halt:
				return
			}
			continue
		}
		if err := n.write(work, mark); err != nil {
			n.fail(fmt.Errorf("consensus: write the log: %w", err))
			return
		}
		finished = work
	}
}

// nextAppends hands back finished work, takes waiting proposals to raft, and
// returns the work that follows. ok is false when the goroutine is to end.
func (n *Node) nextAppends(finished []appendWork) (work []appendWork, mark *wal.Mark, ok bool) {
	n.mu.Lock()
	c := n.core
	for i := range finished {
		c.appended(&finished[i])
	}
	c.advance()
	if n.takeProposals() {
		c.advance()
	}
	pressing := c.appendsPressing()
	if pressing {
		work = c.takeAppends()
	}
	mark, n.markDue = n.markDue, nil
	held := n.held // wakes this goroutine after the next change, not now
	n.held = false
	out := n.settle()
	n.held = held
	ok = n.err == nil && (!n.stopping || pressing)
	n.mu.Unlock()
	n.deliver(out)
	return work, mark, ok
}

// takeProposals moves waiting proposals to raft and reports whether it did. The
// caller holds n.mu.
func (n *Node) takeProposals() bool {
	batch := n.proposals.take(n.core.proposable)
	if len(batch) == 0 {
		n.held = n.proposals.len() > 0
		return false
	}
	switch err := n.core.propose(batch); err {
	case nil:
		n.held = n.proposals.len() > 0
		return true
	case errLater:
		n.proposals.putBack(batch)
		n.held = true
	case ErrNoLeader:
		n.failed.Add(uint64(len(batch)))
	default:
		n.core.fail(fmt.Errorf("consensus: propose: %w", err))
	}
	return false
}

// write makes work durable.
func (n *Node) write(work []appendWork, mark *wal.Mark) error {
	for i := range work {
		w := &work[i]
		if w.hardState != (wal.HardState{}) {
			n.unsaved = w.hardState
		}
		if !w.sync {
			continue
		}
		b := wal.Batch{Entries: w.entries, HardState: n.unsaved}
		if i == len(work)-1 {
			b.Mark, mark = mark, nil
		}
		if err := n.wal.Append(b); err != nil {
			return err
		}
		n.unsaved = wal.HardState{}
	}
	if mark != nil {
		if err := n.wal.Append(wal.Batch{Mark: mark}); err != nil {
			return err
		}
	}
	n.publishDroppable()
	return nil
}

func (n *Node) appendEnded() {
	n.mu.Lock()
	n.appendDone = true
	n.mu.Unlock()
	wake(n.applyWake)
}

// applyLoop gives committed entries to the state machine.
func (n *Node) applyLoop() {
	var entries []Entry
	for {
		n.mu.Lock()
		work := n.core.takeApplies()
		last := n.appendDone && len(work) == 0 || n.err != nil
		n.mu.Unlock()
		if last {
			return
		}
		if len(work) == 0 {
			select {
			case <-n.applyWake:
			case <-n.halt:
				return
			}
			continue
		}
		var err error
		if entries, err = n.apply(entries[:0], work); err != nil {
			n.fail(fmt.Errorf("consensus: apply: %w", err))
			return
		}
		n.turn(func(c *core) {
			for i := range work {
				c.appliedAll(&work[i])
			}
		})
	}
}

// apply gives work to the state machine in one call. It returns the slice for
// reuse.
func (n *Node) apply(entries []Entry, work []applyWork) ([]Entry, error) {
	for i := range work {
		for _, e := range work[i].entries {
			entry := Entry{Index: e.GetIndex(), Term: e.GetTerm()}
			if e.GetType() == raftpb.EntryNormal {
				entry.Data = e.GetData()
			} else if err := n.changeConf(e); err != nil {
				return entries, err
			}
			entries = append(entries, entry)
		}
	}
	start := time.Now()
	if err := n.cfg.StateMachine.Apply(entries); err != nil {
		return entries, err
	}
	if n.cfg.Observer != nil {
		n.cfg.Observer.Applied(time.Since(start), len(entries))
	}
	count := len(entries)
	clear(entries) // pins no data until the next batch
	if count > keepEntries {
		return nil, nil
	}
	return entries, nil
}

// keepEntries bounds the slice that is kept between calls of Apply.
const keepEntries = 4096

func (n *Node) changeConf(e *raftpb.Entry) error {
	var err error
	n.turn(func(c *core) { err = c.applyConfChange(e) })
	return err
}

// synced is told of every write of the log.
func (n *Node) synced(took time.Duration, bytes int) {
	n.walSyncs.Add(1)
	n.walBytes.Add(uint64(bytes))
	if n.cfg.Observer != nil {
		n.cfg.Observer.Synced(took, bytes)
	}
	if took > slowSync {
		n.cfg.Logger.Warn("slow write of the log", "took", took, "bytes", bytes)
	}
}

// slowSync is where writes of the log endanger the leadership.
const slowSync = time.Second
