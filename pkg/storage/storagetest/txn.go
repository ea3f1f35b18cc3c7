package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

var txnValidators = []Validator{
	{"TxnCompares", "every target and result is compared, and an absent key compares as zeros", checkCompares},
	{"TxnCompareValue", "values are compared as bytes, and no comparison with an absent key's value holds", checkCompareValue},
	{"TxnCompareRange", "a compare of a range must hold for every key in it", checkCompareRange},
	{"TxnBranches", "all compares must hold for Success to run, otherwise Failure runs", checkBranches},
	{"TxnPut", "a put sets create and mod revision, version and lease, and returns what it replaced when asked", checkPut},
	{"TxnPutIgnore", "IgnoreValue and IgnoreLease keep what was there, and need a key", checkPutIgnore},
	{"TxnDelete", "a delete removes keys of a range, counts them and returns them when asked; of nothing it takes no revision", checkDelete},
	{"TxnRange", "a range within a transaction sees the writes before it and none after", checkTxnRange},
	{"TxnNested", "nested transactions are decided on the state before the outer one, share its revision and answer in place", checkNested},
	{"TxnDuplicateKey", "a key that could be put twice is refused and nothing is written", checkDuplicateKey},
	{"TxnAtomic", "a transaction with an operation that fails writes nothing", checkTxnAtomic},
	{"TxnRevisions", "a writing transaction takes the next revision, a reading one none", checkRevisions},
	{"TxnValueOwned", "a value is copied in, and what was handed out never changes", checkValueOwned},
	{"BatchConsecutive", "transactions of a batch take consecutive revisions in order and see each other's writes", checkBatch},
	{"BatchFailure", "a transaction of a batch that fails writes nothing and has no result, those around it take effect and have theirs", checkBatchFailure},
	{"BatchRefused", "a batch with a transaction that no state could accept does nothing at all", checkBatchRefused},
}

func checkCompares(t testing.TB, h Harness) {
	e := newEnv(t, h)
	lease := e.grant(0, patience)
	e.put("k", "1")
	e.do(storage.Op{Type: storage.OpPut, Key: "k", Value: []byte("2"), Lease: lease.ID})
	kv := e.get("k")
	targets := []struct {
		target storage.CompareTarget
		value  int64
	}{
		{storage.CompareMod, kv.ModRevision}, {storage.CompareVersion, kv.Version},
		{storage.CompareCreate, kv.CreateRevision}, {storage.CompareLease, kv.Lease},
	}
	for _, target := range targets {
		checkCompareInt(e, "k", target.target, target.value)
		checkCompareInt(e, "absent", target.target, 0)
	}
}

// checkCompareInt tries every result with operands around value.
func checkCompareInt(e *env, key string, target storage.CompareTarget, value int64) {
	e.Helper()
	for _, operand := range []int64{value - 1, value, value + 1} {
		for result, want := range map[storage.CompareResult]bool{
			storage.Equal: value == operand, storage.NotEqual: value != operand,
			storage.Greater: value > operand, storage.Less: value < operand,
		} {
			c := compare(key, target, result, operand)
			if got := e.txn(&storage.Txn{Compares: []storage.Compare{c}}).Succeeded; got != want {
				e.Errorf("compare %s with the value at %d: got %v, want %v", formatCompare(c), value, got, want)
			}
		}
	}
}

func checkCompareValue(t testing.TB, h Harness) {
	e := newEnv(t, h)
	e.put("k", "m")
	e.put("empty", "")
	cases := []struct {
		key, operand string
		want         []storage.CompareResult
	}{
		{"k", "m", []storage.CompareResult{storage.Equal}},
		{"k", "a", []storage.CompareResult{storage.NotEqual, storage.Greater}},
		{"k", "ma", []storage.CompareResult{storage.NotEqual, storage.Less}},
		{"k", "z", []storage.CompareResult{storage.NotEqual, storage.Less}},
		{"empty", "", []storage.CompareResult{storage.Equal}},
		{"absent", "", nil},
		{"absent", "x", nil},
	}
	for _, c := range cases {
		for _, result := range []storage.CompareResult{storage.Equal, storage.NotEqual, storage.Greater, storage.Less} {
			cmp := storage.Compare{Key: c.key, Target: storage.CompareValue, Result: result, Bytes: []byte(c.operand)}
			want := slices.Contains(c.want, result)
			if got := e.txn(&storage.Txn{Compares: []storage.Compare{cmp}}).Succeeded; got != want {
				e.Errorf("compare %s: got %v, want %v", formatCompare(cmp), got, want)
			}
		}
	}
}

func checkCompareRange(t testing.TB, h Harness) {
	e := newEnv(t, h)
	e.put("a/1", "x")
	e.put("a/2", "x")
	e.put("b/1", "y")
	cases := []struct {
		start, end string
		target     storage.CompareTarget
		result     storage.CompareResult
		operand    int64
		want       bool
	}{
		{"a/", "a0", storage.CompareVersion, storage.Equal, 1, true},
		{"a/", "a0", storage.CompareVersion, storage.Greater, 1, false},
		{"a/", "a0", storage.CompareMod, storage.Equal, e.get("a/1").ModRevision, false},
		{"a/", "\x00", storage.CompareVersion, storage.Equal, 1, true},
		{"c/", "c0", storage.CompareMod, storage.Equal, 0, true},
		{"c/", "c0", storage.CompareMod, storage.Greater, 0, false},
	}
	for _, c := range cases {
		cmp := compare(c.start, c.target, c.result, c.operand)
		cmp.RangeEnd = c.end
		if got := e.txn(&storage.Txn{Compares: []storage.Compare{cmp}}).Succeeded; got != c.want {
			e.Errorf("compare %s: got %v, want %v", formatCompare(cmp), got, c.want)
		}
	}
	for value, want := range map[string]bool{"x": true, "y": false} {
		cmp := storage.Compare{Key: "a/", RangeEnd: "a0", Target: storage.CompareValue, Bytes: []byte(value)}
		if got := e.txn(&storage.Txn{Compares: []storage.Compare{cmp}}).Succeeded; got != want {
			e.Errorf("compare %s: got %v, want %v", formatCompare(cmp), got, want)
		}
	}
}

func checkBranches(t testing.TB, h Harness) {
	e := newEnv(t, h)
	absent := compare("k", storage.CompareMod, storage.Equal, 0)
	never := compare("k", storage.CompareVersion, storage.Equal, 99)
	branches := func(compares ...storage.Compare) *storage.Txn {
		return &storage.Txn{
			Compares: compares,
			Success:  []storage.Op{put("k", "success")},
			Failure:  []storage.Op{get("k"), put("other", "failure")},
		}
	}
	r := e.txn(branches(absent))
	if !r.Succeeded || len(r.Results) != 1 || valueOf(e.get("k")) != "success" {
		e.Errorf("the compare held: got %+v and %s", r, valueOf(e.get("k")))
	}
	for _, compares := range [][]storage.Compare{{absent}, {never}, {compare("k", storage.CompareVersion, storage.Equal, 1), never}} {
		r = e.txn(branches(compares...))
		if r.Succeeded || len(r.Results) != 2 || len(r.Results[0].KVs) != 1 || valueOf(r.Results[0].KVs[0]) != "success" {
			e.Errorf("a compare did not hold: got %+v", r)
		}
	}
	if kv := e.get("k"); kv.Version != 1 {
		e.Errorf("Success ran although a compare did not hold: %s", formatKV(kv))
	}
	if r := e.txn(&storage.Txn{Success: []storage.Op{put("k", "always")}}); !r.Succeeded {
		e.Errorf("a transaction without compares did not succeed")
	}
}

func checkPut(t testing.TB, h Harness) {
	e := newEnv(t, h)
	lease := e.grant(0, patience)
	want := &storage.KeyValue{Key: "k"}
	for i := range 4 {
		op := put("k", fmt.Sprint(i))
		op.PrevKV = i%2 == 0
		if i == 2 {
			op.Lease = lease.ID
		}
		before := e.get("k")
		r := e.do(op)
		want.Value, want.Lease, want.ModRevision, want.Version = op.Value, op.Lease, r.Revision, int64(i+1)
		if i == 0 {
			want.CreateRevision = r.Revision
		}
		if got := e.get("k"); !equalKV(got, want) {
			e.Errorf("put %d: got %s, want %s", i, formatKV(got), formatKV(want))
		}
		var prev []*storage.KeyValue
		if op.PrevKV && before != nil {
			prev = []*storage.KeyValue{before}
		}
		if len(r.Results) != 1 || !equalKVs(r.Results[0].KVs, prev) {
			e.Errorf("put %d with PrevKV %v answered %+v, want %s", i, op.PrevKV, r.Results, formatKVs(prev))
		}
	}
	e.delete("k")
	revision := e.put("k", "again")
	if kv := e.get("k"); kv.CreateRevision != revision || kv.Version != 1 || kv.Lease != 0 {
		e.Errorf("a key made again after its delete: got %s, want create revision %d and version 1", formatKV(kv), revision)
	}
	e.put("empty", "")
	if kv := e.get("empty"); kv == nil || len(kv.Value) != 0 {
		e.Errorf("a key with an empty value: got %s", formatKV(kv))
	}
}

func checkPutIgnore(t testing.TB, h Harness) {
	e := newEnv(t, h)
	one, two := e.grant(0, patience), e.grant(0, patience)
	e.do(storage.Op{Type: storage.OpPut, Key: "k", Value: []byte("v"), Lease: one.ID})
	e.do(storage.Op{Type: storage.OpPut, Key: "k", IgnoreValue: true, Lease: two.ID})
	if kv := e.get("k"); valueOf(kv) != "v" || kv.Lease != two.ID || kv.Version != 2 {
		e.Errorf("IgnoreValue: got %s, want value v on lease %d", formatKV(kv), two.ID)
	}
	e.do(storage.Op{Type: storage.OpPut, Key: "k", Value: []byte("w"), IgnoreLease: true})
	if kv := e.get("k"); valueOf(kv) != "w" || kv.Lease != two.ID || kv.Version != 3 {
		e.Errorf("IgnoreLease: got %s, want value w on lease %d", formatKV(kv), two.ID)
	}
	before := e.current()
	for _, op := range []storage.Op{
		{Type: storage.OpPut, Key: "absent", IgnoreValue: true},
		{Type: storage.OpPut, Key: "absent", Value: []byte("v"), IgnoreLease: true},
	} {
		_, err := e.Txn(e.ctx, &storage.Txn{Success: []storage.Op{op}})
		e.wantErr(err, storage.ErrKeyNotFound, "put with %s of an absent key", formatOp(op))
	}
	e.wantUnchanged(before, "a put that failed")
}

func checkDelete(t testing.TB, h Harness) {
	e := newEnv(t, h)
	for _, k := range []string{"a/1", "a/2", "a/3", "b/1"} {
		e.put(k, k)
	}
	before := e.current()
	r := e.do(remove("absent"))
	if r.Results[0].Count != 0 || r.Revision != before {
		e.Errorf("delete of an absent key: got count %d at revision %d, want 0 at %d", r.Results[0].Count, r.Revision, before)
	}
	r = e.do(storage.Op{Type: storage.OpDelete, Key: "a/1", PrevKV: true})
	if got := r.Results[0]; got.Count != 1 || !slices.Equal(keysOf(got.KVs), []string{"a/1"}) || valueOf(got.KVs[0]) != "a/1" {
		e.Errorf("delete of one key with PrevKV: got %+v", got)
	}
	r = e.do(storage.Op{Type: storage.OpDelete, Key: "a/", RangeEnd: "a0", PrevKV: true})
	if got := r.Results[0]; got.Count != 2 || !slices.Equal(keysOf(got.KVs), []string{"a/2", "a/3"}) {
		e.Errorf("delete of a range with PrevKV: got %+v", got)
	}
	if r.Revision != before+2 {
		e.Errorf("delete of a range took revision %d, want %d", r.Revision, before+2)
	}
	if got := e.do(remove("b/1")).Results[0]; got.Count != 1 || len(got.KVs) != 0 {
		e.Errorf("delete without PrevKV: got %+v", got)
	}
	if got := e.read(storage.RangeRequest{Key: "a", RangeEnd: "\x00"}); got.Count != 0 {
		e.Errorf("keys are left after all were deleted: %v", keysOf(got.KVs))
	}
}

func checkTxnRange(t testing.TB, h Harness) {
	e := newEnv(t, h)
	revision := e.put("a", "old")
	e.put("b", "b")
	all := storage.Op{Type: storage.OpRange, Key: "a", RangeEnd: "\x00"}
	then := all
	then.Revision = revision
	limited := all
	limited.Limit, limited.KeysOnly = 1, true
	counted := all
	counted.CountOnly = true
	r := e.do(get("a"), put("a", "new"), get("a"), remove("b"), all, then, put("c", "c"), limited, counted)
	want := []string{"old", "", "new", "", "new", "old", "", "", ""}
	for i, value := range want {
		if value != "" && (len(r.Results[i].KVs) != 1 || valueOf(r.Results[i].KVs[0]) != value) {
			e.Errorf("range at operation %d: got %s, want %s", i, formatKVs(r.Results[i].KVs), value)
		}
	}
	if got := r.Results[7]; got.Count != 2 || !got.More || len(got.KVs) != 1 || len(got.KVs[0].Value) != 0 {
		e.Errorf("range with limit 1 and keys only: got %+v", got)
	}
	if got := r.Results[8]; got.Count != 2 || len(got.KVs) != 0 {
		e.Errorf("range with count only: got %+v", got)
	}
}

func checkNested(t testing.TB, h Harness) {
	e := newEnv(t, h)
	e.put("k", "v")
	inner := func(key string, then, otherwise storage.Op) storage.Op {
		return nested(&storage.Txn{
			Compares: []storage.Compare{compare(key, storage.CompareMod, storage.Equal, 0)},
			Success:  []storage.Op{then}, Failure: []storage.Op{otherwise},
		})
	}
	before := e.current()
	r := e.do(
		put("new", "1"),
		inner("new", put("absent-before", "1"), put("wrong/1", "1")), // decided before the put above
		inner("k", put("wrong/2", "1"), inner("nowhere", get("new"), put("wrong/3", "1"))),
		nested(&storage.Txn{Success: []storage.Op{remove("k")}}),
	)
	if r.Revision != before+1 {
		e.Errorf("a transaction with nested ones took revisions %d to %d, want one", before+1, r.Revision)
	}
	if got := e.read(storage.RangeRequest{Key: "wrong/", RangeEnd: "wrong0"}); got.Count != 0 {
		e.Errorf("the wrong branch of a nested transaction ran: %s", formatKVs(got.KVs))
	}
	if kv := e.get("absent-before"); kv == nil || kv.ModRevision != r.Revision {
		e.Errorf("nested put: got %s, want revision %d", formatKV(kv), r.Revision)
	}
	first, second, third := r.Results[1].Txn, r.Results[2].Txn, r.Results[3].Txn
	if first == nil || second == nil || third == nil {
		e.Fatalf("nested transactions have no answers: %+v", r.Results)
	}
	if !first.Succeeded || second.Succeeded || !third.Succeeded || third.Results[0].Count != 1 {
		e.Errorf("nested answers: got %+v, %+v, %+v", first, second, third)
	}
	innermost := second.Results[0].Txn
	if innermost == nil || !innermost.Succeeded || valueOf(innermost.Results[0].KVs[0]) != "1" {
		e.Errorf("a range two levels down does not see the outer put: %+v", innermost)
	}
	if got := e.events("", "\x00", before, r.Revision); len(got) != 3 {
		e.Errorf("got %d events of one put, one nested put and one nested delete:%s", len(got), formatEvents(got))
	}
}

func checkDuplicateKey(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	child := func(then, otherwise []storage.Op) storage.Op {
		return nested(&storage.Txn{Success: then, Failure: otherwise})
	}
	one := []storage.Op{put("k", "1")}
	for name, ops := range map[string][]storage.Op{
		"side by side":           {put("k", "1"), put("k", "2")},
		"in a nested one":        {put("k", "1"), child(one, nil)},
		"in a nested failure":    {child(nil, one), put("k", "1")},
		"in two nested ones":     {child(one, nil), child(one, nil)},
		"two levels down":        {child([]storage.Op{child(one, nil)}, nil), put("k", "1")},
		"within the nested one":  {child([]storage.Op{put("k", "1"), put("k", "2")}, nil)},
		"with a key in between ": {put("k", "1"), put("j", "1"), put("k", "1")},
	} {
		for branch, txn := range map[string]*storage.Txn{"success": {Success: ops}, "failure": {Failure: ops}} {
			_, err := e.Txn(e.ctx, txn)
			e.wantErr(err, storage.ErrDuplicateKey, "a key put twice, %s, in %s", name, branch)
		}
	}
	e.wantUnchanged(before, "a transaction that puts a key twice")
	e.do(child(one, one)) // only one of the two can run
	e.txn(&storage.Txn{Success: one, Failure: one})
}

// failing returns a put that fails when applied.
func failing() storage.Op {
	return storage.Op{Type: storage.OpPut, Key: "fails", IgnoreValue: true}
}

func checkTxnAtomic(t testing.TB, h Harness) {
	e := newEnv(t, h)
	e.put("k", "before")
	before := e.current()
	for want, op := range map[error]storage.Op{
		storage.ErrKeyNotFound:    failing(),
		storage.ErrLeaseNotFound:  {Type: storage.OpPut, Key: "fails", Lease: 987654321},
		storage.ErrFutureRevision: {Type: storage.OpRange, Key: "k", Revision: before + 1000},
	} {
		_, err := e.Txn(e.ctx, &storage.Txn{Success: []storage.Op{put("k", "after"), remove("k2"), op}})
		e.wantErr(err, want, "%s after a put", formatOp(op))
		_, err = e.Txn(e.ctx, &storage.Txn{Success: []storage.Op{put("k", "after"), nested(&storage.Txn{Success: []storage.Op{op}})}})
		e.wantErr(err, want, "%s nested after a put", formatOp(op))
		e.txn(&storage.Txn{Failure: []storage.Op{op}}) // does not run
	}
	if kv := e.get("k"); valueOf(kv) != "before" {
		e.Errorf("a transaction that failed left %s", formatKV(kv))
	}
	e.wantUnchanged(before, "a transaction that failed")
}

func checkRevisions(t testing.TB, h Harness) {
	e := newEnv(t, h)
	last := e.current()
	if last < 1 {
		e.Errorf("an empty store is at revision %d, want above zero", last)
	}
	for i := range 20 {
		if got := e.put(fmt.Sprintf("k%d", i%3), "v"); got != last+1 {
			e.Errorf("write %d took revision %d, want %d", i, got, last+1)
		}
		last++
		if got := e.do(get("k0"), remove("absent")).Revision; got != last {
			e.Errorf("a transaction that wrote nothing answered revision %d, want %d", got, last)
		}
		if got := e.txn(&storage.Txn{}).Revision; got != last {
			e.Errorf("an empty transaction answered revision %d, want %d", got, last)
		}
	}
	e.wantUnchanged(last, "reading")
}

func checkValueOwned(t testing.TB, h Harness) {
	e := newEnv(t, h)
	value := []byte("before")
	r := e.do(storage.Op{Type: storage.OpPut, Key: "k", Value: value})
	copy(value, "after!")
	held := e.get("k")
	if valueOf(held) != "before" {
		e.Errorf("changing a value after the put changed the store's: %s", formatKV(held))
	}
	e.put("k", "later!")
	for i := range 200 {
		e.put("churn", strings.Repeat("x", i))
	}
	if valueOf(held) != "before" || held.ModRevision != r.Revision {
		e.Errorf("a KeyValue changed after it was handed out: %s", formatKV(held))
	}
	got := e.events("k", "", r.Revision-1, e.current())
	if len(got) != 2 || valueOf(got[0].KV) != "before" || valueOf(got[1].Prev) != "before" {
		e.Errorf("events of the key:%s", formatEvents(got))
	}
}

func checkBatch(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	create := func(key string) *storage.Txn {
		return &storage.Txn{
			Compares: []storage.Compare{compare(key, storage.CompareMod, storage.Equal, 0)},
			Success:  []storage.Op{put(key, "v")}, Failure: []storage.Op{get(key)},
		}
	}
	rs, err := e.Batch(e.ctx, []*storage.Txn{
		create("a"), create("b"), create("a"), {Success: []storage.Op{remove("b")}}, create("b"),
	})
	if err != nil {
		e.Fatalf("Batch: %v", err)
	}
	want := []struct {
		revision  int64
		succeeded bool
	}{{before + 1, true}, {before + 2, true}, {before + 2, false}, {before + 3, true}, {before + 4, true}}
	if len(rs) != len(want) {
		e.Fatalf("Batch of %d answered %d", len(want), len(rs))
	}
	for i, w := range want {
		if rs[i].Revision != w.revision || rs[i].Succeeded != w.succeeded {
			e.Errorf("transaction %d of the batch: got revision %d, succeeded %v, want %+v", i, rs[i].Revision, rs[i].Succeeded, w)
		}
	}
	if kvs := rs[2].Results[0].KVs; len(kvs) != 1 || kvs[0].ModRevision != before+1 {
		e.Errorf("a transaction of a batch does not see the one before it: %s", formatKVs(kvs))
	}
	w := e.watch(storage.EventsRequest{Key: "", RangeEnd: "\x00", After: before}, before+4)
	if got := w.Events(); len(got) != 4 {
		e.Errorf("events of the batch:%s", formatEvents(got))
	}
	if rs, err := e.Batch(e.ctx, nil); err != nil || len(rs) != 0 {
		e.Errorf("an empty batch: got %v, %v", rs, err)
	}
	e.wantUnchanged(before+4, "an empty batch")
}

func checkBatchFailure(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	writes := func(key string) *storage.Txn { return &storage.Txn{Success: []storage.Op{put(key, "v")}} }
	fails := &storage.Txn{Success: []storage.Op{put("lost", "v"), failing()}}
	rs, err := e.Batch(e.ctx, []*storage.Txn{writes("a"), fails, writes("b")})
	e.wantErr(err, storage.ErrKeyNotFound, "a batch with a transaction that fails")
	if len(rs) != 3 || rs[0] == nil || rs[1] != nil || rs[2] == nil {
		e.Fatalf("results of a batch whose second transaction failed: %+v", rs)
	}
	if rs[0].Revision != before+1 || rs[2].Revision != before+2 {
		e.Errorf("revisions around a failed transaction: got %d and %d, want %d and %d",
			rs[0].Revision, rs[2].Revision, before+1, before+2)
	}
	if kv := e.get("lost"); kv != nil {
		e.Errorf("a failed transaction of a batch wrote %s", formatKV(kv))
	}
	e.wantUnchanged(before+2, "a failed transaction of a batch")
}

func checkBatchRefused(t testing.TB, h Harness) {
	e := newEnv(t, h)
	before := e.current()
	writes := &storage.Txn{Success: []storage.Op{put("k", "v")}}
	bad := &storage.Txn{Success: []storage.Op{put("d", "1"), put("d", "2")}}
	for _, ts := range [][]*storage.Txn{{writes, bad}, {bad, writes}, {writes, bad, writes}} {
		_, err := e.Batch(e.ctx, ts)
		e.wantErr(err, storage.ErrDuplicateKey, "a batch with a transaction that puts a key twice")
	}
	e.wantUnchanged(before, "a batch that was refused")
}

func formatCompare(c storage.Compare) string {
	target := [...]string{"mod", "version", "create", "value", "lease"}[c.Target]
	result := [...]string{"=", "!=", ">", "<"}[c.Result]
	key := fmt.Sprintf("%q", c.Key)
	if c.RangeEnd != "" {
		key += fmt.Sprintf("..%q", c.RangeEnd)
	}
	if c.Target == storage.CompareValue {
		return fmt.Sprintf("%s(%s) %s %.40q", target, key, result, c.Bytes)
	}
	return fmt.Sprintf("%s(%s) %s %d", target, key, result, c.Int)
}

func formatOp(op storage.Op) string {
	key := fmt.Sprintf("%q", op.Key)
	if op.RangeEnd != "" {
		key += fmt.Sprintf("..%q", op.RangeEnd)
	}
	switch op.Type {
	case storage.OpPut:
		return fmt.Sprintf("put %s=%.40q lease=%d ignore=%v,%v", key, op.Value, op.Lease, op.IgnoreValue, op.IgnoreLease)
	case storage.OpDelete:
		return "delete " + key
	case storage.OpRange:
		return fmt.Sprintf("range %s limit=%d revision=%d", key, op.Limit, op.Revision)
	}
	return "{" + formatTxn(op.Txn) + "}"
}

func formatTxn(t *storage.Txn) string {
	var b strings.Builder
	for i, c := range t.Compares {
		if i > 0 {
			b.WriteString(" and ")
		}
		b.WriteString(formatCompare(c))
	}
	for i, ops := range [][]storage.Op{t.Success, t.Failure} {
		b.WriteString([]string{" then", " else"}[i])
		for _, op := range ops {
			b.WriteString(" " + formatOp(op) + ";")
		}
	}
	return b.String()
}
