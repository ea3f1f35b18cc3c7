package storagetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

var randomValidators = []Validator{
	{"RandomAgainstModel", "long random runs of every call answer, read and publish as the model does", checkRandom},
}

// Generator makes random batches over few keys ("a/00" and so on). Every value
// it puts is unique, which lets Replay find the call that a revision belongs
// to. Of a transaction's keys those that it deletes are below those that it
// puts.
type Generator struct {
	// Leases are put on at random, when there are any.
	Leases []int64

	rng   *rand.Rand
	tag   string
	count int
	seen  map[string]*storage.KeyValue // what this client last saw
}

const (
	generatorKeys = 12
	generatorOps  = 4
)

// NewGenerator returns a generator whose values begin with tag.
func NewGenerator(rng *rand.Rand, tag string) *Generator {
	return &Generator{rng: rng, tag: tag, seen: make(map[string]*storage.KeyValue)}
}

// Observe lets later compares use what an answered call has shown.
func (g *Generator) Observe(c *Call) {
	for _, r := range c.Results {
		g.observe(r)
	}
}

func (g *Generator) observe(r *storage.TxnResult) {
	if r == nil {
		return
	}
	for _, op := range r.Results {
		g.observe(op.Txn)
		for _, kv := range op.KVs {
			g.seen[kv.Key] = kv
		}
	}
}

// Txns returns the transactions of one batch, mostly a single one.
func (g *Generator) Txns() []*storage.Txn {
	n := 1
	if g.rng.IntN(5) == 0 {
		n += g.rng.IntN(4)
	}
	ts := make([]*storage.Txn, n)
	for i := range ts {
		ts[i] = g.txn(1 + g.rng.IntN(generatorKeys-1))
	}
	return ts
}

// txn puts keys at and above split and deletes below it.
func (g *Generator) txn(split int) *storage.Txn {
	t := &storage.Txn{}
	for range g.rng.IntN(3) {
		t.Compares = append(t.Compares, g.compare())
	}
	all := putRange{split, generatorKeys}
	t.Success = g.branch(all, split)
	t.Failure = g.branch(all, split)
	return t
}

// branch is ops, mostly with a put among them: a call that only deletes is hard
// to recognize by what it did.
func (g *Generator) branch(puts putRange, split int) []storage.Op {
	if g.rng.IntN(8) == 0 {
		return g.ops(puts, split, 0)
	}
	first := g.put(puts.start)
	if puts.start++; puts.start == puts.end {
		return []storage.Op{first, g.get()}
	}
	return append(g.ops(puts, split, 0), first)
}

func key(n int) string { return fmt.Sprintf("a/%02d", n) }

// putRange is the keys that may be put, [start, end).
type putRange struct{ start, end int }

// ops puts keys of puts, each once, and deletes keys below split.
func (g *Generator) ops(puts putRange, split, depth int) []storage.Op {
	var ops []storage.Op
	free := g.rng.Perm(puts.end - puts.start)
	for range 1 + g.rng.IntN(generatorOps) {
		switch n := g.rng.IntN(10); {
		case n < 5 && len(free) > 0:
			ops = append(ops, g.put(puts.start+free[0]))
			free = free[1:]
		case n < 7:
			ops = append(ops, g.delete(split))
		case n < 9 || depth == 2 || len(free) == 0:
			ops = append(ops, g.get())
		default: // one of the free keys is the nested one's to put
			k := puts.start + free[0]
			free = free[1:]
			ops = append(ops, nested(&storage.Txn{
				Compares: []storage.Compare{g.compare()},
				Success:  []storage.Op{g.put(k), g.delete(split), g.get()},
				Failure:  g.ops(putRange{k, k + 1}, split, depth+1),
			}))
		}
	}
	return ops
}

func (g *Generator) compare() storage.Compare {
	c := storage.Compare{
		Key:    key(g.rng.IntN(generatorKeys)),
		Target: storage.CompareTarget(g.rng.IntN(5)),
		Result: storage.CompareResult(g.rng.IntN(4)),
	}
	kv := g.seen[c.Key]
	if kv == nil {
		kv = &storage.KeyValue{}
	}
	switch c.Target {
	case storage.CompareMod:
		c.Int = kv.ModRevision
	case storage.CompareVersion:
		c.Int = kv.Version
	case storage.CompareCreate:
		c.Int = kv.CreateRevision
	case storage.CompareLease:
		c.Int = kv.Lease
	case storage.CompareValue:
		c.Bytes = kv.Value
	}
	if g.rng.IntN(6) == 0 {
		c.RangeEnd = key(g.rng.IntN(generatorKeys + 1))
	}
	return c
}

func (g *Generator) put(k int) storage.Op {
	g.count++
	op := storage.Op{
		Type: storage.OpPut, Key: key(k), PrevKV: g.rng.IntN(2) == 0,
		Value: fmt.Appendf(nil, "%s-%d-%0*d", g.tag, g.count, g.rng.IntN(60), 0),
	}
	if len(g.Leases) > 0 && g.rng.IntN(4) == 0 {
		op.Lease = g.Leases[g.rng.IntN(len(g.Leases))]
	}
	return op
}

func (g *Generator) delete(below int) storage.Op {
	op := storage.Op{Type: storage.OpDelete, Key: key(g.rng.IntN(below)), PrevKV: g.rng.IntN(2) == 0}
	if g.rng.IntN(4) == 0 {
		op.RangeEnd = key(g.rng.IntN(below + 1))
	}
	return op
}

func (g *Generator) get() storage.Op {
	op := storage.Op{Type: storage.OpRange, Key: key(g.rng.IntN(generatorKeys))}
	if g.rng.IntN(2) == 0 {
		op.RangeEnd = key(g.rng.IntN(generatorKeys + 1))
		op.Limit = g.rng.Int64N(4)
		op.KeysOnly = g.rng.IntN(3) == 0
	}
	return op
}

func checkRandom(t testing.TB, h Harness) {
	e := newEnv(t, h)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	g := NewGenerator(rng, "r")
	m := NewModel(e.current())
	for i := range 400 {
		if err := randomStep(e, rng, g, m); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if current, compacted := e.Revision(); current != m.current || compacted != m.compacted {
			t.Fatalf("step %d: the store is at %d, compacted %d, want %d and %d", i, current, compacted, m.current, m.compacted)
		}
	}
	for revision := m.compacted; revision < m.current; revision++ {
		e.wantReads(m, max(revision, 1))
		e.wantEvents(m, "a/", "a0", revision)
	}
}

// randomStep makes one random call on the store and on the model.
func randomStep(e *env, rng *rand.Rand, g *Generator, m *Model) error {
	switch n := rng.IntN(40); {
	case n == 0:
		revision := m.compacted + rng.Int64N(m.current-m.compacted+2)
		return diffError(e.Compact(e.ctx, revision), m.Compact(revision))
	case n == 1:
		lease := e.grant(0, patience*100)
		g.Leases = append(g.Leases, lease.ID)
		return m.Grant(lease.ID, lease.TTL)
	case n == 2 && len(g.Leases) > 3:
		i := rng.IntN(len(g.Leases))
		id := g.Leases[i]
		g.Leases = append(g.Leases[:i:i], g.Leases[i+1:]...)
		// The contract does not say in which order keys of a lease go; the
		// events that follow are compared by Replay.
		return diffError(e.RevokeLease(e.ctx, id), m.Revoke(id))
	}
	c := &Call{Kind: CallBatch, Txns: g.Txns()}
	var want []*storage.TxnResult
	c.Results, c.Err = e.Batch(e.ctx, c.Txns)
	g.Observe(c)
	want, err := m.Batch(c.Txns)
	if err := diffError(c.Err, err); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	if err := diffTxns(c.Results, want); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}
