package replicated

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// leased puts a key on a new lease.
func leased(t testing.TB, s storage.Store, key string, ttl time.Duration) storage.Lease {
	t.Helper()
	l, err := s.GrantLease(context.Background(), 0, ttl)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Txn(context.Background(), onLease(key, l.ID)); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestExpiryOnLeaderOnly(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	leased(t, f, "k", 10*time.Second)
	f.log.elect(false)
	f.advance(time.Second)
	f.advance(time.Hour)
	if !exists(t, f, "k") {
		t.Fatal("a member that does not lead let a lease expire")
	}
	f.log.elect(true)
	f.advance(time.Second) // leads, and gives the lease its whole time again
	f.advance(9 * time.Second)
	if !exists(t, f, "k") {
		t.Error("a new leader did not extend a lease")
	}
	f.advance(2 * time.Second)
	if exists(t, f, "k") {
		t.Error("a lease outlived its time under a new leader")
	}
}

func TestExpiryIsFenced(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	leased(t, f, "k", 10*time.Second)
	f.log.set(func(l *testLog) { l.holding = true })
	f.idle()
	f.clock.move(11 * time.Second)
	f.awaitPending(1) // the revoke, in the log in term 1
	f.log.set(func(l *testLog) {
		l.term++
		for i := range l.queue { // another leader commits it in its own term
			l.queue[i].Term = l.term
		}
		l.holding = false
	})
	f.idle()
	if !exists(t, f, "k") {
		t.Fatal("a revoke of an earlier term took effect")
	}
	f.advance(time.Second)
	f.advance(9 * time.Second)
	if !exists(t, f, "k") {
		t.Error("the leader of the next term did not extend the lease")
	}
	f.advance(2 * time.Second)
	if exists(t, f, "k") {
		t.Error("the lease outlived its time")
	}
}

func TestExpiryAfterRestart(t *testing.T) {
	disk := mvcc.NewMemoryDisk()
	first := start(t, disk, nil)
	leased(t, first, "k", 10*time.Second)
	first.advance(8 * time.Second)
	first.stop()
	second := start(t, disk, nil)
	second.advance(9 * time.Second)
	if !exists(t, second, "k") {
		t.Error("a lease was not extended after a restart")
	}
	second.advance(2 * time.Second)
	if exists(t, second, "k") {
		t.Error("a lease outlived its time after a restart")
	}
}

func TestExpiryTriesAgain(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	leased(t, f, "k", 10*time.Second)
	f.log.set(func(l *testLog) { l.refuse = errTestNoLeader })
	f.advance(11 * time.Second)
	f.log.set(func(l *testLog) { l.refuse = nil })
	if !exists(t, f, "k") {
		t.Fatal("the key is gone although nothing could be written")
	}
	f.advance(time.Second)
	if exists(t, f, "k") {
		t.Error("a revoke that failed was not tried again")
	}
}

// TestExpiryBounds lets more leases and keys expire than one entry takes.
func TestExpiryBounds(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	const leases = expiryLeases + 50
	for i := range leases {
		leased(t, f, fmt.Sprintf("few/%03d", i), 10*time.Second)
	}
	for i := range 3 {
		l := leased(t, f, fmt.Sprintf("many/%d", i), 10*time.Second)
		txn := &storage.Txn{}
		for k := range 600 {
			txn.Success = append(txn.Success, storage.Op{Type: storage.OpPut, Key: fmt.Sprintf("many/%d/%03d", i, k), Lease: l.ID})
		}
		if _, err := f.Txn(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
	}
	before := f.Stats().Proposed
	f.advance(11 * time.Second)
	r, err := f.Range(t.Context(), storage.RangeRequest{Key: "a", RangeEnd: "\x00", CountOnly: true})
	if err != nil || r.Count != 0 {
		t.Errorf("%d keys outlived their leases, %v", r.Count, err)
	}
	if n := f.Stats().Proposed - before; n != 3 {
		t.Errorf("%d leases, three of them with 600 keys, took %d entries, want 3", leases+3, n)
	}
	if n := f.Stats().Expired; n != leases+3 {
		t.Errorf("%d leases are counted as expired, want %d", n, leases+3)
	}
}

// TestLeaseGrantedAgain revokes a lease and grants its id again, for longer.
func TestLeaseGrantedAgain(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	for _, ttl := range []time.Duration{10 * time.Second, 30 * time.Second} {
		if _, err := f.GrantLease(t.Context(), 5, ttl); err != nil {
			t.Fatal(err)
		}
		if ttl == 10*time.Second {
			if err := f.RevokeLease(t.Context(), 5); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := f.Txn(t.Context(), onLease("k", 5)); err != nil {
		t.Fatal(err)
	}
	f.advance(20 * time.Second)
	if !exists(t, f, "k") {
		t.Error("the second lease of an id ended with the first one's time")
	}
	f.advance(11 * time.Second)
	if exists(t, f, "k") {
		t.Error("the second lease of an id outlived its time")
	}
}

// TestLessorForgets revokes many leases long before their time.
func TestLessorForgets(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	kept := leased(t, f, "kept", 2*time.Hour)
	for range 3 * staleFloor {
		l, err := f.GrantLease(t.Context(), 0, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.RevokeLease(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
	f.lessor.prune(f.mvcc.Leases)
	f.lessor.mu.Lock()
	queued, known := len(f.lessor.queue), len(f.lessor.expiry)
	_, there := f.lessor.expiry[kept.ID]
	f.lessor.mu.Unlock()
	if queued != 1 || known != 1 || !there {
		t.Errorf("after pruning %d expiries of %d leases are known, the one that lives: %v", queued, known, there)
	}
	f.advance(2*time.Hour + time.Second)
	if exists(t, f, "kept") {
		t.Error("the lease that lived was forgotten")
	}
}

func TestSharedLease(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	shared := func(ttl time.Duration) storage.Lease {
		l, err := f.SharedLease(t.Context(), ttl)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	// Lives of a lease are kept apart, so that they do not push each other out.
	hour, quarter := shared(time.Hour), shared(15*time.Second)
	if hour.TTL != time.Hour+time.Minute || quarter.TTL != 15*time.Second {
		t.Errorf("times to live are %v and %v, want 1h1m and 15s", hour.TTL, quarter.TTL)
	}
	for range 100 {
		if l := shared(time.Hour); l != hour {
			t.Fatalf("got lease %v, want %v again", l, hour)
		}
		shared(15 * time.Second)
	}
	f.advance(time.Minute)
	if l := shared(time.Hour); l != hour {
		t.Errorf("a lease that still lives for an hour was not given out again")
	}
	f.advance(time.Second)
	if l := shared(time.Hour); l == hour {
		t.Errorf("a lease that lives for less than an hour was given out")
	}
	if l := shared(1500 * time.Millisecond); l.TTL != 2*time.Second {
		t.Errorf("1.5s became %v, want 2s", l.TTL)
	}
	for i := range 3 * sharedLeaseTTLs {
		shared(time.Duration(i+1) * time.Minute)
	}
	if n := len(f.shared.last); n > sharedLeaseTTLs {
		t.Errorf("%d leases are remembered, want %d at most", n, sharedLeaseTTLs)
	}
}

// TestSharedLeaseWaits has one caller grant a lease while another one gives up.
func TestSharedLeaseWaits(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), nil)
	f.log.set(func(l *testLog) { l.holding = true })
	granted := make(chan error, 1)
	go func() { _, err := f.SharedLease(context.Background(), time.Hour); granted <- err }()
	f.awaitPending(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.SharedLease(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("SharedLease whose context ends while another is granted: got %v", err)
	}
	f.log.set(func(l *testLog) { l.holding = false })
	if err := <-granted; err != nil {
		t.Error(err)
	}
}

func TestCompactsHistory(t *testing.T) {
	f := start(t, mvcc.NewMemoryDisk(), func(c *Config) { c.CompactionRetention = time.Minute })
	mark := func() int64 {
		_, compacted := f.Revision()
		return compacted
	}
	f.advance(time.Minute)
	one := mustPut(t, f, "k")
	before := mark()
	f.advance(time.Minute)
	if mark() >= one || mark() > before+1 {
		t.Errorf("history of less than a minute is gone: the mark is %d", mark())
	}
	two := mustPut(t, f, "k")
	f.advance(time.Minute)
	if mark() != one {
		t.Errorf("the mark is %d, want %d, the revision of a minute ago", mark(), one)
	}
	f.log.elect(false)
	f.advance(time.Minute)
	f.advance(time.Minute)
	if mark() != one {
		t.Errorf("a member that does not lead compacted at %d", mark())
	}
	f.log.elect(true)
	f.advance(time.Minute)
	if mark() != two {
		t.Errorf("the mark is %d, want %d", mark(), two)
	}
	proposed := f.Stats().Proposed
	f.advance(time.Minute)
	f.advance(time.Minute)
	if n := f.Stats().Proposed; n != proposed {
		t.Errorf("an idle store compacted %d times", n-proposed)
	}
}
