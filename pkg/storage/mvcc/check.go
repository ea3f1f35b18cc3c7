package mvcc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxViolations bounds how many violations a check reports.
const maxViolations = 100

// violations collects what a check finds.
type violations struct {
	list []error
	more int
}

func (v *violations) addf(format string, args ...any) {
	if len(v.list) >= maxViolations {
		v.more++
		return
	}
	v.list = append(v.list, fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...))
}

func (v *violations) err() error {
	if v.more > 0 {
		v.list = append(v.list, fmt.Errorf("%w: and %d more violations", ErrCorrupt, v.more))
	}
	return errors.Join(v.list...)
}

// CheckFile verifies the database of a stopped store, without changing it. It
// returns the index of the last entry that it holds, and all violations.
// ErrLocked, ErrNotADatabase, ErrNewerFormat.
func CheckFile(path string) (index uint64, err error) {
	b, err := openBoltReadOnly(path, 500*time.Millisecond)
	if err != nil {
		return 0, err
	}
	err = guard(func() error {
		var v violations
		v.list = b.pageCheck()
		if len(v.list) > 0 {
			return v.err() // what its pages say is not worth reading
		}
		return b.View(func(r Reader) error {
			st, err := load(r)
			if err != nil {
				return err
			}
			index = st.applied.index
			checkHistory(r, &st, &v)
			checkMeta(r, &st, &v)
			return v.err()
		})
	})
	return index, errors.Join(err, b.Close())
}

// Check verifies every invariant of an open store, memory against database, and
// returns all violations. It commits what is pending and holds up Apply and
// commits as long as it takes.
func (s *Store) Check() error {
	s.applyMu.Lock()
	defer s.applyMu.Unlock()
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	if err := s.flush(); err != nil {
		return err
	}
	return s.handle.view(func(r Reader) error {
		st, err := load(r)
		if err != nil {
			return err
		}
		var v violations
		checkHistory(r, &st, &v)
		checkMeta(r, &st, &v)
		s.mu.RLock()
		checkTree(&s.state.index, &v)
		s.checkState(&st, &v)
		s.checkRecent(&v)
		s.mu.RUnlock()
		return v.err()
	})
}

func checkMeta(r Reader, st *state, v *violations) {
	if st.finished > st.compacted {
		v.addf("compaction to %d is finished, but scheduled to %d", st.finished, st.compacted)
	}
	if st.rev < st.compacted {
		v.addf("revision %d is below the compaction mark %d", st.rev, st.compacted)
	}
	if st.base > st.rev {
		v.addf("base revision %d is above revision %d", st.base, st.rev)
	}
	if st.applied.index == 0 && st.base > 0 && st.rev > st.base {
		v.addf("revision %d was made without a log entry", st.rev)
	}
	for _, item := range sortedItems(st) {
		if item.lease != 0 && st.leases[item.lease] == nil && item.newest.main > st.base {
			v.addf("key %q hangs on lease %x, which does not exist", item.key, item.lease)
		}
	}
}

func sortedItems(st *state) []*keyItem {
	list := make([]*keyItem, 0, st.index.tree.n)
	st.index.tree.ascend("", "\x00", func(k *keyItem) bool {
		list = append(list, k)
		return true
	})
	return list
}

// historyCheck walks over bucket "key" in revision order.
type historyCheck struct {
	st   *state
	v    *violations
	last revision
	any  bool
	keys map[string]keyState
}

// keyState is the newest change of a key so far.
type keyState struct {
	rev             revision
	create, version int64 // version 0 for a tombstone
}

func checkHistory(r Reader, st *state, v *violations) {
	c := historyCheck{st: st, v: v, keys: map[string]keyState{}}
	r.Scan(bucketKey, nil, nil, func(k, val []byte) bool {
		c.record(k, val)
		return true
	})
	// The newest revision is gone only when it was a delete that the mark hides.
	if top := max(c.last.main, st.compacted, 1); top != st.rev {
		v.addf("history ends at revision %d, not %d", top, st.rev)
	}
}

func (c *historyCheck) record(k, val []byte) {
	rev, tomb, err := parseRevKey(k)
	if err != nil {
		c.v.addf("%v", err)
		return
	}
	c.order(rev, len(val) == 0)
	if len(val) == 0 {
		return // etcd's bump record
	}
	kv, err := parseKV(val)
	if err != nil {
		c.v.addf("revision %d_%d: %v", rev.main, rev.sub, err)
		return
	}
	if len(kv.key) == 0 {
		c.v.addf("revision %d_%d has no key", rev.main, rev.sub)
		return
	}
	c.key(rev, tomb, &kv)
}

// order checks that revisions ascend, and above the mark and the base without
// gaps: there each is followed by its successor, and its parts are numbered
// from 0. A bump may follow a gap, as etcd's repair tool makes them.
func (c *historyCheck) order(rev revision, bump bool) {
	whole := max(c.st.compacted, c.st.base)
	switch {
	case c.any && !c.last.less(rev):
		c.v.addf("revision %d_%d follows %d_%d", rev.main, rev.sub, c.last.main, c.last.sub)
	case rev.main <= whole || c.st.base == 0 || bump:
	case rev.main == c.last.main && rev.sub == c.last.sub+1:
	case rev.main == max(c.last.main, whole)+1 && rev.sub == 0:
	default:
		c.v.addf("revision %d_%d follows %d_%d: what is between is missing", rev.main, rev.sub, c.last.main, c.last.sub)
	}
	c.last, c.any = rev, true
}

// key checks a change against the one before it of the same key.
func (c *historyCheck) key(rev revision, tomb bool, kv *rawKV) {
	key := string(kv.key)
	prev, known := c.keys[key]
	exists := known && prev.version > 0
	// At or below the mark what was between may have been removed.
	exact := rev.main > c.st.compacted
	bad := func(what string) { c.v.addf("revision %d_%d of key %q %s", rev.main, rev.sub, key, what) }
	if tomb {
		if exact && !exists {
			bad("deletes what is not there")
		}
		if kv.create != 0 || kv.mod != 0 || kv.version != 0 || len(kv.value) > 0 || kv.lease != 0 {
			bad("is a tombstone with more than a key")
		}
		// Of the mark itself etcd may have kept a delete.
		if c.removed(rev) && rev.main < c.st.finished {
			bad("is a delete that compaction should have removed")
		}
		c.keys[key] = keyState{rev: rev}
		return
	}
	if kv.mod != rev.main {
		bad(fmt.Sprintf("says it is of revision %d", kv.mod))
	}
	switch {
	case kv.version < 1 || kv.create < 1 || kv.create > kv.mod:
		bad(fmt.Sprintf("has version %d and create revision %d", kv.version, kv.create))
	case kv.version == 1 && kv.create != kv.mod, kv.version > 1 && kv.create == kv.mod:
		bad(fmt.Sprintf("has version %d and create revision %d", kv.version, kv.create))
	case exact && exists && (kv.version != prev.version+1 || kv.create != prev.create):
		bad(fmt.Sprintf("has version %d after %d", kv.version, prev.version))
	case exact && !exists && kv.version != 1:
		bad(fmt.Sprintf("has version %d and nothing before it", kv.version))
	case !exact && exists && !(kv.create == prev.create && kv.version > prev.version) && kv.create <= prev.rev.main:
		bad(fmt.Sprintf("has version %d after %d", kv.version, prev.version))
	}
	if known && c.removed(rev) {
		bad("hides an earlier one that compaction should have removed")
	}
	c.keys[key] = keyState{rev: rev, create: kv.create, version: kv.version}
}

// removed says whether a compaction that ran here is done with rev.
func (c *historyCheck) removed(rev revision) bool {
	return c.st.base > 0 && c.st.finished > c.st.base && rev.main <= c.st.finished
}

// checkTree verifies the order and the shape of the index.
func checkTree(x *index, v *violations) {
	n, live, last := 0, 0, ""
	for i, l := range x.tree.leaves {
		if len(l.keys) == 0 || len(l.keys) > maxLeaf || l.first != l.keys[0].key {
			v.addf("leaf %d of the index is malformed", i)
		}
		for _, k := range l.keys {
			if n > 0 && k.key <= last {
				v.addf("index: key %q follows %q", k.key, last)
			}
			if last = k.key; !k.tomb() {
				live++
			}
			n++
		}
	}
	if n != x.tree.n || live != x.live {
		v.addf("index counts %d keys and %d live ones, it has %d and %d", x.tree.n, x.live, n, live)
	}
}

// checkState compares the state in memory with want, which was just loaded.
func (s *Store) checkState(want *state, v *violations) {
	got := &s.state
	type scalars struct {
		rev, compacted, finished, base int64
		applied                        position
		cluster                        string
	}
	g := scalars{got.rev, got.compacted, got.finished, got.base, got.applied, got.cluster}
	w := scalars{want.rev, want.compacted, want.finished, want.base, want.applied, want.cluster}
	if g != w {
		v.addf("state in memory is %+v, in the database %+v", g, w)
	}
	if s.durable != want.applied || s.durableRev != want.rev {
		v.addf("durable position is %+v at revision %d, in the database %+v at %d", s.durable, s.durableRev, want.applied, want.rev)
	}
	checkItems(sortedItems(got), sortedItems(want), v)
	checkLeases(got, want, v)
	if len(got.alarms) != len(want.alarms) {
		v.addf("%d alarms in memory, %d in the database", len(got.alarms), len(want.alarms))
	}
	for a := range got.alarms {
		if _, ok := want.alarms[a]; !ok {
			v.addf("alarm %+v is not in the database", a)
		}
	}
}

func checkItems(got, want []*keyItem, v *violations) {
	for len(got) > 0 || len(want) > 0 {
		order := 0
		switch {
		case len(got) == 0:
			order = 1
		case len(want) == 0:
			order = -1
		default:
			order = cmp.Compare(got[0].key, want[0].key)
		}
		switch {
		case order < 0:
			v.addf("key %q is in the index only", got[0].key)
			got = got[1:]
		case order > 0:
			v.addf("key %q is in the database only", want[0].key)
			want = want[1:]
		default:
			if !sameItem(got[0], want[0]) {
				v.addf("key %q is %+v in the index, %+v in the database", got[0].key, *got[0], *want[0])
			}
			got, want = got[1:], want[1:]
		}
	}
}

func sameItem(a, b *keyItem) bool {
	older := func(k *keyItem) []pastRevision {
		if k.older == nil {
			return nil
		}
		return *k.older
	}
	return a.newest == b.newest && a.create == b.create && a.version == b.version && a.lease == b.lease &&
		slices.Equal(older(a), older(b))
}

// checkLeases compares leases and what hangs on them, both ways.
func checkLeases(got, want *state, v *violations) {
	if len(got.leases) != len(want.leases) {
		v.addf("%d leases in memory, %d in the database", len(got.leases), len(want.leases))
	}
	for id, l := range got.leases {
		w := want.leases[id]
		if w == nil || w.ttl != l.ttl {
			v.addf("lease %x of %d s is not so in the database", id, l.ttl)
			continue
		}
		if !slices.Equal(l.sortedKeys(), w.sortedKeys()) {
			v.addf("lease %x has %d keys in memory, %d in the database", id, len(l.keys), len(w.keys))
		}
		for k := range l.keys {
			if got.index.tree.get(k.key) != k || k.lease != id {
				v.addf("lease %x has key %q, which is not its own", id, k.key)
			}
		}
	}
}

// checkRecent verifies the tail of history in memory; everything is flushed.
func (s *Store) checkRecent(v *violations) {
	l := &s.recent
	if !(l.head <= l.flushed && l.flushed == l.visible && l.visible == l.tail) {
		v.addf("recent changes: head %d, flushed %d, visible %d, tail %d", l.head, l.flushed, l.visible, l.tail)
	}
	if len(s.aux) > 0 {
		v.addf("%d changes were not committed", len(s.aux))
	}
	var bytes int64
	for pos := l.head; pos < l.tail; pos++ {
		r := l.at(pos)
		bytes += r.weight()
		if pos > l.head && !l.at(pos-1).rev.less(r.rev) {
			v.addf("recent changes: revision %+v follows %+v", r.rev, l.at(pos-1).rev)
		}
	}
	if bytes != l.bytes || l.pendingBytes != 0 {
		v.addf("recent changes weigh %d and %d pending, by the books %d and %d", bytes, 0, l.bytes, l.pendingBytes)
	}
	if l.tail > l.head && l.at(l.tail-1).rev.main > s.state.rev {
		v.addf("recent changes end at %+v above revision %d", l.at(l.tail-1).rev, s.state.rev)
	}
}
