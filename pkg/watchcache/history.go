package watchcache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// history reads what the caches do not hold any more from the store: runs of
// events for watchers that lag, and old states. Concurrent readers of the same
// thing share one read, and decoded runs are kept for a while for those who
// come a little later.
type history struct {
	set   *Set
	limit int64

	mu      sync.Mutex
	spans   map[spanKey][]*list.Element // of *span
	order   list.List                   // of *span, least lately used first
	bytes   int64
	flights map[flightKey]*flight
}

// spanKey names the range of a span: the whole resource or one key.
type spanKey struct {
	cache *Cache
	key   string // full key of one object, "" for the resource
}

// span is a decoded run of events: every event of its range above from, up to
// and including through. Immutable but for its bookkeeping.
type span struct {
	key           spanKey
	from, through int64
	changes       []*change
	owned         []*Object // made for this span; their encodings go with it
	weight        int64
	used          time.Time // guarded by history.mu
}

// flightKey names a read under way: a span from rev, or the state at rev.
type flightKey struct {
	span  spanKey
	state bool
	rev   int64
}

type flight struct {
	done     chan struct{}
	span     *span
	snapshot *Snapshot
	err      error
}

var errReadPanicked = errors.New("reading history panicked")

const (
	spanEvents = 256              // events per span, about
	spanAlign  = 1024             // revisions; watchers at about the same place begin at the same one
	spanTTL    = 15 * time.Second // since last used
)

func (h *history) init(s *Set) {
	h.set, h.limit = s, s.cfg.HistoryBytes
	h.spans = make(map[spanKey][]*list.Element)
	h.flights = make(map[flightKey]*flight)
}

// after returns a span of the key's events that covers the revision behind pos.
// resumed says that pos is where an earlier span ended. The store must be
// beyond pos.
func (h *history) after(ctx context.Context, key spanKey, pos int64, resumed bool) (*span, error) {
	if sp := h.covering(key, pos); sp != nil {
		return sp, nil
	}
	_, compacted := h.set.cfg.Store.Revision()
	if pos < compacted {
		return nil, &storage.CompactedError{Requested: pos, Compacted: compacted}
	}
	from := pos
	if !resumed && key.key == "" {
		from = max(pos-pos%spanAlign, compacted)
	}
	for {
		sp, err := h.read(ctx, key, from)
		switch {
		case err == nil && sp.through > pos:
			return sp, nil
		case err == nil:
			from = sp.through
		case from < pos && errors.Is(err, storage.ErrCompacted):
			from = pos // compaction has come between the two
		default:
			return nil, err
		}
	}
}

// covering returns a kept span with the revision behind pos.
func (h *history) covering(key spanKey, pos int64) *span {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.coveringLocked(key, pos)
}

func (h *history) coveringLocked(key spanKey, pos int64) *span {
	for _, e := range h.spans[key] {
		if sp := e.Value.(*span); sp.from <= pos && pos < sp.through {
			sp.used = h.set.cfg.Now()
			h.order.MoveToBack(e)
			return sp
		}
	}
	return nil
}

// read returns a span that covers the revision behind from, reading the one
// that begins there if none is kept.
func (h *history) read(ctx context.Context, key spanKey, from int64) (*span, error) {
	f, err := h.share(ctx, flightKey{span: key, rev: from}, func() *flight {
		if sp := h.coveringLocked(key, from); sp != nil {
			return &flight{span: sp}
		}
		return nil
	}, func(f *flight) {
		f.span, f.err = h.readSpan(ctx, key, from)
	})
	if err != nil {
		return nil, err
	}
	return f.span, nil
}

// share lets one of several concurrent callers do a piece of work for all. have
// looks, under h.mu, whether it is done already. When the one who does it
// fails, the others try themselves: its context was not theirs.
func (h *history) share(ctx context.Context, key flightKey, have func() *flight, do func(*flight)) (*flight, error) {
	for {
		h.mu.Lock()
		if f := have(); f != nil {
			h.mu.Unlock()
			return f, nil
		}
		f := h.flights[key]
		if f == nil {
			f = &flight{done: make(chan struct{})}
			h.flights[key] = f
			h.mu.Unlock()
			h.fly(key, f, do)
			return f, f.err
		}
		h.mu.Unlock()
		select {
		case <-f.done:
			if f.err == nil {
				return f, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-h.set.stopped:
			return nil, storage.ErrStopped
		}
	}
}

func (h *history) fly(key flightKey, f *flight, do func(*flight)) {
	defer func() {
		h.mu.Lock()
		delete(h.flights, key)
		if f.err == nil && f.span != nil {
			h.keepLocked(f.span)
		}
		h.mu.Unlock()
		close(f.done)
	}()
	f.err = errReadPanicked // unless do gets to its end
	do(f)
}

// keepLocked adds a span and drops what was not used lately, for room.
func (h *history) keepLocked(sp *span) {
	if sp.key.cache.gone() {
		return
	}
	sp.used = h.set.cfg.Now()
	h.spans[sp.key] = append(h.spans[sp.key], h.order.PushBack(sp))
	h.bytes += sp.weight
	for h.bytes > h.limit && h.order.Len() > 1 {
		h.dropLocked(h.order.Front())
	}
}

func (h *history) dropLocked(e *list.Element) {
	sp := h.order.Remove(e).(*span)
	h.bytes -= sp.weight
	kept := h.spans[sp.key]
	for i := range kept {
		if kept[i] == e {
			kept = removeAt(kept, i)
			break
		}
	}
	if len(kept) == 0 {
		delete(h.spans, sp.key)
	} else {
		h.spans[sp.key] = kept
	}
	for _, c := range sp.changes {
		c.retire()
	}
	for _, o := range sp.owned {
		o.retire()
	}
}

func (h *history) sweep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest := h.set.cfg.Now().Add(-spanTTL)
	for e := h.order.Front(); e != nil && e.Value.(*span).used.Before(oldest); e = h.order.Front() {
		h.dropLocked(e)
	}
}

// forget drops the spans of a cache that is gone.
func (h *history) forget(c *Cache) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := h.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*span).key.cache == c {
			h.dropLocked(e)
		}
		e = next
	}
}

// readSpan reads and decodes one span.
func (h *history) readSpan(ctx context.Context, key spanKey, from int64) (*span, error) {
	if err := h.set.acquire(ctx); err != nil {
		return nil, err
	}
	defer h.set.release()
	req := storage.EventsRequest{Key: key.key, After: from, Limit: spanEvents}
	if key.key == "" {
		req.Key, req.RangeEnd = key.cache.view.Prefix, storage.PrefixEnd(key.cache.view.Prefix)
	}
	batch, err := h.set.cfg.Store.Events(ctx, req)
	if err != nil {
		return nil, err
	}
	if batch.Revision <= from {
		return nil, fmt.Errorf("store returned events through revision %d after %d", batch.Revision, from)
	}
	key.cache.stats.historyReads.Add(1)
	b := spanBuilder{maker: key.cache.newMaker(), latest: make(map[string]*Object)}
	if st := key.cache.state.Load(); st != nil {
		b.known = st.root
	}
	sp := &span{key: key, from: from, through: batch.Revision, weight: changeSize}
	for i := range batch.Events {
		c, err := b.change(&batch.Events[i])
		if err != nil {
			return nil, err
		}
		if c != nil {
			sp.changes = append(sp.changes, c)
			sp.weight += changeSize
		}
	}
	sp.owned = b.owned
	for _, o := range sp.owned {
		sp.weight += o.size()
	}
	return sp, nil
}

// spanBuilder decodes a run of events, each state once.
type spanBuilder struct {
	maker  *objectMaker
	latest map[string]*Object // by key, as the run goes on
	known  *node              // the newest state, to share with
	owned  []*Object
}

// change returns nil for keys that are no objects.
func (b *spanBuilder) change(ev *storage.Event) (*change, error) {
	key, _, ok := b.maker.view.splitKey(ev.KV.Key)
	if !ok {
		return nil, nil
	}
	// Without the previous state a selector cannot tell what the event means.
	if ev.Prev == nil && (ev.Type == storage.EventDelete || ev.KV.Version > 1) {
		return nil, &storage.CompactedError{Requested: ev.KV.ModRevision - 1, Compacted: ev.KV.ModRevision}
	}
	c := &change{rev: ev.KV.ModRevision}
	if ev.Prev != nil {
		c.prev = b.object(key, ev.Prev, nil)
	}
	if ev.Type == storage.EventPut {
		c.obj = b.object(key, ev.KV, withoutForms(ev.Local))
	}
	return c, nil
}

// withoutForms drops the writer's memo: it is the newest state's, and the
// span's objects give theirs up with the span.
func withoutForms(local any) any {
	if l, ok := local.(*Local); ok && l != nil && l.Forms != nil {
		return &Local{Meta: l.Meta}
	}
	return local
}

func (b *spanBuilder) object(key string, kv *storage.KeyValue, local any) *Object {
	if o := b.known.get(key); o != nil && o.rev == kv.ModRevision {
		return o
	}
	like := b.latest[key]
	o := b.maker.object(kv, local, like)
	if o != like {
		b.owned = append(b.owned, o)
		b.latest[key] = o
	}
	return o
}

// above returns the span's changes above pos.
func (sp *span) above(pos int64) []*change {
	i := sort.Search(len(sp.changes), func(i int) bool { return sp.changes[i].rev > pos })
	return sp.changes[i:]
}

// snapshot reads the state at rev, which is in the past.
func (h *history) snapshot(ctx context.Context, c *Cache, rev int64) (*Snapshot, error) {
	f, err := h.share(ctx, flightKey{span: spanKey{cache: c}, state: true, rev: rev},
		func() *flight { return nil },
		func(f *flight) { f.snapshot, f.err = h.readSnapshot(ctx, c, rev) })
	if err != nil {
		return nil, err
	}
	return f.snapshot, nil
}

func (h *history) readSnapshot(ctx context.Context, c *Cache, rev int64) (*Snapshot, error) {
	if err := h.set.acquire(ctx); err != nil {
		return nil, err
	}
	defer h.set.release()
	var known *node
	if st := c.state.Load(); st != nil {
		known = st.root
	}
	objects, _, err := c.readRange(ctx, c.newMaker(), rev, known)
	if err != nil {
		return nil, err
	}
	c.stats.historyLists.Add(1)
	return &Snapshot{Revision: rev, cache: c, root: buildTree(objects), since: rev}, nil
}

func (c *Cache) gone() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.removed
}
