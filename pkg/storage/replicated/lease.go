package replicated

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// GrantLease implements storage.Store. A time to live counts in whole seconds
// and is rounded up.
func (s *Store) GrantLease(ctx context.Context, id int64, ttl time.Duration) (storage.Lease, error) {
	l := storage.Lease{ID: id, TTL: wholeSeconds(ttl)}
	for {
		if id == 0 {
			l.ID = rand.Int64N(1<<63-1) + 1
		}
		r, err := s.propose(ctx, &mvcc.Command{Kind: mvcc.CommandLeaseGrant, Lease: l}, 64, nil)
		if err != nil {
			return storage.Lease{}, err
		}
		if id == 0 && errors.Is(r.Err, storage.ErrLeaseExists) {
			continue // one chance in 2^63 per lease there is
		}
		return r.Lease, r.Err
	}
}

// RevokeLease implements storage.Store.
func (s *Store) RevokeLease(ctx context.Context, id int64) error {
	r, err := s.propose(ctx, &mvcc.Command{Kind: mvcc.CommandLeaseRevoke, Leases: []int64{id}}, 64, nil)
	if err != nil {
		return err
	}
	return r.Err
}

func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

const (
	sharedLeaseKeys = 1000        // uses of one shared lease
	sharedLeaseSlop = time.Minute // what one may live longer at most, or 5 %
	sharedLeaseTTLs = 16          // times to live for which one is remembered
)

// sharedLeases remembers the last lease of each time to live. Its token stands
// for a lock that is held while a lease is granted, and that a context can end
// the wait for.
type sharedLeases struct {
	token chan struct{}
	last  map[time.Duration]*sharedLease // by the time to live asked for
}

type sharedLease struct {
	lease storage.Lease
	until time.Time // it lives at least so long
	uses  int
}

func newSharedLeases() sharedLeases {
	return sharedLeases{token: make(chan struct{}, 1), last: make(map[time.Duration]*sharedLease)}
}

// SharedLease implements storage.Store. Every call counts as one key.
func (s *Store) SharedLease(ctx context.Context, ttl time.Duration) (storage.Lease, error) {
	if err := s.usable(ctx); err != nil {
		return storage.Lease{}, err
	}
	select {
	case s.shared.token <- struct{}{}:
	case <-ctx.Done():
		return storage.Lease{}, ctx.Err()
	}
	defer func() { <-s.shared.token }()

	ttl = wholeSeconds(ttl)
	slop := min(ttl/20, sharedLeaseSlop)
	now := s.cfg.Clock.Now()
	if l := s.shared.last[ttl]; l != nil && s.reusable(l, now.Add(ttl), now.Add(ttl+slop)) {
		l.uses++
		return l.lease, nil
	}
	lease, err := s.GrantLease(ctx, 0, (ttl + slop).Truncate(time.Second))
	if err != nil {
		return storage.Lease{}, err
	}
	if len(s.shared.last) >= sharedLeaseTTLs {
		clear(s.shared.last)
	}
	s.shared.last[ttl] = &sharedLease{lease: lease, until: now.Add(lease.TTL), uses: 1}
	return lease, nil
}

// reusable says whether l ends between earliest and latest and may get one more
// key. It may have been revoked meanwhile.
func (s *Store) reusable(l *sharedLease, earliest, latest time.Time) bool {
	if l.uses >= sharedLeaseKeys || l.until.Before(earliest) || l.until.After(latest) {
		return false
	}
	_, _, alive := s.mvcc.Lease(l.lease.ID)
	return alive
}
