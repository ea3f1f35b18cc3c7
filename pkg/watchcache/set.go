package watchcache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Set is the watch cache of a whole server: one Cache per resource, fed by one
// goroutine in revision order, with one applied revision for all.
//
// Lock order: applyMu, history.mu, Cache.mu, mu, budget.mu, Forms.mu. The locks
// of the wait list and of the remembered snapshots are taken with no other.
type Set struct {
	cfg     Config
	forms   budget // encodings of objects
	frames  budget // encodings of events
	waits   waitList
	history history
	pages   pages
	work    chan struct{} // one token per load or read of history under way

	// rev is the applied revision: all caches that are loaded show every event
	// at or below it. Written by the dispatcher alone.
	rev      atomic.Int64
	router   atomic.Pointer[router]
	logBytes atomic.Int64 // weight of logged
	stats    counters

	// applyMu is held while a batch is applied, a load joins, or a cache goes:
	// what happens under it happens between two batches. No reader needs it.
	applyMu sync.Mutex
	touched []*Cache        // caches with changes in the batch being applied
	logged  deque[logEntry] // what all event logs hold, oldest first
	wakes   []chan struct{}
	retired retireQueue

	stopped chan struct{} // closed when Run is over

	mu      sync.Mutex
	caches  map[string]*Cache // by prefix
	running context.Context   // of Run, nil before
	over    bool              // Run is ending: nothing is started any more
	queued  []func(context.Context)
	wg      sync.WaitGroup
}

// logEntry stands for the oldest change in the log of its cache, once the
// entries before it are gone.
type logEntry struct {
	cache  *Cache
	epoch  uint64 // of the cache when the change was logged
	weight int64
}

// New makes a Set. It starts nothing; Run does. It panics on a configuration
// that cfg.Validate refuses.
func New(cfg Config) *Set {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	s := &Set{cfg: cfg.withDefaults(), caches: make(map[string]*Cache), stopped: make(chan struct{})}
	s.forms.limit, s.frames.limit = s.cfg.FormsBytes, s.cfg.FramesBytes
	s.work = make(chan struct{}, s.cfg.Parallel)
	s.waits.init()
	s.history.init(s)
	s.pages.init(&s.cfg)
	s.router.Store(newRouter(nil))
	return s
}

// Cache returns the cache of view.Prefix, which it makes when there is none. It
// reads nothing: a cache loads when it is first used. An existing cache keeps
// the view it was made with; Remove it first to change that. Cache panics on a
// view that view.Validate refuses or that lies outside Config.Root.
func (s *Set) Cache(view View) *Cache {
	if err := view.Validate(); err != nil {
		panic(err)
	}
	if len(view.Prefix) <= len(s.cfg.Root) || view.Prefix[:len(s.cfg.Root)] != s.cfg.Root {
		panic(fmt.Sprintf("watchcache: prefix %q is not below %q", view.Prefix, s.cfg.Root))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.caches[view.Prefix]; c != nil {
		return c
	}
	c := newCache(s, view)
	s.caches[view.Prefix] = c
	s.router.Store(newRouter(s.caches))
	return c
}

// Remove takes a cache out and frees what it holds. Its watchers, and whoever
// uses it from now on, get ErrRemoved; snapshots stay valid. It waits for a
// batch that is being applied.
func (s *Set) Remove(c *Cache) {
	s.applyMu.Lock()
	s.mu.Lock()
	if s.caches[c.view.Prefix] == c {
		delete(s.caches, c.view.Prefix)
		s.router.Store(newRouter(s.caches))
	}
	s.mu.Unlock()
	wakes := c.unload(true)
	s.applyMu.Unlock()
	wake(wakes)
	s.history.forget(c)
	s.pages.forget(c)
}

// Revision returns the applied revision: every event at or below it is in the
// caches that are loaded.
func (s *Set) Revision() int64 { return s.rev.Load() }

// Wait returns when Revision has reached rev, at once if it has. It returns
// ctx.Err() when ctx ends first, and storage.ErrStopped when Run ends first.
func (s *Set) Wait(ctx context.Context, rev int64) error {
	if rev <= s.rev.Load() {
		return nil
	}
	return s.waits.wait(ctx, rev, &s.rev, s.stopped)
}

// Run feeds the caches until ctx ends, then returns nil; or until the store
// stops, then returns an error that wraps storage.ErrStopped. All goroutines of
// the Set have ended when it returns. It may be called once.
func (s *Set) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	current, _ := s.cfg.Store.Revision()
	s.rev.Store(current)
	s.waits.advance(current)
	s.begin(ctx)
	s.spawn(s.sweep)
	err := s.dispatch(ctx)
	cancel()
	s.mu.Lock()
	s.over, s.queued = true, nil
	s.mu.Unlock()
	close(s.stopped)
	s.wakeAll()
	s.wg.Wait()
	return err
}

// isStopped reports whether Run is over.
func (s *Set) isStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// wakeAll wakes the watchers of all caches, to find that the Set has stopped.
func (s *Set) wakeAll() {
	s.mu.Lock()
	caches := slices.Collect(maps.Values(s.caches))
	s.mu.Unlock()
	s.applyMu.Lock()
	defer s.applyMu.Unlock()
	for _, c := range caches {
		wake(c.unload(false))
	}
}

func (s *Set) begin(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = ctx
	for _, fn := range s.queued {
		s.wg.Go(func() { fn(ctx) })
	}
	s.queued = nil
}

// spawn runs fn in a goroutine that Run waits for, at once or when Run begins.
// It reports false once Run is ending.
func (s *Set) spawn(fn func(context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return false
	case s.running == nil:
		s.queued = append(s.queued, fn)
	default:
		ctx := s.running
		s.wg.Go(func() { fn(ctx) })
	}
	return true
}

// sweep lets go of what only age tells is not needed any more.
func (s *Set) sweep(ctx context.Context) {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.history.sweep()
			s.pages.sweep()
		case <-ctx.Done():
			return
		}
	}
}

const sweepInterval = 10 * time.Second

// acquire takes a token for a load or a read of history.
func (s *Set) acquire(ctx context.Context) error {
	select {
	case s.work <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped:
		return storage.ErrStopped
	}
}

func (s *Set) release() { <-s.work }

// Bounds of the pause after an error of the store that may pass.
const (
	retryMin = 50 * time.Millisecond
	retryMax = 5 * time.Second
)

// dispatch pulls events from the store and applies them until ctx ends or the
// store has stopped.
func (s *Set) dispatch(ctx context.Context) error {
	pause := retryMin
	for {
		batch, err := s.cfg.Store.Events(ctx, storage.EventsRequest{
			Key: s.cfg.Root, RangeEnd: storage.PrefixEnd(s.cfg.Root), After: s.rev.Load(),
		})
		switch {
		case err == nil:
			s.apply(batch)
			pause = retryMin
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, storage.ErrStopped):
			return fmt.Errorf("watch cache: %w", err)
		case errors.Is(err, storage.ErrCompacted):
			s.cfg.Logger.Warn("the watch cache fell behind the compaction and loads again", "error", err)
			s.restart()
			continue
		}
		s.cfg.Logger.Error("the watch cache cannot read events and tries again", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
			pause = min(2*pause, retryMax)
		case <-ctx.Done():
			return nil
		}
	}
}

// apply brings one batch into the caches: decode, edit, publish all, then move
// the revision, then wake whoever waits.
func (s *Set) apply(b storage.Batch) {
	if b.Revision <= s.rev.Load() {
		return
	}
	s.applyMu.Lock()
	r := s.router.Load()
	for i := range b.Events {
		if c := r.route(b.Events[i].KV.Key); c != nil {
			c.take(&b.Events[i])
		}
	}
	wakes := s.wakes[:0]
	for i, c := range s.touched {
		wakes = c.publish(wakes)
		s.touched[i] = nil
	}
	s.touched = s.touched[:0]
	s.rev.Store(b.Revision)
	s.trim()
	s.applyMu.Unlock()
	s.stats.events.Add(int64(len(b.Events)))
	s.waits.advance(b.Revision)
	wake(wakes)
	clear(wakes)
	s.wakes = wakes
}

func wake(channels []chan struct{}) {
	for _, ch := range channels {
		close(ch)
	}
}

// trim drops the oldest changes of all logs until the bound is kept.
func (s *Set) trim() {
	for s.logBytes.Load() > s.cfg.LogBytes && s.logged.len() > 0 {
		l := s.logged.pop()
		s.logBytes.Add(-l.weight)
		l.cache.trim(l.epoch)
	}
}

// restart goes on at the store's newest revision after events were lost to
// compaction: every loaded cache is loaded again, and its watchers find out
// from the store's history whether they missed anything.
func (s *Set) restart() {
	s.applyMu.Lock()
	current, _ := s.cfg.Store.Revision()
	s.mu.Lock()
	caches := make([]*Cache, 0, len(s.caches))
	for _, c := range s.caches {
		caches = append(caches, c)
	}
	s.mu.Unlock()
	var wakes []chan struct{}
	for _, c := range caches {
		wakes = append(wakes, c.unload(false)...)
	}
	s.rev.Store(current)
	s.applyMu.Unlock()
	s.waits.advance(current)
	wake(wakes)
}

// retireQueue delays the end of the encodings of replaced objects a little:
// the deletion of an object is often still to be encoded from them.
type retireQueue struct {
	ring [retireDelay]*Forms
	next int
}

const retireDelay = 256

func (q *retireQueue) add(o *Object) {
	f := o.forms.Load()
	if f == nil {
		return
	}
	if old := q.ring[q.next]; old != nil {
		old.retire()
	}
	q.ring[q.next] = f
	q.next = (q.next + 1) % retireDelay
}
