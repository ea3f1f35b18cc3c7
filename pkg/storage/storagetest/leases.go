package storagetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

var leaseValidators = []Validator{
	{"LeaseGrant", "a lease gets the id asked for, or one of its own, once", checkGrant},
	{"LeaseRevoke", "revoking deletes the keys that hang on the lease now, one revision each, and the lease", checkRevoke},
	{"LeaseUnknown", "a put on an unknown lease fails and writes nothing", checkUnknownLease},
	{"LeaseExpiry", "keys outlive their lease's time to live by little, and are deleted one revision each", checkExpiry},
	{"LeaseShared", "a shared lease lives at least as long as asked, 5 % or a minute longer at most, and is given out a thousand times", checkShared},
}

func checkGrant(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	seen := map[int64]bool{}
	for range 20 {
		l := e.grant(0, time.Minute)
		if l.ID <= 0 || seen[l.ID] || l.TTL != time.Minute {
			e.Errorf("GrantLease(0, 1m): got %+v", l)
		}
		seen[l.ID] = true
	}
	if l := e.grant(4711, time.Hour); l.ID != 4711 || l.TTL != time.Hour {
		e.Errorf("GrantLease(4711, 1h): got %+v", l)
	}
	_, err := e.GrantLease(e.ctx, 4711, time.Hour)
	e.wantErr(err, storage.ErrLeaseExists, "GrantLease of an id that is taken")
	if err := e.RevokeLease(e.ctx, 4711); err != nil {
		e.Errorf("RevokeLease of a lease without keys: %v", err)
	}
	e.wantErr(e.RevokeLease(e.ctx, 4711), storage.ErrLeaseNotFound, "RevokeLease a second time")
	e.grant(4711, time.Hour)
	e.wantUnchanged(before, "granting and revoking leases without keys")
}

func onLease(key string, lease int64) storage.Op {
	return storage.Op{Type: storage.OpPut, Key: key, Value: []byte(key), Lease: lease}
}

func checkRevoke(t testing.TB, h Harness) {
	e := newEnv(t, h)
	one, two := e.grant(0, time.Hour), e.grant(0, time.Hour)
	e.do(onLease("stays", one.ID), onLease("moves", one.ID), onLease("goes", one.ID))
	e.do(onLease("back", two.ID))
	for i := range 10 {
		e.do(onLease(fmt.Sprintf("k/%d", i), one.ID))
	}
	e.put("stays", "on no lease")
	e.do(onLease("moves", two.ID))
	e.delete("goes")
	e.do(onLease("back", one.ID))
	before := e.current()
	if err := e.RevokeLease(e.ctx, one.ID); err != nil {
		e.Fatalf("RevokeLease: %v", err)
	}
	e.wantRevoked(before, []string{"back", "k/0", "k/1", "k/2", "k/3", "k/4", "k/5", "k/6", "k/7", "k/8", "k/9"})
	if e.get("stays") == nil || e.get("moves") == nil {
		e.Errorf("revoking a lease deleted keys that no longer hang on it")
	}
	e.wantErr(e.RevokeLease(e.ctx, one.ID), storage.ErrLeaseNotFound, "RevokeLease a second time")
	if err := e.RevokeLease(e.ctx, two.ID); err != nil {
		e.Errorf("RevokeLease: %v", err)
	}
	if e.get("moves") != nil {
		e.Errorf("a key that moved to another lease outlived it")
	}
}

// wantRevoked fails unless all that happened since before is the delete of
// keys, each on a revision of its own.
func (e *env) wantRevoked(before int64, keys []string) {
	e.Helper()
	var got []string
	events := e.events("\x00", "\x00", before, e.current())
	for i, ev := range events {
		if ev.Type != storage.EventDelete || ev.KV.ModRevision != before+1+int64(i) {
			e.Errorf("event %d after the end of a lease: got %s, want a delete at revision %d", i, formatEvent(ev), before+1+int64(i))
		}
		if ev.Prev == nil || valueOf(ev.Prev) != ev.KV.Key {
			e.Errorf("%s: got previous value %s", formatEvent(ev), formatKV(ev.Prev))
		}
		got = append(got, ev.KV.Key)
	}
	slices.Sort(got)
	if !slices.Equal(got, keys) {
		e.Errorf("the end of a lease deleted %q, want %q", got, keys)
	}
}

func checkUnknownLease(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	_, err := e.Txn(e.ctx, &storage.Txn{Success: []storage.Op{put("a", "v"), onLease("k", 123456)}})
	e.wantErr(err, storage.ErrLeaseNotFound, "a put on an unknown lease")
	e.wantErr(e.RevokeLease(e.ctx, 123456), storage.ErrLeaseNotFound, "RevokeLease of an unknown lease")
	l := e.grant(0, time.Minute)
	if err := e.RevokeLease(e.ctx, l.ID); err != nil {
		e.Fatalf("RevokeLease: %v", err)
	}
	_, err = e.Txn(e.ctx, &storage.Txn{Success: []storage.Op{onLease("k", l.ID)}})
	e.wantErr(err, storage.ErrLeaseNotFound, "a put on a revoked lease")
	e.wantUnchanged(before, "a put that failed")
}

func checkExpiry(t testing.TB, h Harness) {
	if h.Advance == nil {
		t.Skip("the clock of this store cannot be moved")
	}
	e := newEnv(t, h)
	short, long := e.grant(0, 10*time.Second), e.grant(0, 100*time.Second)
	e.do(onLease("long/1", long.ID))
	e.do(onLease("short/1", short.ID), onLease("short/2", short.ID), put("none", "v"))
	h.Advance(9 * time.Second)
	if e.put("after", "v"); e.get("short/1") == nil {
		e.Fatalf("a key is gone a second before the end of its lease")
	}
	before := e.current()
	h.Advance(5 * time.Second)
	e.events("short/", "short0", before, before+2) // waits for both deletes
	e.wantRevoked(before, []string{"short/1", "short/2"})
	e.wantErr(e.RevokeLease(e.ctx, short.ID), storage.ErrLeaseNotFound, "RevokeLease of an expired lease")
	if e.get("long/1") == nil || e.get("none") == nil {
		e.Errorf("the end of one lease deleted keys of others")
	}
	before = e.current()
	h.Advance(100 * time.Second)
	e.events("long/", "long0", before, before+1)
	e.wantRevoked(before, []string{"long/1"})
}

func checkShared(t testing.TB, h Harness) {
	e := newEnv(t, h)
	shared := func(ttl time.Duration) storage.Lease {
		l, err := e.SharedLease(e.ctx, ttl)
		if err != nil {
			e.Fatalf("SharedLease(%v): %v", ttl, err)
		}
		if l.TTL < ttl || l.TTL > ttl+min(ttl/20, time.Minute) {
			e.Errorf("SharedLease(%v) has a time to live of %v", ttl, l.TTL)
		}
		return l
	}
	uses := map[int64]int{}
	for range 2001 {
		uses[shared(time.Hour).ID]++
	}
	for id, n := range uses {
		if n > 1000 {
			e.Errorf("lease %d was given out %d times, want 1000 at most", id, n)
		}
	}
	if len(uses) > 4 {
		e.Errorf("2001 keys share %d leases, want 3 or 4", len(uses))
	}
	l := shared(time.Hour)
	e.do(onLease("k", l.ID))
	if err := e.RevokeLease(e.ctx, l.ID); err != nil {
		e.Fatalf("RevokeLease: %v", err)
	}
	e.do(onLease("k", shared(time.Hour).ID)) // not the revoked one
	if h.Advance == nil {
		return
	}
	first := shared(time.Hour)
	h.Advance(2 * time.Minute)
	if l := shared(time.Hour); l.ID == first.ID {
		e.Errorf("a lease with two minutes less to live was given out again")
	}
}
