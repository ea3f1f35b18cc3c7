package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

func memoryHarness() Harness {
	s := NewMemory()
	return Harness{Store: s, Advance: s.Advance, Stop: s.Stop, MaxBytes: MemoryMaxBytes}
}

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) Harness { return memoryHarness() })
}

// recorder is a testing.TB whose failures are expected.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Logf(string, ...any)   {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; runtime.Goexit() }
func (r *recorder) Skip(...any)           { runtime.Goexit() }

// fails reports whether the validator of that name fails on h.
func fails(t *testing.T, name string, h Harness) bool {
	i := slices.IndexFunc(Validators(), func(v Validator) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("no validator %s", name)
	}
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Validators()[i].Check(r, h)
	}()
	<-done
	return r.failed
}

// faulty breaks one promise of the store within.
type faulty struct {
	*Memory
	txns   func(ts []*storage.Txn)
	txn    func(r *storage.TxnResult)
	read   func(r *storage.RangeResult)
	events func(b *storage.Batch)
	ctx    func(context.Context) context.Context
	lease  func(*Memory, storage.Lease) storage.Lease
	shared func(*Memory) storage.Lease
	revoke func(*Memory, int64) error
}

func (f *faulty) Txn(ctx context.Context, t *storage.Txn) (*storage.TxnResult, error) {
	rs, err := f.Batch(ctx, []*storage.Txn{t})
	if err != nil {
		return nil, err
	}
	return rs[0], nil
}

func (f *faulty) Batch(ctx context.Context, ts []*storage.Txn) ([]*storage.TxnResult, error) {
	if f.ctx != nil {
		ctx = f.ctx(ctx)
	}
	if f.txns != nil {
		mine := make([]*storage.Txn, len(ts))
		for i, t := range ts {
			copied := *t
			copied.Success = slices.Clone(t.Success)
			mine[i] = &copied
		}
		f.txns(mine)
		ts = mine
	}
	rs, err := f.Memory.Batch(ctx, ts)
	for _, r := range rs {
		if r != nil && f.txn != nil {
			f.txn(r)
		}
	}
	return rs, err
}

func (f *faulty) Range(ctx context.Context, r storage.RangeRequest) (*storage.RangeResult, error) {
	got, err := f.Memory.Range(ctx, r)
	if err == nil && f.read != nil {
		f.read(got)
	}
	return got, err
}

func (f *faulty) Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	b, err := f.Memory.Events(ctx, r)
	if err == nil && f.events != nil {
		b.Events = slices.Clone(b.Events)
		f.events(&b)
	}
	return b, err
}

func (f *faulty) GrantLease(ctx context.Context, id int64, ttl time.Duration) (storage.Lease, error) {
	l, err := f.Memory.GrantLease(ctx, id, ttl)
	if err == nil && f.lease != nil {
		l = f.lease(f.Memory, l)
	}
	return l, err
}

func (f *faulty) SharedLease(ctx context.Context, ttl time.Duration) (storage.Lease, error) {
	if f.shared != nil {
		return f.shared(f.Memory), nil
	}
	return f.Memory.SharedLease(ctx, ttl)
}

func (f *faulty) RevokeLease(ctx context.Context, id int64) error {
	if f.revoke != nil {
		return f.revoke(f.Memory, id)
	}
	return f.Memory.RevokeLease(ctx, id)
}

// TestValidatorsFail shows for faulty stores that the suite finds them out.
func TestValidatorsFail(t *testing.T) {
	calls := 0
	for name, c := range map[string]struct {
		fault faulty
		want  []string
	}{
		"puts are lost": {faulty{txns: func(ts []*storage.Txn) {
			if calls++; calls%4 == 0 {
				*ts[0] = storage.Txn{}
			}
		}}, []string{"TxnRevisions", "EventsResume"}},
		"compares always hold": {faulty{txns: func(ts []*storage.Txn) {
			for _, t := range ts {
				t.Compares = nil
			}
		}}, []string{"TxnCompares", "TxnCompareValue", "TxnCompareRange", "TxnBranches", "Contention"}},
		"no previous values": {faulty{txns: func(ts []*storage.Txn) {
			for _, t := range ts {
				for i := range t.Success {
					t.Success[i].PrevKV = false
				}
			}
		}}, []string{"TxnPut", "TxnDelete"}},
		"locals are dropped": {faulty{events: func(b *storage.Batch) {
			for i := range b.Events {
				b.Events[i].Local = nil
			}
		}}, []string{"EventsLocal"}},
		"events without previous value": {faulty{events: func(b *storage.Batch) {
			for i := range b.Events {
				b.Events[i].Prev = nil
			}
		}}, []string{"EventsValues", "EventsResume", "CompactEvents"}},
		"events are lost": {faulty{events: func(b *storage.Batch) {
			if len(b.Events) > 1 {
				b.Events = b.Events[1:]
			}
		}}, []string{"EventsResume", "EventsAtomic", "LeaseRevoke", "EventsConcurrent"}},
		"progress runs ahead": {faulty{events: func(b *storage.Batch) { b.Revision++ }},
			[]string{"EventsProgress", "EventsConcurrent"}},
		"count is of the answer": {faulty{read: func(r *storage.RangeResult) { r.Count = int64(len(r.KVs)) }},
			[]string{"RangeLimit", "RangeForms", "RangeAtRevision"}},
		"reads forget the last key": {faulty{read: func(r *storage.RangeResult) {
			if len(r.KVs) > 1 {
				r.KVs = r.KVs[:len(r.KVs)-1]
			}
		}}, []string{"RangeBounds", "RangeAtRevision", "CompactReads", "RandomAgainstModel"}},
		"revision is one too high": {faulty{txn: func(r *storage.TxnResult) { r.Revision++ }},
			[]string{"TxnPut", "TxnRevisions", "BatchConsecutive", "ReadRevision", "RandomAgainstModel"}},
		"contexts are ignored": {faulty{ctx: func(context.Context) context.Context { return context.Background() }},
			[]string{"ContextEnded"}},
		"one lease for all": {faulty{shared: func(m *Memory) storage.Lease {
			l, _ := m.GrantLease(context.Background(), 1, time.Hour)
			return storage.Lease{ID: max(l.ID, 1), TTL: time.Hour}
		}}, []string{"LeaseShared"}},
		"leases live on": {faulty{revoke: func(m *Memory, id int64) error { return nil }},
			[]string{"LeaseRevoke", "LeaseGrant", "LeaseUnknown"}},
		"leases end too early": {faulty{lease: func(m *Memory, l storage.Lease) storage.Lease {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.expiry[l.ID] -= l.TTL / 2
			return l
		}}, []string{"LeaseExpiry"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, validator := range c.want {
				fault := c.fault
				fault.Memory = NewMemory()
				h := Harness{Store: &fault, Advance: fault.Advance, Stop: fault.Stop}
				if !fails(t, validator, h) {
					t.Errorf("%s did not notice", validator)
				}
			}
		})
	}
}

// recorded returns the history of a small store and a watch of all of it.
func recorded(t *testing.T) ([]storage.Event, Watch) {
	s := NewMemory()
	e := newEnv(t, Harness{Store: s})
	churn(e, 12)
	w := e.watch(storage.EventsRequest{Key: "\x00", RangeEnd: "\x00", After: 1, Limit: 3}, e.current())
	for i := range w.Batches {
		w.Batches[i].Events = slices.Clone(w.Batches[i].Events)
	}
	return slices.Clone(w.Events()), w
}

func TestGuarantees(t *testing.T) {
	truth, w := recorded(t)
	if err := CheckWatch(truth, w); err != nil {
		t.Fatal(err)
	}
	last := len(w.Batches) - 1
	for name, c := range map[string]struct {
		broken string
		breaks func(w *Watch)
	}{
		"two batches change places": {"Ordered", func(w *Watch) { w.Batches[0], w.Batches[1] = w.Batches[1], w.Batches[0] }},
		"a batch comes twice":       {"Unique", func(w *Watch) { w.Batches = append(w.Batches, w.Batches[last]) }},
		"a revision is split": {"Atomic", func(w *Watch) {
			first := w.Batches[0].Events
			for i := 1; i < len(first); i++ {
				if first[i].KV.ModRevision == first[i-1].KV.ModRevision {
					w.Batches[0].Events = first[:i]
					w.Batches[1].Events = append(slices.Clone(first[i:]), w.Batches[1].Events...)
					return
				}
			}
		}},
		"an event is left out":        {"Reliable", func(w *Watch) { w.Batches[1].Events = w.Batches[1].Events[1:] }},
		"an event has another value":  {"Reliable", func(w *Watch) { w.Batches[1].Events[0].KV = &storage.KeyValue{Key: "k", ModRevision: 3} }},
		"a previous value is missing": {"Reliable", func(w *Watch) { w.Batches[last].Events[0].Prev = nil }},
		"the first event is missing":  {"Resumable", func(w *Watch) { w.Batches[0].Events = w.Batches[0].Events[1:] }},
		"the watch begins too early":  {"Resumable", func(w *Watch) { w.After++ }},
		"all events are missing":      {"Resumable", func(w *Watch) { w.Batches = []storage.Batch{{Revision: 5}} }},
		"progress goes back":          {"Bookmarkable", func(w *Watch) { w.Batches[last].Revision = 2 }},
		"progress is early":           {"Bookmarkable", func(w *Watch) { w.Batches[0].Revision = w.Batches[last].Revision }},
		"progress is late":            {"Bookmarkable", func(w *Watch) { w.Batches[0].Revision = w.After }},
	} {
		truth, w := recorded(t)
		c.breaks(&w)
		i := slices.IndexFunc(Guarantees(), func(g Guarantee) bool { return g.Name == c.broken })
		if err := Guarantees()[i].Holds(truth, &w); err == nil {
			t.Errorf("%s: %s did not notice", name, c.broken)
		}
		if err := CheckWatch(truth, w); err == nil {
			t.Errorf("%s: CheckWatch did not notice", name)
		}
	}
}

func TestCheckRevisions(t *testing.T) {
	truth, _ := recorded(t)
	if err := CheckRevisions(2, truth); err != nil {
		t.Error(err)
	}
	without := slices.DeleteFunc(slices.Clone(truth), func(e storage.Event) bool { return e.KV.ModRevision == 5 })
	for name, events := range map[string][]storage.Event{"gap": without, "late start": truth[3:]} {
		if err := CheckRevisions(2, events); err == nil {
			t.Errorf("%s was not noticed", name)
		}
	}
}

// TestReplay explains random histories, in which some answers never came, and
// refuses them once they are tampered with.
func TestReplay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	m := NewModel(1)
	gs := []*Generator{NewGenerator(rng, "a"), NewGenerator(rng, "b"), NewGenerator(rng, "c")}
	var calls []*Call
	for i := range 500 {
		g := gs[rng.IntN(len(gs))]
		c := &Call{Kind: CallBatch, Txns: g.Txns()}
		calls = append(calls, c)
		if i%7 == 0 && rng.IntN(2) == 0 { // lost on the way there
			c.Err = storage.ErrUnknownOutcome
			continue
		}
		c.Results, c.Err = m.Batch(c.Txns)
		g.Observe(c)
		if i%7 == 0 { // lost on the way back
			c.Results, c.Err = nil, storage.ErrUnknownOutcome
		}
	}
	events := m.Events("", "\x00", 0)
	rng.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	end, err := Replay(1, calls, events)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := end.Model.between("", "\x00", end.Model.current), m.between("", "\x00", m.current); !equalKVs(got, want) {
		t.Errorf("the replayed model ends with%s\nwant%s", formatKVs(got), formatKVs(want))
	}
	written := slices.IndexFunc(calls, func(c *Call) bool { // a put, which no other call can explain
		return c.acknowledged() && slices.ContainsFunc(events, func(e storage.Event) bool {
			return e.Type == storage.EventPut && puts(c.Txns[0], e.KV.Value)
		})
	})
	for name, tampered := range map[string]func() ([]*Call, []storage.Event){
		"the last events are lost": func() ([]*Call, []storage.Event) { return calls, events[:len(events)-5] },
		"nobody wrote an event": func() ([]*Call, []storage.Event) {
			return slices.Delete(slices.Clone(calls), written, written+1), events
		},
		"an answer is wrong": func() ([]*Call, []storage.Event) {
			cs, c, r := slices.Clone(calls), *calls[written], *calls[written].Results[0]
			r.Succeeded = !r.Succeeded
			c.Results = slices.Clone(c.Results)
			c.Results[0] = &r
			cs[written] = &c
			return cs, events
		},
	} {
		cs, es := tampered()
		if _, err := Replay(1, cs, es); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// puts says that an operation of t itself puts value.
func puts(t *storage.Txn, value []byte) bool {
	return slices.ContainsFunc(slices.Concat(t.Success, t.Failure), func(op storage.Op) bool {
		return op.Type == storage.OpPut && bytes.Equal(op.Value, value)
	})
}

// TestReplayReconsiders has two deletes of unknown outcome, of which the first
// one found could have made either revision and the other one only the first.
func TestReplayReconsiders(t *testing.T) {
	m := NewModel(1)
	answered := func(ops ...storage.Op) *Call {
		c := &Call{Kind: CallBatch, Txns: []*storage.Txn{{Success: ops}}}
		c.Results, c.Err = m.Batch(c.Txns)
		return c
	}
	setUp := answered(put("a", "1"))
	one := answered(remove("a"))
	again := answered(put("a", "2"), put("b", "2"))
	all := answered(storage.Op{Type: storage.OpDelete, Key: "a", RangeEnd: "c"})
	one.Results, all.Results = nil, nil
	if _, err := Replay(1, []*Call{all, one, again, setUp}, m.Events("", "\x00", 0)); err != nil {
		t.Error(err)
	}
}

func TestReplayRevoke(t *testing.T) {
	m := NewModel(1)
	c := &Call{Kind: CallBatch, Txns: []*storage.Txn{{Success: []storage.Op{onLease("a", 7), onLease("b", 7)}}}}
	if err := m.Grant(7, time.Minute); err != nil {
		t.Fatal(err)
	}
	c.Results, c.Err = m.Batch(c.Txns)
	before := m.Events("", "\x00", 0)
	if err := m.Revoke(7); err != nil {
		t.Fatal(err)
	}
	revoke := &Call{Kind: CallRevoke, Lease: 7, Done: true}
	if _, err := Replay(1, []*Call{revoke, c}, m.Events("", "\x00", 0)); err != nil {
		t.Error(err)
	}
	if _, err := Replay(1, []*Call{revoke, c}, before); err == nil {
		t.Error("an acknowledged revoke without effect was not noticed")
	}
	if _, err := Replay(1, []*Call{c}, m.Events("", "\x00", 0)); err == nil {
		t.Error("a revoke that nobody asked for was not noticed")
	}
}

func TestDiffError(t *testing.T) {
	wrapped := fmt.Errorf("wrapped: %w", storage.ErrLeaseNotFound)
	if err := diffError(wrapped, storage.ErrLeaseNotFound); err != nil {
		t.Error(err)
	}
	if diffError(wrapped, nil) == nil || diffError(nil, wrapped) == nil || diffError(errors.New("other"), wrapped) == nil {
		t.Error("a difference was not noticed")
	}
}
