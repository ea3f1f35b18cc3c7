package watchcache

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// podValue is about as large as a pod of a Deployment is stored.
func podValue(i int) value {
	pad := make([]byte, 2500)
	for j := range pad {
		pad[j] = 'x'
	}
	return value{
		Labels: map[string]string{"app": fmt.Sprint("app-", i%100), "pod-template-hash": "6d4cf56db6", "tier": "backend"},
		Node:   fmt.Sprint("node-", i%100), Phase: "Running", Pad: string(pad),
	}
}

// benchSet is a Set with a loaded cache of n pods whose dispatcher has ended:
// the benchmark applies batches itself.
func benchSet(b *testing.B, n int) (*Set, *Cache) {
	store := newFakeStore()
	for i := range n {
		store.put(podKey(i), podValue(i))
	}
	s := New(Config{Store: store, Logger: quiet()})
	ctx, cancel := context.WithCancel(background)
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	c := s.Cache(podsView())
	if _, err := c.Snapshot(background); err != nil {
		b.Fatal(err)
	}
	cancel()
	<-done
	s.stopped = make(chan struct{})
	return s, c
}

// updates returns a function that applies an update of the next of n pods, as
// from a writer of this process.
func updates(s *Set, n int) func() {
	values, locals := make([][]byte, n), make([]*Local, n)
	for i := range n {
		values[i], locals[i] = podValue(i).bytes(), &Local{Meta: podValue(i).meta()}
	}
	rev := s.Revision()
	batch := storage.Batch{Events: make([]storage.Event, 1)}
	return func() {
		rev++
		i := int(rev) % n
		batch.Revision = rev
		batch.Events[0] = storage.Event{Local: locals[i],
			KV: &storage.KeyValue{Key: podKey(i), Value: values[i], ModRevision: rev, CreateRevision: 1, Version: 2}}
		s.apply(batch)
	}
}

func benchWatchers(b *testing.B, c *Cache, n int, options func(i int) WatchOptions) []*Watcher {
	watchers := make([]*Watcher, n)
	for i := range watchers {
		o := options(i)
		o.After = c.set.Revision()
		watchers[i] = mustWatch(b, c, o)
		if _, _, err := watchers[i].Poll(background); err != nil {
			b.Fatal(err)
		}
	}
	return watchers
}

func BenchmarkDispatch(b *testing.B) {
	for _, n := range []int{0, 1000, 10000} {
		b.Run(fmt.Sprintf("watchers=%d/scope=others", n), func(b *testing.B) {
			s, c := benchSet(b, 5000)
			benchWatchers(b, c, n, func(i int) WatchOptions {
				if i%2 == 0 {
					return WatchOptions{Namespace: "other", Name: fmt.Sprint("pod-", i)}
				}
				node := fmt.Sprint("other-node-", i)
				return WatchOptions{WatchFieldValue: &node}
			})
			next := updates(s, 5000)
			b.ReportAllocs()
			for b.Loop() {
				next()
			}
		})
	}
	b.Run("watchers=1000/scope=same", func(b *testing.B) {
		s, c := benchSet(b, 5000)
		watchers := benchWatchers(b, c, 1000, func(int) WatchOptions { return WatchOptions{} })
		next := updates(s, 5000)
		b.ReportAllocs()
		for b.Loop() {
			next()
			for _, w := range watchers {
				events, _, err := w.Poll(background)
				if err != nil || len(events) != 1 {
					b.Fatal(len(events), err)
				}
				if _, _, err := w.Poll(background); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/delivery")
	})
	b.Run("watchers=1000/scope=same/blocked", func(b *testing.B) {
		s, c := benchSet(b, 5000)
		watchers := benchWatchers(b, c, 1000, func(int) WatchOptions { return WatchOptions{} })
		ctx, cancel := context.WithCancel(background)
		var got, ended sync.WaitGroup
		for _, w := range watchers {
			ended.Go(func() {
				for {
					events, err := w.Next(ctx)
					if err != nil {
						return
					}
					for range events {
						got.Done()
					}
				}
			})
		}
		next := updates(s, 5000)
		b.ReportAllocs()
		for b.Loop() {
			got.Add(len(watchers))
			next()
			got.Wait()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/delivery")
		cancel()
		ended.Wait()
	})
}

func BenchmarkSnapshot(b *testing.B) {
	_, c := benchSet(b, 5000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Snapshot(background); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	_, c := benchSet(b, 5000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s, err := c.Snapshot(background)
		if err != nil || s.Get("ns7", "pod-01237") == nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkAscend5000(b *testing.B) {
	_, c := benchSet(b, 5000)
	s := mustSnapshot(b, c)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		s.Ascend("", "", func(o *Object) bool { n++; return true })
		if n != 5000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkSelect5000(b *testing.B) {
	_, c := benchSet(b, 5000)
	s := mustSnapshot(b, c)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		s.Ascend("", "", func(o *Object) bool {
			if o.Labels().Get("app") == "app-17" && o.Field(0) == "node-17" {
				n++
			}
			return true
		})
		if n != 50 {
			b.Fatal(n)
		}
	}
}

func BenchmarkLen(b *testing.B) {
	_, c := benchSet(b, 5000)
	s := mustSnapshot(b, c)
	b.ReportAllocs()
	for b.Loop() {
		if n := s.LenAfter("ns3", "ns3/pod-02"); n != 300 {
			b.Fatal(n)
		}
	}
}

func BenchmarkLoad5000(b *testing.B) {
	s, c := benchSet(b, 5000)
	s.over = false
	b.ReportAllocs()
	for b.Loop() {
		c.unload(false)
		if _, err := c.fill(background); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFormsGet(b *testing.B) {
	o := &Object{budget: &budget{limit: 1 << 20}}
	make := func() ([]byte, error) { return []byte("form"), nil }
	o.Forms().Get(2, make)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			o.Forms().Get(2, make)
		}
	})
}

func BenchmarkFormsMake(b *testing.B) {
	bud := &budget{limit: 1 << 20}
	data := make([]byte, 4096)
	make := func() ([]byte, error) { return data, nil }
	b.ReportAllocs()
	for b.Loop() {
		o := &Object{budget: bud}
		o.Forms().Get(2, make)
	}
}

// BenchmarkMemory reports what the cache itself needs per object, the stored
// bytes and keys, which the store made, aside.
func BenchmarkMemory(b *testing.B) {
	const n = 20000
	for b.Loop() {
		store := newFakeStore()
		for i := range n {
			v := podValue(i)
			v.Pad = ""
			store.put(podKey(i), v)
		}
		s := New(Config{Store: store, Logger: quiet()})
		c := s.Cache(podsView())
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if _, err := c.fill(background); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/object")
		runtime.KeepAlive(store)
		runtime.KeepAlive(c)
	}
}

// BenchmarkIdleWatcherMemory reports what a watcher with a scope of its own
// costs while nothing happens, the goroutine that waits aside.
func BenchmarkIdleWatcherMemory(b *testing.B) {
	const n = 10000
	_, c := benchSet(b, 10)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		watchers := benchWatchers(b, c, n, func(i int) WatchOptions {
			return WatchOptions{Namespace: "other", Name: fmt.Sprint("pod-", i)}
		})
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/watcher")
		for _, w := range watchers {
			w.Close()
		}
	}
}
