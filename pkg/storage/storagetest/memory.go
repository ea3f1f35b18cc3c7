package storagetest

import (
	"context"
	"sync"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Memory is a storage.Store over a Model: the smallest store that passes the
// suite, for tests of what stands above a store. It forgets everything at the
// end of the process, and its clock moves by Advance alone.
type Memory struct {
	mu      sync.Mutex
	model   *Model
	changed chan struct{} // closed and replaced when the model changes
	stopped bool
	now     time.Duration
	expiry  map[int64]time.Duration
	lastID  int64
	shared  sharedLease
}

type sharedLease struct {
	lease storage.Lease
	until time.Duration
	uses  int
}

// MemoryMaxBytes is the size at which a Memory answers ErrTooLarge.
const MemoryMaxBytes = 1 << 20

var _ storage.Store = (*Memory)(nil)

// NewMemory returns an empty store at revision 1.
func NewMemory() *Memory {
	return &Memory{
		model:   NewModel(1),
		changed: make(chan struct{}),
		expiry:  make(map[int64]time.Duration),
	}
}

// Stop makes every method return ErrStopped.
func (s *Memory) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		s.wake()
	}
}

// Advance moves the clock and lets leases expire.
func (s *Memory) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += d
	for _, id := range s.model.Leases() {
		if s.expiry[id] <= s.now {
			_ = s.model.Revoke(id) // listed above, so it is there
			delete(s.expiry, id)
		}
	}
	s.wake()
}

// wake needs mu.
func (s *Memory) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// write runs fn on the model unless the store or the caller has ended.
func (s *Memory) write(ctx context.Context, fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return storage.ErrStopped
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.wake()
	return fn()
}

func (s *Memory) Txn(ctx context.Context, t *storage.Txn) (*storage.TxnResult, error) {
	rs, err := s.Batch(ctx, []*storage.Txn{t})
	if err != nil {
		return nil, err
	}
	return rs[0], nil
}

func (s *Memory) Batch(ctx context.Context, ts []*storage.Txn) ([]*storage.TxnResult, error) {
	var results []*storage.TxnResult
	size := 0
	for _, t := range ts {
		size += sizeOf(t)
	}
	if size > MemoryMaxBytes {
		return nil, storage.ErrTooLarge
	}
	err := s.write(ctx, func() (err error) {
		results, err = s.model.Batch(ts)
		return err
	})
	return results, err
}

func sizeOf(t *storage.Txn) int {
	size := 0
	for _, ops := range [][]storage.Op{t.Success, t.Failure} {
		for _, op := range ops {
			size += len(op.Key) + len(op.Value)
			if op.Txn != nil {
				size += sizeOf(op.Txn)
			}
		}
	}
	return size
}

func (s *Memory) Range(ctx context.Context, r storage.RangeRequest) (*storage.RangeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, storage.ErrStopped
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.model.Range(r)
}

func (s *Memory) ReadRevision(ctx context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return 0, storage.ErrStopped
	}
	current, _ := s.model.Revision()
	return current, ctx.Err()
}

func (s *Memory) Revision() (current, compacted int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.model.Revision()
}

func (s *Memory) Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	for {
		batch, changed, err := s.events(r)
		if err != nil || changed == nil {
			return batch, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return storage.Batch{}, ctx.Err()
		}
	}
}

// events returns the next batch, or a channel to wait on for one.
func (s *Memory) events(r storage.EventsRequest) (storage.Batch, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	current, compacted := s.model.Revision()
	switch {
	case s.stopped:
		return storage.Batch{}, nil, storage.ErrStopped
	case r.After < compacted:
		return storage.Batch{}, nil, &storage.CompactedError{Requested: r.After + 1, Compacted: compacted}
	case r.After >= current:
		return storage.Batch{}, s.changed, nil
	}
	events := s.model.Events(r.Key, r.RangeEnd, r.After)
	end := len(events)
	if r.Limit > 0 && end > r.Limit {
		end = r.Limit
		for end < len(events) && events[end].KV.ModRevision == events[end-1].KV.ModRevision {
			end++
		}
	}
	batch := storage.Batch{Events: events[:end:end], Revision: current}
	if end < len(events) {
		batch.Revision = events[end].KV.ModRevision - 1
	}
	return batch, nil, nil
}

func (s *Memory) Compact(ctx context.Context, revision int64) error {
	return s.write(ctx, func() error { return s.model.Compact(revision) })
}

func (s *Memory) GrantLease(ctx context.Context, id int64, ttl time.Duration) (storage.Lease, error) {
	var lease storage.Lease
	err := s.write(ctx, func() (err error) {
		lease, err = s.grant(id, ttl)
		return err
	})
	return lease, err
}

// grant needs mu.
func (s *Memory) grant(id int64, ttl time.Duration) (storage.Lease, error) {
	for id == 0 {
		s.lastID++
		if _, taken := s.expiry[s.lastID]; !taken {
			id = s.lastID
		}
	}
	if err := s.model.Grant(id, ttl); err != nil {
		return storage.Lease{}, err
	}
	s.expiry[id] = s.now + ttl
	return storage.Lease{ID: id, TTL: ttl}, nil
}

func (s *Memory) RevokeLease(ctx context.Context, id int64) error {
	return s.write(ctx, func() error {
		delete(s.expiry, id)
		return s.model.Revoke(id)
	})
}

func (s *Memory) SharedLease(ctx context.Context, ttl time.Duration) (storage.Lease, error) {
	var lease storage.Lease
	err := s.write(ctx, func() (err error) {
		lease, err = s.sharedLease(ttl)
		return err
	})
	return lease, err
}

// sharedLease needs mu.
func (s *Memory) sharedLease(ttl time.Duration) (storage.Lease, error) {
	extra := min(ttl/20, time.Minute)
	left := s.shared.until - s.now
	_, alive := s.expiry[s.shared.lease.ID]
	if alive && s.shared.uses < 1000 && left >= ttl && left <= ttl+extra {
		s.shared.uses++
		return s.shared.lease, nil
	}
	lease, err := s.grant(0, ttl+extra)
	if err != nil {
		return storage.Lease{}, err
	}
	s.shared = sharedLease{lease: lease, until: s.now + lease.TTL, uses: 1}
	return lease, nil
}
