package rest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/binnacle-io/binnacle/pkg/auth"
	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/kinds"
	"github.com/binnacle-io/binnacle/pkg/storage/storagetest"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

const (
	jsonType      = "application/json"
	yamlType      = "application/yaml"
	protobufType  = "application/vnd.kubernetes.protobuf"
	tableType     = "application/json;as=Table;v=v1;g=meta.k8s.io"
	partialType   = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
	jsonPatchType = "application/json-patch+json"
	mergeType     = "application/merge-patch+json"
	strategicType = "application/strategic-merge-patch+json"
	applyType     = "application/apply-patch+yaml"
)

// world is a handler over a store in memory, with every kind and the namespace
// "ns".
type world struct {
	t       testing.TB
	store   *storagetest.Memory
	caches  *watchcache.Set
	handler *Handler
	seen    *observations
	logs    *lockedBuffer
	stop    context.CancelFunc // what ends watches
	clock   atomic.Int64       // Unix seconds
}

// epoch is when the tests' clock begins.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: storagetest.NewMemory(), seen: &observations{}, logs: &lockedBuffer{}}
	w.clock.Store(epoch.Unix())
	log := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelInfo}))
	w.caches = watchcache.New(watchcache.Config{Store: w.store, Logger: log})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.caches.Run(ctx) }()
	stopping, stop := context.WithCancel(context.Background())
	w.stop = stop
	t.Cleanup(func() {
		stop()
		cancel()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Errorf("watch cache: %v", err)
		}
		if n := w.seen.panics.Load(); n > 0 {
			t.Errorf("%d handlers panicked:\n%s", n, w.logs.String())
		}
	})
	w.handler = NewHandler(Config{
		Registry: registry.New(registry.Config{Store: w.store, Caches: w.caches, Resources: kinds.All(kinds.Deps{}),
			Now: func() time.Time { return w.now() }}),
		Authenticator: testUsers{}, Authorizer: auth.SystemMasters{}, Version: version.Info{Major: "1", Minor: "36", GitVersion: "v1.36.0-test"},
		ServerAddress: "10.0.0.9:6443", Observer: w.seen, Logger: log, Now: func() time.Time { return w.now() }, Stopping: stopping,
	})
	w.create("/api/v1/namespaces", `{"metadata":{"name":"ns"}}`)
	return w
}

func (w *world) now() time.Time { return time.Unix(w.clock.Load(), 0).UTC() }

func (w *world) advance(d time.Duration) { w.clock.Add(int64(d / time.Second)) }

// testUsers knows the bearer tokens admin, who may do everything, and nobody.
type testUsers struct{}

func (testUsers) Authenticate(r *http.Request) (*registry.User, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer admin":
		return &registry.User{Name: "admin", Groups: []string{auth.GroupMasters}}, nil
	case "Bearer nobody":
		return &registry.User{Name: "nobody"}, nil
	case "":
		return nil, nil
	}
	return nil, auth.ErrInvalidCredentials
}

// observations keeps what an Observer is told.
type observations struct {
	panics, watching atomic.Int64
	last             atomic.Pointer[Observation]
}

func (o *observations) Request(x Observation)              { o.last.Store(&x) }
func (o *observations) Watching(_, _, _ string, delta int) { o.watching.Add(int64(delta)) }
func (o *observations) Panicked()                          { o.panics.Add(1) }

// request is one request; zero fields are left out.
type request struct {
	method, path, contentType, accept, body, user string
	header                                        http.Header
}

func (q request) build(base string) *http.Request {
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequest(method, base+q.path, body)
	if err != nil { // a path that no client could send
		u := &url.URL{Scheme: "http", Host: "test", Opaque: q.path}
		r = &http.Request{Method: method, URL: u, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(q.body)), ContentLength: int64(len(q.body))}
	}
	for k, v := range q.header {
		r.Header[k] = v
	}
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	if q.accept != "" {
		r.Header.Set("Accept", q.accept)
	}
	switch q.user {
	case "":
		r.Header.Set("Authorization", "Bearer admin")
	case "anonymous":
	default:
		r.Header.Set("Authorization", "Bearer "+q.user)
	}
	return r
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	t testing.TB
}

// do serves one request without a network.
func (w *world) do(q request) *answer {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, q.build(""))
	return &answer{ResponseRecorder: rec, t: w.t}
}

func (w *world) get(path string) *answer { w.t.Helper(); return w.do(request{path: path}) }

// create posts JSON and fails the test unless it is taken.
func (w *world) create(path, body string) *answer {
	w.t.Helper()
	return w.do(request{method: "POST", path: path, body: body}).want(http.StatusCreated)
}

// configMap makes a ConfigMap in ns.
func (w *world) configMap(name string) *answer {
	w.t.Helper()
	return w.create("/api/v1/namespaces/ns/configmaps", fmt.Sprintf(`{"metadata":{"name":%q,"labels":{"app":"web"}},"data":{"k":"v"}}`, name))
}

func (a *answer) want(code int) *answer {
	a.t.Helper()
	if a.Code != code {
		a.t.Fatalf("HTTP %d, want %d: %.2000s", a.Code, code, a.Body.String())
	}
	return a
}

// into decodes a JSON answer.
func (a *answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body.Bytes(), v); err != nil {
		a.t.Fatalf("%v: %.2000s", err, a.Body.String())
	}
}

// status decodes an answer that must be a Status and says the same as HTTP does.
func (a *answer) status() *metav1.Status {
	a.t.Helper()
	s := &metav1.Status{}
	a.into(s)
	if s.Kind != "Status" || s.APIVersion != "v1" {
		a.t.Fatalf("not a Status: %.2000s", a.Body.String())
	}
	if s.Status == metav1.StatusFailure && int(s.Code) != a.Code {
		a.t.Fatalf("HTTP %d carries a Status of code %d: %.2000s", a.Code, s.Code, a.Body.String())
	}
	return s
}

// wantStatus is want and status in one, with the reason.
func (a *answer) wantStatus(code int, reason metav1.StatusReason) *metav1.Status {
	a.t.Helper()
	s := a.want(code).status()
	if s.Reason != reason {
		a.t.Fatalf("reason %q, want %q: %.2000s", s.Reason, reason, a.Body.String())
	}
	return s
}

// object is the generic form of an answer.
func (a *answer) object() map[string]any {
	a.t.Helper()
	m := map[string]any{}
	a.into(&m)
	return m
}

// dig follows keys through maps.
func dig(m map[string]any, keys ...string) any {
	var v any = m
	for _, k := range keys {
		next, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = next[k]
	}
	return v
}

func (a *answer) resourceVersion() string {
	a.t.Helper()
	rv, _ := dig(a.object(), "metadata", "resourceVersion").(string)
	return rv
}

// serve puts the handler behind a real server, TLS and HTTP/2 unless plain.
func (w *world) serve(plain bool) (*httptest.Server, *http.Client) {
	w.t.Helper()
	s := httptest.NewUnstartedServer(w.handler)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	if plain {
		s.Start()
	} else {
		s.EnableHTTP2 = true
		s.StartTLS()
	}
	w.t.Cleanup(func() {
		w.stop()
		s.CloseClientConnections()
		s.Close()
	})
	c := s.Client()
	c.Transport.(*http.Transport).DisableCompression = true
	return s, c
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// tokenOf makes a continue token as the server does.
func tokenOf(start string, revision int64) string {
	b, err := json.Marshal(map[string]any{"v": "meta.k8s.io/v1", "rv": revision, "start": start})
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
