package replicated_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/consensus"
	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
	"github.com/binnacle-io/binnacle/pkg/storage/replicated"
)

// openReal starts a member as the server does: bbolt and the log on a real disk.
func openReal(dir string) (*member, error) {
	m := &member{}
	var err error
	m.mvcc, err = mvcc.Open(mvcc.Config{Path: filepath.Join(dir, "db")})
	if err != nil {
		return nil, err
	}
	sm := replicated.NewMachine(memberID, m.mvcc, uint64(time.Now().UnixNano()))
	m.node, err = consensus.Open(consensus.Config{
		ID: memberID, ClusterID: 9, Dir: filepath.Join(dir, "log"), StateMachine: machine{sm},
	})
	if err != nil {
		return nil, err
	}
	m.Store, err = replicated.New(replicated.Config{
		Log: m.node, Machine: sm,
		LogErrors: replicated.LogErrors{
			NoLeader: consensus.ErrNoLeader, Stopped: consensus.ErrStopped, TooLarge: consensus.ErrTooLarge,
		},
		Leadership: func() (uint64, bool) { s := m.node.Status(); return s.Term, s.Leader == memberID },
	})
	if err != nil {
		return nil, err
	}
	m.run()
	<-m.node.Ready()
	return m, nil
}

func benchMember(b *testing.B) *member {
	b.Helper()
	m, err := openReal(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := m.stop(); err != nil {
			b.Error(err)
		}
	})
	return m
}

// cpuTime is what the process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTxn has writers put 2 KB values, as the registry does, on a new key
// each.
func BenchmarkTxn(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			m := benchMember(b)
			value := make([]byte, 2<<10)
			var n atomic.Int64
			b.SetParallelism((writers + 1) / 2) // of GOMAXPROCS each
			b.ReportAllocs()
			before := cpuTime(b)
			b.ResetTimer()
			if writers == 1 {
				for range b.N {
					create(b, m, n.Add(1), value)
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						create(b, m, n.Add(1), value)
					}
				})
			}
			b.StopTimer()
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func create(b *testing.B, s storage.Store, n int64, value []byte) {
	key := fmt.Sprintf("/registry/configmaps/default/cm-%08d", n)
	r, err := s.Txn(context.Background(), &storage.Txn{
		Compares: []storage.Compare{{Key: key, Target: storage.CompareMod, Result: storage.Equal}},
		Success:  []storage.Op{{Type: storage.OpPut, Key: key, Value: value}},
		Failure:  []storage.Op{{Type: storage.OpRange, Key: key}},
	})
	if err != nil || !r.Succeeded {
		b.Errorf("create %s: %+v, %v", key, r, err)
	}
}

// BenchmarkReadRevision is the price of a linearizable read on the leader.
func BenchmarkReadRevision(b *testing.B) {
	m := benchMember(b)
	b.ReportAllocs()
	for range b.N {
		if _, err := m.ReadRevision(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
