package registry

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

func TestCreateFillsIn(t *testing.T) {
	w := newWorld(t)
	grace := int64(7)
	long := metav1.NewTime(time.Unix(0, 0))
	d := deployment("d")
	d.UID, d.CreationTimestamp, d.DeletionTimestamp, d.DeletionGracePeriodSeconds = "mine", long, &long, &grace
	d.SelfLink, d.Generation, d.Namespace, d.Labels = "/x", 9, "elsewhere", map[string]string{"a": "b"}
	d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "m"}}
	d.Status.Replicas = 5
	yes := true
	owner := metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: "p", UID: "u", Controller: &yes}
	d.OwnerReferences = []metav1.OwnerReference{owner, owner}
	res := w.make("deployments", d)
	got := w.read("deployments", "d").(*appsv1.Deployment)
	if got.UID == "mine" || len(got.UID) != 36 || !got.CreationTimestamp.Equal(&testNow) || got.DeletionTimestamp != nil || got.DeletionGracePeriodSeconds != nil ||
		got.SelfLink != "" || got.Generation != 1 || got.Namespace != "ns" || got.Labels["a"] != "b" || len(got.ManagedFields) != 0 || got.Status.Replicas != 0 || len(got.OwnerReferences) != 1 {
		t.Errorf("%+v", got)
	}
	if !res.Created || res.Revision != versionOf(t, got) || res.Object.GetResourceVersion() != got.ResourceVersion {
		t.Errorf("%+v, read %s", res, got.ResourceVersion)
	}
	kept := w.make("namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n2"}, Status: corev1.NamespaceStatus{Phase: "Active"}})
	if kept.Object.(*corev1.Namespace).Status.Phase != "Active" || kept.Object.GetGeneration() != 0 {
		t.Errorf("%+v", kept.Object)
	}
}

func TestCreateRefusals(t *testing.T) {
	w := newWorld(t)
	w.make("configmaps", configMap("taken"))
	meta := func(f func(*metav1.ObjectMeta)) *corev1.ConfigMap {
		cm := configMap("x")
		f(&cm.ObjectMeta)
		return cm
	}
	for name, c := range map[string]struct {
		obj    Object
		code   int32
		reason metav1.StatusReason
		says   string
	}{
		"taken":        {configMap("taken"), 409, metav1.StatusReasonAlreadyExists, `configmaps "taken" already exists`},
		"no name":      {configMap(""), 422, metav1.StatusReasonInvalid, "metadata.name: Required value: name or generateName is required"},
		"odd name":     {configMap("A_b"), 422, metav1.StatusReasonInvalid, "metadata.name"},
		"odd label":    {meta(func(m *metav1.ObjectMeta) { m.Labels = map[string]string{"a": "b c"} }), 422, metav1.StatusReasonInvalid, "metadata.labels"},
		"odd key":      {meta(func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{"a b": ""} }), 422, metav1.StatusReasonInvalid, "metadata.annotations"},
		"too long":     {meta(func(m *metav1.ObjectMeta) { m.Annotations = map[string]string{"a": strings.Repeat("x", 300<<10)} }), 422, metav1.StatusReasonInvalid, "Too long"},
		"finalizer":    {meta(func(m *metav1.ObjectMeta) { m.Finalizers = []string{"mine"} }), 422, metav1.StatusReasonInvalid, "metadata.finalizers[0]"},
		"owner":        {meta(func(m *metav1.ObjectMeta) { m.OwnerReferences = []metav1.OwnerReference{{Name: "x"}} }), 422, metav1.StatusReasonInvalid, "metadata.ownerReferences"},
		"version":      {meta(func(m *metav1.ObjectMeta) { m.ResourceVersion = "5" }), 500, "", "resourceVersion should not be set on objects to be created"},
		"of the kind":  {&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Type: "bad"}, 422, metav1.StatusReasonInvalid, `Secret "x" is invalid: type: Invalid value: "bad": is bad`},
		"virtual":      {&corev1.Binding{}, 400, metav1.StatusReasonBadRequest, "no target"},
		"beyond bound": {configMap("big", "k", strings.Repeat("x", 2<<20)), 413, metav1.StatusReasonRequestEntityTooLarge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resource := map[bool]string{true: "configmaps"}[true]
			switch c.obj.(type) {
			case *corev1.Secret:
				resource = "secrets"
			case *corev1.Binding:
				resource = "bindings"
			}
			before, _ := w.store.Revision()
			_, err := w.create2(resource, c.obj)
			wantStatus(t, err, c.code, c.reason, c.says)
			if after, _ := w.store.Revision(); after != before {
				t.Error("something was written")
			}
		})
	}
}

func TestCreateVirtual(t *testing.T) {
	w := newWorld(t)
	before, _ := w.store.Revision()
	b := &corev1.Binding{Target: corev1.ObjectReference{Name: "x"}}
	res := w.make("bindings", b)
	if res.Object.GetAnnotations()["by"] != "ann" || res.Revision != 0 {
		t.Errorf("%+v", res)
	}
	if after, _ := w.store.Revision(); after != before {
		t.Error("it was stored")
	}
}

func TestCreateDryRun(t *testing.T) {
	w := newWorld(t)
	w.make("configmaps", configMap("taken"))
	e := w.endpoint("configmaps")
	try := func(name string) (*Result, error) {
		r := w.request(e, name)
		r.DryRun = true
		return w.Create(t.Context(), e, r, configMap(name))
	}
	res, err := try("a")
	if err != nil || res.Revision != 0 || res.Object.GetResourceVersion() != "" || res.Object.GetUID() == "" {
		t.Errorf("%+v, %v", res, err)
	}
	if w.read("configmaps", "a") != nil {
		t.Error("it was stored")
	}
	_, err = try("taken")
	wantStatus(t, err, 409, metav1.StatusReasonAlreadyExists, "")
}

func TestGenerateName(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for range 100 {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "gen-"}}
		name := w.make("configmaps", cm).Object.GetName()
		if !regexp.MustCompile(`^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$`).MatchString(name) || seen[name] {
			t.Errorf("%q", name)
		}
		seen[name] = true
	}
	long := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: strings.Repeat("a", 200)}}
	if name := w.make("configmaps", long).Object.GetName(); len(name) != 63 {
		t.Errorf("%d letters", len(name))
	}
	both := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "gen-", Name: "given"}}
	if name := w.make("configmaps", both).Object.GetName(); name != "given" {
		t.Errorf("%q", name)
	}
	_, err := w.create2("configmaps", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "Bad_"}})
	wantStatus(t, err, 422, metav1.StatusReasonInvalid, "metadata.generateName")
}

func TestGenerateNameCollides(t *testing.T) {
	w := newWorld(t)
	taken := func(int, *storage.Txn) (*storage.TxnResult, error) { return &storage.TxnResult{}, nil }
	var uids []types.UID
	w.store.tap(func(n int, x *storage.Txn) (*storage.TxnResult, error) {
		if n < 5 {
			return taken(n, x)
		}
		return nil, nil
	})
	res := w.make("configmaps", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "g-"}})
	if n := w.store.count(); n != 5 || !strings.HasPrefix(res.Object.GetName(), "g-") {
		t.Errorf("%d attempts, %q", n, res.Object.GetName())
	}
	uids = append(uids, res.Object.GetUID())
	w.store.tap(taken)
	_, err := w.create2("configmaps", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "g-"}})
	s := wantStatus(t, err, 409, metav1.StatusReasonAlreadyExists, "")
	if s.Details.RetryAfterSeconds != 1 || w.store.count() != generateAttempts {
		t.Errorf("%+v after %d attempts", s.Details, w.store.count())
	}
	if len(slices.Compact(uids)) != 1 {
		t.Error(uids)
	}
}

func TestNamespaceLifecycle(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint("configmaps")
	in := func(ns string) error {
		r := w.request(e, "x")
		r.Namespace = ns
		_, err := w.Create(t.Context(), e, r, configMap("x"))
		return err
	}
	wantStatus(t, in("none"), 404, metav1.StatusReasonNotFound, `namespaces "none" not found`)
	if _, err := w.delete("namespaces", "ns", nil); err != nil {
		t.Fatal(err)
	}
	s := wantStatus(t, in("ns"), 403, metav1.StatusReasonForbidden, "unable to create new content in namespace ns because it is being terminated")
	if len(s.Details.Causes) != 1 || s.Details.Causes[0].Type != corev1.NamespaceTerminatingCause {
		t.Errorf("%+v", s.Details)
	}
	// A namespace that another member made, and that the cache has not seen yet.
	w.lag()
	w.elsewhere(func(o *world) { o.make("namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "fresh"}}) })
	if err := in("fresh"); err != nil {
		t.Error(err)
	}
}

// TestCreateAfterOwnDelete: who was told that a namespace is going away cannot
// create in it, however the cache lags.
func TestCreateAfterOwnDelete(t *testing.T) {
	for range 200 {
		w := newWorld(t)
		if _, err := w.delete("namespaces", "ns", nil); err != nil {
			t.Fatal(err)
		}
		_, err := w.create2("configmaps", configMap("x"))
		wantStatus(t, err, 403, metav1.StatusReasonForbidden, "being terminated")
	}
}

func TestCreateOverDeleting(t *testing.T) {
	w := newWorld(t)
	cm := configMap("a")
	cm.Finalizers = []string{"example.com/hold"}
	w.make("configmaps", cm)
	if _, err := w.delete("configmaps", "a", nil); err != nil {
		t.Fatal(err)
	}
	_, err := w.create2("configmaps", configMap("a"))
	wantStatus(t, err, 409, metav1.StatusReasonAlreadyExists, `object is being deleted: configmaps "a" already exists`)
}

// TestStoreErrors: what the store cannot do is told, once, and never tried again.
func TestStoreErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   int32
		reason metav1.StatusReason
	}{
		{storage.ErrUnknownOutcome, 504, metav1.StatusReasonTimeout},
		{storage.ErrNoLeader, 503, metav1.StatusReasonServiceUnavailable},
		{storage.ErrStopped, 503, metav1.StatusReasonServiceUnavailable},
		{storage.ErrTooLarge, 413, metav1.StatusReasonRequestEntityTooLarge},
		{storage.ErrNoSpace, 507, metav1.StatusReasonInternalError},
		{context.DeadlineExceeded, 504, metav1.StatusReasonTimeout},
	} {
		w := newWorld(t)
		w.make("configmaps", configMap("a"))
		fails := func(int, *storage.Txn) (*storage.TxnResult, error) { return nil, c.err }
		for name, do := range map[string]func() error{
			"create": func() error { _, err := w.create2("configmaps", configMap("b")); return err },
			"update": func() error {
				_, err := w.update("configmaps", "a", "", func(o Object) { o.SetLabels(map[string]string{"x": "y"}) })
				return err
			},
			"delete": func() error { _, err := w.delete("configmaps", "a", nil); return err },
		} {
			w.store.tap(fails)
			wantStatus(t, do(), c.code, c.reason, "")
			if n := w.store.count(); n != 1 {
				t.Errorf("%s, %v: tried %d times", name, c.err, n)
			}
		}
	}
}

// TestTimeToLive: what expires is gone for readers and watchers.
func TestTimeToLive(t *testing.T) {
	w := newWorld(t)
	w.make("events", &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e"}})
	w.make("configmaps", configMap("a"))
	w.store.Advance(59 * time.Minute)
	if w.read("events", "e") == nil {
		t.Error("it expired too early")
	}
	w.store.Advance(5 * time.Minute)
	if w.read("events", "e") != nil || w.read("configmaps", "a") == nil {
		t.Error("after an hour")
	}
}
