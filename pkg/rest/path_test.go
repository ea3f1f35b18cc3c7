package rest

import (
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestParseTarget(t *testing.T) {
	core := schema.GroupVersion{Version: "v1"}
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	for path, want := range map[string]*target{
		"/api/v1":                                  {gv: core},
		"/api/v1/":                                 {gv: core},
		"/apis/apps/v1":                            {gv: apps},
		"/api/v1/pods":                             {gv: core, resource: "pods"},
		"/api/v1/nodes/n1":                         {gv: core, resource: "nodes", name: "n1"},
		"/api/v1/nodes/n1/status":                  {gv: core, resource: "nodes", name: "n1", subresource: "status"},
		"/api/v1/nodes/n1/proxy/a/b":               {gv: core, resource: "nodes", name: "n1", subresource: "proxy", rest: "a/b"},
		"/api/v1/namespaces":                       {gv: core, resource: "namespaces"},
		"/api/v1/namespaces/x":                     {gv: core, resource: "namespaces", name: "x"},
		"/api/v1/namespaces/x/status":              {gv: core, resource: "namespaces", name: "x", subresource: "status"},
		"/api/v1/namespaces/x/finalize":            {gv: core, resource: "namespaces", name: "x", subresource: "finalize"},
		"/api/v1/namespaces/x/pods":                {gv: core, namespace: "x", resource: "pods"},
		"/api/v1/namespaces/x/pods/p":              {gv: core, namespace: "x", resource: "pods", name: "p"},
		"/api/v1/namespaces/x/pods/p/log":          {gv: core, namespace: "x", resource: "pods", name: "p", subresource: "log"},
		"/apis/apps/v1/namespaces/x/deployments/d": {gv: apps, namespace: "x", resource: "deployments", name: "d"},
		"/api/v1/watch/pods":                       {gv: core, watchPrefix: true, resource: "pods"},
		"/api/v1/watch/namespaces/x/pods/p":        {gv: core, watchPrefix: true, namespace: "x", resource: "pods", name: "p"},
		"/api/v1/watch":                            {gv: core, resource: "watch"},
		"/api/v1/namespaces/x/pods//log":           nil,
		"/api/v1/namespaces//pods":                 {gv: core, resource: "pods"}, // a namespace of no name is none
		"/api":                                     nil,
		"/apis/apps":                               nil,
		"/":                                        nil,
		"":                                         nil,
		"/other/v1/pods":                           nil,
		"/api/v1/namespaces/x/services/s/proxy/a//b/": {gv: core, namespace: "x", resource: "services", name: "s", subresource: "proxy", rest: "a//b"},
	} {
		got, ok := parseTarget(path)
		if ok != (want != nil) {
			t.Errorf("%s: ok %v", path, ok)
		} else if want != nil && got != *want {
			t.Errorf("%s:\n got %+v\nwant %+v", path, got, *want)
		}
	}
}

func TestVerbOf(t *testing.T) {
	for _, c := range []struct {
		method, path string
		watch        bool
		want         string
	}{
		{"GET", "/api/v1/pods", false, "list"},
		{"GET", "/api/v1/pods", true, "watch"},
		{"GET", "/api/v1/nodes/a", false, "get"},
		{"GET", "/api/v1/nodes/a", true, "get"},
		{"GET", "/api/v1/watch/nodes/a", false, "watch"},
		{"POST", "/api/v1/nodes", false, "create"},
		{"PUT", "/api/v1/nodes/a", false, "update"},
		{"PATCH", "/api/v1/nodes/a", false, "patch"},
		{"DELETE", "/api/v1/nodes/a", false, "delete"},
		{"DELETE", "/api/v1/nodes", false, "deletecollection"},
		{"OPTIONS", "/api/v1/nodes", false, ""},
	} {
		tgt, ok := parseTarget(c.path)
		if !ok {
			t.Fatal(c.path)
		}
		if got := tgt.verbOf(&http.Request{Method: c.method}, c.watch); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
		}
	}
}

func TestAsksToWatch(t *testing.T) {
	for query, want := range map[string]bool{"": false, "watch": true, "watch=": true, "watch=1": true, "watch=true": true, "watch=x": true, "watch=0": false, "watch=false": false} {
		q := map[string][]string{}
		if k, v, ok := strings.Cut(query, "="); ok || k != "" {
			q[k] = []string{v}
		}
		if got := asksToWatch(q); got != want {
			t.Errorf("?%s: %v", query, got)
		}
	}
}

// FuzzPath sends any path with any method: the handler answers, and never with
// a 500.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"/api/v1/namespaces/ns/pods/p/log", "/apis/apps/v1/namespaces/ns/deployments/d/scale", "/api/v1/watch/pods",
		"/api//v1", "/apis/%2e%2e/v1", "/api/v1/namespaces/%00/pods", "/livez/x", "/openapi/v3/apis/apps/v1?hash=0", "/api/v1/nodes/a/proxy/%2f/..;",
		"/api/v1/pods?limit=-1&continue=%ff", "/apis/apps/", "/apis//", "/api/v1/namespaces/ns/configmaps/..%2f..%2f", "/version/"} {
		f.Add(s, uint8(0))
		f.Add(s, uint8(3))
	}
	w := newWorld(f)
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "X"}
	f.Fuzz(func(t *testing.T, path string, method uint8) {
		if strings.Contains(path, "watch") {
			return // it would wait for events
		}
		w.t = t
		a := w.do(request{method: methods[int(method)%len(methods)], path: "/" + path})
		if a.Code >= 500 {
			t.Fatalf("HTTP %d: %.500s", a.Code, a.Body.String())
		}
	})
}
