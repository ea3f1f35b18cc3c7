package consensus

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// benchMachine tells waiters, by the number in front of the data, that their
// proposal was applied.
type benchMachine struct {
	applied atomic.Uint64
	waiters [64]chan struct{}
}

func (m *benchMachine) Apply(entries []Entry) error {
	for _, e := range entries {
		m.applied.Store(e.Index)
		if e.Data != nil {
			m.waiters[binary.LittleEndian.Uint64(e.Data)] <- struct{}{}
		}
	}
	return nil
}

func (m *benchMachine) AppliedIndex() uint64           { return m.applied.Load() }
func (m *benchMachine) DurableIndex() (uint64, uint64) { return m.applied.Load(), 1 }

// startBench runs a lone member on the real disk until the benchmark ends.
func startBench(b *testing.B) (*Node, *benchMachine) {
	m := &benchMachine{}
	for i := range m.waiters {
		m.waiters[i] = make(chan struct{}, 1)
	}
	n, err := Open(Config{ID: 1, ClusterID: 1, Dir: b.TempDir(), StateMachine: m})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	<-n.Ready()
	return n, m
}

func cpuTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkPropose is a write from Propose until it is durable and applied.
func BenchmarkPropose(b *testing.B) {
	for _, proposers := range []int{1, 8, 64} {
		for _, size := range []int{512, 4096} {
			b.Run(fmt.Sprintf("proposers=%d/bytes=%d", proposers, size), func(b *testing.B) {
				n, m := startBench(b)
				b.ReportAllocs()
				syncs, cpu := n.Stats().LogWrites, cpuTime()
				b.ResetTimer()
				var wg sync.WaitGroup
				for p := range proposers {
					wg.Go(func() {
						for i := p; i < b.N; i += proposers {
							data := make([]byte, size)
							binary.LittleEndian.PutUint64(data, uint64(p))
							if err := n.Propose(context.Background(), data); err != nil {
								b.Error(err)
								return
							}
							<-m.waiters[p]
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(n.Stats().LogWrites-syncs)/float64(b.N), "syncs/op")
			})
		}
	}
}

func BenchmarkReadIndex(b *testing.B) {
	n, _ := startBench(b)
	for b.Loop() {
		if _, err := n.ReadIndex(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
