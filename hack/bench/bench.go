package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Bounds of a run.
const (
	requestTimeout = 2 * time.Minute
	watchTimeout   = 4 * time.Minute
	// connections are shared by the clients, as a few controllers would.
	connections = 4
	// watchesPerConnection stays below what servers allow by default.
	watchesPerConnection = 90
)

// bench is a run against one server.
type bench struct {
	options
	processes []int
	base      string // URL of the server
	config    *rest.Config
	clients   []*http.Client
	results   []result
}

func newBench(o options, processes []int) (*bench, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("-kubeconfig %s: %w", o.kubeconfig, err)
	}
	b := &bench{options: o, processes: processes, base: config.Host, config: config}
	for range connections {
		c, err := b.newClient()
		if err != nil {
			return nil, err
		}
		b.clients = append(b.clients, c)
	}
	return b, nil
}

// newClient has a connection of its own.
func (b *bench) newClient() (*http.Client, error) {
	tls, err := rest.TLSConfigFor(b.config)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true, DisableCompression: true}
	wrapped, err := rest.HTTPWrappersForConfig(b.config, transport)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: wrapped}, nil
}

// request is one call of the API.
type request struct {
	method, path        string
	contentType, accept string
	body                []byte
	want                int // HTTP status
}

// do sends a request by one of the shared connections and returns how many bytes
// came back.
func (b *bench) do(ctx context.Context, worker int, r request) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, b.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return 0, err
	}
	if r.body == nil {
		req.Body = nil
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	req.Header.Set("User-Agent", "bench/v1")
	resp, err := b.clients[worker%len(b.clients)].Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != r.want {
		err = fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	return n, err
}

// prepare makes the namespace.
func (b *bench) prepare(ctx context.Context) error {
	_, err := b.do(ctx, 0, request{method: "POST", path: "/api/v1/namespaces", contentType: "application/json",
		body: namespaceBody(b.namespace), want: http.StatusCreated})
	if err != nil {
		return fmt.Errorf("making namespace %s (-namespace) on %s: %w", b.namespace, b.base, err)
	}
	return nil
}

// cleanUp deletes what was made, whatever became of the run.
func (b *bench) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	for _, path := range []string{b.path("pods") + "?gracePeriodSeconds=0", b.path("configmaps"), "/api/v1/namespaces/" + b.namespace} {
		_, _ = b.do(ctx, 0, request{method: "DELETE", path: path, want: http.StatusOK}) // the next run says if it is still there
	}
}

// path is that of a resource in the namespace.
func (b *bench) path(resource string) string {
	return "/api/v1/namespaces/" + b.namespace + "/" + resource
}

// repeat runs an operation total times over workers and measures it.
func (b *bench) repeat(ctx context.Context, total, workers int, op func(worker, i int) (int64, error)) result {
	latencies := make([]time.Duration, total)
	var next, failed, bytesTotal atomic.Int64
	var firstError atomic.Pointer[string]
	before, start := usageOf(b.processes), time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= total {
					return
				}
				begin := time.Now()
				n, err := op(w, i)
				latencies[i] = time.Since(begin)
				bytesTotal.Add(n)
				if err != nil {
					failed.Add(1)
					text := err.Error()
					firstError.CompareAndSwap(nil, &text)
				}
			}
		})
	}
	wg.Wait()
	r := measured(total, time.Since(start), before, usageOf(b.processes), latencies)
	r.Errors, r.BytesPerOp = int(failed.Load()), float64(bytesTotal.Load())/float64(total)
	if e := firstError.Load(); e != nil {
		r.Comment = *e
	}
	return r
}

func measured(ops int, took time.Duration, before, after usage, latencies []time.Duration) result {
	r := result{Ops: ops, Seconds: took.Seconds(), PerSecond: float64(ops) / took.Seconds(),
		CPUMicrosPerOp: float64((after.cpu - before.cpu).Microseconds()) / float64(max(ops, 1)), RSSMB: after.rss}
	if len(latencies) > 0 {
		sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
		r.P50ms = millis(latencies[len(latencies)/2])
		r.P99ms = millis(latencies[len(latencies)*99/100])
	}
	return r
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
