package registry

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

func TestUpdateVersions(t *testing.T) {
	w := newWorld(t)
	first := w.make("configmaps", configMap("a", "k", "1")).Object.GetResourceVersion()
	for _, c := range []struct {
		version string
		code    int32
		reason  metav1.StatusReason
		says    string
	}{
		{first, 0, "", ""},
		{"", 0, "", ""},
		{"0", 0, "", ""},
		{first, 409, metav1.StatusReasonConflict, `Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again`},
		{"999999", 409, metav1.StatusReasonConflict, "modified"},
		{"x", 500, "", "invalid syntax"},
		{"-1", 500, "", "invalid syntax"},
	} {
		obj := configMap("a", "k", "for "+c.version+fmt.Sprint(c.code))
		obj.ResourceVersion = c.version
		res, err := w.put2("configmaps", obj)
		if c.code != 0 {
			wantStatus(t, err, c.code, c.reason, c.says)
			continue
		}
		if err != nil || res.Created || res.Object.GetResourceVersion() != fmt.Sprint(res.Revision) || w.read("configmaps", "a").GetResourceVersion() != fmt.Sprint(res.Revision) {
			t.Fatalf("version %q: %+v, %v", c.version, res, err)
		}
	}
	w.make("priorityclasses", &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "p"}})
	_, err := w.put2("priorityclasses", &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Value: 3})
	wantStatus(t, err, 422, metav1.StatusReasonInvalid, `metadata.resourceVersion: Invalid value: 0: must be specified for an update`)
}

func TestUpdateUID(t *testing.T) {
	w := newWorld(t)
	uid := w.make("configmaps", configMap("a")).Object.GetUID()
	obj := configMap("a", "k", "v")
	obj.UID = "other"
	_, err := w.put2("configmaps", obj)
	wantStatus(t, err, 409, metav1.StatusReasonConflict, "Precondition failed: UID in precondition: other, UID in object meta: "+string(uid))
	obj.UID = uid
	if _, err := w.put2("configmaps", obj); err != nil {
		t.Error(err)
	}
}

// TestUpdateKeeps: what a client may not change stays as it was.
func TestUpdateKeeps(t *testing.T) {
	w := newWorld(t)
	before := w.make("deployments", deployment("d")).Object.(*appsv1.Deployment).DeepCopy()
	later := metav1.NewTime(testNow.Add(1e12))
	obj := deployment("d")
	obj.Labels = map[string]string{"a": "b"}
	obj.CreationTimestamp, obj.DeletionTimestamp, obj.SelfLink, obj.Generation = later, &later, "/x", 77
	obj.Status.Replicas = 9
	res, err := w.put2("deployments", obj)
	if err != nil {
		// A deletion timestamp that a client makes up is refused or dropped.
		wantStatus(t, err, 422, metav1.StatusReasonInvalid, "metadata.deletionTimestamp")
		obj.DeletionTimestamp = nil
		if res, err = w.put2("deployments", obj); err != nil {
			t.Fatal(err)
		}
	}
	got := res.Object.(*appsv1.Deployment)
	if !got.CreationTimestamp.Equal(&before.CreationTimestamp) || got.UID != before.UID || got.SelfLink != "" || got.Generation != 1 || got.Status.Replicas != 0 || got.Labels["a"] != "b" || got.Namespace != "ns" {
		t.Errorf("%+v", got)
	}
}

func TestGeneration(t *testing.T) {
	w := newWorld(t)
	w.make("deployments", deployment("d"))
	generation := func() int64 { return w.read("deployments", "d").GetGeneration() }
	for i, c := range []struct {
		sub    string
		change func(*appsv1.Deployment)
		want   int64
	}{
		{"", func(d *appsv1.Deployment) { d.Labels = map[string]string{"a": "b"} }, 1},
		{"", func(d *appsv1.Deployment) { *d.Spec.Replicas = 2 }, 2},
		{"", func(d *appsv1.Deployment) { d.Spec.Template.Labels = map[string]string{} }, 2}, // equal to none
		{"", func(d *appsv1.Deployment) { d.Generation = 9; d.Spec.Paused = true }, 3},
		{"", func(d *appsv1.Deployment) { d.Status.Replicas = 4 }, 3},
		{"status", func(d *appsv1.Deployment) { d.Status.Replicas = 4; *d.Spec.Replicas = 9 }, 3},
	} {
		if _, err := w.update("deployments", "d", c.sub, func(o Object) { c.change(o.(*appsv1.Deployment)) }); err != nil {
			t.Fatal(i, err)
		}
		if got := generation(); got != c.want {
			t.Errorf("change %d: generation %d, want %d", i, got, c.want)
		}
	}
	d := w.read("deployments", "d").(*appsv1.Deployment)
	if d.Status.Replicas != 4 || *d.Spec.Replicas != 2 || !d.Spec.Paused || d.Labels["a"] != "b" {
		t.Errorf("%+v", d)
	}
}

func TestStatusIsApart(t *testing.T) {
	w := newWorld(t)
	w.make("deployments", deployment("d"))
	if _, err := w.update("deployments", "d", "status", func(o Object) {
		d := o.(*appsv1.Deployment)
		d.Status.Replicas, d.Spec.Paused = 3, true
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.update("deployments", "d", "", func(o Object) {
		d := o.(*appsv1.Deployment)
		d.Status.Replicas, d.Spec.MinReadySeconds = 7, 5
	}); err != nil {
		t.Fatal(err)
	}
	d := w.read("deployments", "d").(*appsv1.Deployment)
	if d.Status.Replicas != 3 || d.Spec.Paused || d.Spec.MinReadySeconds != 5 {
		t.Errorf("%+v", d)
	}
	w.delete("deployments", "d", nil)
	_, err := w.update("deployments", "d", "status", func(Object) {})
	wantStatus(t, err, 404, metav1.StatusReasonNotFound, "")
}

// TestNoChangeNoWrite: what comes out as it was is not written.
func TestNoChangeNoWrite(t *testing.T) {
	w := newWorld(t)
	before := w.make("configmaps", configMap("a", "k", "v")).Object.GetResourceVersion()
	w.store.tap(nil)
	for range 3 {
		res, err := w.put2("configmaps", configMap("a", "k", "v"))
		if err != nil || res.Object.GetResourceVersion() != before {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	if n := w.store.count(); n != 0 {
		t.Errorf("%d writes", n)
	}
	// But not on the word of a cache that lags.
	w.lag()
	w.elsewhere(func(o *world) {
		if _, err := o.put2("configmaps", configMap("a", "k", "changed")); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := w.put2("configmaps", configMap("a", "k", "v")); err != nil {
		t.Fatal(err)
	}
	if got := w.read("configmaps", "a").(*corev1.ConfigMap); got.Data["k"] != "v" {
		t.Errorf("%v: what another member wrote stayed", got.Data)
	}
}

// TestErrorsOfALaggingCache: an error that the cache alone suggests is not told.
func TestErrorsOfALaggingCache(t *testing.T) {
	t.Run("conflict", func(t *testing.T) {
		w := newWorld(t)
		w.make("configmaps", configMap("a"))
		var version string
		w.lag()
		w.elsewhere(func(o *world) {
			res, err := o.put2("configmaps", configMap("a", "k", "1"))
			if err != nil {
				t.Fatal(err)
			}
			version = res.Object.GetResourceVersion()
		})
		obj := configMap("a", "k", "2")
		obj.ResourceVersion = version
		if _, err := w.put2("configmaps", obj); err != nil {
			t.Error(err)
		}
	})
	t.Run("not found", func(t *testing.T) {
		w := newWorld(t)
		w.lag()
		w.elsewhere(func(o *world) { o.make("configmaps", configMap("a")) })
		if _, err := w.put2("configmaps", configMap("a", "k", "2")); err != nil {
			t.Error(err)
		}
	})
	t.Run("not found, delete", func(t *testing.T) {
		w := newWorld(t)
		w.lag()
		w.elsewhere(func(o *world) { o.make("configmaps", configMap("a")) })
		if _, err := w.delete("configmaps", "a", nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("invalid", func(t *testing.T) {
		w := newWorld(t)
		w.make("secrets", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Type: "old"})
		w.lag()
		w.elsewhere(func(o *world) {
			if _, err := o.delete("secrets", "a", nil); err != nil {
				t.Fatal(err)
			}
			o.make("secrets", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Type: "new"})
		})
		if _, err := w.put2("secrets", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Type: "new", Data: map[string][]byte{"k": nil}}); err != nil {
			t.Error(err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		w := newWorld(t)
		w.make("configmaps", configMap("a"))
		w.lag()
		w.elsewhere(func(o *world) {
			if _, err := o.delete("configmaps", "a", nil); err != nil {
				t.Fatal(err)
			}
		})
		_, err := w.put2("configmaps", configMap("a", "k", "2"))
		wantStatus(t, err, 404, metav1.StatusReasonNotFound, "")
	})
	t.Run("precondition", func(t *testing.T) {
		w := newWorld(t)
		w.make("configmaps", configMap("a"))
		var uid types.UID
		w.lag()
		w.elsewhere(func(o *world) {
			if _, err := o.delete("configmaps", "a", nil); err != nil {
				t.Fatal(err)
			}
			uid = o.make("configmaps", configMap("a")).Object.GetUID()
		})
		if _, err := w.delete("configmaps", "a", &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}); err != nil {
			t.Error(err)
		}
	})
}

// TestConcurrentUpdates: every change is applied to what the others left.
func TestConcurrentUpdates(t *testing.T) {
	w := newWorld(t)
	w.make("configmaps", configMap("a"))
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				_, err := w.update("configmaps", "a", "", func(o Object) {
					cm := o.(*corev1.ConfigMap)
					if cm.Data == nil {
						cm.Data = map[string]string{}
					}
					cm.Data[fmt.Sprintf("%d-%d", i, j)] = "v"
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := w.read("configmaps", "a").(*corev1.ConfigMap); len(got.Data) != writers*each {
		t.Errorf("%d changes of %d", len(got.Data), writers*each)
	}
}

// TestUpdateAgainstAll: of the writers that name a version, one wins.
func TestOneWriterWins(t *testing.T) {
	w := newWorld(t)
	version := w.make("configmaps", configMap("a")).Object.GetResourceVersion()
	results := make(chan error, 10)
	for i := range cap(results) {
		go func() {
			obj := configMap("a", "by", fmt.Sprint(i))
			obj.ResourceVersion = version
			_, err := w.put2("configmaps", obj)
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else {
			wantStatus(t, err, 409, metav1.StatusReasonConflict, "")
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

func TestUpdateDryRun(t *testing.T) {
	w := newWorld(t)
	before := w.make("configmaps", configMap("a", "k", "1")).Object.GetResourceVersion()
	e := w.endpoint("configmaps")
	r := w.request(e, "a")
	r.DryRun = true
	res, err := w.Update(t.Context(), e, r, "", func(cur Object) (Object, error) {
		cur.(*corev1.ConfigMap).Data["k"] = "2"
		return cur, nil
	})
	if err != nil || res.Object.(*corev1.ConfigMap).Data["k"] != "2" || res.Object.GetResourceVersion() != before {
		t.Errorf("%+v, %v", res, err)
	}
	if got := w.read("configmaps", "a").(*corev1.ConfigMap); got.Data["k"] != "1" || got.ResourceVersion != before {
		t.Errorf("%+v", got)
	}
}

func TestCreateOnUpdate(t *testing.T) {
	w := newWorld(t)
	lease := func(name string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	for _, version := range []string{"", "0", "17"} {
		l := lease("l" + version)
		l.ResourceVersion = version
		res, err := w.put2("leases", l)
		if version == "17" { // it names a version of what does not exist
			if err == nil && !res.Created {
				t.Errorf("%+v", res)
			}
			continue
		}
		if err != nil || !res.Created || res.Object.GetUID() == "" {
			t.Errorf("version %q: %+v, %v", version, res, err)
		}
	}
	res, err := w.put2("leases", lease("l"))
	if err != nil || res.Created {
		t.Errorf("a second time: %+v, %v", res, err)
	}
	l := lease("other")
	l.UID = "u"
	_, err = w.put2("leases", l)
	wantStatus(t, err, 409, metav1.StatusReasonConflict, "Precondition failed")
	_, err = w.put2("configmaps", configMap("none"))
	wantStatus(t, err, 404, metav1.StatusReasonNotFound, `configmaps "none" not found`)
	// Made by somebody else in between: it is updated.
	w.store.tap(func(n int, _ *storage.Txn) (*storage.TxnResult, error) {
		if n == 1 {
			w.elsewhere(func(o *world) { o.make("leases", lease("raced")) })
		}
		return nil, nil
	})
	raced := lease("raced")
	raced.Labels = map[string]string{"by": "us"}
	res, err = w.put2("leases", raced)
	if err != nil || res.Created || w.read("leases", "raced").GetLabels()["by"] != "us" {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestLastFinalizer: an update that takes the last finalizer of what is being
// deleted removes it.
func TestLastFinalizer(t *testing.T) {
	w := newWorld(t)
	cm := configMap("a")
	cm.Finalizers = []string{"example.com/a", "example.com/b"}
	w.make("configmaps", cm)
	w.delete("configmaps", "a", nil)
	without := func(f string) *Result {
		res, err := w.update("configmaps", "a", "", func(o Object) {
			var kept []string
			for _, have := range o.GetFinalizers() {
				if have != f {
					kept = append(kept, have)
				}
			}
			o.SetFinalizers(kept)
		})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	without("example.com/a")
	if w.read("configmaps", "a") == nil {
		t.Fatal("one finalizer was left")
	}
	res := without("example.com/b")
	if w.read("configmaps", "a") != nil {
		t.Error("it is still there")
	}
	if current, _ := w.store.Revision(); res.Revision != current || res.Object.GetResourceVersion() != fmt.Sprint(current) {
		t.Errorf("%+v, the delete was at %d", res, current)
	}
}

// TestNewFinalizersOfTheDeleted are refused: what is going away takes no new ones.
func TestNewFinalizersOfTheDeleted(t *testing.T) {
	w := newWorld(t)
	cm := configMap("a")
	cm.Finalizers = []string{"example.com/a"}
	w.make("configmaps", cm)
	w.delete("configmaps", "a", nil)
	_, err := w.update("configmaps", "a", "", func(o Object) { o.SetFinalizers([]string{"example.com/a", "example.com/b"}) })
	wantStatus(t, err, 422, metav1.StatusReasonInvalid, "no new finalizers can be added if the object is being deleted")
}

func TestUpdateInvalid(t *testing.T) {
	w := newWorld(t)
	w.make("secrets", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	_, err := w.update("secrets", "a", "", func(o Object) { o.(*corev1.Secret).Type = "bad" })
	s := wantStatus(t, err, 422, metav1.StatusReasonInvalid, "")
	if !strings.Contains(s.Message, "is bad") || !strings.Contains(s.Message, "is fixed") {
		t.Errorf("%s", s.Message)
	}
	_, err = w.update("secrets", "a", "", func(o Object) { o.SetLabels(map[string]string{"a": "b c"}) })
	wantStatus(t, err, 422, metav1.StatusReasonInvalid, "metadata.labels")
}

// TestUnreadable: what the store holds and nobody can decode is an error, and no
// reason to fall over.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	w.make("configmaps", configMap("a"))
	if _, err := w.store.Memory.Txn(t.Context(), &storage.Txn{Success: []storage.Op{{Type: storage.OpPut, Key: "/registry/configmaps/ns/bad", Value: []byte("garbage")}}}); err != nil {
		t.Fatal(err)
	}
	e := w.endpoint("configmaps")
	_, err := w.Get(t.Context(), e, "ns", "bad", "")
	wantStatus(t, err, 500, metav1.StatusReasonInternalError, "")
	_, err = w.put2("configmaps", configMap("bad"))
	wantStatus(t, err, 500, metav1.StatusReasonInternalError, "")
	if got := w.names(w.list("configmaps", "", nil)); got != "a" {
		t.Errorf("the list shows %q", got)
	}
}

func TestScale(t *testing.T) {
	w := newWorld(t)
	w.make("deployments", deployment("d"))
	e := w.endpoint("deployments")
	set := func(n int32, version string) (*autoscalingv1.Scale, error) {
		s, _, err := w.UpdateScale(t.Context(), e, w.request(e, "d"), func(cur *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
			if cur.Status.Selector != "a=b" || cur.Name != "d" {
				t.Errorf("%+v", cur)
			}
			cur.Spec.Replicas, cur.ResourceVersion = n, version
			return cur, nil
		})
		return s, err
	}
	s, err := set(5, "")
	if err != nil || s.Spec.Replicas != 5 {
		t.Fatalf("%+v, %v", s, err)
	}
	if d := w.read("deployments", "d").(*appsv1.Deployment); *d.Spec.Replicas != 5 || d.Generation != 2 {
		t.Errorf("%+v", d)
	}
	_, err = set(-1, "")
	wantStatus(t, err, 422, metav1.StatusReasonInvalid, "spec.replicas")
	_, err = set(6, "1")
	wantStatus(t, err, 409, metav1.StatusReasonConflict, "")
}
