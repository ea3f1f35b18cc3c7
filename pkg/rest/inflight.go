package rest

import (
	"net/http"
	"sync/atomic"
)

// inflight bounds the requests that are served at one time, reads and writes
// apart, as kube-apiserver's --max-requests-inflight and
// --max-mutating-requests-inflight do. Watches are not counted.
type inflight struct {
	reads, writes       atomic.Int64
	maxReads, maxWrites int64
}

// enter takes a place. ok is false when there is none; leave gives it back.
func (f *inflight) enter(verb string) (leave func(), ok bool) {
	n, limit := &f.writes, f.maxWrites
	switch verb {
	case "watch":
		return func() {}, true
	case "get", "list":
		n, limit = &f.reads, f.maxReads
	}
	if n.Add(1) > limit {
		n.Add(-1)
		return nil, false
	}
	return func() { n.Add(-1) }, true
}

// overloaded answers a request that found no place, in kube-apiserver's form:
// plain text, so that it costs nothing.
func overloaded(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Retry-After", "1")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write([]byte("Too many requests, please try again later.\n"))
}

// Inflight returns how many reads and writes are being served.
func (h *Handler) Inflight() (reads, writes int64) {
	return h.inflight.reads.Load(), h.inflight.writes.Load()
}
