package replicated

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

var (
	errTestNoLeader = errors.New("test log: no leader")
	errTestStopped  = errors.New("test log: stopped")
	errTestTooLarge = errors.New("test log: too large")
	errTestOther    = errors.New("test log: something else")
	testLogErrors   = LogErrors{NoLeader: errTestNoLeader, Stopped: errTestStopped, TooLarge: errTestTooLarge}
)

const testMember = 7

// testLog is a Log of one member in memory that commits what it takes in
// groups, and loses, delays or refuses it when told to.
type testLog struct {
	machine *Machine

	mu      sync.Mutex
	wake    chan struct{} // holds one
	queue   []Entry
	last    uint64 // index
	term    uint64
	leads   bool
	refuse  error  // what Propose and ReadIndex return
	lose    bool   // takes proposals and forgets them
	holding bool   // takes proposals and commits them later
	applied error  // what ended Run
	calls   uint64 // of Propose
}

func newTestLog(m *Machine) *testLog {
	return &testLog{machine: m, wake: make(chan struct{}, 1), last: m.AppliedIndex(), term: 1, leads: true}
}

func (l *testLog) Propose(ctx context.Context, data []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if l.refuse != nil {
		return l.refuse
	}
	if !l.lose {
		l.last++
		l.queue = append(l.queue, Entry{Index: l.last, Term: l.term, Data: data})
		l.kick()
	}
	return nil
}

func (l *testLog) ReadIndex(ctx context.Context) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return 0, l.refuse
	}
	return l.last, ctx.Err()
}

// kick needs mu.
func (l *testLog) kick() {
	if l.holding {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// set changes the log's behaviour.
func (l *testLog) set(change func(l *testLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
	l.kick()
}

// elect starts a new term that this member leads in, or not.
func (l *testLog) elect(leads bool) {
	l.set(func(l *testLog) { l.term++; l.leads = leads })
}

func (l *testLog) leadership() (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.leads
}

func (l *testLog) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		l.mu.Lock()
		group := l.queue
		if l.holding {
			group = nil
		} else {
			l.queue = nil
		}
		l.mu.Unlock()
		if err := l.machine.Apply(group); err != nil {
			l.mu.Lock()
			l.applied, l.refuse = err, errTestStopped
			l.mu.Unlock()
			return
		}
	}
}

// testClock moves when told to. Its waiters are the loops of a store.
type testClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []testTimer
}

type testTimer struct {
	at time.Time
	ch chan time.Time
}

func newTestClock() *testClock { return &testClock{now: time.Unix(1_700_000_000, 0)} }

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := testTimer{c.now.Add(d), make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	return t.ch
}

func (c *testClock) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// move moves the clock and wakes whose time has come.
func (c *testClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	kept := c.timers[:0]
	for _, t := range c.timers {
		if t.at.After(c.now) {
			kept = append(kept, t)
		} else {
			t.ch <- c.now
		}
	}
	c.timers = kept
}

// fixture is a store over a testLog and a memory disk, running.
type fixture struct {
	*Store
	t     testing.TB
	log   *testLog
	clock *testClock
	mvcc  *mvcc.Store
	loops int
	stop  func()
}

// idle returns when all loops of the store wait for the clock.
func (f *fixture) idle() {
	f.t.Helper()
	await(f.t, "idle loops", func() bool { return f.clock.waiting() == f.loops })
}

// advance moves the clock and returns when the store's loops have done what
// was due.
func (f *fixture) advance(d time.Duration) {
	f.t.Helper()
	f.idle()
	f.clock.move(d)
	f.idle()
}

// awaitPending returns when n proposals are under way, and with the log.
func (f *fixture) awaitPending(n int) {
	f.t.Helper()
	await(f.t, "pending proposals", func() bool {
		f.log.mu.Lock()
		calls := f.log.calls
		f.log.mu.Unlock()
		p := f.machine.pending
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.table) == n && p.next == 1+calls
	})
}

// await returns when cond holds.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// start runs a store on disk until the test ends, or stop is called.
func start(t testing.TB, disk *mvcc.MemoryDisk, change func(*Config)) *fixture {
	t.Helper()
	state, err := mvcc.Open(mvcc.Config{Backend: disk.Open()})
	if err != nil {
		t.Fatal(err)
	}
	machine := NewMachine(testMember, state, 1)
	log := newTestLog(machine)
	clock := newTestClock()
	cfg := Config{
		Log: log, LogErrors: testLogErrors, Machine: machine, Leadership: log.leadership,
		Clock: clock, CompactionRetention: -1,
	}
	if change != nil {
		change(&cfg)
	}
	store, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Store: store, t: t, log: log, clock: clock, mvcc: state, loops: 2}
	if cfg.CompactionRetention > 0 {
		f.loops = 3
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { log.Run(ctx) })
	running.Go(func() {
		if err := state.Run(ctx); err != nil {
			t.Errorf("mvcc: %v", err)
		}
	})
	running.Go(func() {
		if err := store.Run(ctx); err != nil {
			t.Errorf("replicated: %v", err)
		}
	})
	f.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := state.Check(); err != nil {
			t.Errorf("Check: %v", err)
		}
		if err := state.Close(); err != nil {
			t.Errorf("mvcc: %v", err)
		}
	})
	t.Cleanup(f.stop)
	f.advance(expiryInterval) // the store has seen that it leads
	return f
}
