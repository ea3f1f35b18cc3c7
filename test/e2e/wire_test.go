package e2e

import (
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// exchange is a request and the beginning of its answer.
type exchange struct {
	method, path string
	query        map[string][]string
	code         int
	contentType  string // of the answer
	err          error
}

// wire remembers the requests that clients make.
type wire struct {
	mu  sync.Mutex
	all []exchange
}

// record lets w see the requests of a client configuration.
func (w *wire) record(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return wireTripper{w, next} })
	return c
}

type wireTripper struct {
	w    *wire
	next http.RoundTripper
}

func (t wireTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchange{method: r.Method, path: r.URL.Path, query: r.URL.Query()}
	resp, err := t.next.RoundTrip(r)
	if x.err = err; err == nil {
		x.code, x.contentType = resp.StatusCode, resp.Header.Get("Content-Type")
	}
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.w.all = append(t.w.all, x)
	return resp, err
}

// since returns the exchanges after the first n, and how many there are.
func (w *wire) since(n int) ([]exchange, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]exchange(nil), w.all[n:]...), len(w.all)
}

// reads counts the requests for a collection: lists, watches that begin with a
// list, and watches that go on from a resourceVersion.
type reads struct{ lists, watchLists, watches int }

func readsOf(all []exchange, path string) (r reads) {
	for _, x := range all {
		switch {
		case x.method != http.MethodGet || x.path != path || x.err != nil || x.code != http.StatusOK:
		case x.query["watch"] == nil:
			r.lists++
		case strings.Join(x.query["sendInitialEvents"], "") == "true":
			r.watchLists++
		default:
			r.watches++
		}
	}
	return r
}
