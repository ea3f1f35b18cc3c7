package rest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections hold nothing: what one side writes
// waits until the other reads.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// overPipes serves a handler inside a bubble.
func (w *world) overPipes() (p *pipes, end func()) {
	p = newPipes()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: w.handler, Protocols: protocols, ReadHeaderTimeout: 32 * time.Second, IdleTimeout: 90 * time.Second}
	served := make(chan error, 1)
	go func() { served <- s.Serve(p) }()
	return p, func() {
		w.stop()
		s.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			w.t.Errorf("serving: %v", err)
		}
	}
}

// h2 is an HTTP/2 client over pipes.
func (p *pipes) h2() *http.Transport {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{Protocols: protocols, DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(), nil }}
}

const head = "Host: x\r\nAuthorization: Bearer admin\r\n"

// TestStalledBody: a body that does not come is given up in time, with a Status.
func TestStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, end := w.overPipes()
		defer end()
		c := p.dial()
		defer c.Close()
		began := time.Now()
		fmt.Fprintf(c, "POST /api/v1/namespaces/ns/configmaps HTTP/1.1\r\n"+head+"Content-Length: 1000000\r\n\r\n{\"metadata\"")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(string(body), `"reason":"Timeout"`) {
			t.Errorf("%s %s: %v", resp.Status, body, err)
		}
		if took := time.Since(began); took > mutationTimeout+stalledGrace {
			t.Errorf("it took %v", took)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 {
			t.Errorf("the connection goes on: %v", err)
		}
	})
}

// TestStalledBodyOfRefused: a request that is refused before its body is read
// does not keep its connection for ever.
func TestStalledBodyOfRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, end := w.overPipes()
		defer end()
		c := p.dial()
		defer c.Close()
		began := time.Now()
		fmt.Fprintf(c, "POST /api/v1/namespaces/ns/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
		all, err := io.ReadAll(c)
		if err != nil || !strings.Contains(string(all), "401 Unauthorized") {
			t.Errorf("%v %s", err, all)
		}
		if took := time.Since(began); took > requestTimeout+stalledGrace {
			t.Errorf("it took %v", took)
		}
	})
}

// TestStalledHTTP2Body is TestStalledBody over HTTP/2, with another request on
// the same connection meanwhile.
func TestStalledHTTP2Body(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, end := w.overPipes()
		defer end()
		tr := p.h2()
		defer tr.CloseIdleConnections()
		r, never := io.Pipe()
		defer never.Close()
		q := request{method: "POST", path: "/api/v1/namespaces/ns/configmaps"}.build("http://x")
		q.Body, q.ContentLength = r, 1000
		began := time.Now()
		got := make(chan string, 1)
		go func() {
			resp, err := tr.RoundTrip(q)
			if err != nil {
				got <- err.Error()
				return
			}
			defer resp.Body.Close()
			got <- resp.Status
		}()
		synctest.Wait()
		resp, err := tr.RoundTrip(request{path: "/api/v1/namespaces/ns"}.build("http://x"))
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		if s := <-got; s != "504 Gateway Timeout" {
			t.Errorf("%s", s)
		}
		if took := time.Since(began); took > mutationTimeout+stalledGrace {
			t.Errorf("it took %v", took)
		}
		if reads, writes := w.handler.Inflight(); reads+writes != 0 {
			t.Errorf("%d reads, %d writes in flight", reads, writes)
		}
	})
}

// TestStalledReader: a client that does not read its answer gives its place back.
func TestStalledReader(t *testing.T) {
	for _, path := range []string{"/api/v1/namespaces/ns/configmaps", "/api/v1/namespaces/ns/configmaps/cm-0000", "/api/v1/namespaces/ns/configmaps?pretty=1"} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s HTTP/2 %v", path, http2), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.fill(4, 300<<10)
					p, end := w.overPipes()
					defer end()
					if http2 {
						tr := p.h2()
						defer tr.CloseIdleConnections()
						tr.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 64 << 10}
						resp, err := tr.RoundTrip(request{path: path}.build("http://x"))
						if err != nil {
							t.Fatal(err)
						}
						defer resp.Body.Close()
					} else {
						c := p.dial()
						defer c.Close()
						fmt.Fprintf(c, "GET %s HTTP/1.1\r\n"+head+"\r\n", path)
					}
					synctest.Wait()
					if reads, _ := w.handler.Inflight(); reads != 1 {
						t.Fatalf("%d reads in flight: the answer is not held up", reads)
					}
					time.Sleep(requestTimeout + 2*stalledGrace) // of the bubble's clock
					synctest.Wait()
					if reads, _ := w.handler.Inflight(); reads != 0 {
						t.Errorf("%d reads in flight", reads)
					}
				})
			})
		}
	}
}

// TestStalledWatch: a watch whose client does not read holds one chunk, loses
// nothing for others, and ends with its time or with the server.
func TestStalledWatch(t *testing.T) {
	for _, stop := range []bool{false, true} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("server stops %v, HTTP/2 %v", stop, http2), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					p, end := w.overPipes()
					defer end()
					const path = "/api/v1/configmaps?watch=1&timeoutSeconds=100"
					if http2 {
						tr := p.h2()
						defer tr.CloseIdleConnections()
						tr.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 64 << 10}
						resp, err := tr.RoundTrip(request{path: path}.build("http://x"))
						if err != nil {
							t.Fatal(err)
						}
						defer resp.Body.Close()
					} else {
						c := p.dial()
						defer c.Close()
						fmt.Fprintf(c, "GET %s HTTP/1.1\r\n"+head+"\r\n", path)
						if resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, 1<<10)), nil); err != nil || resp.StatusCode != 200 {
							t.Fatal(resp, err)
						}
					}
					quick := newSink()
					other := make(chan struct{})
					go func() {
						defer close(other)
						w.handler.ServeHTTP(quick, request{path: path}.build(""))
					}()
					synctest.Wait()
					if n := w.seen.watching.Load(); n != 2 {
						t.Fatalf("%d watches", n)
					}
					w.fill(20, 100<<10)
					synctest.Wait()
					if got := strings.Count(quick.take(t), "ADDED"); got != 20 {
						t.Errorf("the other watch has %d events", got)
					}
					if stop {
						w.stop()
						time.Sleep(2 * stalledGrace)
					} else {
						time.Sleep(100*time.Second + 2*stalledGrace)
					}
					synctest.Wait()
					<-other
					if n := w.seen.watching.Load(); n != 0 {
						t.Errorf("%d watches after the end", n)
					}
				})
			})
		}
	}
}

// TestWatchWritesInChunks: a watch that catches up on many large events holds
// little of them.
func TestWatchWritesInChunks(t *testing.T) {
	w := newWorld(t)
	at := w.configMap("a").resourceVersion()
	w.fill(40, 200<<10)
	largest := 0
	rec := &measuring{sink: newSink(), largest: &largest}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec.full = func() { cancel() }
	w.handler.ServeHTTP(rec, request{path: "/api/v1/configmaps?watch=1&resourceVersion=" + at}.build("").WithContext(ctx))
	if largest > 2*chunkSize {
		t.Errorf("%d bytes in one write", largest)
	}
}

// measuring remembers the largest write and calls full after 8 MB.
type measuring struct {
	*sink
	largest *int
	total   int
	full    func()
	each    func() // on every write, if not nil
}

func (m *measuring) Write(b []byte) (int, error) {
	*m.largest = max(*m.largest, len(b))
	if m.each != nil {
		m.each()
	}
	if m.total += len(b); m.total > 8_000_000 {
		m.full()
	}
	return len(b), nil
}

// memory is what the process holds, in bytes, after a collection.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestTenThousandIdleWatches over the network: client and server are in this
// process, so that both are measured.
func TestTenThousandIdleWatches(t *testing.T) {
	n, most := 10_000, int64(96<<10)
	if testing.Short() {
		n = 1000
	}
	w := newWorld(t)
	w.configMap("a")
	s, _ := w.serve(false)
	before, stacks := memory(), runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const perConnection = 100
	var opened, done sync.WaitGroup
	var last sync.WaitGroup
	last.Add(n)
	for i := 0; i < n; i += perConnection {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableCompression: true}
		defer tr.CloseIdleConnections()
		resp, err := tr.RoundTrip(request{path: "/version"}.build(s.URL)) // or each request would dial
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for range perConnection {
			opened.Add(1)
			done.Add(1)
			go func() {
				defer done.Done()
				open := sync.OnceFunc(opened.Done)
				defer open()
				resp, err := tr.RoundTrip(request{path: "/api/v1/namespaces/ns/configmaps?watch=1&fieldSelector=metadata.name%3Dnone"}.build(s.URL).WithContext(ctx))
				if err != nil {
					t.Error(err)
					last.Done()
					return
				}
				defer resp.Body.Close()
				open()
				buf := make([]byte, 1<<10)
				if k, err := resp.Body.Read(buf); err != nil || !strings.Contains(string(buf[:k]), `"ADDED"`) {
					t.Errorf("%v %s", err, buf[:k])
				}
				last.Done()
			}()
		}
	}
	opened.Wait()
	if got := w.seen.watching.Load(); got != int64(n) {
		t.Fatalf("%d watches", got)
	}
	each := (memory() - before) / int64(n)
	t.Logf("%d idle watches: %d bytes each, client and server together, %d goroutines each", n, each, (runtime.NumGoroutine()-stacks)/n)
	if each > most && !raceEnabled {
		t.Errorf("%d bytes for an idle watch", each)
	}
	w.create("/api/v1/namespaces/ns/configmaps", `{"metadata":{"name":"none"}}`) // and all of them live
	last.Wait()
	cancel()
	done.Wait()
	eventually(t, func() bool { return w.seen.watching.Load() == 0 })
}

// TestIdleWatchCost measures the server's part alone.
func TestIdleWatchCost(t *testing.T) {
	const n = 2000
	w := newWorld(t)
	w.configMap("a")
	w.get("/api/v1/configmaps").want(200)
	before := memory()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for range n {
		done.Add(1)
		go func() {
			defer done.Done()
			w.handler.ServeHTTP(newSink(), request{path: "/api/v1/configmaps?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dnone"}.build("").WithContext(ctx))
		}()
	}
	eventually(t, func() bool { return w.seen.watching.Load() == n })
	each := (memory() - before) / n
	t.Logf("%d bytes for an idle watch, its stack among them", each)
	if each > 40<<10 && !raceEnabled {
		t.Errorf("%d bytes for an idle watch", each)
	}
	cancel()
	done.Wait()
}
