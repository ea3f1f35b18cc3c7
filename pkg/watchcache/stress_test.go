package watchcache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// mirror follows a cache as a client would: a list, then a watch from its
// revision, and again both when the watch ends.
type mirror struct {
	store *fakeStore
	cache *Cache
	opts  WatchOptions
	state map[string]int64 // revision by key
	rev   int64
}

func (m *mirror) list(ctx context.Context) error {
	s, err := m.cache.Snapshot(ctx)
	if err != nil {
		return err
	}
	m.state, m.rev = map[string]int64{}, s.Revision
	s.Ascend(m.opts.Namespace, "", func(o *Object) bool {
		if modelMatches(&m.opts, o) {
			m.state[o.Key()] = o.Revision()
		}
		return true
	})
	return nil
}

func modelMatches(p *WatchOptions, o *Object) bool {
	return (p.WatchFieldValue == nil || o.Field(0) == *p.WatchFieldValue) && (p.Match == nil || p.Match(o))
}

// follow watches until the mirror is complete through rev, checking each event
// against the mirror's own state.
func (m *mirror) follow(ctx context.Context, rev int64, r *rand.Rand) error {
	o := m.opts
	o.After = m.rev
	w, err := m.cache.Watch(o)
	if err != nil {
		return err
	}
	defer w.Close()
	for w.Revision() < rev {
		events, ready, err := w.Poll(ctx)
		if err != nil {
			return err
		}
		if len(events) == 0 && w.Revision() < rev {
			select {
			case <-ready:
			case <-m.cache.set.waits.reached(m.cache.set, rev):
			}
		}
		for _, e := range events {
			if err := m.apply(e); err != nil {
				return err
			}
		}
		if r.IntN(50) == 0 {
			break // the client reconnects
		}
	}
	m.rev = w.Revision()
	return nil
}

// reached gives a channel for tests that is closed when rev is applied.
func (l *waitList) reached(s *Set, rev int64) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Wait(context.Background(), rev)
	}()
	return done
}

func (m *mirror) apply(e Event) error {
	key := e.Object.Key()
	have, ok := m.state[key]
	if ok != (e.Type != Added) {
		return fmt.Errorf("%s of %s at %d, which the client has at %d", e.Type, key, e.Revision, have)
	}
	if e.Type == Deleted {
		if have != e.Object.Revision() {
			return fmt.Errorf("deleted %s at %d instead of %d", key, e.Object.Revision(), have)
		}
		delete(m.state, key)
	} else {
		m.state[key] = e.Object.Revision()
	}
	_, err := e.Forms.Get(1, func() ([]byte, error) { return e.Object.Forms().Get(1, bytesOf(100)) })
	return err
}

func (m *mirror) check(t *testing.T, rev int64) {
	want := slices.Clone(m.store.modelList(m.cache.view, rev, m.opts.Namespace, ""))
	m.store.mu.Lock()
	state := m.store.stateLocked(rev)
	m.store.mu.Unlock()
	want = slices.DeleteFunc(want, func(text string) bool {
		var key string
		for i := range text {
			if text[i] == '@' {
				key = text[:i]
			}
		}
		kv := state[m.cache.view.Prefix+key]
		mk := objectMaker{view: &m.cache.view}
		return !modelMatches(&m.opts, mk.object(kv, nil, nil))
	})
	if len(want) != len(m.state) {
		t.Errorf("client has %d objects, want %d", len(m.state), len(want))
	}
	for _, text := range want {
		found := false
		for k, rev := range m.state {
			found = found || text == fmt.Sprintf("%s@%d", k, rev)
		}
		if !found {
			t.Errorf("client lacks %s", text)
		}
	}
}

// TestStress runs writers, clients that list and watch, snapshots, compaction
// and coming and going caches side by side on real threads.
func TestStress(t *testing.T) {
	r := newRand(t)
	store := newFakeStore()
	store.batchLimit = 50
	for i := range 200 {
		store.put(podKey(i), value{Node: fmt.Sprint("n", i%4)})
	}
	set, stop := runSet(t, Config{Store: store, LogBytes: 8000, FormsBytes: 20000, FramesBytes: 5000, HistoryBytes: 50000})
	pods := set.Cache(podsView())
	var writers, clients sync.WaitGroup
	for range 2 {
		wr := rand.New(rand.NewPCG(r.Uint64(), 0))
		writers.Go(func() {
			for i := range 1500 {
				key := podKey(wr.IntN(300))
				if wr.IntN(5) == 0 {
					store.delete(key)
				} else {
					v := value{Node: fmt.Sprint("n", wr.IntN(4)), Broken: wr.IntN(30) == 0, Phase: "Running"}
					store.txn(write{key: key, value: v.bytes()}, write{key: "/registry/minions/" + fmt.Sprint(wr.IntN(5)), value: v.bytes()})
				}
				if i%100 == 99 {
					rev, _ := store.Revision()
					store.compact(rev - 200)
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { writers.Wait(); close(finished) }()
	node := "n1"
	for i, o := range []WatchOptions{{}, {}, {Namespace: "ns3"}, {WatchFieldValue: &node}, {WatchFieldValue: &node, Namespace: "ns1"},
		{Match: func(o *Object) bool { return o.Field(0) == "n2" }}} {
		m := &mirror{store: store, cache: pods, opts: o}
		cr := rand.New(rand.NewPCG(r.Uint64(), uint64(i)))
		clients.Go(func() {
			relists := -1
			for {
				over := false
				select {
				case <-finished:
					over = true
				default:
				}
				rev, _ := store.Revision()
				var err error
				if relists < 0 {
					err, relists = m.list(background), relists+1
				}
				for err == nil && m.rev < rev {
					err = m.follow(background, rev, cr)
				}
				if errors.Is(err, storage.ErrCompacted) {
					relists = -1
					continue
				}
				if err != nil {
					t.Errorf("%+v: %v", o, err)
					return
				}
				if over {
					m.check(t, m.rev)
					return
				}
			}
		})
	}
	clients.Go(func() {
		for {
			select {
			case <-finished:
				return
			default:
			}
			c := set.Cache(nodesView())
			s, err := c.Snapshot(background)
			if err != nil {
				t.Error(err)
				return
			}
			if _, compacted := store.Revision(); s.Revision > compacted {
				if want, got := store.modelList(nodesView(), s.Revision, "", ""), listText(s, "", ""); !slices.Equal(want, got) {
					t.Errorf("at %d: got %v, want %v", s.Revision, got, want)
				}
			}
			set.Remove(c)
		}
	})
	clients.Wait()
	set.forms.check(t)
	set.frames.check(t)
	stop()
}
