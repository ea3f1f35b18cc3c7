package rest

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPatchTypes(t *testing.T) {
	const cm = "/api/v1/namespaces/ns/configmaps/a"
	for _, c := range []struct {
		name, contentType, body string
		want                    map[string]string // the data that comes out, nil for an error
		code                    int
		reason                  metav1.StatusReason
		says                    string
	}{
		{name: "merge", contentType: mergeType, body: `{"data":{"k":null,"n":"1"}}`, want: map[string]string{"n": "1"}},
		{name: "merge, with a charset", contentType: mergeType + "; charset=utf-8", body: `{"data":{"n":"1"}}`, want: map[string]string{"k": "v", "n": "1"}},
		{name: "strategic", contentType: strategicType, body: `{"data":{"n":"1"}}`, want: map[string]string{"k": "v", "n": "1"}},
		{name: "strategic replace", contentType: strategicType, body: `{"data":{"$patch":"replace","n":"1"}}`, want: map[string]string{"n": "1"}},
		{name: "JSON", contentType: jsonPatchType, body: `[{"op":"test","path":"/data/k","value":"v"},{"op":"move","from":"/data/k","path":"/data/m"}]`, want: map[string]string{"m": "v"}},
		{name: "JSON, nothing to do", contentType: jsonPatchType, body: `[]`, want: map[string]string{"k": "v"}},
		{name: "JSON, test fails", contentType: jsonPatchType, body: `[{"op":"test","path":"/data/k","value":"w"}]`, code: 422, reason: metav1.StatusReasonInvalid, says: "rejected our request"},
		{name: "JSON, no such path", contentType: jsonPatchType, body: `[{"op":"remove","path":"/data/none"}]`, code: 422, reason: metav1.StatusReasonInvalid},
		{name: "JSON, not a list", contentType: jsonPatchType, body: `{"op":"remove"}`, code: 400, reason: metav1.StatusReasonBadRequest, says: "error decoding patch"},
		{name: "JSON, cut off", contentType: jsonPatchType, body: `[{"op":`, code: 400, reason: metav1.StatusReasonBadRequest, says: "error decoding patch"},
		{name: "JSON, too many", contentType: jsonPatchType, body: "[" + strings.Repeat(`{"op":"test","path":"/data/k","value":"v"},`, maxPatchOperations) + `{"op":"test","path":"/data/k","value":"v"}]`,
			code: 413, reason: metav1.StatusReasonRequestEntityTooLarge, says: "10000"},
		{name: "merge, not JSON", contentType: mergeType, body: `data: {}`, code: 400, reason: metav1.StatusReasonBadRequest, says: "error decoding patch"},
		{name: "merge, a list", contentType: mergeType, body: `[]`, code: 400, reason: metav1.StatusReasonBadRequest},
		{name: "merge, wrong type", contentType: mergeType, body: `{"data":[1]}`, code: 422, reason: metav1.StatusReasonInvalid, says: "patch"},
		{name: "strategic, cut off", contentType: strategicType, body: `{"data`, code: 400, reason: metav1.StatusReasonBadRequest},
		{name: "another name", contentType: mergeType, body: `{"metadata":{"name":"b"}}`, code: 400, reason: metav1.StatusReasonBadRequest, says: "does not match the name on the URL"},
		{name: "another namespace", contentType: mergeType, body: `{"metadata":{"namespace":"b"}}`, code: 400, reason: metav1.StatusReasonBadRequest, says: "namespace"},
		{name: "a stale version", contentType: mergeType, body: `{"metadata":{"resourceVersion":"1"}}`, code: 409, reason: metav1.StatusReasonConflict, says: "the object has been modified"},
		{name: "another uid", contentType: mergeType, body: `{"metadata":{"uid":"x"}}`, code: 422, reason: metav1.StatusReasonInvalid, says: "field is immutable"},
		{name: "no type", body: `{}`, code: 415, reason: metav1.StatusReasonUnsupportedMediaType},
		{name: "no patch type", contentType: jsonType, body: `{}`, code: 415, reason: metav1.StatusReasonUnsupportedMediaType},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			before := w.configMap("a").object()
			a := w.do(request{method: "PATCH", path: cm, contentType: c.contentType, body: c.body})
			if c.want != nil {
				got := &corev1.ConfigMap{}
				a.want(200).into(got)
				if !reflect.DeepEqual(got.Data, c.want) {
					t.Errorf("%v, want %v", got.Data, c.want)
				}
				return
			}
			if s := a.wantStatus(c.code, c.reason); !strings.Contains(s.Message, c.says) {
				t.Errorf("it says %q", s.Message)
			}
			if after := w.get(cm).want(200).object(); !reflect.DeepEqual(after, before) {
				t.Errorf("it changed the object: %v", after)
			}
		})
	}
}

func TestPatchAbsent(t *testing.T) {
	w := newWorld(t)
	for _, ct := range []string{mergeType, strategicType} {
		w.do(request{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/none", contentType: ct, body: `{}`}).wantStatus(404, metav1.StatusReasonNotFound)
	}
	w.do(request{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/none", contentType: jsonPatchType, body: `[]`}).wantStatus(404, metav1.StatusReasonNotFound)
	w.do(request{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps", contentType: mergeType, body: `{}`}).wantStatus(405, metav1.StatusReasonMethodNotAllowed)
}

// TestStrategicPatchOfPart: a patch that names some of the top-level fields
// leaves the others as they are, and merges lists by their keys.
func TestStrategicPatchOfPart(t *testing.T) {
	w := newWorld(t)
	w.pod("p")
	const path = "/api/v1/namespaces/ns/pods/p"
	before := &corev1.Pod{}
	w.get(path).into(before)
	after := &corev1.Pod{}
	w.do(request{method: "PATCH", path: path, contentType: strategicType, body: `{"metadata":{"labels":{"x":"y"}}}`}).want(200).into(after)
	if !reflect.DeepEqual(after.Spec, before.Spec) || !reflect.DeepEqual(after.Status, before.Status) || after.Labels["app"] != "web" || after.Labels["x"] != "y" || after.UID != before.UID {
		t.Errorf("%+v\nwas %+v", after, before)
	}
	if after.Generation != before.Generation {
		t.Errorf("generation %d, was %d", after.Generation, before.Generation)
	}
	w.do(request{method: "PATCH", path: path, contentType: strategicType, body: `{"spec":{"containers":[{"name":"d","image":"k:3"}]}}`}).want(200).into(after)
	if len(after.Spec.Containers) != 2 || after.Spec.Containers[0].Image != "i:1" || after.Spec.Containers[1].Image != "k:3" || after.Generation != before.Generation+1 || after.Labels["x"] != "y" {
		t.Errorf("%+v", after)
	}
	s := w.do(request{method: "PATCH", path: path, contentType: strategicType, body: `{"spec":{"containers":[{"image":"no-key"}]}}`})
	if s.Code < 400 || s.Code >= 600 {
		t.Errorf("a list item without its key: HTTP %d %s", s.Code, s.Body)
	}
	s.status()
}

// TestPatchRetries: a patch that meets a newer object is applied to that.
func TestPatchRetries(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	const n = 40
	codes := make(chan int, n)
	for i := range n {
		go func() {
			codes <- w.do(request{method: "PATCH", path: "/api/v1/namespaces/ns/configmaps/a", contentType: mergeType, body: fmt.Sprintf(`{"data":{"k%d":"v"}}`, i)}).Code
		}()
	}
	for range n {
		if code := <-codes; code != 200 {
			t.Errorf("HTTP %d", code)
		}
	}
	got := &corev1.ConfigMap{}
	w.get("/api/v1/namespaces/ns/configmaps/a").into(got)
	if len(got.Data) != n+1 {
		t.Errorf("%d keys, want %d", len(got.Data), n+1)
	}
}

func TestFieldValidation(t *testing.T) {
	const body = `{"metadata":{"name":%q},"data":{"k":"v"},"date":{},"data":{"k":"w"}}`
	w := newWorld(t)
	path := "/api/v1/namespaces/ns/configmaps"
	for mode, want := range map[string]int{"": 201, "Warn": 201, "Ignore": 201, "Strict": 400, "Loose": 422} {
		a := w.do(request{method: "POST", path: path + "?fieldValidation=" + mode, body: fmt.Sprintf(body, "a"+strings.ToLower(mode))})
		if a.Code != want {
			t.Fatalf("%q: HTTP %d %s", mode, a.Code, a.Body)
		}
		warnings := strings.Join(a.Header()["Warning"], "\n")
		switch mode {
		case "", "Warn":
			if want := "299 - \"unknown field \\\"date\\\"\"\n299 - \"duplicate field \\\"data\\\"\""; warnings != want && warnings != "299 - \"duplicate field \\\"data\\\"\"\n299 - \"unknown field \\\"date\\\"\"" {
				t.Errorf("%q: warnings %s", mode, warnings)
			}
		default:
			if warnings != "" {
				t.Errorf("%q: warnings %s", mode, warnings)
			}
		}
	}
	for _, c := range []struct{ contentType, body string }{
		{mergeType, `{"date":{}}`}, {strategicType, `{"date":{}}`}, {jsonPatchType, `[{"op":"add","path":"/date","value":{}}]`},
		{mergeType, `{"data":{},"data":{}}`}, {jsonPatchType, `[{"op":"add","path":"/data/x","value":"y","of":""}]`},
	} {
		q := request{method: "PATCH", path: path + "/a", contentType: c.contentType, body: c.body}
		if a := w.do(q).want(200); len(a.Header()["Warning"]) != 1 {
			t.Errorf("%+v: warnings %q", c, a.Header()["Warning"])
		}
		q.path += "?fieldValidation=Ignore"
		if a := w.do(q).want(200); len(a.Header()["Warning"]) != 0 {
			t.Errorf("%+v: warnings %q", c, a.Header()["Warning"])
		}
		q.path = path + "/a?fieldValidation=Strict"
		w.do(q).wantStatus(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid)
	}
}

func TestPatchStatusAndScale(t *testing.T) {
	w := newWorld(t)
	w.create("/apis/apps/v1/namespaces/ns/deployments", `{"metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`)
	const path = "/apis/apps/v1/namespaces/ns/deployments/d"
	for i, c := range []struct{ contentType, body string }{
		{mergeType, `{"spec":{"replicas":2}}`}, {strategicType, `{"spec":{"replicas":3}}`}, {jsonPatchType, `[{"op":"replace","path":"/spec/replicas","value":4}]`},
	} {
		scale := w.do(request{method: "PATCH", path: path + "/scale", contentType: c.contentType, body: c.body}).want(200).object()
		if scale["kind"] != "Scale" || dig(scale, "spec", "replicas") != float64(i+2) {
			t.Errorf("%v", scale)
		}
		if got := w.get(path).object(); dig(got, "spec", "replicas") != float64(i+2) || dig(got, "metadata", "generation") != float64(i+2) {
			t.Errorf("%v", got)
		}
	}
	w.do(request{method: "PATCH", path: path + "/scale", contentType: mergeType, body: `{"spec":{"replicas":-1}}`}).wantStatus(422, metav1.StatusReasonInvalid)
	got := w.do(request{method: "PATCH", path: path + "/status", contentType: mergeType, body: `{"spec":{"replicas":9},"status":{"replicas":7}}`}).want(200).object()
	if dig(got, "spec", "replicas") != float64(4) || dig(got, "status", "replicas") != float64(7) {
		t.Errorf("a status patch: %v", got)
	}
	got = w.do(request{method: "PATCH", path: path, contentType: mergeType, body: `{"status":{"replicas":1}}`}).want(200).object()
	if dig(got, "status", "replicas") != float64(7) {
		t.Errorf("a patch of the object changed its status: %v", got)
	}
}
