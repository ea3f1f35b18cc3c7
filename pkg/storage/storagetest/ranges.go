package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

var rangeValidators = []Validator{
	{"RangeBounds", "a range is one key, [key, end), or all keys from key on, in byte order", checkRangeBounds},
	{"RangeLimit", "a limit cuts the answer, sets More, and leaves Count whole", checkRangeLimit},
	{"RangeForms", "keys only and count only leave the rest of the answer as it is", checkRangeForms},
	{"RangeAtRevision", "a read at a revision sees exactly the writes up to it", checkRangeAtRevision},
	{"RangeFuture", "a read at a revision that does not exist yet is ErrFutureRevision", checkRangeFuture},
	{"ReadRevision", "ReadRevision covers every write acknowledged before, and can be read at once", checkReadRevision},
}

var compactionValidators = []Validator{
	{"CompactReads", "below the mark reads are ErrCompacted, at and above it nothing has changed", checkCompactReads},
	{"CompactEvents", "events from the mark on are complete with their previous values, below it ErrCompacted", checkCompactEvents},
	{"CompactErrors", "a compaction at or below the mark is ErrCompacted, ahead of the revision ErrFutureRevision", checkCompactErrors},
}

func checkRangeBounds(t testing.TB, h Harness) {
	e := newEnv(t, h)
	all := []string{"a", "a/", "a/b", "a/b/c", "a0", "b", "\xff", "\xff\xff"}
	for i := len(all) - 1; i >= 0; i-- {
		e.put(all[i], all[i])
	}
	for _, c := range []struct {
		start, end string
		want       []string
	}{
		{"a", "", all[:1]},
		{"absent", "", nil},
		{"a/", storage.PrefixEnd("a/"), all[1:4]},
		{"a/b", "a/b", nil},
		{"b", "a", nil},
		{"a/c", "b", all[4:5]},
		{"a0", "\x00", all[4:]},
		{"\xff", storage.PrefixEnd("\xff"), all[6:]},
		{"\x00", "\x00", all},
	} {
		got := e.read(storage.RangeRequest{Key: c.start, RangeEnd: c.end})
		if !slices.Equal(keysOf(got.KVs), append([]string{}, c.want...)) || got.Count != int64(len(c.want)) || got.More {
			e.Errorf("range [%q, %q): got %q, count %d, more %v, want %q", c.start, c.end, keysOf(got.KVs), got.Count, got.More, c.want)
		}
		if got.Revision != e.current() {
			e.Errorf("range answered revision %d, want %d", got.Revision, e.current())
		}
	}
}

func checkRangeLimit(t testing.TB, h Harness) {
	e := newEnv(t, h)
	var all []string
	for i := range 10 {
		key := fmt.Sprintf("k/%d", i)
		e.put(key, key)
		all = append(all, key)
	}
	e.put("z", "outside")
	for limit := range int64(13) {
		got := e.read(storage.RangeRequest{Key: "k/", RangeEnd: "k0", Limit: limit})
		want := all
		if limit > 0 && limit < 10 {
			want = all[:limit]
		}
		if !slices.Equal(keysOf(got.KVs), want) || got.Count != 10 || got.More != (len(want) < 10) {
			e.Errorf("limit %d: got %v, count %d, more %v", limit, keysOf(got.KVs), got.Count, got.More)
		}
	}
}

func checkRangeForms(t testing.TB, h Harness) {
	e := newEnv(t, h)
	for i := range 3 {
		e.put(fmt.Sprintf("k/%d", i), "v")
	}
	e.put("k/1", "w")
	whole := e.read(storage.RangeRequest{Key: "k/", RangeEnd: "k0"})
	keys := e.read(storage.RangeRequest{Key: "k/", RangeEnd: "k0", KeysOnly: true, Limit: 2})
	if len(keys.KVs) != 2 || keys.Count != 3 || !keys.More {
		e.Fatalf("keys only with limit 2: got %+v", keys)
	}
	for i, kv := range keys.KVs {
		want := *whole.KVs[i]
		want.Value = nil
		if !equalKV(kv, &want) {
			e.Errorf("keys only: got %s, want %s", formatKV(kv), formatKV(&want))
		}
	}
	count := e.read(storage.RangeRequest{Key: "k/", RangeEnd: "k0", CountOnly: true})
	if len(count.KVs) != 0 || count.Count != 3 {
		e.Errorf("count only: got %+v", count)
	}
}

// churn writes, overwrites, deletes and makes again some keys, and returns the
// model that did the same.
func churn(e *env, rounds int) *Model {
	e.Helper()
	m := NewModel(e.current())
	for i := range rounds {
		ops := []storage.Op{put(fmt.Sprintf("k/%d", i%4), fmt.Sprint(i))}
		if i%5 == 3 {
			ops = []storage.Op{remove(fmt.Sprintf("k/%d", i%3))}
		}
		if i%7 == 6 {
			ops = append(ops, storage.Op{Type: storage.OpDelete, Key: "l/", RangeEnd: "l0"}, put("m/all", fmt.Sprint(i)))
		} else {
			ops = append(ops, put(fmt.Sprintf("l/%d", i%9), fmt.Sprint(i)))
		}
		txn := &storage.Txn{Success: ops}
		got := e.txn(txn)
		want, err := m.Txn(txn)
		if err != nil {
			e.Fatalf("model: %v", err)
		}
		if err := diffTxn(got, want); err != nil {
			e.Errorf("%s: %v", formatTxn(txn), err)
		}
	}
	return m
}

// wantReads compares reads of several ranges and forms at revision with m's.
func (e *env) wantReads(m *Model, revision int64) {
	e.Helper()
	for _, r := range []storage.RangeRequest{
		{Key: "k/1"}, {Key: "k/", RangeEnd: "k0"}, {Key: "l/", RangeEnd: "l0", Limit: 3},
		{Key: "\x00", RangeEnd: "\x00"}, {Key: "k/2", RangeEnd: "\x00", KeysOnly: true}, {Key: "l/", RangeEnd: "m0", CountOnly: true},
	} {
		r.Revision = revision
		want, err := m.Range(r)
		if err != nil {
			e.Fatalf("model: Range(%+v): %v", r, err)
		}
		got := e.read(r)
		if !equalKVs(got.KVs, want.KVs) || got.Count != want.Count || got.More != want.More || got.Revision != want.Revision {
			e.Errorf("Range(%+v): got count %d, more %v, revision %d,%s\nwant count %d, more %v, revision %d,%s", r,
				got.Count, got.More, got.Revision, formatKVs(got.KVs), want.Count, want.More, want.Revision, formatKVs(want.KVs))
		}
	}
}

func checkRangeAtRevision(t testing.TB, h Harness) {
	e := newEnv(t, h)
	first := e.current()
	m := churn(e, 40)
	for revision := first; revision <= e.current(); revision++ {
		e.wantReads(m, revision)
	}
	e.wantReads(m, 0)
}

func checkRangeFuture(t testing.TB, h Harness) {
	e := newEnv(t, h)
	e.put("k", "v")
	_, err := e.Range(e.ctx, storage.RangeRequest{Key: "k", Revision: e.current() + 1})
	e.wantErr(err, storage.ErrFutureRevision, "a read at the next revision")
	_, err = e.Range(e.ctx, storage.RangeRequest{Key: "k", Revision: e.current() + 1, CountOnly: true})
	e.wantErr(err, storage.ErrFutureRevision, "a count at the next revision")
}

func checkReadRevision(t testing.TB, h Harness) {
	e := newEnv(t, h)
	for range 20 {
		written := e.put("k", "v")
		read, err := e.ReadRevision(e.ctx)
		if err != nil {
			e.Fatalf("ReadRevision: %v", err)
		}
		if read < written {
			e.Errorf("ReadRevision is %d after revision %d was acknowledged", read, written)
		}
		if got := e.read(storage.RangeRequest{Key: "k", Revision: read}); got.KVs[0].ModRevision < written {
			e.Errorf("a read at ReadRevision %d does not see revision %d", read, written)
		}
	}
}

func checkCompactReads(t testing.TB, h Harness) {
	e := newEnv(t, h)
	first := e.current()
	m := churn(e, 40)
	for _, mark := range []int64{first + 10, first + 11, first + 39} {
		e.compact(mark)
		if err := m.Compact(mark); err != nil {
			e.Fatalf("model: %v", err)
		}
		if _, compacted := e.Revision(); compacted != mark {
			e.Errorf("the mark is %d after Compact(%d)", compacted, mark)
		}
		for revision := mark; revision <= e.current(); revision++ {
			e.wantReads(m, revision)
		}
		for _, below := range []int64{first, mark - 1} {
			_, err := e.Range(e.ctx, storage.RangeRequest{Key: "k/1", Revision: below})
			e.wantCompacted(err, below, mark)
			_, err = e.Txn(e.ctx, &storage.Txn{Success: []storage.Op{{Type: storage.OpRange, Key: "k/1", Revision: below}}})
			e.wantErr(err, storage.ErrCompacted, "a range in a transaction at %d", below)
		}
	}
	// Compaction is no write: revisions go on without a gap.
	last := e.current()
	if got := e.put("k/1", "v"); got != last+1 {
		e.Errorf("the write after a compaction took revision %d, want %d", got, last+1)
	}
}

func (e *env) wantCompacted(err error, requested, mark int64) {
	e.Helper()
	var compacted *storage.CompactedError
	if !errors.As(err, &compacted) || !errors.Is(err, storage.ErrCompacted) {
		e.Errorf("a read at %d below the mark %d: got error %v, want a *CompactedError", requested, mark, err)
	} else if compacted.Compacted != mark {
		e.Errorf("a read at %d says that the mark is %d, want %d", requested, compacted.Compacted, mark)
	}
}

func checkCompactEvents(t testing.TB, h Harness) {
	e := newEnv(t, h)
	first := e.current()
	m := churn(e, 40)
	mark := first + 20
	e.compact(mark)
	for after := mark; after <= e.current(); after++ {
		if after < e.current() {
			e.wantEvents(m, "k/", "k0", after)
			e.wantEvents(m, "\x00", "\x00", after)
		}
	}
	for _, after := range []int64{first, first + 1, mark - 2} {
		_, err := e.Events(e.ctx, storage.EventsRequest{Key: "\x00", RangeEnd: "\x00", After: after})
		e.wantCompacted(err, after+1, mark)
	}
}

// wantEvents compares the events of a range above after with m's.
func (e *env) wantEvents(m *Model, key, end string, after int64) {
	e.Helper()
	w := e.watch(storage.EventsRequest{Key: key, RangeEnd: end, After: after}, e.current())
	if err := CheckWatch(m.Events("", "\x00", 0), w); err != nil {
		e.Errorf("events of [%q, %q) after %d: %v", key, end, after, err)
	}
}

func checkCompactErrors(t testing.TB, h Harness) {
	e := newEnv(t, h)
	for i := range 5 {
		e.put("k", fmt.Sprint(i))
	}
	current := e.current()
	e.wantErr(e.Compact(e.ctx, current+1), storage.ErrFutureRevision, "Compact ahead of the revision")
	e.compact(current - 2)
	for _, revision := range []int64{current - 2, current - 3} {
		e.wantErr(e.Compact(e.ctx, revision), storage.ErrCompacted, "Compact(%d) at mark %d", revision, current-2)
	}
	if _, compacted := e.Revision(); compacted != current-2 {
		e.Errorf("a compaction that failed moved the mark to %d", compacted)
	}
	e.compact(current)
	if kv := e.get("k"); valueOf(kv) != "4" {
		e.Errorf("a key at the compacted revision: got %s", formatKV(kv))
	}
}
