package mvcc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Store is the state machine and its history. One goroutine calls Apply; all
// other methods may be called concurrently.
//
// Locks are taken in the order applyMu, compactMu, commitMu, mu. Under mu
// nothing waits and nothing reads the backend.
type Store struct {
	cfg    Config
	handle *handle

	applyMu   sync.Mutex // one Apply, Restore or Check at a time
	compactMu sync.Mutex // one piece of physical compaction at a time
	commitMu  sync.Mutex // one commit at a time
	commit    committer  // guarded by commitMu

	// mu guards the fields below. Apply alone changes them, but for the
	// compactor (which forgets what the mark hides) and the flusher (which moves
	// recent.flushed, aux and durable). Apply publishes an entry at its end by
	// moving rev and recent.visible: until then readers, who ask at or below
	// rev, do not see its changes.
	mu     sync.RWMutex
	state  state
	recent recent
	// aux is what published entries change outside bucket "key" and the flusher
	// has not taken yet.
	aux        []BatchOp
	durable    position
	durableRev int64 // the revision of durable

	changed     notifier      // rev or compacted moved, or the store closed
	dirty       chan struct{} // holds one: something was applied
	kick        chan struct{} // holds one: commit now
	compactKick chan struct{} // holds one: the mark moved

	stopped  atomic.Bool // Run has ended: nothing new is to be waited for
	closed   atomic.Bool
	failure  atomic.Pointer[error]
	failed   chan struct{} // closed after failure is set
	counters counters
}

// position is a place in the log.
type position struct {
	index, term uint64
}

// state is what the applied entries amount to, values aside.
type state struct {
	index   index
	leases  map[int64]*lease
	alarms  map[Alarm]struct{}
	cluster string

	rev       int64 // the newest published revision
	compacted int64 // the mark: history below it is gone
	finished  int64 // the mark up to which it has been removed physically
	base      int64 // see ownBase
	applied   position
}

// Open opens the database, or makes one, and rebuilds the index. It returns
// ErrLocked, ErrNotADatabase, ErrNewerFormat and ErrCorrupt, and then has
// changed nothing. A database of etcd's is adopted: its log positions, which
// belong to another log, start over at 0.
func Open(cfg Config) (*Store, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	backend := cfg.Backend
	if backend == nil {
		b, err := openBolt(cfg.Path, boltOptions{mmapSize: cfg.InitialMmapSize, lockTimeout: cfg.LockTimeout})
		if err != nil {
			return nil, err
		}
		backend = b
	}
	st, err := loadAndAdopt(backend.View, backend)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", cfg.Path, err), backend.Close())
	}
	s := &Store{
		cfg:         cfg,
		handle:      newHandle(backend),
		dirty:       make(chan struct{}, 1),
		kick:        make(chan struct{}, 1),
		compactKick: make(chan struct{}, 1),
		failed:      make(chan struct{}),
	}
	s.adoptState(st)
	return s, nil
}

// adoptState takes a loaded state as the store's own. The caller holds mu, or
// is alone.
func (s *Store) adoptState(st state) {
	s.state = st
	s.recent = newRecent(s.cfg.RecentRecords, s.cfg.RecentBytes)
	s.aux = nil
	s.durable, s.durableRev = st.applied, st.rev
	if st.finished < st.compacted {
		poke(s.compactKick)
	}
}

// Run commits what is applied and removes what is compacted until ctx ends;
// then it commits the rest. It returns the first failure, which also every
// later Apply returns. Once it has returned no Events waits any more.
func (s *Store) Run(ctx context.Context) error {
	defer s.changed.broadcast()
	defer s.stopped.Store(true)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.flusher(gctx) })
	g.Go(func() error { return s.compactor(gctx) })
	g.Go(func() error {
		select {
		case <-s.failed:
			return s.err()
		case <-gctx.Done():
			return nil
		}
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return s.flush()
}

// Close commits what is left, ends all waits with storage.ErrStopped and closes
// the database. Run must have returned.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.changed.broadcast()
	err := s.flush()
	if old := s.handle.swap(nil); old != nil {
		err = errors.Join(err, old.release())
	}
	return err
}

// fail records the failure that ends the store, and returns the first one.
func (s *Store) fail(err error) error {
	if s.failure.CompareAndSwap(nil, &err) {
		close(s.failed)
	}
	return s.err()
}

func (s *Store) err() error {
	if p := s.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// Revision returns the newest applied revision and the compaction mark.
func (s *Store) Revision() (current, compacted int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.rev, s.state.compacted
}

// AppliedIndex returns the index of the last entry applied, in memory.
func (s *Store) AppliedIndex() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state.applied.index
}

// DurableIndex returns the position of the last entry whose effects are
// durable: a restart needs the log from there on.
func (s *Store) DurableIndex() (index, term uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.durable.index, s.durable.term
}

// checkRev turns a requested revision into the one to read. The caller holds mu.
func (s *Store) checkRev(rev, newest int64) (int64, error) {
	switch {
	case rev == 0:
		return newest, nil
	case rev > newest:
		return 0, storage.ErrFutureRevision
	case rev < s.state.compacted:
		return 0, s.compactedError(rev)
	}
	return rev, nil
}

func (s *Store) compactedError(rev int64) error {
	return &storage.CompactedError{Requested: rev, Compacted: s.state.compacted}
}

// poke fills a channel that holds one token.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// notifier wakes everybody who waits, at the price of one channel per wake-up
// that somebody waited for.
type notifier struct {
	mu sync.Mutex
	ch chan struct{} // nil when nobody asked since the last broadcast
}

// wait returns a channel that the next broadcast closes. Look at the state
// after calling it, then wait.
func (n *notifier) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *notifier) broadcast() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}
