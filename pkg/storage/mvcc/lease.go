package mvcc

import (
	"cmp"
	"slices"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// lease is a time to live and the keys that hang on it. When it ends is for the
// leader to know: the state machine has no clock.
type lease struct {
	id, ttl int64 // ttl in seconds
	keys    map[*keyItem]struct{}
}

func newLease(id, ttl int64) *lease {
	return &lease{id: id, ttl: ttl, keys: map[*keyItem]struct{}{}}
}

func (l *lease) lease() storage.Lease {
	return storage.Lease{ID: l.id, TTL: time.Duration(l.ttl) * time.Second}
}

// sortedKeys lists the lease's keys in order.
func (l *lease) sortedKeys() []string {
	keys := make([]string, 0, len(l.keys))
	for k := range l.keys {
		keys = append(keys, k.key)
	}
	slices.Sort(keys)
	return keys
}

// attach hangs k on its lease. A lease that does not exist, as a repaired etcd
// database may name, is left alone, as etcd does.
func (st *state) attach(k *keyItem) {
	if l := st.leases[k.lease]; k.lease != 0 && l != nil {
		l.keys[k] = struct{}{}
	}
}

func (st *state) detach(k *keyItem) {
	if l := st.leases[k.lease]; k.lease != 0 && l != nil {
		delete(l.keys, k)
	}
}

// Leases lists all leases by id.
func (s *Store) Leases() []storage.Lease {
	s.mu.RLock()
	list := make([]storage.Lease, 0, len(s.state.leases))
	for _, l := range s.state.leases {
		list = append(list, l.lease())
	}
	s.mu.RUnlock()
	slices.SortFunc(list, func(a, b storage.Lease) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Lease returns a lease and the number of its keys.
func (s *Store) Lease(id int64) (l storage.Lease, keys int, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.state.leases[id]
	if found == nil {
		return storage.Lease{}, 0, false
	}
	return found.lease(), len(found.keys), true
}

// LeaseKeys lists the keys of a lease in order; nil when there is no such lease.
func (s *Store) LeaseKeys(id int64) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l := s.state.leases[id]
	if l == nil {
		return nil
	}
	return l.sortedKeys()
}
