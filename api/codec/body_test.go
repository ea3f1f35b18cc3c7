package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	deploymentKind = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	secretKind     = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
)

// The messages are kube-apiserver 1.36's.
func TestRefusedBodies(t *testing.T) {
	unrecognized := "the object provided is unrecognized (must be of type ConfigMap): "
	cannot := `ConfigMap in version "v1" cannot be handled as a ConfigMap: `
	configMap := func() runtime.Object { return &corev1.ConfigMap{} }
	for _, c := range []struct {
		name, body string
		media      MediaType
		want       schema.GroupVersionKind
		into       func() runtime.Object
		validation Validation
		message    string
	}{
		{name: "empty", message: unrecognized + "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"},
		{name: "truncated", body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}`,
			message: unrecognized + `couldn't get version/kind; json parse error: unexpected end of JSON input ({"apiVersion":"v1","kind":"Con ...)`},
		{name: "not JSON", body: "hello",
			message: unrecognized + "couldn't get version/kind; json parse error: invalid character 'h' looking for beginning of value (68656c6c6f)"},
		{name: "array", body: `[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}]`,
			message: unrecognized + `couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" } (5b7b2261706956657273696f6e223a227631222c226b696e64223a22436f ...)`},
		{name: "other kind", body: `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}`,
			message: `Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion`},
		{name: "malformed version", body: `{"apiVersion":"a/b/c","kind":"ConfigMap","metadata":{"name":"a"}}`,
			message: unrecognized + `unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c","kind":" ...)`},
		{name: "string for number", body: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replicas":"3"}}`,
			want: deploymentKind, into: func() runtime.Object { return &appsv1.Deployment{} },
			message: `Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`},
		{name: "float for int", body: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replicas":1.5}}`,
			want: deploymentKind, into: func() runtime.Object { return &appsv1.Deployment{} },
			message: `Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32`},
		{name: "trailing garbage", body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"trailing"}} x`,
			message: unrecognized + `couldn't get version/kind; json parse error: invalid character 'x' after top-level value ({"apiVersion":"v1","kind":"Con ...)`},
		{name: "bad base64", body: `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"a":"***"}}`,
			want: secretKind, into: func() runtime.Object { return &corev1.Secret{} },
			message: `Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0`},
		{name: "malformed YAML", media: YAML, body: "apiVersion: v1\nkind: ConfigMap\n  metadata: x\n",
			message: unrecognized + "yaml: line 3: mapping values are not allowed in this context (61706956657273696f6e3a2076310a6b696e643a20436f6e6669674d6170 ...)"},
		{name: "number in YAML", media: YAML, body: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: num\ndata:\n  k: 1\n",
			message: cannot + "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"},
		{name: "bool in YAML", media: YAML, body: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yes1\ndata:\n  k: yes\n",
			message: cannot + "json: cannot unmarshal bool into Go struct field ConfigMap.data of type string"},
		{name: "JSON as protobuf", media: Protobuf, body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`,
			message: unrecognized + `provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({"apiVersion":"v1","kind":"Con ...)`},
		{name: "strict duplicates", validation: Strict, body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"h","name":"h2"},"data":{"k":"1","k":"2"}}`,
			message: cannot + `strict decoding error: duplicate field "metadata.name", duplicate field "data.k"`},
		{name: "strict case", validation: Strict, body: `{"apiVersion":"v1","kind":"ConfigMap","Metadata":{"name":"k"}}`,
			message: cannot + `strict decoding error: unknown field "Metadata"`},
		{name: "strict unknown", validation: Strict, body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","oddity":1},"data":{"k":"1"},"unknown":{"x":1}}`,
			message: cannot + `strict decoding error: unknown field "metadata.oddity", unknown field "unknown"`},
		{name: "type error wins", validation: Strict, body: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"k":1},"unknown":1}`,
			message: cannot + "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"},
		{name: "strict YAML unknown", media: YAML, validation: Strict, body: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  oddity: 1\ndata:\n  k: \"1\"\nunknown:\n  x: 1\n",
			message: cannot + `strict decoding error: unknown field "metadata.oddity", unknown field "unknown"`},
		{name: "strict YAML duplicate", media: YAML, validation: Strict, body: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: \"1\"\n  k: \"2\"\n",
			message: cannot + "strict decoding error: yaml: unmarshal errors:\n  line 7: key \"k\" already set in map"},
		{name: "strict YAML duplicate, long way", media: YAML, validation: Strict, body: "apiVersion: \"v\\u00e9\"\nkind: ConfigMap\nkind: ConfigMap\n",
			message: `ConfigMap in version "vé" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "vé" in scheme`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.into == nil {
				c.want, c.into = configMapKind, configMap
			}
			_, err := DecodeBody([]byte(c.body), c.media, c.want, c.into(), c.validation)
			var refused *BodyError
			if !errors.As(err, &refused) {
				t.Fatalf("error %v", err)
			}
			if got := err.Error(); !strings.HasPrefix(got, c.message) {
				t.Errorf("message\n got %s\nwant %s", got, c.message)
			}
			if s := refused.Status(); s.Code != http.StatusBadRequest || s.Reason != metav1.StatusReasonBadRequest || !apierrors.IsBadRequest(err) {
				t.Errorf("status %+v", s)
			}
		})
	}
	for _, body := range []string{
		`{"apiVersion":"v1","kind":"Nonesuch","metadata":{"name":"a"}}`,
		`{"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"a"}}`,
		`{"apiVersion":"apps/v1","kind":"ConfigMap","metadata":{"name":"a"}}`,
	} {
		_, err := DecodeBody([]byte(body), JSON, configMapKind, &corev1.ConfigMap{}, Warn)
		if err == nil || !strings.Contains(err.Error(), `cannot be handled as a ConfigMap: no kind "`) || !strings.Contains(err.Error(), `" is registered for version "`) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAcceptedBodies(t *testing.T) {
	for _, c := range []struct {
		body       string
		media      MediaType
		validation Validation
		name, k    string
		warnings   []string
	}{
		{body: "null"},
		{body: "{}"},
		{body: " \n{ } "},
		{body: `{"apiVersion":"v1","metadata":{"name":"a"},"data":{"k":"1"}}`, name: "a", k: "1"},
		{body: `{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1"}}`, name: "a", k: "1"},
		{body: `{"metadata":{"name":"a"},"data":{"k":"1"}}`, name: "a", k: "1"},
		{body: `{"k\u0069nd":"ConfigMap","metadata":{"name":"a"}}`, name: "a"},
		{body: `{"kind":"Config\u004dap","metadata":{"name":"a"}}`, name: "a"},
		{body: `{"metadata":{"name":"a"},"Data":{"k":"1"}}`, name: "a", warnings: []string{`unknown field "Data"`}},
		{body: `{"metadata":{"name":"a","oddity":1},"data":{"k":"1"},"unknown":{"x":1}}`, name: "a", k: "1",
			warnings: []string{`unknown field "metadata.oddity"`, `unknown field "unknown"`}},
		{body: `{"metadata":{"name":"a","oddity":1},"data":{"k":"1"},"unknown":{"x":1}}`, name: "a", k: "1", validation: Ignore},
		{body: `{"metadata":{"name":"e","name":"e2"},"data":{"k":"1","k":"2"}}`, name: "e2", k: "2",
			warnings: []string{`duplicate field "metadata.name"`, `duplicate field "data.k"`}},
		{body: `{"metadata":{"name":"e","name":"e2"},"data":{"k":"1","k":"2"}}`, name: "e2", k: "2", validation: Ignore},
		{media: YAML, body: "# a comment\n{apiVersion: v1, kind: ConfigMap, metadata: {name: flow}, data: {k: \"1\"}}\n", name: "flow", k: "1"},
		{media: YAML, body: "---\nmetadata:\n  name: sep\n", name: "sep"},
		{media: YAML, body: "metadata:\n  name: two\n---\nmetadata:\n  name: three\n", name: "two"},
		{media: YAML, body: `{"metadata":{"name":"json"}}`, name: "json", validation: Strict},
		{media: YAML, body: "metadata:\n  name: d\ndata:\n  k: \"1\"\n  k: \"2\"\n", name: "d", k: "2", warnings: []string{`line 5: key "k" already set in map`}},
		{media: YAML, body: "metadata:\n  name: d\ndata:\n  k: \"1\"\n  k: \"2\"\n", name: "d", k: "2", validation: Ignore},
		{media: YAML, body: "metadata: {name: &a x}\ndata: {k: *a}\n", name: "x", k: "x"},
		{body: "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"\xff\"}}", name: "a", k: "\uFFFD"},
	} {
		var into corev1.ConfigMap
		got, err := DecodeBody([]byte(c.body), c.media, configMapKind, &into, c.validation)
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		cm := got.Object.(*corev1.ConfigMap)
		if cm.Name != c.name || cm.Data["k"] != c.k || got.Kind != configMapKind || cm.Kind != "" || cm.APIVersion != "" {
			t.Errorf("%s: decoded %v as %v", c.body, cm, got.Kind)
		}
		if !slices.Equal(got.Warnings, c.warnings) {
			t.Errorf("%s: warnings %q, want %q", c.body, got.Warnings, c.warnings)
		}
	}
}

// Another version of the kind is decoded as what it is.
func TestOtherVersions(t *testing.T) {
	want := schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}
	body := `{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"h"},"spec":{"targetCPUUtilizationPercentage":5}}`
	got, err := DecodeBody([]byte(body), JSON, want, &autoscalingv2.HorizontalPodAutoscaler{}, Strict)
	if err != nil {
		t.Fatal(err)
	}
	if hpa, ok := got.Object.(*autoscalingv1.HorizontalPodAutoscaler); !ok || got.Kind.Version != "v1" || hpa.Name != "h" {
		t.Errorf("decoded %T as %v", got.Object, got.Kind)
	}
	want = schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "Eviction"}
	got, err = DecodeBody([]byte(`{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"p"}}`), JSON, want, &policyv1.Eviction{}, Warn)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := got.Object.(*policyv1beta1.Eviction); !ok {
		t.Errorf("decoded %T", got.Object)
	}
	// Options are the same type in every group.
	want = schema.GroupVersionKind{Version: "v1", Kind: "DeleteOptions"}
	got, err = DecodeBody([]byte(`{"apiVersion":"apps/v1","kind":"DeleteOptions","gracePeriodSeconds":1}`), JSON, want, &metav1.DeleteOptions{}, Warn)
	if err != nil || *got.Object.(*metav1.DeleteOptions).GracePeriodSeconds != 1 {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

func TestUnstructuredBody(t *testing.T) {
	want := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	got, err := DecodeBody([]byte(`{"apiVersion":"example.com/v1","kind":"Widget","spec":{"n":1,"n":2}}`), JSON, want, &unstructured.Unstructured{}, Warn)
	if err != nil || got.Kind != want || !slices.Equal(got.Warnings, []string{`duplicate field "spec.n"`}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := got.Object.(*unstructured.Unstructured).Object["spec"].(map[string]any)["n"]; n != int64(2) {
		t.Errorf("n is %v", n)
	}
}

func TestProtobufBody(t *testing.T) {
	pod := testPod()
	body := must[[]byte](t)(EncodeProtobuf(pod, podKind))
	var into corev1.Pod
	got, err := DecodeBody(body, Protobuf, podKind, &into, Strict)
	if err != nil || got.Kind != podKind || !apiequality.Semantic.DeepEqual(got.Object, pod) {
		t.Errorf("decoded %v, %v", got, err)
	}
	_, err = DecodeBody(body, Protobuf, configMapKind, &corev1.ConfigMap{}, Warn)
	if want := `Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion`; err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	for i := range body {
		_, _ = DecodeBody(body[:i], Protobuf, podKind, &corev1.Pod{}, Warn)
	}
}

// The quick way and the serializer's way agree, whatever is left out or
// misspelt.
func TestQuickWayAgrees(t *testing.T) {
	wire := must[[]byte](t)(EncodeJSON(testPod(), podKind))
	for _, validation := range []Validation{Warn, Ignore, Strict} {
		quick, err := DecodeBody(wire, JSON, podKind, &corev1.Pod{}, validation)
		if err != nil {
			t.Fatal(err)
		}
		// An escape in a key makes the body unsuited to the quick way.
		long, err := DecodeBody(bytes.Replace(wire, []byte(`"kind"`), []byte(`"k\u0069nd"`), 1), JSON, podKind, &corev1.Pod{}, validation)
		if err != nil {
			t.Fatal(err)
		}
		if !apiequality.Semantic.DeepEqual(quick.Object, long.Object) {
			t.Error("objects differ")
		}
	}
	if scan := scanBody(wire); !scan.plain || scan.kind != "Pod" || scan.apiVersion != "v1" {
		t.Errorf("scan %+v", scan)
	}
	for _, odd := range []string{`{"Kind":"Pod"}`, `{"kind":"Pod","kind":"Pod"}`, `{"kind":1}`, `{"\u006bind":"Pod"}`, `{"kınd":"Pod"}`, `[]`, `{`, `{"kind":"P\u006fd"}`, `{"kind":{"a":1}}`, `{"kind"`} {
		if scanBody([]byte(odd)).plain {
			t.Errorf("%s looks plain", odd)
		}
	}
}

func TestDepth(t *testing.T) {
	nest := func(n int) []byte {
		return []byte(`{"spec":` + strings.Repeat(`[`, n) + strings.Repeat(`]`, n) + `}`)
	}
	if err := CheckDepth(nest(MaxDepth - 1)); err != nil {
		t.Error(err)
	}
	for _, body := range [][]byte{nest(MaxDepth), nest(1 << 20), []byte(strings.Repeat(`{"a":`, 1<<18)), []byte(strings.Repeat("[", 3<<20))} {
		if err := CheckDepth(body); err == nil {
			t.Error("too deep, but accepted")
		}
		for _, media := range []MediaType{JSON, YAML} {
			if len(body) > 1<<20 && media == YAML {
				continue // the parser's own bound stops it as well
			}
			if _, err := DecodeBody(body, media, podKind, &corev1.Pod{}, Warn); !apierrors.IsBadRequest(err) {
				t.Errorf("%v: error %v", media, err)
			}
		}
	}
	if err := CheckDepth([]byte(`{"a":"` + strings.Repeat("[", 10000) + `"}`)); err != nil {
		t.Error(err)
	}
}

// A schema nested in a schema, as often as 3 MiB allow: decoding it would take
// a gigabyte of stack.
func TestProtobufSchemaDepth(t *testing.T) {
	gvk := schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	wrap := func(field int, m []byte) []byte {
		out := binary.AppendUvarint(nil, uint64(field)<<3|wireBytes)
		return append(binary.AppendUvarint(out, uint64(len(m))), m...)
	}
	body := func(depth int, fields ...int) []byte {
		var s []byte
		for range depth {
			for _, f := range fields {
				s = wrap(f, s)
			}
		}
		raw := wrap(2, wrap(7, wrap(4, wrap(1, s))))
		out := appendEnvelopeHead(nil, gvk, len(raw))
		return appendEnvelopeTail(append(out, raw...))
	}
	for _, fields := range [][]int{{28}, {1, 24}, {2, 24}, {25}, {2, 29}, {2, 30}, {1, 2, 32}, {2, 33}, {2, 34}} {
		for _, c := range []struct {
			depth int
			ok    bool
		}{{50, true}, {2000, false}} {
			form := body(c.depth, fields...)
			_, err := DecodeBody(form, Protobuf, gvk, &apiextensionsv1.CustomResourceDefinition{}, Warn)
			if (err == nil) != c.ok {
				t.Errorf("fields %v, depth %d: body error %v", fields, c.depth, err)
			}
			_, err = DecodeStored(form, &apiextensionsv1.CustomResourceDefinition{})
			if (err == nil) != c.ok {
				t.Errorf("fields %v, depth %d: stored error %v", fields, c.depth, err)
			}
		}
	}
}

func TestYAMLAliases(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	long := "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.TrimSuffix(strings.Repeat("*a,", 1<<16), ",") + "]\n"
	for name, body := range map[string]string{"billion laughs": laughs.String(), "long string": long, "itself": "a: &a [*a]\n"} {
		if _, err := DecodeBody([]byte(body), YAML, podKind, &corev1.Pod{}, Warn); !apierrors.IsBadRequest(err) {
			t.Errorf("%s: error %.200v", name, err)
		}
	}
}

// Schemas are decoded anew at every level: depth times size is bounded.
func TestSchemaWork(t *testing.T) {
	gvk := schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	body := func(depth, size int) []byte {
		return []byte(`{"spec":{"versions":[{"schema":{"openAPIV3Schema":` + strings.Repeat(`{"items":`, depth) +
			`{"description":"` + strings.Repeat("x", size) + `"}` + strings.Repeat("}", depth) + `}}]}}`)
	}
	decode := func(data []byte, media MediaType) error {
		_, err := DecodeBody(data, media, gvk, &apiextensionsv1.CustomResourceDefinition{}, Warn)
		return err
	}
	for _, media := range []MediaType{JSON, YAML} {
		if err := decode(body(400, 100), media); err != nil {
			t.Errorf("deep but small: %v", err)
		}
		if err := decode(body(4, 1<<20), media); err != nil {
			t.Errorf("big but flat: %v", err)
		}
		if err := decode(body(250, 1<<20), media); !apierrors.IsBadRequest(err) || !errors.Is(err, errTooMuchWork) {
			t.Errorf("deep and big: %.100v", err)
		}
	}
	if _, err := DecodeBody(body(250, 1<<20), JSON, podKind, &corev1.Pod{}, Warn); err != nil {
		t.Errorf("other kinds cost no more for depth: %.100v", err)
	}
}

func TestYAMLDuplicatesAreBounded(t *testing.T) {
	body := []byte(strings.Repeat("a: 1\n", 1000))
	got, err := DecodeBody(body, YAML, podKind, &corev1.Pod{}, Warn)
	if err != nil || len(got.Warnings) > maxDuplicates+1 {
		t.Errorf("%d warnings, %v", len(got.Warnings), err)
	}
	if _, err := DecodeBody(body, YAML, podKind, &corev1.Pod{}, Strict); err == nil || len(err.Error()) > 10000 {
		t.Errorf("error %.100v", err)
	}
}
