package replicated_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/consensus"
	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
	"github.com/binnacle-io/binnacle/pkg/storage/replicated"
	"github.com/binnacle-io/binnacle/pkg/storage/storagetest"
)

// These tests run the whole store, from Txn down to two disks that forget what
// was not synced (the log's files and the database), crash it at a write of
// one of them, start it again, and explain what is found by what was called.
//
// BINNACLE_SEED repeats a run. BINNACLE_CRASH_ROUNDS sets the number of worlds
// (12), BINNACLE_CRASH_EVERY=1 crashes at every write instead of at every few.

func envInt(t testing.TB, name string, otherwise uint64) uint64 {
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// member is the store in one life of its process.
type member struct {
	*replicated.Store
	mvcc *mvcc.Store
	node *consensus.Node
	stop func() error // returns when all has ended
}

type machine struct{ *replicated.Machine }

func (m machine) Apply(entries []consensus.Entry) error { return replicated.Apply(m.Machine, entries) }

const memberID = 3

// small makes files begin and end, and commits happen, all the time.
var small = mvcc.Config{
	FlushInterval: time.Millisecond, FlushRecords: 5, MaxPendingBytes: 4 << 10, RecentRecords: 16, RecentBytes: 1 << 10,
}

// open starts a member on two disks.
func open(fs vfs.FS, disk *mvcc.MemoryDisk, random uint64, cfg mvcc.Config) (*member, error) {
	m := &member{}
	var err error
	cfg.Backend = disk.Open()
	m.mvcc, err = mvcc.Open(cfg)
	if err != nil {
		return nil, err
	}
	sm := replicated.NewMachine(memberID, m.mvcc, random)
	m.node, err = consensus.Open(consensus.Config{
		ID: memberID, ClusterID: 9, Dir: "data/log", FS: fs, StateMachine: machine{sm},
		TickInterval: time.Millisecond, SegmentSize: 4 << 10,
	})
	if err != nil {
		return nil, errors.Join(err, m.mvcc.Close())
	}
	m.Store, err = replicated.New(replicated.Config{
		Log: m.node, Machine: sm,
		LogErrors: replicated.LogErrors{
			NoLeader: consensus.ErrNoLeader, Stopped: consensus.ErrStopped, TooLarge: consensus.ErrTooLarge,
		},
		Leadership: func() (uint64, bool) { s := m.node.Status(); return s.Term, s.Leader == memberID },
	})
	if err != nil {
		return nil, errors.Join(err, m.node.Close(), m.mvcc.Close())
	}
	m.run()
	return m, nil
}

// run starts the member's parts. When one of them fails the others end too, as
// the process would.
func (m *member) run() {
	ctx, cancel := context.WithCancel(context.Background())
	errs := make([]error, 3)
	var parts sync.WaitGroup
	for i, part := range []func(context.Context) error{m.mvcc.Run, m.node.Run, m.Store.Run} {
		parts.Go(func() {
			errs[i] = part(ctx)
			cancel()
		})
	}
	m.stop = sync.OnceValue(func() error {
		cancel()
		parts.Wait()
		return errors.Join(append(errs, m.mvcc.Close())...)
	})
}

// world is two disks, and all that anybody saw of the store on them.
type world struct {
	t    testing.TB
	rng  *rand.Rand
	fs   *vfs.MemFS
	lies bool        // under load the log's disk says that it has synced and has not
	lie  atomic.Bool // now
	disk *mvcc.MemoryDisk
	dead atomic.Bool // a disk has crashed in this life
	hit  atomic.Bool // as the plan said

	first   int64 // revision of the empty store; 0 until it was seen
	calls   []*storagetest.Call
	truth   []storage.Event // as read after the last restart
	watches []storagetest.Watch
	granted []int64 // leases that were acknowledged and not given up
	revoked []int64 // leases whose end was acknowledged
	clients int     // that there have ever been
}

func newWorld(t testing.TB, seed uint64) *world {
	return &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)),
		fs: vfs.NewMem(seed), disk: mvcc.NewMemoryDisk(),
	}
}

// plan is how a life ends: at a write to the log's disk or to the database's,
// counted from now, or when all calls are done.
type plan struct {
	fsOp   int // -1: never
	commit int // 0: never
	fault  mvcc.Fault
	clean  bool // the process is stopped, not killed
}

func (w *world) randomPlan() plan {
	p := plan{fsOp: -1}
	switch n := w.rng.IntN(10); {
	case n < 2:
		p.fsOp = w.rng.IntN(12) // while it starts
	case n < 5:
		p.fsOp = w.rng.IntN(150)
	case n < 8:
		p.commit, p.fault = 1+w.rng.IntN(25), []mvcc.Fault{mvcc.LoseIt, mvcc.CrashLate}[w.rng.IntN(2)]
	case n < 9:
		p.clean = true
	}
	return p
}

// arm prepares the disks for p.
func (w *world) arm(p plan) {
	w.dead.Store(false)
	w.hit.Store(false)
	ops, commits := w.fs.Ops(), w.disk.Commits()
	w.fs.Inject(func(op vfs.Op) error {
		hit := p.fsOp >= 0 && op.N >= ops+p.fsOp
		if hit {
			w.hit.Store(true)
			w.dead.Store(true)
		}
		if w.dead.Load() {
			return vfs.ErrCrashed
		}
		return nil
	})
	w.disk.SetFault(func(commit int) mvcc.Fault {
		switch {
		case p.commit > 0 && commit >= commits+p.commit:
			w.hit.Store(true)
			w.dead.Store(true)
			return p.fault
		case w.dead.Load():
			return mvcc.LoseIt
		}
		return mvcc.NoFault
	})
}

// live runs one life of the store, and reports whether it came up and was
// checked before it ended.
func (w *world) live(p plan, clients, calls int) bool {
	w.t.Helper()
	w.arm(p)
	w.lie.Store(false)
	m, err := open(lyingFS{w.fs, &w.lie}, w.disk, w.rng.Uint64(), small)
	if err != nil {
		w.mustBeDead("open", err)
		w.crash()
		return false
	}
	checked := w.ready(m) && w.verify(m)
	if checked {
		w.lie.Store(w.lies)
		w.load(m, clients, calls)
	}
	if p.clean && !w.dead.Load() {
		if err := m.stop(); err != nil {
			w.t.Errorf("stop: %v", err)
		}
		w.fs = w.fs.CrashClean() // a clean end has nothing unsynced
		return checked
	}
	w.dead.Store(true)
	w.disk.Crash()
	next := w.fs.Crash()
	_ = m.stop() // it fails in as many ways as there are parts
	w.fs = next
	return checked
}

func (w *world) crash() {
	w.disk.Crash()
	w.fs = w.fs.Crash()
}

// mustBeDead fails unless a disk has crashed.
func (w *world) mustBeDead(doing string, err error) {
	w.t.Helper()
	if !w.dead.Load() {
		w.t.Fatalf("%s on disks that work: %v", doing, err)
	}
}

// ready waits for the member to serve.
func (w *world) ready(m *member) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	select {
	case <-m.node.Ready():
	case <-ctx.Done():
		w.t.Fatal("the member is not ready after 20s")
	case <-stopped(ctx, m):
		w.mustBeDead("start", errors.New("the member has stopped"))
		return false
	}
	if _, err := m.ReadRevision(ctx); err != nil {
		w.mustBeDead("ReadRevision", err)
		return false
	}
	return true
}

// stopped returns a channel that is closed when the store has ended.
func stopped(ctx context.Context, m *member) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := m.Events(ctx, storage.EventsRequest{Key: "\x00", RangeEnd: "\x00", After: 1 << 60}); errors.Is(err, storage.ErrStopped) {
				return
			}
		}
	}()
	return done
}

// verify compares what a restarted member has with all that was called before.
func (w *world) verify(m *member) bool {
	w.t.Helper()
	err := w.compare(m)
	if err == nil {
		return true
	}
	if w.dead.Load() {
		return false // the disk died under the check itself: the next life has it
	}
	w.t.Fatalf("after a restart: %v", err)
	return false
}

func (w *world) compare(m *member) error {
	current, compacted := m.Revision()
	if w.first == 0 {
		w.first = current
	}
	events, err := readEvents(m, max(w.first, compacted), current)
	if err != nil {
		return err
	}
	if err := w.learn(events, compacted); err != nil {
		return err
	}
	if err := storagetest.CheckRevisions(w.first+1, w.truth); err != nil {
		return err
	}
	if last := w.lastRevision(); last != current {
		return fmt.Errorf("the store is at revision %d, its last event at %d", current, last)
	}
	found, err := storagetest.Replay(w.first, w.calls, w.truth)
	if err != nil {
		return err
	}
	for _, c := range found.Absent {
		c.Err = errors.New("had no effect before a restart") // and must have none later
	}
	for _, watch := range w.watches {
		if err := storagetest.CheckWatch(w.truth, watch); err != nil {
			return fmt.Errorf("watch after %d in an earlier life: %w", watch.After, err)
		}
	}
	w.watches = nil
	if err := w.compareReads(m, found.Model, compacted); err != nil {
		return err
	}
	if err := w.compareLeases(m); err != nil {
		return err
	}
	return m.mvcc.Check()
}

// learn compares events, those above the mark, with what was known of them,
// and takes over what is new.
func (w *world) learn(events []storage.Event, compacted int64) error {
	at := slices.IndexFunc(w.truth, func(e storage.Event) bool { return e.KV.ModRevision > compacted })
	if at < 0 {
		at = len(w.truth)
	}
	known := w.truth[at:]
	if len(events) < len(known) {
		return fmt.Errorf("lost: %d events above revision %d, there were %d", len(events), compacted, len(known))
	}
	if err := storagetest.SameEvents(events[:len(known)], known); err != nil {
		return fmt.Errorf("history has changed: %w", err)
	}
	w.truth = append(w.truth[:at:at], append(slices.Clone(known), events[len(known):]...)...)
	return nil
}

func (w *world) lastRevision() int64 {
	if len(w.truth) == 0 {
		return w.first
	}
	return w.truth[len(w.truth)-1].KV.ModRevision
}

func readEvents(m *member, after, through int64) ([]storage.Event, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	watch := storagetest.Watch{Key: "\x00", RangeEnd: "\x00", After: after}
	for watch.Revision() < through {
		b, err := m.Events(ctx, storage.EventsRequest{Key: watch.Key, RangeEnd: watch.RangeEnd, After: watch.Revision()})
		if err != nil {
			return nil, err
		}
		watch.Batches = append(watch.Batches, b)
	}
	return watch.Events(), nil
}

// compareReads reads now, at the mark and in between.
func (w *world) compareReads(m *member, model *storagetest.Model, compacted int64) error {
	revisions := []int64{0, w.lastRevision()}
	lowest := max(compacted, w.first)
	for range 5 {
		revisions = append(revisions, lowest+w.rng.Int64N(w.lastRevision()-lowest+1))
	}
	for _, revision := range revisions {
		r := storage.RangeRequest{Key: "\x00", RangeEnd: "\x00", Revision: revision}
		got, err := m.Range(context.Background(), r)
		if err != nil {
			return fmt.Errorf("read at %d: %w", revision, err)
		}
		want, err := model.Range(r)
		if err != nil {
			return fmt.Errorf("model at %d: %w", revision, err)
		}
		if err := storagetest.SameKVs(got.KVs, want.KVs); err != nil {
			return fmt.Errorf("read at %d: %w", revision, err)
		}
	}
	return nil
}

func (w *world) compareLeases(m *member) error {
	for _, id := range w.granted {
		if _, _, ok := m.mvcc.Lease(id); !ok {
			return fmt.Errorf("lost: lease %d was granted", id)
		}
	}
	for _, id := range w.revoked {
		if _, _, ok := m.mvcc.Lease(id); ok {
			return fmt.Errorf("lost: the end of lease %d was acknowledged", id)
		}
	}
	return nil
}

// client calls the store like one of many, and remembers every answer.
type client struct {
	*member
	w      *world
	rng    *rand.Rand
	g      *storagetest.Generator
	calls  []*storagetest.Call
	ended  []int64 // of those, whose end was acknowledged
	failed error
}

// load runs clients against the member until they have made all calls or it
// has ended.
func (w *world) load(m *member, clients, calls int) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var reading, calling sync.WaitGroup
	watch := storagetest.Watch{Key: "\x00", RangeEnd: "\x00", After: w.lastRevision()}
	reading.Go(func() {
		for {
			b, err := m.Events(ctx, storage.EventsRequest{Key: watch.Key, RangeEnd: watch.RangeEnd, After: watch.Revision(), Limit: 3})
			if err != nil {
				return
			}
			watch.Batches = append(watch.Batches, b)
		}
	})
	cs := make([]*client, clients)
	for i := range cs {
		w.clients++
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), 2))
		cs[i] = &client{member: m, w: w, rng: rng, g: storagetest.NewGenerator(rng, fmt.Sprintf("c%d", w.clients))}
		calling.Go(func() { cs[i].run(calls) })
	}
	calling.Wait()
	cancel()
	reading.Wait()
	w.watches = append(w.watches, watch)
	for _, c := range cs {
		w.calls = append(w.calls, c.calls...)
		w.granted = append(w.granted, c.g.Leases...)
		w.revoked = append(w.revoked, c.ended...)
		if c.failed != nil {
			w.mustBeDead("call", c.failed)
		}
	}
}

func (c *client) run(calls int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for range calls {
		if c.failed = c.step(ctx); c.failed != nil {
			return
		}
	}
}

// step makes one call. The error is one that only a store that has ended gives.
func (c *client) step(ctx context.Context) error {
	switch n := c.rng.IntN(30); {
	case n == 0:
		lease, err := c.GrantLease(ctx, 0, time.Hour)
		if err != nil {
			return err
		}
		c.g.Leases = append(c.g.Leases, lease.ID)
		return nil
	case n == 1 && len(c.g.Leases) > 0:
		return c.revoke(ctx)
	case n == 2:
		_, compacted := c.Revision()
		if last := c.w.lastRevision(); last > compacted { // of what the world knows
			err := c.Compact(ctx, compacted+1+c.rng.Int64N(last-compacted))
			if err != nil && !errors.Is(err, storage.ErrCompacted) {
				return err
			}
		}
		return nil
	case n == 3:
		return c.readBack(ctx)
	}
	call := &storagetest.Call{Kind: storagetest.CallBatch, Txns: c.g.Txns()}
	c.calls = append(c.calls, call)
	call.Results, call.Err = c.Batch(ctx, call.Txns)
	c.g.Observe(call)
	if len(call.Results) == 0 {
		return call.Err
	}
	return nil
}

func (c *client) revoke(ctx context.Context) error {
	last := len(c.g.Leases) - 1
	call := &storagetest.Call{Kind: storagetest.CallRevoke, Lease: c.g.Leases[last]}
	c.calls = append(c.calls, call)
	c.g.Leases = c.g.Leases[:last]
	if call.Err = c.RevokeLease(ctx, call.Lease); call.Err != nil {
		return call.Err
	}
	call.Done = true
	c.ended = append(c.ended, call.Lease)
	return nil
}

// readBack checks that what this client wrote is visible to a linearizable
// read.
func (c *client) readBack(ctx context.Context) error {
	revision, err := c.ReadRevision(ctx)
	if err != nil {
		return err
	}
	for _, call := range c.calls {
		for _, r := range call.Results {
			if r != nil && r.Revision > revision {
				c.w.t.Errorf("ReadRevision is %d after revision %d was acknowledged", revision, r.Revision)
			}
		}
	}
	return nil
}

// settle gives the world a last life without faults and checks it.
func (w *world) settle() {
	w.t.Helper()
	for _, p := range []plan{{fsOp: -1, clean: true}, {fsOp: -1}} {
		if !w.live(p, 1, 5) {
			w.t.Error("the store did not come up on disks that work")
		}
	}
}

// TestCrashWorlds has worlds live through random crashes under random load.
func TestCrashWorlds(t *testing.T) {
	seed := envInt(t, "BINNACLE_SEED", rand.Uint64())
	t.Logf("BINNACLE_SEED=%d repeats this run", seed)
	for round := range envInt(t, "BINNACLE_CRASH_ROUNDS", 12) {
		w := newWorld(t, seed+round)
		lives := 0
		for range 12 {
			if w.live(w.randomPlan(), 1+w.rng.IntN(8), 5+w.rng.IntN(30)) {
				lives++
			}
		}
		w.settle()
		t.Logf("seed %d: %d of 12 lives came up, %d calls, %d revisions", seed+round, lives, len(w.calls), w.lastRevision()-w.first)
		if t.Failed() {
			return
		}
	}
}

// TestCrashAtEveryWrite crashes one short run at every write or sync of the
// log, then at every commit of the database, before and after it took effect.
func TestCrashAtEveryWrite(t *testing.T) {
	seed := envInt(t, "BINNACLE_SEED", rand.Uint64())
	t.Logf("BINNACLE_SEED=%d repeats this run", seed)
	for name, c := range map[string]struct {
		stride int
		at     func(n int) plan
	}{
		"log":            {4, func(n int) plan { return plan{fsOp: n} }},
		"commit lost":    {1, func(n int) plan { return plan{fsOp: -1, commit: 1 + n, fault: mvcc.LoseIt} }},
		"commit at last": {1, func(n int) plan { return plan{fsOp: -1, commit: 1 + n, fault: mvcc.CrashLate} }},
	} {
		stride := c.stride
		if envInt(t, "BINNACLE_CRASH_EVERY", 0) > 0 {
			stride = 1
		}
		t.Run(name, func(t *testing.T) {
			points := 0
			for n := int(seed % uint64(stride)); !t.Failed(); n += stride {
				w := newWorld(t, seed)
				w.live(c.at(n), 2, 40)
				if !w.hit.Load() {
					break // the run is over before
				}
				points++
				w.settle()
			}
			t.Logf("crashed at %d points", points)
			if points < 3 {
				t.Error("hardly any write was seen")
			}
		})
	}
}

// lyingFS is a file system that can say that files are synced and leave them as
// they are.
type lyingFS struct {
	vfs.FS
	lie *atomic.Bool
}

type lyingFile struct {
	vfs.File
	lie *atomic.Bool
}

func (f lyingFS) Create(name string) (vfs.File, error) { return f.file(f.FS.Create(name)) }
func (f lyingFS) Open(name string) (vfs.File, error)   { return f.file(f.FS.Open(name)) }

func (f lyingFS) file(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return lyingFile{file, f.lie}, nil
}

func (f lyingFile) Sync() error {
	if f.lie.Load() {
		return nil
	}
	return f.File.Sync()
}

// noticing is a testing.TB whose failures are expected.
type noticing struct {
	testing.TB
	failure atomic.Pointer[string]
}

func (n *noticing) Helper()        {}
func (n *noticing) Error(v ...any) { s := fmt.Sprint(v...); n.failure.Store(&s) }
func (n *noticing) Fatal(v ...any) { n.Error(v...); runtime.Goexit() }
func (n *noticing) Errorf(f string, v ...any) {
	n.Error(fmt.Sprintf(f, v...))
}
func (n *noticing) Fatalf(f string, v ...any) { n.Fatal(fmt.Sprintf(f, v...)) }

// TestCrashIsNoticed shows that the checks find out a disk that lies.
func TestCrashIsNoticed(t *testing.T) {
	seed := envInt(t, "BINNACLE_SEED", rand.Uint64())
	t.Logf("BINNACLE_SEED=%d repeats this run", seed)
	n := &noticing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w := newWorld(n, seed)
		w.lies = true
		for range 10 {
			w.live(plan{fsOp: -1}, 4, 20)
		}
	}()
	<-done
	if n.failure.Load() == nil {
		t.Fatal("acknowledged writes were lost with their disk, and it was not noticed")
	}
	t.Logf("noticed: %.300s", *n.failure.Load())
}
