package watchcache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// world is a random run: a store that is written to, caches, watchers that are
// polled now and then, compared with the store's whole history.
type world struct {
	t        *testing.T
	r        *rand.Rand
	store    *fakeStore
	set      *Set
	views    []View
	caches   []*Cache
	watchers []*watched
	calm     atomic.Bool // nobody meddles any more
}

type watched struct {
	w    *Watcher
	view View
	opts WatchOptions
	text string
	got  []string
	dead bool
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (w *world) key() string {
	ns, name := pick(w.r, "a", "a-b", "b", "c"), pick(w.r, "x", "x-1", "y", "z", "zz")
	switch n := w.r.IntN(20); {
	case n < 12:
		return "/registry/pods/" + ns + "/" + name
	case n < 15:
		return "/registry/minions/" + name
	case n < 16:
		return "/registry/pods/" + name // no object's key
	case n < 17:
		return "/registry/pods/" + ns + "/" + name + "/more"
	case n < 18:
		return "/registry/unknown/" + name
	default:
		return "/registry/example.com/widgets/" + ns + "/" + name
	}
}

func (w *world) value() value {
	v := value{Node: pick(w.r, "", "n1", "n2", "n3"), Phase: pick(w.r, "Pending", "Running"), Labels: map[string]string{}}
	for _, k := range []string{"app", "tier"} {
		if w.r.IntN(2) == 0 {
			v.Labels[k] = pick(w.r, "one", "two")
		}
	}
	v.Broken = w.r.IntN(12) == 0
	v.Pad = strings.Repeat("x", w.r.IntN(200))
	return v
}

// write makes one random transaction of up to three keys.
func (w *world) write() {
	var ws []write
	for range 1 + w.r.IntN(8)/5*w.r.IntN(3) {
		k := w.key()
		if slices.ContainsFunc(ws, func(o write) bool { return o.key == k }) {
			continue
		}
		if w.r.IntN(4) == 0 {
			ws = append(ws, write{key: k})
			continue
		}
		v := w.value()
		put := write{key: k, value: v.bytes()}
		if !v.Broken && w.r.IntN(2) == 0 {
			l := &Local{Meta: v.meta()}
			if w.r.IntN(2) == 0 {
				l.Forms = &Forms{}
				l.Forms.Put(7, []byte("made by the writer"))
			}
			put.local = l
		}
		ws = append(ws, put)
	}
	w.store.txn(ws...)
}

func (w *world) options(v View) (o WatchOptions, text string) {
	if v.Namespaced && w.r.IntN(2) == 0 {
		o.Namespace = pick(w.r, "a", "a-b", "b", "nowhere")
	}
	if w.r.IntN(3) == 0 {
		o.Name = pick(w.r, "x", "y", "none")
	}
	if v.WatchField >= 0 && w.r.IntN(3) == 0 {
		n := pick(w.r, "", "n1", "n2")
		o.WatchFieldValue = &n
		text = "node=" + n
	}
	switch w.r.IntN(4) {
	case 0:
		o.Match = func(o *Object) bool { return o.Labels().Get("app") == "one" }
		text += " app=one"
	case 1:
		o.Match = func(o *Object) bool { return o.Field(1) == "Running" && !o.Labels().Has("tier") }
		text += " phase=Running,!tier"
	}
	rev, compacted := w.store.Revision()
	o.After = max(compacted, rev-w.r.Int64N(rev+1))
	if w.r.IntN(3) == 0 {
		o.After = rev + w.r.Int64N(4)
	}
	return o, fmt.Sprintf("%s ns=%s name=%s %s after %d", v.Resource, o.Namespace, o.Name, text, o.After)
}

func (w *world) watch() {
	i := w.r.IntN(len(w.caches))
	o, text := w.options(w.views[i])
	watcher, err := w.caches[i].Watch(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.watchers = append(w.watchers, &watched{w: watcher, view: w.views[i], opts: o, text: text})
}

// poll takes what a watcher has and checks it against the model, with the
// revision it claims to be complete through.
func (w *world) poll(x *watched) (more bool) {
	if x.dead {
		return false
	}
	events, ready, err := x.w.Poll(context.Background())
	if errors.Is(err, storage.ErrCompacted) {
		if _, compacted := w.store.Revision(); x.w.Revision() >= compacted {
			w.t.Fatalf("%s: compacted at %d, mark is %d", x.text, x.w.Revision(), compacted)
		}
		x.dead = true
		return false
	}
	if err != nil {
		w.t.Fatalf("%s: %v", x.text, err)
	}
	if len(events) == 0 && ready == nil {
		w.t.Fatalf("%s: neither events nor a channel", x.text)
	}
	for _, e := range events {
		x.got = append(x.got, eventText(e.Type, e.Revision, x.view.Prefix+e.Object.Key(), e.Object.Revision()))
		frame, err := e.Forms.Get(1, func() ([]byte, error) { return []byte(x.got[len(x.got)-1]), nil })
		if err != nil || string(frame) != x.got[len(x.got)-1] {
			w.t.Fatalf("%s: frame %q of event %q", x.text, frame, x.got[len(x.got)-1])
		}
	}
	want := w.store.modelEvents(x.view, x.opts)
	if len(x.got) > len(want) || !slices.Equal(x.got, want[:len(x.got)]) {
		w.t.Fatalf("%s:\ngot  %v\nwant %v", x.text, x.got, want)
	}
	if len(x.got) < len(want) {
		var next int64
		fmt.Sscan(want[len(x.got)], &next)
		if x.w.Revision() >= next {
			w.t.Fatalf("%s: says complete through %d, but has not returned %s", x.text, x.w.Revision(), want[len(x.got)])
		}
	}
	return len(events) > 0
}

func (w *world) checkSnapshot() {
	i := w.r.IntN(len(w.caches))
	c, v := w.caches[i], w.views[i]
	rev, compacted := w.store.Revision()
	var s *Snapshot
	var err error
	at := int64(-1)
	if w.r.IntN(2) == 0 {
		s, err = c.Snapshot(context.Background())
	} else {
		at = max(compacted, 1+w.r.Int64N(rev))
		s, err = c.SnapshotAt(context.Background(), at)
	}
	if err != nil {
		w.t.Fatalf("snapshot of %s at %d: %v", v.Resource, at, err)
	}
	if at >= 0 && s.Revision != at {
		w.t.Fatalf("asked for revision %d, got %d", at, s.Revision)
	}
	ns, after := "", ""
	if v.Namespaced && w.r.IntN(2) == 0 {
		ns = pick(w.r, "a", "a-b", "b", "nowhere")
	}
	if w.r.IntN(2) == 0 {
		after = pick(w.r, "a/x", "b/", "a-b/x-1", "x", "zzz")
	}
	want, got := w.store.modelList(v, s.Revision, ns, after), listText(s, ns, after)
	if !slices.Equal(want, got) {
		w.t.Fatalf("%s at %d, namespace %q after %q:\ngot  %v\nwant %v", v.Resource, s.Revision, ns, after, got, want)
	}
	if n := s.LenAfter(ns, after); n != len(want) {
		w.t.Fatalf("LenAfter is %d, want %d", n, len(want))
	}
	if w.r.IntN(3) == 0 {
		c.Remember(s)
	}
}

func (w *world) step() {
	switch n := w.r.IntN(100); {
	case n < 50:
		w.write()
	case n < 54:
		w.watch()
	case n < 80:
		if len(w.watchers) > 0 {
			w.poll(pick(w.r, w.watchers...))
		}
	case n < 90:
		w.checkSnapshot()
	case n < 92:
		if len(w.watchers) > 0 {
			i := w.r.IntN(len(w.watchers))
			w.watchers[i].w.Close()
			w.watchers = slices.Delete(w.watchers, i, i+1)
		}
	case n < 93:
		i := w.r.IntN(len(w.caches))
		w.remove(i)
	default:
		synctest.Wait()
	}
}

// remove takes a cache out and puts a new one in; its watchers must end.
func (w *world) remove(i int) {
	old := w.caches[i]
	w.set.Remove(old)
	w.caches[i] = w.set.Cache(w.views[i])
	if _, err := old.Snapshot(context.Background()); !errors.Is(err, ErrRemoved) {
		w.t.Fatalf("snapshot of a removed cache: %v", err)
	}
	kept := w.watchers[:0]
	for _, x := range w.watchers {
		if x.w.cache != old {
			kept = append(kept, x)
			continue
		}
		if _, _, err := x.w.Poll(context.Background()); !errors.Is(err, ErrRemoved) {
			w.t.Fatalf("poll of a removed cache: %v", err)
		}
		x.w.Close()
	}
	w.watchers = kept
}

// finish lets everything settle and checks that nothing is missing.
func (w *world) finish() {
	w.calm.Store(true)
	time.Sleep(time.Second)
	synctest.Wait()
	rev, _ := w.store.Revision()
	if w.set.Revision() != rev {
		w.t.Fatalf("set is at %d, store at %d", w.set.Revision(), rev)
	}
	for _, x := range w.watchers {
		for w.poll(x) {
		}
		if x.dead {
			x.w.Close()
			continue
		}
		if want := w.store.modelEvents(x.view, x.opts); len(x.got) != len(want) {
			w.t.Fatalf("%s: got %d events of %d", x.text, len(x.got), len(want))
		}
		if got := x.w.Revision(); got != max(rev, x.opts.After) {
			w.t.Fatalf("%s: complete through %d at revision %d", x.text, got, rev)
		}
		x.w.Close()
	}
	for _, c := range w.set.Stats().Caches {
		if c.Scopes != 0 || c.Watchers != 0 {
			w.t.Fatalf("%s: %d scopes and %d watchers left", c.Resource, c.Scopes, c.Watchers)
		}
	}
}

// meddle returns a function that now and then writes, and lets time pass, while
// somebody reads.
func (w *world) meddle(seed uint64) func(string) {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 1))
	return func(op string) {
		mu.Lock()
		n, key, node := r.IntN(12), pick(r, "pods/a/x", "pods/b/y", "minions/z", "example.com/widgets/a/x"), pick(r, "n1", "n2")
		mu.Unlock()
		if w.calm.Load() {
			return
		}
		if op == "events" {
			n += 4
		}
		if n < 6 {
			w.store.put("/registry/"+key, value{Node: node})
		}
		if n < 4 {
			time.Sleep(time.Millisecond) // virtual: everybody else goes on
			w.store.delete("/registry/" + key)
		}
		if n < 5 {
			time.Sleep(time.Millisecond)
		}
	}
}

func (w *world) addCaches() {
	widgets := podsView()
	widgets.Resource, widgets.Prefix = "widgets.example.com", "/registry/example.com/widgets/"
	w.views = []View{podsView(), nodesView(), widgets}
	for _, v := range w.views {
		w.caches = append(w.caches, w.set.Cache(v))
	}
}

// TestModel runs random histories against the model, with logs that hold
// everything, little, or almost nothing.
func TestModel(t *testing.T) {
	seeds := newRand(t)
	for i := range 60 {
		seed := seeds.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 0))
				w := &world{t: t, r: r, store: newFakeStore()}
				w.store.batchLimit = 1 + r.IntN(20)
				for range r.IntN(300) {
					w.write()
				}
				set, stop := runSet(t, Config{
					Store:        w.store,
					LogBytes:     pick[int64](r, 0, 1, 5000, 20000),
					HistoryBytes: pick[int64](r, 0, 1, 10000),
					FramesBytes:  pick[int64](r, 0, 1, 1000),
					Remember:     1 + r.IntN(5),
				})
				w.set = set
				if i%2 == 0 {
					w.store.afterRead = w.meddle(seed)
				}
				w.addCaches()
				for range 600 {
					w.step()
					if i%3 == 0 && r.IntN(60) == 0 {
						rev, _ := w.store.Revision()
						w.store.compact(rev - r.Int64N(min(rev, 40)))
					}
				}
				w.finish()
				stop()
			})
		})
	}
}
