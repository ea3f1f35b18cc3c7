package rest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// fill makes n ConfigMaps of about size bytes each.
func (w *world) fill(n, size int) {
	w.t.Helper()
	for i := range n {
		w.create("/api/v1/namespaces/ns/configmaps", fmt.Sprintf(`{"metadata":{"name":"cm-%04d","labels":{"app":"web-%d","even":"%t"}},"data":{"v":%q}}`,
			i, i, i%2 == 0, strings.Repeat("x", size)))
	}
}

// TestListForms: whatever the form and however long, a list decodes into the
// same objects.
func TestListForms(t *testing.T) {
	for _, n := range []int{0, 1, 3, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t)
			w.fill(n, 3000) // 200 of them are several chunks
			const path = "/api/v1/namespaces/ns/configmaps"
			raw := w.get(path).want(200).Body.Bytes()
			if !json.Valid(raw) || !bytes.HasSuffix(raw, []byte("\n")) {
				t.Fatalf("not JSON: %.300s", raw)
			}
			want := &corev1.ConfigMapList{}
			if err := json.Unmarshal(raw, want); err != nil {
				t.Fatal(err)
			}
			if want.Kind != "ConfigMapList" || want.APIVersion != "v1" || len(want.Items) != n || want.Items == nil || want.ResourceVersion == "" {
				t.Fatalf("%d items, %v %+v", len(want.Items), want.TypeMeta, want.ListMeta)
			}
			for i := range want.Items {
				one := &corev1.ConfigMap{}
				w.get(path + "/" + want.Items[i].Name).want(200).into(one)
				one.TypeMeta = metav1.TypeMeta{} // the items of a list carry none
				if !reflect.DeepEqual(*one, want.Items[i]) {
					t.Fatalf("item %d:\n got %+v\nwant %+v", i, want.Items[i], one)
				}
				if i == 3 {
					break
				}
			}

			p := w.do(request{path: path, accept: protobufType}).want(200)
			got := &corev1.ConfigMapList{}
			gvk := decodeProto(t, p.Body.Bytes(), got)
			got.SetGroupVersionKind(*gvk)
			if got.Items == nil {
				got.Items = []corev1.ConfigMap{}
			}
			if !reflect.DeepEqual(got, want) {
				t.Error("the protobuf list differs")
			}

			y := w.do(request{path: path, accept: yamlType}).want(200)
			got = &corev1.ConfigMapList{}
			if err := yaml.Unmarshal(y.Body.Bytes(), got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("the YAML list differs: %v", err)
			}

			for _, medium := range []string{jsonType, protobufType} {
				a := w.do(request{path: path, accept: medium + ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}).want(200)
				partial := &metav1.PartialObjectMetadataList{}
				if medium == protobufType {
					if gvk := decodeProto(t, a.Body.Bytes(), partial); gvk.Kind != "PartialObjectMetadataList" || gvk.Group != "meta.k8s.io" {
						t.Errorf("%v", gvk)
					}
				} else {
					a.into(partial)
				}
				if len(partial.Items) != n || partial.ResourceVersion != want.ResourceVersion {
					t.Fatalf("%s: %d items at %q", medium, len(partial.Items), partial.ResourceVersion)
				}
				for i := range partial.Items {
					if !reflect.DeepEqual(partial.Items[i].ObjectMeta, want.Items[i].ObjectMeta) {
						t.Fatalf("%s: item %d is %+v", medium, i, partial.Items[i])
					}
				}
			}

			table := &metav1.Table{}
			w.do(request{path: path, accept: tableType}).want(200).into(table)
			if len(table.Rows) != n || table.ResourceVersion != want.ResourceVersion {
				t.Errorf("table of %d rows at %q", len(table.Rows), table.ResourceVersion)
			}
			w.do(request{path: path, accept: partialType}).wantStatus(406, metav1.StatusReasonNotAcceptable)
		})
	}
}

func TestListCompression(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/namespaces/ns/configmaps"
	gz := http.Header{"Accept-Encoding": {"deflate, gzip;q=0.8"}}
	zipped := func(h http.Header, accept string) (*answer, bool) {
		a := w.do(request{path: path, accept: accept, header: h}).want(200)
		return a, a.Header().Get("Content-Encoding") == "gzip"
	}
	w.fill(1, 100<<10)
	if a, z := zipped(gz, ""); z || a.Header().Get("Content-Length") != fmt.Sprint(a.Body.Len()) {
		t.Errorf("a list of %d bytes: %v", a.Body.Len(), a.Header())
	}
	for i := range 10 {
		w.create(path, fmt.Sprintf(`{"metadata":{"name":"more-%d"},"data":{"v":%q}}`, i, strings.Repeat("y", 60<<10)))
	}
	for _, accept := range []string{jsonType, protobufType, yamlType, tableType + ",application/json"} {
		a, z := zipped(gz, accept)
		if strings.Contains(accept, "Table") {
			continue // short: rows carry metadata only
		}
		if !z || a.Header().Get("Vary") != "Accept-Encoding" || a.Header().Get("Content-Length") != "" {
			t.Errorf("%s: %v", accept, a.Header())
			continue
		}
		r, err := gzip.NewReader(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		plain, z := zipped(nil, accept)
		if z || !bytes.Equal(unzipped, plain.Body.Bytes()) {
			t.Errorf("%s: unzipped %d bytes, plain %d (zipped %v)", accept, len(unzipped), plain.Body.Len(), z)
		}
	}
	for _, h := range []string{"", "identity", "gzip;q=0", "br"} {
		if _, z := zipped(http.Header{"Accept-Encoding": {h}}, ""); z {
			t.Errorf("Accept-Encoding %q was answered in gzip", h)
		}
	}
}

func TestListSelectorsAndPages(t *testing.T) {
	w := newWorld(t)
	w.fill(10, 10)
	names := func(query string) (out []string, meta metav1.ListMeta) {
		l := &corev1.ConfigMapList{}
		w.get("/api/v1/namespaces/ns/configmaps?" + query).want(200).into(l)
		for _, o := range l.Items {
			out = append(out, strings.TrimPrefix(o.Name, "cm-000"))
		}
		return out, l.ListMeta
	}
	for query, want := range map[string]string{
		"labelSelector=even%3Dtrue":                                       "0 2 4 6 8",
		"labelSelector=even!%3Dtrue":                                      "1 3 5 7 9",
		"labelSelector=app+in+(web-1,web-2)":                              "1 2",
		"labelSelector=!app":                                              "",
		"fieldSelector=metadata.name%3Dcm-0003":                           "3",
		"fieldSelector=metadata.name!%3Dcm-0003":                          "0 1 2 4 5 6 7 8 9",
		"fieldSelector=metadata.namespace%3Dother":                        "",
		"labelSelector=even%3Dtrue&fieldSelector=metadata.name%3Dcm-0003": "",
	} {
		if got, _ := names(query); strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	var all []string
	query := "limit=4"
	for page := 0; ; page++ {
		got, meta := names(query)
		all = append(all, got...)
		if page < 2 && (meta.RemainingItemCount == nil || *meta.RemainingItemCount != int64(10-len(all))) {
			t.Errorf("page %d: remaining %v", page, meta.RemainingItemCount)
		}
		if meta.Continue == "" {
			break
		}
		query = "limit=4&continue=" + url.QueryEscape(meta.Continue)
	}
	if strings.Join(all, " ") != "0 1 2 3 4 5 6 7 8 9" {
		t.Errorf("pages: %v", all)
	}
	for query, reason := range map[string]metav1.StatusReason{
		"labelSelector=a+b":          metav1.StatusReasonBadRequest,
		"fieldSelector=spec.x%3Dy":   metav1.StatusReasonBadRequest,
		"limit=x":                    metav1.StatusReasonBadRequest,
		"continue=%21":               metav1.StatusReasonBadRequest,
		"resourceVersion=x":          metav1.StatusReasonBadRequest,
		"timeout=x":                  metav1.StatusReasonBadRequest,
		"resourceVersionMatch=Exact": metav1.StatusReasonInvalid,
		"resourceVersion=0&resourceVersionMatch=Exact":    metav1.StatusReasonInvalid,
		"resourceVersion=1&resourceVersionMatch=Whatever": metav1.StatusReasonInvalid,
		"sendInitialEvents=true":                          metav1.StatusReasonInvalid,
	} {
		code := 400
		if reason == metav1.StatusReasonInvalid {
			code = 422
		}
		w.get("/api/v1/namespaces/ns/configmaps?"+query).wantStatus(code, reason)
	}
}

// TestListIsSteady: a list that is being written shows one version, whatever is
// written meanwhile.
func TestListIsSteady(t *testing.T) {
	w := newWorld(t)
	w.fill(100, 5000)
	rec := &pausing{header: http.Header{}, at: 1}
	rec.pause = func() { // in the middle of the answer
		for i := range 100 {
			w.do(request{method: "DELETE", path: fmt.Sprintf("/api/v1/namespaces/ns/configmaps/cm-%04d", i)}).want(200)
		}
	}
	w.handler.ServeHTTP(rec, request{path: "/api/v1/namespaces/ns/configmaps"}.build(""))
	l := &corev1.ConfigMapList{}
	if err := json.Unmarshal(rec.body.Bytes(), l); err != nil || len(l.Items) != 100 {
		t.Fatalf("%v, %d items", err, len(l.Items))
	}
	if rec.writes < 2 {
		t.Fatalf("written in %d pieces: nothing came in between", rec.writes)
	}
}

// pausing calls pause before its write number at.
type pausing struct {
	header     http.Header
	body       bytes.Buffer
	writes, at int
	pause      func()
}

func (p *pausing) Header() http.Header { return p.header }
func (p *pausing) WriteHeader(int)     {}
func (p *pausing) Write(b []byte) (int, error) {
	if p.writes == p.at {
		p.pause()
	}
	p.writes++
	return p.body.Write(b)
}
