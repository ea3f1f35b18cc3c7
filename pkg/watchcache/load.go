package watchcache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// load is one attempt to fill a cache. Everyone who needs the cache meanwhile
// waits for it.
type load struct {
	done chan struct{} // closed at the end
	err  error         // set before done is closed
}

// rangePage is how many objects are read from the store at a time.
const rangePage = 500

// startLoad returns the load under way or starts one; nil when the cache is
// loaded.
func (c *Cache) startLoad() (*load, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.removed:
		return nil, ErrRemoved
	case c.loading != nil:
		return c.loading, nil
	case c.state.Load() != nil:
		return nil, nil
	}
	l := &load{done: make(chan struct{})}
	if !c.set.spawn(func(ctx context.Context) { c.run(ctx, l) }) {
		return nil, storage.ErrStopped
	}
	c.loading = l
	return l, nil
}

// run carries a load out. Its failure is told to those who wait; the next user
// tries again.
func (c *Cache) run(ctx context.Context, l *load) {
	start := c.set.cfg.Now()
	count, err := c.fill(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = storage.ErrStopped
		}
		err = fmt.Errorf("load %s: %w", c.view.Resource, err)
		c.stats.loadErrors.Add(1)
	} else {
		c.stats.loads.Add(1)
		c.set.cfg.Logger.Debug("watch cache loaded", "resource", c.view.Resource,
			"objects", count, "took", c.set.cfg.Now().Sub(start).Round(time.Microsecond))
	}
	c.mu.Lock()
	c.loading = nil
	c.mu.Unlock()
	l.err = err
	close(l.done)
}

// fill reads the resource at some revision, follows its events up to where the
// dispatcher is, and joins it there.
func (c *Cache) fill(ctx context.Context) (count int, err error) {
	if err := c.set.acquire(ctx); err != nil {
		return 0, err
	}
	defer c.set.release()
	for range loadTries {
		count, err = c.fillOnce(ctx)
		if !errors.Is(err, storage.ErrCompacted) {
			return count, err
		}
	}
	// Not wrapped: to a reader ErrCompacted would mean that its own revision is
	// too old.
	return 0, fmt.Errorf("compaction was faster %d times: %v", loadTries, err)
}

// loadTries is how often a load begins again because what it was reading was
// compacted meanwhile.
const loadTries = 10

func (c *Cache) fillOnce(ctx context.Context) (int, error) {
	m := c.newMaker()
	m.failed = c.undecodable
	objects, rev, err := c.readRange(ctx, m, 0, nil)
	if err != nil {
		return 0, err
	}
	e := buildTree(objects).startEdit()
	for !c.join(m, &e, rev) {
		// The dispatcher, and so the store, is beyond rev: this does not wait.
		batch, err := c.set.cfg.Store.Events(ctx, storage.EventsRequest{
			Key: c.view.Prefix, RangeEnd: storage.PrefixEnd(c.view.Prefix), After: rev,
		})
		if err != nil {
			return 0, err
		}
		follow(m, &e, batch.Events)
		rev = max(rev, batch.Revision)
	}
	return len(objects), nil
}

// follow applies events to a tree that nobody watches yet.
func follow(m *objectMaker, e *edit, events []storage.Event) {
	for i := range events {
		ev := &events[i]
		key, _, ok := m.view.splitKey(ev.KV.Key)
		if !ok {
			continue
		}
		if ev.Type == storage.EventDelete {
			e.remove(key)
			continue
		}
		e.put(m.object(ev.KV, ev.Local, e.root.get(key)))
	}
}

// join publishes the tree as the state at rev if the dispatcher is not beyond
// it. What the dispatcher brings at or below rev is skipped.
func (c *Cache) join(m *objectMaker, e *edit, rev int64) bool {
	c.set.applyMu.Lock()
	defer c.set.applyMu.Unlock()
	if rev < c.set.rev.Load() {
		return false
	}
	st := &state{root: e.root, rev: rev}
	st.root.ascend("", func(o *Object) bool { st.bad += o.undecodables(); return true })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed {
		return true
	}
	c.maker = m
	c.epoch++
	wakes := c.log.reset(rev, nil)
	c.state.Store(st)
	defer wake(wakes)
	return true
}

func (c *Cache) newMaker() *objectMaker {
	return &objectMaker{view: &c.view, budget: &c.set.forms}
}

// undecodable is told of an object of the newest state that cannot be read.
func (c *Cache) undecodable(kv *storage.KeyValue, err error) {
	c.stats.decodeErrors.Add(1)
	c.set.cfg.Logger.Error("a stored object cannot be decoded and is hidden until it is written again",
		"key", kv.Key, "revision", kv.ModRevision, "error", err)
}

// readRange reads the resource at rev (0: the newest) in pieces. Objects that
// known has at the same revision are shared with it.
func (c *Cache) readRange(ctx context.Context, m *objectMaker, rev int64, known *node) ([]*Object, int64, error) {
	var objects []*Object
	req := storage.RangeRequest{
		Key: c.view.Prefix, RangeEnd: storage.PrefixEnd(c.view.Prefix), Revision: rev, Limit: rangePage,
	}
	for {
		page, err := c.set.cfg.Store.Range(ctx, req)
		if err != nil {
			return nil, 0, err
		}
		if req.Revision == 0 {
			req.Revision = page.Revision
		}
		for _, kv := range page.KVs {
			key, _, ok := c.view.splitKey(kv.Key)
			if !ok {
				continue
			}
			objects = append(objects, m.object(kv, nil, known.get(key)))
		}
		if !page.More || len(page.KVs) == 0 {
			return objects, req.Revision, nil
		}
		req.Key = page.KVs[len(page.KVs)-1].Key + "\x00"
	}
}
