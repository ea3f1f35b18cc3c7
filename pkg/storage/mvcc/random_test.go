package mvcc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// generator makes random commands over few keys, so that they meet.
type generator struct {
	*rand.Rand
	n int
}

func (g *generator) key() string { return fmt.Sprintf("/k/%c", 'a'+g.IntN(12)) }

// span returns a key and a range end, most often of one key.
func (g *generator) span() (string, string) {
	switch g.IntN(6) {
	case 0:
		return "/k/", storage.PrefixEnd("/k/")
	case 1:
		a, b := g.key(), g.key()
		return min(a, b), max(a, b) + "!"
	case 2:
		return g.key(), "\x00"
	}
	return g.key(), ""
}

func (g *generator) value() []byte {
	g.n++
	return fmt.Appendf(nil, "value %d %x", g.n, make([]byte, g.IntN(40)))
}

func (g *generator) compare(m *model) storage.Compare {
	c := storage.Compare{Target: storage.CompareTarget(g.IntN(5)), Result: storage.CompareResult(g.IntN(4))}
	c.Key, c.RangeEnd = g.span()
	c.Int = int64(g.IntN(3))
	kv, exists := m.states[m.rev][c.Key]
	if exists && g.IntN(3) > 0 {
		c.Int = map[storage.CompareTarget]int64{
			storage.CompareMod: kv.ModRevision, storage.CompareVersion: kv.Version,
			storage.CompareCreate: kv.CreateRevision, storage.CompareLease: kv.Lease,
		}[c.Target]
	}
	if c.Target == storage.CompareValue {
		c.Int = 0
		c.Bytes = kv.Value
	}
	return c
}

func (g *generator) lease(m *model) int64 {
	if g.IntN(3) > 0 {
		return 0
	}
	return int64(1 + g.IntN(5))
}

func (g *generator) op(m *model, depth int) storage.Op {
	o := storage.Op{}
	switch n := g.IntN(20); {
	case n < 11:
		o = storage.Op{Type: storage.OpPut, Key: g.key(), PrevKV: g.IntN(4) == 0}
		g.n++
		o.Local = g.n
		if o.IgnoreValue = g.IntN(10) == 0; !o.IgnoreValue {
			o.Value = g.value()
		}
		if o.IgnoreLease = g.IntN(10) == 0; !o.IgnoreLease {
			o.Lease = g.lease(m)
		}
	case n < 15:
		o = storage.Op{Type: storage.OpDelete, PrevKV: g.IntN(2) == 0}
		o.Key, o.RangeEnd = g.span()
	case n < 18 || depth > 2:
		o = storage.Op{Type: storage.OpRange, Limit: int64(g.IntN(4)), KeysOnly: g.IntN(4) == 0, CountOnly: g.IntN(5) == 0}
		o.Key, o.RangeEnd = g.span()
		if g.IntN(4) == 0 {
			o.Revision = max(0, m.rev-int64(g.IntN(6))+1)
		}
	default:
		o = storage.Op{Type: storage.OpTxn, Txn: g.txn(m, depth+1)}
	}
	return o
}

func (g *generator) txn(m *model, depth int) *storage.Txn {
	t := &storage.Txn{}
	for range g.IntN(3) {
		t.Compares = append(t.Compares, g.compare(m))
	}
	ops := func() (list []storage.Op) {
		for range 1 + g.IntN(3)*g.IntN(2) {
			list = append(list, g.op(m, depth))
		}
		return list
	}
	t.Success = ops()
	if g.IntN(2) == 0 {
		t.Failure = ops()
	}
	return t
}

func (g *generator) command(m *model) *Command {
	c := &Command{ID: ProposalID{Member: 1, Seq: g.Uint64()}}
	switch n := g.IntN(40); {
	case n < 30:
		c.Kind = CommandTxns
		for range 1 + g.IntN(2)*g.IntN(3) {
			c.Txns = append(c.Txns, g.txn(m, 0))
		}
	case n < 33:
		c.Kind = CommandLeaseGrant
		c.Lease = storage.Lease{ID: int64(1 + g.IntN(5)), TTL: time.Duration(1+g.IntN(9)) * time.Second}
	case n < 35:
		c.Kind = CommandLeaseRevoke
		for range 1 + g.IntN(3) {
			c.Leases = append(c.Leases, int64(1+g.IntN(6)))
		}
	case n < 39:
		c.Kind = CommandCompact
		c.Revision = m.compacted + int64(g.IntN(int(m.rev-m.compacted)+2))
	default:
		c.Kind = CommandAlarm
		c.Alarm = Alarm{Member: 1, Type: AlarmNoSpace}
		c.Activate = g.IntN(4) == 0
	}
	return c
}

// step applies a random run of commands and compares the answers.
func (g *generator) step(x *tester, m *model) {
	x.t.Helper()
	var entries []Entry
	var want []Result
	for range 1 + g.IntN(4) {
		c := g.command(m)
		entries = append(entries, x.log.add(x.t, c))
		want = append(want, m.apply(c))
	}
	got, err := x.Apply(entries)
	if err != nil {
		x.t.Fatal(err)
	}
	for i := range want {
		if g, w := showResult(got[i]), showResult(want[i]); g != w {
			x.t.Fatalf("entry %d\n got %s\nwant %s", entries[i].Index, g, w)
		}
	}
}

// verify compares everything that can be read with the model.
func verify(x *tester, m *model, g *rand.Rand) {
	x.t.Helper()
	cur, compacted := x.Revision()
	if cur != m.rev || compacted != m.compacted {
		x.t.Fatalf("revision %d, mark %d; want %d, %d", cur, compacted, m.rev, m.compacted)
	}
	for rev := int64(0); rev <= m.rev+1; rev++ {
		verifyRange(x, m, rev, g)
		verifyEvents(x, m, rev, g)
	}
	leases := map[int64]int64{}
	for _, l := range x.Leases() {
		leases[l.ID] = int64(l.TTL.Seconds())
		keys := []string{}
		for _, kv := range inState(m.states[m.rev], "/k/", "\x00") {
			if kv.Lease == l.ID {
				keys = append(keys, kv.Key)
			}
		}
		if got := x.LeaseKeys(l.ID); fmt.Sprint(got) != fmt.Sprint(keys) {
			x.t.Fatalf("lease %d has %v, want %v", l.ID, got, keys)
		}
	}
	if fmt.Sprint(leases) != fmt.Sprint(m.leases) {
		x.t.Fatalf("leases %v, want %v", leases, m.leases)
	}
}

func verifyRange(x *tester, m *model, rev int64, g *rand.Rand) {
	x.t.Helper()
	gen := generator{Rand: g}
	key, end := gen.span()
	req := storage.RangeRequest{Key: key, RangeEnd: end, Revision: rev, Limit: int64(g.IntN(5)), KeysOnly: g.IntN(3) == 0}
	res, err := x.Range(context.Background(), req)
	switch {
	case rev > m.rev:
		if !errors.Is(err, storage.ErrFutureRevision) {
			x.t.Fatalf("range at %d: %v", rev, err)
		}
		return
	case rev > 0 && rev < m.compacted:
		var c *storage.CompactedError
		if !errors.As(err, &c) || c.Compacted != m.compacted || c.Requested != rev {
			x.t.Fatalf("range at %d, mark %d: %v", rev, m.compacted, err)
		}
		return
	case err != nil:
		x.t.Fatalf("range at %d: %v", rev, err)
	}
	at := rev
	if at == 0 {
		at = m.rev
	}
	want := rangeOf(m.states[at], storage.Op{Key: key, RangeEnd: end, Limit: req.Limit, KeysOnly: req.KeysOnly})
	if g, w := showKVs(res.KVs), showKVs(want.KVs); g != w || res.Count != want.Count || res.More != want.More || res.Revision != at {
		x.t.Fatalf("range %+v\n got %s n%d more %v at %d\nwant %s n%d more %v", req, g, res.Count, res.More, res.Revision, w, want.Count, want.More)
	}
}

func verifyEvents(x *tester, m *model, after int64, g *rand.Rand) {
	x.t.Helper()
	gen := generator{Rand: g}
	key, end := gen.span()
	if after >= m.rev {
		return
	}
	var got []storage.Event
	for at := after; at < m.rev; {
		b, err := x.Events(context.Background(), storage.EventsRequest{Key: key, RangeEnd: end, After: at, Limit: 1 + g.IntN(5)})
		if at < m.compacted {
			if !errors.Is(err, storage.ErrCompacted) {
				x.t.Fatalf("events after %d, mark %d: %v", at, m.compacted, err)
			}
			return
		}
		if err != nil {
			x.t.Fatal(err)
		}
		if b.Revision <= at || b.Revision > m.rev {
			x.t.Fatalf("events after %d: progress to %d", at, b.Revision)
		}
		for _, e := range b.Events {
			if e.KV.ModRevision <= at || e.KV.ModRevision > b.Revision {
				x.t.Fatalf("batch (%d, %d] has an event of %d", at, b.Revision, e.KV.ModRevision)
			}
		}
		got = append(got, b.Events...)
		at = b.Revision
	}
	if g, w := showEvents(got, false), showEvents(m.eventsAfter(after, key, end), false); g != w {
		x.t.Fatalf("events of [%q, %q) after %d\n got\n%swant\n%s", key, end, after, g, w)
	}
}

// small makes everything spill: the ring, the batches.
var small = Config{RecentRecords: 8, RecentBytes: 2000, MaxPendingBytes: 8000}

// TestRandom runs random commands with commits, sweeps and crashes anywhere
// between, and compares all reads with the model.
func TestRandom(t *testing.T) {
	g := &generator{Rand: seeded(t)}
	for range 15 {
		x, m := newTester(t, small), newModel()
		for range 60 {
			g.step(x, m)
			switch g.IntN(12) {
			case 0, 1:
				x.flushed()
			case 2:
				x.sweep()
			case 3:
				x.restart()
			case 4:
				verify(x, m, g.Rand)
				if err := x.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
		verify(x, m, g.Rand)
		x.restart()
		verify(x, m, g.Rand)
		x.sweep()
		verify(x, m, g.Rand)
	}
}

// TestReplay applies one log with different batches, commits and sweeps and
// wants the same hash at every revision, and the same bytes where the same
// history is left.
func TestReplay(t *testing.T) {
	g := &generator{Rand: seeded(t)}
	first, m := newTester(t, Config{}), newModel()
	for range 150 {
		g.step(first, m)
	}
	for range 8 {
		other := newTester(t, small)
		other.log = first.log
		for rest := first.log.after(0); len(rest) > 0; {
			n := min(len(rest), 1+g.IntN(20))
			if _, err := other.Apply(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			switch g.IntN(4) {
			case 0:
				other.flushed()
			case 1:
				other.sweep()
			case 2:
				other.restart()
				rest = other.log.after(other.AppliedIndex())
			}
		}
		for rev := m.compacted; rev <= m.rev; rev++ {
			if a, b := first.hash(rev), other.hash(rev); a != b {
				t.Fatalf("hash at %d: %+v and %+v", rev, a, b)
			}
		}
	}
	// The hash means something: another history has another.
	before := first.hash(0)
	first.do(Command{Kind: CommandAlarm, Alarm: Alarm{Member: 1, Type: AlarmNoSpace}})
	first.put("/k/a", "other")
	if after := first.hash(0); after.Sum == before.Sum {
		t.Fatal("hash did not change")
	}
}

// TestCrashAtEveryCommit cuts the same run off at each of its commits, before
// and after it became durable.
func TestCrashAtEveryCommit(t *testing.T) {
	seed := seeded(t).Uint64()
	run := func(crashAt int, fault Fault) (*tester, *model) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 2))}
		x, m := newTester(t, small), newModel()
		x.disk.SetFault(func(n int) Fault {
			if n == crashAt {
				return fault
			}
			return NoFault
		})
		for range 60 {
			c := g.command(m)
			e, want := x.log.add(t, c), m.apply(c)
			got, err := x.Apply([]Entry{e})
			if errors.Is(err, ErrInjected) {
				x.open()
				x.replay()
			} else if err != nil {
				t.Fatal(err)
			} else if g, w := showResult(got[0]), showResult(want); g != w {
				t.Fatalf("crash at %d: entry %d\n got %s\nwant %s", crashAt, e.Index, g, w)
			}
			var err2 error
			switch g.IntN(4) {
			case 0:
				err2 = x.Flush()
			case 1:
				err2 = x.removeCompacted(context.Background())
			}
			if errors.Is(err2, ErrInjected) {
				x.open()
				x.replay()
			} else if err2 != nil {
				t.Fatal(err2)
			}
		}
		return x, m
	}
	whole, _ := run(-1, NoFault)
	commits := whole.disk.Commits()
	if commits < 10 { // about thirty are expected
		t.Fatalf("only %d commits", commits)
	}
	for n := 2; n <= commits; n++ { // the first makes the database
		for _, fault := range []Fault{LoseIt, CrashLate} {
			x, m := run(n, fault)
			verify(x, m, rand.New(rand.NewPCG(seed, 3)))
			if a, b := whole.hash(0), x.hash(0); a != b {
				t.Fatalf("crash at commit %d: hash %+v, want %+v", n, b, a)
			}
		}
	}
}
