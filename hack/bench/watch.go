package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// watched is the ConfigMap that the fan-out is about.
const watched = "cm-watched"

// fanOut is what the watchers of one object have seen.
type fanOut struct {
	b         *bench
	delivered atomic.Int64
	failed    atomic.Int64
	sent      sync.Map // generation -> when its update was sent
	want      int64    // deliveries until all is said, once ready
	done      chan struct{}
	once      sync.Once

	mu        sync.Mutex
	latencies []time.Duration // of one watcher in a hundred
}

// watchFanOut opens watches on one object, changes it, and measures until every
// watcher has every event.
func watchFanOut(ctx context.Context, b *bench) result {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	f := &fanOut{b: b, done: make(chan struct{})}
	if _, err := b.do(ctx, 0, request{method: "POST", path: b.path("configmaps"), contentType: jsonType,
		body: configMapBody(watched, "0", 0), want: http.StatusCreated}); err != nil {
		return result{Errors: 1, Comment: err.Error()}
	}
	watchers, err := f.open(ctx)
	if err != nil {
		return result{Errors: 1, Comment: err.Error()}
	}
	f.want = int64(b.events) * (int64(b.watchers) - f.failed.Load())
	before, start := usageOf(b.processes), time.Now()
	for e := range b.events {
		generation := fmt.Sprintf("e%d", e)
		f.sent.Store(generation, time.Now())
		if _, err := b.do(ctx, 0, request{method: "PUT", path: b.path("configmaps/" + watched), contentType: jsonType,
			body: configMapBody(watched, generation, 0), want: http.StatusOK}); err != nil {
			f.failed.Add(1)
		}
	}
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	r := measured(int(f.delivered.Load()), time.Since(start), before, usageOf(b.processes), f.latencies)
	r.Errors = int(f.failed.Load() + f.want - f.delivered.Load())
	cancel()
	watchers.Wait()
	return r
}

// open starts the watchers and returns when each has seen the object as it is.
func (f *fanOut) open(ctx context.Context) (*sync.WaitGroup, error) {
	var ready, all sync.WaitGroup
	var client *http.Client
	for i := range f.b.watchers {
		if i%watchesPerConnection == 0 {
			var err error
			if client, err = f.b.newClient(); err != nil {
				return nil, err
			}
		}
		ready.Add(1)
		all.Go(func() {
			once := sync.OnceFunc(ready.Done)
			defer once()
			f.watch(ctx, client, i%100 == 0, once)
		})
	}
	ready.Wait()
	return &all, nil
}

func (f *fanOut) watch(ctx context.Context, client *http.Client, timed bool, ready func()) {
	path := f.b.path("configmaps?watch=1&resourceVersion=0&fieldSelector=metadata.name%3D" + watched)
	req, err := http.NewRequestWithContext(ctx, "GET", f.b.base+path, nil)
	if err != nil {
		f.failed.Add(1)
		return
	}
	resp, err := client.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		f.failed.Add(1)
		return
	}
	defer resp.Body.Close()
	in := bufio.NewReaderSize(resp.Body, 8<<10)
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if first {
			ready()
			continue
		}
		if timed {
			f.time(line)
		}
		if f.delivered.Add(1) == f.want {
			f.once.Do(func() { close(f.done) })
		}
	}
}

// time notes how long an event took from the sending of its update.
func (f *fanOut) time(event []byte) {
	const mark = `"gen":"`
	_, rest, ok := bytes.Cut(event, []byte(mark))
	if !ok {
		return
	}
	generation, _, _ := bytes.Cut(rest, []byte(`"`))
	if sent, ok := f.sent.Load(string(generation)); ok {
		f.mu.Lock()
		f.latencies = append(f.latencies, time.Since(sent.(time.Time)))
		f.mu.Unlock()
	}
}
