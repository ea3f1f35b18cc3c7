package mvcc

import (
	"context"
	"fmt"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

const (
	// defaultEvents is the Limit of a request without one.
	defaultEvents = 1024
	// eventsPiece and eventsPieceBytes bound the changes that one batch looks
	// at, within its range or not.
	eventsPiece      = 8192
	eventsPieceBytes = 8 << 20
)

// Events returns the next batch of a range after r.After. It keeps nothing
// between calls: After is the cursor. It waits, without holding anything, while
// there is no newer revision; a batch may have no events and only a newer
// Revision. storage.ErrStopped instead of a wait once Run has ended.
func (s *Store) Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	if r.Key == "" && r.RangeEnd == "" || r.Limit < 0 {
		return storage.Batch{}, fmt.Errorf("%w: events of key %q", ErrBadRequest, r.Key)
	}
	if r.Limit == 0 {
		r.Limit = defaultEvents
	}
	for {
		changed := s.changed.wait()
		b, ready, err := s.nextEvents(&r)
		if ready || err != nil {
			return b, err
		}
		if s.stopped.Load() {
			return storage.Batch{}, storage.ErrStopped
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return storage.Batch{}, ctx.Err()
		}
	}
}

// nextEvents returns the next batch; not ready means that nothing is newer.
func (s *Store) nextEvents(r *storage.EventsRequest) (b storage.Batch, ready bool, err error) {
	if s.closed.Load() {
		return b, false, storage.ErrStopped
	}
	s.counters.events.Add(1)
	s.mu.RLock()
	if r.After < s.state.compacted {
		err = s.compactedError(r.After)
	}
	cur := s.state.rev
	if err != nil || r.After >= cur {
		s.mu.RUnlock()
		return b, false, err
	}
	upTo := s.backendPart(r.After, cur)
	var prevs []want
	if upTo == 0 {
		b, prevs = s.recentEvents(r, cur)
	}
	s.mu.RUnlock()
	if upTo > 0 {
		if b, prevs, err = s.pastEvents(r, upTo); err != nil {
			return b, false, err
		}
	}
	if err := s.fetch(prevs); err != nil {
		return b, false, err
	}
	return b, true, s.stillWhole(r.After)
}

// backendPart returns the revision up to which the events after the given one
// have to come from the backend; 0 when memory has all of them. The caller
// holds mu.
func (s *Store) backendPart(after, cur int64) int64 {
	l := &s.recent
	if l.head == l.visible {
		return cur // nothing in memory: all is flushed
	}
	first := l.at(l.head).rev
	if first.sub > 0 {
		first.main++ // a part of that revision was trimmed
	}
	if after+1 >= first.main {
		return 0
	}
	return first.main - 1
}

// recentEvents collects events from memory. prevs are the previous values that
// memory does not have, or does: they are looked up later. The caller holds mu.
func (s *Store) recentEvents(r *storage.EventsRequest, cur int64) (b storage.Batch, prevs []want) {
	l := &s.recent
	start := l.search(revision{main: r.After + 1})
	pos := start
	for ; pos < l.visible; pos++ {
		c := l.at(pos)
		if (len(b.Events) >= r.Limit || pos-start >= eventsPiece) && c.rev.main != l.at(pos-1).rev.main {
			break
		}
		if !storage.InRange(c.kv.Key, r.Key, r.RangeEnd) {
			continue
		}
		b.Events = append(b.Events, c.event())
	}
	b.Revision = cur
	if pos < l.visible {
		b.Revision = l.at(pos).rev.main - 1
	}
	i := 0
	for p := start; p < pos; p++ {
		c := l.at(p)
		if !storage.InRange(c.kv.Key, r.Key, r.RangeEnd) {
			continue
		}
		if c.prev.main > 0 {
			prevs = append(prevs, want{rev: c.prev, key: c.kv.Key, to: &b.Events[i].Prev})
		}
		i++
	}
	return b, prevs
}

func (c *record) event() storage.Event {
	e := storage.Event{Type: storage.EventPut, KV: c.kv, Local: c.local}
	if c.tomb {
		e.Type = storage.EventDelete
	}
	return e
}

// pastEvents collects events from the backend, up to a revision that it has.
func (s *Store) pastEvents(r *storage.EventsRequest, upTo int64) (b storage.Batch, prevs []want, err error) {
	var revs []revision
	size := 0
	next, err := s.scan(revision{main: r.After + 1}, upTo, func(c change) bool {
		size += len(c.kv.value)
		if !storage.InRange(string(c.kv.key), r.Key, r.RangeEnd) {
			return len(b.Events) < r.Limit && size < eventsPieceBytes
		}
		e := storage.Event{Type: storage.EventPut}
		if c.tomb {
			e.Type = storage.EventDelete
			e.KV = &storage.KeyValue{Key: string(c.kv.key), ModRevision: c.rev.main}
		} else {
			e.KV = c.kv.own("")
		}
		b.Events = append(b.Events, e)
		revs = append(revs, c.rev)
		return len(b.Events) < r.Limit && size < eventsPieceBytes
	})
	if err != nil {
		return b, nil, err
	}
	b.Revision = next - 1
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range b.Events {
		e := &b.Events[i]
		k := s.state.index.tree.get(e.KV.Key)
		if k == nil {
			continue
		}
		if prev, ok := k.before(revs[i]); ok {
			prevs = append(prevs, want{rev: prev, key: k.key, to: &e.Prev})
		}
	}
	return b, prevs, nil
}

// stillWhole fails when compaction passed after while its events were read:
// some of them, or of the values before them, may have been removed.
func (s *Store) stillWhole(after int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if after < s.state.compacted {
		return s.compactedError(after)
	}
	return nil
}

// change is one pair of bucket "key". Its bytes are the backend's.
type change struct {
	rev  revision
	tomb bool
	kv   rawKV
}

// scan calls fn with the changes of the backend from from up to main revision
// upTo, at most eventsPiece of them. When fn returns false, or the piece is
// full, the scan ends after the main revision at hand. It returns the main
// revision to go on from, upTo+1 at the end.
func (s *Store) scan(from revision, upTo int64, fn func(change) bool) (next int64, err error) {
	next = upTo + 1
	enough, seen, last := false, 0, int64(0)
	lower := appendRevKey(nil, from, false)
	upper := appendRevKey(nil, revision{main: upTo + 1}, false)
	viewErr := s.handle.view(func(r Reader) error {
		r.Scan(bucketKey, lower, upper, func(k, v []byte) bool {
			c := change{}
			if c.rev, c.tomb, err = parseRevKey(k); err != nil {
				return false
			}
			if enough && c.rev.main != last {
				next = c.rev.main
				return false
			}
			last = c.rev.main
			if len(v) == 0 {
				return true // etcd's bump record
			}
			if c.kv, err = parseKV(v); err != nil {
				return false
			}
			seen++
			enough = !fn(c) || enough || seen >= eventsPiece
			return true
		})
		return err
	})
	return next, viewErr
}
