package replicated

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// Store is a storage.Store whose writes go through a replicated log and whose
// reads are answered from this member's mvcc store.
type Store struct {
	cfg     Config
	machine *Machine
	mvcc    *mvcc.Store
	room    *semaphore.Weighted // MaxPendingBytes
	lessor  lessor
	shared  sharedLeases
	life    context.Context // ends with Run
	end     context.CancelFunc

	proposed, failed, expired atomic.Uint64
}

var _ storage.Store = (*Store)(nil)

// New returns a store over a log and the machine that the log applies to.
func New(cfg Config) (*Store, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	s := &Store{
		cfg:     cfg,
		machine: cfg.Machine,
		mvcc:    cfg.Machine.store,
		room:    semaphore.NewWeighted(cfg.MaxPendingBytes),
		lessor:  newLessor(),
		shared:  newSharedLeases(),
		life:    life,
		end:     end,
	}
	granted := func(l storage.Lease) { s.lessor.granted(l, cfg.Clock.Now()) }
	s.machine.granted.Store(&granted)
	return s, nil
}

// Run gives up proposals without fate, and while this member leads lets leases
// expire and compacts history, until ctx ends. From then on every method
// returns storage.ErrStopped. It must be called once.
func (s *Store) Run(ctx context.Context) error {
	defer s.end()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { s.watchdog(ctx); return nil })
	g.Go(func() error { s.expireLeases(ctx); return nil })
	g.Go(func() error { s.compactHistory(ctx); return nil })
	return g.Wait()
}

// timeoutTicks is the number of looks for lost proposals in a RequestTimeout.
const timeoutTicks = 8

// watchdog answers proposals that the log has lost with ErrUnknownOutcome.
func (s *Store) watchdog(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.cfg.Clock.After(s.cfg.RequestTimeout / timeoutTicks):
			s.machine.pending.tick(timeoutTicks)
		}
	}
}

// Txn implements storage.Store.
func (s *Store) Txn(ctx context.Context, t *storage.Txn) (*storage.TxnResult, error) {
	rs, err := s.Batch(ctx, []*storage.Txn{t})
	if err != nil {
		return nil, err
	}
	return rs[0], nil
}

// Batch implements storage.Store. A transaction that fails when it is applied
// writes nothing and has a nil result; the others take effect, and the first
// failure is returned beside the results. All other errors mean that nothing
// was written, but for storage.ErrUnknownOutcome, and come without results.
func (s *Store) Batch(ctx context.Context, ts []*storage.Txn) ([]*storage.TxnResult, error) {
	if len(ts) == 0 {
		return nil, s.usable(ctx)
	}
	for _, t := range ts {
		if err := mvcc.CheckTxn(t); err != nil {
			return nil, err
		}
	}
	hint := sizeHint(ts)
	r, err := s.propose(ctx, &mvcc.Command{Kind: mvcc.CommandTxns, Txns: ts}, hint, mvcc.Locals(ts))
	if err != nil {
		return nil, err
	}
	return r.Txns, r.Err
}

// Range implements storage.Store.
func (s *Store) Range(ctx context.Context, r storage.RangeRequest) (*storage.RangeResult, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.mvcc.Range(ctx, r)
}

// ReadRevision implements storage.Store.
func (s *Store) ReadRevision(ctx context.Context) (int64, error) {
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	index, err := s.cfg.Log.ReadIndex(ctx)
	if err != nil {
		return 0, s.logError(err)
	}
	if s.machine.applied.applied.Load() < index {
		if err := s.machine.applied.wait(ctx, s.life.Done(), index); err != nil {
			return 0, err
		}
	}
	current, _ := s.mvcc.Revision()
	return current, nil
}

// Events implements storage.Store.
func (s *Store) Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	if err := s.usable(ctx); err != nil {
		return storage.Batch{}, err
	}
	if current, _ := s.mvcc.Revision(); current > r.After {
		return s.mvcc.Events(ctx, r) // does not wait
	}
	return s.waitEvents(ctx, r)
}

// waitEvents is Events that the end of the store wakes.
func (s *Store) waitEvents(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.life, func() { cancel(storage.ErrStopped) })()
	b, err := s.mvcc.Events(waiting, r)
	if err != nil && context.Cause(waiting) == storage.ErrStopped {
		err = storage.ErrStopped
	}
	return b, err
}

// Revision implements storage.Store.
func (s *Store) Revision() (current, compacted int64) { return s.mvcc.Revision() }

// Compact implements storage.Store.
func (s *Store) Compact(ctx context.Context, revision int64) error {
	r, err := s.propose(ctx, &mvcc.Command{Kind: mvcc.CommandCompact, Revision: revision}, 64, nil)
	if err != nil {
		return err
	}
	return r.Err
}

// Stats are the counters of a store.
type Stats struct {
	Proposed uint64 // proposals that the log took
	Failed   uint64 // proposals refused by the log or given up
	Expired  uint64 // leases that this member let expire
	Pending  int    // proposals without fate
}

// Stats returns counters since New and what is under way now.
func (s *Store) Stats() Stats {
	return Stats{
		Proposed: s.proposed.Load(), Failed: s.failed.Load(), Expired: s.expired.Load(),
		Pending: s.machine.pending.len(),
	}
}
