package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/storage"
	"github.com/binnacle-io/binnacle/pkg/storage/storagetest"
	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// The kinds of these tests: real Go types with rules of the tests' own, one for
// each thing that the generic verbs can be told.
func testKinds() []*Resource {
	return []*Resource{
		Define(Kind[*corev1.Namespace]{Version: "v1", Kind: "Namespace", Resource: "namespaces",
			Fields: []Field[*corev1.Namespace]{{Name: "status.phase", Get: func(n *corev1.Namespace) string { return string(n.Status.Phase) }}},
			Status: func(n *corev1.Namespace) any { return &n.Status }, KeepStatusOnCreate: true,
			Finalized: func(n *corev1.Namespace) bool { return len(n.Spec.Finalizers) == 0 },
			BeforeDelete: func(_ *Request, n *corev1.Namespace) error {
				n.Status.Phase = corev1.NamespaceTerminating
				return nil
			},
			Parts: []Part[*corev1.Namespace]{{Name: "finalize", Verbs: []string{"update"}, Prepare: func(_ *Request, obj, old *corev1.Namespace) { obj.Status = old.Status }}},
		}),
		Define(Kind[*corev1.ConfigMap]{Version: "v1", Kind: "ConfigMap", Resource: "configmaps", Namespaced: true}),
		Define(Kind[*corev1.Secret]{Version: "v1", Kind: "Secret", Resource: "secrets", Namespaced: true, ReturnDeleted: true,
			Fields: []Field[*corev1.Secret]{{Name: "type", Get: func(s *corev1.Secret) string { return string(s.Type) }}}, WatchField: "type",
			Default: func(s *corev1.Secret) {
				if s.Type == "" {
					s.Type = corev1.SecretTypeOpaque
				}
			},
			Validate: func(s *corev1.Secret) field.ErrorList {
				if s.Type == "bad" {
					return field.ErrorList{field.Invalid(field.NewPath("type"), s.Type, "is bad")}
				}
				return nil
			},
			ValidateUpdate: func(obj, old *corev1.Secret) field.ErrorList {
				if obj.Type != old.Type {
					return field.ErrorList{field.Forbidden(field.NewPath("type"), "is fixed")}
				}
				return nil
			}}),
		Define(Kind[*appsv1.Deployment]{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Namespaced: true,
			Spec: func(d *appsv1.Deployment) any { return &d.Spec }, Status: func(d *appsv1.Deployment) any { return &d.Status },
			Scale: &Scale[*appsv1.Deployment]{Replicas: func(d *appsv1.Deployment) int32 { return *d.Spec.Replicas },
				SetReplicas:    func(d *appsv1.Deployment, n int32) { d.Spec.Replicas = &n },
				StatusReplicas: func(d *appsv1.Deployment) int32 { return d.Status.Replicas },
				Selector:       func(*appsv1.Deployment) string { return "a=b" }}}),
		Define(Kind[*appsv1.ReplicaSet]{Group: "apps", Version: "v1", Kind: "ReplicaSet", Resource: "replicasets", Namespaced: true, OrphanByDefault: true,
			Spec: func(d *appsv1.ReplicaSet) any { return &d.Spec }}),
		Define(Kind[*corev1.Pod]{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true, ReturnDeleted: true,
			Spec: func(p *corev1.Pod) any { return &p.Spec }, Status: func(p *corev1.Pod) any { return &p.Status },
			GracePeriod: func(_ *corev1.Pod, asked *int64) int64 {
				if asked != nil {
					return *asked
				}
				return 30
			}}),
		Define(Kind[*coordinationv1.Lease]{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease", Resource: "leases", Namespaced: true, AllowCreateOnUpdate: true}),
		Define(Kind[*schedulingv1.PriorityClass]{Group: "scheduling.k8s.io", Version: "v1", Kind: "PriorityClass", Resource: "priorityclasses", RefuseUnconditionalUpdate: true}),
		Define(Kind[*corev1.Event]{Version: "v1", Kind: "Event", Resource: "events", Namespaced: true, NoGarbageCollection: true,
			TTL: func(*corev1.Event) time.Duration { return time.Hour }}),
		Define(Kind[*corev1.Binding]{Version: "v1", Kind: "Binding", Resource: "bindings", Namespaced: true,
			Create: func(_ context.Context, r *Request, b *corev1.Binding) (*corev1.Binding, error) {
				if b.Target.Name == "" {
					return nil, apierrors.NewBadRequest("no target")
				}
				b.Annotations = map[string]string{"by": r.User.Name}
				return b, nil
			}}),
	}
}

// world is a registry over a store in memory, whose cache can be held back.
type world struct {
	*Registry
	t      testing.TB
	store  *tapped
	source *heldBack
}

var testNow = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: &tapped{Memory: storagetest.NewMemory()}}
	w.source = &heldBack{Source: w.store, open: make(chan struct{})}
	close(w.source.open)
	caches := watchcache.New(watchcache.Config{Store: w.source, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- caches.Run(ctx) }()
	t.Cleanup(func() {
		w.source.release()
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("watch cache: %v", err)
		}
	})
	w.Registry = New(Config{Store: w.store, Caches: caches, Resources: testKinds(), Now: func() time.Time { return testNow.Time }})
	if err := w.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.make("namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}, Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"kubernetes"}}})
	return w
}

// tapped counts the store's writes and lets a test come in between.
type tapped struct {
	*storagetest.Memory

	mu     sync.Mutex
	writes int
	before func(n int, t *storage.Txn) (*storage.TxnResult, error) // nil, nil: go on
	onRead func()
}

func (s *tapped) Txn(ctx context.Context, t *storage.Txn) (*storage.TxnResult, error) {
	s.mu.Lock()
	s.writes++
	n, before := s.writes, s.before
	s.mu.Unlock()
	if before != nil {
		if res, err := before(n, t); res != nil || err != nil {
			return res, err
		}
	}
	return s.Memory.Txn(ctx, t)
}

func (s *tapped) ReadRevision(ctx context.Context) (int64, error) {
	s.mu.Lock()
	f := s.onRead
	s.mu.Unlock()
	if f != nil {
		f()
	}
	return s.Memory.ReadRevision(ctx)
}

// tap counts anew from here, with f before every write.
func (s *tapped) tap(f func(n int, t *storage.Txn) (*storage.TxnResult, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes, s.before = 0, f
}

func (s *tapped) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// heldBack is a source whose events can be held back, so that the cache lags.
type heldBack struct {
	watchcache.Source

	mu   sync.Mutex
	open chan struct{} // closed: events pass
}

func (h *heldBack) Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error) {
	b, err := h.Source.Events(ctx, r)
	if err != nil {
		return b, err
	}
	h.mu.Lock()
	open := h.open
	h.mu.Unlock()
	select {
	case <-open:
		return b, nil
	case <-ctx.Done():
		return storage.Batch{}, ctx.Err()
	}
}

// hold keeps events back until release.
func (h *heldBack) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = make(chan struct{})
}

func (h *heldBack) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.open:
	default:
		close(h.open)
	}
}

// lag holds the cache back until somebody reads afresh.
func (w *world) lag() {
	w.source.hold()
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.store.onRead = w.source.release
}

// elsewhere does something as another member would: on the same store, with a
// cache of its own that does not lag.
func (w *world) elsewhere(do func(*world)) {
	w.t.Helper()
	caches := watchcache.New(watchcache.Config{Store: w.store.Memory, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- caches.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	do(&world{t: w.t, store: &tapped{Memory: w.store.Memory}, Registry: New(Config{Store: w.store.Memory, Caches: caches, Resources: testKinds()})})
}

// endpoint finds a resource of the tests by its plural.
func (w *world) endpoint(resource string) *Endpoint {
	w.t.Helper()
	for _, e := range w.Endpoints() {
		if e.GVR.Resource == resource {
			return e
		}
	}
	w.t.Fatalf("no %s", resource)
	return nil
}

// request is for a name in namespace ns, or in none if the resource has none.
func (w *world) request(e *Endpoint, name string) *Request {
	r := &Request{Name: name, Now: testNow, User: User{Name: "ann"}}
	if e.Namespaced {
		r.Namespace = "ns"
	}
	return r
}

// make creates an object.
func (w *world) make(resource string, obj Object) *Result {
	w.t.Helper()
	res, err := w.create2(resource, obj)
	if err != nil {
		w.t.Fatalf("creating %s %s: %v", resource, obj.GetName(), err)
	}
	return res
}

func (w *world) create2(resource string, obj Object) (*Result, error) {
	e := w.endpoint(resource)
	if e.Default != nil {
		e.Default(obj)
	}
	return w.Create(w.t.Context(), e, w.request(e, obj.GetName()), obj)
}

func configMap(name string, kv ...string) *corev1.ConfigMap {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for i := 0; i+1 < len(kv); i += 2 {
		if cm.Data == nil {
			cm.Data = map[string]string{}
		}
		cm.Data[kv[i]] = kv[i+1]
	}
	return cm
}

func deployment(name string) *appsv1.Deployment {
	one := int32(1)
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Replicas: &one}}
}

// read returns an object as a linearizable read shows it, nil for none.
func (w *world) read(resource, name string) Object {
	w.t.Helper()
	e := w.endpoint(resource)
	r := w.request(e, name)
	o, err := w.Get(w.t.Context(), e, r.Namespace, name, "")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	obj, err := e.Decode(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return obj
}

// update changes an object in place.
func (w *world) update(resource, name, sub string, change func(Object)) (*Result, error) {
	e := w.endpoint(resource)
	return w.Update(w.t.Context(), e, w.request(e, name), sub, func(cur Object) (Object, error) {
		if cur == nil {
			return nil, apierrors.NewNotFound(e.ServedResource(), name)
		}
		change(cur)
		return cur, nil
	})
}

// put replaces an object, as PUT does.
func (w *world) put2(resource string, obj Object) (*Result, error) {
	e := w.endpoint(resource)
	return w.Update(w.t.Context(), e, w.request(e, obj.GetName()), "", func(Object) (Object, error) { return copyOf(obj), nil })
}

func (w *world) delete(resource, name string, opts *metav1.DeleteOptions) (*Deleted, error) {
	e := w.endpoint(resource)
	if opts == nil {
		opts = &metav1.DeleteOptions{}
	}
	return w.Delete(w.t.Context(), e, w.request(e, name), opts)
}

// wantStatus fails unless an error is a Status of a code and reason.
func wantStatus(t testing.TB, err error, code int32, reason metav1.StatusReason, says string) *metav1.Status {
	t.Helper()
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		t.Fatalf("%v is no Status", err)
	}
	s := api.Status()
	if s.Code != code || s.Reason != reason || !strings.Contains(s.Message, says) {
		t.Fatalf("%d %s %q, want %d %s %q", s.Code, s.Reason, s.Message, code, reason, says)
	}
	return &s
}

func versionOf(t testing.TB, o Object) int64 {
	t.Helper()
	v, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// seedOf is BINNACLE_SEED, or a new one, which is printed.
func seedOf(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("BINNACLE_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("BINNACLE_SEED=%d repeats this run", seed)
	return rand.New(rand.NewPCG(seed, 1))
}
