package replicated

import (
	"context"
	"errors"
	"fmt"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// proposalOverhead is what a proposal is charged beside its bytes: its place in
// the table, in the log's queues, and the answer to come.
const proposalOverhead = 1 << 10

// propose replicates c and returns the answer of its apply. The error is that
// of the way there; the answer has its own.
func (s *Store) propose(ctx context.Context, c *mvcc.Command, sizeHint int, locals []any) (mvcc.Result, error) {
	if err := s.usable(ctx); err != nil {
		return mvcc.Result{}, err
	}
	weight := int64(sizeHint) + proposalOverhead
	if weight > s.cfg.MaxPendingBytes {
		return mvcc.Result{}, storage.ErrTooLarge
	}
	if err := s.room.Acquire(ctx, weight); err != nil {
		return mvcc.Result{}, err
	}
	defer s.room.Release(weight)

	p := s.machine.pending.add(locals)
	c.ID = mvcc.ProposalID{Member: s.machine.member, Seq: p.seq}
	data, err := mvcc.AppendCommand(make([]byte, 0, sizeHint), c)
	if err == nil && len(data) > s.cfg.MaxRequestBytes {
		err = storage.ErrTooLarge
	}
	if err != nil {
		s.machine.pending.remove(p) // nobody but us can have it
		s.machine.pending.recycle(p)
		return mvcc.Result{}, err
	}
	if err := s.cfg.Log.Propose(ctx, data); err != nil {
		return s.notProposed(p, err)
	}
	s.proposed.Add(1)
	return s.await(ctx, p)
}

// notProposed takes p back after Log.Propose has failed.
func (s *Store) notProposed(p *proposal, err error) (mvcc.Result, error) {
	s.failed.Add(1)
	if s.machine.pending.remove(p) { // else the watchdog has it
		s.machine.pending.recycle(p)
	}
	return mvcc.Result{}, s.logError(err)
}

// await waits for the fate of a proposal that the log has taken.
func (s *Store) await(ctx context.Context, p *proposal) (mvcc.Result, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		return s.giveUp(p, ctx.Err())
	case <-s.life.Done():
		return s.giveUp(p, storage.ErrStopped)
	}
	r := p.result
	s.machine.pending.recycle(p)
	return r, nil
}

// giveUp leaves p to its fate, unless that is known by now.
func (s *Store) giveUp(p *proposal, reason error) (mvcc.Result, error) {
	if s.machine.pending.remove(p) {
		s.machine.pending.recycle(p)
		s.failed.Add(1)
		return mvcc.Result{}, fmt.Errorf("%w: %w", storage.ErrUnknownOutcome, reason)
	}
	<-p.done // it is being applied: its answer is on its way
	r := p.result
	s.machine.pending.recycle(p)
	return r, nil
}

// logError translates an error of the log.
func (s *Store) logError(err error) error {
	for _, known := range [...]struct{ theirs, ours error }{
		{s.cfg.LogErrors.NoLeader, storage.ErrNoLeader},
		{s.cfg.LogErrors.Stopped, storage.ErrStopped},
		{s.cfg.LogErrors.TooLarge, storage.ErrTooLarge},
	} {
		if known.theirs != nil && errors.Is(err, known.theirs) {
			return known.ours
		}
	}
	return err
}

// usable returns the error of a call that cannot begin.
func (s *Store) usable(ctx context.Context) error {
	select {
	case <-s.life.Done():
		return storage.ErrStopped
	default:
		return ctx.Err()
	}
}

// sizeHint estimates the encoding of transactions, mostly a few bytes from
// above: one that is too small costs a copy only.
func sizeHint(ts []*storage.Txn) int {
	size := 32
	for _, t := range ts {
		size += txnSize(t, mvcc.MaxTxnDepth)
	}
	return size
}

func txnSize(t *storage.Txn, depth int) int {
	if t == nil || depth == 0 {
		return 0 // refused when encoded
	}
	size := 8
	for i := range t.Compares {
		c := &t.Compares[i]
		size += 16 + len(c.Key) + len(c.RangeEnd) + len(c.Bytes)
	}
	for _, ops := range [2][]storage.Op{t.Success, t.Failure} {
		for i := range ops {
			o := &ops[i]
			size += 16 + len(o.Key) + len(o.RangeEnd) + len(o.Value)
			if o.Txn != nil {
				size += txnSize(o.Txn, depth-1)
			}
		}
	}
	return size
}
