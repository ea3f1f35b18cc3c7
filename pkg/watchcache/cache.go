package watchcache

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Cache holds the objects of one resource and its newest changes. It loads when
// it is first used.
type Cache struct {
	set  *Set
	view View

	// state is what snapshots are taken of, nil while not loaded. Written under
	// set.applyMu and mu, read without a lock.
	state atomic.Pointer[state]
	stats cacheCounters

	// Guarded by set.applyMu: the batch being applied.
	maker   *objectMaker
	editing edit
	pending []*change // changes of the batch; empty: the batch has not touched this cache
	bad     int       // undecodable objects in editing

	// mu guards what watchers and loads share with the dispatcher. It is held
	// for moments only, never while anything is decoded.
	mu      sync.RWMutex
	log     eventLog
	epoch   uint64 // moves when log is emptied
	loading *load  // nil when there is none
	removed bool
}

// state is the tree as it is since rev.
type state struct {
	root *node
	// rev is at least the revision of the last event in root and at most that
	// of the next: root is the resource's state at every revision from rev up
	// to the next event.
	rev int64
	bad int // undecodable objects in root
}

func newCache(s *Set, view View) *Cache {
	c := &Cache{set: s, view: view}
	c.log = newEventLog(&c.view)
	c.log.floor = noFloor
	return c
}

// noFloor is the floor of the log of a cache that is not loaded.
const noFloor = int64(1<<63 - 1)

// View returns what the cache was made with.
func (c *Cache) View() View { return c.view }

// take applies one event to the tree being edited. Called under set.applyMu.
func (c *Cache) take(ev *storage.Event) {
	st := c.state.Load()
	if st == nil || ev.KV.ModRevision <= st.rev {
		return // not loaded, or the load has it already
	}
	key, _, ok := c.view.splitKey(ev.KV.Key)
	if !ok {
		return
	}
	if len(c.pending) == 0 {
		c.editing, c.bad = st.root.startEdit(), st.bad
		c.set.touched = append(c.set.touched, c)
	}
	prev := c.editing.root.get(key)
	e := &change{rev: ev.KV.ModRevision, prev: prev}
	if ev.Type == storage.EventPut {
		e.obj = c.maker.object(ev.KV, ev.Local, prev)
		c.editing.put(e.obj)
	} else if prev == nil {
		return
	} else {
		c.editing.remove(key)
	}
	c.bad += e.obj.undecodables() - prev.undecodables()
	c.pending = append(c.pending, e)
}

func (o *Object) undecodables() int {
	if o == nil || !o.bad {
		return 0
	}
	return 1
}

// publish shows the batch's changes to snapshots and watchers. Called under
// set.applyMu; channels to close when the set's revision has moved are added to
// wakes.
func (c *Cache) publish(wakes []chan struct{}) []chan struct{} {
	if len(c.pending) == 0 {
		return wakes
	}
	st := &state{root: c.editing.root, rev: c.pending[len(c.pending)-1].rev, bad: c.bad}
	c.mu.Lock()
	for _, e := range c.pending {
		wakes = c.log.append(e, wakes)
	}
	c.state.Store(st)
	epoch := c.epoch
	c.mu.Unlock()
	for i, e := range c.pending {
		l := logEntry{cache: c, epoch: epoch, weight: e.weight()}
		c.set.logged.push(l)
		c.set.logBytes.Add(l.weight)
		if e.prev != nil {
			c.set.retired.add(e.prev)
		}
		c.pending[i] = nil
	}
	c.stats.events.Add(int64(len(c.pending)))
	c.pending, c.editing = c.pending[:0], edit{}
	return wakes
}

// trim drops the oldest change of the log, unless the log was emptied since.
func (c *Cache) trim(epoch uint64) {
	var e *change
	c.mu.Lock()
	if c.epoch == epoch && c.log.changes.len() > 0 {
		e = c.log.trim()
	}
	c.mu.Unlock()
	if e != nil {
		e.retire()
	}
}

// unload empties the cache, for good when removed is set; else it starts to
// load again if it was loaded. Called under set.applyMu. It returns the
// channels of those who wait for events, to be closed.
func (c *Cache) unload(removed bool) []chan struct{} {
	c.mu.Lock()
	st := c.state.Load()
	c.state.Store(nil)
	c.maker = nil
	c.epoch++
	c.removed = c.removed || removed
	wakes := c.log.reset(noFloor, nil)
	c.mu.Unlock()
	if st != nil {
		st.root.ascend("", func(o *Object) bool { o.retire(); return true })
	}
	if st != nil && !removed {
		_, _ = c.startLoad() // fails only when everything ends
	}
	return wakes
}

// ensure returns when the cache is loaded.
func (c *Cache) ensure(ctx context.Context) error {
	for c.state.Load() == nil {
		l, err := c.startLoad()
		if err != nil {
			return err
		}
		if l == nil {
			return nil
		}
		select {
		case <-l.done:
			if l.err != nil {
				return l.err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-c.set.stopped:
			return storage.ErrStopped
		}
	}
	return nil
}

// current returns the newest state and the newest revision that it is known to
// be the state at.
func (c *Cache) current() (st *state, rev int64) {
	for {
		st = c.state.Load()
		if st == nil {
			return nil, 0
		}
		rev = c.set.rev.Load()
		// While a state is current, the set's revision is below the next event
		// of the cache: states are published first.
		if c.state.Load() == st {
			return st, max(st.rev, rev)
		}
	}
}
