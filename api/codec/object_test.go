package codec

import (
	"bytes"
	"math/rand"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/binnacle-io/binnacle/api"
)

var (
	podKind       = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	configMapKind = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
)

// testPod is a pod as a cluster has them: 4.4 KB of JSON.
func testPod() *corev1.Pod {
	now := metav1.NewTime(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	yes, no := true, false
	grace, tolerate := int64(30), int64(300)
	fields := `{"f:metadata":{"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"9d0e4e41-8a33-4c4b-a1a4-5b1a9aa0e3bb\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:livenessProbe":{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}}},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{}}},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}`
	probe := &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080), Scheme: "HTTP"}},
		PeriodSeconds: 10, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3,
	}
	condition := func(t corev1.PodConditionType) corev1.PodCondition {
		return corev1.PodCondition{Type: t, Status: "True", LastTransitionTime: now}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-7d4b9c6f5d-x2k4q", GenerateName: "web-7d4b9c6f5d-", Namespace: "production",
			UID: "c1b2ad9e-6f3a-4a57-9d5e-2f8e7b1c0a55", ResourceVersion: "123456", Generation: 1, CreationTimestamp: now,
			Labels:      map[string]string{"app": "web", "pod-template-hash": "7d4b9c6f5d", "tier": "frontend"},
			Annotations: map[string]string{"prometheus.io/scrape": "true", "note": "a <b> & \"quoted\" \\ \u2028 text"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7d4b9c6f5d",
				UID: "9d0e4e41-8a33-4c4b-a1a4-5b1a9aa0e3bb", Controller: &yes, BlockOwnerDeletion: &yes}},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kube-controller-manager", Operation: "Update", APIVersion: "v1",
				Time: &now, FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(fields)}}},
		},
		Spec: corev1.PodSpec{
			Volumes: []corev1.Volume{{Name: "kube-api-access-abcde", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
				DefaultMode: func() *int32 { m := int32(420); return &m }(),
				Sources: []corev1.VolumeProjection{
					{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: func() *int64 { s := int64(3607); return &s }()}},
					{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}, Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
				}}}}},
			Containers: []corev1.Container{{
				Name: "web", Image: "registry.example.com/web:1.27.3", Command: []string{"/bin/web"}, Args: []string{"--listen=:8080", "--verbose"},
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: "TCP"}},
				Env: []corev1.EnvVar{{Name: "MODE", Value: "production"}, {Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{
					FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}}},
				Resources: corev1.ResourceRequirements{
					Limits:   corev1.ResourceList{"memory": resource.MustParse("256Mi")},
					Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")}},
				VolumeMounts:             []corev1.VolumeMount{{Name: "kube-api-access-abcde", ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"}},
				LivenessProbe:            probe,
				ReadinessProbe:           probe,
				TerminationMessagePath:   "/dev/termination-log",
				TerminationMessagePolicy: "File", ImagePullPolicy: "IfNotPresent",
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, RunAsNonRoot: &yes},
			}},
			RestartPolicy: "Always", TerminationGracePeriodSeconds: &grace, DNSPolicy: "ClusterFirst",
			ServiceAccountName: "default", DeprecatedServiceAccount: "default", NodeName: "node-17",
			SecurityContext: &corev1.PodSecurityContext{}, SchedulerName: "default-scheduler", EnableServiceLinks: &yes,
			Tolerations: []corev1.Toleration{
				{Key: "node.kubernetes.io/not-ready", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: &tolerate},
				{Key: "node.kubernetes.io/unreachable", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: &tolerate}},
		},
		Status: corev1.PodStatus{
			Phase: "Running", QOSClass: "Burstable", HostIP: "10.1.2.3", PodIP: "10.244.3.17", StartTime: &now,
			PodIPs: []corev1.PodIP{{IP: "10.244.3.17"}}, HostIPs: []corev1.HostIP{{IP: "10.1.2.3"}},
			Conditions: []corev1.PodCondition{condition("Initialized"), condition("Ready"), condition("ContainersReady"), condition("PodScheduled")},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "web", Ready: true, Started: &yes, Image: "registry.example.com/web:1.27.3",
				ImageID: "registry.example.com/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
				State:   corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}, ContainerID: "containerd://fedcba9876543210"}},
		},
	}
}

// The reference encoders: apimachinery's, with the kind set on the object.
func reference(t testing.TB, obj runtime.Object, gvk schema.GroupVersionKind, media string) []byte {
	t.Helper()
	codecs := serializer.NewCodecFactory(api.Scheme(), serializer.WithStreamingCollectionEncodingToJSON(), serializer.WithStreamingCollectionEncodingToProtobuf())
	info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), media)
	if !ok {
		t.Fatalf("no serializer for %s", media)
	}
	obj = obj.DeepCopyObject()
	obj.GetObjectKind().SetGroupVersionKind(gvk)
	var b bytes.Buffer
	if err := info.Serializer.Encode(obj, &b); err != nil {
		t.Fatalf("reference encoding of %s: %v", gvk, err)
	}
	return b.Bytes()
}

// eachKind calls f with a random object of every kind with metadata. The seed is
// printed; BINNACLE_SEED repeats a run.
func eachKind(t *testing.T, f func(t *testing.T, gvk schema.GroupVersionKind, obj runtime.Object)) {
	seed := time.Now().UnixNano()
	if s := os.Getenv("BINNACLE_SEED"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Logf("BINNACLE_SEED=%d", seed)
	codecs := serializer.NewCodecFactory(api.Scheme())
	fill := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{
			func(s *string, c randfill.Continue) { *s = hostile(c.Rand) },
			func(r *runtime.RawExtension, c randfill.Continue) {
				r.Raw = []byte(`{"metadata":{"resourceVersion":"7"}}`)
			},
			func(q *resource.Quantity, c randfill.Continue) {
				*q = *resource.NewQuantity(c.Int63n(1000), resource.DecimalSI)
			},
			func(j *intstr.IntOrString, c randfill.Continue) { *j = intstr.FromInt32(c.Int31n(100)) },
		}
	}), rand.NewSource(seed), codecs)
	fill = fill.NilChance(.5).NumElements(0, 2).MaxDepth(10)
	var kinds []schema.GroupVersionKind
	for gvk, typ := range api.Scheme().AllKnownTypes() {
		_, hasMeta := reflect.New(typ).Interface().(metav1.Object)
		if gvk.Version != runtime.APIVersionInternal && hasMeta && gvk.Group != "apiextensions.k8s.io" {
			kinds = append(kinds, gvk)
		}
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int { return bytes.Compare([]byte(a.String()), []byte(b.String())) })
	for _, gvk := range kinds {
		t.Run(gvk.Group+"_"+gvk.Version+"_"+gvk.Kind, func(t *testing.T) {
			for range 5 {
				obj, err := api.Scheme().New(gvk)
				if err != nil {
					t.Fatal(err)
				}
				fill.Fill(obj)
				obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
				f(t, gvk, obj)
			}
		})
	}
}

// hostile makes strings that look like what the splicers look for.
func hostile(r *rand.Rand) string {
	parts := []string{`"resourceVersion":"1"`, `\`, `"`, `{`, `}`, `,"metadata":{`, "2\x00", "a", "é", "\u2028", `<&>`, "k8s\x00", `","resourceVersion":"9`}
	var b []byte
	for range r.Intn(4) {
		b = append(b, parts[r.Intn(len(parts))]...)
	}
	return string(b)
}
