package consensus

import (
	"context"
	"sync"
)

// proposalQueue holds proposals until raft takes them, all that wait at once.
type proposalQueue struct {
	maxCount, maxBytes int

	mu     sync.Mutex
	items  [][]byte
	bytes  int
	leader bool          // one is known: proposals are accepted
	closed bool          // for good
	room   chan struct{} // closed when there may be room again; nil when nobody waits
}

// add puts data into the queue. It blocks while the queue is full. first
// reports that the queue was empty: somebody must be told.
func (q *proposalQueue) add(ctx context.Context, data []byte) (first bool, err error) {
	for {
		q.mu.Lock()
		switch {
		case q.closed:
			q.mu.Unlock()
			return false, ErrStopped
		case !q.leader:
			q.mu.Unlock()
			return false, ErrNoLeader
		case len(q.items) < q.maxCount && q.bytes+len(data) <= q.maxBytes:
			first = len(q.items) == 0
			q.items = append(q.items, data)
			q.bytes += len(data)
			q.mu.Unlock()
			return first, nil
		}
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// take removes the longest run from the front for which fits returns true; it
// is given the bytes of the run, and always more than nothing.
func (q *proposalQueue) take(fits func(bytes int) bool) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.items) && fits(size+len(q.items[n])) {
		size += len(q.items[n])
		n++
	}
	if n == 0 {
		return nil
	}
	taken := q.items[:n:n]
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
	}
	q.bytes -= size
	q.wake()
	return taken
}

// putBack returns what take gave and raft did not want.
func (q *proposalQueue) putBack(taken [][]byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, data := range taken {
		q.bytes += len(data)
	}
	q.items = append(taken, q.items...)
}

// wake tells those who wait for room to look again. The caller holds q.mu.
func (q *proposalQueue) wake() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// setLeader says whether proposals are accepted.
func (q *proposalQueue) setLeader(known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.leader = known
	q.wake()
}

// close refuses further proposals. Those in the queue stay.
func (q *proposalQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *proposalQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
