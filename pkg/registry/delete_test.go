package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

func TestDeleteAtOnce(t *testing.T) {
	w := newWorld(t)
	w.make("configmaps", configMap("a"))
	d, err := w.delete("configmaps", "a", nil)
	current, _ := w.store.Revision()
	if err != nil || !d.Gone || versionOf(t, d.Object) != current || w.read("configmaps", "a") != nil {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = w.delete("configmaps", "a", nil)
	wantStatus(t, err, 404, metav1.StatusReasonNotFound, `configmaps "a" not found`)
}

func TestDeleteHeldByFinalizer(t *testing.T) {
	w := newWorld(t)
	d := deployment("d")
	d.Finalizers = []string{"example.com/hold"}
	w.make("deployments", d)
	gone, err := w.delete("deployments", "d", nil)
	if err != nil || gone.Gone {
		t.Fatalf("%+v, %v", gone, err)
	}
	got := w.read("deployments", "d")
	if !got.GetDeletionTimestamp().Equal(&testNow) || *got.GetDeletionGracePeriodSeconds() != 0 || got.GetGeneration() != 2 {
		t.Errorf("%+v", got)
	}
	w.store.tap(nil)
	again, err := w.delete("deployments", "d", nil)
	if err != nil || again.Gone || again.Object.GetResourceVersion() != got.GetResourceVersion() || w.store.count() != 0 {
		t.Errorf("%+v, %v, %d writes", again, err, w.store.count())
	}
}

func TestDeletePreconditions(t *testing.T) {
	w := newWorld(t)
	made := w.make("configmaps", configMap("a")).Object
	uid, version := made.GetUID(), made.GetResourceVersion()
	wrongUID, wrongVersion := types.UID("x"), "1"
	for _, c := range []struct {
		p    metav1.Preconditions
		says string
	}{
		{metav1.Preconditions{UID: &wrongUID}, "the UID in the precondition (x) does not match the UID in record (" + string(uid) + ")"},
		{metav1.Preconditions{ResourceVersion: &wrongVersion}, "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (" + version + ")"},
		{metav1.Preconditions{UID: &uid, ResourceVersion: &wrongVersion}, "ResourceVersion"},
		{metav1.Preconditions{UID: &uid, ResourceVersion: &version}, ""},
	} {
		_, err := w.delete("configmaps", "a", &metav1.DeleteOptions{Preconditions: &c.p})
		if c.says == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		wantStatus(t, err, 409, metav1.StatusReasonConflict, c.says)
	}
}

func TestGracePeriod(t *testing.T) {
	w := newWorld(t)
	seconds := func(n int64) *metav1.DeleteOptions { return &metav1.DeleteOptions{GracePeriodSeconds: &n} }
	state := func() string {
		p := w.read("pods", "p")
		if p == nil {
			return "gone"
		}
		if p.GetDeletionTimestamp() == nil {
			return "alive"
		}
		return fmt.Sprintf("in %v, grace %d, generation %d", p.GetDeletionTimestamp().Sub(testNow.Time), *p.GetDeletionGracePeriodSeconds(), p.GetGeneration())
	}
	for _, c := range []struct {
		name  string
		steps []*metav1.DeleteOptions
		want  []string
	}{
		{"by default", []*metav1.DeleteOptions{nil, nil, seconds(0)}, []string{"in 30s, grace 30, generation 2", "in 30s, grace 30, generation 2", "gone"}},
		{"at once", []*metav1.DeleteOptions{seconds(0)}, []string{"gone"}},
		{"shorter", []*metav1.DeleteOptions{seconds(60), seconds(10), seconds(20), seconds(0)}, []string{"in 1m0s, grace 60, generation 2", "in 10s, grace 10, generation 2", "in 10s, grace 10, generation 2", "gone"}},
		{"negative", []*metav1.DeleteOptions{seconds(-5)}, []string{"in 1s, grace 1, generation 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if state() != "gone" {
				w.delete("pods", "p", seconds(0))
			}
			w.make("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}})
			for i, opts := range c.steps {
				if _, err := w.delete("pods", "p", opts); err != nil {
					t.Fatal(err)
				}
				if got := state(); got != c.want[i] {
					t.Errorf("step %d: %s, want %s", i, got, c.want[i])
				}
			}
		})
	}
}

func TestPropagation(t *testing.T) {
	yes, no := true, false
	orphan, foreground, background := metav1.DeletePropagationOrphan, metav1.DeletePropagationForeground, metav1.DeletePropagationBackground
	for _, c := range []struct {
		name, resource string
		has            []string
		opts           metav1.DeleteOptions
		want           string // finalizers, or gone
	}{
		{"nothing said", "configmaps", nil, metav1.DeleteOptions{}, "gone"},
		{"orphan", "configmaps", nil, metav1.DeleteOptions{PropagationPolicy: &orphan}, "orphan"},
		{"foreground", "configmaps", nil, metav1.DeleteOptions{PropagationPolicy: &foreground}, "foregroundDeletion"},
		{"background", "configmaps", nil, metav1.DeleteOptions{PropagationPolicy: &background}, "gone"},
		{"orphanDependents", "configmaps", nil, metav1.DeleteOptions{OrphanDependents: &yes}, "orphan"},
		{"not orphanDependents", "configmaps", []string{"orphan"}, metav1.DeleteOptions{OrphanDependents: &no}, "gone"},
		{"its own wish", "configmaps", []string{"orphan"}, metav1.DeleteOptions{}, "orphan"},
		{"against its own wish", "configmaps", []string{"orphan"}, metav1.DeleteOptions{PropagationPolicy: &foreground}, "foregroundDeletion"},
		{"with another finalizer", "configmaps", []string{"example.com/a"}, metav1.DeleteOptions{PropagationPolicy: &orphan}, "example.com/a orphan"},
		{"the kind's default", "replicasets", nil, metav1.DeleteOptions{}, "orphan"},
		{"against the kind's default", "replicasets", nil, metav1.DeleteOptions{PropagationPolicy: &background}, "gone"},
		{"no garbage collection", "events", nil, metav1.DeleteOptions{PropagationPolicy: &orphan}, "gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			var obj Object = configMap("a")
			switch c.resource {
			case "replicasets":
				obj = &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
			case "events":
				obj = &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
			}
			obj.SetFinalizers(c.has)
			w.make(c.resource, obj)
			if _, err := w.delete(c.resource, "a", &c.opts); err != nil {
				t.Fatal(err)
			}
			got := "gone"
			if o := w.read(c.resource, "a"); o != nil {
				f := slices.Sorted(slices.Values(o.GetFinalizers()))
				got = strings.Join(f, " ")
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestDeleteDryRun(t *testing.T) {
	w := newWorld(t)
	cm := configMap("held")
	cm.Finalizers = []string{"example.com/a"}
	w.make("configmaps", cm)
	w.make("configmaps", configMap("free"))
	w.make("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}})
	before, _ := w.store.Revision()
	for resource, name := range map[string]string{"configmaps": "held", "pods": "p"} {
		e := w.endpoint(resource)
		r := w.request(e, name)
		r.DryRun = true
		d, err := w.Delete(t.Context(), e, r, &metav1.DeleteOptions{})
		if err != nil || d.Gone || d.Object.GetDeletionTimestamp() == nil {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	e := w.endpoint("configmaps")
	r := w.request(e, "free")
	r.DryRun = true
	if d, err := w.Delete(t.Context(), e, r, &metav1.DeleteOptions{}); err != nil || !d.Gone {
		t.Errorf("%+v, %v", d, err)
	}
	if after, _ := w.store.Revision(); after != before {
		t.Error("something was written")
	}
}

// TestNamespaceFinalization: a namespace goes when its own finalizers are gone.
func TestNamespaceFinalization(t *testing.T) {
	w := newWorld(t)
	d, err := w.delete("namespaces", "ns", nil)
	if err != nil || d.Gone {
		t.Fatalf("%+v, %v", d, err)
	}
	n := w.read("namespaces", "ns").(*corev1.Namespace)
	if n.Status.Phase != corev1.NamespaceTerminating || n.DeletionTimestamp == nil {
		t.Errorf("%+v", n)
	}
	if _, err := w.update("namespaces", "ns", "finalize", func(o Object) { o.(*corev1.Namespace).Spec.Finalizers = nil }); err != nil {
		t.Fatal(err)
	}
	if w.read("namespaces", "ns") != nil {
		t.Error("it is still there")
	}
}

// TestDeleteMeetsUpdate: a delete that loses a race tries again on what is there.
func TestDeleteMeetsUpdate(t *testing.T) {
	w := newWorld(t)
	w.make("configmaps", configMap("a"))
	w.store.tap(func(n int, _ *storage.Txn) (*storage.TxnResult, error) {
		if n <= 3 {
			w.elsewhere(func(o *world) {
				if _, err := o.put2("configmaps", configMap("a", "n", fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			})
		}
		return nil, nil
	})
	d, err := w.delete("configmaps", "a", nil)
	if err != nil || !d.Gone || d.Object.(*corev1.ConfigMap).Data["n"] != "3" || w.store.count() != 4 {
		t.Errorf("%+v, %v after %d writes", d, err, w.store.count())
	}
}

func TestDeleteCollection(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		cm := configMap(fmt.Sprintf("cm-%d", i))
		cm.Labels = map[string]string{"odd": fmt.Sprint(i%2 == 1)}
		if i == 3 {
			cm.Finalizers = []string{"example.com/hold"}
		}
		w.make("configmaps", cm)
	}
	e := w.endpoint("configmaps")
	sel, err := labels.Parse("odd=true")
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else deletes one of them meanwhile.
	w.store.tap(func(n int, _ *storage.Txn) (*storage.TxnResult, error) {
		if n == 1 {
			w.elsewhere(func(o *world) {
				if _, err := o.delete("configmaps", "cm-7", nil); err != nil {
					t.Error(err)
				}
			})
		}
		return nil, nil
	})
	objs, l, err := w.DeleteCollection(t.Context(), e, w.request(e, ""), &metav1.DeleteOptions{}, &internalversion.ListOptions{LabelSelector: sel})
	if err != nil || len(objs) != 5 || l.Revision == 0 {
		t.Fatalf("%d objects, %v", len(objs), err)
	}
	if got := w.names(w.list("configmaps", "", nil)); got != "cm-0 cm-2 cm-3 cm-4 cm-6 cm-8" {
		t.Errorf("left %s", got)
	}
	if w.read("configmaps", "cm-3").GetDeletionTimestamp() == nil {
		t.Error("cm-3 is not being deleted")
	}
}

// TestDeletionTimeMovesForwardOnly: a pod that is to go in half a minute and then
// at once is not kept by its finalizer until then.
func TestDeletionTimeMovesForwardOnly(t *testing.T) {
	w := newWorld(t)
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Finalizers: []string{"example.com/a"}}}
	w.make("pods", p)
	w.delete("pods", "p", nil)
	zero := int64(0)
	if _, err := w.delete("pods", "p", &metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		t.Fatal(err)
	}
	got := w.read("pods", "p")
	if at := got.GetDeletionTimestamp(); at.Sub(testNow.Time) != 0*time.Second || *got.GetDeletionGracePeriodSeconds() != 0 {
		t.Errorf("%v %d", at, *got.GetDeletionGracePeriodSeconds())
	}
}
