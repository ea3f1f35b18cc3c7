package watchcache

import (
	"container/heap"
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// waitList holds those who wait for a revision, lowest first. A waiter costs
// its entry: no goroutine, no timer.
type waitList struct {
	lowest atomic.Int64 // the heap's first revision; written under mu
	pool   sync.Pool    // of *waiter

	mu   sync.Mutex
	heap waitHeap
}

type waiter struct {
	rev  int64
	at   int           // index in the heap, -1 when not in it
	done chan struct{} // has room for the one token that taking it out of the heap gives
}

func (l *waitList) init() {
	l.lowest.Store(math.MaxInt64)
	l.pool.New = func() any { return &waiter{at: -1, done: make(chan struct{}, 1)} }
}

// wait returns nil once current, which advance is told of, has reached rev.
func (l *waitList) wait(ctx context.Context, rev int64, current *atomic.Int64, stopped <-chan struct{}) error {
	w := l.add(rev)
	// The revision may have moved before the entry could be seen.
	if rev <= current.Load() {
		l.drop(w)
		return nil
	}
	var err error
	select {
	case <-w.done:
		l.pool.Put(w)
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-stopped:
		err = storage.ErrStopped
	}
	l.drop(w)
	return err
}

func (l *waitList) add(rev int64) *waiter {
	w := l.pool.Get().(*waiter)
	w.rev = rev
	l.mu.Lock()
	defer l.mu.Unlock()
	heap.Push(&l.heap, w)
	l.lowest.Store(l.heap[0].rev)
	return w
}

// drop takes w out, or its token when advance was faster.
func (l *waitList) drop(w *waiter) {
	l.mu.Lock()
	if w.at >= 0 {
		heap.Remove(&l.heap, w.at)
		l.settle()
	} else {
		<-w.done
	}
	l.mu.Unlock()
	l.pool.Put(w)
}

// settle brings lowest up to date.
func (l *waitList) settle() {
	if len(l.heap) == 0 {
		l.lowest.Store(math.MaxInt64)
		return
	}
	l.lowest.Store(l.heap[0].rev)
}

// advance lets everyone go who waits for rev or less.
func (l *waitList) advance(rev int64) {
	if rev < l.lowest.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.heap) > 0 && l.heap[0].rev <= rev {
		w := heap.Pop(&l.heap).(*waiter)
		w.done <- struct{}{}
	}
	l.settle()
}

// waitHeap is a container/heap of waiters by revision.
type waitHeap []*waiter

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].rev < h[j].rev }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *waitHeap) Push(x any) {
	w := x.(*waiter)
	w.at = len(*h)
	*h = append(*h, w)
}

func (h *waitHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.at = -1
	return w
}
