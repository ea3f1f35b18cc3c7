package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// Harness is a fresh store under test and what the suite may do to it beyond
// the contract.
type Harness struct {
	Store storage.Store
	// Advance moves the clock by which leases expire. Without it their expiry
	// is not checked.
	Advance func(time.Duration)
	// Stop ends the store's Run and returns when it has. Without it ErrStopped
	// is not checked.
	Stop func()
	// MaxBytes is the size of an entry beyond which the store answers
	// ErrTooLarge. Without it that is not checked.
	MaxBytes int
}

// Validator checks one guarantee of the contract on an empty store.
type Validator struct {
	Name    string
	Promise string
	Check   func(t testing.TB, h Harness)
}

// Validators returns every validator of the suite.
func Validators() []Validator {
	var all []Validator
	for _, group := range [][]Validator{
		txnValidators, rangeValidators, eventValidators, compactionValidators,
		leaseValidators, callValidators, randomValidators,
	} {
		all = append(all, group...)
	}
	return all
}

// Run runs every validator as a subtest. open returns a new, empty, running
// store each time, and has registered its end on t.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, v := range Validators() {
		t.Run(v.Name, func(t *testing.T) { v.Check(t, open(t)) })
	}
}

// patience bounds every wait of the suite: running into it is a failure.
const patience = 30 * time.Second

// env is a store with the calls of a test that cannot go on after an error.
type env struct {
	testing.TB
	storage.Store
	ctx context.Context
}

func newEnv(t testing.TB, h Harness) *env {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return &env{TB: t, Store: h.Store, ctx: ctx}
}

func (e *env) txn(t *storage.Txn) *storage.TxnResult {
	e.Helper()
	r, err := e.Txn(e.ctx, t)
	if err != nil {
		e.Fatalf("Txn(%s): %v", formatTxn(t), err)
	}
	return r
}

func (e *env) do(ops ...storage.Op) *storage.TxnResult {
	e.Helper()
	return e.txn(&storage.Txn{Success: ops})
}

// put writes key and returns the revision.
func (e *env) put(key, value string) int64 {
	e.Helper()
	return e.do(put(key, value)).Revision
}

func (e *env) delete(key string) int64 {
	e.Helper()
	return e.do(remove(key)).Revision
}

func (e *env) read(r storage.RangeRequest) *storage.RangeResult {
	e.Helper()
	got, err := e.Range(e.ctx, r)
	if err != nil {
		e.Fatalf("Range(%+v): %v", r, err)
	}
	return got
}

// get returns key now, nil when it is absent.
func (e *env) get(key string) *storage.KeyValue {
	e.Helper()
	got := e.read(storage.RangeRequest{Key: key})
	if len(got.KVs) == 0 {
		return nil
	}
	return got.KVs[0]
}

func (e *env) current() int64 {
	current, _ := e.Revision()
	return current
}

func (e *env) compact(revision int64) {
	e.Helper()
	if err := e.Compact(e.ctx, revision); err != nil {
		e.Fatalf("Compact(%d): %v", revision, err)
	}
}

func (e *env) grant(id int64, ttl time.Duration) storage.Lease {
	e.Helper()
	lease, err := e.GrantLease(e.ctx, id, ttl)
	if err != nil {
		e.Fatalf("GrantLease(%d, %v): %v", id, ttl, err)
	}
	return lease
}

// watch reads the batches of a range until it is complete through revision.
func (e *env) watch(r storage.EventsRequest, through int64) Watch {
	e.Helper()
	w := Watch{Key: r.Key, RangeEnd: r.RangeEnd, After: r.After}
	for w.Revision() < through {
		r.After = w.Revision()
		b, err := e.Events(e.ctx, r)
		if err != nil {
			e.Fatalf("Events(%+v) on the way to revision %d: %v", r, through, err)
		}
		if b.Revision <= r.After {
			e.Fatalf("Events(%+v) went on to revision %d only: a reader would never get anywhere", r, b.Revision)
		}
		w.Batches = append(w.Batches, b)
	}
	return w
}

// events returns the events of a range above after, through revision.
func (e *env) events(key, end string, after, through int64) []storage.Event {
	e.Helper()
	return e.watch(storage.EventsRequest{Key: key, RangeEnd: end, After: after}, through).Events()
}

func (e *env) wantErr(err, want error, doing string, args ...any) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Errorf("%s: got error %v, want %v", fmt.Sprintf(doing, args...), err, want)
	}
}

// wantUnchanged fails when the store is not at revision: something was written
// that should not have been.
func (e *env) wantUnchanged(revision int64, after string) {
	e.Helper()
	if now := e.current(); now != revision {
		e.Errorf("%s moved the revision from %d to %d", after, revision, now)
	}
}

func put(key, value string) storage.Op {
	return storage.Op{Type: storage.OpPut, Key: key, Value: []byte(value)}
}

func remove(key string) storage.Op { return storage.Op{Type: storage.OpDelete, Key: key} }

func get(key string) storage.Op { return storage.Op{Type: storage.OpRange, Key: key} }

func nested(t *storage.Txn) storage.Op { return storage.Op{Type: storage.OpTxn, Txn: t} }

func compare(key string, target storage.CompareTarget, result storage.CompareResult, operand int64) storage.Compare {
	return storage.Compare{Key: key, Target: target, Result: result, Int: operand}
}

func keysOf(kvs []*storage.KeyValue) []string {
	keys := []string{}
	for _, kv := range kvs {
		keys = append(keys, kv.Key)
	}
	return keys
}

func valueOf(kv *storage.KeyValue) string {
	if kv == nil {
		return "<absent>"
	}
	return string(kv.Value)
}

func equalKV(a, b *storage.KeyValue) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && a.CreateRevision == b.CreateRevision &&
		a.ModRevision == b.ModRevision && a.Version == b.Version && a.Lease == b.Lease
}

func equalKVs(a, b []*storage.KeyValue) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equalKV(a[i], b[i]) {
			return false
		}
	}
	return true
}

func formatKV(kv *storage.KeyValue) string {
	if kv == nil {
		return "<nil>"
	}
	return fmt.Sprintf("%q=%.60q create=%d mod=%d version=%d lease=%d",
		kv.Key, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease)
}

func formatKVs(kvs []*storage.KeyValue) string {
	var b bytes.Buffer
	for _, kv := range kvs {
		fmt.Fprintf(&b, "\n\t%s", formatKV(kv))
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}
