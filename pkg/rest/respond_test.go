package rest

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/api"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s (go test -update rewrites it):\n got %s\nwant %s", path, got, want)
	}
}

// decodeProto reads a whole protobuf answer into a typed object.
func decodeProto(t *testing.T, body []byte, into runtime.Object) *schema.GroupVersionKind {
	t.Helper()
	s := protobuf.NewSerializer(api.Scheme(), api.Scheme())
	_, gvk, err := s.Decode(body, nil, into)
	if err != nil {
		t.Fatalf("%v: %.200q", err, body)
	}
	return gvk
}

func TestObjectForms(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	const path = "/api/v1/namespaces/ns/configmaps/a"
	want := &corev1.ConfigMap{}
	w.get(path).want(200).into(want)
	if want.Kind != "ConfigMap" || want.APIVersion != "v1" || want.Data["k"] != "v" || want.UID == "" || want.ResourceVersion == "" {
		t.Fatalf("%+v", want)
	}

	y := w.do(request{path: path, accept: yamlType}).want(200)
	if ct := y.Header().Get("Content-Type"); ct != yamlType {
		t.Errorf("Content-Type %s", ct)
	}
	got := &corev1.ConfigMap{}
	if err := yaml.Unmarshal(y.Body.Bytes(), got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("YAML: %v\n%s", err, y.Body)
	}

	p := w.do(request{path: path, accept: protobufType}).want(200)
	got = &corev1.ConfigMap{}
	gvk := decodeProto(t, p.Body.Bytes(), got)
	got.SetGroupVersionKind(*gvk)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("protobuf: %+v", got)
	}

	partial := &metav1.PartialObjectMetadata{}
	w.do(request{path: path, accept: partialType}).want(200).into(partial)
	if partial.Kind != "PartialObjectMetadata" || partial.APIVersion != "meta.k8s.io/v1" || !reflect.DeepEqual(partial.ObjectMeta, want.ObjectMeta) {
		t.Errorf("partial: %+v", partial)
	}
	partial = &metav1.PartialObjectMetadata{}
	pp := w.do(request{path: path, accept: protobufType + ";as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}).want(200)
	if gvk := decodeProto(t, pp.Body.Bytes(), partial); gvk.Kind != "PartialObjectMetadata" || !reflect.DeepEqual(partial.ObjectMeta, want.ObjectMeta) {
		t.Errorf("partial protobuf: %v %+v", gvk, partial)
	}
	w.do(request{path: path, accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}).wantStatus(406, metav1.StatusReasonNotAcceptable)
}

// TestWriteAnswersLikeRead: what a write answers is what a read answers after it.
func TestWriteAnswersLikeRead(t *testing.T) {
	w := newWorld(t)
	for i, accept := range []string{jsonType, yamlType, protobufType, tableType, partialType} {
		name := fmt.Sprintf("c%d", i)
		created := w.do(request{method: "POST", path: "/api/v1/namespaces/ns/configmaps", accept: accept, body: fmt.Sprintf(`{"metadata":{"name":%q},"data":{"k":"v"}}`, name)}).want(201)
		read := w.do(request{path: "/api/v1/namespaces/ns/configmaps/" + name, accept: accept}).want(200)
		if created.Body.String() != read.Body.String() {
			t.Errorf("%s:\ncreate %q\nget    %q", accept, created.Body, read.Body)
		}
		for _, h := range []string{"Content-Type", "Content-Length"} {
			if created.Header().Get(h) != read.Header().Get(h) || read.Header().Get(h) == "" {
				t.Errorf("%s: %s is %q and %q", accept, h, created.Header().Get(h), read.Header().Get(h))
			}
		}
	}
}

const podBody = `{"metadata":{"name":%q,"labels":{"app":"web"}},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"i:1"},{"name":"d","image":"j:2"}]}}`

func (w *world) pod(name string) *answer {
	w.t.Helper()
	return w.create("/api/v1/namespaces/ns/pods", fmt.Sprintf(podBody, name))
}

// normal replaces what differs from run to run.
func normal(t *testing.T, body []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				switch k {
				case "uid":
					v[k] = "<uid>"
				case "description": // of a column: the kind's business
					delete(v, k)
				}
				walk(v[k])
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func TestTableGolden(t *testing.T) {
	w := newWorld(t)
	w.pod("a")
	w.advance(90 * time.Second)
	w.pod("b")
	w.advance(26 * time.Hour)
	w.configMap("cm")
	w.advance(3 * time.Second)
	for name, q := range map[string]request{
		"table-pods.json":       {path: "/api/v1/namespaces/ns/pods"},
		"table-configmaps.json": {path: "/api/v1/configmaps"},
		"table-one.json":        {path: "/api/v1/namespaces/ns/pods/a"},
		"table-none.json":       {path: "/api/v1/namespaces/ns/configmaps?includeObject=None"},
		"table-empty.json":      {path: "/api/v1/namespaces/ns/secrets"},
	} {
		q.accept = tableType
		a := w.do(q).want(200)
		if ct := a.Header().Get("Content-Type"); ct != jsonType {
			t.Errorf("%s: Content-Type %s", name, ct)
		}
		golden(t, name, normal(t, a.Body.Bytes()))
	}
}

// TestTableAges: a row is remembered, its age is not.
func TestTableAges(t *testing.T) {
	w := newWorld(t)
	w.pod("a")
	age := func() string {
		table := &metav1.Table{}
		w.do(request{path: "/api/v1/pods", accept: tableType}).want(200).into(table)
		return table.Rows[0].Cells[4].(string)
	}
	for _, c := range []struct {
		later time.Duration
		want  string
	}{{0, "0s"}, {5 * time.Second, "5s"}, {2 * time.Minute, "2m5s"}, {time.Hour, "62m"}, {72 * time.Hour, "3d1h"}, {400 * 24 * time.Hour, "403d"}} {
		w.advance(c.later)
		if got := age(); got != c.want {
			t.Errorf("after %v: %q, want %q", c.later, got, c.want)
		}
	}
}

func TestTableObjects(t *testing.T) {
	w := newWorld(t)
	w.pod("a")
	for include, want := range map[string]string{"": "PartialObjectMetadata", "Metadata": "PartialObjectMetadata", "Object": "Pod", "None": ""} {
		table := &metav1.Table{}
		w.do(request{path: "/api/v1/pods?includeObject=" + include, accept: tableType}).want(200).into(table)
		var head metav1.TypeMeta
		if raw := table.Rows[0].Object.Raw; len(raw) > 0 && string(raw) != "null" {
			if err := json.Unmarshal(raw, &head); err != nil {
				t.Fatal(err)
			}
		}
		if head.Kind != want {
			t.Errorf("includeObject=%s: %q", include, head.Kind)
		}
	}
	w.do(request{path: "/api/v1/pods?includeObject=All", accept: tableType}).wantStatus(400, metav1.StatusReasonBadRequest)
	y := w.do(request{path: "/api/v1/pods", accept: "application/yaml;as=Table;v=v1;g=meta.k8s.io"}).want(200)
	table := &metav1.Table{}
	if err := yaml.Unmarshal(y.Body.Bytes(), table); err != nil || len(table.Rows) != 1 {
		t.Errorf("YAML table: %v %s", err, y.Body)
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	a := w.do(request{path: "/api/v1/namespaces/ns", header: http.Header{"Audit-Id": {"mine"}}}).want(200)
	if a.Header().Get("Audit-Id") != "mine" || a.Header().Get("Cache-Control") != "no-cache, private" {
		t.Errorf("%v", a.Header())
	}
	long := w.do(request{path: "/api/v1/namespaces/ns", header: http.Header{"Audit-Id": {strings.Repeat("x", 5000)}}}).want(200)
	if id := long.Header().Get("Audit-Id"); len(id) != 36 {
		t.Errorf("Audit-Id %q", id)
	}
}
