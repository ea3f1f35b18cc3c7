package watchcache

import "sync/atomic"

// EventType is what an event means to one watcher.
type EventType uint8

const (
	// Added: the object did not match before and does now.
	Added EventType = iota + 1
	// Modified: it matched before and does now.
	Modified
	// Deleted: it matched before and does not any more, or is gone.
	Deleted
)

// String returns the type as the watch protocol writes it.
func (t EventType) String() string {
	switch t {
	case Added:
		return "ADDED"
	case Modified:
		return "MODIFIED"
	case Deleted:
		return "DELETED"
	}
	return "UNKNOWN"
}

// Event is a change as one watcher sees it.
type Event struct {
	Type EventType
	// Object is the new state; of Deleted it is the previous one.
	Object *Object
	// Revision is the revision of the change, which is not Object's own when
	// Type is Deleted.
	Revision int64
	// Forms remembers encodings of the whole event. All watchers that see this
	// change with this type share it.
	Forms *Forms
}

// change is one event of one key, whoever watches.
type change struct {
	rev  int64
	obj  *Object // nil: the key was deleted
	prev *Object // nil: there was none
	// frames is made when the first watcher takes the event.
	frames atomic.Pointer[[Deleted]Forms]
}

const changeSize = 160 // bytes of a change and its places in queues, about

// weight is what keeping the change in the log costs, in bytes: the previous
// state is held by nobody else; the new one is the cache's newest, or counted by
// the change that replaced it.
func (e *change) weight() int64 {
	w := int64(changeSize)
	if e.prev != nil {
		w += e.prev.size()
	}
	return w
}

func (o *Object) size() int64 {
	const fixed = 112 + 16
	return int64(len(o.value)+len(o.key)+16*len(o.attrs)) + fixed
}

// forms returns the memo of the frames of type t.
func (e *change) forms(t EventType, b *budget) *Forms {
	all := e.frames.Load()
	if all == nil {
		all = new([Deleted]Forms)
		for i := range all {
			all[i].budget.Store(b)
		}
		if !e.frames.CompareAndSwap(nil, all) {
			all = e.frames.Load()
		}
	}
	return &all[t-1]
}

// retire drops the frames; few will ask for them any more.
func (e *change) retire() {
	if all := e.frames.Load(); all != nil {
		for i := range all {
			all[i].retire()
		}
	}
}
