package watchcache

import (
	"sort"
	"sync/atomic"
)

// counters are a Set's, cacheCounters a Cache's. All but watchers only grow.
type counters struct {
	events atomic.Int64
}

type cacheCounters struct {
	watchers     atomic.Int64
	events       atomic.Int64
	delivered    atomic.Int64
	loads        atomic.Int64
	loadErrors   atomic.Int64
	decodeErrors atomic.Int64
	historyReads atomic.Int64
	historyLists atomic.Int64
}

// Stats is what a Set can say of itself at one moment. Figures ending in Total
// only grow.
type Stats struct {
	Revision      int64 // applied
	EventsTotal   int64 // events of the store, wanted by a cache or not
	LogBytes      int64 // weight of the changes that event logs hold
	FormsBytes    int64 // encodings of objects kept
	FormsDropped  int64 // encodings of objects dropped for room, total
	FramesBytes   int64 // encodings of watch events kept
	FramesDropped int64
	HistoryBytes  int64 // decoded history kept for lagging watchers
	PagesKept     int   // remembered snapshots
	RevisionWaits int   // callers of Wait that are waiting
	Caches        []CacheStats
}

// CacheStats is what a Cache can say of itself.
type CacheStats struct {
	Resource          string
	Loaded            bool
	Revision          int64 // of the newest change, or of the load
	Objects           int   // decodable ones
	Undecodable       int
	Watchers          int
	Scopes            int // that are watched, besides that of all objects
	LogEvents         int // changes in the event log
	EventsTotal       int64
	DeliveredTotal    int64 // events handed to watchers
	LoadsTotal        int64
	LoadErrorsTotal   int64
	DecodeErrorsTotal int64
	HistoryReadsTotal int64 // runs of events read for lagging watchers
	HistoryListsTotal int64 // states read for SnapshotAt
}

// Stats returns the figures of this moment, caches in order of their names.
func (s *Set) Stats() Stats {
	st := Stats{
		Revision: s.rev.Load(), EventsTotal: s.stats.events.Load(), LogBytes: s.logBytes.Load(),
		FormsBytes: s.forms.used.Load(), FramesBytes: s.frames.used.Load(),
		FormsDropped: s.forms.droppedTotal(), FramesDropped: s.frames.droppedTotal(),
		HistoryBytes: s.history.kept(), PagesKept: s.pages.len(), RevisionWaits: s.waits.len(),
	}
	for _, c := range s.router.Load().caches {
		st.Caches = append(st.Caches, c.Stats())
	}
	sort.Slice(st.Caches, func(i, j int) bool { return st.Caches[i].Resource < st.Caches[j].Resource })
	return st
}

// Stats returns the figures of this moment.
func (c *Cache) Stats() CacheStats {
	n := &c.stats
	st := CacheStats{
		Resource: c.view.Resource, Watchers: int(n.watchers.Load()),
		EventsTotal: n.events.Load(), DeliveredTotal: n.delivered.Load(),
		LoadsTotal: n.loads.Load(), LoadErrorsTotal: n.loadErrors.Load(), DecodeErrorsTotal: n.decodeErrors.Load(),
		HistoryReadsTotal: n.historyReads.Load(), HistoryListsTotal: n.historyLists.Load(),
	}
	if s := c.state.Load(); s != nil {
		st.Loaded, st.Revision, st.Undecodable = true, s.rev, s.bad
		if s.root != nil {
			st.Objects = s.root.live
		}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	st.Scopes, st.LogEvents = len(c.log.scopes), c.log.changes.len()
	return st
}

func (b *budget) droppedTotal() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

func (h *history) kept() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes
}

func (p *pages) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.kept)
}

func (l *waitList) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heap)
}
