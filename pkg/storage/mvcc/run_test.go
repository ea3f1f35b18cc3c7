package mvcc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// running starts Run and returns what ends it.
func running(s *Store) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

func TestFlushByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTester(t, Config{FlushInterval: 100 * time.Millisecond})
		stop := running(x.Store)
		x.put("a", "b")
		time.Sleep(99 * time.Millisecond)
		synctest.Wait()
		if i, _ := x.DurableIndex(); i != 0 {
			t.Error("committed early")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if i, term := x.DurableIndex(); i != 1 || term != 1 {
			t.Error("not committed in time")
		}
		commits := x.disk.Commits()
		time.Sleep(time.Hour)
		if x.disk.Commits() != commits {
			t.Error("an idle store commits")
		}
		// An entry without a command moves the index, and is committed too.
		if _, err := x.Apply([]Entry{{Index: 2, Term: 3}}); err != nil {
			t.Fatal(err)
		}
		x.log.entries = append(x.log.entries, Entry{Index: 2, Term: 3})
		time.Sleep(time.Second)
		if i, term := x.DurableIndex(); i != 2 || term != 3 {
			t.Error("index is not committed")
		}
		x.put("a", "c")
		if err := stop(); err != nil {
			t.Error(err)
		}
		if i, _ := x.DurableIndex(); i != 3 {
			t.Error("the end of Run did not commit")
		}
	})
}

func TestFlushByCountAndBytes(t *testing.T) {
	for name, cfg := range map[string]Config{
		"count": {FlushInterval: time.Hour, FlushRecords: 10},
		"bytes": {FlushInterval: time.Hour, FlushBytes: 10 * 160},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newTester(t, cfg)
				stop := running(x.Store)
				for i := range 10 {
					x.put(fmt.Sprint(i), "")
				}
				synctest.Wait()
				if i, _ := x.DurableIndex(); i != 10 {
					t.Errorf("committed to %d", i)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestBackPressure applies without Run: what is pending stays bounded.
func TestBackPressure(t *testing.T) {
	x := newTester(t, Config{MaxPendingBytes: 2000})
	for i := range 100 {
		x.put(fmt.Sprint(i), "value")
		if st := x.Stats(); st.PendingBytes >= 2000 {
			t.Fatalf("%d bytes are pending", st.PendingBytes)
		}
	}
}

// TestFailedCommit: a commit that fails ends the store, whatever became of it.
func TestFailedCommit(t *testing.T) {
	for _, fault := range []Fault{FailIt, FailLate} {
		synctest.Test(t, func(t *testing.T) {
			disk := NewMemoryDisk()
			s, err := Open(Config{Backend: disk.Open()})
			if err != nil {
				t.Fatal(err)
			}
			x := &tester{Store: s, t: t, disk: disk}
			done := make(chan error, 1)
			go func() { done <- s.Run(t.Context()) }()
			disk.SetFault(func(int) Fault { return fault })
			x.put("a", "b")
			if err := <-done; !errors.Is(err, ErrInjected) {
				t.Fatal(err)
			}
			disk.SetFault(nil)
			if _, err := s.Apply([]Entry{x.log.add(t, &Command{Kind: CommandCompact, Revision: 1})}); !errors.Is(err, ErrInjected) {
				t.Error(err)
			}
			if err := s.Flush(); !errors.Is(err, ErrInjected) {
				t.Error(err)
			}
			_, err = s.Events(t.Context(), storage.EventsRequest{Key: "a", After: 5})
			if !errors.Is(err, storage.ErrStopped) {
				t.Error(err)
			}
			if err := s.Close(); !errors.Is(err, ErrInjected) {
				t.Error(err)
			}
			x.open() // a new process
			x.replay()
			if rev, _ := x.Revision(); rev != 2 {
				t.Error(rev)
			}
			x.finish()
		})
	}
}

// TestCompactionResumes cuts a compaction off after each of its commits.
func TestCompactionResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTester(t, Config{})
		for i := range 3 * compactBatch {
			x.put(fmt.Sprintf("%05d", i%compactBatch), fmt.Sprint(i))
		}
		rev, _ := x.Revision()
		for i := range 100 {
			x.delete(fmt.Sprintf("%05d", i))
		}
		x.compactTo(rev + 50)
		want := x.hash(0)
		x.flushed()
		for n := 1; ; n++ {
			start := x.disk.Commits()
			x.disk.SetFault(func(c int) Fault {
				if c == start+1 {
					return CrashLate
				}
				return NoFault
			})
			err := x.removeCompacted(t.Context())
			x.disk.SetFault(nil)
			if err == nil {
				t.Fatal("no commit was left")
			}
			x.open()
			x.replay()
			if got := x.hash(0); got != want {
				t.Fatalf("hash %+v after commit %d, want %+v", got, n, want)
			}
			if x.state.finished == x.state.compacted {
				if n < 2 {
					t.Fatal("compaction had one commit only")
				}
				break
			}
		}
		if st := x.Stats(); st.IndexKeys != compactBatch-50 || st.Keys != compactBatch-100 {
			t.Errorf("%+v", st)
		}
		x.disk.mu.Lock()
		left := len(x.disk.data[string(bucketKey)])
		x.disk.mu.Unlock()
		if left != compactBatch-50+50 {
			t.Errorf("%d changes are left", left)
		}
		// Run takes up what is left without being asked.
		x.put("00500", "again")
		rev, _ = x.Revision()
		x.compactTo(rev)
		x.flushed()
		x.restart()
		stop := running(x.Store)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if x.state.finished != rev {
			t.Errorf("finished %d, want %d", x.state.finished, rev)
		}
	})
}

// TestMarkMovesDuringFlush moves the mark again while the compactor makes the
// first one durable. What the second hides is not in the backend yet: removing
// it then would remove nothing, and it would be written afterwards.
func TestMarkMovesDuringFlush(t *testing.T) {
	x := newTester(t, Config{})
	x.put("a", "1")
	x.put("a", "2")
	x.compactTo(3)
	once := false
	x.disk.SetFault(func(int) Fault {
		if !once {
			once = true
			x.put("a", "3")
			x.put("a", "4")
			x.compactTo(5)
		}
		return NoFault
	})
	x.sweep()
	x.disk.SetFault(nil)
	if err := x.Check(); err != nil {
		t.Fatal(err)
	}
	x.sweep()
}

// TestEventsWait: waiters are woken by any revision, by the end, by their ctx.
func TestEventsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTester(t, Config{})
		stop := running(x.Store)
		type answer struct {
			b   storage.Batch
			err error
		}
		ask := func(ctx context.Context, key string, after int64) chan answer {
			c := make(chan answer, 1)
			go func() {
				b, err := x.Events(ctx, storage.EventsRequest{Key: key, After: after})
				c <- answer{b, err}
			}()
			synctest.Wait()
			return c
		}
		a, b := ask(t.Context(), "a", 1), ask(t.Context(), "b", 1)
		later := ask(t.Context(), "a", 2)
		ctx, cancel := context.WithCancel(t.Context())
		gone := ask(ctx, "a", 1_000)
		x.put("a", "1")
		if r := <-a; len(r.b.Events) != 1 || r.b.Revision != 2 || r.err != nil {
			t.Errorf("%+v", r)
		}
		if r := <-b; len(r.b.Events) != 0 || r.b.Revision != 2 || r.err != nil {
			t.Errorf("progress only: %+v", r)
		}
		select {
		case r := <-later:
			t.Errorf("%+v", r)
		default:
		}
		cancel()
		if r := <-gone; !errors.Is(r.err, context.Canceled) {
			t.Errorf("%+v", r)
		}
		// A compaction above the cursor is news too.
		x.compactTo(2)
		synctest.Wait()
		if r := ask(t.Context(), "a", 1); !errors.Is((<-r).err, storage.ErrCompacted) {
			t.Error("not compacted")
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if r := <-later; !errors.Is(r.err, storage.ErrStopped) {
			t.Errorf("%+v", r)
		}
	})
}

// TestWholeRevisions: neither the ring's bound nor a limit splits a revision.
func TestWholeRevisions(t *testing.T) {
	x := newTester(t, Config{RecentRecords: 5})
	var ops []storage.Op
	for i := range 20 {
		ops = append(ops, storage.Op{Type: storage.OpPut, Key: fmt.Sprint(i + 10)})
	}
	x.txn(&storage.Txn{Success: ops})
	x.txn(&storage.Txn{Success: ops})
	for range 2 {
		for _, limit := range []int{1, 20, 21, 100} {
			var got []int
			for after := int64(1); after < 3; {
				b, err := x.Events(t.Context(), storage.EventsRequest{RangeEnd: "\x00", After: after, Limit: limit})
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, len(b.Events))
				after = b.Revision
			}
			want := []int{20, 20}
			if limit > 20 {
				want = []int{40}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("limit %d: batches of %v, want %v", limit, got, want)
			}
		}
		x.flushed() // and again from the backend
	}
}

func TestFence(t *testing.T) {
	x := newTester(t, Config{})
	if r := x.do(Command{Kind: CommandTxns, Term: 2, Txns: []*storage.Txn{putTxn("a", "b")}}); !errors.Is(r.Err, ErrFenced) || r.Revision != 1 {
		t.Error(r)
	}
	if r := x.do(Command{Kind: CommandTxns, Term: 1, Txns: []*storage.Txn{putTxn("a", "b")}}); r.Err != nil || r.Revision != 2 {
		t.Error(r)
	}
	// An entry is applied once.
	res, err := x.Apply(x.log.after(0))
	if err != nil || !res[0].Skipped || !res[1].Skipped || res[1].Revision != 2 {
		t.Error(res, err)
	}
}

// TestConcurrent writes, reads, follows and compacts at once on a real file,
// and compares what the follower saw with the end.
func TestConcurrent(t *testing.T) {
	seed := seeded(t).Uint64()
	cfg := Config{Path: dbPath(t), FlushInterval: time.Millisecond, RecentRecords: 50, MaxPendingBytes: 20_000}
	x := newTester(t, cfg)
	stop := running(x.Store)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	const writes = 3000
	followed := map[string]int64{}
	caughtUp := make(chan struct{})
	var seen atomic.Int64
	wg.Go(func() {
		defer close(caughtUp)
		for after := int64(1); after < writes+1; {
			b, err := x.Events(ctx, storage.EventsRequest{RangeEnd: "\x00", After: after})
			if err != nil {
				t.Error(err)
				return
			}
			for _, e := range b.Events {
				if e.KV.ModRevision != after+1 {
					t.Errorf("event %d after %d", e.KV.ModRevision, after)
				}
				after = e.KV.ModRevision
				if old := followed[e.KV.Key]; (e.Prev == nil) != (old == 0) || e.Prev != nil && e.Prev.ModRevision != old {
					t.Errorf("event %d: previous %s, want %d", after, showKV(e.Prev), old)
				}
				followed[e.KV.Key] = e.KV.ModRevision
				if e.Type == storage.EventDelete {
					followed[e.KV.Key] = 0
				}
			}
			seen.Store(after)
			if b.Revision != after {
				t.Errorf("progress %d without events after %d", b.Revision, after)
			}
		}
	})
	for reader := range 2 {
		g := rand.New(rand.NewPCG(seed, uint64(reader)))
		wg.Go(func() {
			for ctx.Err() == nil {
				cur, mark := x.Revision()
				rev := mark + g.Int64N(cur-mark+1)
				res, err := x.Range(ctx, storage.RangeRequest{RangeEnd: "\x00", Revision: rev})
				if err != nil && !errors.Is(err, storage.ErrCompacted) && !errors.Is(err, context.Canceled) {
					t.Errorf("range at %d: %v", rev, err)
				}
				if err == nil {
					for _, kv := range res.KVs {
						if rev > 0 && kv.ModRevision > rev {
							t.Errorf("range at %d has %s", rev, showKV(kv))
						}
					}
				}
				if _, err := x.HashKV(ctx, 0); err != nil && !errors.Is(err, storage.ErrCompacted) && !errors.Is(err, context.Canceled) {
					t.Errorf("hash: %v", err)
				}
			}
		})
	}
	g := rand.New(rand.NewPCG(seed, 9))
	state := map[string]int64{}
	for rev := int64(2); rev <= writes+1; rev++ {
		key := fmt.Sprintf("/k/%d", g.IntN(40))
		if state[key] > 0 && g.IntN(4) == 0 {
			x.delete(key)
			state[key] = 0
		} else {
			x.put(key, fmt.Sprint(rev))
			state[key] = rev
		}
		if _, mark := x.Revision(); seen.Load() > mark+100 {
			x.compactTo(seen.Load()) // never above the follower
		}
	}
	<-caughtUp
	cancel()
	wg.Wait()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if fmt.Sprint(followed) != fmt.Sprint(state) {
		t.Errorf("followed %v, want %v", followed, state)
	}
}
