package watchcache

import (
	"context"
	"fmt"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// WatchOptions say what a Watcher sees. An object is seen when everything that
// is set holds for it.
type WatchOptions struct {
	Namespace string // "" for all
	Name      string // "" for all
	// WatchFieldValue is the value of the view's watch field, nil for all.
	WatchFieldValue *string
	// Match is the rest of the selector, nil for all. It must always give the
	// same answer for the same object and is called without any lock.
	Match func(*Object) bool
	// After is the revision whose successors are seen. It may be in the future.
	After int64
}

// Watcher is a cursor over the changes of a cache. Its methods are for one
// goroutine at a time. Between calls it holds no events and costs nothing.
type Watcher struct {
	cache *Cache
	opts  WatchOptions
	scope *scope
	span  spanKey

	pos     int64 // every change at or below it has been dealt with
	resumed bool  // pos is the end of a span
	buf     []*change
	events  []Event
	closed  bool
}

// watchRun bounds the changes that are looked at in one step, so that the
// dispatcher never waits long for a watcher.
const watchRun = 128

// idleBuffer is how many events' room a watcher keeps while it has none.
const idleBuffer = 8

// Watch returns a cursor. It does not wait for the cache to load. The watcher
// must be closed. It fails on a WatchFieldValue where the view has no watch
// field, and with ErrRemoved.
func (c *Cache) Watch(opts WatchOptions) (*Watcher, error) {
	if opts.WatchFieldValue != nil && c.view.WatchField < 0 {
		return nil, fmt.Errorf("resource %s has no watch field", c.view.Resource)
	}
	w := &Watcher{cache: c, opts: opts, span: spanKey{cache: c}, pos: opts.After}
	key := opts.scope(c.view.Namespaced)
	if key.kind == scopeName {
		w.span.key = c.view.Prefix + key.path()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed {
		return nil, ErrRemoved
	}
	w.scope = c.log.acquire(key, opts.After)
	c.stats.watchers.Add(1)
	return w, nil
}

// scope picks the narrowest scope that has all that the options select.
func (o *WatchOptions) scope(namespaced bool) scopeKey {
	switch {
	case o.Name != "" && (o.Namespace != "" || !namespaced):
		return scopeKey{kind: scopeName, a: o.Namespace, b: o.Name}
	case o.Name != "":
		return scopeKey{kind: scopeAnyName, b: o.Name}
	case o.WatchFieldValue != nil:
		return scopeKey{kind: scopeField, a: *o.WatchFieldValue}
	case o.Namespace != "":
		return scopeKey{kind: scopeNamespace, a: o.Namespace}
	}
	return scopeKey{}
}

// path returns the key of the object of a scopeName below the prefix.
func (k scopeKey) path() string {
	if k.a == "" {
		return k.b
	}
	return k.a + "/" + k.b
}

// Close ends the watch. The watcher must not be used afterwards, except that it
// may be closed again.
func (w *Watcher) Close() {
	if w.closed {
		return
	}
	w.closed = true
	c := w.cache
	c.mu.Lock()
	c.log.release(w.scope)
	c.mu.Unlock()
	c.stats.watchers.Add(-1)
}

// Next waits for events that the watcher sees and returns those there are, up
// to a bound, in order of revision; those of one revision come together. The
// slice is valid until the next call. Errors end the watch, except ctx.Err(),
// after which it may be called again: storage.ErrCompacted (events were missed
// that nobody has any more), ErrRemoved, storage.ErrStopped, or an error of the
// store.
func (w *Watcher) Next(ctx context.Context) ([]Event, error) {
	for {
		events, ready, err := w.Poll(ctx)
		if err != nil || len(events) > 0 {
			return events, err
		}
		// Stopping wakes who waits by then; who came later sees it here. A third
		// channel in the wait below, shared by every watcher there is, would cost
		// each event a tenth of its delivery.
		if w.cache.set.isStopped() {
			return nil, storage.ErrStopped
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Poll is Next without the wait: when there are no events it returns a channel
// that is closed once there may be some, or when the watch has come to an end
// that the next call tells. It blocks only while the cache loads or history is
// read.
func (w *Watcher) Poll(ctx context.Context) ([]Event, <-chan struct{}, error) {
	clear(w.events)
	for {
		if w.cache.set.isStopped() {
			return nil, nil, storage.ErrStopped
		}
		changes, ready, found, err := w.readLog()
		switch {
		case err != nil:
			return nil, nil, err
		case found == restNone:
			w.shrink()
			return nil, ready, nil
		case found == restGone:
			if changes, err = w.readHistory(ctx); err != nil {
				return nil, nil, err
			}
		}
		events := w.see(changes)
		clear(w.buf)
		if len(events) > 0 {
			return events, nil, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
	}
}

// readLog takes what the log has next and moves on behind it.
func (w *Watcher) readLog() (changes []*change, ready <-chan struct{}, found rest, err error) {
	c := w.cache
	applied := c.set.rev.Load()
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.removed {
		return nil, nil, restNone, ErrRemoved
	}
	w.buf, found = c.log.read(w.scope, w.pos, watchRun, w.buf[:0])
	switch found {
	case restEvents:
		w.advance(w.buf[len(w.buf)-1].rev, false)
	case restNone:
		// Everything at or below applied was in the log before it was applied.
		w.advance(applied, false)
		if !w.scope.waiting.Load() {
			w.scope.waiting.Store(true)
		}
		ready = w.scope.wake
	}
	return w.buf, ready, found, nil
}

func (w *Watcher) advance(pos int64, resumed bool) {
	w.pos, w.resumed = max(w.pos, pos), resumed
}

// readHistory takes what comes next from the store's history, or waits for the
// cache to load: a log that is not loaded reaches back to nothing.
func (w *Watcher) readHistory(ctx context.Context) (changes []*change, err error) {
	if w.cache.state.Load() == nil {
		return nil, w.cache.ensure(ctx)
	}
	set := w.cache.set
	if current, _ := set.cfg.Store.Revision(); w.pos >= current {
		// The cache was loaded meanwhile, and pos is in the future: the log will do.
		return nil, nil
	}
	sp, err := set.history.after(ctx, w.span, w.pos, w.resumed)
	if err != nil {
		return nil, err
	}
	changes, w.buf = sp.above(w.pos), w.buf[:0]
	w.advance(sp.through, true)
	return changes, nil
}

// see turns changes into what they mean to this watcher.
func (w *Watcher) see(changes []*change) []Event {
	w.events = w.events[:0]
	for _, c := range changes {
		was, is := w.sees(c.prev), w.sees(c.obj)
		var t EventType
		o := c.obj
		switch {
		case was && is:
			t = Modified
		case is:
			t = Added
		case was:
			t, o = Deleted, c.prev
		default:
			continue
		}
		w.events = append(w.events, Event{Type: t, Object: o, Revision: c.rev, Forms: c.forms(t, &w.cache.set.frames)})
	}
	if len(w.events) > 0 {
		w.cache.stats.delivered.Add(int64(len(w.events)))
	}
	return w.events
}

func (w *Watcher) sees(o *Object) bool {
	if o == nil || o.bad {
		return false
	}
	p := &w.opts
	return (p.Namespace == "" || o.Namespace() == p.Namespace) &&
		(p.Name == "" || o.Name() == p.Name) &&
		(p.WatchFieldValue == nil || o.Field(w.cache.view.WatchField) == *p.WatchFieldValue) &&
		(p.Match == nil || p.Match(o))
}

// shrink gives back what a burst made the buffers grow to: most watchers are
// idle most of the time.
func (w *Watcher) shrink() {
	if cap(w.buf) > idleBuffer {
		w.buf = nil
	}
	if cap(w.events) > idleBuffer {
		w.events = nil
	}
}

// Revision returns the revision through which the watch is complete: every
// event at or below it that the watcher sees has been returned, so that it is
// right for a bookmark once those have been sent.
func (w *Watcher) Revision() int64 {
	c := w.cache
	applied := c.set.rev.Load()
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.removed {
		return w.pos
	}
	if _, _, found := c.log.find(w.scope, w.pos); found == restNone {
		w.advance(applied, w.resumed && applied <= w.pos)
	}
	return w.pos
}
