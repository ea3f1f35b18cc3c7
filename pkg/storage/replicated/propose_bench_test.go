package replicated

import (
	"context"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
)

// echoLog answers proposals at once, without applying them: what is left is the
// price of this package and of the encoding.
type echoLog struct{ m *Machine }

func (l echoLog) Propose(_ context.Context, data []byte) error {
	id, _ := mvcc.PeekID(data)
	l.m.pending.mu.Lock()
	p := l.m.pending.table[id.Seq]
	delete(l.m.pending.table, id.Seq)
	l.m.pending.mu.Unlock()
	p.finish(mvcc.Result{Txns: echoResult})
	return nil
}

var echoResult = []*storage.TxnResult{{Succeeded: true}}

func (l echoLog) ReadIndex(context.Context) (uint64, error) { return 0, nil }

// BenchmarkOwnCost is what a Txn of a 2 KB put costs in this package.
func BenchmarkOwnCost(b *testing.B) {
	state, err := mvcc.Open(mvcc.Config{Backend: mvcc.NewMemoryDisk().Open()})
	if err != nil {
		b.Fatal(err)
	}
	defer state.Close()
	m := NewMachine(testMember, state, 1)
	s, err := New(Config{Log: echoLog{m}, Machine: m, Leadership: func() (uint64, bool) { return 1, true }})
	if err != nil {
		b.Fatal(err)
	}
	key := "/registry/configmaps/default/cm-00000001"
	txn := &storage.Txn{
		Compares: []storage.Compare{{Key: key, Target: storage.CompareMod, Result: storage.Equal}},
		Success:  []storage.Op{{Type: storage.OpPut, Key: key, Value: make([]byte, 2<<10)}},
		Failure:  []storage.Op{{Type: storage.OpRange, Key: key}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Txn(ctx, txn); err != nil {
			b.Fatal(err)
		}
	}
}
