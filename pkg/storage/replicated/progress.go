package replicated

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// progress is the applied index and those who wait for it.
type progress struct {
	applied atomic.Uint64

	mu      sync.Mutex
	changed chan struct{} // closed at the next advance; nil when nobody waits
}

// advance publishes index.
func (p *progress) advance(index uint64) {
	p.applied.Store(index)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// next returns a channel that the next advance closes. Look at applied after
// calling it, then wait.
func (p *progress) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// wait returns when index is applied.
func (p *progress) wait(ctx context.Context, stopped <-chan struct{}, index uint64) error {
	for p.applied.Load() < index {
		changed := p.next()
		if p.applied.Load() >= index {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-stopped:
			return storage.ErrStopped
		}
	}
	return nil
}
