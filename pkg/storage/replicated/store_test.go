package replicated

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
	"github.com/binnacle-io/binnacle/pkg/storage/storagetest"
)

func TestSuite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Harness {
		f := start(t, mvcc.NewMemoryDisk(), nil)
		return storagetest.Harness{Store: f, Advance: f.advance, Stop: f.stop, MaxBytes: f.cfg.MaxRequestBytes}
	})
}

func put(key, value string) *storage.Txn {
	return &storage.Txn{Success: []storage.Op{{Type: storage.OpPut, Key: key, Value: []byte(value)}}}
}

func onLease(key string, id int64) *storage.Txn {
	return &storage.Txn{Success: []storage.Op{{Type: storage.OpPut, Key: key, Lease: id}}}
}

func mustPut(t testing.TB, s storage.Store, key string) int64 {
	t.Helper()
	r, err := s.Txn(context.Background(), put(key, "v"))
	if err != nil {
		t.Fatalf("put of %s: %v", key, err)
	}
	return r.Revision
}

func exists(t testing.TB, s storage.Store, key string) bool {
	t.Helper()
	r, err := s.Range(context.Background(), storage.RangeRequest{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return r.Count > 0
}

// writeErrors are the calls that need the log, and their errors.
func writeErrors(ctx context.Context, s storage.Store) map[string]error {
	errs := map[string]error{}
	_, errs["Txn"] = s.Txn(ctx, put("k", "v"))
	_, errs["Batch"] = s.Batch(ctx, []*storage.Txn{put("a", "v"), put("b", "v")})
	errs["Compact"] = s.Compact(ctx, 1)
	_, errs["GrantLease"] = s.GrantLease(ctx, 0, time.Minute)
	errs["RevokeLease"] = s.RevokeLease(ctx, 1)
	_, errs["SharedLease"] = s.SharedLease(ctx, time.Minute)
	return errs
}

func TestLogErrors(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	before := mustPut(t, f, "k")
	for theirs, ours := range map[error]error{
		errTestNoLeader: storage.ErrNoLeader, errTestStopped: storage.ErrStopped, errTestTooLarge: storage.ErrTooLarge,
		errTestOther: errTestOther,
	} {
		f.log.set(func(l *testLog) { l.refuse = fmt.Errorf("wrapped: %w", theirs) })
		for call, err := range writeErrors(t.Context(), f) {
			if !errors.Is(err, ours) {
				t.Errorf("%s while the log answers %v: got %v, want %v", call, theirs, err, ours)
			}
		}
		if _, err := f.ReadRevision(t.Context()); !errors.Is(err, ours) {
			t.Errorf("ReadRevision while the log answers %v: got %v, want %v", theirs, err, ours)
		}
	}
	f.log.set(func(l *testLog) { l.refuse = nil })
	if got := mustPut(t, f, "k"); got != before+1 {
		t.Errorf("the write after refused ones has revision %d, want %d", got, before+1)
	}
	if n := f.Stats().Pending; n != 0 {
		t.Errorf("%d proposals are left in the table", n)
	}
}

// TestLost has the log take proposals and forget them.
func TestLost(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	f.log.set(func(l *testLog) { l.lose = true })
	t.Run("context", func(t *testing.T) {
		for name, call := range map[string]func(context.Context) error{
			"Txn":        func(ctx context.Context) error { _, err := f.Txn(ctx, put("k", "v")); return err },
			"GrantLease": func(ctx context.Context) error { _, err := f.GrantLease(ctx, 1, time.Minute); return err },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			errs := make(chan error, 1)
			go func() { errs <- call(ctx) }()
			f.awaitPending(1)
			cancel()
			if err := <-errs; !errors.Is(err, storage.ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
				t.Errorf("%s whose context ended under way: got %v", name, err)
			}
		}
	})
	t.Run("timeout", func(t *testing.T) {
		errs := make(chan error, 1)
		go func() { _, err := f.Txn(context.Background(), put("k", "v")); errs <- err }()
		f.awaitPending(1)
		for range timeoutTicks {
			f.advance(f.cfg.RequestTimeout / timeoutTicks)
		}
		if n := f.Stats().Pending; n != 1 {
			t.Errorf("%d proposals are pending before the timeout", n)
		}
		f.advance(f.cfg.RequestTimeout / timeoutTicks)
		if err := <-errs; !errors.Is(err, storage.ErrUnknownOutcome) {
			t.Errorf("a write that the log has lost: got %v", err)
		}
	})
	t.Run("stop", func(t *testing.T) {
		errs := make(chan error, 1)
		go func() { _, err := f.Txn(context.Background(), put("k", "v")); errs <- err }()
		f.awaitPending(1)
		f.stop()
		if err := <-errs; !errors.Is(err, storage.ErrUnknownOutcome) {
			t.Errorf("a write under way at the end: got %v", err)
		}
	})
	if n := f.Stats().Pending; n != 0 {
		t.Errorf("%d proposals are left in the table", n)
	}
}

// TestLate commits proposals after their proposers have given up.
func TestLate(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	before, _ := f.Revision()
	f.log.set(func(l *testLog) { l.holding = true })
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 10)
	for i := range cap(errs) {
		go func() {
			txn := put(fmt.Sprintf("k%d", i), "v")
			txn.Success[0].Local = i
			_, err := f.Txn(ctx, txn)
			errs <- err
		}()
	}
	f.awaitPending(cap(errs))
	cancel()
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, storage.ErrUnknownOutcome) {
			t.Errorf("a write given up: got %v", err)
		}
	}
	f.log.set(func(l *testLog) { l.holding = false })
	last := mustPut(t, f, "last") // reuses what the others gave back
	if want := before + 1 + int64(cap(errs)); last != want {
		t.Errorf("after %d late writes the revision is %d, want %d", cap(errs), last, want)
	}
	b, err := f.Events(t.Context(), storage.EventsRequest{Key: "k", RangeEnd: "l", After: before})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Events {
		if e.Local != nil {
			t.Errorf("an event whose proposer had gone has local %v", e.Local)
		}
	}
}

func TestReadRevisionWaits(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	before := mustPut(t, f, "k")
	f.log.set(func(l *testLog) { l.holding = true })
	written := make(chan error, 1)
	go func() { _, err := f.Txn(context.Background(), put("k", "w")); written <- err }()
	f.awaitPending(1)

	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan error, 1)
	go func() { _, err := f.ReadRevision(ctx); cancelled <- err }()
	awaitReader(f)
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("ReadRevision whose context ended: got %v", err)
	}

	type answer struct {
		revision int64
		err      error
	}
	answers := make(chan answer, 8)
	for range cap(answers) {
		go func() { r, err := f.ReadRevision(context.Background()); answers <- answer{r, err} }()
	}
	awaitReader(f)
	f.log.set(func(l *testLog) { l.holding = false })
	for range cap(answers) {
		if a := <-answers; a.err != nil || a.revision != before+1 {
			t.Errorf("ReadRevision before a committed write is applied: got %d, %v, want %d", a.revision, a.err, before+1)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// awaitReader returns when somebody waits for an index to be applied.
func awaitReader(f *fixture) {
	f.t.Helper()
	p := &f.machine.applied
	await(f.t, "a reader", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.changed != nil
	})
}

// TestRoom has more proposals than MaxPendingBytes has room for.
func TestRoom(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), func(c *Config) {
		c.MaxRequestBytes = 4 << 10
		c.MaxPendingBytes = 8 << 10
	})
	f.log.set(func(l *testLog) { l.holding = true })
	const writes = 12
	errs := make(chan error, writes)
	for i := range writes {
		go func() {
			_, err := f.Txn(context.Background(), put(fmt.Sprint("k", i), string(make([]byte, 1024))))
			errs <- err
		}()
	}
	f.awaitPending(3) // of 2 KB and a little each
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Txn(ctx, put("k", "v")); !errors.Is(err, context.Canceled) {
		t.Errorf("a write without room whose context ends: got %v", err)
	}
	f.log.set(func(l *testLog) { l.holding = false })
	for range writes {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Txn(t.Context(), put("k", string(make([]byte, 100<<10)))); !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("a write that no room is enough for: got %v", err)
	}
}

func TestApplyFails(t *testing.T) {
	disk := mvcc.NewMemoryDisk()
	state, err := mvcc.Open(mvcc.Config{Backend: disk.Open()})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	m := NewMachine(testMember, state, 1)
	p := m.pending.add(nil)
	data, err := mvcc.AppendCommand(nil, &mvcc.Command{
		ID: mvcc.ProposalID{Member: testMember, Seq: p.seq}, Kind: mvcc.CommandTxns, Txns: []*storage.Txn{put("k", "v")},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = m.Apply([]Entry{{Index: 1, Term: 1, Data: []byte{99}}, {Index: 2, Term: 1, Data: data}})
	if !errors.Is(err, mvcc.ErrBadCommand) {
		t.Errorf("an entry that cannot be read: got %v", err)
	}
	if <-p.done; !errors.Is(p.result.Err, storage.ErrUnknownOutcome) {
		t.Errorf("a proposal behind it: got %v", p.result.Err)
	}
	if m.AppliedIndex() != 0 {
		t.Errorf("the applied index is %d", m.AppliedIndex())
	}
}

// TestForeignEntries applies entries of other members and of an earlier life
// with the same numbers as a proposal of this one.
func TestForeignEntries(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	f.log.set(func(l *testLog) {
		l.last++
		data, err := mvcc.AppendCommand(nil, &mvcc.Command{
			ID: mvcc.ProposalID{Member: 1, Seq: 1}, Kind: mvcc.CommandTxns, Txns: []*storage.Txn{put("k", "theirs")},
		})
		if err != nil {
			t.Error(err)
		}
		l.queue = append(l.queue, Entry{Index: l.last, Term: l.term, Data: data}, Entry{Index: l.last + 1, Term: l.term})
		l.last++
	})
	r, err := f.Txn(t.Context(), put("k", "ours"))
	if err != nil || r.Revision != 3 {
		t.Errorf("a write behind one of another member: got %+v, %v", r, err)
	}
}

func TestConfigValidate(t *testing.T) {
	_, err := New(Config{MaxRequestBytes: -1, MaxPendingBytes: 1})
	for _, fault := range []string{"Log", "Machine", "Leadership", "MaxRequestBytes", "MaxPendingBytes"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s is not in: %v", fault, err)
		}
	}
}
