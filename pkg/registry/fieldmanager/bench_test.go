package fieldmanager

import (
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// benchPod is a pod as a scheduler or a kubelet sees it.
const benchPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n","labels":{"app":"a","tier":"b"},"annotations":{"example.com/note":"x"},
"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"1b3c","controller":true,"blockOwnerDeletion":true}]},
"spec":{"volumes":[{"name":"v","emptyDir":{}},{"name":"c","configMap":{"name":"c","defaultMode":420}}],
"containers":[{"name":"one","image":"i:1","command":["a","b"],"env":[{"name":"A","value":"1"},{"name":"B","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}],
"ports":[{"containerPort":80,"protocol":"TCP","name":"http"}],"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"100m","memory":"128Mi"}},
"volumeMounts":[{"name":"v","mountPath":"/v"},{"name":"c","mountPath":"/c"}],
"livenessProbe":{"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},
"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"},
{"name":"two","image":"i:2","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],
"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","nodeSelector":{"d":"ssd"},"serviceAccountName":"s","securityContext":{"runAsNonRoot":true},
"schedulerName":"default-scheduler","tolerations":[{"key":"k","operator":"Exists","effect":"NoSchedule"}],"enableServiceLinks":true}}`

func benchObject[T any](b *testing.B, text string) *T {
	o := new(T)
	if err := json.Unmarshal([]byte(text), o); err != nil {
		b.Fatal(err)
	}
	return o
}

func benchConfigMap() *corev1.ConfigMap {
	c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "n", Labels: map[string]string{"app": "a"}}, Data: map[string]string{}}
	for i := range 5 {
		c.Data[fmt.Sprintf("key-%d", i)] = "a value that is not too short"
	}
	return c
}

// both runs a benchmark the quick way and by the library.
func both(b *testing.B, quick, library func()) {
	b.Run("quick", func(b *testing.B) { measure(b, quick) })
	b.Run("library", func(b *testing.B) { measure(b, library) })
}

// measure reports the CPU that an operation takes: on a machine with other
// work the time on the wall says little.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f()
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-us/op")
}

func benchCreate(b *testing.B, m *Manager, obj Object) {
	now := metav1.Now()
	both(b, func() {
		obj.SetManagedFields(nil)
		if !m.createQuick(obj, "bench", now) {
			b.Fatal("not the quick way")
		}
	}, func() {
		obj.SetManagedFields(nil)
		m.updateLibrary(m.empty(b), obj, "bench", now)
	})
}

func BenchmarkCreatePod(b *testing.B) {
	benchCreate(b, kindOf[corev1.Pod](corev1.SchemeGroupVersion), benchObject[corev1.Pod](b, benchPod))
}

func BenchmarkCreateConfigMap(b *testing.B) {
	benchCreate(b, kindOf[corev1.ConfigMap](corev1.SchemeGroupVersion), benchConfigMap())
}

func benchUpdate(b *testing.B, m *Manager, live Object, change func(Object)) {
	now := metav1.Now()
	m.Create(live, "bench", now)
	live.SetUID("u")
	obj := copied(live)
	change(obj)
	kept := live.GetManagedFields()
	both(b, func() {
		obj.SetManagedFields(kept)
		if !m.updateQuick(live, obj, "patcher", now) {
			b.Fatal("not the quick way")
		}
	}, func() {
		obj.SetManagedFields(kept)
		m.updateLibrary(live, obj, "patcher", now)
		live.SetManagedFields(kept)
	})
}

func BenchmarkUpdateConfigMap(b *testing.B) {
	benchUpdate(b, kindOf[corev1.ConfigMap](corev1.SchemeGroupVersion), benchConfigMap(), func(o Object) {
		o.(*corev1.ConfigMap).Data["key-1"] = "another value"
	})
}

func BenchmarkPatchPod(b *testing.B) {
	benchUpdate(b, kindOf[corev1.Pod](corev1.SchemeGroupVersion), benchObject[corev1.Pod](b, benchPod), func(o Object) {
		o.(*corev1.Pod).Labels["patched"] = "yes"
		o.(*corev1.Pod).Spec.Containers[0].Image = "i:3"
	})
}

func BenchmarkApplyConfigMap(b *testing.B) {
	m := kindOf[corev1.ConfigMap](corev1.SchemeGroupVersion)
	c := benchConfigMap()
	data := map[string]any{}
	for k, v := range c.Data {
		data[k] = v
	}
	patch := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "c", "namespace": "n", "labels": map[string]any{"app": "a"}}, "data": data}}
	live, err := m.Apply(m.empty(b), patch.DeepCopy(), "bench", false, metav1.Now())
	if err != nil {
		b.Fatal(err)
	}
	live.SetUID("u")
	i := 0
	measure(b, func() {
		i++
		data["key-1"] = fmt.Sprint(i)
		if _, err := m.Apply(copied(live), patch.DeepCopy(), "bench", false, metav1.Now()); err != nil {
			b.Fatal(err)
		}
	})
}
