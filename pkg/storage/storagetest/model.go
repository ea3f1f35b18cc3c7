package storagetest

import (
	"bytes"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Model is the contract as the plainest code that keeps it: every version of
// every key in memory, no concurrency, no durability. Stores are compared with
// it. Its methods answer as those of storage.Store do; errors are the bare
// sentinels or a *storage.CompactedError.
type Model struct {
	current   int64
	compacted int64
	keys      map[string][]version // oldest first
	events    []storage.Event      // in revision order, never compacted
	leases    map[int64]time.Duration
}

type version struct {
	revision int64
	kv       *storage.KeyValue // nil: deleted
}

// NewModel returns an empty model whose first write gets revision current+1.
func NewModel(current int64) *Model {
	return &Model{
		current: current,
		keys:    make(map[string][]version),
		leases:  make(map[int64]time.Duration),
	}
}

// Revision answers as storage.Store's does.
func (m *Model) Revision() (current, compacted int64) { return m.current, m.compacted }

// Txn applies t.
func (m *Model) Txn(t *storage.Txn) (*storage.TxnResult, error) {
	rs, err := m.Batch([]*storage.Txn{t})
	if err != nil {
		return nil, err
	}
	return rs[0], nil
}

// Batch applies ts in order. A transaction that fails writes nothing and has a
// nil result, those around it take effect, and the first failure is returned
// beside the results. A batch that no state could accept does nothing at all
// and has no results.
func (m *Model) Batch(ts []*storage.Txn) ([]*storage.TxnResult, error) {
	for _, t := range ts {
		if err := checkDuplicates(t); err != nil {
			return nil, err
		}
	}
	var first error
	results := make([]*storage.TxnResult, len(ts))
	for i, t := range ts {
		r, err := m.txn(t)
		results[i] = r
		if first == nil {
			first = err
		}
	}
	return results, first
}

func (m *Model) txn(t *storage.Txn) (*storage.TxnResult, error) {
	p := m.resolve(t)
	if err := m.check(p); err != nil {
		return nil, err
	}
	w := &modelWrite{m: m, revision: m.current + 1}
	r := w.run(p)
	if w.wrote {
		m.current = w.revision
	}
	r.Revision = m.current
	return r, nil
}

// path is a transaction whose compares, and those of the transactions within
// it, have been decided before anything is written.
type path struct {
	succeeded bool
	ops       []storage.Op
	nested    []*path // aligned with ops, nil where the op is no transaction
}

func (m *Model) resolve(t *storage.Txn) *path {
	p := &path{succeeded: true, ops: t.Success}
	for _, c := range t.Compares {
		if !m.holds(c) {
			p.succeeded, p.ops = false, t.Failure
			break
		}
	}
	p.nested = make([]*path, len(p.ops))
	for i, op := range p.ops {
		if op.Type == storage.OpTxn {
			p.nested[i] = m.resolve(op.Txn)
		}
	}
	return p
}

func (m *Model) holds(c storage.Compare) bool {
	kvs := m.between(c.Key, c.RangeEnd, m.current)
	if len(kvs) == 0 { // an absent key has zeros, but no value to compare
		return c.Target != storage.CompareValue && holdsFor(c, &storage.KeyValue{})
	}
	for _, kv := range kvs {
		if !holdsFor(c, kv) {
			return false
		}
	}
	return true
}

func holdsFor(c storage.Compare, kv *storage.KeyValue) bool {
	order := 0
	switch c.Target {
	case storage.CompareMod:
		order = compareInt(kv.ModRevision, c.Int)
	case storage.CompareVersion:
		order = compareInt(kv.Version, c.Int)
	case storage.CompareCreate:
		order = compareInt(kv.CreateRevision, c.Int)
	case storage.CompareLease:
		order = compareInt(kv.Lease, c.Int)
	case storage.CompareValue:
		order = bytes.Compare(kv.Value, c.Bytes)
	}
	switch c.Result {
	case storage.Equal:
		return order == 0
	case storage.NotEqual:
		return order != 0
	case storage.Greater:
		return order > 0
	}
	return order < 0
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// check finds what makes a transaction fail before any of it has happened.
func (m *Model) check(p *path) error {
	for i, op := range p.ops {
		if p.nested[i] != nil {
			if err := m.check(p.nested[i]); err != nil {
				return err
			}
		}
		if err := m.checkOp(op); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) checkOp(op storage.Op) error {
	switch op.Type {
	case storage.OpRange:
		return m.readable(op.Revision)
	case storage.OpPut:
		if (op.IgnoreValue || op.IgnoreLease) && m.get(op.Key, m.current) == nil {
			return storage.ErrKeyNotFound
		}
		if _, ok := m.leases[op.Lease]; !ok && op.Lease != 0 && !op.IgnoreLease {
			return storage.ErrLeaseNotFound
		}
	}
	return nil
}

func (m *Model) readable(revision int64) error {
	switch {
	case revision == 0:
		return nil
	case revision > m.current:
		return storage.ErrFutureRevision
	case revision < m.compacted:
		return &storage.CompactedError{Requested: revision, Compacted: m.compacted}
	}
	return nil
}

// checkDuplicates reports a key that two puts of t could both write.
func checkDuplicates(t *storage.Txn) error {
	if _, err := putsOf(t.Success); err != nil {
		return err
	}
	_, err := putsOf(t.Failure)
	return err
}

func putsOf(ops []storage.Op) (map[string]bool, error) {
	puts := make(map[string]bool)
	for _, op := range ops {
		within := map[string]bool{}
		switch op.Type {
		case storage.OpPut:
			within[op.Key] = true
		case storage.OpTxn:
			then, err := putsOf(op.Txn.Success)
			if err != nil {
				return nil, err
			}
			otherwise, err := putsOf(op.Txn.Failure)
			if err != nil {
				return nil, err
			}
			maps.Copy(within, then) // only one of the two runs
			maps.Copy(within, otherwise)
		}
		for k := range within {
			if puts[k] {
				return nil, storage.ErrDuplicateKey
			}
			puts[k] = true
		}
	}
	return puts, nil
}

// modelWrite is one transaction under way: its reads see its own writes.
type modelWrite struct {
	m        *Model
	revision int64
	wrote    bool
}

func (w *modelWrite) run(p *path) *storage.TxnResult {
	r := &storage.TxnResult{Succeeded: p.succeeded}
	for i, op := range p.ops {
		r.Results = append(r.Results, w.op(op, p.nested[i]))
	}
	return r
}

func (w *modelWrite) op(op storage.Op, nested *path) storage.OpResult {
	switch op.Type {
	case storage.OpPut:
		return w.put(op)
	case storage.OpDelete:
		return w.delete(op)
	case storage.OpRange:
		revision := op.Revision
		if revision == 0 {
			revision = w.revision
		}
		return w.m.read(op.Key, op.RangeEnd, revision, op.Limit, op.KeysOnly, op.CountOnly)
	}
	return storage.OpResult{Txn: w.run(nested)}
}

func (w *modelWrite) put(op storage.Op) storage.OpResult {
	prev := w.m.get(op.Key, w.revision)
	kv := &storage.KeyValue{
		Key: op.Key, Value: bytes.Clone(op.Value), Lease: op.Lease,
		CreateRevision: w.revision, ModRevision: w.revision, Version: 1,
	}
	if prev != nil {
		kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
	}
	if op.IgnoreValue {
		kv.Value = prev.Value
	}
	if op.IgnoreLease {
		kv.Lease = prev.Lease
	}
	w.m.set(w.revision, kv.Key, kv)
	w.m.events = append(w.m.events, storage.Event{Type: storage.EventPut, KV: kv, Prev: prev, Local: op.Local})
	w.wrote = true
	if op.PrevKV && prev != nil {
		return storage.OpResult{KVs: []*storage.KeyValue{prev}}
	}
	return storage.OpResult{}
}

func (w *modelWrite) delete(op storage.Op) storage.OpResult {
	gone := w.m.between(op.Key, op.RangeEnd, w.revision)
	for _, kv := range gone {
		w.m.remove(w.revision, kv)
		w.wrote = true
	}
	r := storage.OpResult{Count: int64(len(gone))}
	if op.PrevKV {
		r.KVs = gone
	}
	return r
}

func (m *Model) set(revision int64, key string, kv *storage.KeyValue) {
	m.keys[key] = append(m.keys[key], version{revision, kv})
}

func (m *Model) remove(revision int64, kv *storage.KeyValue) {
	m.set(revision, kv.Key, nil)
	m.events = append(m.events, storage.Event{
		Type: storage.EventDelete,
		KV:   &storage.KeyValue{Key: kv.Key, ModRevision: revision},
		Prev: kv,
	})
}

// get returns key as it was at revision, nil when it was absent.
func (m *Model) get(key string, revision int64) *storage.KeyValue {
	vs := m.keys[key]
	for i := len(vs) - 1; i >= 0; i-- {
		if vs[i].revision <= revision {
			return vs[i].kv
		}
	}
	return nil
}

func (m *Model) between(start, end string, revision int64) []*storage.KeyValue {
	var kvs []*storage.KeyValue
	for key := range m.keys {
		if !storage.InRange(key, start, end) {
			continue
		}
		if kv := m.get(key, revision); kv != nil {
			kvs = append(kvs, kv)
		}
	}
	sort.Slice(kvs, func(i, j int) bool { return kvs[i].Key < kvs[j].Key })
	return kvs
}

func (m *Model) read(start, end string, revision, limit int64, keysOnly, countOnly bool) storage.OpResult {
	kvs := m.between(start, end, revision)
	r := storage.OpResult{Count: int64(len(kvs))}
	if countOnly {
		return r
	}
	if limit > 0 && int64(len(kvs)) > limit {
		kvs, r.More = kvs[:limit], true
	}
	if keysOnly {
		for i, kv := range kvs {
			bare := *kv
			bare.Value = nil
			kvs[i] = &bare
		}
	}
	r.KVs = kvs
	return r
}

// Range answers as storage.Store's does.
func (m *Model) Range(r storage.RangeRequest) (*storage.RangeResult, error) {
	if err := m.readable(r.Revision); err != nil {
		return nil, err
	}
	revision := r.Revision
	if revision == 0 {
		revision = m.current
	}
	got := m.read(r.Key, r.RangeEnd, revision, r.Limit, r.KeysOnly, r.CountOnly)
	return &storage.RangeResult{KVs: got.KVs, Count: got.Count, More: got.More, Revision: revision}, nil
}

// Events returns every event of [key, rangeEnd) above after, compacted or not.
func (m *Model) Events(key, rangeEnd string, after int64) []storage.Event {
	var events []storage.Event
	from := sort.Search(len(m.events), func(i int) bool { return m.events[i].KV.ModRevision > after })
	for _, e := range m.events[from:] {
		if storage.InRange(e.KV.Key, key, rangeEnd) {
			events = append(events, e)
		}
	}
	return events
}

// Compact moves the compaction mark.
func (m *Model) Compact(revision int64) error {
	switch {
	case revision <= m.compacted:
		return &storage.CompactedError{Requested: revision, Compacted: m.compacted}
	case revision > m.current:
		return storage.ErrFutureRevision
	}
	m.compacted = revision
	return nil
}

// Grant makes a lease.
func (m *Model) Grant(id int64, ttl time.Duration) error {
	if _, ok := m.leases[id]; ok {
		return storage.ErrLeaseExists
	}
	m.leases[id] = ttl
	return nil
}

// Revoke deletes a lease and its keys in key order, one revision each.
func (m *Model) Revoke(id int64) error {
	if _, ok := m.leases[id]; !ok {
		return storage.ErrLeaseNotFound
	}
	for _, key := range m.LeaseKeys(id) {
		m.current++
		m.remove(m.current, m.get(key, m.current))
	}
	delete(m.leases, id)
	return nil
}

// LeaseKeys returns the keys that hang on a lease, in order.
func (m *Model) LeaseKeys(id int64) []string {
	var keys []string
	for key := range m.keys {
		if kv := m.get(key, m.current); kv != nil && kv.Lease == id {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Leases returns the ids of the leases there are, in order.
func (m *Model) Leases() []int64 { return slices.Sorted(maps.Keys(m.leases)) }
