package mvcc

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// seeded returns a random source. It prints its seed; BINNACLE_SEED repeats a run.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if v := os.Getenv("BINNACLE_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("BINNACLE_SEED=%d repeats this run", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// log is a raft log of one member for tests: it numbers and keeps entries.
type log struct {
	entries []Entry
}

func (l *log) add(t testing.TB, c *Command) Entry {
	t.Helper()
	data, err := AppendCommand(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	e := Entry{Index: uint64(len(l.entries) + 1), Term: 1, Data: data, Local: Locals(c.Txns)}
	l.entries = append(l.entries, e)
	return e
}

// after returns the entries above index, without what only the process that
// proposed them knew.
func (l *log) after(index uint64) []Entry {
	var list []Entry
	for _, e := range l.entries[index:] {
		e.Local = nil
		list = append(list, e)
	}
	return list
}

// tester is a store on a disk with a log before it.
type tester struct {
	*Store
	t    testing.TB
	log  log
	disk *MemoryDisk
	cfg  Config
}

// newTester opens a store on a new memory disk and checks it when the test ends.
func newTester(t testing.TB, cfg Config) *tester {
	t.Helper()
	x := &tester{t: t, disk: NewMemoryDisk(), cfg: cfg}
	x.open()
	t.Cleanup(func() { x.finish() })
	return x
}

func (x *tester) open() {
	x.t.Helper()
	cfg := x.cfg
	if cfg.Path == "" {
		cfg.Backend = x.disk.Open()
	}
	s, err := Open(cfg)
	if err != nil {
		x.t.Fatal(err)
	}
	x.Store = s
}

func (x *tester) finish() {
	x.t.Helper()
	if err := x.Check(); err != nil {
		x.t.Errorf("check: %v", err)
	}
	if err := x.Close(); err != nil {
		x.t.Errorf("close: %v", err)
	}
}

// restart crashes the process, opens the store again and replays the log.
func (x *tester) restart() {
	x.t.Helper()
	x.disk.Crash()
	x.open()
	x.replay()
}

func (x *tester) replay() {
	x.t.Helper()
	index, _ := x.DurableIndex()
	if _, err := x.Apply(x.log.after(index)); err != nil {
		x.t.Fatal(err)
	}
}

// do applies one command.
func (x *tester) do(c Command) Result {
	x.t.Helper()
	res, err := x.Apply([]Entry{x.log.add(x.t, &c)})
	if err != nil {
		x.t.Fatal(err)
	}
	return res[0]
}

// txn applies one transaction that must be accepted.
func (x *tester) txn(t *storage.Txn) *storage.TxnResult {
	x.t.Helper()
	r := x.do(Command{Kind: CommandTxns, Txns: []*storage.Txn{t}})
	if r.Err != nil {
		x.t.Fatal(r.Err)
	}
	return r.Txns[0]
}

func (x *tester) put(key, value string) int64 {
	x.t.Helper()
	return x.txn(putTxn(key, value)).Revision
}

func (x *tester) delete(key string) int64 {
	x.t.Helper()
	return x.txn(&storage.Txn{Success: []storage.Op{{Type: storage.OpDelete, Key: key}}}).Revision
}

func (x *tester) compactTo(rev int64) {
	x.t.Helper()
	if r := x.do(Command{Kind: CommandCompact, Revision: rev}); r.Err != nil {
		x.t.Fatal(r.Err)
	}
}

func (x *tester) sweep() {
	x.t.Helper()
	if err := x.removeCompacted(context.Background()); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tester) flushed() {
	x.t.Helper()
	if err := x.Flush(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tester) hash(rev int64) Hash {
	x.t.Helper()
	h, err := x.HashKV(context.Background(), rev)
	if err != nil {
		x.t.Fatal(err)
	}
	return h
}

func putTxn(key, value string) *storage.Txn {
	return &storage.Txn{Success: []storage.Op{{Type: storage.OpPut, Key: key, Value: []byte(value)}}}
}

// sentinels are the errors that a result may carry.
var sentinels = []error{
	storage.ErrCompacted, storage.ErrFutureRevision, storage.ErrDuplicateKey, storage.ErrKeyNotFound,
	storage.ErrLeaseNotFound, storage.ErrLeaseExists, storage.ErrNoSpace, ErrBadRequest, ErrFenced, ErrTooDeep, ErrTooManyOps,
}

// kind reduces err to its sentinel.
func kind(err error) error {
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return s
		}
	}
	return err
}
