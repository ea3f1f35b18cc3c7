package mvcc

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// objectKey is shaped like the key of a pod.
func objectKey(i int) string {
	return fmt.Sprintf("/registry/pods/namespace-%d/object-%08d", i%50, i*7919%1_000_000)
}

// fill makes a database with n objects of size bytes.
func fill(tb testing.TB, path string, n, size int) {
	tb.Helper()
	s, err := Open(Config{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	s.handle.cur.Backend.(*boltBackend).db.NoSync = true
	value := bytes.Repeat([]byte("v"), size)
	for i := range n {
		data, err := AppendCommand(nil, &Command{Kind: CommandTxns, Txns: []*storage.Txn{
			{Success: []storage.Op{{Type: storage.OpPut, Key: objectKey(i), Value: value}}},
		}})
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := s.Apply([]Entry{{Index: uint64(i + 1), Term: 1, Data: data}}); err != nil {
			tb.Fatal(err)
		}
		if i%1000 == 999 {
			if err := s.Flush(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "db")
			fill(b, path, n, 2048)
			for b.Loop() {
				s, err := Open(Config{Path: path})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if s.Stats().Keys != int64(n) {
					b.Fatal("keys are missing")
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkApplyPut is one put of 2 KB, its share of the commits included.
func BenchmarkApplyPut(b *testing.B) {
	for _, update := range []bool{false, true} {
		b.Run(fmt.Sprintf("update=%v", update), func(b *testing.B) {
			s, err := Open(Config{Path: filepath.Join(b.TempDir(), "db")})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			value := bytes.Repeat([]byte("v"), 2048)
			var data []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := objectKey(i)
				if update {
					key = objectKey(i % 1000)
				}
				data, err = AppendCommand(data[:0], &Command{Kind: CommandTxns, Txns: []*storage.Txn{{
					Compares: []storage.Compare{{Key: key, Target: storage.CompareVersion, Result: storage.NotEqual, Int: -1}},
					Success:  []storage.Op{{Type: storage.OpPut, Key: key, Value: value}},
				}}})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Apply([]Entry{{Index: uint64(i + 1), Term: 1, Data: data}}); err != nil {
					b.Fatal(err)
				}
			}
			cancel()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkApplyOnly is Apply without commits.
func BenchmarkApplyOnly(b *testing.B) {
	s, err := Open(Config{Backend: NewMemoryDisk().Open(), MaxPendingBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	value := bytes.Repeat([]byte("v"), 2048)
	var data []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		data, err = AppendCommand(data[:0], &Command{Kind: CommandTxns, Txns: []*storage.Txn{
			{Success: []storage.Op{{Type: storage.OpPut, Key: objectKey(i % 1000), Value: value}}},
		}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Apply([]Entry{{Index: uint64(i + 1), Term: 1, Data: data}}); err != nil {
			b.Fatal(err)
		}
		if i%1024 == 0 {
			s.mu.Lock() // as if all were flushed
			s.recent.flushed, s.recent.pendingBytes = s.recent.visible, 0
			s.recent.trim()
			s.mu.Unlock()
		}
	}
}

func BenchmarkRange(b *testing.B) {
	path := filepath.Join(b.TempDir(), "db")
	fill(b, path, 100_000, 2048)
	s, err := Open(Config{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for name, r := range map[string]storage.RangeRequest{
		"one":   {Key: objectKey(4711)},
		"2000":  {Key: "/registry/pods/namespace-7/", RangeEnd: "/registry/pods/namespace-70"},
		"keys":  {Key: "/registry/pods/namespace-7/", RangeEnd: "/registry/pods/namespace-70", KeysOnly: true},
		"count": {Key: "/registry/", RangeEnd: "/registry0", CountOnly: true},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Range(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEvents follows updates, one batch at a time.
func BenchmarkEvents(b *testing.B) {
	x := newTester(b, Config{})
	for i := range 4096 {
		x.put(objectKey(i%512), "value")
	}
	cur, _ := x.Revision()
	b.ReportAllocs()
	for b.Loop() {
		r, err := x.Events(b.Context(), storage.EventsRequest{Key: "/registry/", RangeEnd: "/registry0", After: cur - 100})
		if err != nil || len(r.Events) != 100 {
			b.Fatal(len(r.Events), err)
		}
	}
}

// TestOpenSpeed opens 10,000 objects of 2 KB. The bound is far above what it
// takes, so that it fails for a blunder and not for a busy machine.
func TestOpenSpeed(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 20 MB")
	}
	path := filepath.Join(t.TempDir(), "db")
	fill(t, path, 10_000, 2048)
	best := time.Hour
	for range 3 {
		start := time.Now()
		s, err := Open(Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("10,000 objects: %v", best)
	if best > time.Second {
		t.Errorf("opening 10,000 objects took %v", best)
	}
}

// TestIndexMemory bounds what the index costs beyond the keys themselves.
func TestIndexMemory(t *testing.T) {
	const n = 50_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x, keys := &index{}, 0
	for i := range n {
		key := objectKey(i)
		keys += (len(key) + 15) &^ 15
		x.put(key, revision{main: int64(i)}, 0)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := (int(after.HeapAlloc) - int(before.HeapAlloc) - keys) / n
	t.Logf("%d bytes per key", per)
	if per > 150 {
		t.Errorf("index takes %d bytes per key", per)
	}
	runtime.KeepAlive(x)
}
