package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

var eventValidators = []Validator{
	{"EventsResume", "from every revision, in every range and with every limit, events are ordered, unique, atomic, reliable, resumable and bookmark-exact", checkEventsResume},
	{"EventsAtomic", "a limit never splits a revision", checkEventsAtomic},
	{"EventsValues", "a put tells the new state, a delete key and revision, both the state before", checkEventsValues},
	{"EventsProgress", "a range without events is complete through the newest revision, and no further", checkEventsProgress},
	{"EventsWait", "a reader at the end waits for the next write, also when it starts ahead of the revision", checkEventsWait},
	{"EventsLocal", "what was attached to a put comes with its event, and is not stored", checkEventsLocal},
	{"EventsConcurrent", "the guarantees hold for readers that come, stop and resume while many write", checkEventsConcurrent},
	{"BatchPublishedTogether", "no read shows a part of a batch, and no event before all of it is there", checkBatchPublished},
}

func checkEventsResume(t testing.TB, h Harness) {
	e := newEnv(t, h)
	first := e.current()
	m := churn(e, 30)
	truth := m.Events("", "\x00", 0)
	for _, r := range []storage.EventsRequest{
		{Key: "\x00", RangeEnd: "\x00"}, {Key: "k/", RangeEnd: "k0"}, {Key: "l/3"}, {Key: "l/", RangeEnd: "\x00"}, {Key: "nothing"},
	} {
		for _, r.Limit = range []int{0, 1, 2, 7, 1000} {
			for r.After = first; r.After < e.current(); r.After++ {
				if err := CheckWatch(truth, e.watch(r, e.current())); err != nil {
					e.Errorf("Events(%+v): %v", r, err)
				}
			}
		}
	}
	if err := CheckRevisions(first+1, e.events("\x00", "\x00", first, e.current())); err != nil {
		e.Errorf("%v", err)
	}
}

func checkEventsAtomic(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	for range 5 {
		var ops []storage.Op
		for k := range 10 {
			ops = append(ops, put(fmt.Sprintf("k/%d", k), "v"))
		}
		e.do(ops...)
	}
	e.do(storage.Op{Type: storage.OpDelete, Key: "k/", RangeEnd: "k0"})
	for limit := range 25 {
		w := e.watch(storage.EventsRequest{Key: "k/", RangeEnd: "k0", After: before, Limit: limit}, e.current())
		if err := atomic(nil, &w); err != nil {
			e.Errorf("limit %d: %v", limit, err)
		}
		for _, b := range w.Batches {
			if limit > 0 && len(b.Events) >= limit+10 {
				e.Errorf("limit %d: a batch has %d events of revisions with 10 each", limit, len(b.Events))
			}
		}
		if got := len(w.Events()); got != 60 {
			e.Errorf("limit %d: got %d events, want 60", limit, got)
		}
	}
}

func checkEventsValues(t testing.TB, h Harness) {
	e := newEnv(t, h)
	lease := e.grant(0, patience)
	before := e.current()
	e.put("k", "1")
	one := e.get("k")
	e.do(storage.Op{Type: storage.OpPut, Key: "k", Value: []byte("2"), Lease: lease.ID})
	two := e.get("k")
	deleted := e.delete("k")
	e.put("k", "3")
	three := e.get("k")
	want := []storage.Event{
		{Type: storage.EventPut, KV: one},
		{Type: storage.EventPut, KV: two, Prev: one},
		{Type: storage.EventDelete, KV: &storage.KeyValue{Key: "k", ModRevision: deleted}, Prev: two},
		{Type: storage.EventPut, KV: three},
	}
	got := e.events("k", "", before, e.current())
	if len(got) != len(want) {
		e.Fatalf("got events:%s", formatEvents(got))
	}
	for i := range want {
		if got[i].Type != want[i].Type || !equalKV(got[i].KV, want[i].KV) || !equalKV(got[i].Prev, want[i].Prev) {
			e.Errorf("event %d: got %s with previous %s, want %s with previous %s", i,
				formatEvent(got[i]), formatKV(got[i].Prev), formatEvent(want[i]), formatKV(want[i].Prev))
		}
	}
}

func checkEventsProgress(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	for i := range 20 {
		e.put("outside", fmt.Sprint(i))
		b, err := e.Events(e.ctx, storage.EventsRequest{Key: "inside", After: before})
		if err != nil {
			e.Fatalf("Events of a range without events: %v", err)
		}
		if len(b.Events) != 0 || b.Revision != e.current() {
			e.Errorf("a range without events: got %d events, complete through %d, want none through %d", len(b.Events), b.Revision, e.current())
		}
		b, err = e.Events(e.ctx, storage.EventsRequest{Key: "outside", After: before})
		if err != nil {
			e.Fatalf("Events: %v", err)
		}
		if b.Revision > e.current() {
			e.Errorf("a batch is complete through %d, the store is at %d", b.Revision, e.current())
		}
	}
}

func checkEventsWait(t testing.TB, h Harness) {
	e := newEnv(t, h)
	for ahead := range int64(4) {
		start := e.current()
		type answer struct {
			w   Watch
			err error
		}
		answers := make(chan answer, 1)
		go func() {
			w := Watch{Key: "k", After: start + ahead}
			for len(w.Events()) == 0 {
				b, err := e.Events(e.ctx, storage.EventsRequest{Key: "k", After: w.Revision()})
				if err != nil {
					answers <- answer{w, err}
					return
				}
				w.Batches = append(w.Batches, b)
			}
			answers <- answer{w, nil}
		}()
		for i := range ahead + 1 {
			e.put("k", fmt.Sprint(i))
		}
		got := <-answers
		if got.err != nil {
			e.Fatalf("Events after %d, %d ahead: %v", start+ahead, ahead, got.err)
		}
		events := got.w.Events()
		if len(events) != 1 || events[0].KV.ModRevision != start+ahead+1 || valueOf(events[0].KV) != fmt.Sprint(ahead) {
			e.Errorf("a reader that waits after %d got%s", start+ahead, formatEvents(events))
		}
	}
}

func checkEventsLocal(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	type local struct{ n int }
	attached := map[string]*local{}
	op := func(key string) storage.Op {
		attached[key] = &local{len(attached)}
		return storage.Op{Type: storage.OpPut, Key: key, Value: []byte("v"), Local: attached[key]}
	}
	never := func(key string) storage.Op {
		return storage.Op{Type: storage.OpPut, Key: key, Value: []byte("v"), Local: &local{-1}}
	}
	absent := []storage.Compare{compare("nowhere", storage.CompareMod, storage.Equal, 0)}
	present := []storage.Compare{compare("nowhere", storage.CompareMod, storage.Greater, 0)}
	e.do(op("one"), put("none", "v"))
	e.txn(&storage.Txn{Compares: present, Success: []storage.Op{never("two"), never("three")}, Failure: []storage.Op{put("none", "v"), op("two"), get("one"), op("three")}})
	if _, err := e.Batch(e.ctx, []*storage.Txn{
		{Compares: absent, Success: []storage.Op{
			nested(&storage.Txn{Compares: present, Success: []storage.Op{never("four")}, Failure: []storage.Op{op("four")}}), op("five"),
		}, Failure: []storage.Op{never("five")}},
		{Success: []storage.Op{put("none", "w")}},
		{Success: []storage.Op{op("six")}},
	}); err != nil {
		e.Fatalf("Batch: %v", err)
	}
	for _, ev := range e.events("\x00", "\x00", before, e.current()) {
		want, ok := attached[ev.KV.Key]
		switch {
		case !ok && ev.Local != nil:
			e.Errorf("the event of %q has a local %v that nobody attached", ev.KV.Key, ev.Local)
		case ok && ev.Local != any(want):
			e.Errorf("the event of %q has local %v, want %v", ev.KV.Key, ev.Local, want)
		}
	}
}

func checkBatchPublished(t testing.TB, h Harness) {
	e := newEnv(t, h)
	const size, rounds = 4, 50
	start := e.current()
	done := make(chan struct{})
	var readers sync.WaitGroup
	whole := func(what string, revision int64) {
		if (revision-start)%size != 0 {
			e.Errorf("%s shows revision %d, in the middle of a batch that ends at %d", what, revision, revision+size-(revision-start)%size)
		}
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			whole("Revision", e.current())
			if r, err := e.Range(e.ctx, storage.RangeRequest{Key: "k/0"}); err == nil {
				whole("Range", r.Revision)
			}
		}
	})
	readers.Go(func() {
		for after := start; after < start+size*rounds; {
			b, err := e.Events(e.ctx, storage.EventsRequest{Key: "k/", RangeEnd: "k0", After: after})
			if err != nil {
				e.Errorf("Events after %d: %v", after, err)
				return
			}
			// A batch of events may end anywhere, but all of it is there by now.
			if end := b.Revision + (size-(b.Revision-start)%size)%size; e.current() < end {
				e.Errorf("Events shows revision %d before the rest of a batch that ends at %d", b.Revision, end)
			}
			after = b.Revision
		}
	})
	for i := range rounds {
		var ts []*storage.Txn
		for k := range size {
			ts = append(ts, &storage.Txn{Success: []storage.Op{put(fmt.Sprintf("k/%d", k), fmt.Sprint(i))}})
		}
		if _, err := e.Batch(e.ctx, ts); err != nil {
			e.Errorf("Batch: %v", err)
			break
		}
	}
	close(done)
	readers.Wait()
}

// checkEventsConcurrent has writers on overlapping keys, and readers that stop
// after some batches and resume where they were, or further back.
func checkEventsConcurrent(t testing.TB, h Harness) {
	e := newEnv(t, h)
	const writers, writes = 4, 100
	start := e.current()
	seed := rand.Uint64()
	e.Logf("seed %d", seed)

	calls := make([][]*Call, writers)
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			g := NewGenerator(rand.New(rand.NewPCG(seed, uint64(w))), fmt.Sprintf("w%d", w))
			for range writes {
				c := &Call{Kind: CallBatch, Txns: g.Txns()}
				c.Results, c.Err = e.Batch(e.ctx, c.Txns)
				g.Observe(c)
				calls[w] = append(calls[w], c)
			}
		})
	}
	written, stop := context.WithCancel(e.ctx)
	defer stop()
	watches := make([][]Watch, 4)
	for r := range watches {
		reading.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(1000+r)))
			watches[r] = readAtRandom(e, rng, written, start)
		})
	}
	writing.Wait()
	stop()
	reading.Wait()

	truth := e.events("", "\x00", start, e.current())
	if err := CheckRevisions(start+1, truth); err != nil {
		e.Errorf("%v", err)
	}
	var all []*Call
	for _, c := range calls {
		all = append(all, c...)
	}
	if _, err := Replay(start, all, truth); err != nil {
		e.Errorf("%v", err)
	}
	for _, ws := range watches {
		for _, w := range ws {
			if err := CheckWatch(truth, w); err != nil {
				e.Errorf("watch of [%q, %q) after %d: %v", w.Key, w.RangeEnd, w.After, err)
			}
		}
	}
}

// readAtRandom records watches until written is done.
func readAtRandom(e *env, rng *rand.Rand, written context.Context, start int64) []Watch {
	ranges := [][2]string{{"\x00", "\x00"}, {"a/", "a0"}, {"a/03", "a/09"}, {"a/07", ""}}
	var watches []Watch
	after := start
	for written.Err() == nil {
		r := ranges[rng.IntN(len(ranges))]
		w := Watch{Key: r[0], RangeEnd: r[1], After: after}
		for range 1 + rng.IntN(20) {
			b, err := e.Events(written, storage.EventsRequest{Key: w.Key, RangeEnd: w.RangeEnd, After: w.Revision(), Limit: rng.IntN(8)})
			if errors.Is(err, context.Canceled) {
				break
			}
			if err != nil {
				e.Errorf("Events: %v", err)
				return watches
			}
			w.Batches = append(w.Batches, b)
		}
		watches = append(watches, w)
		after = w.Revision()
		if rng.IntN(4) == 0 {
			after = start + rng.Int64N(after-start+1)
		}
	}
	return watches
}
