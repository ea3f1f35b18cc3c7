package watchcache

import (
	"context"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Snapshot is the state of a Cache at Revision: exactly the effect of every
// event at or below it. It is immutable, costs nothing to take, and may be kept
// as long as needed.
type Snapshot struct {
	Revision int64

	cache *Cache
	root  *node
	since int64 // the state is the same at every revision from since to Revision
}

// Snapshot returns the newest state. It blocks while the cache loads. Errors:
// ctx.Err(), ErrRemoved, storage.ErrStopped, and whatever the store returned to
// the load; the next call tries again.
func (c *Cache) Snapshot(ctx context.Context) (*Snapshot, error) {
	for {
		if st, rev := c.current(); st != nil {
			return &Snapshot{Revision: rev, cache: c, root: st.root, since: st.rev}, nil
		}
		if err := c.ensure(ctx); err != nil {
			return nil, err
		}
	}
}

// SnapshotAt returns the state at rev exactly: the newest state when nothing
// changed since, one that Remember kept, or one read from the store's history,
// which costs a read of the whole resource. Errors are those of Snapshot, and
// storage.ErrCompacted and storage.ErrFutureRevision.
func (c *Cache) SnapshotAt(ctx context.Context, rev int64) (*Snapshot, error) {
	s, err := c.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if rev <= 0 {
		_, compacted := c.set.cfg.Store.Revision()
		return nil, &storage.CompactedError{Requested: rev, Compacted: compacted}
	}
	if rev > s.Revision {
		if current, _ := c.set.cfg.Store.Revision(); rev > current {
			return nil, storage.ErrFutureRevision
		}
		if err := c.set.Wait(ctx, rev); err != nil {
			return nil, err
		}
		if s, err = c.Snapshot(ctx); err != nil {
			return nil, err
		}
	}
	if at := s.at(rev); at != nil {
		return at, nil
	}
	if at := c.set.pages.find(c, rev); at != nil {
		return at, nil
	}
	return c.set.history.snapshot(ctx, c, rev)
}

// at returns the snapshot as the one of rev, nil if it is not.
func (s *Snapshot) at(rev int64) *Snapshot {
	if rev < s.since || rev > s.Revision {
		return nil
	}
	at := *s
	at.Revision = rev
	return &at
}

// Remember keeps s so that SnapshotAt finds it when the next page is asked for:
// the newest Config.Remember of all caches, for Config.RememberFor.
func (c *Cache) Remember(s *Snapshot) { c.set.pages.remember(s) }

// Get returns the object, nil when there is none. The namespace of a
// cluster-scoped resource is "". It also returns an object that could not be
// decoded (Object.Undecodable).
func (s *Snapshot) Get(namespace, name string) *Object {
	if namespace == "" {
		return s.root.get(name)
	}
	return s.root.get(namespace + "/" + name)
}

// Ascend calls fn for the objects of a namespace, "" for all, whose Key is
// above after, in the order of their keys, until fn returns false. Undecodable
// objects are left out.
func (s *Snapshot) Ascend(namespace, after string, fn func(*Object) bool) {
	low, prefix := bounds(namespace, after)
	s.root.ascend(low, func(o *Object) bool {
		if prefix != "" && (len(o.key) < len(prefix) || o.key[:len(prefix)] != prefix) {
			return false
		}
		return o.bad || fn(o)
	})
}

// Len returns the number of objects that Ascend visits in a namespace, "" for
// all. It does not visit them.
func (s *Snapshot) Len(namespace string) int { return s.LenAfter(namespace, "") }

// LenAfter returns the number of objects that Ascend visits. It does not visit
// them.
func (s *Snapshot) LenAfter(namespace, after string) int {
	low, prefix := bounds(namespace, after)
	total := 0
	if prefix != "" {
		total = s.root.rank(namespace+afterSlash, false)
	} else if s.root != nil {
		total = s.root.live
	}
	return max(0, total-s.root.rank(low, true))
}

// afterSlash is the byte behind the slash: namespace+afterSlash is above every
// key of the namespace and below those of the next.
const afterSlash = "0"

// bounds returns the key that Ascend begins above, and the prefix it ends with.
func bounds(namespace, after string) (low, prefix string) {
	if namespace == "" {
		return after, ""
	}
	prefix = namespace + "/"
	return max(prefix, after), prefix
}
