package replicated

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

const (
	expiryInterval = 500 * time.Millisecond // between looks for leases that have ended
	expiryLeases   = 256                    // leases that one entry revokes at most
	expiryKeys     = 1000                   // keys at which an entry takes no further lease
	staleFloor     = 1024                   // expiries below which ended leases are not looked for
)

// lessor knows when leases end while this member leads, and nothing otherwise:
// time is not replicated. Who becomes leader, or comes back, gives every lease
// its whole time to live again.
type lessor struct {
	mu     sync.Mutex
	term   uint64 // in which this member leads, 0 when it does not
	expiry map[int64]time.Time
	queue  expiryQueue // has every lease of expiry at its time, and older times
}

func newLessor() lessor { return lessor{expiry: make(map[int64]time.Time)} }

// granted hears of a lease that was applied now.
func (l *lessor) granted(lease storage.Lease, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term != 0 {
		l.set(lease.ID, now.Add(lease.TTL))
	}
}

// set needs mu.
func (l *lessor) set(id int64, at time.Time) {
	l.expiry[id] = at
	heap.Push(&l.queue, expiry{id, at})
}

// lead makes term the one led in, 0 for none, and on a change starts over with
// the leases that list returns.
func (l *lessor) lead(term uint64, now time.Time, list func() []storage.Lease) {
	l.mu.Lock()
	changed := term != l.term
	if changed {
		l.term, l.queue = term, nil
		clear(l.expiry)
	}
	l.mu.Unlock()
	if !changed || term == 0 {
		return
	}
	leases := list() // those granted from here on are heard of by granted
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lease := range leases {
		if _, heard := l.expiry[lease.ID]; !heard {
			l.set(lease.ID, now.Add(lease.TTL))
		}
	}
}

// due takes out leases that have ended by now, max at most.
func (l *lessor) due(now time.Time, max int) []expiry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ended []expiry
	for len(l.queue) > 0 && len(ended) < max && !l.queue[0].at.After(now) {
		e := heap.Pop(&l.queue).(expiry)
		if l.expiry[e.id].Equal(e.at) {
			delete(l.expiry, e.id)
			ended = append(ended, e)
		}
	}
	return ended
}

// putBack undoes due, in the same term.
func (l *lessor) putBack(term uint64, es []expiry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range es {
		if _, newer := l.expiry[e.id]; term == l.term && !newer {
			l.set(e.id, e.at)
		}
	}
}

// prune forgets leases that were revoked before their time, once they are most
// of what is here.
func (l *lessor) prune(list func() []storage.Lease) {
	l.mu.Lock()
	size := len(l.queue)
	l.mu.Unlock()
	if size < staleFloor {
		return
	}
	leases := list()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) < 2*len(leases)+staleFloor {
		return
	}
	exists := make(map[int64]bool, len(leases))
	for _, lease := range leases {
		exists[lease.ID] = true
	}
	kept := l.queue[:0]
	for _, e := range l.queue {
		switch {
		case !l.expiry[e.id].Equal(e.at): // an older time of a lease granted again
		case exists[e.id]:
			kept = append(kept, e)
		default:
			delete(l.expiry, e.id)
		}
	}
	l.queue = kept
	heap.Init(&l.queue)
}

// expireLeases revokes leases that have ended while this member leads.
func (s *Store) expireLeases(ctx context.Context) {
	for ticks := 0; ; ticks++ {
		select {
		case <-ctx.Done():
			return
		case <-s.cfg.Clock.After(expiryInterval):
		}
		term, leads := s.cfg.Leadership()
		if !leads {
			term = 0
		}
		s.lessor.lead(term, s.cfg.Clock.Now(), s.mvcc.Leases)
		for leads && s.expireSome(ctx, term) {
		}
		if ticks%100 == 0 {
			s.lessor.prune(s.mvcc.Leases)
		}
	}
}

// expireSome revokes what has ended, in one entry, and reports whether there
// may be more.
func (s *Store) expireSome(ctx context.Context, term uint64) bool {
	due := s.lessor.due(s.cfg.Clock.Now(), expiryLeases)
	ids, rest := s.fitting(due)
	s.lessor.putBack(term, rest)
	if len(ids) == 0 {
		return false
	}
	c := &mvcc.Command{Kind: mvcc.CommandLeaseRevoke, Term: term, Leases: ids}
	r, err := s.propose(ctx, c, 64+10*len(ids), nil)
	if err == nil {
		err = r.Err
	}
	// Of a lease that somebody revoked meanwhile the end is reached as well.
	if err != nil && !errors.Is(err, storage.ErrLeaseNotFound) {
		s.lessor.putBack(term, due)
		if ctx.Err() == nil {
			s.cfg.Logger.Warn("leases could not be revoked at their end, will try again", "leases", len(ids), "error", err)
		}
		return false
	}
	s.expired.Add(uint64(len(ids)))
	return len(due) > 0
}

// fitting splits what is due into the leases that one entry revokes and the
// rest. Leases that are gone already are in neither.
func (s *Store) fitting(due []expiry) (ids []int64, rest []expiry) {
	keys := 0
	for i, e := range due {
		if keys >= expiryKeys {
			return ids, due[i:]
		}
		if _, n, ok := s.mvcc.Lease(e.id); ok {
			ids, keys = append(ids, e.id), keys+n
		}
	}
	return ids, nil
}

type expiry struct {
	id int64
	at time.Time
}

// expiryQueue is a heap with the earliest expiry first.
type expiryQueue []expiry

func (q expiryQueue) Len() int           { return len(q) }
func (q expiryQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q expiryQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *expiryQueue) Push(x any)        { *q = append(*q, x.(expiry)) }

func (q *expiryQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}
