package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	discoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"

func TestLegacyDiscovery(t *testing.T) {
	w := newWorld(t)
	versions := &metav1.APIVersions{}
	w.get("/api").want(200).into(versions)
	if !slices.Equal(versions.Versions, []string{"v1"}) || versions.ServerAddressByClientCIDRs[0].ServerAddress != "10.0.0.9:6443" {
		t.Errorf("%+v", versions)
	}
	groups := &metav1.APIGroupList{}
	w.get("/apis").want(200).into(groups)
	if len(groups.Groups) < 10 {
		t.Fatalf("%+v", groups)
	}
	for _, g := range groups.Groups {
		one := &metav1.APIGroup{}
		w.get("/apis/" + g.Name).want(200).into(one)
		if one.Kind != "APIGroup" || one.Name != g.Name || one.PreferredVersion != g.PreferredVersion {
			t.Errorf("%+v", one)
		}
		for _, v := range g.Versions {
			l := &metav1.APIResourceList{}
			w.get("/apis/" + v.GroupVersion).want(200).into(l)
			if l.GroupVersion != v.GroupVersion || len(l.APIResources) == 0 {
				t.Errorf("%+v", l)
			}
			for _, r := range l.APIResources {
				if r.Kind == "" || len(r.Verbs) == 0 || strings.Contains(r.Name, "/") != (r.SingularName == "") {
					t.Errorf("%s: %+v", v.GroupVersion, r)
				}
			}
		}
	}
	for path, code := range map[string]int{"/apis/none": 404, "/apis/none/v1": 404, "/apis/apps/v9": 404, "/api/v2": 404, "/apis/apps/": 200, "/apis/": 200, "/api/": 200} {
		if a := w.get(path); a.Code != code {
			t.Errorf("%s: HTTP %d", path, a.Code)
		}
	}
	core := &metav1.APIResourceList{}
	w.get("/api/v1").into(core)
	i := slices.IndexFunc(core.APIResources, func(r metav1.APIResource) bool { return r.Name == "pods" })
	if p := core.APIResources[i]; p.Kind != "Pod" || !slices.Equal(p.ShortNames, []string{"po"}) || p.StorageVersionHash != "xPOwRZ+Yhw8=" || !slices.Contains(p.Verbs, "watch") {
		t.Errorf("%+v", p)
	}
}

func TestAggregatedDiscovery(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/api", "/apis"} {
		a := w.do(request{path: path, accept: aggregatedType}).want(200)
		if ct := a.Header().Get("Content-Type"); ct != "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" {
			t.Errorf("Content-Type %q", ct)
		}
		if a.Header().Get("Vary") == "" || !strings.HasPrefix(a.Header().Get("ETag"), `"`) {
			t.Errorf("%v", a.Header())
		}
		l := &discoveryv2.APIGroupDiscoveryList{}
		a.into(l)
		if l.Kind != "APIGroupDiscoveryList" || l.APIVersion != "apidiscovery.k8s.io/v2" || len(l.Items) == 0 {
			t.Errorf("%+v", l.TypeMeta)
		}
		for _, g := range l.Items {
			for _, v := range g.Versions {
				for _, r := range v.Resources {
					if r.ResponseKind == nil || r.ResponseKind.Kind == "" || len(r.Verbs) == 0 || r.Scope == "" {
						t.Errorf("%s/%s: %+v", g.Name, v.Version, r)
					}
				}
			}
		}
		again := w.do(request{path: path, accept: aggregatedType, header: http.Header{"If-None-Match": {a.Header().Get("ETag")}}})
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("HTTP %d", again.Code)
		}
		other := w.do(request{path: path, accept: aggregatedType, header: http.Header{"If-None-Match": {`"other"`}}})
		if other.Code != 200 {
			t.Errorf("HTTP %d", other.Code)
		}
	}
}

// TestDiscoveryIsTruthful: a verb that discovery lists is served, one that it
// does not is 405.
func TestDiscoveryIsTruthful(t *testing.T) {
	w := newWorld(t)
	l := &discoveryv2.APIGroupDiscoveryList{}
	w.do(request{path: "/apis", accept: aggregatedType}).into(l)
	core := &discoveryv2.APIGroupDiscoveryList{}
	w.do(request{path: "/api", accept: aggregatedType}).into(core)
	methods := map[string]string{"create": "POST", "deletecollection": "DELETE", "list": "GET"}
	seen := 0
	for _, g := range append(l.Items, core.Items...) {
		for _, v := range g.Versions {
			for _, r := range v.Resources {
				base := "/apis/" + g.Name + "/" + v.Version
				if g.Name == "" {
					base = "/api/" + v.Version
				}
				if r.Scope == discoveryv2.ScopeNamespace {
					base += "/namespaces/ns"
				}
				for verb, method := range methods {
					q := request{method: method, path: base + "/" + r.Resource, body: "{"}
					if method != "POST" {
						q.body = ""
					}
					a := w.do(q)
					listed := slices.Contains(r.Verbs, verb)
					if listed == (a.Code == 405) || a.Code == 404 {
						t.Errorf("%s %s: HTTP %d, discovery lists %v", method, q.path, a.Code, r.Verbs)
					}
					seen++
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d looked at", seen)
	}
}

func TestPathsOutsideTheAPI(t *testing.T) {
	w := newWorld(t)
	for path, code := range map[string]int{"/": 200, "/version": 200, "/version/": 200, "/none": 404, "/metrics": 404, "/debug/pprof/": 404, "/livez": 404} {
		if a := w.do(request{path: path, user: "anonymous"}); a.Code != code {
			t.Errorf("%s: HTTP %d", path, a.Code)
		}
	}
	v := map[string]string{}
	w.get("/version").into(&v)
	if v["gitVersion"] != "v1.36.0-test" || v["major"] != "1" {
		t.Errorf("%v", v)
	}
	index := map[string][]string{}
	w.get("/").into(&index)
	for _, p := range index["paths"] {
		if a := w.get(p); a.Code != 200 && !slices.Contains([]string{"/healthz", "/livez", "/readyz", "/metrics"}, p) {
			t.Errorf("the index lists %s: HTTP %d", p, a.Code)
		}
	}
	w.do(request{method: "POST", path: "/version", body: "{}"}).wantStatus(405, metav1.StatusReasonMethodNotAllowed)
	w.do(request{method: "HEAD", path: "/api/v1/pods"}).want(405)
}

func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	var index struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	w.get("/openapi/v3").want(200).into(&index)
	if len(index.Paths) < 10 {
		t.Fatalf("%+v", index)
	}
	for path, e := range index.Paths {
		a := w.get(e.ServerRelativeURL).want(200)
		if !json.Valid(a.Body.Bytes()) || !strings.Contains(a.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %v", path, a.Header())
		}
		w.get("/openapi/v3/" + path + "?hash=0").want(http.StatusMovedPermanently)
		break
	}
	w.get("/openapi/v3/apis/none/v1").want(404)
	w.get("/openapi/v4").want(404)
	if a := w.get("/openapi/v2").want(200); !json.Valid(a.Body.Bytes()) {
		t.Error("version 2 is not JSON")
	}
}
