package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func TestAccess(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	const list = "/api/v1/namespaces/ns/configmaps"
	w.do(request{path: list, user: "anonymous"}).wantStatus(401, metav1.StatusReasonUnauthorized)
	w.do(request{path: list, user: "wrong"}).wantStatus(401, metav1.StatusReasonUnauthorized)
	for _, c := range []struct {
		q    request
		says string
	}{
		{request{path: list}, `configmaps is forbidden: User "nobody" cannot list resource "configmaps" in API group "" in the namespace "ns"`},
		{request{path: list + "/a"}, `configmaps "a" is forbidden: User "nobody" cannot get resource "configmaps" in API group "" in the namespace "ns"`},
		{request{path: "/apis/apps/v1/deployments"}, `deployments.apps is forbidden: User "nobody" cannot list resource "deployments" in API group "apps" at the cluster scope`},
		{request{method: "DELETE", path: list}, `configmaps is forbidden: User "nobody" cannot deletecollection resource "configmaps" in API group "" in the namespace "ns"`},
		{request{path: "/api/v1/namespaces/ns/pods/p/status"}, `pods "p" is forbidden: User "nobody" cannot get resource "pods/status" in API group "" in the namespace "ns"`},
	} {
		c.q.user = "nobody"
		if s := w.do(c.q).wantStatus(403, metav1.StatusReasonForbidden); s.Message != c.says {
			t.Errorf("it says %q,\nwant    %q", s.Message, c.says)
		}
	}
	for _, path := range []string{"/api", "/apis", "/version", "/openapi/v3", "/api/v1", "/apis/apps"} {
		w.do(request{path: path, user: "anonymous"}).want(200)
	}
}

// TestStatusForms: an error is answered in the form that was asked for.
func TestStatusForms(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/namespaces/ns/configmaps/none"
	for accept, ct := range map[string]string{"": jsonType, jsonType: jsonType, yamlType: yamlType, protobufType: protobufType, tableType: jsonType, partialType: jsonType, "text/html": jsonType} {
		a := w.do(request{path: path, accept: accept})
		if got := a.Header().Get("Content-Type"); got != ct {
			t.Errorf("%q: Content-Type %s", accept, got)
		}
		s := &metav1.Status{}
		switch ct {
		case yamlType:
			if err := yaml.Unmarshal(a.Body.Bytes(), s); err != nil {
				t.Error(err)
			}
		case protobufType:
			decodeProto(t, a.Body.Bytes(), s)
		default:
			s = a.status()
		}
		if int(s.Code) != a.Code || s.Status != metav1.StatusFailure || s.Message == "" {
			t.Errorf("%q: HTTP %d %+v", accept, a.Code, s)
		}
	}
}

func TestStatusOf(t *testing.T) {
	wrapped := fmt.Errorf("while: %w", apierrors.NewConflict(corev1.Resource("pods"), "p", errors.New("no")))
	if s := statusOf(wrapped); s.Code != 409 || s.Details.Name != "p" {
		t.Errorf("%+v", s)
	}
	if s := statusOf(errors.New("odd")); s.Code != 500 || s.Reason != metav1.StatusReasonInternalError {
		t.Errorf("%+v", s)
	}
	if s := statusOf(&apierrors.StatusError{}); s.Code != 500 || s.Kind != "Status" {
		t.Errorf("%+v", s)
	}
	w := newWorld(t)
	w.configMap("a")
	w.do(request{method: "PUT", path: "/api/v1/namespaces/ns/configmaps/a", body: `{"metadata":{"name":"a","resourceVersion":"1"}}`}).wantStatus(409, metav1.StatusReasonConflict)
}

// TestFutureVersion waits, three seconds of a clock of its own, for a version
// that does not come.
func TestFutureVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, path := range []string{"/api/v1/namespaces/ns?resourceVersion=99999", "/api/v1/namespaces?resourceVersion=99999",
			"/api/v1/namespaces?resourceVersion=99999&resourceVersionMatch=Exact", "/api/v1/namespaces?resourceVersion=18446744073709551615"} {
			began := time.Now()
			a := w.get(path)
			if s := a.wantStatus(504, metav1.StatusReasonTimeout); a.Header().Get("Retry-After") != "1" || s.Details.Causes[0].Type != metav1.CauseTypeResourceVersionTooLarge {
				t.Errorf("%s: %v %+v", path, a.Header(), s)
			}
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("%s: it waited %v", path, took)
			}
		}
	})
}

func TestPanicIsAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.handler.Authenticator = nil // the next request dereferences it
	a := w.get("/api/v1/pods")
	if s := a.wantStatus(500, metav1.StatusReasonInternalError); !strings.Contains(s.Message, a.Header().Get("Audit-Id")) {
		t.Errorf("%s", s.Message)
	}
	if n := w.seen.panics.Swap(0); n != 1 || !strings.Contains(w.logs.String(), "stack=") {
		t.Errorf("%d panics, log %s", n, w.logs)
	}
}

func TestWarningHeaders(t *testing.T) {
	rec := &recorder{ResponseWriter: newSink()}
	c := &call{w: rec, warnings: []string{`say "hi"`, `say "hi"`, "line\nbreak\\", strings.Repeat("é", maxWarnings), strings.Repeat("b", maxWarnings), strings.Repeat("c", 300)}}
	c.sendWarnings()
	got := rec.Header()["Warning"]
	if len(got) < 3 || got[0] != `299 - "say \"hi\""` || got[1] != `299 - "line break\\"` {
		t.Fatalf("%.200q", got)
	}
	total := 0
	for _, v := range got {
		total += len(v)
		if strings.ContainsAny(v, "\r\n\x00") {
			t.Errorf("%q", v)
		}
	}
	if total > 4*maxWarnings {
		t.Errorf("%d bytes of warnings", total)
	}
}

// TestObservation: what is counted of a request has no label that a client makes up.
func TestObservation(t *testing.T) {
	w := newWorld(t)
	w.configMap("a")
	for _, c := range []struct {
		q    request
		want Observation
	}{
		{request{path: "/api/v1/namespaces/ns/configmaps/a"}, Observation{Verb: "get", Version: "v1", Resource: "configmaps", Scope: "resource", Code: 200}},
		{request{path: "/api/v1/namespaces/ns/configmaps"}, Observation{Verb: "list", Version: "v1", Resource: "configmaps", Scope: "namespace", Code: 200}},
		{request{path: "/apis/apps/v1/deployments"}, Observation{Verb: "list", Group: "apps", Version: "v1", Resource: "deployments", Scope: "cluster", Code: 200}},
		{request{path: "/api/v1/namespaces/ns/pods/p/status"}, Observation{Verb: "get", Version: "v1", Resource: "pods", Subresource: "status", Scope: "resource", Code: 404}},
		{request{method: "POST", path: "/api/v1/namespaces/ns/configmaps?dryRun=All", body: `{"metadata":{"name":"b"}}`}, Observation{Verb: "create", Version: "v1", Resource: "configmaps", Scope: "namespace", Code: 201, DryRun: true}},
		{request{path: "/api/v1/madeup"}, Observation{Scope: "cluster", Code: 404}},
		{request{path: "/apis/apps/v7/deployments"}, Observation{Scope: "cluster", Code: 404}},
		{request{path: "/api/v1/namespaces/ns/pods/p/madeup"}, Observation{Verb: "get", Version: "v1", Resource: "pods", Scope: "resource", Code: 404}},
		{request{path: "/api/v1/pods", user: "anonymous"}, Observation{Scope: "cluster", Code: 401}},
	} {
		w.do(c.q)
		got := *w.seen.last.Load()
		if got.Code < 400 && got.Bytes == 0 {
			t.Errorf("%s: no bytes", c.q.path)
		}
		got.Bytes, got.Duration = 0, 0
		if got != c.want {
			t.Errorf("%s %s:\n got %+v\nwant %+v", c.q.method, c.q.path, got, c.want)
		}
	}
	if w.seen.last.Load().Code != http.StatusUnauthorized {
		t.Error("the last one is not the last")
	}
}
