package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestLayout: a list that is laid out item by item is what the whole would be.
func TestLayout(t *testing.T) {
	odd := []string{"", "one line", "two\nlines\n", "\n\nlead", "trail\n\n\n", "- a\n- b: c\n", "  indented\nnot\n", "a\tb: #c 'd' \"e\" \\", strings.Repeat("long words ", 40),
		"ümläut 世界 \U0001F600", "null", "1e3", "yes", "&a *b !c", "line\u2028sep", "\x00\x1b", "key: |\n  text\n\n  more\n", "items: []\n", "rows: []\nitems: []\n"}
	for _, n := range []int{0, 1, 3, 300} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t)
			for i := range n {
				data := map[string]string{}
				for j := range 4 {
					data[fmt.Sprintf("k%d", j)] = odd[(i*4+j)%len(odd)]
				}
				body, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": fmt.Sprintf("c-%d", i), "annotations": map[string]string{"a": odd[i%len(odd)]}}, "data": data})
				if err != nil {
					t.Fatal(err)
				}
				w.create("/api/v1/namespaces/ns/configmaps", string(body))
			}
			for _, as := range []string{"", ";as=Table;v=v1;g=meta.k8s.io", ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"} {
				path := "/api/v1/namespaces/ns/configmaps?limit=500"
				if n == 3 {
					path = "/api/v1/namespaces/ns/configmaps?limit=2"
				}
				plain := w.do(request{path: path, accept: jsonType + as}).want(200).Body.Bytes()
				pretty := w.do(request{path: path + "&pretty=1", accept: jsonType + as}).want(200).Body.Bytes()
				if want := indent(plain); !bytes.Equal(pretty, want) {
					t.Errorf("%s: pretty\n got %.1000s\nwant %.1000s", as, pretty, want)
				}
				text := w.do(request{path: path, accept: yamlType + as}).want(200).Body.Bytes()
				var want, got any
				if err := json.Unmarshal(plain, &want); err != nil {
					t.Fatal(err)
				}
				if err := yaml.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s: YAML means something else: %v\n%.1000s", as, err, text)
				}
			}
		})
	}
}

// TestLayoutMemory: what a long list in YAML holds at one time is little.
func TestLayoutMemory(t *testing.T) {
	w := newWorld(t)
	w.fill(300, 4000)
	w.get("/api/v1/configmaps").want(200)
	before, most := memory(), int64(0)
	rec := &measuring{sink: newSink(), largest: new(int), full: func() {}}
	rec.each = func() { most = max(most, memory()-before) }
	w.handler.ServeHTTP(rec, request{path: "/api/v1/configmaps", accept: yamlType}.build(""))
	if rec.total < 1_000_000 || *rec.largest > 2*chunkSize {
		t.Errorf("%d bytes, %d at once", rec.total, *rec.largest)
	}
	if most > 4<<20 && !raceEnabled {
		t.Errorf("%d bytes held", most)
	}
	runtime.KeepAlive(w)
}
