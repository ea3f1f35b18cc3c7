package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// events is an open watch. Its reads fail the test when nothing comes.
type events struct {
	t    testing.TB
	resp *http.Response
	body *bufio.Reader
}

// patience bounds how long a test waits for what must come.
const patience = 20 * time.Second

// watch opens a watch over the network.
func (w *world) watch(t testing.TB, base string, client *http.Client, path, accept string) *events {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	resp, err := client.Do(request{path: path, accept: accept}.build(base).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return &events{t: t, resp: resp, body: bufio.NewReader(resp.Body)}
}

type event struct {
	Type   string
	Object json.RawMessage
}

func (e *events) next() (ev event) {
	e.t.Helper()
	line, err := e.body.ReadBytes('\n')
	if err != nil {
		e.t.Fatalf("reading an event: %v (%.300s)", err, line)
	}
	if err := json.Unmarshal(line, &ev); err != nil {
		e.t.Fatalf("%v: %.300s", err, line)
	}
	return ev
}

// end fails the test unless the stream ends here, cleanly.
func (e *events) end() {
	e.t.Helper()
	if rest, err := io.ReadAll(e.body); err != nil || len(rest) > 0 {
		e.t.Fatalf("after the end: %v %.300s", err, rest)
	}
}

// brief is "TYPE name" or, for what has no name, "TYPE @version".
func (e *events) brief() string {
	e.t.Helper()
	ev := e.next()
	o := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(ev.Object, o); err != nil {
		e.t.Fatal(err)
	}
	if o.Name == "" {
		s := ev.Type + " @" + o.ResourceVersion
		if o.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
			s += " initial"
		}
		return s
	}
	return ev.Type + " " + o.Name
}

func (e *events) expect(want ...string) {
	e.t.Helper()
	for _, s := range want {
		if got := e.brief(); got != s {
			e.t.Fatalf("event %q, want %q", got, s)
		}
	}
}

// nextProto reads one protobuf frame.
func (e *events) nextProto(into runtime.Object) string {
	e.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(e.body, size[:]); err != nil {
		e.t.Fatal(err)
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(e.body, frame); err != nil {
		e.t.Fatal(err)
	}
	ev := &metav1.WatchEvent{}
	if err := ev.Unmarshal(frame); err != nil {
		e.t.Fatalf("%v: %q", err, frame)
	}
	gvk := decodeProto(e.t.(*testing.T), ev.Object.Raw, into)
	into.GetObjectKind().SetGroupVersionKind(*gvk)
	return ev.Type
}

// change makes what every watch of this file sees: b added, a modified, b deleted.
func (w *world) change() {
	w.configMap("b")
	w.do(request{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a", contentType: mergeType, body: `{"data":{"k":"2"}}`}).want(200)
	w.do(request{method: "DELETE", path: "/api/v1/namespaces/ns/configmaps/b"}).want(200)
}

func TestWatchJSON(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/1.1 %v", plain), func(t *testing.T) {
			w := newWorld(t)
			w.configMap("a")
			s, client := w.serve(plain)
			e := w.watch(t, s.URL, client, "/api/v1/namespaces/ns/configmaps?watch=1", "")
			if ct := e.resp.Header.Get("Content-Type"); ct != jsonType {
				t.Errorf("Content-Type %q", ct)
			}
			if (e.resp.ProtoMajor == 1) != plain {
				t.Errorf("served over %s", e.resp.Proto)
			}
			e.expect("ADDED a")
			w.change()
			added := e.next()
			cm := &corev1.ConfigMap{}
			if err := json.Unmarshal(added.Object, cm); err != nil || cm.Kind != "ConfigMap" || cm.APIVersion != "v1" || cm.Data["k"] != "v" {
				t.Errorf("%s", added.Object)
			}
			live := w.get("/api/v1/namespaces/ns/configmaps/a").Body.Bytes()
			if got := e.next(); got.Type != "MODIFIED" || string(got.Object)+"\n" != string(live) {
				t.Errorf("%s %s, want %s", got.Type, got.Object, live)
			}
			gone := e.next()
			last := &corev1.ConfigMap{}
			if err := json.Unmarshal(gone.Object, last); err != nil || gone.Type != "DELETED" || last.ResourceVersion == cm.ResourceVersion {
				t.Errorf("%s %s: %v", gone.Type, gone.Object, err)
			}
			last.ResourceVersion = cm.ResourceVersion // of the delete: all else is as it was
			if !reflect.DeepEqual(last, cm) {
				t.Errorf("deleted %+v, was %+v", last, cm)
			}
			w.stop()
			e.end()
		})
	}
}

func TestWatchProtobuf(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	s, client := w.serve(false)
	e := w.watch(t, s.URL, client, "/api/v1/namespaces/ns/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", protobufType)
	if ct := e.resp.Header.Get("Content-Type"); ct != "application/vnd.kubernetes.protobuf;stream=watch" {
		t.Errorf("Content-Type %q", ct)
	}
	want := &corev1.ConfigMap{}
	w.get("/api/v1/namespaces/ns/configmaps/a").want(200).into(want)
	got := &corev1.ConfigMap{}
	if typ := e.nextProto(got); typ != "ADDED" || !reflect.DeepEqual(got, want) {
		t.Errorf("%s %+v", typ, got)
	}
	mark := &corev1.ConfigMap{}
	if typ := e.nextProto(mark); typ != "BOOKMARK" || mark.ResourceVersion == "" || mark.Annotations[metav1.InitialEventsAnnotationKey] != "true" || mark.Name != "" {
		t.Errorf("%s %+v", typ, mark)
	}
	w.change()
	for _, want := range []string{"ADDED b", "MODIFIED a", "DELETED b"} {
		got := &corev1.ConfigMap{}
		if typ := e.nextProto(got); typ+" "+got.Name != want || got.Kind != "ConfigMap" || len(got.Data) != 1 {
			t.Errorf("%s %+v, want %s", typ, got, want)
		}
	}
	p := w.watch(t, s.URL, client, "/api/v1/configmaps?watch=1", protobufType+";as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
	partial := &metav1.PartialObjectMetadata{}
	if typ := p.nextProto(partial); typ != "ADDED" || partial.Kind != "PartialObjectMetadata" || partial.Name != "a" || partial.Labels["app"] != "web" {
		t.Errorf("%s %+v", typ, partial)
	}
}

func TestWatchPartial(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	s, client := w.serve(false)
	for _, as := range []string{"PartialObjectMetadata", "PartialObjectMetadataList"} { // clients ask for the list's
		for _, v := range []string{"v1", "v1beta1"} {
			e := w.watch(t, s.URL, client, "/api/v1/configmaps?watch=1", "application/json;as="+as+";v="+v+";g=meta.k8s.io")
			o := map[string]any{}
			ev := e.next()
			if err := json.Unmarshal(ev.Object, &o); err != nil || o["kind"] != "PartialObjectMetadata" || o["apiVersion"] != "meta.k8s.io/"+v || o["data"] != nil {
				t.Errorf("%s %s", ev.Type, ev.Object)
			}
		}
	}
}

func TestWatchTable(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	s, client := w.serve(false)
	e := w.watch(t, s.URL, client, "/api/v1/namespaces/ns/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", tableType)
	row := func(columns bool) (string, *metav1.Table) {
		ev := e.next()
		table := &metav1.Table{}
		if err := json.Unmarshal(ev.Object, table); err != nil || table.Kind != "Table" || len(table.Rows) != 1 || (len(table.ColumnDefinitions) > 0) != columns {
			t.Fatalf("%v %s %s", err, ev.Type, ev.Object)
		}
		return ev.Type, table
	}
	if typ, table := row(true); typ != "ADDED" || table.Rows[0].Cells[0] != "a" {
		t.Errorf("%s %+v", typ, table)
	}
	typ, table := row(false)
	o := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(table.Rows[0].Object.Raw, o); err != nil || typ != "BOOKMARK" || o.Annotations[metav1.InitialEventsAnnotationKey] != "true" {
		t.Errorf("%s %s", typ, table.Rows[0].Object.Raw)
	}
	w.change()
	for _, want := range []string{"ADDED b", "MODIFIED a", "DELETED b"} {
		if typ, table := row(false); fmt.Sprint(typ, " ", table.Rows[0].Cells[0]) != want {
			t.Errorf("%s %+v, want %s", typ, table.Rows, want)
		}
	}
}

// TestWatchStarts opens watches from every kind of start.
func TestWatchStarts(t *testing.T) {
	const initial = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
	const none = "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
	for query, want := range map[string][]string{ // $A and $B are the versions of a and b
		"":                                 {"ADDED a", "ADDED b"},
		"&resourceVersion=0":               {"ADDED a", "ADDED b"},
		"&resourceVersion=$A":              {"ADDED b"},
		"&resourceVersion=$B":              nil,
		initial:                            {"ADDED a", "ADDED b"},
		initial + "&resourceVersion=0":     {"ADDED a", "ADDED b"},
		initial + "&resourceVersion=$A":    {"ADDED a", "ADDED b"},
		initial + "&resourceVersion=$B":    {"ADDED a", "ADDED b"},
		initial + "&allowWatchBookmarks=1": {"ADDED a", "ADDED b", "BOOKMARK @$B initial"},
		initial + "&allowWatchBookmarks=1&labelSelector=app%3Dother": {"BOOKMARK @$B initial"},
		none:                                        nil,
		none + "&resourceVersion=0":                 nil,
		none + "&resourceVersion=$A":                {"ADDED b"},
		"&fieldSelector=metadata.name%3Db":          {"ADDED b"},
		"&labelSelector=app%3Dother":                nil,
		"&allowWatchBookmarks=1":                    {"ADDED a", "ADDED b", "BOOKMARK @$B initial"},
		"&resourceVersion=$A&allowWatchBookmarks=1": {"ADDED b"},
	} {
		t.Run(query, func(t *testing.T) {
			w := newWorld(t)
			a := w.configMap("a").resourceVersion()
			b := w.configMap("b").resourceVersion()
			versions := strings.NewReplacer("$A", a, "$B", b)
			w.get("/api/v1/namespaces/ns/configmaps").want(200) // a start from anywhere may show what was before
			s, client := w.serve(false)
			e := w.watch(t, s.URL, client, "/api/v1/namespaces/ns/configmaps?watch=1"+versions.Replace(query), "")
			for _, ev := range want {
				e.expect(versions.Replace(ev))
			}
			if strings.Contains(query, "Selector") {
				return
			}
			w.configMap("next") // and nothing else came before it
			e.expect("ADDED next")
		})
	}
}

// TestWatchSelectorTransitions: what begins to match is added, what ceases to is
// deleted, with the event's version.
func TestWatchSelectorTransitions(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	s, client := w.serve(false)
	e := w.watch(t, s.URL, client, "/api/v1/configmaps?watch=1&labelSelector=app%3Dweb", "")
	e.expect("ADDED a")
	label := func(value string) string {
		return w.do(request{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a", contentType: mergeType,
			body: fmt.Sprintf(`{"metadata":{"labels":{"app":%q}}}`, value)}).want(200).resourceVersion()
	}
	at := label("other")
	gone := e.next()
	o := &corev1.ConfigMap{}
	if err := json.Unmarshal(gone.Object, o); err != nil || gone.Type != "DELETED" || o.ResourceVersion != at || o.Labels["app"] != "web" {
		t.Errorf("%s %s, want the object before at %s", gone.Type, gone.Object, at)
	}
	label("third")
	label("web")
	e.expect("ADDED a")
	w.do(request{method: "DELETE", path: "/api/v1/namespaces/ns/configmaps/a"}).want(200)
	e.expect("DELETED a")
}

func TestWatchRefusals(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/namespaces/ns/configmaps?watch=1"
	for query, code := range map[string]int{
		"&resourceVersion=x":                                 500, // what kube-apiserver answers here, a plain error
		"&fieldSelector=spec.a%3Db":                          400,
		"&labelSelector=a+b":                                 400,
		"&timeoutSeconds=x":                                  400,
		"&sendInitialEvents=true":                            422,
		"&continue=abc":                                      422,
		"&resourceVersionMatch=Exact":                        422,
		"&sendInitialEvents=true&resourceVersionMatch=Exact": 422,
	} {
		a := w.do(request{path: path + query})
		if a.Code != code && !(code == 500 && a.Code == 400) {
			t.Errorf("%s: HTTP %d %.300s", query, a.Code, a.Body)
		}
		a.status()
	}
	w.do(request{path: path, accept: yamlType}).want(http.StatusNotAcceptable)
	w.do(request{path: path, user: "nobody"}).wantStatus(403, metav1.StatusReasonForbidden)
}

// TestWatchErrorsInStream: a version that is gone, or far ahead, is answered
// inside the stream.
func TestWatchErrorsInStream(t *testing.T) {
	w := newWorld(t)
	w.fill(5, 1)
	old := w.configMap("a").resourceVersion()
	for range 5 {
		w.configMap("b")
		w.do(request{method: "DELETE", path: "/api/v1/namespaces/ns/configmaps/b"}).want(200)
	}
	current, _ := w.store.Revision()
	if err := w.store.Compact(t.Context(), current-1); err != nil {
		t.Fatal(err)
	}
	s, client := w.serve(false)
	for _, accept := range []string{jsonType, tableType, partialType} {
		e := w.watch(t, s.URL, client, "/api/v1/configmaps?watch=1&resourceVersion="+old, accept)
		if e.resp.StatusCode != 200 {
			t.Fatal(e.resp.Status)
		}
		ev := e.next()
		st := &metav1.Status{}
		if err := json.Unmarshal(ev.Object, st); err != nil {
			t.Fatal(err)
		}
		if ev.Type != "ERROR" || st.Code != 410 || st.Reason != metav1.StatusReasonExpired || st.Kind != "Status" {
			t.Errorf("%s: %s %s", accept, ev.Type, ev.Object)
		}
		e.end()
	}
}

// sink is a client without a network: what it is sent, it has.
type sink struct {
	header http.Header
	mu     sync.Mutex
	buf    bytes.Buffer
}

func newSink() *sink { return &sink{header: http.Header{}} }

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) Flush()              {}
func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

// take returns what came since the last take, as brief events.
func (s *sink) take(t *testing.T) string {
	s.mu.Lock()
	b := bytes.Clone(s.buf.Bytes())
	s.buf.Reset()
	s.mu.Unlock()
	e := &events{t: t, body: bufio.NewReader(bytes.NewReader(b))}
	var out []string
	for n := bytes.Count(b, []byte("\n")); n > 0; n-- {
		out = append(out, e.brief())
	}
	return strings.Join(out, ", ")
}

// TestWatchTimes: bookmarks come every minute and two seconds before the end,
// and the end comes in time.
func TestWatchTimes(t *testing.T) {
	for query, minutes := range map[string]int{"&timeoutSeconds=630": 10, "&timeoutSeconds=630&resourceVersion=$A": 10} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			at := w.configMap("a").resourceVersion()
			out := newSink()
			began, ended := time.Now(), make(chan time.Duration, 1)
			go func() {
				w.handler.ServeHTTP(out, request{path: "/api/v1/configmaps?watch=1&allowWatchBookmarks=1" + strings.ReplaceAll(query, "$A", at)}.build(""))
				ended <- time.Since(began)
			}()
			synctest.Wait()
			out.take(t)
			for i := range minutes {
				time.Sleep(time.Minute) // of the bubble's clock
				synctest.Wait()
				if got := out.take(t); got != "BOOKMARK @"+at {
					t.Errorf("after minute %d: %q", i+1, got)
				}
			}
			other := w.create("/api/v1/namespaces/ns/secrets", `{"metadata":{"name":"elsewhere"}}`).resourceVersion()
			if took := <-ended; took != 630*time.Second {
				t.Errorf("it lasted %v", took)
			}
			if got := out.take(t); got != "BOOKMARK @"+other { // the progress of the whole store
				t.Errorf("before the end: %q", got)
			}
		})
	}
}

// TestWatchLastsAtMost: a watch without a time lasts half an hour to an hour.
func TestWatchLastsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()
		w.handler.ServeHTTP(newSink(), request{path: "/api/v1/configmaps?watch=1"}.build(""))
		if took := time.Since(began); took < minWatchTimeout || took > 2*minWatchTimeout {
			t.Errorf("it lasted %v", took)
		}
	})
}

// TestWatchCountsAndCleansUp: the observer sees every watch come and go, and
// none outlives its client.
func TestWatchCountsAndCleansUp(t *testing.T) {
	w := newWorld(t)
	s, client := w.serve(false)
	ctx, cancel := context.WithCancel(t.Context())
	for range 20 {
		resp, err := client.Do(request{path: "/api/v1/configmaps?watch=1"}.build(s.URL).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	if n := w.seen.watching.Load(); n != 20 {
		t.Errorf("%d watches are open", n)
	}
	cancel()
	eventually(t, func() bool { return w.seen.watching.Load() == 0 })
	if o := w.seen.last.Load(); o == nil || o.Verb != "watch" || o.Code != 200 || o.Resource != "configmaps" {
		t.Errorf("observed %+v", o)
	}
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it never came true")
		}
	}
}

// TestWatchWithoutFlusher asks the handler itself, whose flusher cannot
// flush: the stream ends without a panic.
func TestWatchWithoutFlusher(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	rec := &pausing{header: http.Header{}, at: -1}
	w.handler.ServeHTTP(rec, request{path: "/api/v1/configmaps?watch=1"}.build(""))
	if rec.body.Len() == 0 {
		t.Error("nothing was written")
	}
}
