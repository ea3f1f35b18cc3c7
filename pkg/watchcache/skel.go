package watchcache

import "context"

type Set struct{}

func New(cfg Config) (*Set, error)                       { panic("") }
func (s *Set) Run(ctx context.Context) error             { panic("") }
func (s *Set) Cache(view View) (*Cache, error)           { panic("") }
func (s *Set) Remove(c *Cache)                           { panic("") }
func (s *Set) Revision() int64                           { panic("") }
func (s *Set) Wait(ctx context.Context, rev int64) error { panic("") }
func (s *Set) Stats() Stats                              { panic("") }

type Stats struct{}

type Cache struct{}

// View returns the view.
func (c *Cache) View() View { panic("") }

// Snapshot returns the newest state.
func (c *Cache) Snapshot(ctx context.Context) (*Snapshot, error) { panic("") }

// SnapshotAt returns the state at rev.
func (c *Cache) SnapshotAt(ctx context.Context, rev int64) (*Snapshot, error) { panic("") }

// Remember keeps a snapshot for SnapshotAt.
func (c *Cache) Remember(s *Snapshot) { panic("") }

// Watch starts a watch.
func (c *Cache) Watch(opts WatchOptions) (*Watcher, error) { panic("") }

// Snapshot is the state of a Cache at Revision.
type Snapshot struct{ Revision int64 }

// Get returns the object or nil.
func (s *Snapshot) Get(namespace, name string) *Object { panic("") }

// Ascend calls fn for the objects of namespace ("" for all) with a key
// ("<namespace>/<name>" or "<name>") above after, in key order, until fn returns false.
func (s *Snapshot) Ascend(namespace, after string, fn func(*Object) bool) { panic("") }

// Len returns the number of objects in namespace ("" for all).
func (s *Snapshot) Len(namespace string) int { panic("") }

// LenAfter returns the number of objects that Ascend would visit.
func (s *Snapshot) LenAfter(namespace, after string) int { panic("") }

// EventType is what an event means to one watcher.
type EventType uint8

const (
	Added EventType = iota + 1
	Modified
	Deleted
)

// Event is one event as a Watcher sees it.
type Event struct {
	Type     EventType
	Object   *Object // of Deleted the previous state
	Revision int64
	Forms    *Forms // memo of whole frames, shared by all watchers that see this event with this type
}

// WatchOptions select what a Watcher sees.
type WatchOptions struct {
	Namespace       string             // "" for all
	Name            string             // "" for all
	WatchFieldValue *string            // value of View.WatchField
	Match           func(*Object) bool // nil: all
	After           int64
}

// Watcher is a cursor.
type Watcher struct{}

// Next waits for events. The slice is valid until the next call.
func (w *Watcher) Next(ctx context.Context) ([]Event, error) { panic("") }

// Poll returns the events that are there; when there are none, a channel that
// is closed when there may be some.
func (w *Watcher) Poll(ctx context.Context) ([]Event, <-chan struct{}, error) { panic("") }

// Revision returns the revision through which everything was returned.
func (w *Watcher) Revision() int64 { panic("") }

// Close ends the watch. It must be called.
func (w *Watcher) Close() { panic("") }
