package codec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Whatever a client writes into an object: a splice moves the resourceVersion
// and nothing else.
func FuzzHostileContent(f *testing.F) {
	f.Add("name", "uid", "1", "label", "value", []byte("data"), int64(5))
	f.Add(`","resourceVersion":"1`, `\`, ``, `"metadata":{"resourceVersion":"2"}`, `\"`, []byte("2\x012"), int64(0))
	f.Add("\xff\xfe", "\u2028", "\x00", "}", "{", []byte("k8s\x00"), Keep)
	f.Fuzz(func(t *testing.T, name, uid, old, key, value string, data []byte, revision int64) {
		if revision < Keep {
			return
		}
		obj := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, GenerateName: value, UID: types.UID(uid), ResourceVersion: old,
				Labels: map[string]string{key: value}, Annotations: map[string]string{value: key}, Finalizers: []string{value}},
			Data: map[string][]byte{key: data}, StringData: map[string]string{value: name}, Type: corev1.SecretType(uid),
		}
		wire := must[[]byte](t)(EncodeJSON(obj, secretKind))
		proto := must[[]byte](t)(EncodeProtobuf(obj, secretKind))
		stored := must[[]byte](t)(EncodeStored(obj, secretKind))
		switch {
		case revision == 0:
			obj.ResourceVersion = ""
		case revision != Keep:
			obj.ResourceVersion = strconv.FormatInt(revision, 10)
		}
		if !bytes.ContainsAny([]byte(old), "\\\"<>&") && isPlain([]byte(old)) { // the server writes digits
			checkJSONSplices(t, secretKind, obj, wire, revision)
		}
		if revision != Keep || len(old) <= 20 {
			checkProtobufSplices(t, secretKind, obj, proto, revision)
		}
		p := must[Proto](t)(Split(stored, 1))
		obj.ResourceVersion = "1"
		equal(t, "stored", p.AppendObject(nil, secretKind), must[[]byte](t)(EncodeProtobuf(obj, secretKind)))
	})
}

// Any JSON: no panic; of a custom resource as it is written: the right member
// changes and no other.
func FuzzSpliceJSON(f *testing.F) {
	pod, err := EncodeJSON(testPod(), podKind)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pod, int64(7))
	f.Add([]byte(`{"apiVersion":"e/v1","kind":"W","metadata":{"labels":{"resourceVersion":"1"},"name":"a","uid":"b"}}`), int64(0))
	f.Add([]byte(`{"metadata":{"a\\\"":{}},"a":"\\"}`), int64(9))
	f.Add([]byte(`{"metadata":{"resourceVersion":"1"}}`), int64(0))
	f.Add([]byte(` { "kind" : "a" , "metadata" : { "uid" : "b" , "x" : [ ] } } `), int64(3))
	f.Fuzz(func(t *testing.T, form []byte, revision int64) {
		if revision < Keep {
			return
		}
		if out, err := AppendJSONObject(nil, form, revision); err == nil && json.Valid(form) && !json.Valid(out) {
			t.Fatalf("%q became %q", form, out)
		}
		_, _ = AppendJSONItem(nil, form, revision)
		_, _ = AppendJSONMetadata(nil, form, "v1", revision)
		_, _ = AppendJSONFrame(nil, "ADDED", form, revision)

		var object map[string]any
		if json.Unmarshal(form, &object) != nil || revision == Keep {
			return
		}
		written, err := json.Marshal(object)
		if err != nil {
			return
		}
		out, err := AppendJSONObject(nil, written, revision)
		meta, ok := object["metadata"].(map[string]any)
		if !ok {
			if err == nil {
				t.Fatalf("%q has no metadata, but was spliced", written)
			}
			return
		}
		if _, ok := meta["resourceVersion"].(string); !ok && meta["resourceVersion"] != nil {
			return
		} else if _, there := meta["resourceVersion"]; there && !ok {
			return // null
		}
		if err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if revision == 0 {
			delete(meta, "resourceVersion")
		} else {
			meta["resourceVersion"] = strconv.FormatInt(revision, 10)
		}
		if want, _ := json.Marshal(object); written[1] != '"' || !bytes.HasPrefix(written, []byte(`{"kind"`)) && !bytes.HasPrefix(written, []byte(`{"metadata"`)) {
			equal(t, "spliced", out, want)
		}
		var got map[string]any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if !reflect.DeepEqual(got, object) {
			t.Fatalf("%q became %q", written, out)
		}
	})
}

// Any stored bytes: no panic, and what decodes can be split.
func FuzzStored(f *testing.F) {
	stored, err := EncodeStored(testPod(), podKind)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Add(stored[:100])
	f.Add([]byte(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}`))
	f.Add([]byte("k8s\x00\x0a\x00\x12\x02\x0a\x00\x1a\x00\x22\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = StoredKind(data)
		for _, into := range []runtime.Object{&corev1.Pod{}, &apiextensionsv1.CustomResourceDefinition{}, &unstructured.Unstructured{}} {
			_, _ = DecodeStored(data, into)
		}
		for _, revision := range []int64{0, 5, Keep} {
			p, err := Split(data, revision)
			if err != nil {
				continue
			}
			object := p.AppendObject(nil, podKind)
			if len(object) != p.ObjectSize(podKind) || len(p.AppendItem(nil)) != p.ItemSize() {
				t.Fatal("sizes are wrong")
			}
			if _, err := Split(object, Keep); err != nil {
				t.Fatalf("what was put together cannot be split: %v", err)
			}
			_ = p.DecodeMetadata(&metav1.ObjectMeta{})
			p.AppendFrame(nil, "ADDED", podKind)
		}
	})
}

// Any body: no panic; the quick way finds what the serializer finds.
func FuzzBody(f *testing.F) {
	pod, err := EncodeJSON(testPod(), podKind)
	if err != nil {
		f.Fatal(err)
	}
	proto, err := EncodeProtobuf(testPod(), podKind)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pod, uint8(JSON), uint8(Strict))
	f.Add(proto, uint8(Protobuf), uint8(Warn))
	f.Add([]byte("a: &a [*a]\nkind: Pod\n"), uint8(YAML), uint8(Ignore))
	f.Add([]byte("metadata: {name: x, name: y}\n"), uint8(YAML), uint8(Warn))
	f.Add([]byte(`{"kind":"Pod","KIND":"Secret","apiVersion":"v1","apiversion":"v2"}`), uint8(JSON), uint8(Warn))
	f.Add([]byte(`{"spec":{"containers":[{"name":"a","ports":[{"containerPort":1e2}]}]}}`), uint8(JSON), uint8(Strict))
	f.Fuzz(func(t *testing.T, data []byte, media, validation uint8) {
		m, v := MediaType(media%3), Validation(validation%3)
		body, err := DecodeBody(data, m, podKind, &corev1.Pod{}, v)
		if err == nil && body.Object == nil {
			t.Fatal("neither object nor error")
		}
		_, _ = DecodeBody(data, m, schema.GroupVersionKind{Group: "e", Version: "v1", Kind: "W"}, &unstructured.Unstructured{}, v)
		_, _ = DecodeBody(data, m, schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, &apiextensionsv1.CustomResourceDefinition{}, v)
		if m != JSON {
			return
		}
		scan := scanBody(data)
		if !scan.plain {
			return
		}
		var found struct {
			APIVersion string `json:"apiVersion,omitempty"`
			Kind       string `json:"kind,omitempty"`
		}
		if json.Unmarshal(data, &found) == nil && (found.Kind != scan.kind || found.APIVersion != scan.apiVersion) {
			t.Fatalf("%q: found %+v, the scan found %+v", data, found, scan)
		}
	})
}
