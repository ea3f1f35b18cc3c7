package codec

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/binnacle-io/binnacle/api"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n got %q\nwant %q", path, got, want)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("%s\n got %q\nwant %q", what, got, want)
	}
}

func TestGolden(t *testing.T) {
	b := must[[]byte](t)
	pod := testPod()
	wire := b(EncodeJSON(pod, podKind))
	stored := b(EncodeStored(pod, podKind))
	golden(t, "pod.json", wire)
	golden(t, "pod.yaml", b(AppendYAML(nil, wire)))
	golden(t, "pod.stored", stored)
	golden(t, "pod.pb", b(EncodeProtobuf(pod, podKind)))
	golden(t, "pod.frame.json", b(AppendJSONFrame(nil, "DELETED", wire, 999)))
	p := must[Proto](t)(Split(stored, 999))
	golden(t, "pod.frame.pb", p.AppendFrame(nil, "DELETED", podKind))
	golden(t, "pod.partial.json", b(AppendJSONMetadata(nil, wire, "v1", 999)))
}

// Every kind, filled at random: our bytes are apimachinery's.
func TestEncodingsMatchReference(t *testing.T) {
	eachKind(t, func(t *testing.T, gvk schema.GroupVersionKind, obj runtime.Object) {
		b := must[[]byte](t)
		equal(t, "JSON", append(b(EncodeJSON(obj, gvk)), '\n'), reference(t, obj, gvk, "application/json"))
		equal(t, "YAML", b(AppendYAML(nil, b(EncodeJSON(obj, gvk)))), reference(t, obj, gvk, "application/yaml"))
		before := obj.DeepCopyObject()
		// The object may hold a kind: its own, or another.
		obj.GetObjectKind().SetGroupVersionKind(gvk)
		equal(t, "JSON with own kind", append(b(EncodeJSON(obj, gvk)), '\n'), reference(t, obj, gvk, "application/json"))
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Kind: "Other"})
		equal(t, "JSON with other kind", append(b(EncodeJSON(obj, gvk)), '\n'), reference(t, obj, gvk, "application/json"))
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Version: "v3"})
		equal(t, "JSON with other version", append(b(EncodeJSON(obj, gvk)), '\n'), reference(t, obj, gvk, "application/json"))
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		if _, ok := obj.(marshaler); !ok {
			if _, err := EncodeStored(obj, gvk); !errors.Is(err, ErrNotProtobuf) {
				t.Fatalf("error %v", err)
			}
			return
		}
		equal(t, "protobuf", b(EncodeProtobuf(obj, gvk)), reference(t, obj, gvk, "application/vnd.kubernetes.protobuf"))
		stored := b(AppendStored([]byte("prefix"), obj, gvk))
		if !apiequality.Semantic.DeepEqual(obj, before) {
			t.Fatal("encoding changed the object")
		}
		m := obj.(metav1.Object)
		revision := m.GetResourceVersion()
		m.SetResourceVersion("")
		equal(t, "stored", stored, append([]byte("prefix"), reference(t, obj, gvk, "application/vnd.kubernetes.protobuf")...))

		back := newLike(obj)
		got, err := DecodeStored(stored[len("prefix"):], back)
		if err != nil || got != gvk {
			t.Fatalf("kind %v, error %v", got, err)
		}
		if !apiequality.Semantic.DeepEqual(back, obj) {
			t.Fatalf("decoded\n got %v\nwant %v", back, obj)
		}
		m.SetResourceVersion(revision)
	})
}

// Every kind: what is spliced is what encoding the object under that
// resourceVersion gives.
func TestSplicesMatchEncoding(t *testing.T) {
	eachKind(t, func(t *testing.T, gvk schema.GroupVersionKind, obj runtime.Object) {
		m := obj.(metav1.Object)
		for _, old := range []string{"", "7", "18446744073709551615"} {
			m.SetResourceVersion(old)
			wire := must[[]byte](t)(EncodeJSON(obj, gvk))
			var proto []byte
			if _, ok := obj.(marshaler); ok {
				proto = must[[]byte](t)(EncodeProtobuf(obj, gvk))
			}
			for _, revision := range []int64{0, 3, 9223372036854775807, Keep} {
				switch revision {
				case 0:
					m.SetResourceVersion("")
				case Keep:
					m.SetResourceVersion(old)
				default:
					m.SetResourceVersion(fmt.Sprint(revision))
				}
				checkJSONSplices(t, gvk, obj, wire, revision)
				if proto != nil {
					checkProtobufSplices(t, gvk, obj, proto, revision)
				}
			}
		}
	})
}

func checkJSONSplices(t *testing.T, gvk schema.GroupVersionKind, obj runtime.Object, wire []byte, revision int64) {
	b := must[[]byte](t)
	want := b(EncodeJSON(obj, gvk))
	equal(t, "object", b(AppendJSONObject(nil, wire, revision)), want)
	item := want[bytes.Index(want, []byte(`,"metadata"`)):]
	equal(t, "item", b(AppendJSONItem(nil, wire, revision)), append([]byte("{"), item[1:]...))
	frame := must[[]byte](t)(AppendJSONFrame([]byte("x"), "ADDED", wire, revision))
	equal(t, "frame", frame, []byte(`x{"type":"ADDED","object":`+string(want)+"}\n"))
	partial := &metav1.PartialObjectMetadata{ObjectMeta: objectMeta(t, obj)}
	equal(t, "partial", b(AppendJSONMetadata(nil, wire, "v1", revision)), b(EncodeJSON(partial, PartialObjectMetadata("v1"))))
}

func objectMeta(t *testing.T, obj runtime.Object) metav1.ObjectMeta {
	return *obj.(metav1.ObjectMetaAccessor).GetObjectMeta().(*metav1.ObjectMeta)
}

func checkProtobufSplices(t *testing.T, gvk schema.GroupVersionKind, obj runtime.Object, form []byte, revision int64) {
	b := must[[]byte](t)
	p := must[Proto](t)(Split(form, revision))
	if p.env.gvk() != gvk {
		t.Fatalf("kind %v", p.env.gvk())
	}
	want := b(EncodeProtobuf(obj, gvk))
	equal(t, "object", p.AppendObject(nil, gvk), want)
	if n := p.ObjectSize(gvk); n != len(want) {
		t.Fatalf("size %d, want %d", n, len(want))
	}
	raw := b(obj.(interface{ Marshal() ([]byte, error) }).Marshal())
	item := p.AppendItem(nil)
	equal(t, "item", item, append(binary.AppendUvarint([]byte{0x12}, uint64(len(raw))), raw...))
	if len(item) != p.ItemSize() {
		t.Fatalf("item size %d, want %d", p.ItemSize(), len(item))
	}
	equal(t, "frame", p.AppendFrame(nil, "MODIFIED", gvk), frameOf(t, "MODIFIED", want))
	equal(t, "plain frame", AppendProtobufFrame(nil, "MODIFIED", want), frameOf(t, "MODIFIED", want))
	partial := &metav1.PartialObjectMetadata{ObjectMeta: objectMeta(t, obj)}
	kind := PartialObjectMetadata("v1")
	meta := p.Metadata()
	equal(t, "partial", meta.AppendObject(nil, kind), b(EncodeProtobuf(partial, kind)))
	var decoded metav1.ObjectMeta
	if err := p.DecodeMetadata(&decoded); err != nil {
		t.Fatal(err)
	}
	equal(t, "metadata", b(decoded.Marshal()), b(partial.ObjectMeta.Marshal()))
}

// frameOf makes a frame as apimachinery's serializer and framer do.
func frameOf(t *testing.T, eventType string, object []byte) []byte {
	event := metav1.WatchEvent{Type: eventType, Object: runtime.RawExtension{Raw: object}}
	raw := must[[]byte](t)(event.Marshal())
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...)
}

func TestLists(t *testing.T) {
	b := must[[]byte](t)
	gvk := schema.GroupVersionKind{Version: "v1", Kind: "PodList"}
	left := int64(12)
	for _, meta := range []metav1.ListMeta{
		{}, {ResourceVersion: "55"}, {ResourceVersion: "55", Continue: `a"<b`, RemainingItemCount: &left}, {RemainingItemCount: &left},
	} {
		for n := range 4 {
			list := &corev1.PodList{ListMeta: meta, Items: []corev1.Pod{}}
			var forms, stored [][]byte
			for i := range n {
				pod := testPod()
				pod.Name = fmt.Sprintf("pod-%d", i)
				pod.ResourceVersion = fmt.Sprint(100 + i)
				forms = append(forms, b(EncodeJSON(pod, podKind)))
				stored = append(stored, b(EncodeStored(pod, podKind)))
				list.Items = append(list.Items, *pod)
			}
			got := AppendJSONListHead(nil, gvk, &meta)
			for i, form := range forms {
				if i > 0 {
					got = append(got, ',')
				}
				got = b(AppendJSONItem(got, form, Keep))
			}
			got = AppendJSONListTail(got)
			equal(t, "JSON", append(got, '\n'), reference(t, list, gvk, "application/json"))

			size := 0
			for i, form := range stored {
				p := must[Proto](t)(Split(form, int64(100+i)))
				size += p.ItemSize()
			}
			got = b(AppendProtobufListHead(nil, gvk, &meta, size))
			for i, form := range stored {
				p := must[Proto](t)(Split(form, int64(100+i)))
				got = p.AppendItem(got)
			}
			got = AppendProtobufListTail(got)
			equal(t, "protobuf", got, reference(t, list, gvk, "application/vnd.kubernetes.protobuf"))
		}
	}
}

func TestBookmark(t *testing.T) {
	b := must[[]byte](t)
	pod := &corev1.Pod{}
	SetBookmark(pod, "12", true)
	got := b(AppendJSONFrame(nil, "BOOKMARK", b(EncodeJSON(pod, podKind)), Keep))
	want := `{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"12","annotations":{"k8s.io/initial-events-end":"true"}},"spec":{"containers":null},"status":{}}}` + "\n"
	equal(t, "bookmark", got, []byte(want))
	SetBookmark(pod, "13", false)
}

func TestStoredJSON(t *testing.T) {
	gvk := schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}
	svc := &apiregistrationv1.APIService{ObjectMeta: metav1.ObjectMeta{Name: "v1.example.com", ResourceVersion: "9", UID: "u"}}
	svc.Spec.Group = "example.com"
	got := must[[]byte](t)(AppendStoredJSON(nil, svc, gvk))
	svc.ResourceVersion = ""
	equal(t, "stored", got, reference(t, svc, gvk, "application/json"))
	var back apiregistrationv1.APIService
	kind, err := DecodeStored(got, &back)
	if err != nil || kind != gvk || back.Spec.Group != "example.com" || back.Kind != "" {
		t.Errorf("decoded %v %+v, %v", kind, back, err)
	}
	if kind, err := StoredKind(got); err != nil || kind != gvk {
		t.Errorf("kind %v, %v", kind, err)
	}
}

func TestUnstructured(t *testing.T) {
	b := must[[]byte](t)
	gvk := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Widget"}
	object := func(rv string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"metadata": map[string]any{"resourceVersion": "x"}}, "data": `"metadata":{`}}
		u.SetGroupVersionKind(gvk)
		u.SetName("a")
		u.SetUID("b")
		u.SetLabels(map[string]string{"resourceVersion": "1"})
		u.SetResourceVersion(rv)
		return u
	}
	stored := b(AppendStoredJSON(nil, object("5"), gvk))
	equal(t, "stored", stored, reference(t, object(""), gvk, "application/json"))
	equal(t, "spliced", b(AppendJSONObject(nil, stored, 77)), reference(t, object("77"), gvk, "application/json"))
	equal(t, "replaced", append(b(AppendJSONObject(nil, b(EncodeJSON(object("5"), gvk)), 77)), '\n'), reference(t, object("77"), gvk, "application/json"))
	var back unstructured.Unstructured
	if kind, err := DecodeStored(stored, &back); err != nil || kind != gvk {
		t.Fatalf("kind %v, %v", kind, err)
	}
	if !apiequality.Semantic.DeepEqual(back.Object, object("").Object) {
		t.Errorf("decoded %v", back.Object)
	}
}

func TestMalformedForms(t *testing.T) {
	stored := must[[]byte](t)(EncodeStored(testPod(), podKind))
	for i := range stored {
		cut := stored[:i]
		_, _ = DecodeStored(cut, &corev1.Pod{})
		if p, err := Split(cut, 5); err == nil {
			p.AppendFrame(nil, "ADDED", podKind)
		}
	}
	for _, bad := range []string{"", "k8s", "k8s:enc:aescbc:v1:key:xyz", "{", "[]", "k8s\x00\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if _, err := DecodeStored([]byte(bad), &corev1.Pod{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: error %v", bad, err)
		}
		if _, err := Split([]byte(bad), 1); err == nil {
			t.Errorf("%q was split", bad)
		}
	}
	for _, bad := range []string{"", "{", "[]", `{"metadata":1}`, `{"metadata":{"resourceVersion":1}}`, `{"a" "b"}`, `{"metadata":{"a`, `{"a":"\"}`} {
		if out, err := AppendJSONObject([]byte("x"), []byte(bad), 1); err == nil || string(out) != "x" {
			t.Errorf("%q: %q, error %v", bad, out, err)
		}
	}
	if _, err := AppendJSONObject(nil, []byte(`{"kind":"Status"}`), 1); !errors.Is(err, ErrNoMetadata) {
		t.Errorf("error %v", err)
	}
}

func TestAppendsOnly(t *testing.T) {
	pod := testPod()
	for _, room := range []int{0, 100, 1 << 16} {
		dst := append(make([]byte, 0, room+6), "before"...)
		for name, f := range map[string]func([]byte) ([]byte, error){
			"stored":   func(d []byte) ([]byte, error) { return AppendStored(d, pod, podKind) },
			"protobuf": func(d []byte) ([]byte, error) { return AppendProtobuf(d, pod, podKind) },
			"json":     func(d []byte) ([]byte, error) { return AppendJSON(d, pod, podKind) },
		} {
			alone := must[[]byte](t)(f(nil))
			equal(t, name, must[[]byte](t)(f(dst)), append([]byte("before"), alone...))
		}
	}
}

func TestSchemeIsServed(t *testing.T) {
	if !api.Scheme().Recognizes(podKind) {
		t.Fatal("no pods")
	}
	if !json.Valid(must[[]byte](t)(EncodeJSON(testPod(), podKind))) {
		t.Fatal("invalid JSON")
	}
}
