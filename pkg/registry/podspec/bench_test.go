package podspec_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/binnacle-io/binnacle/pkg/registry/podspec"
)

// typicalPod is a pod as controllers make them: two containers, a probe,
// volumes, resources.
const typicalPod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"pod-000001","namespace":"web",
"labels":{"app":"web-1","pod-template-hash":"7d4b9c6f8d","tier":"frontend","release":"stable"},
"annotations":{"checksum/config":"4f1c7ac6f5d0f2d3c4b5a6978877665544332211ffeeddccbbaa998877665544","prometheus.io/scrape":"true","prometheus.io/port":"8080"}},
"spec":{"nodeName":"node-1","serviceAccountName":"default","automountServiceAccountToken":false,"containers":[
{"name":"app","image":"registry.example.com/team/app:v1.2.3","command":["/app","--listen=:8080","--log-level=info"],
"env":[{"name":"A","value":"1"},{"name":"POD_NAME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},{"name":"DB","value":"postgres://db.example.com:5432/app"}],
"ports":[{"containerPort":8080,"name":"http"}],"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"cpu":"500m","memory":"256Mi"}},
"readinessProbe":{"httpGet":{"path":"/healthz","port":8080}},
"volumeMounts":[{"name":"config","mountPath":"/etc/app"},{"name":"tmp","mountPath":"/tmp"}]},
{"name":"sidecar","image":"registry.example.com/team/proxy:v4.5.6","args":["--upstream=127.0.0.1:8080"],"resources":{"requests":{"cpu":"50m","memory":"64Mi"}}}],
"volumes":[{"name":"config","configMap":{"name":"app-config"}},{"name":"tmp","emptyDir":{}}],
"tolerations":[{"key":"dedicated","operator":"Equal","value":"web","effect":"NoSchedule"}]}}`

func decodePod(tb testing.TB, text string) *corev1.Pod {
	tb.Helper()
	var p corev1.Pod
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		tb.Fatal(err)
	}
	return &p
}

func BenchmarkDefaultAndValidate(b *testing.B) {
	fresh := decodePod(b, typicalPod)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p := fresh.DeepCopy()
		b.StartTimer()
		podspec.DefaultPod(p)
		if errs := podspec.ValidatePod(p, true); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}

func BenchmarkDefaultAgain(b *testing.B) {
	p := decodePod(b, typicalPod)
	podspec.DefaultPod(p)
	b.ReportAllocs()
	for b.Loop() {
		podspec.DefaultPod(p)
	}
}

func BenchmarkValidate(b *testing.B) {
	p := decodePod(b, typicalPod)
	podspec.DefaultPod(p)
	b.ReportAllocs()
	for b.Loop() {
		if errs := podspec.ValidatePod(p, true); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}

func BenchmarkWarnings(b *testing.B) {
	p := decodePod(b, typicalPod)
	b.ReportAllocs()
	for b.Loop() {
		podspec.PodWarnings(p)
	}
}
