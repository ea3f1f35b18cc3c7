package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/binnacle-io/binnacle/pkg/auth"
	"github.com/binnacle-io/binnacle/pkg/registry"
)

// Limits of a request, as kube-apiserver sets them.
const (
	maxBody         = 3 << 20
	requestTimeout  = 60 * time.Second
	mutationTimeout = 34 * time.Second
	minWatchTimeout = 30 * time.Minute // a watch without timeoutSeconds lasts one to two of these
	bookmarkEvery   = time.Minute
)

// Config is what a Handler is made of. All fields but Observer are needed.
type Config struct {
	Registry      *registry.Registry
	Authenticator auth.Authenticator
	Authorizer    auth.Authorizer
	Version       version.Info
	// ServerAddress is what /api tells clients: host:port.
	ServerAddress string
	// Health answers /livez, /readyz and /healthz, Metrics /metrics, Profile
	// /debug/pprof; nil: 404.
	Health, Metrics, Profile http.Handler
	Observer                 Observer
	Logger                   *slog.Logger
	Now                      func() time.Time
	// MaxRequests and MaxMutating bound the reads and the writes served at one
	// time; others are answered 429. Defaults 400 and 200, kube-apiserver's.
	MaxRequests, MaxMutating int
	// Stopping ends when the server stops: watches end with it.
	Stopping context.Context
}

// Observation is what an Observer learns of a request that has ended.
type Observation struct {
	Verb, Group, Version, Resource, Subresource, Scope string
	DryRun                                             bool
	Code                                               int
	Duration                                           time.Duration
	Bytes                                              int64
}

// Observer is told of requests. Its methods must not block.
type Observer interface {
	Request(Observation)
	// Watching counts open watches of a resource up and down.
	Watching(group, version, resource string, delta int)
	// Panicked counts handlers that panicked.
	Panicked()
}

type noObserver struct{}

func (noObserver) Request(Observation)                  {}
func (noObserver) Watching(string, string, string, int) {}
func (noObserver) Panicked()                            {}

// Handler serves the API. It is an http.Handler.
type Handler struct {
	Config
	router    chi.Router
	discovery *discovery
	groups    map[string]bool
	inflight  inflight
}

// NewHandler wires the routes.
func NewHandler(c Config) *Handler {
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	h := &Handler{Config: c, router: chi.NewRouter(), groups: map[string]bool{}}
	h.inflight.maxReads, h.inflight.maxWrites = int64(c.MaxRequests), int64(c.MaxMutating)
	if c.MaxRequests == 0 {
		h.inflight.maxReads = 400
	}
	if c.MaxMutating == 0 {
		h.inflight.maxWrites = 200
	}
	h.discovery = newDiscovery(c.Registry, c.ServerAddress)
	for _, gv := range c.Registry.GroupVersions() {
		h.groups[gv.Group] = true
	}
	h.routes()
	return h
}

// routes is the whole of the URL space. Resources come and go, so that chi only
// leads to them: the table of the registry says what exists.
func (h *Handler) routes() {
	r := h.router
	r.HandleFunc("/version", h.open(h.serveVersion))
	r.HandleFunc("/version/", h.open(h.serveVersion))
	for _, p := range []string{"/livez", "/readyz", "/healthz", "/livez/{check}", "/readyz/{check}", "/healthz/{check}"} {
		if h.Health != nil {
			r.Handle(p, h.Health)
		}
	}
	if h.Metrics != nil {
		r.Handle("/metrics", h.guarded(h.Metrics))
	}
	if h.Profile != nil {
		r.Handle("/debug/pprof/*", h.guarded(h.Profile))
	}
	for _, p := range []string{"/api", "/api/"} {
		r.HandleFunc(p, h.open(h.discovery.serveCore))
	}
	for _, p := range []string{"/apis", "/apis/"} {
		r.HandleFunc(p, h.open(h.discovery.serveGroups))
	}
	r.HandleFunc("/openapi/*", h.serveOpenAPI)
	r.HandleFunc("/api/*", h.serveAPI)
	r.HandleFunc("/apis/*", h.serveAPI)
	r.HandleFunc("/", h.open(h.serveIndex))
	r.NotFound(pageNotFound)
}

func pageNotFound(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "404 page not found", http.StatusNotFound)
}

// ServeHTTP answers any request and never panics but to abort a connection.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	growStack()
	header := w.Header()
	id := r.Header.Get("Audit-ID")
	if id == "" || len(id) > 64 {
		id = uuid.NewString()
	}
	header["Audit-Id"] = []string{id}
	header["Cache-Control"] = noCache
	rec := &recorder{ResponseWriter: w}
	defer h.recovered(rec, r)
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		// HTTP/1 reads what a refused request left of its body, before or after the
		// answer. The server takes the bound off for the next request.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout))
	}
	if !knownMethod(r.Method) && !(r.Method == http.MethodHead && strings.HasPrefix(r.URL.Path, "/openapi/")) {
		writeStatus(rec, r, methodNotAllowed())
		return
	}
	h.router.ServeHTTP(rec, r)
}

var noCache = []string{"no-cache, private"}

// knownMethod tells the methods that chi routes from those that it would answer
// itself.
func knownMethod(m string) bool {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

func (h *Handler) recovered(w *recorder, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	h.Observer.Panicked()
	h.Logger.Error("a request handler panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	if w.code != 0 { // the answer has begun: only a broken connection says that it is wrong
		panic(http.ErrAbortHandler)
	}
	writeStatus(w, r, apierrors.NewInternalError(fmt.Errorf("the server failed on this request; its log says why (Audit-ID %s)", w.Header().Get("Audit-Id"))))
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (w *recorder) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// open serves GET to everybody.
func (h *Handler) open(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			writeStatus(w, r, methodNotAllowed())
			return
		}
		f(w, r)
	}
}

// guarded serves a path to those who may use it.
func (h *Handler) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := h.authenticate(r)
		if err == nil {
			err = h.authorize(r.Context(), &auth.Attributes{User: user, Verb: httpVerb(r.Method), Path: r.URL.Path})
		}
		if err != nil {
			writeStatus(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func httpVerb(method string) string {
	if method == http.MethodGet {
		return "get"
	}
	return "post"
}

func (h *Handler) authenticate(r *http.Request) (*registry.User, error) {
	user, err := h.Authenticator.Authenticate(r)
	if err != nil || user == nil {
		return nil, apierrors.NewUnauthorized("Unauthorized")
	}
	return user, impersonation(r)
}

// impersonation refuses requests in the name of somebody else. They must not
// run with the rights of the one who sends them.
func impersonation(r *http.Request) error {
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Impersonate-") {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "users"}, strings.Join(values, ","),
				errors.New("this server does not impersonate"))
		}
	}
	return nil
}

func (h *Handler) authorize(ctx context.Context, a *auth.Attributes) error {
	ok, reason, err := h.Authorizer.Authorize(ctx, a)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if !ok {
		return forbidden(a, reason)
	}
	return nil
}

// call is one request for a resource.
type call struct {
	*Handler
	w      *recorder
	r      *http.Request
	target target
	verb   string
	ep     *registry.Endpoint
	accept negotiated
	query  map[string][]string
	req    registry.Request
	// warnings become Warning headers; the first baseWarnings of them stay when
	// a patch is tried again.
	warnings     []string
	baseWarnings int
}

func (h *Handler) serveAPI(rw http.ResponseWriter, r *http.Request) {
	w := rw.(*recorder)
	t, ok := parseTarget(r.URL.Path)
	if !h.groups[t.gv.Group] || t.gv.Version == "" {
		if g, isGroup := groupPath(r.URL.Path); isGroup && h.groups[g] {
			h.open(func(w http.ResponseWriter, r *http.Request) { h.discovery.serveGroup(w, r, g) })(w, r)
			return
		}
		if t.gv.Group != "" || t.gv.Version == "" {
			pageNotFound(w, r)
			return
		}
	}
	if ok && t.resource == "" {
		h.open(func(w http.ResponseWriter, r *http.Request) { h.discovery.serveVersion(w, r, t.gv) })(w, r)
		return
	}
	c := &call{Handler: h, w: w, r: r, target: t}
	c.serve(ok)
}

// groupPath reads /apis/<group>.
func groupPath(path string) (string, bool) {
	const prefix = "/apis/"
	if len(path) <= len(prefix) || path[:len(prefix)] != prefix {
		return "", false
	}
	g := path[len(prefix):]
	if n := len(g); g[n-1] == '/' {
		g = g[:n-1]
	}
	for i := range len(g) {
		if g[i] == '/' {
			return "", false
		}
	}
	return g, true
}

// serve is the way of a resource request: who, what, may they, do it.
func (c *call) serve(wellFormed bool) {
	start := c.Now()
	defer func() { c.observe(start) }()
	user, err := c.authenticate(c.r)
	if err != nil {
		c.fail(err)
		return
	}
	if c.r.URL.RawQuery != "" {
		c.query = c.r.URL.Query()
	}
	if !wellFormed {
		c.fail(notFoundPath())
		return
	}
	if c.ep, wellFormed = c.Registry.Lookup(c.target.gv.WithResource(c.target.resource)); !wellFormed {
		c.fail(notFoundPath())
		return
	}
	if c.ep.Deprecated != "" {
		c.warn(c.ep.Deprecated)
	}
	c.verb = c.target.verbOf(c.r, asksToWatch(c.query))
	op, err := c.route()
	if err != nil {
		c.target.subresource = "" // anything: it must not become a label
		c.fail(err)
		return
	}
	c.nameFromSelector()
	a := auth.Attributes{User: user, Verb: c.verb, Group: c.target.gv.Group, Version: c.target.gv.Version, Resource: c.target.resource,
		Subresource: c.target.subresource, Namespace: c.target.namespace, Name: c.target.name}
	if err := c.authorize(c.r.Context(), &a); err != nil {
		c.fail(err)
		return
	}
	leave, ok := c.inflight.enter(c.verb)
	if !ok {
		overloaded(c.w)
		return
	}
	defer leave()
	if c.accept, err = negotiate(c.r, c.verb == "watch"); err != nil {
		c.fail(err)
		return
	}
	c.req = registry.Request{User: *user, Namespace: c.target.namespace, Name: c.target.name, Now: metav1.NewTime(start).Rfc3339Copy()}
	ctx, cancel, err := c.deadline()
	if err != nil {
		c.fail(err)
		return
	}
	defer cancel()
	defer c.boundIO(ctx)()
	if err := op(c, ctx); err != nil {
		c.fail(err)
	}
}

// nameFromSelector gives a list or watch of one name that name, so that rights
// on one object cover it.
func (c *call) nameFromSelector() {
	if c.target.watchPrefix && c.target.name != "" {
		if c.query == nil {
			c.query = map[string][]string{}
		}
		c.query["fieldSelector"] = []string{"metadata.name=" + c.target.name}
	}
}

// deadline bounds the request. ?timeout= may only shorten it.
func (c *call) deadline() (context.Context, context.CancelFunc, error) {
	ctx := c.r.Context()
	if c.verb == "watch" {
		return ctx, func() {}, nil
	}
	limit := requestTimeout
	if asked := first(c.query, "timeout"); asked != "" {
		d, err := time.ParseDuration(asked)
		if err != nil {
			return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("invalid timeout specified in the request URL - %v", err))
		}
		if d > 0 {
			limit = min(limit, d)
		}
	}
	switch c.verb {
	case "create", "update", "patch", "delete":
		limit = min(limit, mutationTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	return ctx, cancel, nil
}

// boundIO ends a request whose client reads or writes too slowly once its time
// is up. Watches bound themselves. lift must be called before the context is
// cancelled for another reason.
func (c *call) boundIO(ctx context.Context) (lift func()) {
	if c.verb == "watch" {
		return func() {}
	}
	end := &ioEnd{conn: http.NewResponseController(c.w)}
	stop := context.AfterFunc(ctx, end.overdue)
	return func() {
		stop()
		end.lift()
	}
}

func first(q map[string][]string, key string) string {
	if v := q[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (c *call) observe(start time.Time) {
	o := Observation{Verb: c.verb, Group: c.target.gv.Group, Version: c.target.gv.Version, Resource: c.target.resource,
		Subresource: c.target.subresource, Code: c.w.code, Duration: c.Now().Sub(start), Bytes: c.w.bytes, DryRun: c.req.DryRun, Scope: "cluster"}
	switch {
	case c.target.name != "":
		o.Scope = "resource"
	case c.target.namespace != "":
		o.Scope = "namespace"
	}
	if c.ep == nil { // a path nobody serves must not become a label
		o.Group, o.Version, o.Resource, o.Subresource = "", "", "", ""
	}
	c.Observer.Request(o)
}

// operation serves one verb of one resource or subresource.
type operation func(*call, context.Context) error

// route finds the operation, 404 or 405.
func (c *call) route() (operation, error) {
	t := &c.target
	if t.subresource != "" {
		return c.routeSubresource()
	}
	if t.name != "" && c.ep.Namespaced != (t.namespace != "") {
		return nil, notFoundPath()
	}
	if t.name == "" && !c.ep.Namespaced && t.namespace != "" {
		return nil, notFoundPath()
	}
	everywhere := c.ep.Namespaced && t.namespace == ""
	if everywhere && !c.ep.HasVerb("list") {
		return nil, notFoundPath() // nothing is served across namespaces
	}
	if c.verb == "watch" && c.ep.HasVerb("list") && !c.ep.HasVerb("watch") {
		return nil, apierrors.NewMethodNotSupported(c.ep.ServedResource(), "watch")
	}
	if c.verb == "" || !c.ep.HasVerb(c.verb) {
		return nil, methodNotAllowed()
	}
	switch c.verb {
	case "get":
		return (*call).get, nil
	case "list":
		return (*call).list, nil
	case "watch":
		return (*call).watch, nil
	case "create":
		if t.resource == "bindings" && t.gv.Group == "" && !everywhere {
			return (*call).bind, nil
		}
		if t.name == "" && !everywhere {
			return (*call).create, nil
		}
	case "update":
		if t.name != "" {
			return (*call).update, nil
		}
	case "patch":
		if t.name != "" {
			return (*call).patch, nil
		}
	case "delete":
		return (*call).delete, nil
	case "deletecollection":
		if !everywhere {
			return (*call).deleteCollection, nil
		}
	}
	return nil, methodNotAllowed()
}

func (h *Handler) serveVersion(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, http.StatusOK, h.Version)
}

// serveIndex lists the paths that a person may look at.
func (h *Handler) serveIndex(w http.ResponseWriter, r *http.Request) {
	paths := []string{"/api"}
	for _, gv := range h.Registry.GroupVersions() {
		if gv.Group == "" {
			paths = append(paths, "/api/"+gv.Version)
			continue
		}
		paths = append(paths, "/apis/"+gv.Group, "/apis/"+gv.String())
	}
	paths = append(paths, "/healthz", "/livez", "/metrics", "/openapi/v3", "/readyz", "/version")
	writeJSON(w, r, http.StatusOK, map[string][]string{"paths": paths})
}
