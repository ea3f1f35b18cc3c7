package fieldmanager

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/api/openapi"
)

// oneVersion is a kind of one version.
type oneVersion struct {
	gvk schema.GroupVersionKind
	typ reflect.Type
}

func (v oneVersion) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	if gvk != v.gvk {
		return nil, runtime.NewNotRegisteredErrForKind("test", gvk)
	}
	return reflect.New(v.typ).Interface().(runtime.Object), nil
}

func (v oneVersion) Convert(o runtime.Object, to schema.GroupVersion) (runtime.Object, error) {
	return nil, runtime.NewNotRegisteredGVKErrForTarget("test", o.GetObjectKind().GroupVersionKind(), to)
}

var testTypes = sync.OnceValue(func() *Types { return NewTypes(openapi.Schemas) })

// kindOf makes the Manager of a kind for tests.
func kindOf[T any](gv schema.GroupVersion, change ...func(*Config)) *Manager {
	t := reflect.TypeFor[T]()
	gvk := gv.WithKind(t.Name())
	c := Config{Types: testTypes(), Kind: gvk, Versions: oneVersion{gvk, t}}
	for _, f := range change {
		f(&c)
	}
	return New(c)
}

func testKinds() []*Manager {
	status := func(c *Config) { c.Ignored = []string{"status"} }
	return []*Manager{
		kindOf[corev1.Pod](corev1.SchemeGroupVersion, status),
		kindOf[corev1.Pod](corev1.SchemeGroupVersion, func(c *Config) {
			c.Subresource, c.Ignored = "status", []string{"metadata.deletionTimestamp", "metadata.ownerReferences", "spec"}
		}),
		kindOf[corev1.Pod](corev1.SchemeGroupVersion, func(c *Config) { c.Only = []string{"spec.containers.*.resources"} }),
		kindOf[corev1.Node](corev1.SchemeGroupVersion),
		kindOf[corev1.Service](corev1.SchemeGroupVersion, status),
		kindOf[corev1.ConfigMap](corev1.SchemeGroupVersion),
		kindOf[corev1.Secret](corev1.SchemeGroupVersion),
		kindOf[corev1.Endpoints](corev1.SchemeGroupVersion),
		kindOf[corev1.Event](corev1.SchemeGroupVersion),
		kindOf[corev1.ServiceAccount](corev1.SchemeGroupVersion),
		kindOf[corev1.PersistentVolume](corev1.SchemeGroupVersion),
		kindOf[corev1.PersistentVolumeClaim](corev1.SchemeGroupVersion),
		kindOf[corev1.Namespace](corev1.SchemeGroupVersion),
		kindOf[corev1.ResourceQuota](corev1.SchemeGroupVersion),
		kindOf[corev1.LimitRange](corev1.SchemeGroupVersion),
		kindOf[appsv1.Deployment](appsv1.SchemeGroupVersion, func(c *Config) { c.Subresource, c.Ignored = "status", []string{"metadata.labels", "spec"} }),
		kindOf[appsv1.StatefulSet](appsv1.SchemeGroupVersion),
		kindOf[appsv1.DaemonSet](appsv1.SchemeGroupVersion),
		kindOf[appsv1.ControllerRevision](appsv1.SchemeGroupVersion),
		kindOf[batchv1.Job](batchv1.SchemeGroupVersion),
		kindOf[batchv1.CronJob](batchv1.SchemeGroupVersion),
		kindOf[autoscalingv2.HorizontalPodAutoscaler](autoscalingv2.SchemeGroupVersion),
		kindOf[certificatesv1.CertificateSigningRequest](certificatesv1.SchemeGroupVersion),
		kindOf[coordinationv1.Lease](coordinationv1.SchemeGroupVersion),
		kindOf[discoveryv1.EndpointSlice](discoveryv1.SchemeGroupVersion),
		kindOf[flowcontrolv1.FlowSchema](flowcontrolv1.SchemeGroupVersion, func(c *Config) { c.Subresource, c.Ignored = "status", []string{"metadata", "spec"} }),
		kindOf[networkingv1.Ingress](networkingv1.SchemeGroupVersion),
		kindOf[networkingv1.NetworkPolicy](networkingv1.SchemeGroupVersion),
		kindOf[policyv1.PodDisruptionBudget](policyv1.SchemeGroupVersion),
		kindOf[rbacv1.ClusterRole](rbacv1.SchemeGroupVersion),
		kindOf[rbacv1.RoleBinding](rbacv1.SchemeGroupVersion),
		kindOf[resourcev1.ResourceClaim](resourcev1.SchemeGroupVersion),
		kindOf[resourcev1.ResourceSlice](resourcev1.SchemeGroupVersion),
		kindOf[storagev1.StorageClass](storagev1.SchemeGroupVersion),
		kindOf[storagev1.CSINode](storagev1.SchemeGroupVersion),
		kindOf[admissionregistrationv1.ValidatingWebhookConfiguration](admissionregistrationv1.SchemeGroupVersion),
		kindOf[admissionregistrationv1.ValidatingAdmissionPolicy](admissionregistrationv1.SchemeGroupVersion),
	}
}

func (m *Manager) empty(t testing.TB) Object {
	o, err := m.Versions.New(m.Kind)
	if err != nil {
		t.Fatal(err)
	}
	return o.(Object)
}

func copied(o Object) Object { return o.DeepCopyObject().(Object) }

var testNow = metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func entriesText(entries []metav1.ManagedFieldsEntry) string {
	s := ""
	for _, e := range entries {
		fields := "nil"
		if e.FieldsV1 != nil {
			fields = e.FieldsV1.GetRawString()
		}
		at := "never"
		if e.Time != nil {
			at = e.Time.Format(time.RFC3339)
		}
		s += fmt.Sprintf("%s %s %s %q %s %s\n\t%s\n", e.Manager, e.Operation, e.APIVersion, e.Subresource, e.FieldsType, at, fields)
	}
	return s
}

// quickly says how often the quick way was taken, so that a test that always
// fell back fails.
type quickly struct{ taken, all int }

func (q *quickly) count(ok bool) {
	q.all++
	if ok {
		q.taken++
	}
}

func TestCreateIsAsTheLibrarys(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, m := range testKinds() {
		t.Run(m.Kind.Kind+m.Subresource, func(t *testing.T) {
			var q quickly
			for range 150 {
				q.count(compareCreate(t, m, filler{Rand: r, sparse: 1 + r.IntN(8), odd: r.IntN(3) == 0}))
			}
			t.Logf("%d of %d", q.taken, q.all)
			if q.taken == 0 && m.plan() != nil && m.Kind.Kind != "ControllerRevision" {
				t.Error("the quick way was never taken")
			}
		})
	}
}

func compareCreate(t *testing.T, m *Manager, f filler) bool {
	obj := m.empty(t)
	f.fill(reflect.ValueOf(obj).Elem(), 12)
	obj.SetUID("")
	want, got := copied(obj), copied(obj)
	m.updateLibrary(m.empty(t), want, "client", testNow)
	if !m.createQuick(got, "client", testNow) {
		return false
	}
	if w, g := entriesText(want.GetManagedFields()), entriesText(got.GetManagedFields()); w != g {
		t.Fatalf("library:\n%s\nquick:\n%s", w, g)
	}
	return true
}

func TestUpdateIsAsTheLibrarys(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, m := range testKinds() {
		t.Run(m.Kind.Kind+m.Subresource, func(t *testing.T) {
			var q quickly
			for range 20 {
				compareUpdates(t, m, filler{Rand: r, sparse: 1 + r.IntN(8), odd: r.IntN(3) == 0}, &q)
			}
			t.Logf("%d of %d", q.taken, q.all)
			if q.taken == 0 && m.plan() != nil && m.Kind.Kind != "ControllerRevision" {
				t.Error("the quick way was never taken")
			}
		})
	}
}

// compareUpdates makes an object and changes it a few times in the names of some
// managers, some of which apply it, by the library and the quick way.
func compareUpdates(t *testing.T, m *Manager, f filler, q *quickly) {
	live := m.empty(t)
	f.fill(reflect.ValueOf(live).Elem(), 12)
	live.SetUID("")
	main := *m
	if m.Subresource != "" && f.IntN(2) == 0 {
		main.Config.Subresource, main.Config.Ignored = "", nil
	}
	creator := New(main.Config)
	creator.updateLibrary(m.empty(t), live, "creator", testNow)
	live.SetUID("u")
	for range 6 {
		live.SetManagedFields(aged(live.GetManagedFields()))
		obj := copied(live)
		for range f.IntN(4) {
			f.mutate(reflect.ValueOf(obj).Elem(), 6)
		}
		switch f.IntN(8) {
		case 0:
			obj.SetManagedFields(nil)
		case 1:
			if f.IntN(4) == 0 {
				obj.SetManagedFields([]metav1.ManagedFieldsEntry{})
			}
		}
		manager := []string{"creator", "one", "two"}[f.IntN(3)]
		want, got := copied(obj), copied(obj)
		m.updateLibrary(copied(live), want, manager, testNow)
		ok := m.updateQuick(copied(live), got, manager, testNow)
		q.count(ok)
		if w, g := entriesText(want.GetManagedFields()), entriesText(got.GetManagedFields()); ok && w != g {
			t.Fatalf("before:\n%slibrary:\n%squick:\n%s", entriesText(live.GetManagedFields()), w, g)
		}
		live = want
		if len(live.GetManagedFields()) == 0 {
			return
		}
		if f.IntN(3) == 0 {
			live = applied(m, live, f)
		}
	}
}

// aged gives entries times that are past, each another, in their order.
func aged(entries []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	for i := range entries {
		at := metav1.NewTime(time.Date(2020, 1, 1, 0, 0, i, 0, time.UTC))
		entries[i].Time = &at
	}
	return entries
}

// applied is an object after a part of it was applied.
func applied(m *Manager, live Object, f filler) Object {
	part := copied(live)
	f.mutate(reflect.ValueOf(part).Elem(), 6)
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(part)
	if err != nil {
		return live // raw bytes that are no JSON
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetManagedFields(nil)
	u.SetGroupVersionKind(m.Kind)
	out, err := m.Apply(copied(live), u, []string{"one", "applier"}[f.IntN(2)], true, testNow)
	if err != nil {
		return live // it has keys twice, say
	}
	return out
}
