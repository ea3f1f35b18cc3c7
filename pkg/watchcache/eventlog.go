package watchcache

import (
	"sort"
	"sync/atomic"
)

// eventLog holds the newest changes of one cache in order, and for each scope
// that is being watched the chain of its changes among them. Guarded by
// Cache.mu.
type eventLog struct {
	changes deque[*change]
	first   uint64 // sequence number of changes.at(0)
	floor   int64  // every change above this revision is in changes
	view    *View
	all     scope
	scopes  map[scopeKey]*scope
	kinds   [scopeKinds]int // scopes of each kind, to look up none in vain
	keys    []scopeKey      // scratch
}

type scopeKind uint8

const (
	scopeAll       scopeKind = iota
	scopeNamespace           // a: namespace
	scopeName                // a: namespace, "" of cluster-scoped objects; b: name
	scopeAnyName             // b: name, in any namespace
	scopeField               // a: value of the watch field
	scopeKinds
)

// scopeKey names a set of objects that changes are chained for.
type scopeKey struct {
	kind scopeKind
	a, b string
}

// scope is the chain of one scopeKey. It exists while it is watched. The scope
// of all objects has no chain: the log itself is it.
type scope struct {
	key   scopeKey
	refs  int
	floor int64         // every change of the scope above this revision is in chain
	chain deque[uint64] // sequence numbers
	// wake is closed at the scope's next change if waiting says that anyone
	// waits for it. Readers set waiting under the read lock.
	wake    chan struct{}
	waiting atomic.Bool
}

// rest is what lies behind a cursor in the log.
type rest uint8

const (
	restNone   rest = iota // nothing yet
	restEvents             // changes were returned
	restGone               // the log does not reach back so far
)

func newEventLog(view *View) eventLog {
	return eventLog{view: view, all: scope{wake: make(chan struct{})}, scopes: make(map[scopeKey]*scope)}
}

// acquire returns the scope, making it if need be, with a chain that reaches
// back to after as far as the log does.
func (l *eventLog) acquire(key scopeKey, after int64) *scope {
	if key.kind == scopeAll {
		l.all.refs++
		return &l.all
	}
	s := l.scopes[key]
	if s == nil {
		s = &scope{key: key, wake: make(chan struct{})}
		l.scopes[key] = s
		l.kinds[key.kind]++
		l.chainFrom(s, after)
	} else if s.floor > after && l.floor < s.floor {
		l.chainFrom(s, after)
	}
	s.refs++
	return s
}

func (l *eventLog) release(s *scope) {
	s.refs--
	if s.refs == 0 && s != &l.all {
		delete(l.scopes, s.key)
		l.kinds[s.key.kind]--
	}
}

// chainFrom builds the chain of all changes above after that the log has.
func (l *eventLog) chainFrom(s *scope, after int64) {
	s.floor, s.chain = max(after, l.floor), deque[uint64]{}
	for i := l.above(after); i < l.changes.len(); i++ {
		if s.key.has(l.changes.at(i), l.view) {
			s.chain.push(l.first + uint64(i))
		}
	}
}

// above returns the index of the first change with a revision above rev.
func (l *eventLog) above(rev int64) int {
	n := l.changes.len()
	if n == 0 || l.changes.at(n-1).rev <= rev {
		return n
	}
	return sort.Search(n, func(i int) bool { return l.changes.at(i).rev > rev })
}

// has reports whether the change belongs to the scope: its object did before or
// does now.
func (k scopeKey) has(e *change, v *View) bool {
	return k.hasObject(e.obj, v) || k.hasObject(e.prev, v)
}

func (k scopeKey) hasObject(o *Object, v *View) bool {
	if o == nil || o.bad {
		return false
	}
	switch k.kind {
	case scopeNamespace:
		return o.Namespace() == k.a
	case scopeName:
		return o.Namespace() == k.a && o.Name() == k.b
	case scopeAnyName:
		return o.Name() == k.b
	case scopeField:
		return o.Field(v.WatchField) == k.a
	}
	return true
}

// keysOf lists the keys of the scopes that e belongs to, of the kinds that are
// watched. The result is valid until the next call.
func (l *eventLog) keysOf(e *change) []scopeKey {
	keys := l.keys[:0]
	o := e.prev
	if o == nil || o.bad {
		o = e.obj
	}
	if len(l.scopes) == 0 || o == nil || o.bad {
		return nil
	}
	if l.kinds[scopeNamespace] > 0 && o.slash >= 0 {
		keys = append(keys, scopeKey{kind: scopeNamespace, a: o.Namespace()})
	}
	if l.kinds[scopeName] > 0 {
		keys = append(keys, scopeKey{kind: scopeName, a: o.Namespace(), b: o.Name()})
	}
	if l.kinds[scopeAnyName] > 0 {
		keys = append(keys, scopeKey{kind: scopeAnyName, b: o.Name()})
	}
	if l.kinds[scopeField] > 0 {
		value := o.Field(l.view.WatchField)
		keys = append(keys, scopeKey{kind: scopeField, a: value})
		if n := e.obj; n != nil && n != o && !n.bad && n.Field(l.view.WatchField) != value {
			keys = append(keys, scopeKey{kind: scopeField, a: n.Field(l.view.WatchField)})
		}
	}
	l.keys = keys
	return keys
}

// append adds the newest change. Channels to close once it is published are
// added to wakes.
func (l *eventLog) append(e *change, wakes []chan struct{}) []chan struct{} {
	seq := l.first + uint64(l.changes.len())
	l.changes.push(e)
	wakes = l.all.roused(wakes)
	for _, k := range l.keysOf(e) {
		if s := l.scopes[k]; s != nil {
			s.chain.push(seq)
			wakes = s.roused(wakes)
		}
	}
	return wakes
}

// roused adds the scope's channel to wakes if anyone waits for it.
func (s *scope) roused(wakes []chan struct{}) []chan struct{} {
	if !s.waiting.Load() {
		return wakes
	}
	wakes = append(wakes, s.wake)
	s.wake = make(chan struct{})
	s.waiting.Store(false)
	return wakes
}

// trim drops the oldest change.
func (l *eventLog) trim() *change {
	e := l.changes.pop()
	for _, k := range l.keysOf(e) {
		if s := l.scopes[k]; s != nil && s.chain.len() > 0 && s.chain.at(0) == l.first {
			s.chain.pop()
			s.floor = max(s.floor, e.rev)
		}
	}
	l.first++
	l.floor = max(l.floor, e.rev)
	return e
}

// reset empties the log: it is complete above floor from now on. Whoever waits
// is woken.
func (l *eventLog) reset(floor int64, wakes []chan struct{}) []chan struct{} {
	for l.changes.len() > 0 {
		l.changes.pop().retire()
		l.first++
	}
	l.floor = floor
	wakes = l.all.roused(wakes)
	for _, s := range l.scopes {
		s.chain, s.floor = deque[uint64]{}, floor
		wakes = s.roused(wakes)
	}
	return wakes
}

// find returns where in the scope's chain (of the scope of all objects: in the
// log) the changes above pos begin and end.
func (l *eventLog) find(s *scope, pos int64) (from, to int, found rest) {
	if s == &l.all {
		from, to = l.above(pos), l.changes.len()
		if pos < l.floor {
			return 0, 0, restGone
		}
	} else if pos < s.floor {
		return 0, 0, restGone
	} else if to = s.chain.len(); to > 0 && l.at(s, to-1).rev <= pos {
		from = to
	} else {
		from = sort.Search(to, func(i int) bool { return l.at(s, i).rev > pos })
	}
	if from == to {
		return from, to, restNone
	}
	return from, to, restEvents
}

func (l *eventLog) at(s *scope, i int) *change {
	if s != &l.all {
		i = int(s.chain.at(i) - l.first)
	}
	return l.changes.at(i)
}

// read appends to buf the scope's changes above pos, at most limit but for the
// rest of a revision, which is never split.
func (l *eventLog) read(s *scope, pos int64, limit int, buf []*change) ([]*change, rest) {
	from, to, found := l.find(s, pos)
	for i := from; i < to; i++ {
		e := l.at(s, i)
		if i-from >= limit && e.rev != buf[len(buf)-1].rev {
			break
		}
		buf = append(buf, e)
	}
	return buf, found
}
