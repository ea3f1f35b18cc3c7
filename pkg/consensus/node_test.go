package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
	"github.com/binnacle-io/binnacle/pkg/consensus/wal"
)

const testDir = "/data/wal"

func testConfig(fsys vfs.FS, m StateMachine) Config {
	return Config{ID: 1, ClusterID: 7, Dir: testDir, FS: fsys, StateMachine: m, SegmentSize: 4 << 10}
}

// running is a member that runs until stop.
type running struct {
	*Node
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

func start(t *testing.T, cfg Config) *running {
	t.Helper()
	n, err := Open(cfg)
	must(t, err)
	return run(n)
}

func run(n *Node) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Node: n, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = n.Run(ctx)
	}()
	return r
}

// stop ends the member cleanly.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	<-r.ended
	must(t, r.err)
}

// propose proposes data and waits until it is applied; false when the member
// ended before.
func (r *running) propose(m *machine, data string) bool {
	return r.Propose(context.Background(), []byte(data)) == nil && m.wait(data, r.ended)
}

// bubble runs a test under virtual time.
func bubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

func TestSingleMember(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys, m := vfs.NewMem(1), newMachine()
		began := time.Now()
		n := start(t, testConfig(fsys, m))
		<-n.Ready()
		if waited := time.Since(began); waited > 0 {
			t.Errorf("a lone voter took %v to lead", waited)
		}
		for i := range 100 {
			if !n.propose(m, fmt.Sprint(i)) {
				t.Fatal("the member ended")
			}
		}
		index, err := n.ReadIndex(t.Context())
		must(t, err)
		if index < m.AppliedIndex() {
			t.Errorf("read index %d, applied %d", index, m.AppliedIndex())
		}
		s := n.Status()
		if s.Leader != 1 || s.Role != Leader || !s.Ready || !slices.Equal(s.Voters, []uint64{1}) || s.Commit != index {
			t.Errorf("status %+v", s)
		}
		n.stop(t)
		if got := m.data(); len(got) != 100 || got[99] != "99" {
			t.Errorf("applied %q", got)
		}

		// A second life, with what the machine had flushed, and all of the log.
		m.flush()
		first := m.AppliedIndex()
		report, err := Check(fsys, testDir, first)
		must(t, err)
		if report.Last != first || report.State.HardState.Commit != first {
			t.Errorf("report %+v", report)
		}
		if _, err := Check(fsys, testDir, first+1); !errors.Is(err, ErrMismatch) {
			t.Errorf("check of a state machine that is ahead: %v", err)
		}
		m = m.crash()
		n = start(t, testConfig(fsys, m))
		<-n.Ready()
		if !n.propose(m, "again") {
			t.Fatal("the member ended")
		}
		if got := m.data(); len(got) != 101 || m.AppliedIndex() != first+2 {
			t.Errorf("applied %d entries up to %d", len(got), m.AppliedIndex())
		}
		n.stop(t)
	})
}

func TestStoppedMember(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys, m := vfs.NewMem(1), newMachine()
		n := start(t, testConfig(fsys, m))
		<-n.Ready()
		n.stop(t)
		if err := n.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrStopped) {
			t.Errorf("propose: %v", err)
		}
		if _, err := n.ReadIndex(t.Context()); !errors.Is(err, ErrStopped) {
			t.Errorf("read index: %v", err)
		}
		if err := n.Run(t.Context()); !errors.Is(err, ErrRunning) {
			t.Errorf("run: %v", err)
		}
		must(t, n.Close())

		// One that never runs gives the lock back too.
		unused, err := Open(testConfig(fsys, m))
		must(t, err)
		if _, err := Open(testConfig(fsys, m)); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("second open: %v", err)
		}
		if err := unused.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrNoLeader) {
			t.Errorf("propose before run: %v", err)
		}
		must(t, unused.Close())
		if err := unused.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrStopped) {
			t.Errorf("propose after close: %v", err)
		}
		_, err = wal.Verify(fsys, testDir)
		must(t, err)
	})
}

// TestStopApplies: what was proposed before a clean stop is applied.
func TestStopApplies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMachine()
		n := start(t, testConfig(vfs.NewMem(1), m))
		<-n.Ready()
		for i := range 50 {
			must(t, n.Propose(t.Context(), []byte(fmt.Sprint(i))))
		}
		n.stop(t)
		if got := len(m.data()); got != 50 {
			t.Errorf("%d proposals are applied", got)
		}
	})
}

func TestBadProposals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := testConfig(vfs.NewMem(1), newMachine())
		cfg.MaxEntrySize = 10
		n := start(t, cfg)
		<-n.Ready()
		if err := n.Propose(t.Context(), make([]byte, 11)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		if err := n.Propose(t.Context(), nil); !errors.Is(err, ErrEmpty) {
			t.Errorf("empty: %v", err)
		}
		for _, m := range []*raftpb.Message{
			{Type: raftpb.MsgHup.Enum(), From: new(uint64(2)), To: new(uint64(1))},
			{Type: raftpb.MsgSnap.Enum(), From: new(uint64(2)), To: new(uint64(1))},
			{Type: raftpb.MsgStorageAppendResp.Enum(), From: new(^uint64(0)), To: new(uint64(1))},
			{Type: raftpb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(3))},
			{Type: raftpb.MsgProp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Entries: []*raftpb.Entry{{Data: make([]byte, 11)}}},
			{},
		} {
			if err := n.Step([]*raftpb.Message{m}); !errors.Is(err, ErrMessage) {
				t.Errorf("message %v: %v", m, err)
			}
		}
		n.stop(t)
	})
}

func TestOpenRefuses(t *testing.T) {
	fsys, m := vfs.NewMem(1), newMachine()
	m.entries, m.durable = []Entry{{Index: 1, Term: 1}}, 1
	if err := (Config{}).Validate(); err == nil || !strings.Contains(err.Error(), "ClusterID") || !strings.Contains(err.Error(), "Dir") {
		t.Errorf("an empty config: %v", err)
	}
	if _, err := Open(testConfig(fsys, m)); !errors.Is(err, ErrMismatch) {
		t.Errorf("a state machine whose log is gone: %v", err)
	}
	cfg := testConfig(fsys, m)
	cfg.NewLog = true
	n, err := Open(cfg)
	must(t, err)
	must(t, n.Close())
	if _, err := Open(testConfig(fsys, newMachine())); !errors.Is(err, ErrMismatch) {
		t.Errorf("a state machine that is behind the log: %v", err)
	}
	ahead := newMachine()
	ahead.entries, ahead.durable = []Entry{{Index: 1, Term: 1}, {Index: 2, Term: 1}}, 2
	if _, err := Open(testConfig(fsys, ahead)); !errors.Is(err, ErrMismatch) {
		t.Errorf("a state machine that is ahead of the log: %v", err)
	}
	other := newMachine()
	other.entries, other.durable = []Entry{{Index: 1, Term: 9}}, 1
	if _, err := Open(testConfig(fsys, other)); !errors.Is(err, ErrMismatch) {
		t.Errorf("a state machine of other terms: %v", err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.ID = 2 },
		func(c *Config) { c.ClusterID = 2 },
	} {
		cfg := testConfig(fsys, m)
		change(&cfg)
		if _, err := Open(cfg); !errors.Is(err, ErrForeign) {
			t.Errorf("a foreign log: %v", err)
		}
	}
}

// TestNewLog restores a state machine without its log.
func TestNewLog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys, m := vfs.NewMem(1), newMachine()
		m.base = Entry{Index: 1000, Term: 5}
		cfg := testConfig(fsys, m)
		cfg.NewLog = true
		for life := range uint64(2) {
			n := start(t, cfg)
			<-n.Ready()
			if s := n.Status(); s.Term != 6+life || s.Applied != 1001+2*life {
				t.Errorf("status %+v", s)
			}
			if !n.propose(m, fmt.Sprint(life)) {
				t.Error("the member ended")
			}
			n.stop(t)
		}
	})
}

func TestDiskFailure(t *testing.T) {
	for _, kind := range []vfs.OpKind{vfs.OpWrite, vfs.OpSync} {
		bubble(t, func(t *testing.T) {
			fsys, m := vfs.NewMem(1), newMachine()
			n := start(t, testConfig(fsys, m))
			<-n.Ready()
			if !n.propose(m, "before") {
				t.Fatal("the member ended")
			}
			fsys.Inject(func(op vfs.Op) error {
				if op.Kind == kind {
					return syscall.ENOSPC
				}
				return nil
			})
			if n.propose(m, "lost") {
				t.Error("a proposal that could not be written was applied")
			}
			<-n.ended
			if !errors.Is(n.err, syscall.ENOSPC) {
				t.Errorf("run: %v", n.err)
			}
			if err := n.Propose(t.Context(), []byte("after")); !errors.Is(err, ErrStopped) {
				t.Errorf("propose: %v", err)
			}
			if _, err := n.ReadIndex(t.Context()); !errors.Is(err, ErrStopped) {
				t.Errorf("read index: %v", err)
			}
			if got := m.data(); !slices.Equal(got, []string{"before"}) {
				t.Errorf("applied %q", got)
			}
		})
	}
}

func TestApplyFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMachine()
		n := start(t, testConfig(vfs.NewMem(1), m))
		<-n.Ready()
		m.mu.Lock()
		m.err = errors.New("no")
		m.mu.Unlock()
		must(t, n.Propose(t.Context(), []byte("x")))
		<-n.ended
		if !errors.Is(n.err, m.err) {
			t.Errorf("run: %v", n.err)
		}
	})
}

// TestTruncation: neither disk nor memory grows once entries are durable.
func TestTruncation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys, m := vfs.NewMem(1), newMachine()
		cfg := testConfig(fsys, m)
		n := start(t, cfg)
		<-n.Ready()
		value := strings.Repeat("v", 200)
		for i := range 1000 {
			if !n.propose(m, fmt.Sprint(i, value)) {
				t.Fatal("the member ended")
			}
			if i%20 == 0 {
				m.flush()
				time.Sleep(2 * n.cfg.TickInterval)
				synctest.Wait()
			}
		}
		if s := n.Stats(); s.MemoryEntries > 50 || s.MemoryBytes > 50*300 {
			t.Errorf("%d entries and %d bytes in memory", s.MemoryEntries, s.MemoryBytes)
		}
		names, err := fsys.List(testDir)
		must(t, err)
		if len(names) > 6 {
			t.Errorf("files %q", names)
		}
		n.stop(t)
		m = m.crash()
		n = start(t, testConfig(fsys.Crash(), m))
		<-n.Ready()
		if got := len(m.data()); got != 1000 {
			t.Errorf("%d entries after a restart", got)
		}
		n.stop(t)
	})
}

// TestBackpressure: with a state machine that is never durable the log in
// memory, and the queue before it, stay bounded.
func TestBackpressure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMachine()
		cfg := testConfig(vfs.NewMem(1), m)
		cfg.MaxEntrySize, cfg.TailBytes, cfg.MaxLogBytes = 1000, 1000, 10_000
		cfg.MaxUncommittedBytes, cfg.MaxQueuedBytes = 2000, 3000
		n := start(t, cfg)
		<-n.Ready()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := n.Propose(t.Context(), make([]byte, 1000)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if s := n.Stats(); s.MemoryBytes > cfg.MaxLogBytes+cfg.MaxUncommittedBytes || s.ProposalsPending > 3 {
			t.Errorf("stats %+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n.Propose(ctx, make([]byte, 1000)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("propose to a full queue: %v", err)
		}
		for len(m.data()) < 50 {
			before := len(m.data())
			m.flush()
			time.Sleep(2 * n.cfg.TickInterval)
			synctest.Wait()
			if len(m.data()) == before {
				t.Fatalf("stuck at %d", before)
			}
		}
		wg.Wait()
		n.stop(t)
	})
}

// TestGroupCommit: proposals that wait during a write share the next one.
func TestGroupCommit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fsys, m := vfs.NewMem(1), newMachine()
		n := start(t, testConfig(fsys, m))
		<-n.Ready()
		before := n.Stats().LogWrites
		gate := make(chan struct{})
		var once sync.Once
		fsys.Inject(func(op vfs.Op) error {
			if op.Kind == vfs.OpSync {
				once.Do(func() { <-gate })
			}
			return nil
		})
		must(t, n.Propose(t.Context(), []byte("first")))
		synctest.Wait() // the first write is under way
		for i := range 100 {
			must(t, n.Propose(t.Context(), []byte(fmt.Sprint(i))))
		}
		close(gate)
		m.wait("99", n.ended)
		if writes := n.Stats().LogWrites - before; writes != 2 {
			t.Errorf("%d writes", writes)
		}
		n.stop(t)
	})
}

// crashRun is one life of a member on a disk that crashes: acked is what its
// proposers were told is applied.
func crashRun(t *testing.T, cfg Config, m *machine, rng *rand.Rand, life int) (acked []string, err error) {
	n, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	r := run(n)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for p := range 3 {
		wg.Go(func() {
			select {
			case <-r.Ready():
			case <-r.ended:
				return
			}
			for i := range 15 {
				data := fmt.Sprintf("%d.%d.%d %s", life, p, i, strings.Repeat("x", i*10))
				if !r.propose(m, data) {
					return
				}
				mu.Lock()
				acked = append(acked, data)
				mu.Unlock()
				if _, err := r.ReadIndex(context.Background()); err != nil {
					return
				}
			}
		})
	}
	if rng.IntN(2) == 0 {
		m.flush() // at some moment
	}
	time.Sleep(time.Duration(rng.IntN(3)) * cfg.TickInterval)
	m.flush()
	wg.Wait()
	r.cancel()
	<-r.ended
	return acked, r.err
}

// TestCrashAtEveryWrite lets the disk crash at each of its operations in turn:
// in the next life everything that was acknowledged is there, in order, once.
func TestCrashAtEveryWrite(t *testing.T) {
	seed := testSeed(t)
	for at := 0; ; at++ {
		crashed := true
		bubble(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, uint64(at)))
			fsys, m := vfs.NewMem(seed+uint64(at)), newMachine()
			fsys.CrashAt(at)
			cfg := testConfig(fsys, m)
			cfg.SegmentSize, cfg.TickInterval = 1500, 100*time.Millisecond
			acked, err := crashRun(t, cfg, m, rng, 1)
			if crashed = err != nil; crashed && !errors.Is(err, vfs.ErrCrashed) {
				t.Fatalf("crash at operation %d: %v", at, err)
			}
			before := m.data()
			m = m.crash()
			cfg.FS, cfg.StateMachine = fsys.Crash(), m
			more, err := crashRun(t, cfg, m, rng, 2)
			if err != nil {
				t.Fatalf("after a crash at operation %d: %v", at, err)
			}
			got := m.data()
			if len(got) < len(before) || !slices.Equal(got[:len(before)], before) {
				t.Fatalf("crash at operation %d: applied before %q, after %q", at, before, got)
			}
			seen := map[string]int{}
			for _, data := range got {
				seen[data]++
			}
			for _, data := range append(acked, more...) {
				if seen[data] != 1 {
					t.Fatalf("crash at operation %d: %q is there %d times", at, data, seen[data])
				}
			}
			if len(more) != 45 {
				t.Fatalf("crash at operation %d: %d acknowledged in the next life", at, len(more))
			}
		})
		if t.Failed() || !crashed {
			t.Logf("%d operations", at)
			return
		}
	}
}
