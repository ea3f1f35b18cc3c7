package rest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/binnacle-io/binnacle/api/codec"
)

// a write is a request that takes a body.
var writes = []request{
	{method: "POST", path: "/api/v1/namespaces/ns/configmaps"},
	{method: "POST", path: "/api/v1/namespaces/ns/pods"},
	{method: "PUT", path: "/api/v1/namespaces/ns/configmaps/a"},
	{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a", contentType: mergeType},
	{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a", contentType: strategicType},
	{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a", contentType: jsonPatchType},
	{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a?fieldManager=m", contentType: applyType},
	{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/new?fieldManager=m", contentType: applyType},
	{method: "PATCH", path: "/apis/apps/v1/namespaces/ns/deployments/new?fieldManager=m", contentType: applyType},
	{method: "PUT", path: "/api/v1/namespaces/ns/pods/p/status"},
	{method: "POST", path: "/api/v1/namespaces/ns/pods/p/binding"},
	{method: "PUT", path: "/api/v1/namespaces/ns/replicationcontrollers/r/scale"},
	{method: "PATCH", path: "/api/v1/namespaces/ns/replicationcontrollers/r/scale", contentType: mergeType},
	{method: "DELETE", path: "/api/v1/namespaces/ns/configmaps/none"},
	{method: "DELETE", path: "/api/v1/namespaces/none/configmaps"},
	{method: "POST", path: "/apis/authentication.k8s.io/v1/selfsubjectreviews"},
	{method: "PUT", path: "/api/v1/namespaces/ns/finalize"},
}

func (w *world) forWrites() *world {
	w.configMap("a")
	w.pod("p")
	w.create("/api/v1/namespaces/ns/replicationcontrollers", `{"metadata":{"name":"r"},"spec":{"selector":{"a":"b"},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`)
	return w
}

// refused fails the test unless an answer is a Status of a client's fault.
func (a *answer) refused(what string) {
	a.t.Helper()
	if a.Code < 400 || a.Code >= 500 {
		a.t.Errorf("%s: HTTP %d %.300s", what, a.Code, a.Body)
		return
	}
	a.status()
}

func nested(opening, closing string, depth int) string {
	return strings.Repeat(opening, depth) + strings.Repeat(closing, depth)
}

// bomb is YAML whose aliases unfold to 10^9 strings.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String() + "data: {k: *a8}\n"
}

func TestHostileBodies(t *testing.T) {
	deep := 100_000
	if testing.Short() {
		deep = 12_000
	}
	for name, c := range map[string]struct{ contentType, body string }{
		"not JSON":            {body: "hello"},
		"cut off":             {body: `{"metadata":{"name":"x"},"da`},
		"a list":              {body: `[1,2]`},
		"a number":            {body: `7`},
		"two documents":       {body: `{"metadata":{"name":"x"}}{"a":1}`},
		"deep objects":        {body: `{"metadata":` + strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep) + "}"},
		"deep lists":          {body: `{"metadata":` + nested("[", "]", deep) + "}"},
		"deep, not closed":    {body: strings.Repeat(`{"a":`, deep)},
		"deep lists only":     {body: nested("[", "]", deep)},
		"deep YAML":           {yamlType, "metadata: " + nested("[", "]", deep)},
		"deep YAML maps":      {yamlType, "metadata: " + strings.Repeat("{a: ", deep) + "1" + strings.Repeat("}", deep)},
		"YAML of aliases":     {yamlType, bomb()},
		"YAML of itself":      {yamlType, "metadata: &m {labels: *m}\n"},
		"not YAML":            {yamlType, "a: b: c: [}"},
		"not protobuf":        {protobufType, "k8s\x00\xff\xff\xff\xff"},
		"protobuf, no magic":  {protobufType, "{}"},
		"protobuf, cut off":   {protobufType, "k8s\x00\x0a\x14"},
		"NUL bytes":           {body: strings.Repeat("\x00", 1000)},
		"bytes that are none": {body: "{\"metadata\":{\"name\":\"\xff\xfe\"}}"},
		"huge number":         {body: `{"metadata":{"generation":` + strings.Repeat("9", 100_000) + `}}`},
		"wrong types":         {body: `{"metadata":"x","spec":[],"status":7,"data":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).forWrites()
			for _, q := range writes {
				q.body = c.body
				if c.contentType != "" {
					switch q.contentType {
					case "":
						q.contentType = c.contentType
					case applyType: // which is YAML
					default:
						continue // patches have types of their own
					}
				}
				a := w.do(q)
				if a.Code < 300 && (q.method == "DELETE" || q.path == "/apis/authentication.k8s.io/v1/selfsubjectreviews") {
					continue // it passes over what it does not know
				}
				a.refused(fmt.Sprintf("%s %s %s", q.method, q.path, q.contentType))
			}
			w.get("/api/v1/namespaces/ns/configmaps/a").want(200)
		})
	}
}

// chunked hides the length of a body.
type chunked struct{ io.Reader }

func TestTooLargeBodies(t *testing.T) {
	w := newWorld(t).forWrites()
	big := `{"metadata":{"name":"x"},"data":{"k":"` + strings.Repeat("x", maxBody) + `"}}`
	for _, q := range writes {
		q.body = big
		if a := w.do(q); a.Code != 413 {
			t.Errorf("%s %s: HTTP %d %s", q.method, q.path, a.Code, a.Body)
			continue
		}
		r := q.build("")
		r.Body, r.ContentLength = io.NopCloser(chunked{strings.NewReader(big)}), -1
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		(&answer{rec, t}).wantStatus(http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge)
	}
	// Exactly the limit is read, and then too much for the store.
	q := writes[0]
	frame := len(`{"metadata":{"name":"x"},"data":{"k":""}}`)
	q.body = `{"metadata":{"name":"x"},"data":{"k":"` + strings.Repeat("x", maxBody-frame) + `"}}`
	w.do(q).refused("3 MiB")
	q.body = q.body[:len(q.body)/2]
	w.do(q).refused("half of that, cut off")
	r := writes[0].build("")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 100 // less than it says
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	(&answer{rec, t}).wantStatus(400, metav1.StatusReasonBadRequest)
}

// TestBodyMemory: a client that announces much and sends nothing holds little.
func TestBodyMemory(t *testing.T) {
	const n = 200
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	readers := make([][]byte, n)
	for i := range readers {
		readers[i], _ = readExactly(strings.NewReader("{"), maxBody)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > n*2*firstRoom {
		t.Errorf("%d bodies of nothing hold %d bytes", n, grown)
	}
	runtime.KeepAlive(readers)
	whole := strings.Repeat("0123456789", 30_000)
	for _, size := range []int{0, 1, firstRoom - 1, firstRoom, firstRoom + 1, 4*firstRoom + 3, len(whole)} {
		got, err := readExactly(strings.NewReader(whole), int64(size))
		if err != nil || string(got) != whole[:size] {
			t.Errorf("%d bytes: %v, got %d", size, err, len(got))
		}
	}
}

// TestJSONPatchBomb: copies that double the document end before they hurt.
func TestJSONPatchBomb(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	var ops []string
	ops = append(ops, `{"op":"add","path":"/x","value":["`+strings.Repeat("x", 1000)+`"]}`)
	for range 40 { // 2^40 KB
		ops = append(ops, `{"op":"copy","from":"/x","path":"/x/-"}`)
	}
	began := time.Now()
	w.do(request{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a", contentType: jsonPatchType, body: "[" + strings.Join(ops, ",") + "]"}).
		wantStatus(422, metav1.StatusReasonInvalid)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestHostileQueries(t *testing.T) {
	w := newWorld(t)
	w.fill(20, 1)
	many := 50_000
	if testing.Short() {
		many = 5_000
	}
	thousands := make([]string, 0, many/3)
	for i := range cap(thousands) {
		thousands = append(thousands, fmt.Sprintf("k%d!=v", i))
	}
	ok := map[string]bool{}
	must := func(key string) string { ok[key] = true; return key }
	for name, query := range map[string]string{
		must("thousands of requirements"): "labelSelector=" + url.QueryEscape(strings.Join(thousands, ",")),
		must("one of many values"):        "labelSelector=" + url.QueryEscape("app in ("+strings.Repeat("v,", many)+"v)"),
		must("the same many times"):       "labelSelector=" + url.QueryEscape(strings.TrimSuffix(strings.Repeat("app,", many), ",")),
		must("thousands of fields"):       "fieldSelector=" + url.QueryEscape(strings.TrimSuffix(strings.Repeat("metadata.name!=x,", many/3), ",")),
		"a label of a megabyte":           "labelSelector=" + strings.Repeat("a", 1<<20),
		"not closed":                      "labelSelector=" + url.QueryEscape("a in (b"),
		"only brackets":                   "labelSelector=" + strings.Repeat("(", 100_000),
		"only commas":                     "labelSelector=" + strings.Repeat(",", 100_000),
		"not UTF-8":                       "labelSelector=%ff%fe%3Dx",
		must("NUL, which ends the text"):  "labelSelector=a%3D%00",
		"a field that is not UTF-8":       "fieldSelector=metadata.%ff%3Dx",
		"a field without a value":         "fieldSelector=metadata.name",
		must("a name that is not UTF-8"):  "fieldSelector=metadata.name%3D%ff",
		must("a limit that is negative"):  "limit=-1",
		"a limit that is too long":        "limit=" + strings.Repeat("9", 1000),
		"a version that is too long":      "resourceVersion=" + strings.Repeat("9", 1000),
		"a version that is not UTF-8":     "resourceVersion=%ff",
		"a timeout that is not one":       "timeout=%ff",
		"semicolons":                      "labelSelector=a;b=c&resourceVersion=x",
		must("many keys"):                 strings.Repeat("&x=y", many),
	} {
		began := time.Now()
		a := w.get("/api/v1/namespaces/ns/configmaps?" + query)
		if ok[name] {
			if a.Code != 200 {
				t.Errorf("%s: HTTP %d %.200s", name, a.Code, a.Body)
			}
		} else {
			a.refused(name)
		}
		if took := time.Since(began); took > 5*time.Second && !raceEnabled {
			t.Errorf("%s: it took %v", name, took)
		}
		if !utf8.Valid(a.Body.Bytes()) {
			t.Errorf("%s: the answer is not UTF-8", name)
		}
	}
}

func TestHostileContinueTokens(t *testing.T) {
	w := newWorld(t)
	w.fill(5, 1)
	token := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, tok := range map[string]string{
		"not base64":     "!!!!",
		"not JSON":       token("hello"),
		"null":           token("null"),
		"no version":     token(`{"rv":2,"start":"a"}`),
		"version 2":      token(`{"v":"meta.k8s.io/v2","rv":2,"start":"a"}`),
		"no revision":    token(`{"v":"meta.k8s.io/v1","start":"a"}`),
		"no start":       token(`{"v":"meta.k8s.io/v1","rv":2}`),
		"up and away":    token(`{"v":"meta.k8s.io/v1","rv":2,"start":"../../secrets/ns/a"}`),
		"up inside":      token(`{"v":"meta.k8s.io/v1","rv":2,"start":"a/../../b"}`),
		"double slashes": token(`{"v":"meta.k8s.io/v1","rv":2,"start":"a//b"}`),
		"too long":       token(`{"v":"meta.k8s.io/v1","rv":2,"start":"` + strings.Repeat("a", 5000) + `"}`),
		"odd revision":   token(`{"v":"meta.k8s.io/v1","rv":1e400,"start":"a"}`),
		"deep":           token(`{"v":` + nested("[", "]", 1000)),
		"with a version": token(`{"v":"meta.k8s.io/v1","rv":2,"start":"a"}`) + "&resourceVersion=5",
	} {
		a := w.get("/api/v1/namespaces/ns/configmaps?limit=1&continue=" + strings.ReplaceAll(url.QueryEscape(tok), "%26resourceVersion%3D", "&resourceVersion="))
		if name == "with a version" {
			a.refused(name)
			continue
		}
		a.wantStatus(400, metav1.StatusReasonBadRequest)
	}
	for _, start := range []string{`zzz`, `\u0000`, `cm-0002\u0000`, "\xff", `a b`} { // odd, but keys
		a := w.get("/api/v1/namespaces/ns/configmaps?limit=1&continue=" + token(`{"v":"meta.k8s.io/v1","rv":-1,"start":"`+start+`"}`))
		if a.Code != 200 && a.Code != 400 {
			t.Errorf("%q: HTTP %d %s", start, a.Code, a.Body)
		}
	}
}

// TestInvalidUTF8: what is not text never leaves as text that no client can read.
func TestInvalidUTF8(t *testing.T) {
	w := newWorld(t)
	post := func(cm *corev1.ConfigMap) *answer {
		body, err := codec.EncodeProtobuf(cm, schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"})
		if err != nil {
			t.Fatal(err)
		}
		return w.do(request{method: "POST", path: "/api/v1/namespaces/ns/configmaps", contentType: protobufType, body: string(body)})
	}
	const odd = "a\xff\xfeb\xc3"
	for name, cm := range map[string]*corev1.ConfigMap{
		"name":       {ObjectMeta: metav1.ObjectMeta{Name: odd}},
		"label":      {ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{"a": odd}}},
		"label key":  {ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{odd: "a"}}},
		"annotation": {ObjectMeta: metav1.ObjectMeta{Name: "x", Annotations: map[string]string{odd: "a"}}},
		"finalizer":  {ObjectMeta: metav1.ObjectMeta{Name: "x", Finalizers: []string{odd}}},
		"data key":   {ObjectMeta: metav1.ObjectMeta{Name: "x"}, Data: map[string]string{odd: "a"}},
		"namespace":  {ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: odd}},
	} {
		a := post(cm)
		a.refused(name)
		if !utf8.Valid(a.Body.Bytes()) {
			t.Errorf("%s: the answer is not UTF-8: %q", name, a.Body)
		}
	}
	a := post(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", Annotations: map[string]string{"a": odd}}, Data: map[string]string{"k": odd}})
	if a.Code != 201 {
		a.refused("data")
		return
	}
	for _, q := range []request{{path: "/api/v1/namespaces/ns/configmaps/x"}, {path: "/api/v1/configmaps"}, {path: "/api/v1/configmaps", accept: tableType},
		{path: "/api/v1/configmaps", accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}, {path: "/api/v1/configmaps?watch=1&timeoutSeconds=1"}} {
		a := w.do(q).want(200)
		if !utf8.Valid(a.Body.Bytes()) {
			t.Errorf("%+v: not UTF-8: %q", q, a.Body)
		}
		for dec := json.NewDecoder(a.Body); ; {
			var v any
			if err := dec.Decode(&v); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%+v: %v", q, err)
				break
			}
		}
	}
	for _, path := range []string{"/api/v1/namespaces/ns/configmaps/%ff", "/api/v1/namespaces/%ff/configmaps/x", "/api/v1/%ff", "/apis/%ff/v1/x", "/%ff"} {
		if a := w.get(path); a.Code != 404 || !utf8.Valid(a.Body.Bytes()) {
			t.Errorf("%s: HTTP %d %q", path, a.Code, a.Body)
		}
	}
	w.do(request{method: "POST", path: "/api/v1/namespaces/%ff/configmaps", body: `{"metadata":{"name":"x"}}`}).refused("a namespace that is none")
	w.do(request{method: "DELETE", path: "/api/v1/namespaces/ns/configmaps/%00"}).refused("a name that is none")
	w.do(request{method: "PUT", path: "/apis/coordination.k8s.io/v1/namespaces/ns/leases/%ff", body: `{"metadata":{"name":"\ufffd"}}`}).refused("a lease that is none")
}

// TestHostileNames: what leads nowhere else than where it says.
func TestHostileNames(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	for _, name := range []string{"..", ".", "%2e%2e", "..%2f..%2fsecrets", "a%2fb", "a%00", strings.Repeat("a", 10_000), "A", "-", "a..b", "a%20b", "%25"} {
		for _, q := range []request{{path: "/api/v1/namespaces/ns/configmaps/" + name}, {method: "DELETE", path: "/api/v1/namespaces/ns/configmaps/" + name},
			{method: "PATCH", contentType: mergeType, body: "{}", path: "/api/v1/namespaces/ns/configmaps/" + name}} {
			w.do(q).refused(q.method + " " + q.path)
		}
		body, err := json.Marshal(map[string]any{"metadata": map[string]any{"name": name}})
		if err != nil {
			t.Fatal(err)
		}
		w.do(request{method: "POST", path: "/api/v1/namespaces/ns/configmaps", body: string(body)}).refused("create " + name)
	}
	l := &corev1.ConfigMapList{}
	w.get("/api/v1/configmaps").into(l)
	if len(l.Items) != 1 {
		t.Errorf("%d ConfigMaps", len(l.Items))
	}
}

// TestOddHeaders: the handler takes whatever the server lets through.
func TestOddHeaders(t *testing.T) {
	w := newWorld(t)
	many := http.Header{}
	for i := range 5000 {
		many[fmt.Sprintf("X-Header-%d", i)] = []string{"v"}
	}
	for name, h := range map[string]http.Header{
		"many":           many,
		"long accept":    {"Accept": {strings.Repeat("a/b;c=d,", 100_000)}},
		"many accepts":   {"Accept": strings.Split(strings.Repeat("a/b ", 50_000), " ")},
		"odd accept":     {"Accept": {"\x00\xff;;;="}},
		"long encodings": {"Accept-Encoding": {strings.Repeat("gzip;q=0,", 100_000)}},
		"long agent":     {"User-Agent": {strings.Repeat("curl/", 100_000)}},
		"odd length":     {"Content-Length": {"-5"}},
		"etag":           {"If-None-Match": {strings.Repeat("\"", 100_000)}},
	} {
		began := time.Now()
		for _, path := range []string{"/api/v1/namespaces/ns", "/api/v1/namespaces", "/apis", "/openapi/v3"} {
			a := w.do(request{path: path, header: h})
			if a.Code != 200 && a.Code != 406 {
				t.Errorf("%s %s: HTTP %d", name, path, a.Code)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}
