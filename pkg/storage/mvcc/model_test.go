package mvcc

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// model is the state machine at its simplest: a whole map for every revision.
type model struct {
	rev, compacted int64
	states         map[int64]map[string]storage.KeyValue
	events         []storage.Event // of all revisions, in order
	leases         map[int64]int64 // id -> ttl
	noSpace        bool
}

func newModel() *model {
	return &model{rev: 1, states: map[int64]map[string]storage.KeyValue{1: {}}, leases: map[int64]int64{}}
}

func (m *model) apply(c *Command) Result {
	res := Result{ID: c.ID}
	switch c.Kind {
	case CommandTxns:
		for _, t := range c.Txns {
			r, err := m.txn(t)
			if err != nil && res.Err == nil {
				res.Err = err
			}
			res.Txns = append(res.Txns, r)
		}
	case CommandLeaseGrant:
		ttl := int64(c.Lease.TTL / time.Second)
		switch _, exists := m.leases[c.Lease.ID]; {
		case exists:
			res.Err = storage.ErrLeaseExists
		case m.noSpace:
			res.Err = storage.ErrNoSpace
		default:
			m.leases[c.Lease.ID] = ttl
			res.Lease = c.Lease
		}
	case CommandLeaseRevoke:
		for _, id := range c.Leases {
			if _, exists := m.leases[id]; !exists {
				res.Err = storage.ErrLeaseNotFound
				continue
			}
			delete(m.leases, id)
			for _, key := range slices.Sorted(maps.Keys(m.states[m.rev])) {
				if m.states[m.rev][key].Lease == id {
					w := m.begin()
					w.delete(key)
					w.commit()
				}
			}
		}
	case CommandCompact:
		switch {
		case c.Revision <= m.compacted:
			res.Err = storage.ErrCompacted
		case c.Revision > m.rev:
			res.Err = storage.ErrFutureRevision
		default:
			m.compacted = c.Revision
		}
	case CommandAlarm:
		m.noSpace = c.Activate
	}
	res.Revision = m.rev
	return res
}

// modelWrite is a transaction in the making.
type modelWrite struct {
	m      *model
	state  map[string]storage.KeyValue
	events []storage.Event
}

func (m *model) begin() *modelWrite { return &modelWrite{m: m, state: maps.Clone(m.states[m.rev])} }

func (w *modelWrite) commit() {
	if len(w.events) > 0 {
		w.m.rev++
		w.m.states[w.m.rev] = w.state
		w.m.events = append(w.m.events, w.events...)
	}
}

func (w *modelWrite) prev(key string) *storage.KeyValue {
	if kv, ok := w.state[key]; ok {
		return &kv
	}
	return nil
}

func (w *modelWrite) put(key string, value []byte, lease int64, local any) {
	prev := w.prev(key)
	kv := storage.KeyValue{Key: key, Value: value, CreateRevision: w.m.rev + 1, ModRevision: w.m.rev + 1, Version: 1, Lease: lease}
	if prev != nil {
		kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
	}
	w.state[key] = kv
	w.events = append(w.events, storage.Event{Type: storage.EventPut, KV: &kv, Prev: prev, Local: local})
}

func (w *modelWrite) delete(key string) {
	prev := w.prev(key)
	delete(w.state, key)
	w.events = append(w.events, storage.Event{
		Type: storage.EventDelete, KV: &storage.KeyValue{Key: key, ModRevision: w.m.rev + 1}, Prev: prev,
	})
}

func inState(state map[string]storage.KeyValue, key, end string) []*storage.KeyValue {
	var list []*storage.KeyValue
	for _, k := range slices.Sorted(maps.Keys(state)) {
		if storage.InRange(k, key, end) {
			kv := state[k]
			list = append(list, &kv)
		}
	}
	return list
}

// choose resolves compares against the state before the transaction: the ops
// that will run, nested transactions replaced by their branch.
type modelPlan struct {
	ok  bool
	ops []storage.Op
	sub map[int]*modelPlan
}

func (m *model) choose(t *storage.Txn) *modelPlan {
	p := &modelPlan{ok: true, ops: t.Success, sub: map[int]*modelPlan{}}
	for _, c := range t.Compares {
		if !m.holds(c) {
			p.ok, p.ops = false, t.Failure
		}
	}
	for i, o := range p.ops {
		if o.Type == storage.OpTxn {
			p.sub[i] = m.choose(o.Txn)
		}
	}
	return p
}

func (m *model) holds(c storage.Compare) bool {
	kvs := inState(m.states[m.rev], c.Key, c.RangeEnd)
	if len(kvs) == 0 {
		if c.Target == storage.CompareValue {
			return false
		}
		kvs = []*storage.KeyValue{{}}
	}
	for _, kv := range kvs {
		order := 0
		switch c.Target {
		case storage.CompareMod:
			order = cmp.Compare(kv.ModRevision, c.Int)
		case storage.CompareVersion:
			order = cmp.Compare(kv.Version, c.Int)
		case storage.CompareCreate:
			order = cmp.Compare(kv.CreateRevision, c.Int)
		case storage.CompareLease:
			order = cmp.Compare(kv.Lease, c.Int)
		case storage.CompareValue:
			order = bytes.Compare(kv.Value, c.Bytes)
		}
		if want := map[storage.CompareResult]bool{
			storage.Equal: order == 0, storage.NotEqual: order != 0, storage.Greater: order > 0, storage.Less: order < 0,
		}[c.Result]; !want {
			return false
		}
	}
	return true
}

func (m *model) refuse(p *modelPlan) error {
	for i, o := range p.ops {
		_, exists := m.states[m.rev][o.Key]
		switch o.Type {
		case storage.OpPut:
			switch {
			case m.noSpace:
				return storage.ErrNoSpace
			case (o.IgnoreValue || o.IgnoreLease) && !exists:
				return storage.ErrKeyNotFound
			case o.Lease != 0 && m.leases[o.Lease] == 0:
				return storage.ErrLeaseNotFound
			}
		case storage.OpRange:
			switch {
			case o.Revision > m.rev:
				return storage.ErrFutureRevision
			case o.Revision != 0 && o.Revision < m.compacted:
				return storage.ErrCompacted
			}
		case storage.OpTxn:
			if err := m.refuse(p.sub[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *model) txn(t *storage.Txn) (*storage.TxnResult, error) {
	if err := CheckTxn(t); err != nil { // has tests of its own
		return nil, err
	}
	p := m.choose(t)
	if err := m.refuse(p); err != nil {
		return nil, err
	}
	w := m.begin()
	res := w.run(p)
	w.commit()
	stamp(res, m.rev)
	return res, nil
}

func stamp(res *storage.TxnResult, rev int64) {
	res.Revision = rev
	for _, r := range res.Results {
		if r.Txn != nil {
			stamp(r.Txn, rev)
		}
	}
}

func (w *modelWrite) run(p *modelPlan) *storage.TxnResult {
	res := &storage.TxnResult{Succeeded: p.ok}
	for i, o := range p.ops {
		var r storage.OpResult
		switch o.Type {
		case storage.OpPut:
			prev := w.prev(o.Key)
			value, lease := o.Value, o.Lease
			if o.IgnoreValue {
				value = prev.Value
			}
			if o.IgnoreLease {
				lease = prev.Lease
			}
			if o.PrevKV && prev != nil {
				r.KVs = []*storage.KeyValue{prev}
			}
			w.put(o.Key, value, lease, o.Local)
		case storage.OpDelete:
			gone := inState(w.state, o.Key, o.RangeEnd)
			for _, kv := range gone {
				w.delete(kv.Key)
			}
			r.Count = int64(len(gone))
			if o.PrevKV {
				r.KVs = gone
			}
		case storage.OpRange:
			state := w.state
			if o.Revision != 0 {
				state = w.m.states[o.Revision]
			}
			r = rangeOf(state, o)
		case storage.OpTxn:
			r.Txn = w.run(p.sub[i])
		}
		res.Results = append(res.Results, r)
	}
	return res
}

func rangeOf(state map[string]storage.KeyValue, o storage.Op) (r storage.OpResult) {
	kvs := inState(state, o.Key, o.RangeEnd)
	r.Count = int64(len(kvs))
	if o.CountOnly {
		return r
	}
	if o.Limit > 0 && r.Count > o.Limit {
		kvs, r.More = kvs[:o.Limit], true
	}
	for _, kv := range kvs {
		if o.KeysOnly {
			kv.Value = nil
		}
	}
	r.KVs = kvs
	return r
}

// eventsAfter lists the events of a range after a revision.
func (m *model) eventsAfter(after int64, key, end string) []storage.Event {
	var list []storage.Event
	for _, e := range m.events {
		if e.KV.ModRevision > after && storage.InRange(e.KV.Key, key, end) {
			list = append(list, e)
		}
	}
	return list
}

// Printed forms, for comparison: they leave out what is not part of an answer.

func showKV(kv *storage.KeyValue) string {
	if kv == nil {
		return "-"
	}
	return fmt.Sprintf("%s=%q c%d m%d v%d l%d", kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease)
}

func showKVs(kvs []*storage.KeyValue) string {
	var out []string
	for _, kv := range kvs {
		out = append(out, showKV(kv))
	}
	return fmt.Sprint(out)
}

func showTxn(r *storage.TxnResult) string {
	if r == nil {
		return "refused"
	}
	out := fmt.Sprintf("rev %d ok %v", r.Revision, r.Succeeded)
	for _, o := range r.Results {
		out += fmt.Sprintf(" {%s n%d more %v", showKVs(o.KVs), o.Count, o.More)
		if o.Txn != nil {
			out += " " + showTxn(o.Txn)
		}
		out += "}"
	}
	return out
}

func showResult(r Result) string {
	out := fmt.Sprintf("rev %d lease %v err %v", r.Revision, r.Lease, kind(r.Err))
	for _, t := range r.Txns {
		out += "; " + showTxn(t)
	}
	return out
}

func showEvents(events []storage.Event, locals bool) string {
	out := ""
	for _, e := range events {
		out += fmt.Sprintf("%d %s <- %s", e.Type, showKV(e.KV), showKV(e.Prev))
		if locals {
			out += fmt.Sprintf(" local %v", e.Local)
		}
		out += "\n"
	}
	return out
}
