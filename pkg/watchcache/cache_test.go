package watchcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

var background = context.Background()

func podKey(i int) string { return fmt.Sprintf("/registry/pods/ns%d/pod-%05d", i%10, i) }

func mustWatch(t testing.TB, c *Cache, o WatchOptions) *Watcher {
	t.Helper()
	w, err := c.Watch(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func mustSnapshot(t testing.TB, c *Cache) *Snapshot {
	t.Helper()
	s, err := c.Snapshot(background)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRevisionIsNeverSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		set, stop := runSet(t, Config{Store: store})
		c := set.Cache(podsView())
		after := mustSnapshot(t, c).Revision
		watchers := map[string]*Watcher{
			"log":   mustWatch(t, c, WatchOptions{After: after}),
			"chain": mustWatch(t, c, WatchOptions{After: after, WatchFieldValue: new(string)}),
		}
		for i := range watchRun - 28 {
			store.put(podKey(i), value{})
		}
		var big []write
		for i := range 300 {
			big = append(big, write{key: podKey(1000 + i), value: value{}.bytes()})
		}
		store.txn(big...)
		last := store.put(podKey(1), value{})
		synctest.Wait()
		for name, w := range watchers {
			events, err := w.Next(background)
			if err != nil || len(events) != watchRun-28+300 {
				t.Fatalf("%s: %d events, %v", name, len(events), err)
			}
			if got := w.Revision(); got != last-1 {
				t.Errorf("%s: complete through %d, want %d", name, got, last-1)
			}
			if events, err = w.Next(background); err != nil || len(events) != 1 || w.Revision() != last {
				t.Errorf("%s: %v, %v", name, events, err)
			}
		}
		stop()
	})
}

func TestLaggingWatchersShareHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		for i := range 2000 {
			store.put(podKey(i%100), value{Node: fmt.Sprint(i % 7)})
		}
		var decoded atomic.Int32
		view := podsView()
		view.Decode = func(kv *storage.KeyValue) (Meta, error) { decoded.Add(1); return decodeValue(kv) }
		set, stop := runSet(t, Config{Store: store})
		c := set.Cache(view)
		mustSnapshot(t, c)
		decoded.Store(0)
		before := store.called("events")
		var wg sync.WaitGroup
		for i := range 300 {
			o := WatchOptions{After: 1 + int64(i)}
			if i%3 == 1 {
				o.Namespace = "ns3"
			}
			w := mustWatch(t, c, o)
			wg.Go(func() {
				want := store.modelEvents(podsView(), o)
				for n := 0; n < len(want); {
					events, err := w.Next(background)
					if err != nil {
						t.Error(err)
						return
					}
					n += len(events)
				}
			})
		}
		wg.Wait()
		if n := store.called("events") - before; n > 20 {
			t.Errorf("%d reads of history for watchers in the same span", n)
		}
		if n := decoded.Load(); n > 3000 {
			t.Errorf("%d values decoded for 2,000 events", n)
		}
		time.Sleep(time.Minute)
		if n := set.Stats().HistoryBytes; n != 0 {
			t.Errorf("%d bytes of history kept when nobody needs it", n)
		}
		stop()
	})
}

// A cursor of a quiet scope stays good while the log moves on, and finds its
// event later; one of a scope that had events and was not read falls back to
// history, and ends when that is gone.
func TestSlowAndIdleCursors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		set, stop := runSet(t, Config{Store: store, LogBytes: 2000})
		c := set.Cache(podsView())
		after := mustSnapshot(t, c).Revision
		node := "n1"
		idle := mustWatch(t, c, WatchOptions{After: after, WatchFieldValue: &node})
		slow := mustWatch(t, c, WatchOptions{After: after, Namespace: "ns1"})
		slower := mustWatch(t, c, WatchOptions{After: after, Namespace: "ns1"})
		for i := range 500 {
			store.put(podKey(i), value{})
		}
		synctest.Wait()
		if st := c.Stats(); st.LogEvents > 20 || st.Scopes != 2 {
			t.Fatalf("%+v", st)
		}
		if events, _, err := slow.Poll(background); err != nil || len(events) == 0 {
			t.Fatalf("slow: %d events, %v", len(events), err)
		}
		if c.Stats().HistoryReadsTotal == 0 {
			t.Fatal("history was not read")
		}
		for events, _, err := slow.Poll(background); len(events) > 0; events, _, err = slow.Poll(background) {
			if err != nil {
				t.Fatal(err)
			}
		}
		rev := store.put(podKey(3), value{Node: node})
		synctest.Wait()
		store.compact(rev)
		time.Sleep(time.Minute) // until decoded history is let go
		events, err := idle.Next(background)
		if err != nil || len(events) != 1 || events[0].Type != Added || events[0].Revision != rev {
			t.Fatalf("idle: %v, %v", events, err)
		}
		if _, err := slower.Next(background); !errors.Is(err, storage.ErrCompacted) {
			t.Fatalf("slower: %v", err)
		}
		if events, _, err := slow.Poll(background); err != nil || len(events) != 0 || slow.Revision() != rev {
			t.Fatalf("slow: %v, %v at %d", events, err, slow.Revision())
		}
		stop()
	})
}

func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		set, stop := runSet(t, Config{Store: store})
		c := set.Cache(podsView())
		w := mustWatch(t, c, WatchOptions{After: mustSnapshot(t, c).Revision})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := w.Next(background); !errors.Is(err, storage.ErrStopped) {
				t.Errorf("Next: %v", err)
			}
		})
		wg.Go(func() {
			if err := set.Wait(background, 100); !errors.Is(err, storage.ErrStopped) {
				t.Errorf("Wait: %v", err)
			}
		})
		synctest.Wait()
		stop()
		wg.Wait()
		if _, err := w.Next(background); !errors.Is(err, storage.ErrStopped) {
			t.Errorf("Next: %v", err)
		}
		if err := set.Wait(background, 100); !errors.Is(err, storage.ErrStopped) {
			t.Errorf("Wait: %v", err)
		}
		if _, err := set.Cache(nodesView()).Snapshot(background); !errors.Is(err, storage.ErrStopped) {
			t.Errorf("Snapshot: %v", err)
		}
	})
}

func TestStoreStopped(t *testing.T) {
	store := newFakeStore()
	store.failing(func(op, key string) error { return storage.ErrStopped })
	if err := New(Config{Store: store}).Run(background); !errors.Is(err, storage.ErrStopped) {
		t.Fatalf("Run: %v", err)
	}
}

func TestWait(t *testing.T) {
	r := newRand(t)
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		set, stop := runSet(t, Config{Store: store})
		synctest.Wait()
		var wg sync.WaitGroup
		for range 500 {
			rev, patience := 1+r.Int64N(120), time.Duration(r.IntN(200))*time.Millisecond
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(background, patience)
				defer cancel()
				err := set.Wait(ctx, rev)
				if err == nil && set.Revision() < rev || err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("waited for %d at %d: %v", rev, set.Revision(), err)
				}
			})
		}
		for i := range 100 {
			store.put(podKey(i), value{})
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		if n := set.Stats().RevisionWaits; n != 0 {
			t.Errorf("%d still wait", n)
		}
		stop()
	})
}

func TestRememberedSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		set, stop := runSet(t, Config{Store: store, Remember: 2, RememberFor: time.Minute})
		c := set.Cache(podsView())
		for i := range 3 {
			store.put(podKey(i), value{})
		}
		reads := func(rev int64) int64 {
			before := c.Stats().HistoryListsTotal
			s, err := c.SnapshotAt(background, rev)
			if err != nil || s.Revision != rev || s.Len("") != int(rev-1) {
				t.Fatalf("at %d: %v, %v", rev, s, err)
			}
			return c.Stats().HistoryListsTotal - before
		}
		synctest.Wait()
		first := mustSnapshot(t, c) // revision 4
		c.Remember(first)
		store.put("/registry/minions/a", value{}) // 5 is no change here
		store.put(podKey(3), value{})             // 6
		synctest.Wait()
		if s, err := c.SnapshotAt(background, 5); err != nil || s.Revision != 5 || s.Len("") != 3 {
			t.Fatalf("%v, %v", s, err)
		}
		if reads(4) != 0 || reads(3) != 1 {
			t.Fatal("the remembered snapshot was not used, or one that does not exist was")
		}
		old, err := c.SnapshotAt(background, 2)
		if err != nil {
			t.Fatal(err)
		}
		c.Remember(old)
		if reads(2) != 0 || reads(4) != 0 {
			t.Fatal("not remembered")
		}
		c.Remember(mustSnapshot(t, c)) // the third; 2 was used least lately
		if reads(2) != 1 || reads(4) != 0 {
			t.Fatal("wrong one forgotten")
		}
		time.Sleep(2 * time.Minute)
		if n := set.Stats().PagesKept; n != 0 {
			t.Fatalf("%d snapshots kept", n)
		}
		if _, err := c.SnapshotAt(background, 100); !errors.Is(err, storage.ErrFutureRevision) {
			t.Fatalf("future: %v", err)
		}
		store.compact(4)
		if _, err := c.SnapshotAt(background, 3); !errors.Is(err, storage.ErrCompacted) {
			t.Fatalf("compacted: %v", err)
		}
		if _, err := c.SnapshotAt(background, 0); !errors.Is(err, storage.ErrCompacted) {
			t.Fatalf("zero: %v", err)
		}
		stop()
	})
}

// lineCounter counts log lines.
type lineCounter struct {
	mu sync.Mutex
	n  int
}

func (l *lineCounter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n += strings.Count(string(p), "\n")
	return len(p), nil
}

func TestUndecodable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := &lineCounter{}
		store := newFakeStore()
		broken := value{Broken: true}
		store.put(podKey(1), broken)
		set, stop := runSet(t, Config{Store: store, Logger: slog.New(slog.NewTextHandler(lines, nil))})
		c := set.Cache(podsView())
		s := mustSnapshot(t, c)
		w := mustWatch(t, c, WatchOptions{After: s.Revision})
		if o := s.Get("ns1", "pod-00001"); o == nil || o.Undecodable() != errBroken.Error() || o.Fields() != nil || o.Field(0) != "" {
			t.Fatalf("%+v", o)
		}
		store.put(podKey(2), value{})
		store.put(podKey(2), broken)
		store.put(podKey(2), broken)
		store.put(podKey(1), value{})
		store.put(podKey(2), value{})
		synctest.Wait()
		events, err := w.Next(background)
		if err != nil {
			t.Fatal(err)
		}
		var types []EventType
		for _, e := range events {
			types = append(types, e.Type)
		}
		if want := []EventType{Added, Deleted, Added, Added}; !slices.Equal(types, want) {
			t.Errorf("%v, want %v", types, want)
		}
		old, err := c.SnapshotAt(background, s.Revision)
		if err != nil || old.Len("") != 0 || len(listText(old, "", "")) != 0 {
			t.Errorf("%v, %v", old, err)
		}
		if st := c.Stats(); st.DecodeErrorsTotal != 3 || st.Undecodable != 0 || st.Objects != 2 || lines.n != 3 {
			t.Errorf("%+v, %d lines logged", st, lines.n)
		}
		stop()
	})
}

func TestLocalSparesDecoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		set, stop := runSet(t, Config{Store: store})
		view := podsView()
		view.Decode = func(*storage.KeyValue) (Meta, error) { t.Error("decoded"); return Meta{}, nil }
		c := set.Cache(view)
		mustSnapshot(t, c)
		l := &Local{Meta: value{Node: "n9", Labels: map[string]string{"b": "2", "a": "1"}}.meta(), Forms: &Forms{}}
		l.Forms.Put(3, []byte("encoded by the writer"))
		store.txn(write{key: podKey(7), value: []byte("opaque"), local: l})
		synctest.Wait()
		o := mustSnapshot(t, c).Get("ns7", "pod-00007")
		if o == nil || o.Field(0) != "n9" || o.Labels().Get("a") != "1" || o.Forms() != l.Forms || string(o.Stored()) != "opaque" {
			t.Fatalf("%+v", o)
		}
		if k, v := o.Labels().At(1); o.Labels().Len() != 2 || k != "b" || v != "2" {
			t.Errorf("second label %s=%s", k, v)
		}
		if n := set.Stats().FormsBytes; n == 0 {
			t.Error("the writer's encoding is not accounted for")
		}
		stop()
	})
}

// An event of another scope costs no watcher anything, however many there are.
func TestIdleWatchers(t *testing.T) {
	const many = 10000
	store := newFakeStore()
	set, stop := runSet(t, Config{Store: store, LogBytes: 50000})
	c := set.Cache(podsView())
	after := mustSnapshot(t, c).Revision
	watchers := make([]*Watcher, many)
	for i := range watchers {
		watchers[i] = mustWatch(t, c, WatchOptions{Namespace: "idle", Name: fmt.Sprint("pod-", i), After: after})
		if events, ready, err := watchers[i].Poll(background); len(events) > 0 || ready == nil || err != nil {
			t.Fatal("not idle")
		}
	}
	stop() // the test applies events itself from here
	rev := set.Revision()
	next := func() {
		rev++
		set.apply(storage.Batch{Revision: rev, Events: []storage.Event{{
			KV: &storage.KeyValue{Key: podKey(int(rev % 50)), Value: value{}.bytes(), ModRevision: rev, Version: 1},
		}}})
	}
	for range 2000 {
		next()
	}
	if st := c.Stats(); st.LogEvents > 400 || st.Scopes != many {
		t.Fatalf("%+v", st)
	}
	with := testing.AllocsPerRun(500, next)
	for _, w := range watchers {
		select {
		case <-w.scope.wake:
			t.Fatal("an idle watcher was woken")
		default:
		}
		w.Close()
	}
	if without := testing.AllocsPerRun(500, next); with > without+1 {
		t.Errorf("%v allocations per event with idle watchers, %v without", with, without)
	}
}

func TestBadConfiguration(t *testing.T) {
	if err := (Config{Root: "x", LogBytes: -1}).Validate(); err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("%v", err)
	}
	bad := View{Prefix: "pods", WatchField: 3}
	if err := bad.Validate(); err == nil || len(strings.Split(err.Error(), "\n")) != 4 {
		t.Errorf("%v", err)
	}
	deep := podsView()
	deep.Prefix = strings.Repeat("/x", maxDepth) + "/"
	if deep.Validate() == nil {
		t.Error("a prefix too deep for the router")
	}
}

// FuzzKeys feeds keys that an etcd client may have written to the router and
// to the views.
func FuzzKeys(f *testing.F) {
	for _, k := range []string{"", "/", "/registry/pods/a/b", "/registry/services/specs/a/b", "/registry/services/endpoints/a/b",
		"/registry/services/x", "/registry/minions/", "/registry/pods//x", "/registry/pods/x/", "/registry/g.io/things/a/b/c"} {
		f.Add(k)
	}
	set := New(Config{Store: newFakeStore()})
	var views []View
	for prefix, namespaced := range map[string]bool{"/registry/pods/": true, "/registry/services/specs/": true,
		"/registry/services/endpoints/": true, "/registry/services/": false, "/registry/minions/": false, "/registry/g.io/things/": true} {
		v := podsView()
		v.Prefix, v.Resource, v.Namespaced = prefix, prefix, namespaced
		set.Cache(v)
		views = append(views, v)
	}
	r := set.router.Load()
	f.Fuzz(func(t *testing.T, key string) {
		best := ""
		for _, v := range views {
			if strings.HasPrefix(key, v.Prefix) && len(v.Prefix) > len(best) {
				best = v.Prefix
			}
		}
		c := r.route(key)
		if (c == nil) != (best == "") || c != nil && c.view.Prefix != best {
			t.Fatalf("%q went to %v, want %q", key, c, best)
		}
		if c == nil {
			return
		}
		o := (&objectMaker{view: &c.view}).object(&storage.KeyValue{Key: key, Value: value{}.bytes(), ModRevision: 1}, nil, nil)
		if o == nil {
			return
		}
		want := best + o.Name()
		if c.view.Namespaced {
			want = best + o.Namespace() + "/" + o.Name()
		}
		if key != want || o.Name() == "" || c.view.Namespaced == (o.Namespace() == "") || strings.Contains(o.Name(), "/") {
			t.Fatalf("%q became %q of %q", key, o.Name(), o.Namespace())
		}
	})
}
