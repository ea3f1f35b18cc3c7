package watchcache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// fakeStore is a Source with its full history in memory, and the model that
// tests compare with.
type fakeStore struct {
	batchLimit int // events per batch when the reader sets no limit
	// afterRead runs between the moment a range or history is read and the
	// moment the reader gets it.
	afterRead func(op string)

	mu        sync.Mutex
	moved     chan struct{} // closed at the next write
	rev       int64
	compacted int64
	events    []storage.Event
	newest    map[string]*storage.KeyValue
	fail      func(op string, key string) error
	calls     map[string]int
	decoded   map[modelID]*Object
}

type modelID struct {
	kv     *storage.KeyValue
	prefix string
}

func newFakeStore() *fakeStore {
	return &fakeStore{rev: 1, batchLimit: 1000, moved: make(chan struct{}), newest: map[string]*storage.KeyValue{}, calls: map[string]int{}, decoded: map[modelID]*Object{}}
}

// write is one put, or a delete when value is nil.
type write struct {
	key   string
	value []byte
	local any
}

// txn applies writes at one revision. Deletes of absent keys do nothing.
func (s *fakeStore) txn(ws ...write) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	rev := s.rev + 1
	wrote := false
	for _, w := range ws {
		prev := s.newest[w.key]
		if w.value == nil {
			if prev == nil {
				continue
			}
			delete(s.newest, w.key)
			s.events = append(s.events, storage.Event{Type: storage.EventDelete, KV: &storage.KeyValue{Key: w.key, ModRevision: rev}, Prev: prev})
		} else {
			kv := &storage.KeyValue{Key: w.key, Value: w.value, CreateRevision: rev, ModRevision: rev, Version: 1}
			if prev != nil {
				kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
			}
			s.newest[w.key] = kv
			s.events = append(s.events, storage.Event{Type: storage.EventPut, KV: kv, Prev: prev, Local: w.local})
		}
		wrote = true
	}
	if !wrote {
		return s.rev
	}
	s.rev = rev
	close(s.moved)
	s.moved = make(chan struct{})
	return rev
}

func (s *fakeStore) put(key string, v value) int64 {
	return s.txn(write{key: key, value: v.bytes()})
}

func (s *fakeStore) delete(key string) int64 { return s.txn(write{key: key}) }

func (s *fakeStore) compact(rev int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compacted = max(s.compacted, rev)
}

func (s *fakeStore) called(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// failing makes calls fail for which fn returns an error, nil for none.
func (s *fakeStore) failing(fn func(op, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fn
}

func (s *fakeStore) Revision() (int64, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rev, s.compacted
}

// stateLocked is every key as it was at rev.
func (s *fakeStore) stateLocked(rev int64) map[string]*storage.KeyValue {
	state := map[string]*storage.KeyValue{}
	for _, e := range s.events {
		if e.KV.ModRevision > rev {
			break
		}
		if e.Type == storage.EventDelete {
			delete(state, e.KV.Key)
		} else {
			state[e.KV.Key] = e.KV
		}
	}
	return state
}

func (s *fakeStore) enterLocked(op, key string) error {
	s.calls[op]++
	if s.fail != nil {
		return s.fail(op, key)
	}
	return nil
}

func (s *fakeStore) Range(ctx context.Context, r storage.RangeRequest) (*storage.RangeResult, error) {
	if s.afterRead != nil {
		defer s.afterRead("range")
	}
	return s.readRange(r)
}

func (s *fakeStore) readRange(r storage.RangeRequest) (*storage.RangeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enterLocked("range", r.Key); err != nil {
		return nil, err
	}
	res := &storage.RangeResult{Revision: r.Revision}
	state := s.newest
	switch {
	case r.Revision == 0:
		res.Revision = s.rev
	case r.Revision > s.rev:
		return nil, storage.ErrFutureRevision
	case r.Revision < s.compacted:
		return nil, &storage.CompactedError{Requested: r.Revision, Compacted: s.compacted}
	case r.Revision < s.rev:
		state = s.stateLocked(r.Revision)
	}
	for k, kv := range state {
		if storage.InRange(k, r.Key, r.RangeEnd) {
			res.KVs = append(res.KVs, kv)
		}
	}
	slices.SortFunc(res.KVs, func(a, b *storage.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	res.Count = int64(len(res.KVs))
	if r.Limit > 0 && res.Count > r.Limit {
		res.KVs, res.More = res.KVs[:r.Limit], true
	}
	return res, nil
}

func (s *fakeStore) Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	for {
		s.mu.Lock()
		if err := s.enterLocked("events", r.Key); err != nil {
			s.mu.Unlock()
			return storage.Batch{}, err
		}
		if r.After < s.compacted {
			defer s.mu.Unlock()
			return storage.Batch{}, &storage.CompactedError{Requested: r.After, Compacted: s.compacted}
		}
		if s.rev > r.After {
			b := s.batchLocked(r)
			s.mu.Unlock()
			if s.afterRead != nil {
				s.afterRead("events")
			}
			return b, nil
		}
		moved := s.moved
		s.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return storage.Batch{}, ctx.Err()
		}
	}
}

func (s *fakeStore) batchLocked(r storage.EventsRequest) storage.Batch {
	limit := r.Limit
	if limit == 0 {
		limit = s.batchLimit
	}
	b := storage.Batch{Revision: s.rev}
	first, _ := slices.BinarySearchFunc(s.events, r.After+1, func(e storage.Event, rev int64) int { return int(e.KV.ModRevision - rev) })
	for _, e := range s.events[first:] {
		if !storage.InRange(e.KV.Key, r.Key, r.RangeEnd) {
			continue
		}
		if n := len(b.Events); n >= limit && b.Events[n-1].KV.ModRevision != e.KV.ModRevision {
			b.Revision = b.Events[n-1].KV.ModRevision
			break
		}
		if e.Prev != nil && e.Prev.ModRevision < s.compacted && e.KV.ModRevision <= s.compacted {
			e.Prev = nil
		}
		b.Events = append(b.Events, e)
	}
	return b
}

// value is what tests store: labels, two fields, something to tell it by.
type value struct {
	Labels map[string]string `json:"l,omitempty"`
	Node   string            `json:"n,omitempty"`
	Phase  string            `json:"p,omitempty"`
	Broken bool              `json:"b,omitempty"`
	Pad    string            `json:"x,omitempty"`
}

func (v value) bytes() []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (v value) meta() Meta { return Meta{Labels: v.Labels, Fields: []string{v.Node, v.Phase}} }

var errBroken = errors.New("broken")

func parseValue(b []byte) (value, error) {
	var v value
	if err := json.Unmarshal(b, &v); err != nil {
		return v, err
	}
	if v.Broken {
		return v, errBroken
	}
	return v, nil
}

func decodeValue(kv *storage.KeyValue) (Meta, error) {
	v, err := parseValue(kv.Value)
	return v.meta(), err
}

func podsView() View {
	return View{Resource: "pods", Prefix: "/registry/pods/", Namespaced: true,
		FieldNames: []string{"spec.nodeName", "status.phase"}, WatchField: 0, Decode: decodeValue}
}

func nodesView() View {
	return View{Resource: "nodes", Prefix: "/registry/minions/",
		FieldNames: []string{"spec.nodeName", "status.phase"}, WatchField: -1, Decode: decodeValue}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// runSet runs a Set until the test's end, or until the returned function is called.
func runSet(t testing.TB, cfg Config) (*Set, func()) {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet()
	}
	s := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return s, stop
}

// modelEvents is what a watcher must see of the whole history, by definition.
func (s *fakeStore) modelEvents(v View, o WatchOptions) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, e := range s.events {
		rev := e.KV.ModRevision
		if rev <= o.After {
			continue
		}
		was := s.modelSees(v, o, e.Prev)
		is := e.Type == storage.EventPut && s.modelSees(v, o, e.KV)
		switch {
		case was && is:
			out = append(out, eventText(Modified, rev, e.KV.Key, rev))
		case is:
			out = append(out, eventText(Added, rev, e.KV.Key, rev))
		case was:
			out = append(out, eventText(Deleted, rev, e.KV.Key, e.Prev.ModRevision))
		}
	}
	return out
}

func eventText(t EventType, rev int64, key string, objectRev int64) string {
	return fmt.Sprintf("%d %s %s@%d", rev, t, key, objectRev)
}

func (s *fakeStore) modelSees(v View, o WatchOptions, kv *storage.KeyValue) bool {
	if kv == nil {
		return false
	}
	obj := s.modelObject(v, kv)
	return obj != nil && (o.Namespace == "" || obj.Namespace() == o.Namespace) &&
		(o.Name == "" || obj.Name() == o.Name) &&
		(o.WatchFieldValue == nil || obj.Field(0) == *o.WatchFieldValue) &&
		(o.Match == nil || o.Match(obj))
}

// modelObject is nil for what lists and watches do not show.
func (s *fakeStore) modelObject(v View, kv *storage.KeyValue) *Object {
	id := modelID{kv, v.Prefix}
	o, ok := s.decoded[id]
	if !ok {
		m := objectMaker{view: &v}
		if o = m.object(kv, nil, nil); o != nil && o.bad {
			o = nil
		}
		s.decoded[id] = o
	}
	return o
}

// modelList is what Ascend must visit at rev.
func (s *fakeStore) modelList(v View, rev int64, namespace, after string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, kv := range s.stateLocked(rev) {
		o := s.modelObject(v, kv)
		if o != nil && (namespace == "" || o.Namespace() == namespace) && o.Key() > after {
			out = append(out, fmt.Sprintf("%s@%d", o.Key(), o.Revision()))
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return strings.Compare(a[:strings.LastIndexByte(a, '@')], b[:strings.LastIndexByte(b, '@')])
	})
	return out
}

func listText(s *Snapshot, namespace, after string) []string {
	var out []string
	s.Ascend(namespace, after, func(o *Object) bool {
		out = append(out, fmt.Sprintf("%s@%d", o.Key(), o.Revision()))
		return true
	})
	return out
}
